//! `[work]`: the background work and the retries.

use std::{collections::BTreeMap, time::Duration};

use liaison_domain::{ChannelKind, RetrySchedule};
use serde::Deserialize;

use super::Problems;

/// How much work at once, how long, how often again.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Work {
    /// Deliveries under way at once in this process.
    pub(crate) deliver_concurrency: usize,
    /// Escalation steps under way at once.
    pub(crate) escalate_concurrency: usize,
    /// Notices under way at once.
    pub(crate) notify_concurrency: usize,
    attempt_timeout_seconds: u64,
    lease_seconds: u64,
    reconcile_seconds: u64,
    shutdown_seconds: u64,
    email_retry_seconds: Vec<u32>,
    webhook_retry_seconds: Vec<u32>,
    retry_jitter: f64,
    retry_after_cap_seconds: u32,
}

impl Default for Work {
    fn default() -> Self {
        let email = RetrySchedule::default_for(ChannelKind::Email);
        Self {
            deliver_concurrency: 16,
            escalate_concurrency: 4,
            notify_concurrency: 4,
            attempt_timeout_seconds: 15,
            lease_seconds: 60,
            reconcile_seconds: 3,
            shutdown_seconds: 7,
            retry_jitter: email.jitter,
            retry_after_cap_seconds: email.retry_after_cap_seconds,
            email_retry_seconds: email.delays_seconds,
            webhook_retry_seconds: RetrySchedule::default_for(ChannelKind::Webhook).delays_seconds,
        }
    }
}

impl Work {
    pub(super) fn check(&self, problems: &mut Problems) {
        for (key, value) in [
            ("work.deliver_concurrency", self.deliver_concurrency),
            ("work.escalate_concurrency", self.escalate_concurrency),
            ("work.notify_concurrency", self.notify_concurrency),
        ] {
            problems.within(key, value as u64, 1..=200);
        }
        // A handler has 30 s for a delivery, its records included.
        problems.within("work.attempt_timeout_seconds", self.attempt_timeout_seconds, 1..=25);
        problems.within("work.lease_seconds", self.lease_seconds, 10..=3_600);
        if self.lease_seconds < self.attempt_timeout_seconds.saturating_mul(2) {
            problems.add(
                "work.lease_seconds",
                "must be at least twice work.attempt_timeout_seconds",
            );
        }
        problems.within("work.reconcile_seconds", self.reconcile_seconds, 1..=300);
        problems.within("work.shutdown_seconds", self.shutdown_seconds, 1..=28);
        problems.within(
            "work.retry_after_cap_seconds",
            self.retry_after_cap_seconds.into(),
            1..=86_400,
        );
        if !(0.0..=1.0).contains(&self.retry_jitter) {
            problems.add("work.retry_jitter", "choose a share from 0.0 to 1.0");
        }
        for (key, delays) in [
            ("work.email_retry_seconds", &self.email_retry_seconds),
            ("work.webhook_retry_seconds", &self.webhook_retry_seconds),
        ] {
            let fits = (1..=30).contains(&delays.len()) && delays.iter().all(|delay| (1..=604_800).contains(delay));
            if !fits || !delays.is_sorted() {
                problems.add(key, "give 1 to 30 delays in rising order, each 1 to 604800 seconds");
            }
        }
    }

    /// How long one attempt to deliver may take.
    pub(crate) fn attempt_timeout(&self) -> Duration {
        Duration::from_secs(self.attempt_timeout_seconds)
    }

    /// How long a claimed row belongs to its worker.
    pub(crate) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }

    /// Between two looks for due rows.
    pub(crate) fn reconcile_every(&self) -> Duration {
        Duration::from_secs(self.reconcile_seconds)
    }

    /// How long running work may take to finish after a stop was asked for.
    pub(crate) fn grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_seconds)
    }

    /// When to try again, by channel.
    pub(crate) fn retry(&self) -> BTreeMap<ChannelKind, RetrySchedule> {
        let schedule = |delays: &[u32]| RetrySchedule {
            delays_seconds: delays.to_vec(),
            jitter: self.retry_jitter,
            retry_after_cap_seconds: self.retry_after_cap_seconds,
        };
        BTreeMap::from([
            (ChannelKind::Email, schedule(&self.email_retry_seconds)),
            (ChannelKind::Webhook, schedule(&self.webhook_retry_seconds)),
        ])
    }
}
