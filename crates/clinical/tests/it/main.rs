//! Tests of what a note says: the journeys, the limits, the arithmetic and hostile input.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod arithmetic;
mod checks;
#[cfg(feature = "graphql")]
mod graphql;
mod journeys;
mod limits;
mod readers;
