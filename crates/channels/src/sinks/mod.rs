//! Receivers that run in the same process, for the demo and for tests: a mail server, a webhook receiver, and a
//! channel that only remembers. They fail on demand. They are no part of a deployment.

mod captured;
mod cut;
mod mail_reader;
mod smtp;
mod smtp_session;
mod tls;
mod trickle;
mod webhook;

pub use captured::CapturedChannel;
pub use mail_reader::ReceivedMail;
pub use smtp::{SmtpFault, SmtpSink, SmtpSinkOptions, SmtpStage};
pub use tls::{Certificate, TEST_ROOT, TlsFront};
pub use webhook::{ReceivedWebhook, WebhookReply, WebhookSink, WebhookSinkOptions};
