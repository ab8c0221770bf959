//! How times and numbers are written: in the reader's zone with the zone named, units always, no trailing zeros.
//!
//! Ambiguous abbreviations and trailing zeros are on ISMP's list of error-prone notations: `2`, never `2.0`; `0.5`, never
//! `.5`; `mcg`, never the Greek letter.

use std::fmt::Display;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;

/// A reader's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    /// By its IANA name; UTC where the name is none, and then the text says UTC.
    pub fn named(name: &str) -> Self {
        Self(name.parse().unwrap_or(Tz::UTC))
    }

    /// The IANA name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// `Mon 5 Jan 2026, 09:00 CST`.
    pub fn time(self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.0).format("%a %-d %b %Y, %H:%M %Z").to_string()
    }

    /// `5 Jan, 09:00` for lists that name the zone once; with the year where it is not `now`'s.
    pub fn short(self, at: DateTime<Utc>, now: DateTime<Utc>) -> String {
        let (at, now) = (at.with_timezone(&self.0), now.with_timezone(&self.0));
        let format = if at.year() == now.year() {
            "%-d %b, %H:%M"
        } else {
            "%-d %b %Y, %H:%M"
        };
        at.format(format).to_string()
    }

    /// The calendar day of a moment: `5 Jan 2026`.
    pub fn date(self, at: DateTime<Utc>) -> String {
        date(at.with_timezone(&self.0).date_naive())
    }

    /// The value of an `<input type="datetime-local">`.
    pub fn input(self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.0).format("%Y-%m-%dT%H:%M").to_string()
    }

    /// Reads an `<input type="datetime-local">` in this zone; `None` for what is no time here (a skipped hour). Of a
    /// doubled hour the first is taken.
    pub fn read(self, text: &str) -> Option<DateTime<Utc>> {
        let naive = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M")
            .or_else(|_| chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S"))
            .ok()?;
        naive
            .and_local_timezone(self.0)
            .earliest()
            .map(|at| at.with_timezone(&Utc))
    }

    /// A moment with the offset that holds here at that time.
    pub fn local(self, at: DateTime<Utc>) -> DateTime<FixedOffset> {
        at.with_timezone(&self.0).fixed_offset()
    }

    /// Today, here.
    pub fn today(self, now: DateTime<Utc>) -> NaiveDate {
        now.with_timezone(&self.0).date_naive()
    }

    /// The last minute of a day here: until when something that is asked "by" that day can be answered.
    pub fn end_of(self, day: NaiveDate) -> Option<DateTime<Utc>> {
        Some(self.start_of(day.succ_opt()?)? - TimeDelta::minutes(1))
    }

    /// The moment a day begins here.
    pub fn start_of(self, day: NaiveDate) -> Option<DateTime<Utc>> {
        day.and_hms_opt(0, 0, 0)?
            .and_local_timezone(self.0)
            .earliest()
            .map(|at| at.with_timezone(&Utc))
    }
}

/// `5 Jan 2026`.
pub fn date(day: NaiveDate) -> String {
    day.format("%-d %b %Y").to_string()
}

/// A moment for machines, as `datetime` of a `<time>`: RFC 3339 in UTC.
pub fn machine(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// `35 min`, `2 h 10 min`, `3 d 4 h`: the two greatest units, rounded down.
pub fn duration(length: TimeDelta) -> String {
    let minutes = length.num_minutes().abs();
    let (days, hours, rest) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (days, hours, rest) {
        (0, 0, 0) => "under 1 min".to_owned(),
        (0, 0, rest) => format!("{rest} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, rest) => format!("{hours} h {rest} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// `2 h 10 min left` or `3 d overdue`.
pub fn due(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    if at >= now {
        format!("{} left", duration(at - now))
    } else {
        format!("{} overdue", duration(now - at))
    }
}

/// `12 min ago`.
pub fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    format!("{} ago", duration(now - at))
}

/// A number without trailing zeros and never with a bare point.
pub fn number(value: Decimal) -> String {
    value.normalize().to_string()
}

/// A number with its unit.
pub fn with_unit(value: Decimal, unit: &str) -> String {
    format!("{} {unit}", number(value))
}

/// A count with its noun: `1 note`, `2 notes`.
pub fn count(number: impl Display + PartialEq<i64> + Copy, noun: &str) -> String {
    if number == 1 {
        format!("{number} {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// A term such as `HOLD_INFUSIONS` in words: `Hold infusions`.
pub fn words(term: &str) -> String {
    let lower = term.to_lowercase().replace('_', " ");
    let mut chars = lower.chars();
    chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(chars)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_written_in_the_readers_zone_with_its_name() {
        let chicago = Zone::named("America/Chicago");
        assert_eq!(chicago.time(at("2026-01-05T15:00:00Z")), "Mon 5 Jan 2026, 09:00 CST");
        assert_eq!(chicago.time(at("2026-07-05T15:00:00Z")), "Sun 5 Jul 2026, 10:00 CDT");
        assert_eq!(
            Zone::named("Mars/Olympus").time(at("2026-01-05T15:00:00Z")),
            "Mon 5 Jan 2026, 15:00 UTC"
        );
        assert_eq!(chicago.read("2026-01-05T09:00"), Some(at("2026-01-05T15:00:00Z")));
        // The hour that daylight saving skips, and the one it doubles.
        assert_eq!(chicago.read("2026-03-08T02:30"), None);
        assert_eq!(chicago.read("2026-11-01T01:30"), Some(at("2026-11-01T06:30:00Z")));
        assert_eq!(chicago.input(at("2026-01-05T15:00:00Z")), "2026-01-05T09:00");
    }

    #[test]
    fn durations_name_two_units() {
        for (minutes, text) in [
            (0, "under 1 min"),
            (35, "35 min"),
            (60, "1 h"),
            (130, "2 h 10 min"),
            (1_440, "1 d"),
            (4_561, "3 d 4 h"),
        ] {
            assert_eq!(duration(TimeDelta::minutes(minutes)), text);
        }
        let now = at("2026-01-05T15:00:00Z");
        assert_eq!(due(now + TimeDelta::minutes(5), now), "5 min left");
        assert_eq!(due(now - TimeDelta::hours(5), now), "5 h overdue");
    }

    #[test]
    fn numbers_have_no_trailing_zeros() {
        assert_eq!(number(Decimal::new(250, 2)), "2.5");
        assert_eq!(number(Decimal::new(20, 1)), "2");
        assert_eq!(number(Decimal::new(5, 1)), "0.5");
        assert_eq!(with_unit(Decimal::new(40, 0), "mg"), "40 mg");
        assert_eq!(words("HOLD_INFUSIONS"), "Hold infusions");
        assert_eq!(count(1_i64, "note"), "1 note");
    }
}
