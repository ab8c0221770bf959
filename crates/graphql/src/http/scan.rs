//! A first look at a query's text, before the parser: tokens and nesting are counted in one pass without
//! recursion. The parser recurses on every brace and bracket, and 20,000 of them would exhaust the stack, which
//! ends the process.

use super::error::{ErrorCode, Refusal};
use super::settings::DocumentLimits;

/// Counts tokens and nesting after the lexical grammar of GraphQL (October 2021, section 2.1). Text that is not
/// GraphQL passes: the parser says what is wrong with it.
///
/// # Errors
///
/// `QUERY_SIZE_LIMIT`, `TOKEN_LIMIT` or `NESTING_LIMIT`.
pub(crate) fn scan(query: &str, limits: &DocumentLimits) -> Result<(), Refusal> {
    if query.len() > limits.max_query_bytes {
        return Err(Refusal::new(
            ErrorCode::QuerySizeLimit,
            format!("the query may be at most {} bytes long", limits.max_query_bytes),
        ));
    }
    let mut rest = query.as_bytes();
    let (mut tokens, mut nesting) = (0_usize, 0_usize);
    while let Some(&first) = rest.first() {
        let length = match first {
            b' ' | b'\t' | b'\r' | b'\n' | b',' | 0xEF | 0xBB | 0xBF => {
                rest = &rest[1..];
                continue;
            }
            b'#' => {
                rest = &rest[end_of_comment(rest)..];
                continue;
            }
            b'"' => end_of_string(rest),
            b'{' | b'[' | b'(' => {
                nesting += 1;
                1
            }
            b'}' | b']' | b')' => {
                nesting = nesting.saturating_sub(1);
                1
            }
            _ if in_word(first) => rest.iter().position(|&b| !in_word(b)).unwrap_or(rest.len()),
            _ => 1,
        };
        rest = &rest[length..];
        tokens += 1;
        if nesting > limits.max_nesting {
            return Err(Refusal::new(
                ErrorCode::NestingLimit,
                format!(
                    "at most {} braces, brackets and parentheses may be open at one place",
                    limits.max_nesting
                ),
            ));
        }
        if tokens > limits.max_tokens {
            return Err(Refusal::new(
                ErrorCode::TokenLimit,
                format!("the query may have at most {} tokens", limits.max_tokens),
            ));
        }
    }
    Ok(())
}

/// Names and numbers; whether `1a` is one token or two does not matter here.
fn in_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn end_of_comment(text: &[u8]) -> usize {
    text.iter()
        .position(|&b| b == b'\n' || b == b'\r')
        .unwrap_or(text.len())
}

/// Length of the string at the start, or of all the text if it does not end.
fn end_of_string(text: &[u8]) -> usize {
    if let Some(block) = text.strip_prefix(b"\"\"\"") {
        let mut at = 0;
        while at < block.len() {
            if block[at..].starts_with(b"\\\"\"\"") {
                at += 4;
            } else if block[at..].starts_with(b"\"\"\"") {
                return 3 + at + 3;
            } else {
                at += 1;
            }
        }
        return text.len();
    }
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            // A line end closes nothing in GraphQL, but it ends what the parser would read as a string.
            b'\n' | b'\r' => return at,
            _ => at += 1,
        }
    }
    text.len()
}
