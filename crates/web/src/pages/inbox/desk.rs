//! Reading and answering one letter, for whoever may: a signed-in person at `/inbox/…`, or somebody who came by a secure
//! link, at an address of theirs. The caller frames what comes back and decides where a done act leads.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use liaison_domain::{Actor, Decline, EvidenceLevel, Outcome, QuestionStatus, RecipientId, UserId};
use liaison_service::{
    FieldProblem, ServiceError,
    link::GuestName,
    loops::{decline::DeclineShare, reply::WriteReply},
    notes::ReleasedNote,
    reading::{AcknowledgmentView, Letter, RecipientRow},
};

use super::{
    answer,
    reading::{Again, Answered, Banner, Content, Given, Message, Reading},
    words,
};
use crate::{
    Result, Web, WebError,
    form::{Fields, Problems},
    format::{self, Zone},
    pages::shown::{Changes, FirstScreen, Narrative, Phone, Request, addressee},
    plot,
};

/// Where somebody reads and answers.
pub(crate) struct Desk<'a> {
    pub(crate) web: &'a Web,
    pub(crate) actor: &'a Actor,
    /// The reader's zone.
    pub(crate) zone: Zone,
    /// The token that the forms must bring.
    pub(crate) csrf: &'a str,
    /// Under which address the forms stand: `open`, `acknowledge`, `decline`, `redirect`, `reply`, `receipt` and
    /// `print` follow it, and for people with an account `accept`.
    pub(crate) base: String,
}

/// What became of a form.
pub(crate) enum Sent {
    /// It is done, or was by the same form before.
    Done,
    /// It comes back with what was typed: the status, and the page without its frame.
    Again(StatusCode, Box<Reading>),
}

