//! The admin's page of deliveries: what left, how often it was tried, and a dead one made due again.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use liaison_domain::{
    Actor, ChannelKind, DeliveryId, DeliveryState, EndpointId, EndpointStatus, PurposeOfUse,
    access::{Action, Relation},
};
use liaison_store::{
    deliveries::{self, AttemptRow, DeliveryRow},
    directory::endpoint,
    recipients,
    tasks::Queue,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::claim::still_wanted;
use crate::{Result, Service, ServiceError, idempotency};

/// Make a dead delivery due again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RetryDelivery {
    /// The delivery: dead, of the actor's own clinic.
    pub delivery_id: DeliveryId,
    /// Repeats with the same key change nothing.
    pub idempotency_key: Option<String>,
}

/// A delivery with its attempts.
#[derive(Debug, Clone)]
pub struct DeliveryHistory {
    /// The delivery.
    pub delivery: DeliveryRow,
    /// Its attempts, in order.
    pub attempts: Vec<AttemptRow>,
}

/// Which deliveries to look for. Every field that is given must fit.
#[derive(Debug, Clone, Copy, Default)]
pub struct FindDeliveries {
    /// That stand so.
    pub state: Option<DeliveryState>,
    /// By this channel.
    pub channel: Option<ChannelKind>,
    /// To this endpoint.
    pub endpoint_id: Option<EndpointId>,
    /// After the one with this time of its last change and id.
    pub after: Option<(DateTime<Utc>, DeliveryId)>,
    /// 1 to [`MAX_PAGE`].
    pub limit: u32,
}

/// The most deliveries of one page.
pub const MAX_PAGE: u32 = 200;

impl Service {
    /// The deliveries of the actor's clinic, the latest change first, after the one with the given time and id.
    pub async fn deliveries(
        &self,
        actor: &Actor,
        state: Option<DeliveryState>,
        after: Option<(DateTime<Utc>, DeliveryId)>,
        limit: u32,
    ) -> Result<Vec<DeliveryHistory>> {
        let wanted = FindDeliveries {
            state,
            after,
            limit,
            ..FindDeliveries::default()
        };
        self.find_deliveries(actor, wanted).await
    }

    /// The same by channel and endpoint.
    pub async fn find_deliveries(&self, actor: &Actor, wanted: FindDeliveries) -> Result<Vec<DeliveryHistory>> {
        self.authorize(actor, Action::RepairDeliveries, Relation::Own).await?;
        let organization = self.organization(actor)?;
        let mut conn = self.read().await?;
        let by = (wanted.state, wanted.channel, wanted.endpoint_id);
        let limit = wanted.limit.clamp(1, MAX_PAGE);
        let rows = deliveries::list_by_channel(&mut conn, organization, by, wanted.after, limit).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id.uuid()).collect();
        let mut attempts: HashMap<DeliveryId, Vec<AttemptRow>> = HashMap::new();
        for attempt in deliveries::attempts_of(&mut conn, &ids).await? {
            attempts.entry(attempt.delivery_id).or_default().push(attempt);
        }
        Ok(rows
            .into_iter()
            .map(|delivery| DeliveryHistory {
                attempts: attempts.remove(&delivery.id).unwrap_or_default(),
                delivery,
            })
            .collect())
    }

    /// Makes a dead delivery due now. It is tried again at once; where its schedule is used up, once.
    pub async fn retry_delivery(&self, actor: &Actor, input: RetryDelivery) -> Result<DeliveryId> {
        self.authorize(actor, Action::RepairDeliveries, Relation::Own).await?;
        let now = self.now();
        let key = input.idempotency_key.clone();
        let mut tx = self.begin().await?;
        if let Some(earlier) = idempotency::replay(&mut tx, actor, key.as_deref(), "retryDelivery", &input).await? {
            return Ok(earlier);
        }
        let row = deliveries::find(&mut tx, input.delivery_id)
            .await?
            .filter(|row| actor.acts_for(row.organization_id))
            .ok_or(ServiceError::NotFound("delivery"))?;
        let of = match row.recipient_id {
            Some(id) => recipients::lock(&mut tx, id).await?,
            None => None,
        };
        if of.as_ref().is_some_and(|of| !still_wanted(of, row.purpose)) {
            return Err(ServiceError::conflict(
                "LOOP_ENDED",
                "this loop has ended; nothing needs to be sent any more",
            ));
        }
        if let Some(id) = row.endpoint_id
            && endpoint::find(&mut tx, id)
                .await?
                .is_some_and(|found| found.status == EndpointStatus::Disabled)
        {
            return Err(ServiceError::conflict(
                "ENDPOINT_DISABLED",
                "enable the endpoint first, then retry",
            ));
        }
        if !deliveries::revive(&mut tx, row.id, now).await? {
            return Err(ServiceError::conflict(
                "NOT_DEAD",
                "only a delivery that was given up can be retried",
            ));
        }
        deliveries::forgive_cut_off(&mut tx, row.id).await?;
        let mut entry = match &of {
            Some(of) => self.loop_entry(actor, "delivery.retry", of),
            None => self.entry(actor, "delivery.retry"),
        };
        entry.purpose = PurposeOfUse::Operations;
        entry.share_id = row.share_id;
        entry.object_id = Some(row.id.to_string());
        tx.record(entry);
        match (row.notice_id, row.share_id) {
            (None, share) => tx.nudge(Queue::Deliver, share.map(|share| share.uuid())),
            (Some(_), _) => tx.nudge(Queue::Notify, None),
        }
        idempotency::keep(self, &mut tx, actor, key.as_deref(), "retryDelivery", &input, &row.id).await?;
        tx.commit().await?;
        Ok(row.id)
    }
}
