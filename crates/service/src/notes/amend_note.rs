//! Amends a signed note: a draft made from its newest version, signed again with a reason as the next version.

use liaison_clinical::differences;
use liaison_domain::{Actor, NoteId, NoteStatus, NoteVersionId, access::Action};
use liaison_store::notes as rows;
use serde::{Deserialize, Serialize};

use super::{
    SignNote,
    content::{Change, DraftRecord, draft_place},
    freeze::Freeze,
    no_draft,
    sign_note::NoteSigned,
};
use crate::{
    FieldProblem, Result, Service, ServiceError,
    idempotency::{keep, replay},
    patients::{Checks, patient_event},
};

/// A signed note to be amended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AmendNote {
    /// The note.
    pub note_id: NoteId,
    /// A repeat with the same key opens nothing.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

/// The draft of an amendment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmendmentOpened {
    /// The note.
    pub note_id: NoteId,
    /// The draft's revision.
    pub revision: i64,
    /// The version it was made from.
    pub from_version: NoteVersionId,
}

/// An amendment to be signed.
#[derive(Clone, Serialize, Deserialize)]
pub struct SignAmendment {
    /// The draft, as at a first signature; its idempotency key counts.
    pub sign: SignNote,
    /// Why the note changes: told to those who read the version before. 1 to 20,000 characters; sealed.
    pub reason: String,
}

const OPEN: &str = "note.amend";
const SIGN: &str = "note.sign_amendment";

impl Service {
    /// Opens a draft that amends a signed note. The signed version stays in force until the amendment is signed.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` unless a physician; `Conflict` `DRAFT_OPEN`, `NOT_SIGNED` or `WITHDRAWN`.
    pub async fn amend_note(&self, actor: &Actor, input: AmendNote) -> Result<AmendmentOpened> {
        self.own_note(actor, Action::SignNote, input.note_id).await?;
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if let Some(kept) = replay(&mut tx, actor, key, OPEN, &input).await? {
            return Ok(kept);
        }
        let note = rows::lock(&mut tx, input.note_id)
            .await?
            .ok_or(ServiceError::NotFound("note"))?;
        if note.status == NoteStatus::EnteredInError {
            return Err(no_draft(&note));
        }
        if note.version == 0 {
            return Err(ServiceError::conflict(
                "NOT_SIGNED",
                "this note is still a draft; change the draft",
            ));
        }
        if note.has_draft {
            return Err(ServiceError::conflict(
                "DRAFT_OPEN",
                "an amendment is open already; change or discard it",
            ));
        }
        let latest = rows::versions_of_note(&mut tx, note.id).await?;
        let latest = latest.first().ok_or(ServiceError::NotFound("note"))?;
        let opened = self
            .open_version(&mut tx, latest.id)
            .await?
            .ok_or(ServiceError::NotFound("note"))?;
        let record = DraftRecord {
            content: opened.content.into_revealed(),
            confirmations: opened.confirmations.into_revealed(),
            set_aside: Vec::new(),
        };
        let patient_key = self.store().keyring()?.patient_key(&mut tx, note.patient_id).await?;
        let sealed = patient_key.seal_json(draft_place(note.id), &record, &*self.store().random())?;
        rows::open_draft(&mut tx, note.id, note.draft_revision, sealed, actor.user_id, self.now()).await?;
        let mut entry = self.note_entry(actor, OPEN, &note);
        entry.note_version_id = Some(latest.id);
        tx.record(entry);
        tx.announce(patient_event(note.organization_id, note.patient_id));
        let answer = AmendmentOpened {
            note_id: note.id,
            revision: note.draft_revision + 1,
            from_version: latest.id,
        };
        keep(self, &mut tx, actor, key, OPEN, &input, &answer).await?;
        tx.commit().await?;
        Ok(answer)
    }

    /// Signs an amendment as the next version, with what changed field by field.
    ///
    /// # Errors
    /// As [`Service::sign_note`]; `Conflict` `NOT_SIGNED` for a note never signed; `Invalid` `NO_CHANGE` when nothing
    /// differs from the version before.
    pub async fn sign_amendment(&self, actor: &Actor, input: SignAmendment) -> Result<NoteSigned> {
        self.own_note(actor, Action::SignNote, input.sign.note_id).await?;
        let mut checks = Checks::default();
        let reason = checks.text("reason", &input.reason);
        let mut tx = self.begin().await?;
        let key = input.sign.idempotency_key.as_deref();
        if let Some(kept) = replay(&mut tx, actor, key, SIGN, &input).await? {
            return Ok(kept);
        }
        let (ready, problems) = self.to_sign(&mut tx, actor, &input.sign).await?;
        let note = &ready.note;
        let latest = rows::versions_of_note(&mut tx, note.id).await?;
        let Some(latest) = latest.first() else {
            return Err(ServiceError::conflict(
                "NOT_SIGNED",
                "this note was never signed; sign it as it is",
            ));
        };
        let before = self
            .open_version(&mut tx, latest.id)
            .await?
            .ok_or(ServiceError::NotFound("note"))?;
        let fields: Vec<_> = differences(before.content.reveal(), &ready.content)
            .into_iter()
            .map(Into::into)
            .collect();
        problems.into_iter().for_each(|problem| checks.add(problem));
        if fields.is_empty() {
            checks.add(FieldProblem::new(
                "content",
                "NO_CHANGE",
                "nothing differs from the signed version",
            ));
        }
        checks.finish()?;
        let change = Change { reason, fields };
        let freeze = Freeze {
            note_id: note.id,
            patient_id: note.patient_id,
            organization_id: note.organization_id,
            version: latest.version + 1,
            document_id: latest.document_id.clone(),
            content: &ready.content,
            confirmations: &ready.checked.confirmations,
            change: Some(&change),
            signed_by: ready.signed_by,
            signed_at: ready.signed_at,
        };
        let (status, number) = (NoteStatus::Amended, latest.version + 1);
        rows::mark_signed(&mut tx, note.id, note.draft_revision, status, number, ready.signed_at).await?;
        let version = self.freeze(&mut tx, &ready.key, freeze).await?;
        self.record_signature(&mut tx, actor, SIGN, &ready, &version);
        self.follow_decision(&mut tx, actor, &version, &ready.content).await?;
        self.after_amendment(&mut tx, actor, &version).await?;
        let answer = NoteSigned::of(&version);
        keep(self, &mut tx, actor, key, SIGN, &input, &answer).await?;
        tx.commit().await?;
        Ok(answer)
    }
}
