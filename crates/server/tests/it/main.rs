//! The built binary as an operator meets it: commands, exit codes, files, signals.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod away;
mod backup;
mod bench;
mod clinic;
mod commands;
mod demo;
mod deployment;
mod help;
mod keys;
mod kill;
mod ledger;
mod monitor;
mod moving;
mod rolling;
mod runbook;
mod serving;
mod sign_in;
mod stopping;
mod torn;
mod traces;
mod twice;
