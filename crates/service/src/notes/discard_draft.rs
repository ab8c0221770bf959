//! Drops a draft: the whole note when it was never signed, else only the amendment under way.

use liaison_domain::{Actor, NoteId, access::Action};
use liaison_store::{legal_holds, notes as rows};

use super::expect_revision;
use crate::{
    Result, Service, ServiceError,
    patients::{patient_event, refuse_if_held},
};

/// A draft to be dropped.
#[derive(Debug, Clone, Copy)]
pub struct DiscardDraft {
    /// The note.
    pub note_id: NoteId,
    /// The revision that the actor saw.
    pub expected_revision: i64,
}

impl Service {
    /// Drops a draft. A note that was never signed goes away with it; the ledger keeps that it was there.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` `DRAFT_CHANGED`, `ALREADY_SIGNED` or `WITHDRAWN`; `LEGAL_HOLD` while one stands on the patient.
    pub async fn discard_draft(&self, actor: &Actor, input: DiscardDraft) -> Result<()> {
        let note = self.own_note(actor, Action::DraftNote, input.note_id).await?;
        let mut tx = self.begin().await?;
        legal_holds::stand_still(&mut tx).await?;
        let note = rows::lock(&mut tx, note.id)
            .await?
            .ok_or(ServiceError::NotFound("note"))?;
        expect_revision(&note, input.expected_revision)?;
        refuse_if_held(&mut tx, note.patient_id).await?;
        if note.version == 0 {
            rows::delete_unsigned(&mut tx, note.id, note.draft_revision).await?;
        } else {
            rows::clear_draft(&mut tx, note.id, note.draft_revision, actor.user_id, self.now()).await?;
        }
        let mut entry = self.note_entry(actor, "note.discard", &note);
        entry.detail.insert("signed_versions", note.version.to_string());
        tx.record(entry);
        tx.announce(patient_event(note.organization_id, note.patient_id));
        tx.commit().await?;
        Ok(())
    }
}
