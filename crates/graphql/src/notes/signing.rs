//! Signing, amending and withdrawing notes.

use async_graphql::{Context, ID, InputObject, Object, Result};
use liaison_clinical::Urgency;
use liaison_service::{ServiceError, notes as use_cases};

use super::drafting::ConfirmUnusualInput;
use super::{Note, NoteVersion};
use crate::fail::{OrRefuse as _, payload, settle};
use crate::ids::{Ids, shown};
use crate::session::asking;

/// A draft to be signed.
#[derive(InputObject)]
pub(crate) struct SignNoteInput {
    /// The note (`note_...`).
    note_id: ID,
    /// The revision that the physician read.
    expected_revision: i64,
    /// Raises the urgency above the computed one; never below it.
    raised_urgency: Option<Urgency>,
    /// Unusual values that the physician looked at now.
    #[graphql(default)]
    confirmations: Vec<ConfirmUnusualInput>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

impl SignNoteInput {
    fn read(self) -> Result<use_cases::SignNote, ServiceError> {
        let mut ids = Ids::default();
        let note_id = ids.one("noteId", &self.note_id);
        ids.done()?;
        Ok(use_cases::SignNote {
            note_id,
            expected_revision: self.expected_revision,
            raised_urgency: self.raised_urgency,
            confirmations: self.confirmations.into_iter().map(Into::into).collect(),
            idempotency_key: self.idempotency_key,
        })
    }
}

/// A signed note to be amended.
#[derive(InputObject)]
pub(crate) struct AmendNoteInput {
    /// The note (`note_...`).
    note_id: ID,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// An amendment to be signed.
#[derive(InputObject)]
pub(crate) struct SignAmendmentInput {
    /// The draft, as at a first signature.
    #[graphql(flatten)]
    sign: SignNoteInput,
    /// Why the note changes: told to those who read the version before. 1 to 20,000 characters.
    reason: String,
}

/// A note to be withdrawn as entered in error.
#[derive(InputObject)]
pub(crate) struct WithdrawNoteInput {
    /// The note (`note_...`).
    note_id: ID,
    /// Why: told to those who read it. 1 to 20,000 characters.
    reason: String,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

payload! {
    /// What came of a signature.
    SignNotePayload {
        /// The signed version.
        note_version: NoteVersion,
    }
}

payload! {
    /// What came of opening an amendment.
    AmendNotePayload {
        /// The note, with its draft.
        note: Note,
        /// The draft's revision: give it as `expectedRevision`.
        revision: i64,
        /// The version it was made from (`notever_...`).
        from_version_id: ID,
    }
}

payload! {
    /// What came of signing an amendment.
    SignAmendmentPayload {
        /// The signed version.
        note_version: NoteVersion,
    }
}

payload! {
    /// What came of a withdrawal.
    WithdrawNotePayload {
        /// The note as it is now.
        note: Note,
    }
}

/// Signatures and what follows them.
#[derive(Default)]
pub(crate) struct SignMutation;

#[Object]
impl SignMutation {
    /// Signs a draft for the first time. For physicians.
    async fn sign_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The draft.")] input: SignNoteInput,
    ) -> Result<SignNotePayload> {
        let asking = asking(ctx)?;
        let done = async { asking.service.sign_note(&asking.actor, input.read()?).await };
        Ok(match settle(ctx, done.await)? {
            Ok(signed) => {
                let found = asking.load.load_one(signed.version_id).await.or_refuse(ctx)?;
                SignNotePayload {
                    note_version: found.map(NoteVersion),
                    ..Default::default()
                }
            }
            Err(problems) => problems.into(),
        })
    }

    /// Opens a draft that amends a signed note. The signed version stays in force until the amendment is signed.
    async fn amend_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The note.")] input: AmendNoteInput,
    ) -> Result<AmendNotePayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let note_id = ids.one("noteId", &input.note_id);
            ids.done()?;
            let input = use_cases::AmendNote {
                note_id,
                idempotency_key: input.idempotency_key,
            };
            asking.service.amend_note(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(opened) => AmendNotePayload {
                note: asking.load.load_one(opened.note_id).await.or_refuse(ctx)?.map(Note),
                revision: Some(opened.revision),
                from_version_id: Some(shown(opened.from_version)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }

    /// Signs an amendment as the next version. Unopened copies of the version before are recalled; those who opened it
    /// are told what changed and are asked again.
    async fn sign_amendment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The amendment.")] input: SignAmendmentInput,
    ) -> Result<SignAmendmentPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let input = use_cases::SignAmendment {
                sign: input.sign.read()?,
                reason: input.reason,
            };
            asking.service.sign_amendment(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(signed) => {
                let found = asking.load.load_one(signed.version_id).await.or_refuse(ctx)?;
                SignAmendmentPayload {
                    note_version: found.map(NoteVersion),
                    ..Default::default()
                }
            }
            Err(problems) => problems.into(),
        })
    }

    /// Withdraws every version of a note as entered in error. Everyone who had opened one is told.
    async fn withdraw_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The note and why.")] input: WithdrawNoteInput,
    ) -> Result<WithdrawNotePayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let note_id = ids.one("noteId", &input.note_id);
            ids.done()?;
            let input = use_cases::WithdrawNote {
                note_id,
                reason: input.reason,
                idempotency_key: input.idempotency_key,
            };
            asking.service.withdraw_note(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(withdrawn) => {
                let note = asking.load.load_one(withdrawn.note_id).await.or_refuse(ctx)?.map(Note);
                WithdrawNotePayload {
                    note,
                    ..Default::default()
                }
            }
            Err(problems) => problems.into(),
        })
    }
}
