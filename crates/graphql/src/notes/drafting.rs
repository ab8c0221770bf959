//! Beginning, changing and dropping drafts.

use async_graphql::{Context, ID, InputObject, Object, Result};
use liaison_clinical::{Decimal, NoteContentInput, problem::SoftWarning};
use liaison_service::notes as use_cases;

use super::Note;
use crate::fail::{OrRefuse as _, Problem, Settled, payload, settle};
use crate::ids::{Ids, shown};
use crate::session::{Asking, asking};

/// "I looked, the value is right": confirms one unusual value of the content.
#[derive(InputObject)]
pub(crate) struct ConfirmUnusualInput {
    /// The warning's path, such as `monitoring[5].sbp`.
    path: String,
    /// The warning's limit, such as `sbp`.
    limit: String,
    /// The value that was looked at; a later change asks again.
    value: Decimal,
}

impl From<ConfirmUnusualInput> for use_cases::ConfirmUnusual {
    fn from(input: ConfirmUnusualInput) -> Self {
        Self {
            path: input.path,
            limit: input.limit,
            value: input.value,
        }
    }
}

/// A note to be begun.
#[derive(InputObject)]
pub(crate) struct DraftNoteInput {
    /// The patient (`patient_...`).
    patient_id: ID,
    /// What it says so far. What is there must be possible; what is missing is only asked at signature.
    content: NoteContentInput,
    /// Unusual values that were looked at.
    #[graphql(default)]
    confirmations: Vec<ConfirmUnusualInput>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// What was typed and is no possible value of its field.
#[derive(InputObject)]
pub(crate) struct SetAsideInput {
    /// The field, such as `monitoring[3].sbp`: 1 to 200 characters.
    path: String,
    /// What was typed: 1 to 20,000 characters.
    text: String,
    /// What is wrong with it, for people: 1 to 1,000 characters.
    problem: String,
}

impl From<SetAsideInput> for use_cases::SetAside {
    fn from(SetAsideInput { path, text, problem }: SetAsideInput) -> Self {
        Self { path, text, problem }
    }
}

/// A draft as it should be from now on.
#[derive(InputObject)]
pub(crate) struct UpdateDraftInput {
    /// The note (`note_...`).
    note_id: ID,
    /// The revision that was seen: a change that somebody else made meanwhile is not written over.
    expected_revision: i64,
    /// What it says so far; of the same kind as before.
    content: NoteContentInput,
    /// Unusual values that were looked at. Earlier confirmations stay while their values stay.
    #[graphql(default)]
    confirmations: Vec<ConfirmUnusualInput>,
    /// What is kept beside the content until it is mended; at most 500 fields. Absent: what stood there stays, save where
    /// the content now has a value.
    set_aside: Option<Vec<SetAsideInput>>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// A draft to be dropped.
#[derive(InputObject)]
pub(crate) struct DiscardDraftInput {
    /// The note (`note_...`).
    note_id: ID,
    /// The revision that was seen.
    expected_revision: i64,
}

payload! {
    /// What came of beginning a note.
    DraftNotePayload {
        /// The note.
        note: Note,
        /// The draft's revision: give it as `expectedRevision` with the next change.
        revision: i64,
        /// Unusual values that nobody confirmed yet.
        unconfirmed: Vec<SoftWarning>,
        /// What a signature would refuse now.
        before_signing: Vec<Problem>,
    }
}

payload! {
    /// What came of changing a draft.
    UpdateDraftPayload {
        /// The note.
        note: Note,
        /// The draft's revision: give it as `expectedRevision` with the next change.
        revision: i64,
        /// Unusual values that nobody confirmed yet.
        unconfirmed: Vec<SoftWarning>,
        /// What a signature would refuse now.
        before_signing: Vec<Problem>,
    }
}

payload! {
    /// What came of dropping a draft.
    DiscardDraftPayload {
        /// The note's id. A note that was never signed is gone.
        note_id: ID,
    }
}

type Saved = (use_cases::DraftSaved, Option<Note>);

async fn saved(ctx: &Context<'_>, asking: &Asking, done: Settled<use_cases::DraftSaved>) -> Result<Settled<Saved>> {
    match done {
        Ok(saved) => {
            let note = asking.load.load_one(saved.note_id).await.or_refuse(ctx)?.map(Note);
            Ok(Ok((saved, note)))
        }
        Err(problems) => Ok(Err(problems)),
    }
}

/// Changes to drafts.
#[derive(Default)]
pub(crate) struct DraftMutation;

#[Object]
impl DraftMutation {
    /// Begins a note.
    async fn draft_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The note.")] input: DraftNoteInput,
    ) -> Result<DraftNotePayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let patient_id = ids.one("patientId", &input.patient_id);
            ids.done()?;
            let input = use_cases::DraftNote {
                patient_id,
                content: input.content.into(),
                confirmations: input.confirmations.into_iter().map(Into::into).collect(),
                idempotency_key: input.idempotency_key,
            };
            asking.service.draft_note(&asking.actor, input).await
        };
        Ok(match saved(ctx, asking, settle(ctx, done.await)?).await? {
            Ok((saved, note)) => DraftNotePayload {
                note,
                revision: Some(saved.revision),
                unconfirmed: Some(saved.unconfirmed),
                before_signing: Some(saved.before_signing.into_iter().map(Into::into).collect()),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }

    /// Changes a draft that is still as it was seen.
    async fn update_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The draft as it should be.")] input: UpdateDraftInput,
    ) -> Result<UpdateDraftPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let note_id = ids.one("noteId", &input.note_id);
            ids.done()?;
            let input = use_cases::UpdateDraft {
                note_id,
                expected_revision: input.expected_revision,
                content: input.content.into(),
                confirmations: input.confirmations.into_iter().map(Into::into).collect(),
                set_aside: input.set_aside.map(|aside| aside.into_iter().map(Into::into).collect()),
                idempotency_key: input.idempotency_key,
            };
            asking.service.update_draft(&asking.actor, input).await
        };
        Ok(match saved(ctx, asking, settle(ctx, done.await)?).await? {
            Ok((saved, note)) => UpdateDraftPayload {
                note,
                revision: Some(saved.revision),
                unconfirmed: Some(saved.unconfirmed),
                before_signing: Some(saved.before_signing.into_iter().map(Into::into).collect()),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }

    /// Drops a draft. A note that was never signed goes away with it; the ledger keeps that it was there.
    async fn discard_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The draft.")] input: DiscardDraftInput,
    ) -> Result<DiscardDraftPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let note_id = ids.one("noteId", &input.note_id);
            ids.done()?;
            let input = use_cases::DiscardDraft {
                note_id,
                expected_revision: input.expected_revision,
            };
            asking
                .service
                .discard_draft(&asking.actor, input)
                .await
                .map(|()| note_id)
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => DiscardDraftPayload {
                note_id: Some(shown(id)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
