//! Notes: drafts, signatures, amendments, withdrawals, and what is read from them.
//!
//! A draft may change; a signed version never does. Bodies are sealed under the patient's key; every reading of a body
//! is in the ledger before it leaves.

mod after;
mod amend_note;
mod content;
mod courses;
mod discard_draft;
mod draft_note;
mod freeze;
mod history;
mod import_journey;
mod list_notes;
mod read_draft;
mod read_version;
mod set_aside;
mod sign_note;
mod timeline;
mod trend;
mod update_draft;
mod withdraw_note;

pub use amend_note::{AmendNote, AmendmentOpened, SignAmendment};
pub use content::{Change, ConfirmUnusual, DraftSaved, FieldChange};
pub use discard_draft::DiscardDraft;
pub use draft_note::DraftNote;
pub use import_journey::{ImportMode, JourneyImported, MAX_JOURNEY_BYTES};
pub use liaison_store::notes::{CourseRow, NoteRow, TimelineRow, VersionRow};
pub use list_notes::{ListNotes, NotePage};
pub use read_draft::Draft;
pub use read_version::ReleasedNote;
pub use set_aside::SetAside;
pub use sign_note::{NoteSigned, SignNote};
pub use timeline::{TimelineCursor, TimelinePage};
pub use trend::{InfusionMark, PatientTrend};
pub use update_draft::UpdateDraft;
pub use withdraw_note::{NoteWithdrawn, WithdrawNote};

use liaison_clinical::{DocumentType, NoteContent};
use liaison_domain::{
    Actor, NoteId, NoteKind,
    access::{Action, Relation},
};
use liaison_store::{NewEntry, notes as rows};

use crate::{Result, Service, ServiceError};

impl Service {
    /// The note, if the actor may do `action` with it. Another clinic's note and no note look alike from outside; both
    /// are in the ledger. Opens transactions of its own: not to be called inside one.
    pub(crate) async fn own_note(&self, actor: &Actor, action: Action, id: NoteId) -> Result<NoteRow> {
        let mut conn = self.read().await?;
        let row = rows::get(&mut conn, id).await?;
        drop(conn);
        let relation = match &row {
            Some(row) if actor.acts_for(row.organization_id) => Relation::Own,
            _ => Relation::None,
        };
        self.authorize_own(actor, action, relation, "note").await?;
        row.ok_or(ServiceError::NotFound("note"))
    }

    /// As [`Service::own_note`] for reading what is not the note's text; to an admin while they broke the glass too.
    async fn recorded_note(&self, actor: &Actor, id: NoteId) -> Result<NoteRow> {
        let row = rows::get(&mut self.read().await?, id).await?;
        let relation = match &row {
            Some(row) if actor.acts_for(row.organization_id) => Relation::Own,
            _ => Relation::None,
        };
        let patient = row.as_ref().map(|row| row.patient_id);
        self.authorize_record(actor, Action::ReadNote, relation, patient, "note")
            .await?;
        row.ok_or(ServiceError::NotFound("note"))
    }

    /// A ledger entry about a note.
    fn note_entry(&self, actor: &Actor, action: &'static str, note: &NoteRow) -> NewEntry {
        let mut entry = self.entry(actor, action);
        entry.patient_id = Some(note.patient_id);
        entry.note_id = Some(note.id);
        entry
    }
}

/// The kind of a note that says this.
fn kind_of(content: &NoteContent) -> NoteKind {
    match content.document_type() {
        DocumentType::ConsultationNote => NoteKind::ConsultationNote,
        DocumentType::InfusionSummary => NoteKind::InfusionSummary,
    }
}

/// The draft is not what the actor saw, or gone: nothing was changed or lost.
fn draft_changed(note: &NoteRow) -> ServiceError {
    ServiceError::conflict(
        "DRAFT_CHANGED",
        format!(
            "somebody changed this draft meanwhile (it is at revision {}); nothing was lost: read it again and bring \
             your changes over",
            note.draft_revision
        ),
    )
}

/// Why a note has no draft to work on.
fn no_draft(note: &NoteRow) -> ServiceError {
    if note.status == liaison_domain::NoteStatus::EnteredInError {
        ServiceError::conflict(
            "WITHDRAWN",
            "this note was withdrawn as entered in error; write a new one",
        )
    } else {
        ServiceError::conflict(
            "ALREADY_SIGNED",
            "this note is signed and has no open draft; amend it to change it",
        )
    }
}

/// The note's draft is there and at the revision the actor saw.
fn expect_revision(note: &NoteRow, expected: i64) -> Result<()> {
    if !note.has_draft {
        return Err(no_draft(note));
    }
    if note.draft_revision != expected {
        return Err(draft_changed(note));
    }
    Ok(())
}
