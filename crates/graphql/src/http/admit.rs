//! The gates which every request over HTTP passes before something runs, cheapest first.

use std::net::SocketAddr;

use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, Request as GraphQlRequest};
use axum::extract::{ConnectInfo, Request};
use axum::http::{Extensions, HeaderMap};

use super::authenticate::{Credential, Session};
use super::error::{ErrorCode, Refusal};
use super::request_id::RequestId;
use super::{App, PREFLIGHT_HEADER, document, media, request_body, run};

/// A request that may run.
pub(crate) struct Admitted {
    pub(crate) session: Box<dyn Session>,
    pub(crate) request: GraphQlRequest,
    pub(crate) kind: OperationType,
}

/// Checks content type, credential, cross-site header, body and document of a POST, in this order: nobody makes
/// us parse anything before we know who it is.
///
/// # Errors
///
/// The first gate's refusal.
pub(crate) async fn admit<S: Executor>(app: &App<S>, request: Request) -> Result<Admitted, Refusal> {
    let (parts, body) = request.into_parts();
    media::check_content_type(&parts.headers)?;
    let session = session(app, &parts.headers, peer(&parts.extensions)).await?;
    if session.credential() == Credential::Cookie && !parts.headers.contains_key(PREFLIGHT_HEADER) {
        return Err(Refusal::new(
            ErrorCode::PreflightRequired,
            "a request with a session cookie needs the header GraphQL-Require-Preflight",
        ));
    }
    let bytes = request_body::read(&parts.headers, body, &app.config.settings).await?;
    let request = request_body::parse(&bytes)?;
    let (request, kind) = check_document(app, request)?;
    let request = prepare(session.as_ref(), request, RequestId::of(&parts.extensions));
    Ok(Admitted { session, request, kind })
}

/// Asks who it is, under the deadline.
///
/// # Errors
///
/// The answer to the [`AuthFailure`](super::AuthFailure), or `UNAVAILABLE`.
pub(crate) async fn session<S>(
    app: &App<S>,
    headers: &HeaderMap,
    peer: Option<SocketAddr>,
) -> Result<Box<dyn Session>, Refusal> {
    let asking = app.authenticate.authenticate(headers, peer);
    Ok(run::within(app.config.settings.deadline(), asking).await??)
}

/// Whether the credential still holds. One that cannot be checked in time does not.
pub(crate) async fn still_valid<S>(app: &App<S>, session: &dyn Session) -> bool {
    run::within(app.config.settings.deadline(), session.still_valid()).await == Ok(true)
}

/// Applies the limits, and keeps the parsed document so that it is parsed once.
///
/// # Errors
///
/// The limit it breaks.
pub(crate) fn check_document<S>(
    app: &App<S>,
    mut request: GraphQlRequest,
) -> Result<(GraphQlRequest, OperationType), Refusal> {
    let settings = &app.config.settings;
    let checked = document::check(
        &request.query,
        request.operation_name.as_deref(),
        &settings.limits,
        settings.introspection,
    )?;
    request.set_parsed_query(checked.document);
    if !settings.introspection {
        request = request.disable_introspection();
    }
    Ok((request, checked.kind))
}

/// Puts the session's data and the request id where resolvers find them.
pub(crate) fn prepare(session: &dyn Session, mut request: GraphQlRequest, id: RequestId) -> GraphQlRequest {
    session.fill(&mut request.data);
    request.data(id)
}

pub(crate) fn peer(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}
