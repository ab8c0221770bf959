//! Writing in a loop's thread.

use async_graphql::{Context, ID, InputObject, Object, Result};
use liaison_service::loops::reply as use_cases;

use crate::fail::{OrRefuse as _, payload, settle};
use crate::ids::{Ids, shown};
use crate::loops::recipient::Recipient;
use crate::session::asking;

/// A message for a loop's thread.
#[derive(InputObject)]
pub(crate) struct WriteReplyInput {
    /// The loop (`recipient_...`).
    recipient_id: ID,
    /// What is said: 1 to 20,000 characters.
    body: String,
    /// Whether this is the answer that the clinic owed; for the clinic alone.
    #[graphql(default)]
    closes_reply_due: bool,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

payload! {
    /// What came of writing.
    WriteReplyPayload {
        /// The message's id (`reply_...`).
        reply_id: ID,
        /// The loop with its thread.
        recipient: Recipient,
    }
}

/// Writing.
#[derive(Default)]
pub(crate) struct ReplyMutation;

#[Object]
impl ReplyMutation {
    /// Writes in a loop's thread, as its clinic or as its recipient.
    async fn write_reply(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message.")] input: WriteReplyInput,
    ) -> Result<WriteReplyPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let recipient_id = ids.one("recipientId", &input.recipient_id);
            ids.done()?;
            let input = use_cases::WriteReply {
                recipient_id,
                body: input.body,
                closes_reply_due: input.closes_reply_due,
                idempotency_key: input.idempotency_key,
            };
            asking.service.reply(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(replied) => WriteReplyPayload {
                reply_id: Some(shown(replied.reply_id)),
                recipient: asking
                    .load
                    .load_one(replied.recipient_id)
                    .await
                    .or_refuse(ctx)?
                    .map(Recipient::of),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
