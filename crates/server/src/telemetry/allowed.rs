//! What of a span may leave: its name, its times, its place in the trace, and the attributes of a list. Everything else
//! that a span gathers (events, descriptions of errors, fields that somebody adds) stays here.

use std::time::Duration;

use opentelemetry::{KeyValue, Value, trace::Status};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanEvents, SpanExporter},
};

/// Ids and codes. A field belongs here only if no value of it can hold what somebody wrote.
const ALLOWED: [&str; 12] = [
    "attempt",
    "channel",
    "delivery_id",
    "method",
    "operation",
    "outcome",
    "queue",
    "request_id",
    "route",
    "share_id",
    "status",
    "subject",
];
/// No id, code or route is longer, in bytes.
const LONGEST: usize = 120;

/// Lets only what is allowed through to another exporter.
#[derive(Debug)]
pub(super) struct Allowed<E>(pub(super) E);

impl<E: SpanExporter> SpanExporter for Allowed<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        batch.iter_mut().for_each(reduce);
        self.0.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

fn reduce(span: &mut SpanData) {
    span.attributes.retain(may_leave);
    span.events = SpanEvents::default();
    for link in &mut span.links.links {
        link.attributes.clear();
    }
    if matches!(span.status, Status::Error { .. }) {
        span.status = Status::error("");
    }
}

fn may_leave(attribute: &KeyValue) -> bool {
    let short = match &attribute.value {
        Value::Bool(_) | Value::I64(_) | Value::F64(_) => true,
        Value::String(text) => text.as_str().len() <= LONGEST,
        _ => false,
    };
    short && ALLOWED.contains(&attribute.key.as_str())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::{Layer as _, layer::SubscriberExt as _};

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Kept {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().expect("no panic").extend(batch);
            Ok(())
        }
    }

    #[test]
    fn only_ids_and_codes_of_our_spans_leave() {
        let kept = Kept::default();
        let traces = SdkTracerProvider::builder()
            .with_simple_exporter(Allowed(kept.clone()))
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(traces.tracer("t"));
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(super::super::our_spans()));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!(
                "delivery",
                queue = "deliver",
                attempt = 2,
                patient = "Canary Okafor",
                operation = "Canary ".repeat(40),
                error = "Canary",
                outcome = tracing::field::Empty,
            );
            let _entered = span.enter();
            span.record("outcome", "delivered");
            tracing::error!(error = "Canary", "Canary event");
            tracing::info_span!(target: "sqlx::query", "another's", queue = "Canary").in_scope(|| {});
        });
        let kept = kept.0.lock().expect("no panic");
        let [span] = kept.as_slice() else {
            panic!("one span: {kept:?}")
        };
        let mut left: Vec<String> = span
            .attributes
            .iter()
            .map(|attribute| format!("{}={}", attribute.key, attribute.value))
            .collect();
        left.sort();
        assert_eq!(left, ["attempt=2", "outcome=delivered", "queue=deliver"]);
        assert!(!format!("{span:?}").contains("Canary"), "{span:?}");
    }
}
