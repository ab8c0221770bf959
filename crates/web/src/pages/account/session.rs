//! The session itself: kept alive, switched to another organization, ended.

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use liaison_domain::OrganizationId;
use serde::Serialize;

use crate::{
    Result, Web,
    form::{EnteringPost, Post},
    session::{Name, Signed, clear_cookie},
    shell,
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/session", get(state))
        .route("/session/touch", post(touch))
        .route("/switch", post(switch))
        .route("/sign-out", post(sign_out))
}

/// What a page's script knows of its session.
#[derive(Serialize)]
struct SessionState {
    idle_ms: i64,
    absolute_ms: i64,
    csrf: String,
}

fn state_of(web: &Web, signed: &Signed) -> Json<SessionState> {
    let now = web.service().now();
    Json(SessionState {
        idle_ms: (signed.session.idle_until - now).num_milliseconds().max(0),
        absolute_ms: (signed.session.absolute_until - now).num_milliseconds().max(0),
        csrf: signed.csrf.clone(),
    })
}

async fn state(State(web): State<Web>, signed: Signed) -> Json<SessionState> {
    state_of(&web, &signed)
}

/// The extractor told the service that somebody is there.
async fn touch(State(web): State<Web>, form: Post) -> Json<SessionState> {
    state_of(&web, &form.signed)
}

async fn switch(State(web): State<Web>, form: Post) -> Result<Response> {
    let to: OrganizationId = form.fields.text("organization").parse()?;
    web.service().switch_organization(&form.signed.actor, to).await?;
    shell::go("/")
}

async fn sign_out(State(web): State<Web>, form: EnteringPost) -> Result<Response> {
    web.service().sign_out(&form.signed.actor).await?;
    let mut response = Redirect::to("/sign-in").into_response();
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, clear_cookie(&web, Name::Session));
    headers.insert(
        HeaderName::from_static("clear-site-data"),
        HeaderValue::from_static("\"cache\", \"storage\""),
    );
    Ok(response)
}
