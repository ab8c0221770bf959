//! A share as its clinic reads it: for each recipient how far it came, what proves it, what was answered and what is next.

use chrono::{DateTime, Utc};
use liaison_domain::{Disposition, EvidenceLevel, Outcome, RecipientId};
use liaison_service::reading::{
    AcknowledgmentView, DeliveryView, QuestionView, RecipientView, ReplyView, ShareView, TimelineEvent, TimelineKind,
};

use super::{
    board::ladder,
    names::{Names, Wanted},
    words,
};
use crate::{format, shell::Shell};

/// One recipient's card.
pub(super) struct Card {
    pub(super) id: RecipientId,
    pub(super) to: String,
    pub(super) role: &'static str,
    /// Whether they must answer.
    pub(super) required: bool,
    pub(super) state: String,
    pub(super) tone: &'static str,
    pub(super) ladder: [bool; 6],
    pub(super) due: Option<DateTime<Utc>>,
    pub(super) next: String,
    pub(super) reply_due: bool,
    /// What they answered.
    pub(super) answer: Option<Answer>,
    pub(super) declined: String,
    pub(super) mis_send: bool,
    pub(super) passed_on: bool,
    pub(super) events: Vec<Event>,
    pub(super) evidence: Vec<Fact>,
    pub(super) messages: Vec<Sent>,
    pub(super) calls: Vec<CallLine>,
    pub(super) thread: Vec<Post>,
    /// Whether anybody could read a reply.
    pub(super) may_reply: bool,
}

/// An acknowledgment.
pub(super) struct Answer {
    pub(super) by: String,
    pub(super) at: DateTime<Utc>,
    pub(super) telephone: bool,
    pub(super) dispositions: Vec<&'static str>,
    pub(super) comment: String,
    /// What goes with the dispositions, one line each.
    pub(super) details: Vec<String>,
}

/// One thing that happened.
pub(super) struct Event {
    pub(super) at: DateTime<Utc>,
    pub(super) what: String,
    pub(super) who: String,
}

/// Something proven, with its raw artefact.
pub(super) struct Fact {
    pub(super) at: DateTime<Utc>,
    pub(super) what: &'static str,
    pub(super) source: &'static str,
    pub(super) late: bool,
    pub(super) artefact: String,
}

/// A message that left or is to leave.
pub(super) struct Sent {
    pub(super) what: &'static str,
    pub(super) channel: &'static str,
    pub(super) address: String,
    pub(super) state: String,
    pub(super) next: Option<DateTime<Utc>>,
    pub(super) tries: Vec<Try>,
}

/// One try of a message.
pub(super) struct Try {
    pub(super) at: DateTime<Utc>,
    pub(super) what: String,
    pub(super) artefact: String,
}

/// A telephone call.
pub(super) struct CallLine {
    pub(super) href: String,
    pub(super) what: &'static str,
    pub(super) who: String,
    pub(super) state: String,
}

/// A message of the thread.
pub(super) struct Post {
    pub(super) by: String,
    pub(super) at: DateTime<Utc>,
    pub(super) ours: bool,
    pub(super) body: String,
}

/// A question with its answer.
pub(super) struct Question {
    pub(super) to: &'static str,
    pub(super) text: String,
    pub(super) by: Option<DateTime<Utc>>,
    pub(super) answer: String,
    pub(super) answered: String,
}

/// Notes whose names the page needs.
pub(super) fn wants(view: &ShareView, wanted: &mut Wanted) {
    wanted.person(view.share.shared_by);
    wanted.person(view.share.recalled_by);
    for question in &view.questions {
        wanted.person(question.row.answered_by);
    }
    for part in &view.recipients {
        wanted.recipient(&part.recipient);
        for event in &part.timeline {
            wanted.person(event.who);
        }
        for call in &part.call_tasks {
            wanted.person(call.task.owner_id);
            wanted.person(call.task.completed_by);
        }
        for reply in &part.replies {
            wanted.person(reply.row.author_id);
            wanted.organization(reply.row.organization_id);
        }
        if let Some(acknowledgment) = &part.acknowledgment {
            wanted.person(acknowledgment.row.user_id);
            wanted.person(acknowledgment.row.recorded_by);
        }
        if let Some(decline) = &part.decline {
            wanted.person(decline.row.user_id);
        }
    }
}

