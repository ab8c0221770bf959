//! A channel that sends nothing: it keeps what it was given and answers by script.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
};

use liaison_domain::{ChannelKind, EvidenceLevel};
use liaison_service::channel::{Channel, Outbound, SendOutcome, SendReport};

/// Keeps every message and gives the scripted reports in order; when the script is empty, it delivers.
pub struct CapturedChannel {
    kind: ChannelKind,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    sent: Vec<Outbound>,
    script: VecDeque<SendReport>,
}

impl CapturedChannel {
    /// A channel of the given kind.
    pub fn new(kind: ChannelKind) -> Self {
        Self {
            kind,
            inner: Mutex::default(),
        }
    }

    /// Adds a report to the script.
    pub fn push(&self, report: SendReport) {
        self.lock().script.push_back(report);
    }

    /// Adds a report with this outcome and no status, its artefact "scripted".
    pub fn push_outcome(&self, outcome: SendOutcome) {
        self.push(SendReport {
            outcome,
            status: None,
            artefact: "scripted".to_owned(),
        });
    }

    /// Everything given so far, in order, repeats included.
    pub fn sent(&self) -> Vec<Outbound> {
        self.lock().sent.clone()
    }

    /// Takes everything given so far out.
    pub fn take(&self) -> Vec<Outbound> {
        std::mem::take(&mut self.lock().sent)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[async_trait::async_trait]
impl Channel for CapturedChannel {
    fn kind(&self) -> ChannelKind {
        self.kind
    }

    async fn send(&self, message: &Outbound) -> SendReport {
        let mut inner = self.lock();
        inner.sent.push(message.clone());
        inner.script.pop_front().unwrap_or_else(|| match self.kind {
            ChannelKind::Email => SendReport {
                outcome: SendOutcome::Delivered(EvidenceLevel::Accepted),
                status: Some(250),
                artefact: "250 2.0.0 Ok: captured".to_owned(),
            },
            ChannelKind::Webhook => SendReport {
                outcome: SendOutcome::Delivered(EvidenceLevel::Received),
                status: Some(200),
                artefact: "HTTP 200 captured".to_owned(),
            },
        })
    }
}
