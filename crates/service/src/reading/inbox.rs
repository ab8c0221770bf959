//! The recipient's inbox: what waits for the reader, their teams and those they cover, the most urgent first. Names the
//! patient and nothing of the note. That an identified person was shown a loop is evidence that it is placed.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{
    Actor, EvidenceLevel, LoopEvent, NoteKind, NoteVersionId, PatientId, Phi, QuestionStatus, RecipientId, Urgency,
    access::{Action, Relation},
};
use liaison_store::{
    Conn, Tx,
    inbox::{self, WaitingPosition, waiting_since},
    notes::versions_by_ids,
    patients::restrictions_of,
    recipients::RecipientRow,
    shares::{self, QuestionRow},
};
use serde::{Deserialize, Serialize};

use super::{
    page::{cut, decode, encode, size},
    reach::Reach,
};
use crate::{
    Result, Service, ServiceError,
    loops::{Fact, apply},
    patients::{PatientIdentity, restriction_applies},
};

/// Which loops the inbox shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InboxOnly {
    /// Those that wait: an acknowledgment is owed, or a copy was not looked at.
    #[default]
    Open,
    /// The others, the newest share first.
    Closed,
    /// All; those that wait come first.
    All,
}

/// To whom the loops of a part of the inbox are addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InboxPart {
    /// To the reader in person.
    Mine,
    /// To the reader's teams.
    Team,
    /// To those whom the reader covers now, and to their teams.
    Covered,
}

/// How many loops wait in each part of the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InboxCounts {
    /// Addressed to the reader in person.
    pub mine: u64,
    /// Addressed to the reader's teams.
    pub team: u64,
    /// Addressed to those whom the reader covers now, and to their teams.
    pub covered: u64,
}

/// What of the inbox is wanted.
#[derive(Debug, Clone, Default)]
pub struct InboxQuery {
    /// Which loops.
    pub only: InboxOnly,
    /// Of this part alone.
    pub part: Option<InboxPart>,
    /// At this urgency alone.
    pub urgency: Option<Urgency>,
    /// 1 to 100; 50 when not given.
    pub first: Option<u32>,
    /// Go on after the entry of this cursor.
    pub after: Option<String>,
}

/// One line of the inbox.
#[derive(Debug, Clone)]
pub struct InboxEntry {
    /// The loop.
    pub recipient: RecipientRow,
    /// Who the patient is; absent where the share was taken away before anybody opened it.
    pub patient: Option<Phi<PatientIdentity>>,
    /// Which kind of note was sent.
    pub kind: Option<NoteKind>,
    /// How many questions to this recipient have no answer yet.
    pub questions: usize,
    /// While an acknowledgment is owed: how long until it is due; negative when it is overdue.
    pub time_left: Option<TimeDelta>,
    /// Its place in this list.
    pub cursor: String,
}

/// A page of the inbox.
#[derive(Debug, Clone)]
pub struct Inbox {
    /// Its lines.
    pub entries: Vec<InboxEntry>,
    /// Whether more follow.
    pub has_more: bool,
}

#[derive(Serialize, Deserialize)]
struct Position {
    waiting: bool,
    urgency: Urgency,
    at: DateTime<Utc>,
    id: RecipientId,
}

pub(super) fn names_patient(row: &RecipientRow) -> bool {
    row.opened_at.is_some() || row.state().may_open().is_ok()
}

fn lacks_placement(row: &RecipientRow) -> bool {
    row.level < EvidenceLevel::Placed && !row.sealed_from_recipient && row.state().may_open().is_ok()
}

impl Service {
    /// The reader's inbox. One ledger entry for the page that is shown, and evidence that its loops are placed, both
    /// committed before anything leaves.
    ///
    /// # Errors
    /// `Invalid` for a page size out of range or another list's cursor.
    pub async fn inbox(&self, actor: &Actor, query: InboxQuery) -> Result<Inbox> {
        self.authorize(actor, Action::ReadInbox, Relation::Own).await?;
        let mut problems = Vec::new();
        let first = size(query.first, &mut problems);
        let after: Option<Position> = decode(query.after.as_deref(), &mut problems);
        if !problems.is_empty() {
            return Err(ServiceError::Invalid(problems));
        }
        let now = self.now();
        let mut conn = self.read().await?;
        let reach = self.reach(&mut conn, actor).await?;
        // Each line with the list it was found in: a cursor goes on in that list.
        let mut rows = inbox_rows(&mut conn, &reach, &query, after, first + 1).await?;
        let has_more = cut(&mut rows, first);
        self.leave_out_restricted(&mut conn, actor, &mut rows).await?;
        let mut patients: Vec<PatientId> = rows
            .iter()
            .filter(|(_, row)| names_patient(row))
            .map(|(_, row)| row.patient_id)
            .collect();
        patients.sort_unstable();
        patients.dedup();
        let identities = self.identities(&mut conn, &patients).await?;
        let kinds = kinds_of(&mut conn, &rows).await?;
        let questions = open_questions(&mut conn, &rows).await?;
        drop(conn);
        let mut entry = self.entry(actor, "inbox.read");
        entry.detail.insert("count", rows.len().to_string());
        entry.detail.insert("identities", identities.len().to_string());
        let wanted: Vec<RecipientId> = rows
            .iter()
            .filter(|(_, row)| lacks_placement(row))
            .map(|(_, row)| row.id)
            .collect();
        let placed = if wanted.is_empty() {
            self.record_readings(vec![entry]).await?;
            HashMap::new()
        } else {
            let mut tx = self.begin().await?;
            let placed = self.place(&mut tx, actor, &wanted).await?;
            tx.record(entry);
            tx.commit().await?;
            placed
        };
        let entries = rows
            .into_iter()
            .map(|(waiting, row)| {
                let at = if waiting { waiting_since(&row) } else { row.shared_at };
                let cursor = encode(&Position {
                    waiting,
                    urgency: row.urgency,
                    at,
                    id: row.id,
                });
                let row = placed.get(&row.id).cloned().unwrap_or(row);
                InboxEntry {
                    patient: identities.get(&row.patient_id).filter(|_| names_patient(&row)).cloned(),
                    kind: kinds.get(&row.note_version_id).copied(),
                    questions: questions.iter().filter(|question| is_put_to(question, &row)).count(),
                    time_left: row.due_at.filter(|_| row.is_open).map(|due| due - now),
                    cursor,
                    recipient: row,
                }
            })
            .collect();
        Ok(Inbox { entries, has_more })
    }

