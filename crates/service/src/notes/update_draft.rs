//! Changes a draft: of a new note, or of an amendment under way.

use liaison_clinical::NoteContent;
use liaison_domain::{Actor, NoteId, access::Action};
use liaison_store::notes as rows;
use serde::{Deserialize, Serialize};

use super::{
    ConfirmUnusual, DraftSaved, SetAside,
    content::{DraftRecord, draft_place},
    draft_note::Kept,
    expect_revision, kind_of, no_draft, set_aside,
};
use crate::{
    Result, Service, ServiceError,
    idempotency::{keep, replay},
    patients::patient_event,
};

/// A draft as it should be from now on.
#[derive(Clone, Serialize, Deserialize)]
pub struct UpdateDraft {
    /// The note.
    pub note_id: NoteId,
    /// The revision that the actor saw.
    pub expected_revision: i64,
    /// What it says so far; of the same kind as before.
    pub content: NoteContent,
    /// Unusual values that the actor looked at. Earlier confirmations stay while their values stay.
    #[serde(default)]
    pub confirmations: Vec<ConfirmUnusual>,
    /// What was typed and is no possible value of its field: kept beside the content until it is mended, never signed.
    /// `None` leaves what stands there, save where the content now has a value.
    #[serde(default)]
    pub set_aside: Option<Vec<SetAside>>,
    /// A repeat with the same key changes nothing.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

const OPERATION: &str = "note.update";

impl Service {
    /// Changes a draft that is still as the actor saw it.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` `DRAFT_CHANGED` when somebody else changed it (nothing is lost), `ALREADY_SIGNED` or
    /// `WITHDRAWN` when there is no draft; `Invalid` with every problem under `content.` or `setAside`.
    pub async fn update_draft(&self, actor: &Actor, input: UpdateDraft) -> Result<DraftSaved> {
        let note = self.own_note(actor, Action::DraftNote, input.note_id).await?;
        if kind_of(&input.content) != note.kind {
            return Err(ServiceError::invalid(
                "content.document_type",
                "KIND_CHANGED",
                format!("this note is a {}; begin another note for the other kind", note.kind),
            ));
        }
        let mut tx = self.begin().await?;
        let prior = self
            .prior(&mut tx, note.patient_id, Some(note.id), &input.content)
            .await?;
        let key = input.idempotency_key.as_deref();
        let kept = replay::<_, Kept>(&mut tx, actor, key, OPERATION, &input).await?;
        let note = rows::lock(&mut tx, note.id)
            .await?
            .ok_or(ServiceError::NotFound("note"))?;
        let patient_key = self.store().keyring()?.patient_key(&mut tx, note.patient_id).await?;
        let (earlier, beside) = match rows::draft(&mut tx, note.id).await? {
            Some(sealed) => {
                let record: DraftRecord = patient_key.open_json(draft_place(note.id), &sealed)?;
                (record.confirmations, record.set_aside)
            }
            None if kept.is_some() => (Vec::new(), Vec::new()),
            None => return Err(no_draft(&note)),
        };
        let checked = self.check_draft(actor, &input.content, &prior, &earlier, &input.confirmations)?;
        let beside = set_aside::from_now_on(input.set_aside.as_deref(), beside, &input.content)?;
        if let Some(kept) = kept {
            return Ok(self.saved(kept, &input.content, &prior, &checked, &beside));
        }
        expect_revision(&note, input.expected_revision)?;
        let record = DraftRecord {
            content: input.content.clone(),
            confirmations: checked.confirmations.clone(),
            set_aside: beside,
        };
        let sealed = patient_key.seal_json(draft_place(note.id), &record, &*self.store().random())?;
        rows::update_draft(&mut tx, note.id, note.draft_revision, sealed, actor.user_id, self.now()).await?;
        let kept = Kept {
            note_id: note.id,
            revision: note.draft_revision + 1,
        };
        let mut entry = self.note_entry(actor, OPERATION, &note);
        entry.detail.insert("revision", kept.revision.to_string());
        tx.record(entry);
        tx.announce(patient_event(note.organization_id, note.patient_id));
        keep(self, &mut tx, actor, key, OPERATION, &input, &kept).await?;
        tx.commit().await?;
        Ok(self.saved(kept, &input.content, &prior, &checked, &record.set_aside))
    }
}
