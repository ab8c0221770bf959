//! What a `POST /graphql` ran, left in the response's extensions for whoever counts. Not for the client.

use async_graphql::Request;
use async_graphql::parser::types::{DocumentOperations, Selection};

/// An operation that passed validation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its first root field, which is one of the schema's: names of operations are the client's and may be anything.
    pub root: String,
    /// Whether it answered without `errors`.
    pub ok: bool,
}

/// The first root field of the operation that a request runs; `None` where it begins with a fragment.
pub(crate) fn root_of(request: &mut Request) -> Option<String> {
    let name = request.operation_name.clone();
    let document = request.parsed_query().ok()?;
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => operation,
        (DocumentOperations::Multiple(map), Some(name)) => map.get(name.as_str())?,
        (DocumentOperations::Multiple(map), None) => map.values().next()?,
    };
    match &operation.node.selection_set.node.items.first()?.node {
        Selection::Field(field) => Some(field.node.name.node.to_string()),
        Selection::FragmentSpread(_) | Selection::InlineFragment(_) => None,
    }
}
