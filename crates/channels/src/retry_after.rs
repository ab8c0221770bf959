//! Reads a `Retry-After` header (RFC 9110 section 10.2.3): seconds, or an HTTP date in any of its three forms.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};

/// How long the receiver asks to wait from `now` on; a date in the past asks for no wait. `None` when unreadable.
pub(crate) fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit still mean "very long"; the caller bounds it.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let at = http_date(value)?;
    Some((at - now).to_std().unwrap_or(Duration::ZERO))
}

/// IMF-fixdate, or one of the two obsolete forms a recipient must still read (RFC 9110 section 5.6.7).
fn http_date(value: &str) -> Option<DateTime<Utc>> {
    [
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y",
    ]
    .iter()
    .find_map(|form| NaiveDateTime::parse_from_str(value, form).ok())
    .map(|at| at.and_utc())
}

#[cfg(test)]
mod tests {
    use liaison_domain::{Random, SeededRandom};

    use super::*;

    #[test]
    fn seconds_and_all_three_dates_are_read() {
        let now = http_date("Sun, 06 Nov 1994 08:48:37 GMT").expect("a date");
        let minute = Some(Duration::from_secs(60));
        assert_eq!(retry_after("60", now), minute);
        assert_eq!(retry_after(" 60 ", now), minute);
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), minute);
        assert_eq!(retry_after("Sunday, 06-Nov-94 08:49:37 GMT", now), minute);
        assert_eq!(retry_after("Sun Nov  6 08:49:37 1994", now), minute);
    }

    #[test]
    fn a_past_date_is_no_wait_and_nonsense_is_nothing() {
        let now = http_date("Sun, 06 Nov 1994 08:49:37 GMT").expect("a date");
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:48:37 GMT", now), Some(Duration::ZERO));
        for nonsense in ["", "-5", "1.5", "soon", "Mon, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(retry_after(nonsense, now), None, "{nonsense}");
        }
        assert!(retry_after("99999999999999999999999", now) > Some(Duration::from_secs(86_400)));
    }

    /// Bent from a seed, as `liaison_testkit::fuzz` does it for readers that stand outside of this crate.
    #[test]
    fn bent_headers_are_read_or_not_and_never_break() {
        let random: &dyn Random = &SeededRandom::new(1);
        let now = http_date("Sun, 06 Nov 1994 08:48:37 GMT").expect("a date");
        let seeds = [
            "120",
            "18446744073709551615",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Thu, 31 Dec +262142 23:59:60 GMT",
        ];
        for _ in 0..20_000 {
            let [which, times, ..]: [u8; 8] = random.bytes();
            let mut bent = seeds[usize::from(which) % seeds.len()].as_bytes().to_vec();
            for _ in 0..=times % 6 {
                let [how, at, byte, length, ..]: [u8; 8] = random.bytes();
                let at = usize::from(at) % (bent.len() + 1);
                let until = (at + usize::from(length % 8)).min(bent.len());
                match how % 4 {
                    0 => bent.insert(at, byte),
                    1 => drop(bent.drain(at..until)),
                    2 => bent.truncate(at),
                    _ => bent.splice(at..at, b"9".repeat(usize::from(length))).for_each(drop),
                }
            }
            let read = retry_after(&String::from_utf8_lossy(&bent), now);
            if let Some(wait) = read {
                // Whoever bounds it works with seconds as a number with a fraction.
                assert!(wait.as_secs_f64() >= 0.0);
            }
        }
    }
}
