//! Recipients: the loops. The row holds the whole state; conditional updates guard every step.

use chrono::{DateTime, Utc};
use liaison_domain::{
    Author, CareRole, Duty, EvidenceId, EvidenceLevel, GuestId, LoopState, NoteId, NoteVersionId, OrganizationId,
    Outcome, PatientId, RecipientId, ShareId, TeamId, Urgency, UserId, calendar::Calendar, escalation::Policy,
};
use uuid::Uuid;

use crate::{
    Json, args,
    conn::Conn,
    error::Result,
    row::{Column, FromRow, Row, row},
    sql::sql,
    tx::Tx,
};

row! {
    /// One loop.
    pub struct RecipientRow {
        /// Its id.
        id: RecipientId,
        /// The share.
        share_id: ShareId,
        /// What was sent.
        note_version_id: NoteVersionId,
        /// The note.
        note_id: NoteId,
        /// The patient.
        patient_id: PatientId,
        /// The clinic that sent it.
        organization_id: OrganizationId,
        /// The organization addressed.
        to_organization_id: OrganizationId,
        /// The team addressed.
        to_team_id: Option<TeamId>,
        /// The person addressed.
        to_user_id: Option<UserId>,
        /// The part they play for the patient.
        care_role: CareRole,
        /// Must they acknowledge?
        duty: Duty,
        /// How urgent.
        urgency: Urgency,
        /// What is proven.
        level: EvidenceLevel,
        /// An outcome beside the ladder.
        outcome: Option<Outcome>,
        /// The clinic owes an answer.
        reply_due: bool,
        /// Somebody must still acknowledge.
        is_open: bool,
        /// When it was shared: the clock's start.
        shared_at: DateTime<Utc>,
        /// Who shared it.
        shared_by: UserId,
        /// By when an acknowledgment is asked for.
        due_at: Option<DateTime<Utc>>,
        /// The recipient's calendar at the time of sharing.
        calendar: Json<Calendar>,
        /// The policy at the time of sharing.
        policy: Json<Policy>,
        /// How many steps of the policy's schedule were taken.
        step_number: u32,
        /// When the next step is due.
        next_step_at: Option<DateTime<Utc>>,
        /// The process that is taking a step.
        lease_owner: Option<String>,
        /// Until when it may.
        lease_until: Option<DateTime<Utc>>,
        /// When the content was first fetched by a person.
        opened_at: Option<DateTime<Utc>>,
        /// When it was acknowledged.
        acknowledged_at: Option<DateTime<Utc>>,
        /// When it ended by an outcome.
        ended_at: Option<DateTime<Utc>>,
        /// The colleague's loop.
        redirected_to: Option<RecipientId>,
        /// The loop that was redirected here.
        redirected_from: Option<RecipientId>,
        /// When the colleague took it on.
        redirect_accepted_at: Option<DateTime<Utc>>,
        /// The copy is sealed from this recipient (wrong recipient).
        sealed_from_recipient: bool,
        /// Which of its secure links holds: raised to revoke the ones before.
        link_version: u32,
        /// SHA-256 of the secure link's token.
        link_hash: Vec<u8>,
        /// How often the row changed: guards every update.
        revision: i64,
        /// When the row last changed.
        updated_at: DateTime<Utc>,
    }
}

impl RecipientRow {
    /// The state machine's view of the row.
    pub fn state(&self) -> LoopState {
        LoopState {
            duty: self.duty,
            level: self.level,
            outcome: self.outcome,
            reply_due: self.reply_due,
        }
    }
}

