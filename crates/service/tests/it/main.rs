//! The use cases on both engines.

mod directory;
mod audit;
mod board;
mod inbox;
mod reply;
mod mis_send;
mod hold;
mod reading;
mod ledger;
mod loops;
mod loops_versions;
mod notes;
mod patients;
