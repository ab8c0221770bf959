//! Test an endpoint: a message that says it is a test goes its normal way, once, and what came of it can be looked at. A
//! test that arrives proves the endpoint; one that fails counts as a failure of it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{
    Actor, ChannelKind, DeliveryId, DeliveryPurpose, DeliveryState, EndpointId, EndpointStatus, Urgency,
};
use liaison_store::{
    deliveries::{self, AttemptRow, DeliveryRow},
    directory::{self as rows, EndpointRow},
    endpoint_tests,
    tasks::Queue,
};
use serde::Serialize;

use crate::{
    Result, Service, ServiceError,
    loops::message::{Message, event_type},
};

/// How soon the same endpoint is tested again.
pub const BETWEEN_TESTS: TimeDelta = TimeDelta::minutes(1);
/// How many tests are shown.
const SHOWN: u32 = 10;

/// A test and what came of it.
#[derive(Debug, Clone)]
pub struct EndpointTest {
    /// The message.
    pub delivery: DeliveryRow,
    /// Its tries; one, or none while it waits.
    pub attempts: Vec<AttemptRow>,
}

/// The body of a test's webhook (Standard Webhooks): nothing but that it is a test.
#[derive(Serialize)]
struct TestEvent {
    #[serde(rename = "type")]
    event_type: &'static str,
    timestamp: DateTime<Utc>,
    data: TestData,
}

#[derive(Serialize)]
struct TestData {
    delivery_id: DeliveryId,
    endpoint_id: EndpointId,
}

impl Service {
    /// Plans a test of an endpoint, for the admins who keep its directory.
    ///
    /// # Errors
    /// `NotFound` for another's; `ENDPOINT_DISABLED`; `TESTED_JUST_NOW` within a minute of the last test.
    pub async fn test_endpoint(&self, actor: &Actor, id: EndpointId) -> Result<DeliveryId> {
        self.managed_endpoint(actor, id).await?;
        let now = self.now();
        let mut tx = self.begin().await?;
        let endpoint = rows::endpoint::lock(&mut tx, id)
            .await?
            .ok_or(ServiceError::NotFound("endpoint"))?;
        if endpoint.status == EndpointStatus::Disabled {
            return Err(ServiceError::conflict(
                "ENDPOINT_DISABLED",
                "enable it first; nothing is sent to a disabled endpoint",
            ));
        }
        let last = endpoint_tests::list(&mut tx, id, 1).await?.pop();
        if last.is_some_and(|test| now < test.created_at + BETWEEN_TESTS) {
            return Err(ServiceError::conflict(
                "TESTED_JUST_NOW",
                "a test was sent within the last minute; look at what came of it",
            ));
        }
        let organization_id = actor.organization_id.unwrap_or(endpoint.organization_id);
        let delivery: DeliveryId = self.id();
        let payload = match endpoint.channel {
            ChannelKind::Webhook => serde_json::to_string(&TestEvent {
                event_type: event_type(DeliveryPurpose::EndpointTest),
                timestamp: now,
                data: TestData {
                    delivery_id: delivery,
                    endpoint_id: id,
                },
            }),
            ChannelKind::Email => {
                let clinic = self.organization_name(&mut tx, organization_id).await?;
                let to = self.endpoint_owner(&mut tx, &endpoint).await?;
                serde_json::to_string(&self.test_mail(clinic, to))
            }
        };
        let origin = self.origin();
        let planned = DeliveryRow {
            id: delivery,
            recipient_id: None,
            share_id: None,
            organization_id,
            notice_id: None,
            endpoint_id: Some(id),
            channel: endpoint.channel,
            address: endpoint.address.clone(),
            purpose: DeliveryPurpose::EndpointTest,
            state: DeliveryState::Pending,
            attempts: 0,
            next_attempt_at: Some(now),
            lease_owner: None,
            lease_until: None,
            message_id: delivery.to_string(),
            // Our own types serialize without fail.
            payload: payload.unwrap_or_default(),
            urgency: Urgency::Routine,
            dead_reason: None,
            delivered_at: None,
            created_at: now,
            updated_at: now,
            request_id: origin.request_id,
            trace: origin.trace,
        };
        deliveries::insert(&mut tx, &[planned]).await?;
        let mut entry = self.directory_entry(actor, "endpoint.test", endpoint.organization_id, id);
        entry.detail.insert("delivery_id", delivery.to_string());
        tx.record(entry);
        tx.nudge(Queue::Deliver, None);
        tx.commit().await?;
        Ok(delivery)
    }

    /// The last ten tests of an endpoint, newest first, with what came of them.
    ///
    /// # Errors
    /// `NotFound` for another's.
    pub async fn endpoint_tests(&self, actor: &Actor, id: EndpointId) -> Result<Vec<EndpointTest>> {
        // Looking writes nothing, so a read-only token may.
        let reader = Actor {
            read_only: false,
            ..actor.clone()
        };
        self.managed_endpoint(&reader, id).await?;
        let mut conn = self.read().await?;
        let tests = endpoint_tests::list(&mut conn, id, SHOWN).await?;
        let ids: Vec<_> = tests.iter().map(|test| test.id.uuid()).collect();
        let attempts = deliveries::attempts_of(&mut conn, &ids).await?;
        Ok(tests
            .into_iter()
            .map(|delivery| EndpointTest {
                attempts: attempts
                    .iter()
                    .filter(|attempt| attempt.delivery_id == delivery.id)
                    .cloned()
                    .collect(),
                delivery,
            })
            .collect())
    }

    fn test_mail(&self, clinic: String, to: String) -> Message {
        Message {
            purpose: DeliveryPurpose::EndpointTest,
            clinic,
            to,
            urgency: Urgency::Routine,
            due_at: None,
            time_zone: "UTC".to_owned(),
            link: self.link("directory"),
            notice: None,
            facts: BTreeMap::new(),
            at: self.now(),
        }
    }

    async fn endpoint_owner(&self, tx: &mut liaison_store::Tx, endpoint: &EndpointRow) -> Result<String> {
        let team = match endpoint.team_id {
            Some(team) => rows::teams_by_ids(tx, &[team]).await?.pop().map(|team| team.name),
            None => None,
        };
        let person = match endpoint.user_id {
            Some(user) => rows::people_by_ids(tx, &[user])
                .await?
                .pop()
                .map(|person| person.display_name),
            None => None,
        };
        Ok(team.or(person).unwrap_or_else(|| endpoint.id.to_string()))
    }
}
