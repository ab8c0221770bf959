//! Spans to a collector: OTLP over HTTP with protobuf, in batches, from a thread of its own with a bounded queue. Where the
//! collector does not answer, spans are lost and nothing waits for them.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::Context;
use async_trait::async_trait;
use liaison_channels::Collector;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider},
};
use tokio::runtime::Handle;

use super::allowed::Allowed;
use crate::config::Telemetry;

/// The longest time for one post.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two batches.
const DELAY: Duration = Duration::from_secs(2);
/// Spans that wait at most; further ones are dropped.
const QUEUE: usize = 2_048;
const BATCH: usize = 512;

/// What makes spans and hands them over; `None` where no collector is configured.
pub(super) fn provider(telemetry: &Telemetry) -> anyhow::Result<Option<SdkTracerProvider>> {
    let Some(url) = telemetry.traces_url() else {
        return Ok(None);
    };
    let client = Client {
        collector: Collector::new(PATIENCE)?,
        // The exporter's thread has no runtime of its own.
        runtime: Handle::current(),
        silent: AtomicBool::new(false),
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(url.as_str())
        .with_timeout(PATIENCE)
        .with_headers(telemetry.headers().into_iter().collect::<HashMap<_, _>>())
        .build()
        .context("the export of traces cannot be set up")?;
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(DELAY)
        .build();
    // Nothing of the machine or its environment beside the name.
    let resource = Resource::builder_empty()
        .with_service_name(telemetry.service_name.clone())
        .with_attribute(opentelemetry::KeyValue::new(
            "service.version",
            env!("CARGO_PKG_VERSION"),
        ))
        .build();
    let processor = BatchSpanProcessor::builder(Allowed(exporter))
        .with_batch_config(config)
        .build();
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(telemetry.sampling)));
    Ok(Some(
        SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(sampler)
            .with_span_processor(processor)
            .build(),
    ))
}

/// Posts by the process's own client, and says once when the collector falls silent and once when it answers again.
#[derive(Debug)]
struct Client {
    collector: Collector,
    runtime: Handle,
    silent: AtomicBool,
}

impl Client {
    fn note(&self, trouble: Option<&str>) {
        let was = self.silent.swap(trouble.is_some(), Ordering::Relaxed);
        match trouble {
            Some(why) if !was => tracing::warn!(why, "the collector takes no spans; they are dropped until it does"),
            None if was => tracing::info!("the collector takes spans again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let url = head.uri.to_string().parse()?;
        let collector = self.collector.clone();
        let posted = self
            .runtime
            .spawn(async move { collector.post(url, head.headers, body.to_vec()).await })
            .await?;
        match posted {
            Ok(status) => {
                let refused = (!(200..300).contains(&status)).then(|| format!("it answers {status}"));
                self.note(refused.as_deref());
                Ok(Response::builder().status(status).body(Bytes::new())?)
            }
            Err(why) => {
                self.note(Some(&why));
                Err(why.into())
            }
        }
    }
}
