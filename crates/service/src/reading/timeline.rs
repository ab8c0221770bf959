//! Everything that happened in one loop, in one ordered list: times, kinds, codes and who. No texts.

use chrono::{DateTime, Utc};
use liaison_domain::{
    Actor, GuestId, RecipientId, UserId,
    access::{Action, Relation},
};
use liaison_store::recipients::{self, RecipientRow};

use super::parts::Parts;
use crate::{Result, Service, ServiceError, link::GuestName};

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimelineKind {
    /// The clinic shared.
    Shared,
    /// A message was planned: its purpose and channel.
    DeliveryPlanned,
    /// One try of a message ended, or began and never ended: the channel and what came of it.
    Attempt,
    /// A message was given up: the channel and why.
    DeliveryDead,
    /// Something was proven: the level and where the fact comes from.
    Evidence,
    /// An escalation step was taken: its kind and cause.
    Step,
    /// A call task was given to its owner: the reason.
    CallGiven,
    /// A call task was done: the reason, and whether it was read back.
    CallDone,
    /// Somebody acknowledged: the dispositions.
    Acknowledged,
    /// Somebody declined: the reason.
    Declined,
    /// A wrong-recipient case was opened.
    MisSendOpened,
    /// A wrong-recipient case was closed.
    MisSendClosed,
    /// A message in the thread: from which side.
    Reply,
    /// The colleague took the loop on.
    RedirectAccepted,
    /// The loop ended by an outcome.
    Ended,
}

impl TimelineKind {
    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "SHARED",
            Self::DeliveryPlanned => "DELIVERY_PLANNED",
            Self::Attempt => "ATTEMPT",
            Self::DeliveryDead => "DELIVERY_DEAD",
            Self::Evidence => "EVIDENCE",
            Self::Step => "STEP",
            Self::CallGiven => "CALL_GIVEN",
            Self::CallDone => "CALL_DONE",
            Self::Acknowledged => "ACKNOWLEDGED",
            Self::Declined => "DECLINED",
            Self::MisSendOpened => "MIS_SEND_OPENED",
            Self::MisSendClosed => "MIS_SEND_CLOSED",
            Self::Reply => "REPLY",
            Self::RedirectAccepted => "REDIRECT_ACCEPTED",
            Self::Ended => "ENDED",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEvent {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What kind of thing.
    pub kind: TimelineKind,
    /// Stable codes that say more; see the kind.
    pub codes: Vec<String>,
    /// The person who did it, or whom it was given to, or ...
    pub who: Option<UserId>,
    /// ... the guest of a secure link who did it.
    pub guest: Option<GuestName>,
    /// The thing's typed id.
    pub object_id: String,
}

/// A loop's events, oldest first; at the same time in the order of the kinds.
pub(super) fn timeline(row: &RecipientRow, parts: &Parts) -> Vec<TimelineEvent> {
    let mut events = vec![event(
        row.shared_at,
        TimelineKind::Shared,
        &[urgency(row)],
        Some(row.shared_by),
        row.share_id,
    )];
    messages(row, parts, &mut events);
    calls(row, parts, &mut events);
    answers(row, parts, &mut events);
    for fact in parts.evidence.get(&row.id).into_iter().flatten() {
        let late = if fact.late { "LATE" } else { "" };
        let codes = [fact.level.as_str(), fact.source.as_str(), late];
        let happened = event(fact.occurred_at, TimelineKind::Evidence, &codes, fact.user_id, fact.id);
        events.push(happened.by_guest(fact.guest_id, parts));
    }
    for step in parts.steps.get(&row.id).into_iter().flatten() {
        let codes = [step.kind.as_str(), step.cause.as_str()];
        events.push(event(step.taken_at, TimelineKind::Step, &codes, None, step.id));
    }
    if let (Some(at), Some(target)) = (row.redirect_accepted_at, row.redirected_to) {
        events.push(event(at, TimelineKind::RedirectAccepted, &[], None, target));
    }
    if let (Some(at), Some(outcome)) = (row.ended_at, row.outcome) {
        events.push(event(at, TimelineKind::Ended, &[outcome.as_str()], None, row.id));
    }
    events.sort_by(|a, b| (a.at, a.kind, &a.object_id).cmp(&(b.at, b.kind, &b.object_id)));
    events
}

fn urgency(row: &RecipientRow) -> &'static str {
    match row.urgency {
        liaison_domain::Urgency::Routine => "ROUTINE",
        liaison_domain::Urgency::Urgent => "URGENT",
        liaison_domain::Urgency::Emergent => "EMERGENT",
    }
}

fn event(
    at: DateTime<Utc>,
    kind: TimelineKind,
    codes: &[&str],
    who: Option<UserId>,
    object: impl std::fmt::Display,
) -> TimelineEvent {
    let codes = codes
        .iter()
        .filter(|code| !code.is_empty())
        .map(|code| (*code).to_owned())
        .collect();
    TimelineEvent {
        at,
        kind,
        codes,
        who,
        guest: None,
        object_id: object.to_string(),
    }
}

impl TimelineEvent {
    fn by_guest(self, guest: Option<GuestId>, parts: &Parts) -> Self {
        Self {
            guest: guest.and_then(|guest| parts.guests.get(&guest).cloned()),
            ..self
        }
    }
}

