//! Integration tests of the GraphQL crate.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should panic where it stands"
)]

mod doors;
mod http_errors;
mod http_flood;
mod http_harness;
mod http_limits;
mod http_post;
mod http_sse;
mod http_ws;
mod schema_text;
mod sign_in;
mod story;
mod story_access;
mod story_desk;
mod story_lists;
mod story_socket;
mod story_watch;
