//! Deliveries and their attempts.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use liaison_clinical::Urgency;
use liaison_service::reading::{AttemptRow, DeliveryRow};

use super::recipient::Recipient;
use crate::directory::endpoint::Endpoint;
use crate::enums::{AttemptOutcome, ChannelKind, DeadReason, DeliveryPurpose, DeliveryState};
use crate::fail::OrRefuse as _;
use crate::ids::shown;
use crate::load::AttemptsOf;
use crate::session::asking;

/// One try of a delivery.
#[derive(SimpleObject)]
pub(crate) struct Attempt {
    /// Its id (`attempt_...`).
    id: ID,
    /// Which try, from 1.
    number: u32,
    /// When it began.
    started_at: DateTime<Utc>,
    /// When it ended; null where it was cut off.
    ended_at: Option<DateTime<Utc>>,
    /// What came of it.
    outcome: AttemptOutcome,
    /// SMTP reply code or HTTP status.
    status_code: Option<u32>,
    /// The other side's own words.
    artefact: Option<String>,
}

impl From<AttemptRow> for Attempt {
    fn from(row: AttemptRow) -> Self {
        Self {
            id: shown(row.id),
            number: row.number,
            started_at: row.started_at,
            ended_at: row.ended_at,
            outcome: row.outcome.into(),
            status_code: row.status_code,
            artefact: row.artefact,
        }
    }
}

/// A delivery; with its tries where a list brought them already.
pub(crate) struct Delivery {
    row: DeliveryRow,
    attempts: Option<Vec<AttemptRow>>,
}

impl Delivery {
    /// A delivery alone.
    pub(crate) fn of(row: DeliveryRow) -> Self {
        Self { row, attempts: None }
    }

    /// A delivery with its tries.
    pub(crate) fn with(row: DeliveryRow, attempts: Vec<AttemptRow>) -> Self {
        Self {
            row,
            attempts: Some(attempts),
        }
    }
}

/// One message to one address, with its tries. It carries no clinical content.
#[Object]
impl Delivery {
    /// Its id (`delivery_...`).
    pub(crate) async fn id(&self) -> ID {
        shown(self.row.id)
    }

    /// The loop it belongs to; null for a notice to a person.
    async fn recipient(&self, ctx: &Context<'_>) -> Result<Option<Recipient>> {
        let Some(id) = self.row.recipient_id else {
            return Ok(None);
        };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Recipient::of))
    }

    /// The endpoint; null where it goes to a person's own e-mail address.
    async fn endpoint(&self, ctx: &Context<'_>) -> Result<Option<Endpoint>> {
        let Some(id) = self.row.endpoint_id else {
            return Ok(None);
        };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Endpoint))
    }

    /// How it goes.
    async fn channel(&self) -> ChannelKind {
        self.row.channel.into()
    }

    /// Where it goes.
    async fn address(&self) -> &str {
        &self.row.address
    }

    /// Why it leaves.
    async fn purpose(&self) -> DeliveryPurpose {
        self.row.purpose.into()
    }

    /// Where it stands.
    async fn state(&self) -> DeliveryState {
        self.row.state.into()
    }

    /// How many attempts were begun.
    async fn attempt_count(&self) -> u32 {
        self.row.attempts
    }

    /// The tries, first to last.
    #[graphql(complexity = "2 + 2 * child_complexity")]
    async fn attempts(&self, ctx: &Context<'_>) -> Result<Vec<Attempt>> {
        let rows = match &self.attempts {
            Some(attempts) => attempts.clone(),
            None => asking(ctx)?
                .load
                .load_one(AttemptsOf(self.row.id))
                .await
                .or_refuse(ctx)?
                .unwrap_or_default(),
        };
        Ok(rows.into_iter().map(Attempt::from).collect())
    }

    /// When the next attempt is due.
    async fn next_attempt_at(&self) -> Option<DateTime<Utc>> {
        self.row.next_attempt_at
    }

    /// The id that every try carries: the e-mail's `Message-ID` left of the `@`, the webhook's `webhook-id`.
    async fn message_id(&self) -> &str {
        &self.row.message_id
    }

    /// How urgent.
    async fn urgency(&self) -> Urgency {
        self.row.urgency
    }

    /// Why it was given up.
    async fn dead_reason(&self) -> Option<DeadReason> {
        self.row.dead_reason.map(Into::into)
    }

    /// When the other side took it.
    async fn delivered_at(&self) -> Option<DateTime<Utc>> {
        self.row.delivered_at
    }

    /// When it was planned.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }
}
