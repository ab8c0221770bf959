//! What the workers do: send what is due, escalate silence, send digests, tidy up. Rows are the truth: each call looks
//! for what is due, claims it, works and records, so a killed or doubled call costs delay at most.
//!
//! Not here: queues, polling and restarts (the `jobs` crate).

mod at_work;
mod call_the_clinic;
mod claim;
mod combine;
pub mod deliver;
pub mod digest;
mod disable_endpoint;
pub mod ending;
pub mod escalate;
mod lanes;
mod next_person;
mod overdue_calls;
pub mod reclaim;
pub mod reconcile;
pub mod render;
pub mod repair;
pub mod retain;
mod settle;
mod unreachable;

pub(crate) use at_work::AtWork;
pub(crate) use combine::Combine;
pub(crate) use ending::Ending;
pub(crate) use lanes::Lanes;
pub use retain::Retention;

/// What one call did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Worked {
    /// How many rows it took on.
    pub done: u32,
    /// It stopped at its limit: more may be due.
    pub more: bool,
}

impl Worked {
    /// Adds what another call did.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            done: self.done + other.done,
            more: self.more || other.more,
        }
    }
}
