//! Working time, quiet hours and daylight saving in the recipient's own zone. Pure.
//!
//! Local times that a clock change skips are taken as the first moment after the gap; times that occur twice as the
//! first of the two.

use chrono::{
    DateTime, Datelike, Days, Duration, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc, Weekday,
};
use chrono_tz::Tz;

/// When a team works, in its own time zone.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// IANA time zone, such as `America/Chicago`.
    pub time_zone: Tz,
    /// Days of work, Monday first.
    pub working_days: Vec<Weekday>,
    /// Start of the working day, local.
    pub opens: NaiveTime,
    /// End of the working day, local; after `opens`.
    pub closes: NaiveTime,
    /// From when the team does not want to be disturbed, local. Quiet hours may pass midnight.
    pub quiet_from: Option<NaiveTime>,
    /// Until when the team does not want to be disturbed, local.
    pub quiet_until: Option<NaiveTime>,
    /// Days off. They pause ROUTINE clocks only.
    #[serde(default)]
    pub holidays: Vec<NaiveDate>,
}

/// What is wrong with a calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct CalendarProblem {
    /// The input's field.
    pub field: &'static str,
    /// What is wrong and what is allowed.
    pub message: &'static str,
}

impl Calendar {
    /// Monday to Friday, 08:00 to 17:00, quiet from 21:00 to 07:00.
    pub fn office_hours(time_zone: Tz) -> Self {
        let at = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
        Self {
            time_zone,
            working_days: vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri],
            opens: at(8),
            closes: at(17),
            quiet_from: Some(at(21)),
            quiet_until: Some(at(7)),
            holidays: Vec::new(),
        }
    }

    /// Checks a calendar that came from outside.
    pub fn check(&self) -> Result<(), CalendarProblem> {
        let problem = |field, message| Err(CalendarProblem { field, message });
        if self.working_days.is_empty() {
            return problem("workingDays", "at least one day");
        }
        if self.closes <= self.opens {
            return problem("closes", "must be after opens");
        }
        if self.quiet_from.is_some() != self.quiet_until.is_some() {
            return problem("quietFrom", "give both quietFrom and quietUntil, or neither");
        }
        if self.quiet_from.is_some() && self.quiet_from == self.quiet_until {
            return problem("quietUntil", "must differ from quietFrom");
        }
        if self.holidays.len() > 400 {
            return problem("holidays", "at most 400 days");
        }
        Ok(())
    }

    /// The instant of a local time.
    pub fn instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        let mut candidate = local;
        // A gap is an hour at most in practice; a day bounds the search for any zone's history.
        for _ in 0..=(24 * 4) {
            if let Some(found) = self.time_zone.from_local_datetime(&candidate).earliest() {
                return found.with_timezone(&Utc);
            }
            candidate += Duration::minutes(15);
        }
        local.and_utc()
    }

    /// The local date of an instant.
    pub fn local_date(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.time_zone).date_naive()
    }

    fn works_on(&self, day: NaiveDate, holidays: bool) -> bool {
        self.working_days.contains(&day.weekday()) && !(holidays && self.holidays.contains(&day))
    }

    /// The instant at which `minutes` of working time have passed since `from`. With `holidays`, days off do not count.
    pub fn add_working_minutes(&self, from: DateTime<Utc>, minutes: u32, holidays: bool) -> DateTime<Utc> {
        let mut left = TimeDelta::minutes(i64::from(minutes));
        let mut day = self.local_date(from);
        // Ten years bound the walk when a calendar has nothing but days off.
        for _ in 0..3_660 {
            if self.works_on(day, holidays) {
                let opens = self.instant(day.and_time(self.opens)).max(from);
                let closes = self.instant(day.and_time(self.closes));
                let open_for = closes - opens;
                if open_for >= left && open_for > TimeDelta::zero() {
                    return opens + left;
                }
                left -= open_for.max(TimeDelta::zero());
            }
            day = day + Days::new(1);
        }
        from + TimeDelta::minutes(i64::from(minutes))
    }

    /// The end of the working day that is `days` business days after the day of `from` (0: that day itself). A start
    /// on a day off, or after closing, counts from the next business day.
    pub fn add_business_days(&self, from: DateTime<Utc>, days: u32, holidays: bool) -> DateTime<Utc> {
        let mut day = self.local_date(from);
        let closed = from >= self.instant(day.and_time(self.closes));
        if closed {
            day = day + Days::new(1);
        }
        let mut left = days;
        for _ in 0..3_660 {
            if self.works_on(day, holidays) {
                if left == 0 {
                    return self.instant(day.and_time(self.closes));
                }
                left -= 1;
            }
            day = day + Days::new(1);
        }
        from + TimeDelta::days(i64::from(days))
    }

    /// The last moment of the calendar day of `from`, in the calendar's zone.
    pub fn end_of_day(&self, from: DateTime<Utc>) -> DateTime<Utc> {
        let next = self.local_date(from) + Days::new(1);
        self.instant(next.and_time(NaiveTime::MIN)) - TimeDelta::microseconds(1)
    }

    /// `at`, or the end of the quiet hours in which it lies.
    pub fn after_quiet_hours(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let (Some(from), Some(until)) = (self.quiet_from, self.quiet_until) else {
            return at;
        };
        let local = at.with_timezone(&self.time_zone).naive_local();
        let time = local.time();
        let quiet = if from < until {
            time >= from && time < until
        } else {
            time >= from || time < until
        };
        if !quiet {
            return at;
        }
        let day = if from > until && time >= from {
            local.date() + Days::new(1)
        } else {
            local.date()
        };
        self.instant(day.and_time(until)).max(at)
    }
}

#[cfg(test)]
mod tests;
