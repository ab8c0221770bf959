//! Opening a share as its recipient: the only way by which a recipient gets clinical content.

use async_graphql::{Context, ID, InputObject, Object, Result};
use liaison_domain::RecipientId;

use super::recipient::Recipient;
use crate::fail::{payload, settle};
use crate::ids::Ids;
use crate::notes::body::ReleasedNote;
use crate::session::asking;

/// A loop to be opened.
#[derive(InputObject)]
pub(crate) struct OpenShareInput {
    /// The loop (`recipient_...`).
    recipient_id: ID,
}

payload! {
    /// What came of opening.
    OpenSharePayload {
        /// The loop, after opening: its questions and thread can be read from now on.
        recipient: Recipient,
        /// The note.
        note: ReleasedNote,
    }
}

/// Opening.
#[derive(Default)]
pub(crate) struct OpenMutation;

#[Object]
impl OpenMutation {
    /// Releases the content of a share to one of its recipients. That this person opened it is recorded as evidence
    /// before the content leaves; opening is not acknowledging. Opening again is another ledger entry, never another
    /// level.
    #[graphql(complexity = "20 + child_complexity")]
    async fn open_share(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The loop.")] input: OpenShareInput,
    ) -> Result<OpenSharePayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let id: RecipientId = ids.one("recipientId", &input.recipient_id);
            ids.done()?;
            asking.service.open_share(&asking.actor, id).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(opened) => OpenSharePayload {
                recipient: Some(Recipient::of(opened.recipient)),
                note: Some(ReleasedNote(opened.note)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
