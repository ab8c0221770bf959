//! The channels against real sockets: what arrives, and what each fault is reported as.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod addresses;
mod captured;
mod email;
mod email_faults;
mod fuzz;
mod support;
mod tls_talk;
mod webhook;
mod webhook_faults;
