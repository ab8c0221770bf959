//! Rows of signed versions. They never change: a withdrawal may be added, and triggers refuse the rest.

use chrono::{DateTime, Utc};
use liaison_domain::{NoteId, NoteKind, NoteVersionId, OrganizationId, PatientId, Urgency, UserId};
use uuid::Uuid;

use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// A signed version without what it says.
    pub struct VersionRow {
        /// Its id.
        id: NoteVersionId,
        /// The note.
        note_id: NoteId,
        /// The patient.
        patient_id: PatientId,
        /// The clinic.
        organization_id: OrganizationId,
        /// Which of the two kinds.
        kind: NoteKind,
        /// From 1.
        version: u32,
        /// SHA-256 over the canonical bytes of the content.
        content_sha256: Vec<u8>,
        /// The urgency at signature.
        urgency: Urgency,
        /// `urn:uuid:...`, the same for every version of a note.
        document_id: String,
        /// Who signed.
        signed_by: UserId,
        /// When.
        signed_at: DateTime<Utc>,
        /// When it was withdrawn.
        withdrawn_at: Option<DateTime<Utc>>,
        /// Who withdrew it.
        withdrawn_by: Option<UserId>,
    }
}

row! {
    /// A signed version with its sealed columns.
    pub struct SealedVersionRow {
        /// Its id.
        id: NoteVersionId,
        /// The note.
        note_id: NoteId,
        /// The patient.
        patient_id: PatientId,
        /// The clinic.
        organization_id: OrganizationId,
        /// Which of the two kinds.
        kind: NoteKind,
        /// From 1.
        version: u32,
        /// SHA-256 over the canonical bytes of the content.
        content_sha256: Vec<u8>,
        /// The urgency at signature.
        urgency: Urgency,
        /// `urn:uuid:...`, the same for every version of a note.
        document_id: String,
        /// Who signed.
        signed_by: UserId,
        /// When.
        signed_at: DateTime<Utc>,
        /// When it was withdrawn.
        withdrawn_at: Option<DateTime<Utc>>,
        /// Who withdrew it.
        withdrawn_by: Option<UserId>,
        /// The canonical bytes, sealed.
        content_sealed: Vec<u8>,
        /// Confirmations of unusual values, sealed.
        confirmations_sealed: Option<Vec<u8>>,
        /// An amendment's reason and differences, sealed.
        change_sealed: Option<Vec<u8>>,
        /// The reason of a withdrawal, sealed.
        withdrawn_sealed: Option<Vec<u8>>,
    }
}

impl SealedVersionRow {
    /// The version without what it says.
    pub fn meta(&self) -> VersionRow {
        VersionRow {
            id: self.id,
            note_id: self.note_id,
            patient_id: self.patient_id,
            organization_id: self.organization_id,
            kind: self.kind,
            version: self.version,
            content_sha256: self.content_sha256.clone(),
            urgency: self.urgency,
            document_id: self.document_id.clone(),
            signed_by: self.signed_by,
            signed_at: self.signed_at,
            withdrawn_at: self.withdrawn_at,
            withdrawn_by: self.withdrawn_by,
        }
    }
}

sql! {
    INSERT = "insert into note_version (id, note_id, patient_id, organization_id, kind, version, content_sealed,
        content_sha256, confirmations_sealed, urgency, change_sealed, document_id, signed_by, signed_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    SEALED = "select id, note_id, patient_id, organization_id, kind, version, content_sha256, urgency, document_id,
        signed_by, signed_at, withdrawn_at, withdrawn_by, content_sealed, confirmations_sealed, change_sealed,
        withdrawn_sealed from note_version where id = $1";
    SEALED_LATEST_OF_PATIENT = "select v.id, v.note_id, v.patient_id, v.organization_id, v.kind, v.version,
            v.content_sha256, v.urgency, v.document_id, v.signed_by, v.signed_at, v.withdrawn_at, v.withdrawn_by,
            v.content_sealed, v.confirmations_sealed, v.change_sealed, v.withdrawn_sealed
        from note_version v join note n on n.id = v.note_id and n.version = v.version
        where v.patient_id = $1 and v.withdrawn_at is null order by v.signed_at, v.id limit 1000";
    BY_IDS = "select id, note_id, patient_id, organization_id, kind, version, content_sha256, urgency, document_id,
        signed_by, signed_at, withdrawn_at, withdrawn_by from note_version where id in ({ids})";
    OF_NOTE = "select id, note_id, patient_id, organization_id, kind, version, content_sha256, urgency, document_id,
        signed_by, signed_at, withdrawn_at, withdrawn_by from note_version where note_id = $1 order by version desc";
    LATEST_OF_NOTES = "select v.id, v.note_id, v.patient_id, v.organization_id, v.kind, v.version, v.content_sha256,
            v.urgency, v.document_id, v.signed_by, v.signed_at, v.withdrawn_at, v.withdrawn_by
        from note_version v join note n on n.id = v.note_id and n.version = v.version where v.note_id in ({ids})";
    WITHDRAW = "update note_version set withdrawn_at = $2, withdrawn_by = $3, withdrawn_sealed = $4
        where id = $1 and withdrawn_at is null";
    DOCUMENT = "select id as a from note_version where organization_id = $1 and document_id = $2 limit 1";
}

