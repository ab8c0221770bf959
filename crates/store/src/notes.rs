//! Rows of notes and their drafts. Signed versions are in [`versions`]; what a content says and who may sign it are the
//! service's.

pub(crate) mod courses;
pub(crate) mod timeline;
pub(crate) mod versions;

pub use courses::{CourseRow, NewCourse, change_course, course_of_note, courses_of, end_courses, start_course};
pub use timeline::{TimelineRow, timeline};
pub use versions::{
    NewVersion, SealedVersionRow, VersionRow, document_is_known, insert_version, latest_versions_of_notes,
    latest_versions_of_patient, version, versions_by_ids, versions_of_note, withdraw_versions,
};

use chrono::{DateTime, Utc};
use liaison_domain::{NoteId, NoteKind, NoteStatus, OrganizationId, PatientId, UserId};
use uuid::Uuid;

use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// A note without what it says.
    pub struct NoteRow {
        /// Its id.
        id: NoteId,
        /// The patient.
        patient_id: PatientId,
        /// The clinic.
        organization_id: OrganizationId,
        /// Which of the two kinds.
        kind: NoteKind,
        /// Where it stands.
        status: NoteStatus,
        /// Who began it.
        author_id: UserId,
        /// Whether a draft is there: never signed, or an amendment under way.
        has_draft: bool,
        /// Raised by every change of the draft.
        draft_revision: i64,
        /// Who changed the draft last.
        draft_updated_by: Option<UserId>,
        /// The newest signed version; 0 before the first signature.
        version: i64,
        /// When it was begun.
        created_at: DateTime<Utc>,
        /// When anything last happened to it.
        updated_at: DateTime<Utc>,
    }
}

sql! {
    INSERT = "insert into note (id, patient_id, organization_id, kind, status, author_id, draft_sealed, draft_revision,
        draft_updated_by, version, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $6, $9, $10, $10)";
    GET = "select id, patient_id, organization_id, kind, status, author_id,
            draft_sealed is not null and status <> 'ENTERED_IN_ERROR' as has_draft, draft_revision, draft_updated_by,
            version, created_at, updated_at
        from note where id = $1";
    GET_LOCKED = "select id, patient_id, organization_id, kind, status, author_id,
            draft_sealed is not null and status <> 'ENTERED_IN_ERROR' as has_draft, draft_revision, draft_updated_by,
            version, created_at, updated_at
        from note where id = $1 {for_update}";
    GET_MANY = "select id, patient_id, organization_id, kind, status, author_id,
            draft_sealed is not null and status <> 'ENTERED_IN_ERROR' as has_draft, draft_revision, draft_updated_by,
            version, created_at, updated_at
        from note where id in ({ids})";
    OF_ORGANIZATION = "select id, patient_id, organization_id, kind, status, author_id,
            draft_sealed is not null and status <> 'ENTERED_IN_ERROR' as has_draft, draft_revision, draft_updated_by,
            version, created_at, updated_at
        from note where organization_id = $1 and (patient_id = $2 or $2 is null)
            and (draft_sealed is not null and status <> 'ENTERED_IN_ERROR' or $3 = 0)
            and (created_at < $4 or (created_at = $4 and id < $5) or $4 is null)
        order by created_at desc, id desc limit $6";
    DRAFT = "select draft_sealed as a from note where id = $1";
    UPDATE_DRAFT = "update note set draft_sealed = $3, draft_revision = draft_revision + 1, draft_updated_by = $4,
        updated_at = $5 where id = $1 and draft_revision = $2 and draft_sealed is not null";
    OPEN_DRAFT = "update note set draft_sealed = $3, draft_revision = draft_revision + 1, draft_updated_by = $4,
        updated_at = $5 where id = $1 and draft_revision = $2 and draft_sealed is null";
    CLEAR_DRAFT = "update note set draft_sealed = null, draft_revision = draft_revision + 1, draft_updated_by = $3,
        updated_at = $4 where id = $1 and draft_revision = $2 and draft_sealed is not null";
    SIGNED = "update note set draft_sealed = null, draft_revision = draft_revision + 1, status = $3, version = $4,
        updated_at = $5 where id = $1 and draft_revision = $2 and version = $4 - 1 and draft_sealed is not null";
    // What a legal hold keeps is nobody's draft any more; the retention job removes it when no hold stands.
    WITHDRAWN = "update note set draft_sealed = case when exists (select 1 from legal_hold
            where legal_hold.patient_id = note.patient_id and legal_hold.lifted_at is null) then draft_sealed end,
        draft_revision = draft_revision + 1, status = $2,
        updated_at = $3 where id = $1 and status <> $2";
    DELETE = "delete from note where id = $1 and version = 0 and draft_revision = $2";
}

