//! The raw artefact of a try: the receiver's own words, made safe to store and to show.

use std::time::Duration;

use liaison_service::channel::{Outbound, SendOutcome, SendReport};
use tokio::time::Instant;

/// Longest artefact, in characters.
pub(crate) const MAX_ARTEFACT: usize = 1_000;

/// Makes a receiver's words one printable line of at most [`MAX_ARTEFACT`] characters.
///
/// Controls, line ends and the marks that turn the direction of text become a space: whoever reads the artefact on a
/// page or in a terminal must not be led astray by it.
pub(crate) fn printable(raw: &str) -> String {
    let mut text = String::new();
    let mut length = 0;
    let mut space = true;
    for c in raw.chars() {
        if length == MAX_ARTEFACT {
            break;
        }
        let c = if is_printable(c) { c } else { ' ' };
        // Several in a row say no more than one.
        if c == ' ' && space {
            continue;
        }
        space = c == ' ';
        text.push(c);
        length += 1;
    }
    text.truncate(text.trim_end().len());
    text
}

fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffd}')
}

/// A report, its artefact made printable.
pub(crate) fn report(outcome: SendOutcome, status: Option<u16>, artefact: &str) -> SendReport {
    SendReport {
        outcome,
        status,
        artefact: printable(artefact),
    }
}

/// A message that cannot be sent as it stands, found before anything left.
pub(crate) fn refused(why: &str) -> SendReport {
    report(SendOutcome::Permanent { endpoint_gone: false }, None, why)
}

/// When a try must be over. Longer than a day is no time-out but a mistake, and is cut.
pub(crate) fn deadline(message: &Outbound) -> Instant {
    Instant::now() + message.timeout.min(Duration::from_secs(86_400))
}

/// Tells the log of a try: ids and numbers, never the receiver's words.
pub(crate) fn log(message: &Outbound, report: &SendReport) {
    tracing::debug!(
        delivery_id = %message.delivery_id,
        attempt = message.attempt,
        status = report.status,
        outcome = ?report.outcome,
        "sent"
    );
}

/// An error with everything that caused it, each cause once.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artefact_is_one_printable_line() {
        assert_eq!(
            printable("250 2.0.0 Ok:\r\n queued\tas 4F3\n"),
            "250 2.0.0 Ok: queued as 4F3"
        );
        assert_eq!(printable("a\u{202e}b\u{1b}[31mc\0"), "a b [31mc");
        assert_eq!(printable(""), "");
    }

    #[test]
    fn an_artefact_is_cut_by_characters_not_bytes() {
        assert_eq!(printable(&"ü".repeat(5_000)).chars().count(), MAX_ARTEFACT);
    }
}
