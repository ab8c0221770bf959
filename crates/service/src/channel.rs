//! What a channel (e-mail, webhook) must do for the service, and what it reports back.
//!
//! The trait stands here, beside the use cases, so that an arrow never points back: `channels` implements it, `jobs`
//! hands it to the service. A channel sends and reports; it decides nothing about retries, evidence or escalation.

use std::time::Duration;

use liaison_domain::{ChannelKind, DeliveryId, EvidenceLevel};

/// One message that stands ready to leave: everything a channel needs, and no PHI.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// The delivery this is an attempt of.
    pub delivery_id: DeliveryId,
    /// Identical on every try of the delivery: it becomes the e-mail's `Message-ID` (left of the `@`) and the
    /// `webhook-id`, so that a receiver can tell a repeat.
    pub message_id: String,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// Where it goes: an e-mail address (RFC 5321 `addr-spec`) or an `https` URL.
    pub address: String,
    /// The endpoint's secret where it has one (a webhook's `whsec_...`).
    pub secret: Option<Secret>,
    /// What is sent.
    pub body: OutboundBody,
    /// How long the whole try may take.
    pub timeout: Duration,
}

/// The two shapes a message can take. Neither carries clinical content.
#[derive(Debug, Clone)]
pub enum OutboundBody {
    /// A multipart e-mail.
    Email(EmailBody),
    /// A Standard Webhooks event.
    Webhook(WebhookBody),
}

/// An e-mail's parts.
#[derive(Debug, Clone)]
pub struct EmailBody {
    /// Subject line, free of PHI.
    pub subject: String,
    /// `text/plain` part.
    pub text: String,
    /// `text/html` part, with every value escaped.
    pub html: String,
    /// Higher than normal priority (`X-Priority`, `Importance`) for URGENT and EMERGENT.
    pub high_priority: bool,
}

/// A webhook's body: ids and links only.
#[derive(Debug, Clone)]
pub struct WebhookBody {
    /// The event's type, such as `share.notice`.
    pub event_type: String,
    /// The exact JSON text to send: the same bytes on every try.
    pub json: String,
}

/// A secret that is never printed.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }
    /// The secret itself, for the one place that signs with it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What became of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// The next hop took it: the evidence level this proves (SMTP 250: `Accepted`; webhook 2xx: `Received`).
    Delivered(EvidenceLevel),
    /// It will never work as it stands (SMTP 5xx, HTTP 4xx but 408 and 429, a refused address).
    Permanent {
        /// The endpoint itself is gone (HTTP 410): disable it.
        endpoint_gone: bool,
    },
    /// It may work later (SMTP 4xx, HTTP 408, 429, 5xx, connection refused).
    Transient {
        /// The receiver's `Retry-After`, not yet bounded.
        retry_after: Option<Duration>,
    },
    /// Nobody knows whether it arrived (time-out after the body left, connection cut after the final dot).
    Unknown,
}

/// One try's report: the outcome and the raw artefact that proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendReport {
    /// What became of it.
    pub outcome: SendOutcome,
    /// The protocol's own status code where there was one (SMTP reply code or HTTP status).
    pub status: Option<u16>,
    /// The receiver's own words, bounded to 1,000 characters, kept as raw evidence ("250 2.0.0 Ok: queued as 4F3").
    pub artefact: String,
}

/// A way to send.
#[async_trait::async_trait]
pub trait Channel: Send + Sync {
    /// Which endpoints it serves.
    fn kind(&self) -> ChannelKind;
    /// Sends once. Never panics, never retries by itself, never takes longer than `message.timeout`.
    async fn send(&self, message: &Outbound) -> SendReport;
}
