//! The running of workers and the hand-over of tasks, on both engines, in real time.
//!
//! Few and short on purpose: apalis reads the system clock. What is tried when is tested in `service`
//! with a set clock.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![expect(clippy::print_stdout, reason = "measured times are worth a look under --no-capture")]

mod bed;
mod contention;
mod failing;
mod handlers;
mod handover;
mod stopping;
mod upkeep;
mod waking;
