//! The HTTP server: the pages, GraphQL, `/healthz` and `/readyz`.
//!
//! `/healthz` says that the process lives. `/readyz` says whether it can work: the database answers and, where this
//! process runs them, all workers live. How far the ledger's sequencer is behind is shown but does not make a process
//! unready: taking every server out of service would stop care over a proof that comes late.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{
    Json, Router,
    extract::{MatchedPath, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use liaison_graphql::http::{GraphQlConfig, RequestIds};
use liaison_jobs::Health;
use liaison_service::Service;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tower_http::trace::TraceLayer;
use tracing::{Span, field};

use crate::{
    config::Config,
    lifecycle::Stopping,
    metrics::{MEDIA_TYPE, Metrics, count_requests},
    proxies::see_through,
    sign_in::Authenticator,
};

/// The longest wait for the database's answer to a readiness check.
const PATIENCE: Duration = Duration::from_secs(2);
/// Entries that wait longer than this for their index are late.
const LATE: i64 = 60;

/// Every answer names the ledger of the installation that gave it, by its public key: so that `liaison doctor` can tell
/// whether the address that people use leads here.
pub(crate) const LEDGER_HEADER: &str = "liaison-ledger";

/// What the readiness check asks.
#[derive(Clone)]
struct Ready {
    service: Service,
    /// `None` where this process runs no workers.
    workers: Option<Health>,
    stopping: Stopping,
}

/// Every route of this process. It is unready from the moment it is asked to stop; subscriptions end when it stops.
pub(crate) fn router(
    config: &Config,
    service: &Service,
    workers: Option<Health>,
    metrics: Metrics,
    stopping: &Stopping,
) -> Router {
    let (stop, draining) = (stopping.stop.clone(), stopping.asked.clone());
    let store = service.store();
    let (clock, random) = (store.clock(), store.random());
    let mut graphql = GraphQlConfig::new(RequestIds::new(move || random.uuid(clock.now()).to_string()));
    graphql.settings = config.graphql.clone();
    graphql.shutdown = stop.clone();
    graphql.seats = service.seats().clone();
    let ledger = HeaderValue::from_str(&service.signer().verifier().to_string()).ok();
    let authenticate = Arc::new(Authenticator::new(service.clone()));
    // The router's pattern alone: a path may hold a link's secret, and both path and query whatever a client put there.
    let trace = TraceLayer::new_for_http()
        .make_span_with(|request: &axum::extract::Request| {
            let route = request
                .extensions()
                .get::<MatchedPath>()
                .map_or("other", MatchedPath::as_str);
            tracing::info_span!(
                "http",
                method = method_of(request),
                route,
                request_id = field::Empty,
                status = field::Empty,
            )
        })
        .on_response(|response: &Response, latency: Duration, span: &Span| {
            let status = response.status().as_u16();
            span.record("status", status);
            tracing::debug!(?latency, status, "answered");
        });
    Router::new()
        .route("/readyz", get(ready))
        .with_state(Ready {
            service: service.clone(),
            workers,
            stopping: stopping.clone(),
        })
        .merge(liaison_graphql::routes(service, graphql, authenticate))
        .merge(liaison_web::router(service.clone(), stop))
        .layer(trace)
        .layer(axum::middleware::from_fn_with_state(metrics, count_requests))
        .route("/healthz", get(async || "ok\n"))
        .layer(axum::middleware::from_fn_with_state(
            config.http.trusted_proxies.clone().into(),
            see_through,
        ))
        .layer(axum::middleware::map_response(move |mut response: Response| {
            if let Some(ledger) = &ledger {
                response.headers_mut().insert(LEDGER_HEADER, ledger.clone());
            }
            if draining.is_cancelled() {
                // Whoever keeps this connection open takes the next request elsewhere.
                response
                    .headers_mut()
                    .insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            std::future::ready(response)
        }))
}

/// A method that HTTP knows: a client may send any word.
fn method_of(request: &axum::extract::Request) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// The monitor's routes: `/metrics`, `/healthz` and `/readyz`, on an address of their own.
pub(crate) fn monitor(service: &Service, workers: Option<Health>, metrics: Metrics, stopping: &Stopping) -> Router {
    let ready_state = Ready {
        service: service.clone(),
        workers: workers.clone(),
        stopping: stopping.clone(),
    };
    let measured = service.clone();
    Router::new()
        .route("/readyz", get(ready))
        .with_state(ready_state)
        .route(
            "/metrics",
            get(async move || {
                metrics.look(&measured, workers.as_ref()).await;
                match metrics.text() {
                    Ok(text) => ([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response(),
                    Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
                }
            }),
        )
        .route("/healthz", get(async || "ok\n"))
}

/// Opens a listener, with what to do where it cannot be opened. `key` is the setting that says where.
pub(crate) async fn listen(address: SocketAddr, key: &str) -> anyhow::Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: is another server running? see {key}"))
}

/// Serves until `stop` fires and the open requests are answered, or `grace` has passed since: then who still waits hears
/// nothing, and asks again under the same key.
pub(crate) async fn serve(
    listener: tokio::net::TcpListener,
    router: Router,
    stop: CancellationToken,
    grace: Duration,
) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let over = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        served = serving => served,
        () = over => {
            tracing::warn!("requests were still open when the grace of the stop was over");
            Ok(())
        }
    }
}

/// The answer of `/readyz`.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    database: &'static str,
    /// `alive`, `elsewhere`, or the queues without a living worker.
    workers: String,
    ledger: Ledger,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stopping: bool,
}

#[derive(Default, Serialize)]
struct Ledger {
    /// `current`, `late` or `unknown`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_seconds: Option<i64>,
}

async fn ready(State(state): State<Ready>) -> impl IntoResponse {
    let ledger = tokio::time::timeout(PATIENCE, lag(&state.service)).await;
    let (database, ledger) = match ledger {
        Ok(Ok(ledger)) => ("answers", ledger),
        Ok(Err(_)) => (
            "fails",
            Ledger {
                state: "unknown",
                ..Ledger::default()
            },
        ),
        Err(_) => (
            "silent",
            Ledger {
                state: "unknown",
                ..Ledger::default()
            },
        ),
    };
    let (workers, alive) = match &state.workers {
        None => ("elsewhere".to_owned(), true),
        Some(health) if health.all_alive() => ("alive".to_owned(), true),
        Some(health) => {
            let dead: Vec<_> = health
                .queues()
                .iter()
                .filter(|queue| !queue.alive)
                .map(|queue| queue.queue.name())
                .collect();
            (format!("not alive: {}", dead.join(", ")), false)
        }
    };
    let stopping = state.stopping.asked.is_cancelled() || state.stopping.stop.is_cancelled();
    let ready = database == "answers" && alive && !stopping;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(Readiness {
            ready,
            database,
            workers,
            ledger,
            stopping,
        }),
    )
}

async fn lag(service: &Service) -> liaison_store::Result<Ledger> {
    let mut conn = service.store().read().await?;
    let (waiting, oldest) = liaison_store::ledger::pending_count(&mut conn).await?;
    let oldest_seconds = oldest.map(|oldest| (service.now() - oldest).num_seconds().max(0));
    let late = oldest_seconds.is_some_and(|age| age > LATE);
    Ok(Ledger {
        state: if late { "late" } else { "current" },
        waiting: Some(waiting),
        oldest_seconds,
    })
}
