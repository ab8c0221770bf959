//! What else a recipient can do: decline, redirect, take on what was redirected.

use async_graphql::{Context, ID, InputObject, Object, Result};
use liaison_domain::RecipientId;
use liaison_service::loops::{decline, redirect};

use super::recipient::Recipient;
use crate::enums::Decline;
use crate::fail::{OrRefuse as _, payload, settle};
use crate::ids::{Ids, shown};
use crate::session::asking;

/// A loop to be declined.
#[derive(InputObject)]
pub(crate) struct DeclineShareInput {
    /// The loop (`recipient_...`).
    recipient_id: ID,
    /// Why. WRONG_RECIPIENT seals the copy and opens a case for the clinic's admins.
    reason: Decline,
    /// Free text: at most 4,000 characters.
    comment: Option<String>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// A loop to be redirected to a colleague: exactly one of `toTeamId` and `toUserId`.
#[derive(InputObject)]
pub(crate) struct RedirectShareInput {
    /// The loop (`recipient_...`).
    recipient_id: ID,
    /// The colleague's team (`team_...`), or ...
    to_team_id: Option<ID>,
    /// ... the colleague (`user_...`).
    to_user_id: Option<ID>,
    /// For a colleague in several organizations: which one (`org_...`).
    to_organization_id: Option<ID>,
    /// Why: 1 to 4,000 characters.
    reason: String,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// A redirected loop to be taken on.
#[derive(InputObject)]
pub(crate) struct AcceptRedirectInput {
    /// The loop (`recipient_...`).
    recipient_id: ID,
}

payload! {
    /// What came of a decline.
    DeclineSharePayload {
        /// The loop's id. After WRONG_RECIPIENT it is no longer yours to see.
        recipient_id: ID,
        /// The loop as it is now; null where it is no longer yours to see.
        recipient: Recipient,
        /// The wrong-recipient case (`missend_...`).
        mis_send_id: ID,
    }
}

payload! {
    /// What came of a redirect.
    RedirectSharePayload {
        /// The loop that was redirected.
        recipient: Recipient,
        /// The colleague's loop (`recipient_...`), with a full clock.
        new_recipient_id: ID,
    }
}

payload! {
    /// What came of taking a redirected loop on.
    AcceptRedirectPayload {
        /// The loop as it is now.
        recipient: Recipient,
    }
}

/// Declining and redirecting.
#[derive(Default)]
pub(crate) struct RecipientMutation;

#[Object]
impl RecipientMutation {
    /// Declines a loop. The sender is alerted at once.
    async fn decline_share(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The loop and why.")] input: DeclineShareInput,
    ) -> Result<DeclineSharePayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let recipient_id = ids.one("recipientId", &input.recipient_id);
            ids.done()?;
            let input = decline::DeclineShare {
                recipient_id,
                reason: input.reason.into(),
                comment: input.comment,
                idempotency_key: input.idempotency_key,
            };
            asking.service.decline_share(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(declined) => DeclineSharePayload {
                recipient_id: Some(shown(declined.recipient_id)),
                recipient: asking
                    .load
                    .load_one(declined.recipient_id)
                    .await
                    .or_refuse(ctx)?
                    .map(Recipient::of),
                mis_send_id: declined.mis_send_id.map(shown),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }

    /// Names a colleague, whose own loop opens with a full clock. One's duty ends only when the colleague accepts or
    /// acknowledges.
    async fn redirect_share(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The loop, the colleague and why.")] input: RedirectShareInput,
    ) -> Result<RedirectSharePayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let input = redirect::RedirectShare {
                recipient_id: ids.one("recipientId", &input.recipient_id),
                to_team_id: ids.maybe("toTeamId", input.to_team_id.as_ref()),
                to_user_id: ids.maybe("toUserId", input.to_user_id.as_ref()),
                to_organization_id: ids.maybe("toOrganizationId", input.to_organization_id.as_ref()),
                reason: input.reason,
                idempotency_key: input.idempotency_key,
            };
            ids.done()?;
            asking.service.redirect_share(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(redirected) => RedirectSharePayload {
                recipient: asking
                    .load
                    .load_one(redirected.recipient_id)
                    .await
                    .or_refuse(ctx)?
                    .map(Recipient::of),
                new_recipient_id: Some(shown(redirected.new_recipient_id)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }

    /// Takes a redirected loop on without acknowledging it yet: the redirecting colleague's duty ends.
    async fn accept_redirect(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The loop.")] input: AcceptRedirectInput,
    ) -> Result<AcceptRedirectPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let id: RecipientId = ids.one("recipientId", &input.recipient_id);
            ids.done()?;
            asking.service.accept_redirect(&asking.actor, id).await.map(|()| id)
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => {
                let recipient = asking.load.load_one(id).await.or_refuse(ctx)?.map(Recipient::of);
                AcceptRedirectPayload {
                    recipient,
                    ..Default::default()
                }
            }
            Err(problems) => problems.into(),
        })
    }
}
