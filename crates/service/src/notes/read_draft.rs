//! Reads a draft's body for the clinic.

use liaison_clinical::{Mode, NoteContent, PriorContext, SoftConfirmation, SoftWarning};
use liaison_domain::{Actor, NoteId, Phi, access::Action};
use liaison_store::notes as rows;

use super::{
    NoteRow,
    content::{self, DraftRecord, draft_place},
    no_draft,
};
use crate::{FieldProblem, Result, Service, ServiceError};

/// A draft with what it says.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The note.
    pub note: NoteRow,
    /// What it says so far.
    pub content: Phi<NoteContent>,
    /// Who confirmed which unusual value.
    pub confirmations: Phi<Vec<SoftConfirmation>>,
    /// Unusual values that nobody confirmed yet.
    pub unconfirmed: Phi<Vec<SoftWarning>>,
    /// What a signature would refuse now.
    pub before_signing: Vec<FieldProblem>,
}

impl Service {
    /// Reads a draft, with a ledger entry.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` `ALREADY_SIGNED` or `WITHDRAWN` when there is no draft.
    pub async fn draft(&self, actor: &Actor, note: NoteId) -> Result<Draft> {
        let note = self.own_note(actor, Action::ReadNote, note).await?;
        let mut tx = self.begin().await?;
        // Read again: row and body belong together.
        let note = rows::get(&mut tx, note.id)
            .await?
            .ok_or(ServiceError::NotFound("note"))?;
        let Some(sealed) = rows::draft(&mut tx, note.id).await? else {
            return Err(no_draft(&note));
        };
        let key = self.store().keyring()?.patient_key(&mut tx, note.patient_id).await?;
        let record: DraftRecord = key.open_json(draft_place(note.id), &sealed)?;
        let prior = self
            .prior(&mut tx, note.patient_id, Some(note.id), &record.content)
            .await?;
        let prior = PriorContext {
            signed_at: Some(self.now().fixed_offset()),
            ..prior
        };
        let checked = content::check(
            &record.content,
            Mode::Sign,
            &prior,
            &record.confirmations,
            &[],
            None,
            self.now(),
        );
        let mut before_signing = checked.problems.clone();
        before_signing.extend(checked.soft_problems());
        let mut entry = self.note_entry(actor, "note.read", &note);
        entry.detail.insert("body", "draft".to_owned());
        entry.detail.insert("revision", note.draft_revision.to_string());
        tx.record(entry);
        tx.commit().await?;
        Ok(Draft {
            note,
            content: Phi::new(record.content),
            unconfirmed: Phi::new(checked.unconfirmed()),
            confirmations: Phi::new(record.confirmations),
            before_signing,
        })
    }
}
