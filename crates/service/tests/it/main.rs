//! The use cases on both engines.

mod addressee_lost;
mod audit;
mod audit_review;
mod board;
mod break_glass;
mod deliver;
mod digest;
mod directory;
mod escalate;
mod fuzz;
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
mod test_endpoint;
mod work_support;
