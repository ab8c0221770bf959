//! Tries to deliver, counted around any channel.

use std::sync::Arc;

use liaison_domain::ChannelKind;
use liaison_service::channel::{Channel, Outbound, SendOutcome, SendReport};

use super::{ByAttempt, ByChannel, Metrics};

/// A channel whose tries are counted.
pub(crate) struct Metered {
    channel: Arc<dyn Channel>,
    metrics: Metrics,
}

impl Metered {
    /// Counts what `channel` does.
    pub(crate) fn new(channel: Arc<dyn Channel>, metrics: Metrics) -> Self {
        Self { channel, metrics }
    }
}

#[async_trait::async_trait]
impl Channel for Metered {
    fn kind(&self) -> ChannelKind {
        self.channel.kind()
    }

    async fn send(&self, message: &Outbound) -> SendReport {
        let began = std::time::Instant::now();
        let report = self.channel.send(message).await;
        let outcome = match report.outcome {
            SendOutcome::Delivered(_) => "delivered",
            SendOutcome::Permanent { .. } => "permanent",
            SendOutcome::Transient { .. } => "transient",
            SendOutcome::Unknown => "unknown",
        };
        let channel = self.kind().as_str().to_ascii_lowercase();
        let series = &self.metrics.0;
        series
            .attempt_seconds
            .get_or_create(&ByChannel {
                channel: channel.clone(),
            })
            .observe(began.elapsed().as_secs_f64());
        series.attempts.get_or_create(&ByAttempt { channel, outcome }).inc();
        report
    }
}