row! {
    /// A fact about a loop.
    pub struct EvidenceRow {
        /// Its id.
        id: EvidenceId,
        /// The loop.
        recipient_id: RecipientId,
        /// What it proves.
        level: EvidenceLevel,
        /// When it happened.
        occurred_at: DateTime<Utc>,
        /// When it was recorded.
        recorded_at: DateTime<Utc>,
        /// It came after the loop had ended or a higher level was reached.
        late: bool,
        /// The person, for OPENED and ACKNOWLEDGED, or ...
        user_id: Option<UserId>,
        /// ... the guest of a secure link.
        guest_id: Option<GuestId>,
        /// The delivery, for levels that a channel reports.
        delivery_id: Option<liaison_domain::DeliveryId>,
        /// The attempt.
        attempt_id: Option<liaison_domain::AttemptId>,
        /// Where the fact comes from, such as `smtp`, `webhook`, `open`, `inbox`, `call`.
        source: String,
        /// The raw artefact.
        artefact: String,
    }
}

sql! {
    INSERT = "insert into recipient (id, share_id, note_version_id, note_id, patient_id, organization_id,
        to_organization_id, to_team_id, to_user_id, care_role, duty, urgency, level, outcome, reply_due, is_open,
        shared_at, shared_by, due_at, calendar, policy, step_number, next_step_at, redirected_from,
        redirect_accepted_at, sealed_from_recipient, link_version, link_hash, revision, updated_at) values {rows:30}";
    FIND = "select * from recipient where id = $1";
    LOCK = "select * from recipient where id = $1 {for_update}";
    LOCK_FOR = "select r.*, (select count(*) from evidence e where e.recipient_id = r.id
        and (e.user_id = $2 or e.guest_id = $3) and e.level >= 4) as opened from recipient r where r.id = $1 {for_update}";
    BY_IDS = "select * from recipient where id in ({ids})";
    OF_SHARES = "select * from recipient where share_id in ({ids}) order by shared_at, id";
    OF_PATIENT = "select * from recipient where patient_id = $1 order by shared_at, id";
    SET_STATE = "update recipient set level = $2, outcome = $3, reply_due = $4, is_open = $5, next_step_at = $6,
        step_number = $7, opened_at = $8, acknowledged_at = $9, ended_at = $10, redirected_to = $11,
        redirect_accepted_at = $12, sealed_from_recipient = $13, lease_owner = null, lease_until = null,
        revision = revision + 1, updated_at = $14 where id = $1 and revision = $15";
    BY_LINK = "select * from recipient where link_hash = $1";
    SET_LINK = "update recipient set link_version = $2, link_hash = $3, revision = revision + 1, updated_at = $4
        where id = $1 and revision = $5";
    INSERT_EVIDENCE = "insert into evidence (id, recipient_id, level, occurred_at, recorded_at, late, user_id, guest_id,
        delivery_id, attempt_id, source, artefact) values {rows:12}";
    EVIDENCE_OF = "select * from evidence where recipient_id in ({ids}) order by recorded_at, id";
    OPENED_BY = "select count(*) as a from evidence where recipient_id = $1 and (user_id = $2 or guest_id = $3)
        and level >= 4";
}

/// Adds loops.
pub async fn insert(tx: &mut Tx, recipients: &[RecipientRow]) -> Result<()> {
    let rows = recipients
        .iter()
        .map(|row| {
            args![
                row.id,
                row.share_id,
                row.note_version_id,
                row.note_id,
                row.patient_id,
                row.organization_id,
                row.to_organization_id,
                row.to_team_id,
                row.to_user_id,
                row.care_role,
                row.duty,
                row.urgency,
                row.level,
                row.outcome,
                row.reply_due,
                row.is_open,
                row.shared_at,
                row.shared_by,
                row.due_at,
                Json(&row.calendar.0),
                Json(&row.policy.0),
                row.step_number,
                row.next_step_at,
                row.redirected_from,
                row.redirect_accepted_at,
                row.sealed_from_recipient,
                row.link_version,
                row.link_hash.clone(),
                row.revision,
                row.updated_at,
            ]
        })
        .collect();
    tx.insert_all(INSERT, rows).await
}

/// One loop.
pub async fn find(conn: &mut Conn, id: RecipientId) -> Result<Option<RecipientRow>> {
    conn.one(FIND, args![id]).await
}

