//! Pages by keyset: a cursor is the position of the entry it belongs to, opaque to the caller. Holds ids and times only.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::FieldProblem;

/// The most entries of one page.
pub const MAX_PAGE: u32 = 100;

/// How many when nothing is said.
const DEFAULT_PAGE: u32 = 50;

/// The longest cursor that is looked at, in bytes.
const MAX_CURSOR: usize = 400;

/// Where an entry of a list by time stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position<I> {
    /// The moment by which the list is sorted.
    pub(crate) at: DateTime<Utc>,
    /// Which of those at that moment.
    pub(crate) id: I,
}

impl<I> Position<I> {
    /// As the store takes it.
    pub(crate) fn pair(self) -> (DateTime<Utc>, I) {
        (self.at, self.id)
    }
}

/// A cursor for a position.
pub(crate) fn encode<T: Serialize>(position: &T) -> String {
    // Our own positions serialize without fail.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(position).unwrap_or_default())
}

/// The position of a cursor; a problem where it is none of this list's.
pub(crate) fn decode<T: DeserializeOwned>(after: Option<&str>, problems: &mut Vec<FieldProblem>) -> Option<T> {
    let cursor = after?;
    let bytes = (cursor.len() <= MAX_CURSOR)
        .then(|| URL_SAFE_NO_PAD.decode(cursor).ok())
        .flatten();
    let position = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if position.is_none() {
        problems.push(FieldProblem::new(
            "after",
            "INVALID_CURSOR",
            "not a cursor of this list; begin without one",
        ));
    }
    position
}

/// The wanted number of entries: 50 when nothing is said; a problem outside of 1 to 100.
pub(crate) fn size(first: Option<u32>, problems: &mut Vec<FieldProblem>) -> u32 {
    let first = first.unwrap_or(DEFAULT_PAGE);
    if first == 0 || first > MAX_PAGE {
        problems.push(FieldProblem::new("first", "OUT_OF_RANGE", format!("1 to {MAX_PAGE}")));
    }
    first.clamp(1, MAX_PAGE)
}

/// Cuts a list that was read one entry too long to the page; whether more follow.
pub(crate) fn cut<T>(rows: &mut Vec<T>, first: u32) -> bool {
    let first = usize::try_from(first).unwrap_or(usize::MAX);
    let more = rows.len() > first;
    rows.truncate(first);
    more
}
