//! The admin's list of deliveries, and making a dead one due again.

use async_graphql::{Context, ID, InputObject, Object, Result};
use liaison_service::work::repair as use_cases;

use crate::enums::DeliveryState;
use crate::fail::{OrRefuse as _, payload, settle};
use crate::ids::{Ids, shown};
use crate::loops::delivery::Delivery;
use crate::page::{self, connection};
use crate::session::asking;

connection! {
    /// A page of deliveries.
    DeliveryConnection,
    /// A delivery in a page.
    DeliveryEdge of Delivery
}

/// A dead delivery to be made due again.
#[derive(InputObject)]
pub(crate) struct RetryDeliveryInput {
    /// Which (`delivery_...`).
    delivery_id: ID,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

payload! {
    /// What came of a retry.
    RetryDeliveryPayload {
        /// The delivery's id.
        delivery_id: ID,
    }
}

/// Deliveries.
#[derive(Default)]
pub(crate) struct DeliveryQuery;

#[Object]
impl DeliveryQuery {
    /// The clinic's deliveries, the latest change first. For admins.
    #[graphql(complexity = "page::cost(first, child_complexity)")]
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those that stand so.")] state: Option<DeliveryState>,
        #[graphql(desc = "How many: 1 to 100; 20 when nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<DeliveryConnection> {
        const LIST: &str = "deliveries";
        let asking = asking(ctx)?;
        let place = page::after(ctx, LIST, after.as_deref())?;
        let first = page::first(ctx, first)?;
        // One more than asked tells whether more follow.
        let found = asking
            .service
            .deliveries(&asking.actor, state.map(Into::into), place, first + 1);
        let mut found = found.await.or_refuse(ctx)?;
        let has_next = found.len() > first as usize;
        found.truncate(first as usize);
        let items = found.into_iter().map(|history| {
            let row = &history.delivery;
            (
                page::cursor(LIST, &(row.updated_at, row.id)),
                Delivery::with(history.delivery, history.attempts),
            )
        });
        Ok(DeliveryConnection::of(items, has_next, after.is_some()))
    }
}

/// Repairing deliveries.
#[derive(Default)]
pub(crate) struct DeliveryMutation;

#[Object]
impl DeliveryMutation {
    /// Makes a dead delivery due now. For admins.
    async fn retry_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The delivery.")] input: RetryDeliveryInput,
    ) -> Result<RetryDeliveryPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let delivery_id = ids.one("deliveryId", &input.delivery_id);
            ids.done()?;
            let input = use_cases::RetryDelivery {
                delivery_id,
                idempotency_key: input.idempotency_key,
            };
            asking.service.retry_delivery(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => RetryDeliveryPayload {
                delivery_id: Some(shown(id)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
