//! GraphQL schema and HTTP handler.
