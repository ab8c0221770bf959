//! The world of a history: the fleet, the people, and how an act becomes a request.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
    sync::Mutex,
};

use chrono::{DateTime, TimeDelta, Utc};
use liaison_clinical::{NoteContent, Urgency};
use liaison_domain::{
    Actor, BreakGlassId, CallTaskStatus, Decline, DeliveryState, Disposition, Duty, NoteId, NoteVersionId, PatientId,
    RecipientId, ShareId, TeamId, UserId,
};
use liaison_service::{
    directory::CreateCoverage,
    loops::{
        NewQuestion, NewRecipient, ShareNote, VerbalCommunication, acknowledge::Acknowledge,
        call_task::CompleteCallTask, decline::DeclineShare, recall::RecallShare, redirect::RedirectShare,
        reply::WriteReply, share_note::Override,
    },
    notes::WithdrawNote,
    patients::{AddRestriction, RestrictionScope},
    work::repair::RetryDelivery,
};
use liaison_store::recipients::RecipientRow;
use liaison_testkit::{Engine, Fixture, Fleet, fixture::user};

use super::{
    act::{Act, By, GuestDoes, Whom},
    request::Request,
    snapshot::{Snapshot, everybody},
};
use crate::link_support::token_in;

/// A version that was signed in this history.
#[derive(Clone)]
pub(super) struct SignedVersion {
    pub(super) note: NoteId,
    pub(super) version: NoteVersionId,
    pub(super) content: NoteContent,
}

/// A record that is open in an emergency.
#[derive(Clone, Copy)]
pub(super) struct Glass {
    pub(super) user: UserId,
    pub(super) until: DateTime<Utc>,
}

