//! GraphQL schema and HTTP handler.

pub mod http;
