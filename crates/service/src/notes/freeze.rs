//! Makes a signed version of a content: canonical bytes, their hash, sealed, for good.

use chrono::{DateTime, Utc};
use liaison_clinical::{NoteContent, SoftConfirmation, assess, canonical_json};
use liaison_domain::{NoteId, NoteVersionId, OrganizationId, PatientId, UserId};
use liaison_store::{
    PatientKey, Tx,
    notes::{self as rows, NewVersion, VersionRow},
};
use sha2::{Digest, Sha256};

use super::{
    content::{Change, version_place},
    kind_of,
};
use crate::{Result, Service};

/// What becomes a version.
pub(super) struct Freeze<'a> {
    pub(super) note_id: NoteId,
    pub(super) patient_id: PatientId,
    pub(super) organization_id: OrganizationId,
    pub(super) version: u32,
    pub(super) document_id: String,
    pub(super) content: &'a NoteContent,
    pub(super) confirmations: &'a [SoftConfirmation],
    pub(super) change: Option<&'a Change>,
    pub(super) signed_by: UserId,
    pub(super) signed_at: DateTime<Utc>,
}

impl Service {
    /// Adds the version in the caller's transaction.
    pub(super) async fn freeze(&self, tx: &mut Tx, key: &PatientKey, freeze: Freeze<'_>) -> Result<VersionRow> {
        let id = self.id::<NoteVersionId>();
        let random = self.store().random();
        let bytes = canonical_json(freeze.content);
        let content_sha256: [u8; 32] = Sha256::digest(&bytes).into();
        let confirmations_sealed = match freeze.confirmations {
            [] => None,
            some => Some(key.seal_json(version_place("confirmations_sealed", id), &some, &*random)?),
        };
        let change_sealed = match freeze.change {
            Some(change) => Some(key.seal_json(version_place("change_sealed", id), change, &*random)?),
            None => None,
        };
        let (kind, urgency) = (kind_of(freeze.content), assess(freeze.content).level);
        let new = NewVersion {
            id,
            note_id: freeze.note_id,
            patient_id: freeze.patient_id,
            organization_id: freeze.organization_id,
            kind,
            version: freeze.version,
            content_sealed: key.seal(version_place("content_sealed", id), &bytes, &*random)?,
            content_sha256,
            confirmations_sealed,
            urgency,
            change_sealed,
            document_id: freeze.document_id.clone(),
            signed_by: freeze.signed_by,
            signed_at: freeze.signed_at,
        };
        rows::insert_version(tx, new).await?;
        Ok(VersionRow {
            id,
            note_id: freeze.note_id,
            patient_id: freeze.patient_id,
            organization_id: freeze.organization_id,
            kind,
            version: freeze.version,
            content_sha256: content_sha256.to_vec(),
            urgency,
            document_id: freeze.document_id,
            signed_by: freeze.signed_by,
            signed_at: freeze.signed_at,
            withdrawn_at: None,
            withdrawn_by: None,
        })
    }
}

/// A hash as lower-case hexadecimal text.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
