//! Begins a note as a draft, which may be incomplete.

use liaison_clinical::{Mode, NoteContent, PriorContext};
use liaison_domain::{Actor, NoteId, NoteStatus, PatientId, access::Action};
use liaison_store::{Conn, notes as rows};
use serde::{Deserialize, Serialize};

use super::{
    ConfirmUnusual, DraftSaved, SetAside,
    content::{self, Checked, DraftRecord, draft_place},
    kind_of, set_aside,
};
use crate::{
    Result, Service, ServiceError,
    idempotency::{keep, replay},
    patients::patient_event,
};

/// A note to be begun.
#[derive(Clone, Serialize, Deserialize)]
pub struct DraftNote {
    /// The patient.
    pub patient_id: PatientId,
    /// What it says so far: a consultation note or an infusion summary.
    pub content: NoteContent,
    /// Unusual values that the actor looked at.
    #[serde(default)]
    pub confirmations: Vec<ConfirmUnusual>,
    /// A repeat with the same key begins nothing.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

/// What is kept of a saved draft for repeats: ids only.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) note_id: NoteId,
    pub(super) revision: i64,
}

const OPERATION: &str = "note.draft";

impl Service {
    /// Begins a note. What is there must be possible; what is missing is only asked at signature.
    ///
    /// # Errors
    /// `NotFound` for the patient; `Invalid` with every problem under `content.`.
    pub async fn draft_note(&self, actor: &Actor, input: DraftNote) -> Result<DraftSaved> {
        let patient = self.own_patient(actor, Action::DraftNote, input.patient_id).await?;
        let author_id = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let mut conn = self.read().await?;
        let prior = self.prior(&mut conn, patient.id, None, &input.content).await?;
        drop(conn);
        let checked = self.check_draft(actor, &input.content, &prior, &[], &input.confirmations)?;

        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if let Some(kept) = replay::<_, Kept>(&mut tx, actor, key, OPERATION, &input).await? {
            return Ok(self.saved(kept, &input.content, &prior, &checked, &[]));
        }
        let (id, now) = (self.id::<NoteId>(), self.now());
        let record = DraftRecord {
            content: input.content.clone(),
            confirmations: checked.confirmations.clone(),
            set_aside: Vec::new(),
        };
        let patient_key = self.store().keyring()?.patient_key(&mut tx, patient.id).await?;
        let new = rows::NewNote {
            id,
            patient_id: patient.id,
            organization_id: patient.organization_id,
            kind: kind_of(&input.content),
            status: NoteStatus::Preliminary,
            author_id,
            draft_sealed: Some(patient_key.seal_json(draft_place(id), &record, &*self.store().random())?),
            version: 0,
            at: now,
        };
        let kind = new.kind;
        rows::insert(&mut tx, new).await?;
        let mut entry = self.entry(actor, OPERATION);
        entry.patient_id = Some(patient.id);
        entry.note_id = Some(id);
        entry.detail.insert("kind", kind.to_string());
        tx.record(entry);
        tx.announce(patient_event(patient.organization_id, patient.id));
        let kept = Kept {
            note_id: id,
            revision: 1,
        };
        keep(self, &mut tx, actor, key, OPERATION, &input, &kept).await?;
        tx.commit().await?;
        Ok(self.saved(kept, &input.content, &prior, &checked, &[]))
    }

    /// The context in which a content of the note `but` is checked.
    pub(super) async fn prior(
        &self,
        conn: &mut Conn,
        patient: PatientId,
        but: Option<NoteId>,
        content: &NoteContent,
    ) -> Result<PriorContext> {
        let mut prior = self.history(conn, patient).await?.prior(but, content);
        let identity = self.identities(conn, &[patient]).await?.remove(&patient);
        prior.birth_date = identity.map(|identity| identity.reveal().birth_date);
        Ok(prior)
    }

    /// Checks a content as a draft; every problem at once.
    pub(super) fn check_draft(
        &self,
        actor: &Actor,
        content: &NoteContent,
        prior: &PriorContext,
        earlier: &[liaison_clinical::SoftConfirmation],
        given: &[ConfirmUnusual],
    ) -> Result<Checked> {
        let checked = content::check(content, Mode::Draft, prior, earlier, given, actor.user_id, self.now());
        if checked.problems.is_empty() {
            Ok(checked)
        } else {
            Err(ServiceError::Invalid(checked.problems))
        }
    }

    /// The answer to a saved draft.
    pub(super) fn saved(
        &self,
        kept: Kept,
        content: &NoteContent,
        prior: &PriorContext,
        checked: &Checked,
        beside: &[SetAside],
    ) -> DraftSaved {
        let prior = PriorContext {
            signed_at: Some(self.now().fixed_offset()),
            ..prior.clone()
        };
        let sign = content::check(
            content,
            Mode::Sign,
            &prior,
            &checked.confirmations,
            &[],
            None,
            self.now(),
        );
        let mut before_signing = sign.problems.clone();
        before_signing.extend(sign.soft_problems());
        set_aside::refuse(&mut before_signing, beside);
        DraftSaved {
            note_id: kept.note_id,
            revision: kept.revision,
            unconfirmed: checked.unconfirmed(),
            before_signing,
        }
    }
}
