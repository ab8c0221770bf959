//! The use cases: authorise, validate, change, ledger, plan, enqueue, each in one transaction.
//!
//! One use case is one file, named after the act. The only crate with business decisions that touch the store.

pub mod channel;