/// The questions in their order.
pub(super) fn questions(view: &ShareView, names: &Names, shell: &Shell) -> Vec<Question> {
    let one = |question: &QuestionView| Question {
        to: question.row.care_role.map_or("Everybody", words::care_role),
        text: question
            .text
            .as_ref()
            .map_or_else(String::new, |text| text.reveal().clone()),
        by: question.row.respond_by,
        answer: question
            .answer
            .as_ref()
            .map_or_else(String::new, |text| text.reveal().clone()),
        answered: question.row.answered_at.map_or_else(String::new, |at| {
            let who = guest_or(
                question.guest.as_ref().map(|guest| guest.name.as_str()),
                names.some(question.row.answered_by),
            );
            format!("{who}, {}", shell.zone.time(at))
        }),
    };
    view.questions.iter().map(one).collect()
}

fn guest_or(guest: Option<&str>, person: String) -> String {
    guest.map_or(person, |name| format!("{name} (by the secure link)"))
}

/// One card for each recipient.
pub(super) fn cards(view: &ShareView, names: &Names, shell: &Shell) -> Vec<Card> {
    view.recipients.iter().map(|part| card(part, names, shell)).collect()
}

fn card(part: &RecipientView, names: &Names, shell: &Shell) -> Card {
    let row = &part.recipient;
    let reached = |level: EvidenceLevel, word: &str| {
        let fact = part.evidence.iter().rfind(|fact| fact.level == level);
        let event = part.timeline.iter().rfind(|event| {
            event.kind == TimelineKind::Evidence && event.codes.first().is_some_and(|code| code == level.as_str())
        });
        let who = event.map_or_else(String::new, |event| who(event, names));
        let by = if who.is_empty() {
            String::new()
        } else {
            format!(" by {who}")
        };
        let at = fact.map_or_else(String::new, |fact| format!(", {}", shell.zone.time(fact.occurred_at)));
        format!("{word}{by}{at}")
    };
    let state = match (row.outcome, row.level) {
        (Some(outcome), level) if level >= EvidenceLevel::Opened => {
            format!(
                "{}. Before: {}",
                words::outcome(outcome),
                reached(EvidenceLevel::Opened, "Opened")
            )
        }
        (Some(outcome), _) => words::outcome(outcome).to_owned(),
        (None, EvidenceLevel::Acknowledged) => reached(EvidenceLevel::Acknowledged, "Acknowledged"),
        (None, EvidenceLevel::Opened) => reached(EvidenceLevel::Opened, "Opened"),
        (None, level) => words::level(level).to_owned(),
    };
    let call = part
        .call_tasks
        .iter()
        .find(|call| call.task.status == liaison_domain::CallTaskStatus::Open);
    let next = match (call, part.next_step) {
        (Some(call), _) => format!(
            "{} calls them by {}",
            names.person(call.task.owner_id),
            shell.zone.time(call.task.due_at)
        ),
        (None, _) if row.reply_due => format!("{} answers them", names.person(row.shared_by)),
        (None, Some(step)) => format!("{}, {}", words::step(step.kind), shell.zone.time(step.due)),
        (None, None) if row.is_open => "Wait for them".to_owned(),
        (None, None) => "Nothing to do".to_owned(),
    };
    Card {
        id: row.id,
        to: names.recipient(row),
        role: words::care_role(row.care_role),
        required: row.duty.is_required(),
        state,
        tone: words::tone(row),
        ladder: ladder(row.level),
        due: row.due_at.filter(|_| row.is_open),
        next,
        reply_due: row.reply_due,
        answer: part.acknowledgment.as_ref().map(|found| answer(found, names, shell)),
        declined: part.decline.as_ref().map_or_else(String::new, |decline| {
            let who = guest_or(
                decline.guest.as_ref().map(|guest| guest.name.as_str()),
                names.some(decline.row.user_id),
            );
            let comment = decline
                .comment
                .as_ref()
                .map_or_else(String::new, |text| format!(" “{}”", text.reveal()));
            format!(
                "{who} declined, {}: {}.{comment}",
                shell.zone.time(decline.row.declined_at),
                words::decline(decline.row.reason.as_str())
            )
        }),
        mis_send: part.mis_send.is_some(),
        passed_on: row.redirected_to.is_some(),
        events: part.timeline.iter().map(|found| event(found, names)).collect(),
        evidence: part
            .evidence
            .iter()
            .map(|fact| Fact {
                at: fact.occurred_at,
                what: words::level(fact.level),
                source: words::source(&fact.source),
                late: fact.late,
                artefact: fact.artefact.clone(),
            })
            .collect(),
        messages: part.deliveries.iter().map(sent).collect(),
        calls: part
            .call_tasks
            .iter()
            .map(|call| CallLine {
                href: format!("/calls/{}", call.task.id),
                what: words::call_reason(call.task.reason),
                who: names.person(call.task.owner_id),
                state: match (call.task.completed_at, call.task.read_back) {
                    (Some(at), Some(true)) => format!("made {}, read back", shell.zone.time(at)),
                    (Some(at), _) => format!("made {}, not read back", shell.zone.time(at)),
                    (None, _) if call.task.status == liaison_domain::CallTaskStatus::Cancelled => {
                        "no longer needed".to_owned()
                    }
                    (None, _) => format!("open, due {}", shell.zone.time(call.task.due_at)),
                },
            })
            .collect(),
        thread: part.replies.iter().map(|reply| post(reply, names)).collect(),
        may_reply: row.outcome != Some(Outcome::Recalled) && !row.sealed_from_recipient,
    }
}

