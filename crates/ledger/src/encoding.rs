//! Base64 of hashes and bytes, decimal numbers and JSON text, as the formats of this crate
//! write them. Strict: one value has one spelling.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use crate::Hash;

/// Standard base64 with padding (RFC 4648 section 4).
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// The inverse of [`to_base64`]; `None` for anything it could not have written.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text).ok()
}

/// A hash from its base64 form; `None` unless it is exactly 32 bytes.
pub(crate) fn hash_from_base64(text: &str) -> Option<Hash> {
    from_base64(text)?.try_into().ok()
}

/// Several hashes in base64.
pub(crate) fn hashes_to_base64(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| to_base64(hash)).collect()
}

/// Several hashes from base64; the error is the zero-based position of the first bad one.
pub(crate) fn hashes_from_base64(texts: &[String]) -> Result<Vec<Hash>, usize> {
    texts
        .iter()
        .enumerate()
        .map(|(position, text)| hash_from_base64(text).ok_or(position))
        .collect()
}

/// An ASCII decimal without sign or leading zeroes.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let value: u64 = text.parse().ok()?;
    (value.to_string() == text).then_some(value)
}

/// One value as JSON on one line, without a newline at its end.
pub(crate) fn json_line<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("strings, integers and maps with string keys serialize")
}

/// One value as indented JSON with a newline at its end, for documents a person may open.
pub(crate) fn json_document<T: Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("strings, integers and maps with string keys serialize");
    text.push('\n');
    text
}
