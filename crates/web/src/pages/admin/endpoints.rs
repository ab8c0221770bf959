//! `/directory/endpoints/{id}`: one way to reach a team or person: whether it works, what it sent, its switch, its
//! secret.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::{Redirect, Response},
    routing::{get, post},
};
use liaison_domain::{ChannelKind, EndpointId, EndpointStatus};
use liaison_service::{
    ServiceError,
    directory::{Endpoint, Organization},
    reading::AttemptRow,
    work::repair::FindDeliveries,
};

use super::{
    Names,
    deliveries::{Item, items, tried},
    is_admin,
    organization::manages,
    problems, words,
};
use crate::{
    Result, Web, WebError,
    form::Post,
    session::Signed,
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/endpoints/{id}", get(there))
        .route("/directory/endpoints/{id}", get(show))
        .route("/directory/endpoints/{id}/switch", post(switch))
        .route("/directory/endpoints/{id}/secret", post(rotate))
        .route("/directory/endpoints/{id}/test", post(test))
}

#[derive(Template)]
#[template(path = "admin/endpoint.html")]
struct EndpointTemplate {
    shell: Shell,
    endpoint: Endpoint,
    organization: Organization,
    name: String,
    owner: String,
    owner_href: String,
    channel: &'static str,
    webhook: bool,
    active: bool,
    manages: bool,
    why_disabled: &'static str,
    /// The last deliveries; empty for those who do not repair them.
    items: Vec<Item>,
    sees_deliveries: bool,
    /// A new secret, shown this one time.
    secret: Option<String>,
    refused: Option<String>,
}

impl EndpointTemplate {
    fn tried(&self, attempt: &AttemptRow) -> String {
        tried(attempt)
    }
}

/// A short address for the same page.
async fn there(_: Signed, Path(id): Path<String>) -> Result<Redirect> {
    let id: EndpointId = id.parse()?;
    Ok(Redirect::to(&format!("/directory/endpoints/{id}")))
}

async fn show(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    page(&web, &signed, id.parse()?, None, None).await
}

pub(super) async fn page(
    web: &Web,
    signed: &Signed,
    id: EndpointId,
    secret: Option<String>,
    refused: Option<String>,
) -> Result<Response> {
    let service = web.service();
    let endpoint = service
        .endpoint_by_id(&signed.actor, id)
        .await?
        .ok_or(WebError::NoPage)?;
    let organization = service
        .organization_by_id(&signed.actor, endpoint.organization_id)
        .await?;
    let organization = organization.ok_or(WebError::NoPage)?;
    let names = Names::load(web, signed, endpoint.user_id, [], endpoint.team_id).await?;
    let (owner, owner_href) = match (endpoint.team_id, endpoint.user_id) {
        (Some(team), _) => (names.team(team), format!("/directory/teams/{team}")),
        (None, Some(user)) => (names.person(user), format!("/directory/people/{user}")),
        (None, None) => (
            organization.name.clone(),
            format!("/directory/organizations/{}", organization.id),
        ),
    };
    let sees_deliveries = is_admin(signed);
    let found = if sees_deliveries {
        let wanted = FindDeliveries {
            endpoint_id: Some(id),
            limit: 10,
            ..FindDeliveries::default()
        };
        service.find_deliveries(&signed.actor, wanted).await?
    } else {
        Vec::new()
    };
    let status = if refused.is_some() {
        StatusCode::CONFLICT
    } else {
        StatusCode::OK
    };
    let channel = words::channel(endpoint.channel);
    let template = EndpointTemplate {
        shell: Shell::new(web, signed, "Endpoint").live(),
        name: format!("{channel} of {owner}"),
        owner,
        owner_href,
        channel,
        webhook: endpoint.channel == ChannelKind::Webhook,
        active: endpoint.status == EndpointStatus::Active,
        manages: manages(signed, &organization),
        why_disabled: match endpoint.disabled_reason.as_deref() {
            Some("ADMIN") => "An admin took it out of use.",
            Some("GONE") => "The other side said that it is gone (410).",
            Some("FAILING") => "Every delivery failed for five days.",
            _ => "Deliveries to it kept failing.",
        },
        items: items(web, signed, found).await?,
        sees_deliveries,
        secret,
        refused,
        endpoint,
        organization,
    };
    shell::page_with(status, &template)
}

async fn switch(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: EndpointId = id.parse()?;
    let disable = match post.fields.text("to") {
        "off" => true,
        "on" => false,
        _ => return Err(WebError::NoPage),
    };
    web.service()
        .set_endpoint_disabled(&post.signed.actor, id, disable)
        .await?;
    shell::go(&format!("/directory/endpoints/{id}?done=saved"))
}

/// The answer to this form is the only place where the new secret stands; a reload asks before it sends again.
async fn rotate(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: EndpointId = id.parse()?;
    match web.service().rotate_endpoint_secret(&post.signed.actor, id).await {
        Ok(secret) => page(&web, &post.signed, id, Some(secret.expose().to_owned()), None).await,
        Err(refused @ ServiceError::Conflict { .. }) => {
            let message = problems(refused)?
                .pop()
                .map(|problem| crate::error::capital(&problem.message));
            page(&web, &post.signed, id, None, message).await
        }
        Err(other) => Err(other.into()),
    }
}

/// A test runs through the same machinery as every delivery; its result appears among the last deliveries.
async fn test(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: EndpointId = id.parse()?;
    match web.service().test_endpoint(&post.signed.actor, id).await {
        Ok(_) => shell::go(&format!("/directory/endpoints/{id}?done=queued")),
        Err(refused @ ServiceError::Conflict { .. }) => {
            let message = problems(refused)?
                .pop()
                .map(|problem| crate::error::capital(&problem.message));
            page(&web, &post.signed, id, None, message).await
        }
        Err(other) => Err(other.into()),
    }
}
