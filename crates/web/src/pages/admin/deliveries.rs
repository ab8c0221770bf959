//! `/deliveries`: what left, what was given up and why, what to do, and another try.

use std::collections::HashMap;

use askama::Template;
use axum::{
    Router,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use liaison_domain::{AttemptOutcome, ChannelKind, DeadReason, DeliveryId, DeliveryPurpose, DeliveryState, EndpointId};
use liaison_service::{
    ServiceError,
    directory::Endpoint,
    reading::AttemptRow,
    work::repair::{DeliveryHistory, FindDeliveries, RetryDelivery},
};

use super::{Names, given_key, problems, words};
use crate::{
    Result, Web, WebError,
    form::{Fields, Post},
    session::Signed,
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/deliveries", get(list))
        .route("/deliveries/{id}/retry", post(retry))
}

const PAGE: u32 = 40;

/// A delivery as the page shows it.
pub(super) struct Item {
    pub(super) row: DeliveryHistory,
    pub(super) to: String,
    pub(super) channel: &'static str,
    pub(super) purpose: &'static str,
    pub(super) state: &'static str,
    pub(super) badge: &'static str,
    /// Why it was given up and what to do.
    pub(super) dead: Option<(&'static str, &'static str)>,
    pub(super) can_retry: bool,
}

#[derive(Template)]
#[template(path = "admin/deliveries.html")]
struct DeliveriesTemplate {
    shell: Shell,
    state: String,
    channel: String,
    items: Vec<Item>,
    key: String,
    older: Option<String>,
    refused: Option<String>,
}

pub(super) fn state_words(state: DeliveryState) -> (&'static str, &'static str) {
    match state {
        DeliveryState::Pending => ("Waits for its next try", "info"),
        DeliveryState::Sending => ("Being sent", "info"),
        DeliveryState::Delivered => ("Delivered", "good"),
        DeliveryState::Dead => ("Given up", "bad"),
        DeliveryState::Cancelled => ("No longer wanted", ""),
    }
}

fn dead_words(reason: DeadReason) -> (&'static str, &'static str) {
    match reason {
        DeadReason::Refused => (
            "The other side refused it for good.",
            "Look at its words below, correct the address or the receiving system, then retry.",
        ),
        DeadReason::Exhausted => (
            "Every try of the schedule failed.",
            "Ask the recipient's IT whether their system is up again, then retry.",
        ),
        DeadReason::EndpointDisabled => (
            "Its endpoint was disabled.",
            "Enable the endpoint or enter another one, then retry.",
        ),
        DeadReason::Poison => (
            "Its tries were cut off again and again.",
            "Look into the server's log for this time before you retry.",
        ),
    }
}

pub(super) fn purpose_words(purpose: DeliveryPurpose) -> &'static str {
    match purpose {
        DeliveryPurpose::Notice => "Notice of a share",
        DeliveryPurpose::Reminder => "Reminder",
        DeliveryPurpose::NextPerson => "Notice to the next person",
        DeliveryPurpose::Correction => "Correction or withdrawal",
        DeliveryPurpose::Reply => "Reply of the clinic",
        DeliveryPurpose::PersonNotice => "Notice to a person",
        DeliveryPurpose::Digest => "Daily digest",
        DeliveryPurpose::LinkCode => "Code for a secure link",
        DeliveryPurpose::AccountLink => "Link to an account",
        DeliveryPurpose::AccountChange => "Change of how somebody signs in",
        DeliveryPurpose::EndpointTest => "Test",
    }
}

/// What a try came to, in words.
pub(super) fn outcome_words(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Started => "under way",
        AttemptOutcome::Delivered => "taken",
        AttemptOutcome::Permanent => "refused",
        AttemptOutcome::Transient => "failed for now",
        AttemptOutcome::Unknown => "unknown whether it arrived",
    }
}

