//! Requests over HTTP, by the router's pattern and never by the path: a path may hold an id or a link's secret.

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use liaison_graphql::http::Operation;

use super::{ByOperation, ByOperationOutcome, ByRequest, ByRoute, Metrics};

/// Counts a request and, where it ran one, its GraphQL operation. A layer over a router with all its routes.
pub(crate) async fn count_requests(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("other", MatchedPath::as_str)
        .to_owned();
    let method = match *request.method() {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        _ => "other",
    };
    let began = std::time::Instant::now();
    let response = next.run(request).await;
    let seconds = began.elapsed().as_secs_f64();
    let series = &metrics.0;
    let status = match response.status().as_u16() {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    };
    if let Some(operation) = response.extensions().get::<Operation>() {
        let labels = ByOperation {
            operation: operation.root.clone(),
        };
        series.operation_seconds.get_or_create(&labels).observe(seconds);
        let labels = ByOperationOutcome {
            operation: labels.operation,
            outcome: if operation.ok { "ok" } else { "error" },
        };
        series.operations.get_or_create(&labels).inc();
    }
    series
        .request_seconds
        .get_or_create(&ByRoute { route: route.clone() })
        .observe(seconds);
    let labels = ByRequest { method, route, status };
    series.requests.get_or_create(&labels).inc();
    response
}
