//! Shares and the questions they put.

use chrono::{DateTime, Utc};
use liaison_domain::{
    Author, CareRole, GuestId, NoteId, NoteVersionId, OrganizationId, PatientId, QuestionId, QuestionStatus,
    RecipientId, ShareId, Urgency, UserId,
};
use uuid::Uuid;

use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// One act of sending a signed note version.
    pub struct ShareRow {
        /// Its id.
        id: ShareId,
        /// What was sent.
        note_version_id: NoteVersionId,
        /// The note.
        note_id: NoteId,
        /// The patient.
        patient_id: PatientId,
        /// The clinic.
        organization_id: OrganizationId,
        /// How urgent.
        urgency: Urgency,
        /// By whom.
        shared_by: UserId,
        /// When.
        shared_at: DateTime<Utc>,
        /// Message, reasons and verbal communication: sealed JSON.
        detail_sealed: Option<Vec<u8>>,
        /// A telephone call was made before.
        verbal_made: bool,
        /// When the sender took it back.
        recalled_at: Option<DateTime<Utc>>,
        /// Who took it back.
        recalled_by: Option<UserId>,
        /// Why: sealed.
        recall_reason_sealed: Option<Vec<u8>>,
        /// When a newer version took its place.
        superseded_at: Option<DateTime<Utc>>,
    }
}

row! {
    /// A question to the recipients of a share.
    pub struct QuestionRow {
        /// Its id.
        id: QuestionId,
        /// The share.
        share_id: ShareId,
        /// The patient.
        patient_id: PatientId,
        /// Its place among the questions of the share, from 0.
        position: i64,
        /// Whom it is for; everyone where it is not set.
        care_role: Option<CareRole>,
        /// The question: sealed.
        text_sealed: Vec<u8>,
        /// By when.
        respond_by: Option<DateTime<Utc>>,
        /// Where it stands.
        status: QuestionStatus,
        /// The answer: sealed.
        answer_sealed: Option<Vec<u8>>,
        /// Who answered, or ...
        answered_by: Option<UserId>,
        /// ... the guest of a secure link who did.
        guest_id: Option<GuestId>,
        /// For which recipient.
        answered_recipient_id: Option<RecipientId>,
        /// When.
        answered_at: Option<DateTime<Utc>>,
        /// When it was put.
        created_at: DateTime<Utc>,
    }
}

row! {
    /// What must be known of a version before it is shared; no content.
    pub struct ShareableRow {
        /// The version.
        id: NoteVersionId,
        /// Its note.
        note_id: NoteId,
        /// The patient.
        patient_id: PatientId,
        /// The clinic.
        organization_id: OrganizationId,
        /// Its number, from 1.
        version: i64,
        /// The newest version's number.
        newest: i64,
        /// How urgent its flags make it.
        urgency: Urgency,
        /// When it was withdrawn.
        withdrawn_at: Option<DateTime<Utc>>,
    }
}

row! {
    /// What of a patient and a version a share rests on, to be compared with itself a moment later.
    #[derive(PartialEq, Eq)]
    pub struct Footing {
        /// The newest version's number.
        newest: i64,
        /// When the version was withdrawn.
        withdrawn_at: Option<DateTime<Utc>>,
        /// Who is on the care team and until when.
        care_team: String,
        /// Which restrictions there are, and which ended.
        restrictions: String,
    }
}

sql! {
    SHAREABLE = "select v.id, v.note_id, v.patient_id, v.organization_id, v.version, v.urgency, v.withdrawn_at,
        (select max(n.version) from note_version n where n.note_id = v.note_id) as newest
        from note_version v where v.id = $1";
    FOOTING = sqlite "select (select max(n.version) from note_version n where n.note_id = v.note_id) as newest,
            v.withdrawn_at,
            (select coalesce(group_concat(hex(c.id) || coalesce(c.until_at, '')), '') from care_team_entry c
                where c.patient_id = v.patient_id and c.from_at <= $2 and (c.until_at > $2 or c.until_at is null)
            ) as care_team,
            (select coalesce(group_concat(hex(r.id) || coalesce(r.ended_at, '')), '') from restriction r
                where r.patient_id = v.patient_id) as restrictions
        from note_version v where v.id = $1"
    postgres "select (select max(n.version) from note_version n where n.note_id = v.note_id) as newest,
            v.withdrawn_at,
            (select coalesce(string_agg(c.id::text || coalesce(c.until_at::text, ''), ',' order by c.id), '')
                from care_team_entry c
                where c.patient_id = v.patient_id and c.from_at <= $2 and (c.until_at > $2 or c.until_at is null)
            ) as care_team,
            (select coalesce(string_agg(r.id::text || coalesce(r.ended_at::text, ''), ',' order by r.id), '')
                from restriction r where r.patient_id = v.patient_id) as restrictions
        from note_version v where v.id = $1";
    INSERT = "insert into share (id, note_version_id, note_id, patient_id, organization_id, urgency, shared_by,
        shared_at, detail_sealed, verbal_made) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    FIND = "select * from share where id = $1";
    BY_IDS = "select * from share where id in ({ids})";
    BY_PATIENT = "select * from share where patient_id = $1 and (shared_at < $2 or $2 is null)
        order by shared_at desc, id desc limit $3";
    BY_NOTE = "select * from share where note_id = $1 order by shared_at, id";
    RECALL = "update share set recalled_at = $2, recalled_by = $3, recall_reason_sealed = $4
        where id = $1 and recalled_at is null and superseded_at is null";
    SUPERSEDE = "update share set superseded_at = $2 where id = $1 and recalled_at is null and superseded_at is null";
    INSERT_QUESTIONS = "insert into share_question (id, share_id, patient_id, position, care_role, text_sealed, respond_by, status,
        created_at) values {rows:9}";
    QUESTIONS_OF = "select * from share_question where share_id in ({ids}) order by created_at, share_id, position";
    ANSWER = "update share_question set status = 'ANSWERED', answer_sealed = $2, answered_by = $3,
        guest_id = $4, answered_recipient_id = $5, answered_at = $6 where id = $1 and status = 'OPEN'";
    WITHDRAW_QUESTIONS = "update share_question set status = 'WITHDRAWN' where share_id = $1 and status = 'OPEN'";
}

