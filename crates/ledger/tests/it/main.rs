//! The ledger from outside: known vectors, properties over many trees, and every kind of
//! tampering a receipt, an export or a checkpoint may suffer.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod checkpoint;
mod export;
mod leaf;
mod malformed;
mod properties;
mod receipt;
mod sequence;
mod support;
mod vectors;
