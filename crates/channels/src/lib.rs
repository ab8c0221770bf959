//! E-mail and webhooks: how a message leaves the house, and what came of it.
//!
//! Each channel implements [`liaison_service::channel::Channel`]: it sends once and reports an outcome with the raw
//! artefact. It decides nothing about retries, evidence or escalation, and it keeps no state but open connections.
//! The feature `sinks` adds receivers that run in the same process, for the demo and for tests.

mod address;
mod artefact;
mod collector;
mod email;
mod mail;
mod reach;
mod resolver;
mod retry_after;
#[cfg(feature = "sinks")]
pub mod sinks;
mod smtp_config;
mod smtp_session;
mod smtp_stream;
mod webhook;
mod webhook_url;

pub use address::{AddressPolicy, AddressRange, InvalidRange};
pub use collector::Collector;
pub use email::{EmailChannel, RelayProblem};
pub use reach::{Answer, Unreachable, ask, reach};
pub use resolver::{AddressRefused, Lookup, SystemLookup};
pub use smtp_config::{SmtpConfig, SmtpConfigError, SmtpTls};
pub use smtp_session::Phase;
pub use webhook::{WebhookChannel, WebhookConfig, WebhookConfigError, new_webhook_secret};
pub use webhook_url::{MAX_WEBHOOK_URL_LENGTH, UrlProblem, check_webhook_url};
