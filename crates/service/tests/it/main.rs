//! The use cases on both engines.

mod directory;
mod audit;
mod ledger;
mod loops;
mod loops_versions;
mod notes;
mod patients;