    /// How many loops wait in each part of the reader's inbox. Names nobody, so that it leaves no ledger entry.
    pub async fn inbox_counts(&self, actor: &Actor) -> Result<InboxCounts> {
        self.authorize(actor, Action::ReadInbox, Relation::Own).await?;
        let reader = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let mut conn = self.read().await?;
        let reach = self.reach(&mut conn, actor).await?;
        let (organization, now) = (reach.organization, self.now());
        Ok(InboxCounts {
            mine: inbox::count_waiting(&mut conn, organization, reader, &reach.mine, now).await?,
            team: inbox::count_waiting(&mut conn, organization, reader, &reach.teams, now).await?,
            covered: inbox::count_waiting(&mut conn, organization, reader, &reach.covered, now).await?,
        })
    }

    /// Leaves out the loops of patients who agreed with the clinic that this one person reads nothing of theirs, however
    /// the loop was addressed.
    async fn leave_out_restricted(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        rows: &mut Vec<(bool, RecipientRow)>,
    ) -> Result<()> {
        let patients: Vec<PatientId> = rows.iter().map(|(_, row)| row.patient_id).collect();
        let mut restrictions = restrictions_of(conn, &patients).await?;
        restrictions.retain(|restriction| restriction.user_id.is_some() && restriction.user_id == actor.user_id);
        let now = self.now();
        rows.retain(|(_, row)| {
            let of_patient: Vec<_> = restrictions
                .iter()
                .filter(|restriction| restriction.patient_id == row.patient_id)
                .cloned()
                .collect();
            row.to_user_id == actor.user_id
                || !restriction_applies(&of_patient, row.to_organization_id, None, actor.user_id, now)
        });
        Ok(())
    }

    /// Raises the loops that were not placed yet; those it raised.
    async fn place(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        wanted: &[RecipientId],
    ) -> Result<HashMap<RecipientId, RecipientRow>> {
        let mut placed = HashMap::new();
        let now = self.now();
        for mut row in inbox::lock_all(tx, wanted).await? {
            // Somebody may have opened or ended it since it was read.
            if lacks_placement(&row) {
                let fact = Fact {
                    level: EvidenceLevel::Placed,
                    occurred_at: now,
                    author: actor.author(),
                    delivery: None,
                    source: "inbox",
                    artefact: actor.request_id.clone().unwrap_or_else(|| "listed".to_owned()),
                };
                self.record_evidence(tx, actor, &row, fact, false).await?;
                apply(&mut row, LoopEvent::Evidence(EvidenceLevel::Placed), now)?;
                self.save_loop(tx, &mut row).await?;
            }
            placed.insert(row.id, row);
        }
        Ok(placed)
    }
}

/// The kinds of the notes that were sent.
async fn kinds_of(conn: &mut Conn, rows: &[(bool, RecipientRow)]) -> Result<HashMap<NoteVersionId, NoteKind>> {
    let mut ids: Vec<NoteVersionId> = rows.iter().map(|(_, row)| row.note_version_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let found = versions_by_ids(conn, &ids).await?;
    Ok(found.into_iter().map(|version| (version.id, version.kind)).collect())
}

/// The questions of the loops' shares that have no answer yet. Their texts stay sealed.
async fn open_questions(conn: &mut Conn, rows: &[(bool, RecipientRow)]) -> Result<Vec<QuestionRow>> {
    let mut ids: Vec<_> = rows.iter().map(|(_, row)| row.share_id.uuid()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut found = shares::questions_of(conn, &ids).await?;
    found.retain(|question| question.status == QuestionStatus::Open);
    Ok(found)
}

/// Whether a question is put to the recipient of a loop.
pub(super) fn is_put_to(question: &QuestionRow, row: &RecipientRow) -> bool {
    question.share_id == row.share_id && question.care_role.is_none_or(|role| role == row.care_role)
}

async fn inbox_rows(
    conn: &mut Conn,
    reach: &Reach,
    query: &InboxQuery,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<(bool, RecipientRow)>> {
    let addressees = match query.part {
        None => &reach.addressees,
        Some(InboxPart::Mine) => &reach.mine,
        Some(InboxPart::Team) => &reach.teams,
        Some(InboxPart::Covered) => &reach.covered,
    };
    let among_done = after.as_ref().is_some_and(|position| !position.waiting);
    let mut rows = Vec::new();
    if query.only != InboxOnly::Closed && !among_done {
        let after = after.as_ref().map(|position| WaitingPosition {
            urgency: position.urgency,
            at: position.at,
            id: position.id,
        });
        let found = inbox::waiting(conn, reach.organization, addressees, query.urgency, after, limit).await?;
        rows.extend(found.into_iter().map(|row| (true, row)));
    }
    if query.only != InboxOnly::Open {
        let left = limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(limit));
        let after = after.filter(|_| among_done).map(|position| (position.at, position.id));
        let found = inbox::done(conn, reach.organization, addressees, query.urgency, after, left).await?;
        rows.extend(found.into_iter().map(|row| (false, row)));
    }
    Ok(rows)
}
