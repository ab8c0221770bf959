//! The pages over the whole app, on both engines.

#![expect(clippy::unwrap_used, reason = "a harness stops the test when it cannot work")]

mod account;
mod admin;
mod admin_directory;
mod browser;
mod clinic;
mod doors;
mod frame;
mod fuzz;
mod harness;
mod inbox;
mod inbox_acts;
mod inbox_settings;
mod link;
mod link_account;
mod live;
mod notes;
mod notes_share;
mod phi_dark;
mod step_up;
