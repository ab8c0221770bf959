//! The use cases on both engines.

mod audit;
mod board;
mod deliver;
mod digest;
mod directory;
mod escalate;
mod histories;
mod hold;
mod inbox;
mod ledger;
mod link;
mod link_support;
mod loops;
mod loops_versions;
mod mis_send;
mod notes;
mod patients;
mod reading;
mod reply;
mod sign_in;
mod work_support;