impl Desk<'_> {
    /// The letter as it stands: the envelope until this reader opened it, then all of it. Every reading is in the
    /// ledger. Never opens.
    pub(crate) async fn reading(&self, id: RecipientId, again: Again) -> Result<Reading> {
        let service = self.web.service();
        let letter = service.letter(self.actor, id).await?;
        let may = letter.of.recipient.state().may_open().is_ok();
        if !may || !letter.opened_by_reader {
            return Ok(self.lay_out(&letter, None, None, again));
        }
        let opened = service.open_share(self.actor, id).await?;
        let trend = service.loop_trend(self.actor, id).await?;
        let trend = plot::trend(&trend);
        let trend = (!trend.rows.is_empty()).then_some(trend);
        Ok(self.lay_out(&letter, Some(&opened.note), trend, again))
    }

    /// Opens it: the form behind the button, never a GET.
    pub(crate) async fn open(&self, id: RecipientId) -> Result<()> {
        self.web.service().open_share(self.actor, id).await?;
        Ok(())
    }

    /// Sends the answer box.
    pub(crate) async fn acknowledge(&self, id: RecipientId, fields: &Fields) -> Result<Sent> {
        let sent = match answer::read(id, fields, self.zone) {
            Ok(input) => self.web.service().acknowledge(self.actor, input).await.map(drop),
            Err(problems) => Err(ServiceError::Invalid(problems)),
        };
        self.sent(id, "acknowledge", fields, sent).await
    }

    /// Sends "not for me": after a wrong recipient's decline nothing of it is left to see.
    pub(crate) async fn decline(&self, id: RecipientId, fields: &Fields) -> Result<Sent> {
        let sent = match fields.parse::<Decline>("reason") {
            Ok(reason) => {
                let input = DeclineShare {
                    recipient_id: id,
                    reason,
                    comment: fields.some("comment"),
                    idempotency_key: fields.some("key"),
                };
                self.web.service().decline_share(self.actor, input).await.map(drop)
            }
            Err(_) => Err(ServiceError::invalid("reason", "REQUIRED", "choose one of the two")),
        };
        self.sent(id, "decline", fields, sent).await
    }

    /// Writes in the thread.
    pub(crate) async fn reply(&self, id: RecipientId, fields: &Fields) -> Result<Sent> {
        let input = WriteReply {
            recipient_id: id,
            body: fields.text("body").to_owned(),
            closes_reply_due: false,
            idempotency_key: fields.some("key"),
        };
        let sent = self.web.service().reply(self.actor, input).await.map(drop);
        self.sent(id, "reply", fields, sent).await
    }

    /// The receipt of the acknowledgment, to keep. While the ledger has not signed it yet: a page that says so.
    pub(crate) async fn receipt(&self, id: RecipientId) -> Result<Response> {
        let receipt = self.web.service().acknowledgment_receipt(self.actor, id).await?;
        let name = format!("attachment; filename=\"liaison-receipt-{}.json\"", receipt.index);
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (
                header::CONTENT_DISPOSITION,
                HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment")),
            ),
        ];
        Ok((headers, receipt.json).into_response())
    }

    async fn sent(
        &self,
        id: RecipientId,
        form: &'static str,
        fields: &Fields,
        sent: Result<(), ServiceError>,
    ) -> Result<Sent> {
        let again = |problems: Vec<FieldProblem>, conflict| Again {
            typed: fields.clone(),
            problems: Problems::new(problems),
            form,
            conflict,
        };
        let (status, again) = match sent {
            Ok(()) => return Ok(Sent::Done),
            Err(ServiceError::Invalid(problems)) => (StatusCode::UNPROCESSABLE_ENTITY, again(problems, None)),
            Err(
                error @ (ServiceError::Illegal(_) | ServiceError::Conflict { .. } | ServiceError::IdempotencyKeyReused),
            ) => {
                let words = crate::error::capital(&error.to_string());
                (StatusCode::CONFLICT, again(Vec::new(), Some(words)))
            }
            Err(other) => return Err(WebError::from(other)),
        };
        let reading = self.reading(id, again).await?;
        Ok(Sent::Again(status, Box::new(reading)))
    }

    fn lay_out(
        &self,
        letter: &Letter,
        note: Option<&ReleasedNote>,
        trend: Option<plot::TrendView>,
        again: Again,
    ) -> Reading {
        let row = &letter.of.recipient;
        let now = self.web.service().now();
        let may = row.state().may_open().is_ok();
        let acknowledged = row.level == EvidenceLevel::Acknowledged;
        let guest = self.actor.guest.is_some();
        let mine = again.form == "acknowledge";
        let answer = (note.is_some() && !acknowledged).then(|| {
            let (typed, problems) = if mine {
                (again.typed.clone(), again.problems.clone())
            } else {
                (Fields::default(), Problems::default())
            };
            answer::form(letter, typed, problems, self.zone)
        });
        // An answer that came too late is not lost: it can go into the thread.
        let reply = match again.form {
            "reply" => again.typed.text("body").to_owned(),
            "acknowledge" if answer.is_none() => again.typed.text("comment").to_owned(),
            _ => String::new(),
        };
        let (heading, identity) = heading(letter);
        Reading {
            csrf: self.csrf.to_owned(),
            base: self.base.clone(),
            key: self.web.fresh_key(),
            print: false,
            heading,
            identity,
            urgency: words::urgency(row.urgency),
            kind: kind(letter),
            facts: self.facts(letter),
            due: self.due(row),
            overdue: row.is_open && row.due_at.is_some_and(|due| due < now),
            banners: self.banners(letter, note, &again),
            closed: may && !letter.opened_by_reader,
            content: note.map(|note| self.content(letter, note)),
            trend,
            answer,
            given: letter.of.acknowledgment.as_ref().map(|given| self.given(letter, given)),
            may_decline: may && !acknowledged,
            may_redirect: may && !acknowledged,
            may_accept: may && !acknowledged && letter.passed_from.is_some() && letter.taken_on_at.is_none() && !guest,
            thread: self.thread(letter),
            may_reply: note.is_some(),
            reply,
            again,
            zone: self.zone.name(),
        }
    }

    fn person(&self, letter: &Letter, user: Option<UserId>, guest: Option<&GuestName>) -> String {
        if let Some(guest) = guest {
            return guest.to_string();
        }
        match user {
            Some(user) if self.actor.user_id == Some(user) => "you".to_owned(),
            Some(user) => letter
                .names
                .get(&user)
                .cloned()
                .unwrap_or_else(|| "a colleague".to_owned()),
            None => "somebody by secure link".to_owned(),
        }
    }

    fn facts(&self, letter: &Letter) -> Vec<(&'static str, String)> {
        let row = &letter.of.recipient;
        let sender = self.person(letter, Some(row.shared_by), None);
        let role = words::care_role(row.care_role);
        let mut facts = vec![
            ("From", letter.clinic.name.clone()),
            ("Sent", format!("{} by {sender}", self.zone.time(row.shared_at))),
            ("To", format!("{} ({role})", letter.to)),
        ];
        let opened: Vec<String> = letter
            .of
            .evidence
            .iter()
            .filter(|fact| fact.level == EvidenceLevel::Opened)
            .map(|fact| {
                let guest = letter
                    .of
                    .timeline
                    .iter()
                    .find(|event| event.object_id == fact.id.to_string());
                let guest = guest.and_then(|event| event.guest.as_ref());
                let who = self.person(letter, fact.user_id, guest);
                format!("{who}, {}", self.zone.time(fact.occurred_at))
            })
            .collect();
        let opened = if opened.is_empty() {
            "by nobody yet".to_owned()
        } else {
            format!("by {}", opened.join("; by "))
        };
        facts.push(("Opened", opened));
        facts
    }

    fn due(&self, row: &RecipientRow) -> String {
        if row.level == EvidenceLevel::Acknowledged {
            return "Acknowledged".to_owned();
        }
        match (row.is_open, row.due_at) {
            (true, Some(due)) => {
                let left = format::due(due, self.web.service().now());
                format!("Please acknowledge by {}: {left}", self.zone.time(due))
            }
            (true, None) => "Please acknowledge".to_owned(),
            (false, _) if row.outcome.is_none() => "A copy for your information: no answer is asked".to_owned(),
            (false, _) => String::new(),
        }
    }

    fn content(&self, letter: &Letter, note: &ReleasedNote) -> Content {
        let message = letter
            .message
            .as_ref()
            .and_then(|detail| detail.reveal().message.clone())
            .unwrap_or_default();
        let change = note.change.as_ref().filter(|_| letter.opened_earlier);
        Content {
            first: FirstScreen::of_recipient(
                note.bottom_line.reveal(),
                letter.kind,
                self.requests(letter, note),
                message,
                Phone::of(&letter.clinic),
            ),
            narrative: Narrative::new(note.sections.reveal()),
            signed: format!(
                "Signed by {}, {}; version {}.",
                self.person(letter, Some(note.signed_by), None),
                self.zone.time(note.signed_at),
                note.version.version
            ),
            sha256: note.sha256.clone(),
            changed: change.map(|change| {
                let change = change.reveal();
                (change.reason.clone(), Changes::of(letter.kind, change))
            }),
        }
    }

    fn requests(&self, letter: &Letter, note: &ReleasedNote) -> Vec<Request> {
        let questions = letter
            .questions
            .iter()
            .filter(|question| question.row.status == QuestionStatus::Open)
            .map(|question| Request {
                text: question
                    .text
                    .as_ref()
                    .map(|text| text.reveal().clone())
                    .unwrap_or_default(),
                by: question.row.respond_by.map(|by| self.zone.time(by)).unwrap_or_default(),
                of: String::new(),
            });
        let line = note.bottom_line.reveal();
        let in_note = line
            .asked_of(addressee(letter.of.recipient.care_role))
            .map(|asked| Request {
                text: asked.text.clone(),
                by: asked.respond_by.map(format::date).unwrap_or_default(),
                of: String::new(),
            });
        let mut found: Vec<Request> = Vec::new();
        for request in questions.chain(in_note) {
            if !found.iter().any(|known| known.text == request.text) {
                found.push(request);
            }
        }
        found
    }

    fn banners(&self, letter: &Letter, note: Option<&ReleasedNote>, again: &Again) -> Vec<Banner> {
        let row = &letter.of.recipient;
        let mut banners = Vec::new();
        if let Some(conflict) = &again.conflict {
            let kept = if again.typed.text("comment").is_empty() {
                ""
            } else {
                " What you wrote is kept on this page."
            };
            banners.push(Banner::new("bad", format!("Not sent. {conflict}{kept}")));
        }
        let at = row
            .ended_at
            .map(|at| format!(", {}", self.zone.time(at)))
            .unwrap_or_default();
        let had = if letter.opened_by_reader {
            " You had opened it."
        } else {
            ""
        };
        match row.outcome {
            Some(Outcome::Recalled) if letter.withdrawn_at.is_some() => banners.push(Banner::new(
                "bad",
                format!("The clinic withdrew this note as entered in error{at}. Do not act on it.{had}"),
            )),
            Some(Outcome::Recalled) => banners.push(Banner::new(
                "bad",
                format!("The clinic took this back{at}. It can no longer be opened.{had}"),
            )),
            Some(Outcome::Superseded) => {
                let mut banner = Banner::new("bad", format!("A newer version replaced this one{at}.{had}"));
                if let Some(newer) = letter.newer.filter(|_| self.actor.guest.is_none()) {
                    banner.link = (words::address(newer), "Go to the newer version");
                }
                banners.push(banner);
            }
            Some(Outcome::Declined) => {
                let decline = letter.of.decline.as_ref();
                let who = decline.map(|decline| self.person(letter, decline.row.user_id, decline.guest.as_ref()));
                let why = decline
                    .map(|decline| format!(": {}", words::decline(decline.row.reason)))
                    .unwrap_or_default();
                let who = who.unwrap_or_else(|| "a colleague".to_owned());
                banners.push(Banner::new(
                    "",
                    format!("Declined by {who}{at}{why}. The clinic is told and routes it to somebody else."),
                ));
            }
            Some(Outcome::Redirected) => {
                let to = letter.passed_to.clone().unwrap_or_else(|| "a colleague".to_owned());
                let duty = match letter.taken_on_at {
                    Some(taken) => format!("They took it on, {}: your duty has ended.", self.zone.time(taken)),
                    None => "They have not taken it on yet; your duty ends when they accept or acknowledge.".to_owned(),
                };
                banners.push(Banner::new("info", format!("Passed on to {to}{at}. {duty}")));
            }
            None | Some(Outcome::Failed) => {}
        }
        if let (Some(from), None | Some(Outcome::Failed)) = (&letter.passed_from, row.outcome) {
            banners.push(Banner::new("info", format!("{from} passed this on to you.")));
        }
        if note.is_some() && letter.version > 1 {
            let text = if letter.opened_earlier {
                "This corrects a version that you had opened. What changed stands below the answer box; an earlier \
                 acknowledgment does not count for this version."
            } else {
                "This is a corrected version of the note."
            };
            banners.push(Banner::new("", text));
        }
        banners
    }

    fn given(&self, letter: &Letter, given: &AcknowledgmentView) -> Given {
        let who = self.person(letter, given.row.user_id, given.guest.as_ref());
        let when = self.zone.time(given.row.acknowledged_at);
        let detail = given
            .detail
            .as_ref()
            .map(|detail| detail.reveal().clone())
            .unwrap_or_default();
        let by = if given.row.by_telephone {
            let spoken = detail.spoken_with.clone().unwrap_or(who);
            let recorded = self.person(letter, given.row.recorded_by, None);
            format!("{spoken} by telephone, {when}; recorded by {recorded}")
        } else {
            format!("{who}, {when}")
        };
        let mut facts = Vec::new();
        facts.extend(detail.comment.map(|comment| ("Comment", comment)));
        facts.extend(detail.call_number.map(|number| ("Number to call", number)));
        let window = [("From", detail.call_from), ("Until", detail.call_until)];
        facts.extend(
            window
                .into_iter()
                .filter_map(|(name, at)| Some((name, self.zone.time(at?)))),
        );
        facts.extend(detail.contact_by.map(|day| ("Contact by", format::date(day))));
        facts.extend(detail.opioid_change.map(|change| {
            let from = change.from.map(|from| format!(" from {from}")).unwrap_or_default();
            let to = change.to.map(|to| format!(" to {to}")).unwrap_or_default();
            let date = change
                .date
                .map(|day| format!(", {}", format::date(day)))
                .unwrap_or_default();
            ("Opioids", format!("{}{from}{to}{date}", change.drug))
        }));
        let answers = letter.questions.iter().filter_map(|question| {
            let text = |phi: &Option<liaison_domain::Phi<String>>| phi.as_ref().map(|text| text.reveal().clone());
            Some(Answered {
                question: text(&question.text)?,
                answer: text(&question.answer)?,
            })
        });
        Given {
            by,
            dispositions: given
                .row
                .dispositions
                .0
                .iter()
                .copied()
                .map(words::disposition)
                .collect(),
            facts,
            answers: answers.collect(),
            reply_due: letter.of.recipient.reply_due,
        }
    }

    fn thread(&self, letter: &Letter) -> Vec<Message> {
        letter
            .of
            .replies
            .iter()
            .filter_map(|reply| {
                Some(Message {
                    who: self.person(letter, reply.row.author_id, reply.guest.as_ref()),
                    when: self.zone.time(reply.row.written_at),
                    from_clinic: reply.row.from_clinic,
                    text: reply.body.as_ref()?.reveal().clone(),
                })
            })
            .collect()
    }
}

fn kind(letter: &Letter) -> String {
    let kind = words::kind(letter.kind);
    if letter.version > 1 {
        format!("{kind}, version {}", letter.version)
    } else {
        kind.to_owned()
    }
}

/// The heading, and the line by which two patients of one name are told apart.
fn heading(letter: &Letter) -> (String, String) {
    let Some(patient) = &letter.patient else {
        return (
            format!("{} from {}", words::kind(letter.kind), letter.clinic.name),
            String::new(),
        );
    };
    let patient = patient.reveal();
    let to = letter.of.recipient.to_organization_id;
    let own = patient.other_mrns.iter().find(|other| other.organization_id == to);
    let own = own.map(|own| format!(" · your MRN {}", own.mrn)).unwrap_or_default();
    let born = format::date(patient.birth_date);
    (
        patient.name.clone(),
        format!("Born {born} · clinic MRN {}{own}", patient.mrn),
    )
}