/// Deliveries as items, with the names of whom they reach: two calls at most.
pub(super) async fn items(web: &Web, signed: &Signed, found: Vec<DeliveryHistory>) -> Result<Vec<Item>> {
    let ids: Vec<EndpointId> = super::each(found.iter().filter_map(|one| one.delivery.endpoint_id));
    let endpoints = match ids.is_empty() {
        true => Vec::new(),
        false => web.service().endpoints_by_ids(&signed.actor, &ids).await?,
    };
    let people = endpoints.iter().filter_map(|endpoint| endpoint.user_id);
    let teams = endpoints.iter().filter_map(|endpoint| endpoint.team_id);
    let names = Names::load(web, signed, people, [], teams).await?;
    let by_id: HashMap<EndpointId, &Endpoint> = endpoints.iter().map(|endpoint| (endpoint.id, endpoint)).collect();
    let item = |row: DeliveryHistory| {
        let delivery = &row.delivery;
        let endpoint = delivery.endpoint_id.and_then(|id| by_id.get(&id));
        let (state, badge) = state_words(delivery.state);
        Item {
            to: endpoint
                .and_then(|endpoint| {
                    let team = endpoint.team_id.map(|team| names.team(team));
                    team.or_else(|| endpoint.user_id.map(|user| names.person(user)))
                })
                .unwrap_or_else(|| "A person's own address".to_owned()),
            channel: words::channel(delivery.channel),
            purpose: purpose_words(delivery.purpose),
            state,
            badge,
            dead: delivery.dead_reason.map(dead_words),
            can_retry: delivery.state == DeliveryState::Dead,
            row,
        }
    };
    Ok(found.into_iter().map(item).collect())
}

impl Item {
    pub(super) fn tries(&self) -> &[AttemptRow] {
        &self.row.attempts
    }
}

/// What a try came to, for the template.
pub(super) fn tried(attempt: &AttemptRow) -> String {
    let mut text = outcome_words(attempt.outcome).to_owned();
    if let Some(code) = attempt.status_code {
        text.push_str(&format!(", code {code}"));
    }
    text
}

async fn list(State(web): State<Web>, signed: Signed, RawQuery(query): RawQuery) -> Result<Response> {
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    page(&web, &signed, &fields, None).await
}

/// A place in the list: microseconds and id.
fn after(text: &str) -> Option<(DateTime<Utc>, DeliveryId)> {
    let (micros, id) = text.split_once('.')?;
    Some((DateTime::from_timestamp_micros(micros.parse().ok()?)?, id.parse().ok()?))
}

async fn page(web: &Web, signed: &Signed, fields: &Fields, refused: Option<String>) -> Result<Response> {
    // Dead ones first: they are what an admin comes for.
    let state = match fields.text("state") {
        "" => "DEAD",
        given => given,
    };
    let channel = fields.text("channel");
    let wanted = FindDeliveries {
        state: match state {
            "ALL" => None,
            given => Some(given.parse().map_err(|_| WebError::NoPage)?),
        },
        channel: match channel {
            "" => None,
            given => Some(given.parse::<ChannelKind>().map_err(|_| WebError::NoPage)?),
        },
        endpoint_id: None,
        after: after(fields.text("after")),
        limit: PAGE + 1,
    };
    let mut found = web.service().find_deliveries(&signed.actor, wanted).await?;
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let older = found.last().filter(|_| more).map(|last| {
        let row = &last.delivery;
        let place = format!("{}.{}", row.updated_at.timestamp_micros(), row.id);
        format!("/deliveries?state={state}&channel={channel}&after={place}")
    });
    let status = if refused.is_some() {
        StatusCode::CONFLICT
    } else {
        StatusCode::OK
    };
    let template = DeliveriesTemplate {
        shell: Shell::new(web, signed, "Deliveries").wide().live(),
        state: state.to_owned(),
        channel: channel.to_owned(),
        items: items(web, signed, found).await?,
        key: web.fresh_key(),
        older,
        refused,
    };
    shell::page_with(status, &template)
}

impl DeliveriesTemplate {
    fn tried(&self, attempt: &AttemptRow) -> String {
        tried(attempt)
    }
}

async fn retry(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let input = RetryDelivery {
        delivery_id: id.parse()?,
        idempotency_key: given_key(&post.fields),
    };
    match web.service().retry_delivery(&post.signed.actor, input).await {
        Ok(_) => shell::go("/deliveries?state=ALL&done=retried"),
        Err(refused @ ServiceError::Conflict { .. }) => {
            let message = problems(refused)?
                .pop()
                .map(|problem| crate::error::capital(&problem.message));
            page(&web, &post.signed, &Fields::default(), message).await
        }
        Err(other) => Err(other.into()),
    }
}