fn messages(row: &RecipientRow, parts: &Parts, events: &mut Vec<TimelineEvent>) {
    for delivery in parts.deliveries.get(&row.id).into_iter().flatten() {
        let channel = delivery.channel.as_str();
        let codes = [delivery.purpose.as_str(), channel];
        events.push(event(
            delivery.created_at,
            TimelineKind::DeliveryPlanned,
            &codes,
            None,
            delivery.id,
        ));
        if let Some(reason) = delivery.dead_reason {
            let codes = [channel, reason.as_str()];
            events.push(event(
                delivery.updated_at,
                TimelineKind::DeliveryDead,
                &codes,
                None,
                delivery.id,
            ));
        }
        for attempt in parts.attempts.get(&delivery.id).into_iter().flatten() {
            let at = attempt.ended_at.unwrap_or(attempt.started_at);
            let codes = [channel, attempt.outcome.as_str()];
            events.push(event(at, TimelineKind::Attempt, &codes, None, attempt.id));
        }
    }
}

fn calls(row: &RecipientRow, parts: &Parts, events: &mut Vec<TimelineEvent>) {
    for task in parts.calls.get(&row.id).into_iter().flatten() {
        let reason = task.reason.as_str();
        events.push(event(
            task.created_at,
            TimelineKind::CallGiven,
            &[reason],
            Some(task.owner_id),
            task.id,
        ));
        if let Some(at) = task.completed_at {
            let read_back = if task.read_back == Some(true) {
                "READ_BACK"
            } else {
                "NOT_READ_BACK"
            };
            events.push(event(
                at,
                TimelineKind::CallDone,
                &[reason, read_back],
                task.completed_by,
                task.id,
            ));
        }
    }
    for case in parts.mis_sends.get(&row.id).into_iter().flatten() {
        let opened = if case.content_was_opened {
            "OPENED_BEFORE"
        } else {
            "NEVER_OPENED"
        };
        let reported = event(
            case.reported_at,
            TimelineKind::MisSendOpened,
            &[opened],
            case.reported_by,
            case.id,
        );
        events.push(reported.by_guest(case.guest_id, parts));
        if let Some(at) = case.closed_at {
            events.push(event(at, TimelineKind::MisSendClosed, &[], case.closed_by, case.id));
        }
    }
}

fn answers(row: &RecipientRow, parts: &Parts, events: &mut Vec<TimelineEvent>) {
    for answer in parts.acknowledgments.get(&row.id).into_iter().flatten() {
        let mut codes: Vec<&str> = answer
            .dispositions
            .0
            .iter()
            .map(|disposition| disposition.as_str())
            .collect();
        if answer.by_telephone {
            codes.push("BY_TELEPHONE");
        }
        let acknowledged = event(
            answer.acknowledged_at,
            TimelineKind::Acknowledged,
            &codes,
            answer.user_id,
            answer.id,
        );
        events.push(acknowledged.by_guest(answer.guest_id, parts));
    }
    for decline in parts.declines.get(&row.id).into_iter().flatten() {
        let codes = [decline.reason.as_str()];
        let declined = event(
            decline.declined_at,
            TimelineKind::Declined,
            &codes,
            decline.user_id,
            row.id,
        );
        events.push(declined.by_guest(decline.guest_id, parts));
    }
    for reply in parts.replies.get(&row.id).into_iter().flatten() {
        let side = if reply.from_clinic {
            "FROM_CLINIC"
        } else {
            "FROM_RECIPIENT"
        };
        let closes = if reply.closes_reply_due { "ANSWERS" } else { "" };
        let codes = [side, closes];
        let written = event(reply.written_at, TimelineKind::Reply, &codes, reply.author_id, reply.id);
        events.push(written.by_guest(reply.guest_id, parts));
    }
}

impl Service {
    /// What happened in one loop, for its clinic in full, for its recipient without the clinic's own work.
    pub async fn loop_timeline(&self, actor: &Actor, id: RecipientId) -> Result<Vec<TimelineEvent>> {
        let mut conn = self.read().await?;
        let found = recipients::by_ids(&mut conn, &[id.uuid()]).await?;
        let relation = match found.first() {
            Some(row) => self.loop_relation(&mut conn, actor, row).await?,
            None => Relation::None,
        };
        drop(conn);
        self.authorize_reading(actor, relation, "loop").await?;
        let mut conn = self.read().await?;
        let visible = self.visible(&mut conn, actor, found).await?;
        let parts = Parts::load(self, &mut conn, &visible).await?;
        let (row, _) = visible.rows.get(&id).ok_or(ServiceError::NotFound("loop"))?;
        Ok(timeline(row, &parts))
    }

    /// Decides whether somebody may see a loop: as its clinic, or as its recipient. A refusal is in the ledger.
    pub(super) async fn authorize_reading(&self, actor: &Actor, relation: Relation, what: &'static str) -> Result<()> {
        let action = match relation {
            Relation::Own => Action::FollowLoops,
            Relation::Recipient | Relation::None => Action::OpenShare,
        };
        self.authorize_own(actor, action, relation, what).await
    }
}
