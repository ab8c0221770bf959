//! Reads a draft's body for the clinic.

use liaison_clinical::{
    BottomLine, Mode, NoteContent, PriorContext, Section, SoftConfirmation, SoftWarning, UrgencyAssessment, assess,
    bottom_line, narrative_with,
};
use liaison_domain::{Actor, NoteId, Phi, access::Action};
use liaison_store::notes as rows;

use super::{
    NoteRow, SetAside,
    content::{self, DraftRecord, draft_place},
    no_draft, set_aside,
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
    /// What was typed and is no possible value of its field: not in the content, and never signed.
    pub set_aside: Phi<Vec<SetAside>>,
    /// What a signature would refuse now.
    pub before_signing: Vec<FieldProblem>,
    /// The first screen as readers would get it if it were signed as it is.
    pub bottom_line: Phi<BottomLine>,
    /// The same in words, section by section.
    pub sections: Phi<Vec<Section>>,
    /// The urgency it would have, with its reasons.
    pub urgency: Phi<UrgencyAssessment>,
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
        set_aside::refuse(&mut before_signing, &record.set_aside);
        let context = self
            .bottom_line_context(&mut tx, note.patient_id, note.organization_id, &record.content)
            .await?;
        let mut entry = self.note_entry(actor, "note.read", &note);
        entry.detail.insert("body", "draft".to_owned());
        entry.detail.insert("revision", note.draft_revision.to_string());
        tx.record(entry);
        tx.commit().await?;
        Ok(Draft {
            note,
            bottom_line: Phi::new(bottom_line(&record.content, &context)),
            sections: Phi::new(narrative_with(&record.content, &context)),
            urgency: Phi::new(assess(&record.content)),
            content: Phi::new(record.content),
            unconfirmed: Phi::new(checked.unconfirmed()),
            confirmations: Phi::new(record.confirmations),
            set_aside: Phi::new(record.set_aside),
            before_signing,
        })
    }
}
