//! Background workers: they take nudges from the task queues and hand each to its handler.
//!
//! Thin on purpose. Rows are the truth and a task is a nudge, so nothing here decides whether, when or
//! how often something is tried: the handler claims its row, works and records. What this crate holds
//! is the running: [`Runtime`] (workers, their restarts, the reconcile ticker, upkeep, the graceful
//! stop), [`Handle`] (what a handler is) and [`Health`] (what readiness asks).

mod backend;
mod handle;
mod handlers;
mod health;
mod runtime;
mod settings;
mod worker;

pub use handle::{Handle, HandleError};
pub use handlers::ServiceHandler;
pub use health::{Health, QueueHealth};
pub use runtime::{Runtime, RuntimeError, Sources};
pub use settings::{QueueSettings, Settings, SettingsError};
