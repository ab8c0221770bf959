//! The sender's board: one line a loop, the most overdue first, each with what happens next and who owes it.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{
    Actor, CallTaskStatus, OrganizationId, PatientId, Phi, PurposeOfUse, RecipientId, Urgency, UserId,
    access::{Action, Relation, decide},
    escalation::ScheduledStep,
};
use liaison_store::{
    Conn,
    board::{self, BoardFilter},
    call_tasks::{self, CallTaskRow},
    recipients::RecipientRow,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::page::{cut, decode, encode, size};
use crate::{Result, Service, ServiceError, patients::PatientIdentity};

/// Which loops the board shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BoardOnly {
    /// Those that wait: for an acknowledgment, or for the clinic's own reply.
    #[default]
    Open,
    /// Those whose acknowledgment was due before now.
    Overdue,
    /// All; those that wait come first, the others follow with the newest share first.
    All,
}

/// What of the board is wanted.
#[derive(Debug, Clone, Default)]
pub struct BoardQuery {
    /// Which loops.
    pub only: BoardOnly,
    /// At this urgency alone.
    pub urgency: Option<Urgency>,
    /// Only what the reader shared.
    pub mine: bool,
    /// Only what this person of the clinic shared.
    pub shared_by: Option<UserId>,
    /// Only what went to this organization.
    pub to_organization_id: Option<OrganizationId>,
    /// Only about this patient.
    pub patient_id: Option<PatientId>,
    /// 1 to 100; 50 when not given.
    pub first: Option<u32>,
    /// Go on after the entry of this cursor.
    pub after: Option<String>,
}

/// One line of the board.
#[derive(Debug, Clone)]
pub struct BoardEntry {
    /// The loop.
    pub recipient: RecipientRow,
    /// Who the patient is; absent for roles that follow loops without reading patients.
    pub patient: Option<Phi<PatientIdentity>>,
    /// What the timers do next, when nobody answers before.
    pub next_step: Option<ScheduledStep>,
    /// Who owes a telephone call about this loop: the owner of its first open call task.
    pub next_owner: Option<UserId>,
    /// When that call is due.
    pub call_due_at: Option<DateTime<Utc>>,
    /// While an acknowledgment is owed: how long until it is due; negative when it is overdue.
    pub time_left: Option<TimeDelta>,
    /// Its place in this list.
    pub cursor: String,
}

impl BoardEntry {
    /// Whether an acknowledgment is owed that was due before.
    pub fn is_overdue(&self) -> bool {
        self.time_left.is_some_and(|left| left < TimeDelta::zero())
    }
}

/// A page of the board.
#[derive(Debug, Clone)]
pub struct Board {
    /// Its lines.
    pub entries: Vec<BoardEntry>,
    /// Whether more follow.
    pub has_more: bool,
}

#[derive(Serialize, Deserialize)]
struct Position {
    waiting: bool,
    at: DateTime<Utc>,
    id: RecipientId,
}

/// Whether a loop stands among those that wait.
fn waits(row: &RecipientRow) -> bool {
    row.is_open || row.reply_due
}

fn position(row: &RecipientRow) -> Position {
    let waiting = waits(row);
    let at = if waiting {
        row.due_at.unwrap_or(row.shared_at)
    } else {
        row.shared_at
    };
    Position {
        waiting,
        at,
        id: row.id,
    }
}

/// The step that the timers take next, when nobody answers before.
pub(super) fn next_step(row: &RecipientRow) -> Option<ScheduledStep> {
    let due = row.next_step_at.filter(|_| row.is_open)?;
    let schedule = row.policy.0.schedule(row.urgency, row.shared_at, &row.calendar.0);
    let step = schedule.get(usize::try_from(row.step_number).ok()?)?;
    // The row's time rules: a step may have been brought forward, as when every channel is dead.
    Some(ScheduledStep { kind: step.kind, due })
}

/// The first open call task of each loop.
pub(super) fn first_calls(tasks: Vec<CallTaskRow>) -> HashMap<RecipientId, CallTaskRow> {
    let mut first: HashMap<RecipientId, CallTaskRow> = HashMap::new();
    for task in tasks.into_iter().filter(|task| task.status == CallTaskStatus::Open) {
        match first.get(&task.recipient_id) {
            Some(earlier) if earlier.due_at <= task.due_at => {}
            _ => drop(first.insert(task.recipient_id, task)),
        }
    }
    first
}

impl Service {
    /// The board of the reader's clinic. One ledger entry for the page that is shown.
    ///
    /// # Errors
    /// `Invalid` for a page size out of range or another list's cursor.
    pub async fn board(&self, actor: &Actor, query: BoardQuery) -> Result<Board> {
        self.authorize(actor, Action::FollowLoops, Relation::Own).await?;
        let organization = self.organization(actor)?;
        let mut problems = Vec::new();
        let first = size(query.first, &mut problems);
        let after: Option<Position> = decode(query.after.as_deref(), &mut problems);
        if !problems.is_empty() {
            return Err(ServiceError::Invalid(problems));
        }
        let now = self.now();
        let mut conn = self.read().await?;
        let mut rows = self
            .board_rows(&mut conn, actor, organization, &query, after, first + 1)
            .await?;
        let has_more = cut(&mut rows, first);
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id.uuid()).collect();
        let calls = first_calls(call_tasks::of_recipients(&mut conn, &ids).await?);
        let names_patients = decide(actor, Action::ReadPatient, Relation::Own).is_ok();
        let identities = if names_patients {
            let mut patients: Vec<PatientId> = rows.iter().map(|row| row.patient_id).collect();
            patients.sort_unstable();
            patients.dedup();
            self.identities(&mut conn, &patients).await?
        } else {
            HashMap::new()
        };
        drop(conn);
        let mut entry = self.entry(actor, "board.read");
        entry.purpose = PurposeOfUse::CoordinationOfCare;
        entry.patient_id = query.patient_id.filter(|id| identities.contains_key(id));
        entry.detail.insert("count", rows.len().to_string());
        entry.detail.insert("identities", identities.len().to_string());
        self.record_readings(vec![entry]).await?;
        let entries = rows
            .into_iter()
            .map(|row| {
                let call = calls.get(&row.id);
                BoardEntry {
                    patient: identities.get(&row.patient_id).cloned(),
                    next_step: next_step(&row),
                    next_owner: call.map(|task| task.owner_id),
                    call_due_at: call.map(|task| task.due_at),
                    time_left: row.due_at.filter(|_| row.is_open).map(|due| due - now),
                    cursor: encode(&position(&row)),
                    recipient: row,
                }
            })
            .collect();
        Ok(Board { entries, has_more })
    }

    async fn board_rows(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        organization: OrganizationId,
        query: &BoardQuery,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<RecipientRow>> {
        let filter = BoardFilter {
            urgency: query.urgency,
            shared_by: actor.user_id.filter(|_| query.mine).or(query.shared_by),
            to_organization_id: query.to_organization_id,
            patient_id: query.patient_id,
        };
        let overdue_at = (query.only == BoardOnly::Overdue).then(|| self.now());
        let among_done = after.as_ref().is_some_and(|position| !position.waiting);
        let after = after.map(|position| (position.at, position.id));
        let mut rows = Vec::new();
        if !among_done {
            rows = board::waiting(conn, organization, &filter, overdue_at, after, limit).await?;
        }
        if query.only == BoardOnly::All {
            let left = limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(limit));
            let after = after.filter(|_| among_done);
            rows.extend(board::done(conn, organization, &filter, after, left).await?);
        }
        Ok(rows)
    }
}
