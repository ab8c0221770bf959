//! Pages by keyset: a cursor is the time and id of the last entry shown, opaque to the caller.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use liaison_domain::EntryId;
use uuid::Uuid;

use crate::FieldProblem;

/// The most entries of one page.
pub const MAX_PAGE: u32 = 200;

/// How many when nothing is said.
const DEFAULT_PAGE: u32 = 50;

/// Where a page ended.
pub(super) type Position = (DateTime<Utc>, EntryId);

pub(super) fn cursor(at: DateTime<Utc>, id: EntryId) -> String {
    let mut bytes = at.timestamp_micros().to_be_bytes().to_vec();
    bytes.extend_from_slice(id.uuid().as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn position(cursor: &str) -> Option<Position> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (micros, id) = bytes.split_first_chunk::<8>()?;
    let at = DateTime::from_timestamp_micros(i64::from_be_bytes(*micros))?;
    Some((at, EntryId::from_uuid(Uuid::from_slice(id).ok()?)))
}

/// The wanted size and position; problems are added to `problems`.
pub(super) fn read(
    first: Option<u32>,
    after: Option<&str>,
    problems: &mut Vec<FieldProblem>,
) -> (u32, Option<Position>) {
    let first = first.unwrap_or(DEFAULT_PAGE);
    if first == 0 || first > MAX_PAGE {
        problems.push(FieldProblem::new("first", "OUT_OF_RANGE", format!("1 to {MAX_PAGE}")));
    }
    let position = after.and_then(|cursor| {
        let position = position(cursor);
        if position.is_none() {
            problems.push(FieldProblem::new(
                "after",
                "INVALID_CURSOR",
                "not a cursor of this list; begin without one",
            ));
        }
        position
    });
    (first.min(MAX_PAGE), position)
}