/// How often something was asked and answered.
pub(super) type Tally = BTreeMap<(&'static str, String), u64>;

/// The world.
pub(super) struct World {
    pub(super) fleet: Fleet,
    pub(super) fixture: Fixture,
    pub(super) patient: PatientId,
    pub(super) documents: Vec<NoteContent>,
    pub(super) signed: Mutex<Vec<SignedVersion>>,
    /// Shares whose author gave the reason for going against a restriction.
    pub(super) overridden: Mutex<HashSet<ShareId>>,
    /// The sessions of guests: the secret, and the one loop it reaches.
    pub(super) guests: Mutex<Vec<(String, RecipientId)>>,
    /// The cases of emergency that nobody has ended or reviewed.
    pub(super) glass: Mutex<BTreeMap<BreakGlassId, Glass>>,
    /// How often each request was answered how.
    pub(super) tally: Mutex<Tally>,
    /// The last request, and what it answered where it went well.
    pub(super) last: Option<(Request, Option<String>)>,
}

/// A stopped world that histories begin from, because building one takes long.
pub(super) struct Beginning {
    pub(super) fleet: Fleet,
    pub(super) fixture: Fixture,
    pub(super) patients: HashMap<&'static str, PatientId>,
}

/// Whose journey, and when the history begins: over a weekend at which the clocks go forward or back, over holidays, or
/// on a plain day.
const BEGINNINGS: [(&str, &str); 7] = [
    ("A", "2026-01-13T16:00:00Z"),
    ("A", "2026-03-06T20:30:00Z"),
    ("A", "2026-03-09T18:00:00Z"),
    ("C", "2026-04-06T19:30:00Z"),
    ("C", "2026-07-02T21:00:00Z"),
    ("C", "2026-10-30T19:45:00Z"),
    ("C", "2026-12-23T16:00:00Z"),
];

impl Beginning {
    /// Builds it.
    pub(super) async fn build(engine: Engine, seed: u64) -> Self {
        let fleet = Fleet::start(engine, seed).await;
        let fixture = fleet.app.fixture().await;
        let mut patients = HashMap::new();
        for letter in ["A", "C"] {
            patients.insert(letter, fleet.app.patient(&fixture, letter).await);
        }
        Self {
            fleet,
            fixture,
            patients,
        }
    }

    /// A world that begins from here.
    pub(super) async fn world(&self, seed: u64) -> World {
        let path: &Path = self.fleet.app.database.folder.path();
        let fleet = Fleet::copy(path, seed).await;
        World::over(fleet, self.fixture.clone(), &self.patients, seed)
    }
}

impl World {
    /// A world over a fleet in which everybody is there already.
    pub(super) fn over(fleet: Fleet, fixture: Fixture, patients: &HashMap<&'static str, PatientId>, seed: u64) -> Self {
        let (letter, begins) = BEGINNINGS[usize::try_from(seed % BEGINNINGS.len() as u64).unwrap()];
        fleet.app.clock.set(begins.parse().unwrap());
        let documents = liaison_testkit::notes::journey(letter)
            .documents
            .into_iter()
            .map(|document| document.content)
            .collect();
        Self {
            fleet,
            fixture,
            patient: patients[letter],
            documents,
            signed: Mutex::default(),
            overridden: Mutex::default(),
            guests: Mutex::default(),
            glass: Mutex::default(),
            tally: Mutex::default(),
            last: None,
        }
    }

    /// After a crash: what may have been done although nobody was told.
    pub(super) async fn remember_a_crash(&self, request: &Request, before: &Snapshot) {
        let Request::Share(_, input) = request else {
            return;
        };
        if input.overrides.iter().any(|given| given.code == "RESTRICTED") {
            let new = self.look().await.shares.into_iter().map(|share| share.id);
            let new = new.filter(|id| before.shares.iter().all(|old| old.id != *id));
            self.overridden.lock().unwrap().extend(new);
        }
    }

    /// The time.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.fleet.app.now()
    }

    /// What the database says now.
    pub(super) async fn look(&self) -> Snapshot {
        let mut conn = self.fleet.processes[0].store().read().await.unwrap();
        let mut seen = Snapshot::read(&mut conn, &self.fixture, self.patient).await.unwrap();
        // What is still at work could commit between two of these readings: they must agree with the next ones.
        while self.fleet.is_waiting() {
            let again = Snapshot::read(&mut conn, &self.fixture, self.patient).await.unwrap();
            if format!("{again:?}") == format!("{seen:?}") {
                break;
            }
            seen = again;
        }
        seen
    }

    /// The request that an act stands for, or none where there is nothing it could be about. `number` makes the
    /// idempotency key.
    pub(super) fn request(&self, act: &Act, seen: &Snapshot, number: usize) -> Option<Request> {
        let f = &self.fixture;
        let key = Some(format!("history-{number}"));
        let physician = |by| self.actor(seen, by, &[&f.physician]);
        let worker = |by| self.actor(seen, by, &[&f.physician, &f.coordinator]);
        let admin = |by| self.actor(seen, by, &[&f.admin, &f.admin, &f.outside_admin]);
        Some(match act {
            Act::Sign { by, document } => Request::Sign {
                actor: physician(*by)?,
                patient: self.patient,
                content: Box::new(pick(&self.documents, *document)?.clone()),
                key: number,
            },
            Act::Share {
                by,
                version,
                to,
                raised,
                overrides,
                asks,
                verbal,
            } => Request::Share(
                physician(*by)?,
                self.share(*version, to, *raised, *overrides, *asks, *verbal, key)?,
            ),
            Act::Amend { by, note } => {
                let signed = self.signed(*note)?;
                Request::Amend {
                    actor: physician(*by)?,
                    note: signed.note,
                    content: Box::new(amended(signed.content, number)),
                    key: number,
                }
            }
            Act::Withdraw { by, note } => Request::Withdraw(
                physician(*by)?,
                WithdrawNote {
                    note_id: self.signed(*note)?.note,
                    reason: "Another patient's.".to_owned(),
                    idempotency_key: key,
                },
            ),
            Act::Recall { by, share } => Request::Recall(
                physician(*by)?,
                RecallShare {
                    share_id: pick(&seen.shares, *share)?.id,
                    reason: "Wrong attachment.".to_owned(),
                    idempotency_key: key,
                },
            ),
            Act::Open { by, of } => {
                let row = a_loop(seen, *of)?;
                Request::Open(self.recipient(seen, *by, row)?, row.id)
            }
            Act::Acknowledge {
                by,
                of,
                dispositions,
                comment,
                right_version,
                opens_first,
            } => {
                let row = a_loop(seen, *of)?;
                let version = if *right_version {
                    row.note_version_id
                } else {
                    self.signed(*of)?.version
                };
                let dispositions = dispositions_of(*dispositions);
                let input = Acknowledge {
                    recipient_id: Some(row.id),
                    note_version_id: Some(version),
                    comment: comment.then(|| "As discussed.".to_owned()),
                    call_number: dispositions
                        .contains(&Disposition::RequestCall)
                        .then(|| "+1 555 010 0199".to_owned()),
                    dispositions,
                    idempotency_key: key,
                    ..Acknowledge::default()
                };
                Request::Acknowledge(self.recipient(seen, *by, row)?, input, *opens_first)
            }
            Act::Decline {
                by,
                of,
                wrong_recipient,
            } => {
                let row = a_loop(seen, *of)?;
                let reason = if *wrong_recipient {
                    Decline::WrongRecipient
                } else {
                    Decline::UnableToAct
                };
                let input = DeclineShare {
                    recipient_id: row.id,
                    reason,
                    comment: None,
                    idempotency_key: key,
                };
                Request::Decline(self.recipient(seen, *by, row)?, input)
            }
            Act::Redirect { by, of, to } => {
                let row = a_loop(seen, *of)?;
                let (to_team_id, to_user_id) = self.addressee(*to);
                let input = RedirectShare {
                    recipient_id: row.id,
                    to_team_id,
                    to_user_id,
                    to_organization_id: None,
                    reason: "They follow this patient.".to_owned(),
                    idempotency_key: key,
                };
                Request::Redirect(self.recipient(seen, *by, row)?, input)
            }
            Act::AcceptRedirect { by, of } => {
                let redirected: Vec<_> = seen.loops.iter().filter(|row| row.redirected_from.is_some()).collect();
                let row = pick(&redirected, *of).copied().or(a_loop(seen, *of))?;
                Request::AcceptRedirect(self.recipient(seen, *by, row)?, row.id)
            }
            Act::Reply { by, of, closes } => {
                let due: Vec<_> = seen.loops.iter().filter(|row| row.reply_due).collect();
                let row = pick(&due, *of).copied().or(a_loop(seen, *of))?;
                let actor = if *closes {
                    worker(*by)?
                } else {
                    self.recipient(seen, *by, row)?
                };
                let input = WriteReply {
                    recipient_id: row.id,
                    body: "We will call at four.".to_owned(),
                    closes_reply_due: *closes,
                    idempotency_key: key,
                };
                Request::Reply(actor, input)
            }
            Act::Call {
                by,
                task,
                read_back,
                dispositions,
                minutes_ago,
            } => {
                let open: Vec<_> = seen
                    .tasks
                    .iter()
                    .filter(|task| task.status == CallTaskStatus::Open)
                    .collect();
                let task = pick(&open, *task).copied().or(pick(&seen.tasks, *task))?;
                let input = CompleteCallTask {
                    call_task_id: task.id,
                    spoken_with: "The nurse on call".to_owned(),
                    spoken_with_user_id: None,
                    at: self.now() - TimeDelta::minutes(*minutes_ago),
                    read_back: *read_back,
                    dispositions: dispositions_of(*dispositions),
                    note: Some("Told and read back.".to_owned()),
                    idempotency_key: key,
                };
                Request::Call(worker(*by)?, input)
            }
            Act::Assign { by, task, owner } => {
                let owners = [&f.coordinator, &f.physician, &f.coordinator, &f.admin, &f.outsider];
                Request::Assign(worker(*by)?, pick(&seen.tasks, *task)?.id, user(pick(&owners, *owner)?))
            }
            Act::Cover {
                by,
                absent,
                covering,
                hours,
            } => {
                let absent = *pick(&everybody(f), *absent)?;
                let colleagues: Vec<_> = everybody(f)
                    .into_iter()
                    .filter(|actor| actor.organization_id == absent.organization_id)
                    .collect();
                let input = CreateCoverage {
                    absent_user_id: user(absent),
                    covering_user_id: user(pick(&colleagues, *covering)?),
                    from: self.now() - TimeDelta::hours(1),
                    until: self.now() + TimeDelta::hours(*hours),
                    idempotency_key: key,
                };
                Request::Cover(self.actor(seen, *by, &[absent])?, input)
            }
            Act::EndCover { by, which } => {
                let coverage = pick(&seen.coverages, *which)?;
                let absent = everybody(f)
                    .into_iter()
                    .find(|actor| user(actor) == coverage.absent_user_id)?;
                Request::EndCover(self.actor(seen, *by, &[absent])?, coverage.id)
            }
            Act::Restrict { by, whom } => {
                let scope = match self.addressee(*whom) {
                    (Some(team), _) => RestrictionScope::Team(team),
                    (_, Some(user)) => RestrictionScope::User(user),
                    (None, None) => match whom {
                        Whom::Organization(which) => {
                            RestrictionScope::Organization(*pick(&[f.oncology, f.palliative_service], *which)?)
                        }
                        _ => RestrictionScope::EveryoneButClinic,
                    },
                };
                let input = AddRestriction {
                    patient_id: self.patient,
                    scope,
                    detail: None,
                    agreed_by: None,
                    agreed_at: None,
                    idempotency_key: key,
                };
                Request::Restrict(physician(*by)?, input)
            }
            Act::EndRestriction { by, which } => {
                Request::EndRestriction(physician(*by)?, pick(&seen.restrictions, *which)?.id)
            }
            Act::Endpoint { by, which, disabled } => {
                let endpoints = [f.oncology_email, f.oncology_webhook, f.palliative_email];
                Request::Endpoint(admin(*by)?, *pick(&endpoints, *which)?, *disabled)
            }
            Act::Person { which, disabled } => {
                let people = [
                    &f.coordinator,
                    &f.oncologist,
                    &f.palliative_lead,
                    &f.palliative,
                    &f.coordinator,
                ];
                let people = if *which == 0 { [&f.physician; 5] } else { people };
                Request::Person(f.admin.clone(), user(pick(&people, *which)?), *disabled)
            }
            Act::Retry { by, which } => {
                let dead: Vec<_> = seen
                    .deliveries
                    .iter()
                    .filter(|row| row.state == DeliveryState::Dead)
                    .collect();
                let row = pick(&dead, *which).copied().or(pick(&seen.deliveries, *which))?;
                Request::Retry(
                    admin(*by)?,
                    RetryDelivery {
                        delivery_id: row.id,
                        idempotency_key: key,
                    },
                )
            }
            Act::Deliver { notices, .. } => Request::Deliver { notices: *notices },
            Act::Escalate { .. } => Request::Escalate,
            Act::Sequence { .. } => Request::Sequence,
            Act::Nudge { of, escalate, .. } => {
                let row = a_loop(seen, *of)?;
                if *escalate {
                    Request::EscalateOne(row.id)
                } else {
                    Request::DeliverShare(row.share_id)
                }
            }
            Act::GuestEnters { mail, right_code } => {
                let sent = self.fleet.app.email.sent();
                let tokens: Vec<String> = sent.iter().rev().filter_map(token_in).collect();
                Request::GuestEnters(pick(&tokens, *mail / 4)?.clone(), *right_code)
            }
            Act::Guest {
                guest,
                does,
                dispositions,
            } => self.guest(seen, *guest, *does, *dispositions, key)?,
            Act::RevokeLink { by, of } => Request::RevokeLink(worker(*by)?, a_loop(seen, *of)?.id),
            Act::BreakGlass { by } => Request::BreakGlass(self.actor(seen, *by, &[&f.admin])?),
            Act::Read { by, version } => {
                Request::Read(self.actor(seen, *by, &[&f.admin])?, self.signed(*version)?.version)
            }
            Act::EndBreakGlass { which } => Request::EndBreakGlass(f.admin.clone(), self.case(*which)?),
            Act::ReviewBreakGlass { by, which } => {
                Request::ReviewBreakGlass(self.actor(seen, *by, &[&f.auditor])?, self.case(*which)?)
            }
            Act::Answer { .. }
            | Act::Time { .. }
            | Act::Restart { .. }
            | Act::Die { .. }
            | Act::DeliverLate { .. }
            | Act::Arrive
            | Act::Again
            | Act::Together(..)
            | Act::Doubled(..)
            | Act::Crash { .. } => return None,
        })
    }

    fn case(&self, which: u8) -> Option<BreakGlassId> {
        let cases: Vec<_> = self.glass.lock().unwrap().keys().copied().collect();
        pick(&cases, which).copied()
    }

    fn guest(&self, seen: &Snapshot, which: u8, does: GuestDoes, bits: u16, key: Option<String>) -> Option<Request> {
        let guests = self.guests.lock().unwrap();
        let newest: Vec<_> = guests.iter().rev().collect();
        let (secret, recipient_id) = pick(&newest, which / 4)?;
        let row = seen.find(*recipient_id)?;
        let dispositions = dispositions_of(bits);
        let answer = Acknowledge {
            recipient_id: Some(row.id),
            note_version_id: Some(row.note_version_id),
            comment: Some("As discussed.".to_owned()),
            call_number: dispositions
                .contains(&Disposition::RequestCall)
                .then(|| "+1 555 010 0199".to_owned()),
            dispositions,
            idempotency_key: key.clone(),
            ..Acknowledge::default()
        };
        let (to_team_id, to_user_id) = self.addressee(Whom::Team(which % 5));
        let redirect = RedirectShare {
            recipient_id: row.id,
            to_team_id,
            to_user_id,
            to_organization_id: None,
            reason: "They follow this patient.".to_owned(),
            idempotency_key: key,
        };
        Some(Request::Guest(secret.clone(), does, answer, redirect))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one act")]
    fn share(
        &self,
        version: u8,
        to: &[(Whom, bool)],
        raised: u8,
        overrides: bool,
        asks: bool,
        verbal: bool,
        key: Option<String>,
    ) -> Option<ShareNote> {
        let recipients = to.iter().map(|(whom, required)| {
            let (team_id, user_id) = self.addressee(*whom);
            let duty = if *required { Duty::Required } else { Duty::Copy };
            NewRecipient {
                team_id,
                user_id,
                organization_id: None,
                care_role: None,
                duty,
            }
        });
        let reasons = ["NOT_ON_CARE_TEAM", "RESTRICTED", "LOOK_ALIKE", "NOBODY_REACHABLE"];
        let reason = |code: &str| Override {
            code: code.to_owned(),
            reason: "Cord compression.".to_owned(),
        };
        // Going against a restriction is rarer than the other reasons.
        let given = reasons
            .into_iter()
            .filter(|code| overrides && (*code != "RESTRICTED" || raised == 5))
            .map(reason);
        Some(ShareNote {
            note_version_id: self.signed(version)?.version,
            recipients: recipients.collect(),
            urgency: match raised {
                0 => Some(Urgency::Routine),
                1 => Some(Urgency::Urgent),
                2 => Some(Urgency::Emergent),
                _ => None,
            },
            questions: asks
                .then(|| NewQuestion {
                    care_role: None,
                    text: "Is the port free?".to_owned(),
                    respond_by: None,
                })
                .into_iter()
                .collect(),
            message: None,
            verbal: verbal.then(|| VerbalCommunication {
                at: self.now(),
                to: "The nurse on call".to_owned(),
                read_back: true,
                note: None,
            }),
            overrides: given.collect(),
            idempotency_key: key,
        })
    }

    fn signed(&self, number: u8) -> Option<SignedVersion> {
        let signed = self.signed.lock().unwrap();
        // Mostly the newest.
        if number.is_multiple_of(4) {
            pick(&signed, number)
        } else {
            signed.last()
        }
        .cloned()
    }

    fn addressee(&self, whom: Whom) -> (Option<TeamId>, Option<UserId>) {
        let f = &self.fixture;
        let teams = [
            f.oncology_team,
            f.palliative_team,
            f.oncology_team,
            f.palliative_team,
            f.outside_team,
        ];
        let people = [
            &f.oncologist,
            &f.palliative,
            &f.second_oncologist,
            &f.oncology_lead,
            &f.palliative_lead,
            &f.outsider,
            &f.coordinator,
        ];
        match whom {
            Whom::Team(number) => (pick(&teams, number).copied(), None),
            Whom::Person(number) => (None, pick(&people, number).map(|actor| user(actor))),
            Whom::Organization(_) | Whom::Everyone => (None, None),
        }
    }

    /// Somebody for whom the loop is: addressed, of the team, or the leads and colleagues who may cover.
    fn recipient(&self, seen: &Snapshot, by: By, row: &RecipientRow) -> Option<Actor> {
        let addressed = |actor: &&Actor| {
            row.to_user_id == actor.user_id || row.to_team_id.is_some_and(|team| actor.teams.contains(&team))
        };
        let right: Vec<_> = everybody(&self.fixture).into_iter().filter(addressed).collect();
        self.actor(seen, by, &right)
    }

    /// Whoever cannot sign in acts no more.
    fn actor(&self, seen: &Snapshot, by: By, right: &[&Actor]) -> Option<Actor> {
        let everybody = everybody(&self.fixture);
        let actor = *match by {
            By::Right(number) => pick(right, number).or(pick(&everybody, number)),
            By::Anybody(number) => pick(&everybody, number),
        }?;
        let disabled = seen
            .people
            .iter()
            .any(|row| Some(row.id) == actor.user_id && row.disabled_at.is_some());
        (!disabled).then(|| actor.clone())
    }

    /// The loops of a snapshot under their numbers, for reading a failure.
    pub(super) fn name(&self, id: RecipientId, seen: &Snapshot) -> String {
        let Some(row) = seen.find(id) else {
            return id.to_string();
        };
        let number = seen.loops.iter().position(|other| other.id == id).unwrap_or_default();
        format!(
            "loop {number} ({} {:?} {:?} outcome {:?} step {} next {:?} open {} reply {})",
            row.duty,
            row.urgency,
            row.level,
            row.outcome,
            row.step_number,
            row.next_step_at,
            row.is_open,
            row.reply_due,
        )
    }
}

fn pick<T>(all: &[T], number: u8) -> Option<&T> {
    if all.is_empty() {
        None
    } else {
        all.get(usize::from(number) % all.len())
    }
}

/// Mostly one that somebody could still do something about.
fn a_loop(seen: &Snapshot, number: u8) -> Option<&RecipientRow> {
    let live = |row: &&RecipientRow| row.state().may_open().is_ok() && row.acknowledged_at.is_none();
    let live: Vec<_> = seen.loops.iter().filter(live).collect();
    if number.is_multiple_of(5) {
        None
    } else {
        pick(&live, number / 5).copied()
    }
    .or(pick(&seen.loops, number))
}

fn dispositions_of(bits: u16) -> Vec<Disposition> {
    Disposition::ALL
        .iter()
        .enumerate()
        .filter(|(bit, _)| bits & (1 << bit) != 0)
        .map(|(_, one)| *one)
        .collect()
}

/// The same note with another reason for the referral, where it has one.
fn amended(mut content: NoteContent, number: usize) -> NoteContent {
    if let NoteContent::ConsultationNote(note) = &mut content
        && let Some(referral) = &mut note.referral
    {
        referral.reason = Some(format!("Left arm neuropathic pain, corrected in act {number}."));
    }
    content
}