/// What must be known of a version before it is shared.
pub async fn shareable(conn: &mut Conn, version: NoteVersionId) -> Result<Option<ShareableRow>> {
    conn.one(SHAREABLE, args![version]).await
}

/// What a share of a version rests on at a moment.
pub async fn footing(conn: &mut Conn, version: NoteVersionId, at: DateTime<Utc>) -> Result<Option<Footing>> {
    conn.one(FOOTING, args![version, at]).await
}

/// Adds a share.
pub fn insert(tx: &mut Tx, share: &ShareRow) {
    tx.insert_one(
        INSERT,
        args![
            share.id,
            share.note_version_id,
            share.note_id,
            share.patient_id,
            share.organization_id,
            share.urgency,
            share.shared_by,
            share.shared_at,
            share.detail_sealed.clone(),
            share.verbal_made,
        ],
    );
}

/// One share.
pub async fn find(conn: &mut Conn, id: ShareId) -> Result<Option<ShareRow>> {
    conn.one(FIND, args![id]).await
}

/// Shares by their ids.
pub async fn by_ids(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<ShareRow>> {
    conn.all_in(BY_IDS, args![], ids).await
}

/// A patient's shares, newest first, before a time.
pub async fn by_patient(
    conn: &mut Conn,
    patient: PatientId,
    before: Option<DateTime<Utc>>,
    limit: u32,
) -> Result<Vec<ShareRow>> {
    conn.all(BY_PATIENT, args![patient, before, limit]).await
}

/// Every share of a note, oldest first.
pub async fn by_note(conn: &mut Conn, note: NoteId) -> Result<Vec<ShareRow>> {
    conn.all(BY_NOTE, args![note]).await
}

/// Takes a share back; an `Affected` error when it was taken back or replaced before.
pub async fn recall(tx: &mut Tx, id: ShareId, at: DateTime<Utc>, by: UserId, reason: Vec<u8>) -> Result<()> {
    tx.change_one(RECALL, args![id, at, by, reason]).await
}

/// Marks a share as replaced; whether it was neither taken back nor replaced before.
pub async fn supersede(tx: &mut Tx, id: ShareId, at: DateTime<Utc>) -> Result<bool> {
    Ok(tx.execute(SUPERSEDE, args![id, at]).await? == 1)
}

/// Adds questions.
pub async fn insert_questions(tx: &mut Tx, questions: &[QuestionRow]) -> Result<()> {
    let rows = questions
        .iter()
        .map(|question| {
            args![
                question.id,
                question.share_id,
                question.patient_id,
                question.position,
                question.care_role,
                question.text_sealed.clone(),
                question.respond_by,
                question.status,
                question.created_at,
            ]
        })
        .collect();
    tx.insert_all(INSERT_QUESTIONS, rows).await
}

/// The questions of shares.
pub async fn questions_of(conn: &mut Conn, shares: &[Uuid]) -> Result<Vec<QuestionRow>> {
    conn.all_in(QUESTIONS_OF, args![], shares).await
}

/// Answers a question; whether it was open.
pub async fn answer(
    tx: &mut Tx,
    question: QuestionId,
    answer: Vec<u8>,
    by: Author,
    recipient: RecipientId,
    at: DateTime<Utc>,
) -> Result<bool> {
    let args = args![question, answer, by.user_id(), by.guest_id(), recipient, at];
    Ok(tx.execute(ANSWER, args).await? == 1)
}

/// Withdraws the open questions of a share.
pub async fn withdraw_questions(tx: &mut Tx, share: ShareId) -> Result<u64> {
    tx.execute(WITHDRAW_QUESTIONS, args![share]).await
}
