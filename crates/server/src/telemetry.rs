//! What this process tells of itself: lines on standard error and, where a collector is configured, spans over OTLP. Ids
//! and codes as fields, never clinical content; what may leave as an attribute is a list of its own (`allowed`).

mod allowed;
mod export;
mod origin;

use std::{io::IsTerminal, time::Duration};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::FilterFn, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

pub(crate) use self::origin::SpanOrigins;
use crate::config::{Format, Log, Telemetry};

/// The longest wait for the last spans at the end of a process, in the two seconds that the other limits leave of the 30.
const FAREWELL: Duration = Duration::from_millis(1_500);

/// The telemetry of a process that runs.
pub(crate) struct Running {
    traces: Option<SdkTracerProvider>,
}

/// Starts the log of a command, which exports nothing. Called once.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    started(log, None)
}

/// Starts the log of a process and, where a collector is configured, the export of its spans. Called once, in the runtime.
pub(crate) fn run(log: &Log, telemetry: &Telemetry) -> anyhow::Result<Running> {
    let traces = export::provider(telemetry)?;
    started(log, traces.as_ref())?;
    Ok(Running { traces })
}

impl Running {
    /// Hands over the last spans, within [`FAREWELL`]: a collector that does not answer loses them.
    pub(crate) async fn end(self) {
        let Some(traces) = self.traces else { return };
        let last = tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(FAREWELL));
        if !matches!(last.await, Ok(Ok(()))) {
            tracing::warn!("the last spans did not reach the collector");
        }
    }
}

fn started(log: &Log, traces: Option<&SdkTracerProvider>) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().parse(&log.filter)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
        Format::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    let registry = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(origin::RequestIds.with_filter(our_spans()));
    let spans = traces.map(|traces| {
        tracing_opentelemetry::layer()
            .with_tracer(traces.tracer("liaison"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(our_spans())
    });
    registry
        .with(spans)
        .try_init()
        .map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}

/// The spans of our own crates: what others put into theirs is not ours to judge. No events: those are the log's.
fn our_spans() -> FilterFn {
    fn ours(metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        metadata.is_span()
            && *metadata.level() <= Level::DEBUG
            && target
                .strip_prefix("liaison")
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '_']))
    }
    FilterFn::new(ours as fn(&Metadata<'_>) -> bool).with_max_level_hint(Level::DEBUG)
}