/// A note that begins: as a draft, or (import) with its first signed version to follow.
#[derive(Debug, Clone)]
pub struct NewNote {
    /// Its id.
    pub id: NoteId,
    /// The patient.
    pub patient_id: PatientId,
    /// The clinic.
    pub organization_id: OrganizationId,
    /// Which of the two kinds.
    pub kind: NoteKind,
    /// Preliminary for a draft.
    pub status: NoteStatus,
    /// Who begins it.
    pub author_id: UserId,
    /// The draft, sealed.
    pub draft_sealed: Option<Vec<u8>>,
    /// The newest signed version; 0 for a draft.
    pub version: u32,
    /// When.
    pub at: DateTime<Utc>,
}

/// Adds a note; its draft is at revision 1.
pub async fn insert(tx: &mut Tx, new: NewNote) -> Result<()> {
    let row = args![
        new.id,
        new.patient_id,
        new.organization_id,
        new.kind,
        new.status,
        new.author_id,
        new.draft_sealed,
        1i64,
        new.version,
        new.at,
    ];
    tx.change_one(INSERT, row).await
}

/// One note.
pub async fn get(conn: &mut Conn, id: NoteId) -> Result<Option<NoteRow>> {
    conn.one(GET, args![id]).await
}

/// One note, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: NoteId) -> Result<Option<NoteRow>> {
    tx.one(GET_LOCKED, args![id]).await
}

/// Those of the given notes that exist, by one statement.
pub async fn notes_by_ids(conn: &mut Conn, ids: &[NoteId]) -> Result<Vec<NoteRow>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let mut rows: Vec<NoteRow> = conn.all_in(GET_MANY, args![], &ids).await?;
    rows.sort_by_key(|row| row.id);
    rows.dedup_by_key(|row| row.id);
    Ok(rows)
}

/// The clinic's notes, newest first, of one patient or all; `drafts_only` leaves out those without an open draft.
pub async fn of_organization(
    conn: &mut Conn,
    organization: OrganizationId,
    patient: Option<PatientId>,
    drafts_only: bool,
    after: Option<(DateTime<Utc>, NoteId)>,
    limit: u32,
) -> Result<Vec<NoteRow>> {
    let row = args![
        organization,
        patient,
        i64::from(drafts_only),
        after.map(|(at, _)| at),
        after.map(|(_, id)| id),
        limit,
    ];
    conn.all(OF_ORGANIZATION, row).await
}

/// A note's sealed draft.
pub async fn draft(conn: &mut Conn, id: NoteId) -> Result<Option<Vec<u8>>> {
    let row: Option<(Option<Vec<u8>>,)> = conn.one(DRAFT, args![id]).await?;
    Ok(row.and_then(|(sealed,)| sealed))
}

/// Replaces a draft that is still at `revision`.
pub async fn update_draft(
    tx: &mut Tx,
    id: NoteId,
    revision: i64,
    sealed: Vec<u8>,
    by: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<()> {
    tx.change_one(UPDATE_DRAFT, args![id, revision, sealed, by, now]).await
}

/// Opens a draft of a signed note, which has none.
pub async fn open_draft(
    tx: &mut Tx,
    id: NoteId,
    revision: i64,
    sealed: Vec<u8>,
    by: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<()> {
    tx.change_one(OPEN_DRAFT, args![id, revision, sealed, by, now]).await
}

/// Drops the draft of a signed note.
pub async fn clear_draft(tx: &mut Tx, id: NoteId, revision: i64, by: Option<UserId>, now: DateTime<Utc>) -> Result<()> {
    tx.change_one(CLEAR_DRAFT, args![id, revision, by, now]).await
}

/// Says that the draft at `revision` became version `version`.
pub async fn mark_signed(
    tx: &mut Tx,
    id: NoteId,
    revision: i64,
    status: NoteStatus,
    version: u32,
    now: DateTime<Utc>,
) -> Result<()> {
    tx.change_one(SIGNED, args![id, revision, status, version, now]).await
}

/// Says that the note was entered in error. An amendment under way goes, unless a legal hold on the patient keeps it;
/// the transaction stands still for holds ([`crate::legal_holds::stand_still`]).
pub async fn mark_withdrawn(tx: &mut Tx, id: NoteId, now: DateTime<Utc>) -> Result<()> {
    tx.change_one(WITHDRAWN, args![id, NoteStatus::EnteredInError, now])
        .await
}

/// Removes a note that was never signed.
pub async fn delete_unsigned(tx: &mut Tx, id: NoteId, revision: i64) -> Result<()> {
    tx.change_one(DELETE, args![id, revision]).await
}
