//! Pages after the Relay connection specification: forward, by keyset, with opaque cursors.
//!
//! A cursor is base64url of a JSON list: the name of the list it belongs to and the place in it. It opens nothing: whose
//! rows are shown is decided anew for every page.

use async_graphql::{Context, Error, Result, connection::PageInfo};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use liaison_service::ServiceError;
use serde::{Serialize, de::DeserializeOwned};

use crate::fail::refusal;

/// The most items of one page.
pub(crate) const MAX_FIRST: i32 = 100;
/// The items of a page when nothing is said.
pub(crate) const DEFAULT_FIRST: i32 = 20;

/// The cost of a page: one item's cost, and as much again for every twenty-five items. Loaders make the hundredth item cheaper
/// than the first, so the cost does not grow in step with the items.
pub(crate) fn cost(first: Option<i32>, item: usize) -> usize {
    let first = usize::try_from(first.unwrap_or(DEFAULT_FIRST).clamp(0, MAX_FIRST)).unwrap_or_default();
    item * (1 + first / 25)
}

/// How many items are asked for.
pub(crate) fn first(ctx: &Context<'_>, given: Option<i32>) -> Result<u32> {
    match given.unwrap_or(DEFAULT_FIRST) {
        first @ 1..=MAX_FIRST => Ok(first.unsigned_abs()),
        _ => Err(bad_input(ctx, "first", "OUT_OF_RANGE", &format!("1 to {MAX_FIRST}"))),
    }
}

/// The cursor of a place in a list.
pub(crate) fn cursor<P: Serialize>(list: &str, place: &P) -> String {
    let bytes = serde_json::to_vec(&(list, place)).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place that a cursor names.
pub(crate) fn after<P: DeserializeOwned>(ctx: &Context<'_>, list: &str, given: Option<&str>) -> Result<Option<P>> {
    let Some(given) = given else { return Ok(None) };
    let place = URL_SAFE_NO_PAD
        .decode(given)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<(String, P)>(&bytes).ok())
        .filter(|(of, _)| of == list);
    match place {
        Some((_, place)) => Ok(Some(place)),
        None => Err(bad_input(
            ctx,
            "after",
            "INVALID_CURSOR",
            "not a cursor of this list; begin without one",
        )),
    }
}

/// An argument that cannot be used.
pub(crate) fn bad_input(ctx: &Context<'_>, argument: &str, code: &str, message: &str) -> Error {
    refusal(ctx, &ServiceError::invalid(argument, code, message))
}

/// Where a page lies in its list.
pub(crate) fn info(has_next_page: bool, after: bool, first: Option<String>, last: Option<String>) -> PageInfo {
    PageInfo {
        has_previous_page: after,
        has_next_page,
        start_cursor: first,
        end_cursor: last,
    }
}

/// Declares a connection and its edge.
macro_rules! connection {
    ($(#[$meta:meta])* $connection:ident, $(#[$emeta:meta])* $edge:ident of $node:ty) => {
        $(#[$meta])*
        #[derive(async_graphql::SimpleObject)]
        pub(crate) struct $connection {
            /// The items with their cursors, in the list's order.
            edges: Vec<$edge>,
            /// Whether more items follow, and where they begin.
            page_info: async_graphql::connection::PageInfo,
        }

        $(#[$emeta])*
        #[derive(async_graphql::SimpleObject)]
        pub(crate) struct $edge {
            /// Where the list goes on after this item: give it as `after`.
            cursor: String,
            /// The item.
            node: $node,
        }

        impl $connection {
            /// A page of items with their cursors; `after` says whether it is a further one.
            pub(crate) fn of(items: impl IntoIterator<Item = (String, $node)>, has_next: bool, after: bool) -> Self {
                let edges: Vec<$edge> = items.into_iter().map(|(cursor, node)| $edge { cursor, node }).collect();
                let (first, last) = (edges.first().map(|e| e.cursor.clone()), edges.last().map(|e| e.cursor.clone()));
                Self { edges, page_info: $crate::page::info(has_next, after, first, last) }
            }
        }
    };
}
pub(crate) use connection;
