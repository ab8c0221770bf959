//! Which request is being worked on, out of the spans: its id from the nearest span that has one, its trace from the
//! exporter's layer. Without export there is no trace, and the ids are carried all the same.

use std::fmt;

use liaison_service::origin::{Origin, Origins};
use opentelemetry::{
    Context as Trace, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceContextExt as _, TraceState},
};
use tracing::{
    Span, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{
    Layer, Registry,
    layer::Context,
    registry::{LookupSpan, SpanRef},
};

/// The field of a span that has a request's id.
const FIELD: &str = "request_id";

/// Keeps with each span the request's id that it names.
pub(super) struct RequestIds;

/// A request's id, in the extensions of its span.
struct RequestId(String);

#[derive(Default)]
struct Found(Option<String>);

impl Visit for Found {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == FIELD {
            self.0 = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == FIELD {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

fn keep<'a, S: LookupSpan<'a>>(span: Option<SpanRef<'a, S>>, found: Found) {
    if let (Some(span), Some(id)) = (span, found.0) {
        span.extensions_mut().replace(RequestId(id));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for RequestIds {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut found = Found::default();
        attributes.record(&mut found);
        keep(context.span(id), found);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut found = Found::default();
        values.record(&mut found);
        keep(context.span(id), found);
    }
}

/// Reads the request out of the current span.
#[derive(Debug)]
pub(crate) struct SpanOrigins;

impl Origins for SpanOrigins {
    fn current(&self) -> Origin {
        let span = Span::current();
        let request_id = span.with_subscriber(|(id, subscriber)| {
            let span = subscriber.downcast_ref::<Registry>()?.span(id)?;
            span.scope()
                .find_map(|span| span.extensions().get::<RequestId>().map(|id| id.0.clone()))
        });
        let trace = span.context().span().span_context().clone();
        Origin {
            request_id: request_id.flatten(),
            trace: trace.is_valid().then(|| written(&trace)),
        }
    }

    fn join(&self, span: &Span, trace: &str) {
        if let Some(of) = read(trace) {
            // Refused where nothing is exported.
            let _ = span.set_parent(Trace::new().with_remote_span_context(of));
        }
    }
}

/// As a W3C traceparent.
fn written(trace: &SpanContext) -> String {
    let flags = trace.trace_flags() & TraceFlags::SAMPLED;
    format!("00-{}-{}-{:02x}", trace.trace_id(), trace.span_id(), flags.to_u8())
}

fn read(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (Some("00"), Some(trace), Some(span), Some(flags), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        flags,
        true,
        TraceState::NONE,
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn a_traceparent_reads_as_it_was_written_and_nothing_else_reads() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = read(text).expect("a traceparent");
        assert!(context.is_sampled() && context.is_remote());
        assert_eq!(written(&context), text);
        for wrong in [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319c-Canary-01",
        ] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn the_nearest_request_id_is_found_without_any_export() {
        let subscriber = tracing_subscriber::registry().with(RequestIds.with_filter(super::super::our_spans()));
        tracing::subscriber::with_default(subscriber, || {
            assert_eq!(SpanOrigins.current(), Origin::default());
            let http = tracing::info_span!("http", request_id = tracing::field::Empty);
            let _http = http.enter();
            assert_eq!(SpanOrigins.current().request_id, None);
            http.record("request_id", "first-of-all");
            tracing::info_span!("inner", route = "/x").in_scope(|| {
                assert_eq!(SpanOrigins.current().request_id.as_deref(), Some("first-of-all"));
            });
            tracing::info_span!("graphql", request_id = %"second").in_scope(|| {
                let found = SpanOrigins.current();
                assert_eq!((found.request_id.as_deref(), found.trace), (Some("second"), None));
            });
        });
    }
}