/// One loop, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: RecipientId) -> Result<Option<RecipientRow>> {
    tx.one(LOCK, args![id]).await
}

/// One loop, locked until the transaction ends, and whether somebody fetched its content.
pub async fn lock_for(tx: &mut Tx, id: RecipientId, author: Author) -> Result<Option<(RecipientRow, bool)>> {
    let args = args![id, author.user_id(), author.guest_id()];
    let found: Option<Opening> = tx.one(LOCK_FOR, args).await?;
    Ok(found.map(|found| (found.row, found.opened)))
}

#[derive(Clone)]
struct Opening {
    row: RecipientRow,
    opened: bool,
}

impl FromRow for Opening {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            row: RecipientRow::from_row(row)?,
            opened: i64::read(row, "opened")? > 0,
        })
    }
}

/// Loops by their ids.
pub async fn by_ids(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<RecipientRow>> {
    conn.all_in(BY_IDS, args![], ids).await
}

/// The loops of shares, in order.
pub async fn of_shares(conn: &mut Conn, shares: &[Uuid]) -> Result<Vec<RecipientRow>> {
    conn.all_in(OF_SHARES, args![], shares).await
}

/// The loops of a patient, oldest first.
pub async fn of_patient(conn: &mut Conn, patient: PatientId) -> Result<Vec<RecipientRow>> {
    conn.all(OF_PATIENT, args![patient]).await
}

/// Writes a changed row back, if nobody changed it since it was read; before the next statement, or with the commit. Ends
/// any lease.
pub async fn save(tx: &mut Tx, row: &RecipientRow, now: DateTime<Utc>) -> Result<()> {
    tx.update_later(
        SET_STATE,
        row.id.uuid(),
        args![
            row.id,
            row.level,
            row.outcome,
            row.reply_due,
            row.is_open,
            row.next_step_at,
            row.step_number,
            row.opened_at,
            row.acknowledged_at,
            row.ended_at,
            row.redirected_to,
            row.redirect_accepted_at,
            row.sealed_from_recipient,
            now,
            row.revision,
        ],
        Some(1),
    )
    .await
}

/// Adds evidence.
pub async fn insert_evidence(tx: &mut Tx, evidence: &[EvidenceRow]) -> Result<()> {
    let rows = evidence
        .iter()
        .map(|row| {
            args![
                row.id,
                row.recipient_id,
                row.level,
                row.occurred_at,
                row.recorded_at,
                row.late,
                row.user_id,
                row.guest_id,
                row.delivery_id,
                row.attempt_id,
                row.source.as_str(),
                row.artefact.as_str(),
            ]
        })
        .collect();
    tx.insert_all(INSERT_EVIDENCE, rows).await
}

/// The evidence of loops, in the order of recording.
pub async fn evidence_of(conn: &mut Conn, recipients: &[Uuid]) -> Result<Vec<EvidenceRow>> {
    conn.all_in(EVIDENCE_OF, args![], recipients).await
}

/// Whether somebody fetched the content of a loop.
pub async fn was_opened_by(conn: &mut Conn, recipient: RecipientId, author: Author) -> Result<bool> {
    let args = args![recipient, author.user_id(), author.guest_id()];
    let row: Option<(i64,)> = conn.one(OPENED_BY, args).await?;
    Ok(row.is_some_and(|(count,)| count > 0))
}

/// The loop that a secure link leads to, by the hash of its token.
pub async fn by_link(conn: &mut Conn, link_hash: [u8; 32]) -> Result<Option<RecipientRow>> {
    conn.one(BY_LINK, args![link_hash]).await
}

/// Puts another secure link in the place of a loop's link; the ones before open nothing from then on.
pub async fn set_link(tx: &mut Tx, row: &RecipientRow, version: u32, hash: Vec<u8>, now: DateTime<Utc>) -> Result<()> {
    tx.change_one(SET_LINK, args![row.id, version, hash, now, row.revision])
        .await
}
