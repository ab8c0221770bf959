//! The use cases on both engines.

mod directory;
mod loops;
mod loops_versions;
mod audit;
mod board;
mod inbox;
mod reply;
mod mis_send;
mod hold;
mod reading;
mod ledger;
mod histories;
mod patients;
mod notes;
mod work_support;
mod deliver;
mod escalate;
mod digest;