fn who(event: &TimelineEvent, names: &Names) -> String {
    guest_or(
        event.guest.as_ref().map(|guest| guest.name.as_str()),
        names.some(event.who),
    )
}

fn post(reply: &ReplyView, names: &Names) -> Post {
    Post {
        by: guest_or(
            reply.guest.as_ref().map(|guest| guest.name.as_str()),
            names.some(reply.row.author_id),
        ),
        at: reply.row.written_at,
        ours: reply.row.from_clinic,
        body: reply
            .body
            .as_ref()
            .map_or_else(String::new, |text| text.reveal().clone()),
    }
}

fn answer(found: &AcknowledgmentView, names: &Names, shell: &Shell) -> Answer {
    let row = &found.row;
    let detail = found
        .detail
        .as_ref()
        .map(|detail| detail.reveal().clone())
        .unwrap_or_default();
    let mut details = Vec::new();
    if let Some(number) = &detail.call_number {
        let mut line = format!("Call {number}");
        if let Some(from) = detail.call_from {
            line.push_str(&format!(", from {}", shell.zone.time(from)));
        }
        if let Some(until) = detail.call_until {
            line.push_str(&format!(", until {}", shell.zone.time(until)));
        }
        details.push(line);
    }
    if let Some(day) = detail.contact_by {
        details.push(format!("They contact the patient by {}", format::date(day)));
    }
    if let Some(change) = &detail.opioid_change {
        let dose = |text: &Option<String>| text.clone().unwrap_or_else(|| "not said".to_owned());
        let when = change
            .date
            .map_or_else(String::new, |day| format!(", {}", format::date(day)));
        details.push(format!(
            "{}: from {} to {}{when}",
            change.drug,
            dose(&change.from),
            dose(&change.to)
        ));
    }
    let spoken_with = match (row.user_id, &found.guest) {
        (None, None) if row.by_telephone => "by telephone".to_owned(),
        (user, guest) => guest_or(guest.as_ref().map(|guest| guest.name.as_str()), names.some(user)),
    };
    Answer {
        by: if row.by_telephone {
            format!("{spoken_with}, recorded by {}", names.some(row.recorded_by))
        } else {
            spoken_with
        },
        at: row.acknowledged_at,
        telephone: row.by_telephone,
        dispositions: row
            .dispositions
            .0
            .iter()
            .map(|code: &Disposition| words::disposition(*code))
            .collect(),
        comment: detail.comment.unwrap_or_default(),
        details,
    }
}

