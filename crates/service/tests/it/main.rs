//! The use cases on both engines.

mod audit;
mod ledger;
mod loops;
mod loops_versions;
