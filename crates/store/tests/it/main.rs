//! The store on both engines.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod append_only;
mod basics;
mod keys;
mod ledger;
mod migrations;
mod retention;
mod support;
mod together;
mod transactions;
