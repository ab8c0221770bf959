//! Reads signed versions. The hash is computed again at each reading: a version that is not what was signed is an error
//! and a ledger entry, never an answer.

use chrono::{DateTime, Utc};
use liaison_clinical::{
    BottomLine, BottomLineContext, NoteContent, Section, SoftConfirmation, bottom_line, narrative_with,
};
use liaison_domain::{
    Actor, NoteVersionId, OrganizationId, PatientId, Phi, UserId,
    access::{Action, Relation},
};
use liaison_store::{
    Conn, PatientKey, StoreError,
    directory::organizations_by_ids,
    notes::{self as rows, SealedVersionRow, VersionRow},
};
use sha2::{Digest, Sha256};

use super::{
    content::{Change, version_place},
    freeze::hex,
};
use crate::{Result, Service, ServiceError, audit::mark_break_glass};

/// A signed version, opened: everything its reader sees.
#[derive(Debug, Clone)]
pub struct ReleasedNote {
    /// The version, without what it says.
    pub version: VersionRow,
    /// What it says.
    pub content: Phi<NoteContent>,
    /// The same in words, section by section.
    pub sections: Phi<Vec<Section>>,
    /// The first screen: urgency, what is asked, outcome, opioids, next date, whom to phone.
    pub bottom_line: Phi<BottomLine>,
    /// For an amendment: why, and what changed field by field.
    pub change: Option<Phi<Change>>,
    /// Who confirmed which unusual value.
    pub confirmations: Phi<Vec<SoftConfirmation>>,
    /// Why it was withdrawn, where it was.
    pub withdrawn_reason: Option<Phi<String>>,
    /// Who signed.
    pub signed_by: UserId,
    /// When.
    pub signed_at: DateTime<Utc>,
    /// SHA-256 over the canonical bytes, as hexadecimal text.
    pub sha256: String,
}

/// A version's sealed columns, opened.
pub(crate) struct OpenedVersion {
    pub(crate) version: VersionRow,
    pub(crate) content: Phi<NoteContent>,
    pub(crate) confirmations: Phi<Vec<SoftConfirmation>>,
    pub(crate) change: Option<Phi<Change>>,
    pub(crate) withdrawn_reason: Option<Phi<String>>,
}

impl Service {
    /// A signed version for its clinic, with a ledger entry; to an admin while they broke the glass for its patient.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is another clinic's.
    pub async fn note_version(&self, actor: &Actor, id: NoteVersionId) -> Result<ReleasedNote> {
        let mut conn = self.read().await?;
        let row = rows::versions_by_ids(&mut conn, &[id]).await?.pop();
        drop(conn);
        let relation = match &row {
            Some(row) if actor.acts_for(row.organization_id) => Relation::Own,
            _ => Relation::None,
        };
        let patient = row.as_ref().map(|row| row.patient_id);
        let case = self
            .authorize_record(actor, Action::ReadNote, relation, patient, "note version")
            .await?;
        let row = row.ok_or(ServiceError::NotFound("note version"))?;
        let mut conn = self.read().await?;
        let released = self.released_content(&mut conn, id).await?;
        drop(conn);
        let mut entry = self.entry(actor, "note.read");
        entry.patient_id = Some(row.patient_id);
        entry.note_id = Some(row.note_id);
        entry.note_version_id = Some(id);
        entry.detail.insert("body", "signed".to_owned());
        mark_break_glass(&mut entry, case);
        self.record_readings(vec![entry]).await?;
        Ok(released)
    }

    /// A signed version as its readers see it. Decides nothing and records nothing: the caller has authorized the
    /// reader and writes the ledger entry before the answer leaves.
    ///
    /// # Errors
    /// `NotFound`; `Internal` when the version is not what was signed.
    pub(crate) async fn released_content(&self, conn: &mut Conn, id: NoteVersionId) -> Result<ReleasedNote> {
        let opened = self
            .open_version(conn, id)
            .await?
            .ok_or(ServiceError::NotFound("note version"))?;
        let content = opened.content.reveal();
        let (patient, clinic) = (opened.version.patient_id, opened.version.organization_id);
        let context = self.bottom_line_context(conn, patient, clinic, content).await?;
        Ok(ReleasedNote {
            sections: Phi::new(narrative_with(content, &context)),
            bottom_line: Phi::new(bottom_line(content, &context)),
            sha256: hex(&opened.version.content_sha256),
            signed_by: opened.version.signed_by,
            signed_at: opened.version.signed_at,
            version: opened.version,
            content: opened.content,
            change: opened.change,
            confirmations: opened.confirmations,
            withdrawn_reason: opened.withdrawn_reason,
        })
    }

