//! GraphQL over HTTP, WebSocket and server-sent events, for any async-graphql schema.
//!
//! | route | what it does |
//! | --- | --- |
//! | `POST /graphql` | one query or mutation, after the [GraphQL over HTTP] draft |
//! | `GET /graphql` | the GraphiQL page where the settings allow it, else 405 |
//! | `GET /graphql/ws` | subscriptions over [graphql-transport-ws] |
//! | `POST /graphql/stream` | one subscription as server-sent events, [graphql-sse] in distinct connections mode |
//!
//! It is written here, and not taken from the stock axum integration, because that one runs mutations over GET
//! and batches without a bound. Every request passes the same gates, cheapest first: media types, size,
//! credential, cross-site check, shape of the JSON, limits on the document; only then does a resolver run, under
//! a deadline. Nothing here knows the schema, the roles or the store: who may see what is decided behind it.
//!
//! What goes back in an error is a code ([`ErrorCode`]), a sentence and the request id, never a variable or a
//! part of the query. An error that a resolver raised with `extensions.code` of its own passes as it is; one
//! without a code is taken for an accident and its text is withheld.
//!
//! Cookies do not authenticate a WebSocket: browsers send them with a handshake from any site, and no header
//! can be asked for there. Pages that live on a cookie session subscribe over `POST /graphql/stream`.
//!
//! [GraphQL over HTTP]: https://graphql.github.io/graphql-over-http/draft/
//! [graphql-transport-ws]: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
//! [graphql-sse]: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md

mod admit;
mod answer;
mod authenticate;
mod document;
mod error;
mod graphiql;
mod media;
mod operation;
mod post;
mod request_body;
mod request_id;
mod run;
mod scan;
mod settings;
mod sse;
mod ws;
mod ws_message;
mod ws_waiting;

use std::sync::Arc;

use async_graphql::Executor;
use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use liaison_service::seats::Seats;
use tokio_util::sync::CancellationToken;

use ws_waiting::Waiting;

pub use authenticate::{AuthFailure, Authenticate, Credential, Session};
pub use error::ErrorCode;
pub use operation::Operation;
pub use request_id::{RequestId, RequestIds};
pub use settings::{DocumentLimits, GraphQlSettings, SettingsError, SubscriptionSettings};

/// Header that a request authenticated by a cookie must carry, with any value. A browser cannot send it across
/// sites without a preflight, which this server never grants (the cross-site rule of the GraphQL over HTTP draft).
pub const PREFLIGHT_HEADER: &str = "graphql-require-preflight";

/// Complexity which the schema's builder should be given (`limit_complexity`); this module cannot know the costs.
pub const MAX_COMPLEXITY: usize = 500;

/// Nesting of selections, fragments included, which the schema's builder should be given
/// (`limit_recursive_depth`). Above the default of [`DocumentLimits::max_depth`], as spreads count there too.
pub const MAX_RECURSIVE_DEPTH: usize = 32;

/// What the handler needs beside the schema: plain settings, and the two things that come from outside.
#[derive(Clone, Debug)]
pub struct GraphQlConfig {
    /// Sizes, times and switches.
    pub settings: GraphQlSettings,
    /// Gives an id to a request that does not bring one in `x-request-id`.
    pub request_ids: RequestIds,
    /// The streams that are open; the server's other streams may count with them.
    pub seats: Seats,
    /// When it fires, WebSockets close with 1001 and event streams end, so that clients connect elsewhere.
    pub shutdown: CancellationToken,
}

impl GraphQlConfig {
    /// Default settings, ids from `request_ids`, and a shutdown token that the caller may replace.
    #[must_use]
    pub fn new(request_ids: RequestIds) -> Self {
        Self {
            settings: GraphQlSettings::default(),
            request_ids,
            seats: Seats::default(),
            shutdown: CancellationToken::new(),
        }
    }
}

/// What every handler shares.
pub(crate) struct App<S> {
    pub(crate) schema: S,
    pub(crate) config: GraphQlConfig,
    pub(crate) authenticate: Arc<dyn Authenticate>,
    /// WebSockets that have not signed in yet.
    pub(crate) waiting: Waiting,
}

/// The routes of the table above, to be merged into the server's router at its root.
///
/// The peer's address reaches [`Authenticate`] when the server is started with
/// `into_make_service_with_connect_info::<SocketAddr>()`.
pub fn router<S: Executor>(schema: S, config: GraphQlConfig, authenticate: Arc<dyn Authenticate>) -> Router {
    let request_ids = config.request_ids.clone();
    let app = Arc::new(App {
        waiting: Waiting::new(config.settings.subscriptions.max_waiting),
        schema,
        config,
        authenticate,
    });
    Router::new()
        .route(
            "/graphql",
            post(post::run::<S>)
                .get(graphiql::page::<S>)
                .fallback(method_not_allowed::<S>),
        )
        .route(
            "/graphql/stream",
            post(sse::stream::<S>).fallback(method_not_allowed::<S>),
        )
        .route("/graphql/ws", get(ws::upgrade::<S>).fallback(method_not_allowed::<S>))
        .with_state(app)
        .layer(axum::middleware::from_fn_with_state(request_ids, request_id::assign))
}

async fn method_not_allowed<S: Executor>(State(app): State<Arc<App<S>>>, request: axum::extract::Request) -> Response {
    let allow = match request.uri().path() {
        "/graphql/ws" => "GET",
        "/graphql" if app.config.settings.graphiql => "GET, POST",
        _ => "POST",
    };
    refuse_method(&request, allow)
}

pub(crate) fn refuse_method(request: &axum::extract::Request, allow: &'static str) -> Response {
    let id = RequestId::of(request.extensions());
    if request.method() == Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allow)]).into_response();
    }
    let refusal = error::Refusal::new(
        ErrorCode::MethodNotAllowed,
        format!("this address takes {allow} only; queries and mutations are sent by POST"),
    );
    let mut response = answer::refused(&refusal, &id, media::Media::for_errors(request.headers()));
    response
        .headers_mut()
        .insert(header::ALLOW, axum::http::HeaderValue::from_static(allow));
    response
}