fn sent(view: &DeliveryView) -> Sent {
    let delivery = &view.delivery;
    let state = match delivery.dead_reason {
        Some(reason) => format!(
            "{}: {}",
            words::delivery_state(delivery.state),
            words::dead(reason.as_str())
        ),
        None => words::delivery_state(delivery.state).to_owned(),
    };
    Sent {
        what: words::purpose(delivery.purpose),
        channel: words::channel(delivery.channel),
        address: delivery.address.clone(),
        state,
        next: delivery.next_attempt_at.filter(|_| delivery.dead_reason.is_none()),
        tries: view
            .attempts
            .iter()
            .map(|attempt| Try {
                at: attempt.started_at,
                what: match attempt.status_code {
                    Some(code) => format!("{} ({code})", words::attempt(attempt.outcome.as_str())),
                    None => words::attempt(attempt.outcome.as_str()).to_owned(),
                },
                artefact: attempt.artefact.clone().unwrap_or_default(),
            })
            .collect(),
    }
}

/// A code as a term, where it is one.
fn term<T: std::str::FromStr>(found: &TimelineEvent, at: usize) -> Option<T> {
    found.codes.get(at)?.parse().ok()
}

/// One event in words: its codes are the service's, see `TimelineKind`.
fn event(found: &TimelineEvent, names: &Names) -> Event {
    let code = |at: usize| found.codes.get(at).map_or("", String::as_str);
    let what = match found.kind {
        TimelineKind::Shared => match code(0) {
            "EMERGENT" => "Shared, emergent".to_owned(),
            "URGENT" => "Shared, urgent".to_owned(),
            _ => "Shared".to_owned(),
        },
        TimelineKind::DeliveryPlanned => format!(
            "{} planned, by {}",
            term(found, 0).map_or("Message", words::purpose),
            term(found, 1).map_or("a channel", words::channel)
        ),
        TimelineKind::Attempt => format!(
            "Message by {}: {}",
            term(found, 0).map_or("a channel", words::channel),
            words::attempt(code(1))
        ),
        TimelineKind::DeliveryDead => format!(
            "Message by {} given up: {}",
            term(found, 0).map_or("a channel", words::channel),
            words::dead(code(1))
        ),
        TimelineKind::Evidence => {
            let late = if found.codes.iter().any(|code| code == "LATE") {
                " (came late)"
            } else {
                ""
            };
            format!("{}{late}", term(found, 0).map_or("Proven", words::level))
        }
        TimelineKind::Step => {
            let cause = words::step_cause(code(1));
            let cause = if cause.is_empty() {
                String::new()
            } else {
                format!(" ({cause})")
            };
            format!("{}{cause}", words::step_taken(code(0)))
        }
        TimelineKind::CallGiven => format!(
            "Call owed: {}",
            term(found, 0).map_or("", words::call_reason).to_lowercase()
        ),
        TimelineKind::CallDone => {
            if code(1) == "READ_BACK" {
                "Called; it was read back".to_owned()
            } else {
                "Called; it was not read back".to_owned()
            }
        }
        TimelineKind::Acknowledged => {
            let said: Vec<&str> = found
                .codes
                .iter()
                .filter_map(|code| code.parse().ok().map(words::disposition))
                .collect();
            let how = if found.codes.iter().any(|code| code == "BY_TELEPHONE") {
                " by telephone"
            } else {
                ""
            };
            format!("Acknowledged{how}: {}", said.join(", "))
        }
        TimelineKind::Declined => format!("Declined: {}", words::decline(code(0))),
        TimelineKind::MisSendOpened => "Wrong-recipient case opened".to_owned(),
        TimelineKind::MisSendClosed => "Wrong-recipient case closed".to_owned(),
        TimelineKind::Reply => {
            if code(0) == "FROM_CLINIC" {
                "We replied".to_owned()
            } else {
                "They replied".to_owned()
            }
        }
        TimelineKind::RedirectAccepted => "The colleague took it on".to_owned(),
        TimelineKind::Ended => term(found, 0).map_or("Ended", words::outcome).to_owned(),
    };
    Event {
        at: found.at,
        what,
        who: who(found, names),
    }
}
