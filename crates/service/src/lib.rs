//! The use cases: authorise, validate, change, ledger, plan, enqueue, each in one transaction.
//!
//! One use case is one file, named after the act. The only crate with business decisions that touch the store.

pub mod audit;
pub mod channel;
mod context;
pub mod directory;
mod error;
mod idempotency;
pub mod ledger;
pub mod link;
pub mod loops;
pub mod notes;
pub mod origin;
pub mod patients;
pub mod reading;
mod readings;
pub mod seats;
pub mod sign_in;
pub mod work;

pub use context::{Service, ServiceOptions, Settings};
pub use error::{FieldProblem, ServiceError};

/// The service's results.
pub type Result<T, E = ServiceError> = std::result::Result<T, E>;