    /// What a note's first screen needs to know from elsewhere: the frozen baseline, and whom to phone.
    pub(super) async fn bottom_line_context(
        &self,
        conn: &mut Conn,
        patient: PatientId,
        clinic: OrganizationId,
        content: &NoteContent,
    ) -> Result<BottomLineContext> {
        let mut context = self.history(conn, patient).await?.bottom_line_context(content);
        let clinic = organizations_by_ids(conn, &[clinic]).await?.pop();
        context.phone = clinic.and_then(|clinic| Some(format!("{}, {}", clinic.name, clinic.phone?)));
        Ok(context)
    }

    /// A version with its sealed columns opened and its hash checked. Decides and records nothing.
    pub(crate) async fn open_version(&self, conn: &mut Conn, id: NoteVersionId) -> Result<Option<OpenedVersion>> {
        let Some(row) = rows::version(conn, id).await? else {
            return Ok(None);
        };
        let key = self.store().keyring()?.patient_key(conn, row.patient_id).await?;
        let content = self.open_content(&row, &key)?;
        let confirmations = match &row.confirmations_sealed {
            Some(sealed) => key.open_json(version_place("confirmations_sealed", id), sealed)?,
            None => Vec::new(),
        };
        let change = match &row.change_sealed {
            Some(sealed) => Some(Phi::new(key.open_json(version_place("change_sealed", id), sealed)?)),
            None => None,
        };
        let withdrawn_reason = match &row.withdrawn_sealed {
            Some(sealed) => Some(Phi::new(key.open_json(version_place("withdrawn_sealed", id), sealed)?)),
            None => None,
        };
        Ok(Some(OpenedVersion {
            version: row.meta(),
            content: Phi::new(content),
            confirmations: Phi::new(confirmations),
            change,
            withdrawn_reason,
        }))
    }

    /// Checks that a version is what was signed; nothing of it leaves.
    ///
    /// # Errors
    /// `NotFound`; `Internal` when it is not, with a ledger entry `note.integrity`.
    pub async fn verify_version(&self, actor: &Actor, id: NoteVersionId) -> Result<()> {
        let mut conn = self.read().await?;
        let row = rows::version(&mut conn, id).await?;
        drop(conn);
        let relation = match &row {
            Some(row) if actor.acts_for(row.organization_id) => Relation::Own,
            _ => Relation::None,
        };
        self.authorize_own(actor, Action::ReadNote, relation, "note version")
            .await?;
        let row = row.ok_or(ServiceError::NotFound("note version"))?;
        let mut conn = self.read().await?;
        let key = self.store().keyring()?.patient_key(&mut conn, row.patient_id).await?;
        self.open_content(&row, &key).map(|_| ())
    }

    /// Opens a content and checks its hash.
    pub(super) fn open_content(&self, row: &SealedVersionRow, key: &PatientKey) -> Result<NoteContent> {
        let place = version_place("content_sealed", row.id);
        let opened = key.open(place, &row.content_sealed).and_then(|bytes| {
            if Sha256::digest(&*bytes).as_slice() != row.content_sha256 {
                return Err(StoreError::Sealed {
                    place: "note_version.content_sha256".to_owned(),
                });
            }
            serde_json::from_slice::<NoteContent>(&bytes).map_err(|_| StoreError::Row {
                column: "content_sealed",
                message: "signed content of another form".to_owned(),
            })
        });
        opened.map_err(|error| {
            self.report_broken(row.meta());
            ServiceError::Internal(error)
        })
    }

    /// Writes that a version is not what was signed. In a task of its own, because the reader's transaction, within
    /// which this may be called, is about to be rolled back.
    fn report_broken(&self, version: VersionRow) {
        let service = self.clone();
        tokio::spawn(async move {
            let mut entry = service.entry(&Actor::system(), "note.integrity");
            entry.outcome = "failure";
            entry.organization_id = Some(version.organization_id);
            entry.patient_id = Some(version.patient_id);
            entry.note_id = Some(version.note_id);
            entry.note_version_id = Some(version.id);
            let written = async {
                let mut tx = service.begin().await?;
                tx.record(entry);
                Ok::<_, ServiceError>(tx.commit().await?)
            };
            if let Err(error) = written.await {
                tracing::error!(version = %version.id, %error, "a signed version is broken, and the ledger did not take it");
            }
        });
    }
}
