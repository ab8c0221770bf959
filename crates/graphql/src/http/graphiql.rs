//! `GET /graphql`: the GraphiQL page for people who try the API. Queries over GET are never run.
//!
//! The page is the library's own. It loads React and GraphiQL from unpkg.com, whose scripts then see what the
//! reader sees: it is for development, and off unless the settings say otherwise.

use std::sync::Arc;

use async_graphql::Executor;
use async_graphql::http::GraphiQLSource;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse as _, Response};

use super::{App, PREFLIGHT_HEADER, answer, media, refuse_method};

/// The one version of GraphiQL which the page asks for, so that a new release does not change it.
const GRAPHIQL_VERSION: &str = "3.9.0";

const POLICY: &str = "default-src 'none'; script-src https://unpkg.com 'unsafe-inline'; style-src https://unpkg.com \
    'unsafe-inline'; font-src https://unpkg.com data:; img-src 'self' data: https://graphql.org; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) async fn page<S: Executor>(State(app): State<Arc<App<S>>>, request: Request) -> Response {
    if !app.config.settings.graphiql {
        return refuse_method(&request, "POST");
    }
    if !media::asks_for_html(request.headers()) {
        return refuse_method(&request, "GET, POST");
    }
    let html = GraphiQLSource::build()
        .title("Liaison GraphQL")
        .version(GRAPHIQL_VERSION)
        .endpoint("/graphql")
        .subscription_endpoint("/graphql/ws")
        .header(PREFLIGHT_HEADER, "1")
        .finish();
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    answer::protect(headers);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
