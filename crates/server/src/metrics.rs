//! Metrics for Prometheus: what is counted as it happens, and what the database says when somebody asks.
//!
//! `prometheus-client` is the Prometheus project's own crate: four small dependencies, no HTTP server, no global state,
//! and label sets that are types, so that their values are bounded by construction. No label and no value names a
//! person, a patient or an id.

mod channel;
mod labels;
mod requests;
mod snapshot;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, atomic::AtomicU64};

use chrono::{DateTime, Utc};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::Registry,
};

pub(crate) use channel::Metered;
use labels::{
    ByAttempt, ByChannel, ByLevel, ByOperation, ByOperationOutcome, ByPool, ByQueue, ByRequest, ByRoute, ByUrgency,
};
pub(crate) use requests::count_requests;

/// The media type of [`Metrics::text`] (OpenMetrics 1.0).
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A gauge of a number that may have a fraction.
type Number = Gauge<f64, AtomicU64>;

/// Buckets of answers to a client, in seconds.
const ANSWERS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Buckets of tries to deliver, in seconds; a try ends by itself at 25 s at the latest.
const TRIES: [f64; 8] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];
/// Buckets of evidence, in seconds: a minute to a week.
const EVIDENCE: [f64; 9] = [
    10.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 259_200.0, 604_800.0,
];

/// The metrics of this process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Series>);

struct Series {
    registry: Registry,
    requests: Family<ByRequest, Counter>,
    request_seconds: Family<ByRoute, Histogram>,
    operations: Family<ByOperationOutcome, Counter>,
    operation_seconds: Family<ByOperation, Histogram>,
    attempts: Family<ByAttempt, Counter>,
    attempt_seconds: Family<ByChannel, Histogram>,
    database_up: Number,
    connections_open: Family<ByPool, Number>,
    connections_idle: Family<ByPool, Number>,
    connections_most: Family<ByPool, Number>,
    worker_up: Family<ByQueue, Number>,
    worker_restarts: Family<ByQueue, Number>,
    queue_waiting: Family<ByQueue, Number>,
    queue_claimed: Family<ByQueue, Number>,
    queue_oldest: Family<ByQueue, Number>,
    deliveries_waiting: Family<ByChannel, Number>,
    deliveries_late: Family<ByChannel, Number>,
    deliveries_dead: Family<ByChannel, Number>,
    loops_open: Family<ByUrgency, Number>,
    loops_overdue: Family<ByUrgency, Number>,
    loop_oldest: Family<ByUrgency, Number>,
    calls_open: Number,
    calls_overdue: Number,
    evidence_seconds: Family<ByLevel, Histogram>,
    ledger_size: Number,
    ledger_pending: Number,
    ledger_lag: Number,
    /// Evidence up to here was observed.
    evidence_seen: Mutex<DateTime<Utc>>,
}

fn answers() -> Histogram {
    Histogram::new(ANSWERS)
}

fn tries() -> Histogram {
    Histogram::new(TRIES)
}

fn latencies() -> Histogram {
    Histogram::new(EVIDENCE)
}

impl Metrics {
    /// Metrics that count from `now` on.
    pub(crate) fn new(now: DateTime<Utc>) -> Self {
        let mut registry = Registry::with_prefix("liaison");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", version);
        macro_rules! family {
            ($name:literal, $help:literal) => {{
                let family = Family::default();
                registry.register($name, $help, family.clone());
                family
            }};
            ($name:literal, $help:literal, $make:ident) => {{
                let family = Family::new_with_constructor($make as fn() -> Histogram);
                registry.register($name, $help, family.clone());
                family
            }};
        }
        macro_rules! number {
            ($name:literal, $help:literal) => {{
                let number = Number::default();
                registry.register($name, $help, number.clone());
                number
            }};
        }
        let series = Series {
            requests: family!("http_requests", "Requests by route and class of status"),
            request_seconds: family!("http_request_seconds", "Time to the answer's first byte", answers),
            operations: family!("graphql_operations", "Queries and mutations by their first root field"),
            operation_seconds: family!("graphql_operation_seconds", "Time of queries and mutations", answers),
            attempts: family!("delivery_attempts", "Tries to deliver by this process"),
            attempt_seconds: family!("delivery_attempt_seconds", "Time of tries to deliver", tries),
            database_up: number!("database_up", "1 where the database answered this look"),
            connections_open: family!("database_connections_open", "Open connections of this process"),
            connections_idle: family!("database_connections_idle", "Open connections that nobody uses"),
            connections_most: family!("database_connections_most", "The most connections there may be"),
            worker_up: family!("worker_up", "1 where this process's worker of the queue lives"),
            worker_restarts: family!("worker_restarts", "How often this process's worker was started again"),
            queue_waiting: family!("queue_waiting", "Tasks that no worker has claimed"),
            queue_claimed: family!("queue_claimed", "Tasks under way"),
            queue_oldest: family!("queue_oldest_seconds", "Age of the oldest task that waits"),
            deliveries_waiting: family!("deliveries_waiting", "Deliveries that wait for a try, later ones too"),
            deliveries_late: family!(
                "deliveries_late_seconds",
                "For how long the first due delivery has been due"
            ),
            deliveries_dead: family!("deliveries_dead_last_day", "Deliveries given up in the last 24 hours"),
            loops_open: family!("loops_open", "Open loops"),
            loops_overdue: family!("loops_overdue", "Open loops past their due time"),
            loop_oldest: family!("loop_oldest_open_seconds", "Age of the oldest open loop"),
            calls_open: number!("call_tasks_open", "Call tasks that wait"),
            calls_overdue: number!("call_tasks_overdue", "Call tasks past their due time"),
            evidence_seconds: family!("evidence_seconds", "From sharing to the proof of a level", latencies),
            ledger_size: number!("ledger_entries", "Entries that the newest checkpoint signs"),
            ledger_pending: number!("ledger_pending", "Entries that wait for their index"),
            ledger_lag: number!(
                "ledger_oldest_pending_seconds",
                "Age of the oldest entry without an index"
            ),
            evidence_seen: Mutex::new(now),
            registry,
        };
        Self(Arc::new(series))
    }

    /// Every series as text (OpenMetrics 1.0).
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}