/// A version to be added.
#[derive(Debug, Clone)]
pub struct NewVersion {
    /// Its id.
    pub id: NoteVersionId,
    /// The note.
    pub note_id: NoteId,
    /// The patient.
    pub patient_id: PatientId,
    /// The clinic.
    pub organization_id: OrganizationId,
    /// Which of the two kinds.
    pub kind: NoteKind,
    /// From 1.
    pub version: u32,
    /// The canonical bytes, sealed.
    pub content_sealed: Vec<u8>,
    /// SHA-256 over the canonical bytes.
    pub content_sha256: [u8; 32],
    /// Confirmations of unusual values, sealed.
    pub confirmations_sealed: Option<Vec<u8>>,
    /// The urgency at signature.
    pub urgency: Urgency,
    /// An amendment's reason and differences, sealed.
    pub change_sealed: Option<Vec<u8>>,
    /// `urn:uuid:...`.
    pub document_id: String,
    /// Who signed.
    pub signed_by: UserId,
    /// When.
    pub signed_at: DateTime<Utc>,
}

/// Adds a version; a unique violation when the note has this version already.
pub async fn insert_version(tx: &mut Tx, new: NewVersion) -> Result<()> {
    let row = args![
        new.id,
        new.note_id,
        new.patient_id,
        new.organization_id,
        new.kind,
        new.version,
        new.content_sealed,
        new.content_sha256,
        new.confirmations_sealed,
        new.urgency,
        new.change_sealed,
        new.document_id,
        new.signed_by,
        new.signed_at,
    ];
    tx.change_one(INSERT, row).await
}

/// One version with its sealed columns.
pub async fn version(conn: &mut Conn, id: NoteVersionId) -> Result<Option<SealedVersionRow>> {
    conn.one(SEALED, args![id]).await
}

/// The newest version of each of a patient's notes, oldest first, withdrawn ones left out; at most 1,000.
pub async fn latest_versions_of_patient(conn: &mut Conn, patient: PatientId) -> Result<Vec<SealedVersionRow>> {
    conn.all(SEALED_LATEST_OF_PATIENT, args![patient]).await
}

/// Those of the given versions that exist, by one statement.
pub async fn versions_by_ids(conn: &mut Conn, ids: &[NoteVersionId]) -> Result<Vec<VersionRow>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let mut rows: Vec<VersionRow> = conn.all_in(BY_IDS, args![], &ids).await?;
    rows.sort_by_key(|row| row.id);
    rows.dedup_by_key(|row| row.id);
    Ok(rows)
}

/// Every version of a note, newest first.
pub async fn versions_of_note(conn: &mut Conn, note: NoteId) -> Result<Vec<VersionRow>> {
    conn.all(OF_NOTE, args![note]).await
}

/// The newest version of each of the given notes, by one statement; notes never signed have none.
pub async fn latest_versions_of_notes(conn: &mut Conn, notes: &[NoteId]) -> Result<Vec<VersionRow>> {
    let ids: Vec<Uuid> = notes.iter().map(|id| id.uuid()).collect();
    let mut rows: Vec<VersionRow> = conn.all_in(LATEST_OF_NOTES, args![], &ids).await?;
    rows.sort_by_key(|row| row.id);
    rows.dedup_by_key(|row| row.id);
    Ok(rows)
}

/// Marks versions as withdrawn, each with its sealed reason.
pub async fn withdraw_versions(
    tx: &mut Tx,
    reasons: Vec<(NoteVersionId, Vec<u8>)>,
    by: UserId,
    now: DateTime<Utc>,
) -> Result<()> {
    for (id, reason_sealed) in reasons {
        tx.change_one(WITHDRAW, args![id, now, by, reason_sealed]).await?;
    }
    Ok(())
}

/// Whether the clinic has a document with this identifier.
pub async fn document_is_known(conn: &mut Conn, organization: OrganizationId, document_id: &str) -> Result<bool> {
    let row: Option<(NoteVersionId,)> = conn.one(DOCUMENT, args![organization, document_id]).await?;
    Ok(row.is_some())
}
