//! The GraphQL schema over the use cases, and its HTTP handler.
//!
//! Thin: a resolver reads its arguments, calls one use case and shows what came of it. Who may do what, what is checked
//! and what is recorded is decided in `service`. One file per area; [`http`] knows nothing of the schema.
//!
//! What holds everywhere:
//! - Ids are TypeIDs (`share_01h2xcejqtf2nbrexx3vqjhp41`). Another organization's id answers like an unknown one.
//! - A mutation takes one input and gives one payload. What a person can mend comes back in `problems`; errors with
//!   `extensions.code` are for the rest. A repeat with the same `idempotencyKey` changes nothing.
//! - Lists that can grow are Relay connections with opaque cursors, at most 100 items a page.
//! - Edges are loaded by sets of ids, so that a page takes a constant number of statements.
//! - The service writes its ledger entry before clinical content reaches a resolver.

mod audit;
mod directory;
mod enums;
mod fail;
pub mod http;
mod ids;
mod lists;
mod load;
mod loops;
mod notes;
mod page;
mod patients;
mod readings;
mod schema;
mod session;
mod watch;

pub use readings::Recorded;
pub use schema::{LiaisonSchema, Mutation, Query, routes, schema, sdl};
pub use session::{ActorSession, BearerAuthenticator};
pub use watch::Subscription;
