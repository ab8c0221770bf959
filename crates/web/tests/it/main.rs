//! The pages over the whole app, on both engines.

#![expect(clippy::unwrap_used, reason = "a harness stops the test when it cannot work")]

mod browser;
mod frame;
mod harness;
