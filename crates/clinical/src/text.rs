//! Small helpers for words a person reads: lists, dates, ranges.

use chrono::NaiveDate;

/// `a, b and c`.
pub(crate) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [init @ .., last] => format!("{} and {last}", init.join(", ")),
    }
}

/// A date without ambiguity between countries: `13 Apr 2026`.
pub(crate) fn date(day: NaiveDate) -> String {
    day.format("%-d %b %Y").to_string()
}

/// The first letter in upper case.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// One entry, or `one`/`many` with the number: `1 day`, `3 days`.
pub(crate) fn count(n: i32, one: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{n} {one}s")
    }
}
