//! Working time and quiet hours in the schema.

use async_graphql::{InputObject, SimpleObject};
use chrono::{NaiveDate, NaiveTime};
use liaison_domain::calendar::Calendar as DomainCalendar;
use liaison_service::FieldProblem;

use crate::ids::Ids;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "chrono::Weekday")]
pub(crate) enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// When a team works, in its own time zone.
#[derive(SimpleObject)]
pub(crate) struct Calendar {
    /// IANA time zone, such as `America/Chicago`.
    time_zone: String,
    /// Days of work.
    working_days: Vec<Weekday>,
    /// Start of the working day, local time.
    opens: NaiveTime,
    /// End of the working day, local time.
    closes: NaiveTime,
    /// From when the team does not want to be disturbed, local time; EMERGENT disturbs nevertheless.
    quiet_from: Option<NaiveTime>,
    /// Until when the team does not want to be disturbed, local time; the next morning when it is before `quietFrom`.
    quiet_until: Option<NaiveTime>,
    /// Days off. They pause the clocks of ROUTINE shares only.
    holidays: Vec<NaiveDate>,
}

impl From<&DomainCalendar> for Calendar {
    fn from(calendar: &DomainCalendar) -> Self {
        Self {
            time_zone: calendar.time_zone.name().to_owned(),
            working_days: calendar.working_days.iter().map(|day| (*day).into()).collect(),
            opens: calendar.opens,
            closes: calendar.closes,
            quiet_from: calendar.quiet_from,
            quiet_until: calendar.quiet_until,
            holidays: calendar.holidays.clone(),
        }
    }
}

/// When a team works, in its own time zone.
#[derive(InputObject)]
pub(crate) struct CalendarInput {
    /// IANA time zone, such as `America/Chicago`.
    time_zone: String,
    /// Days of work: at least one.
    working_days: Vec<Weekday>,
    /// Start of the working day, local time.
    opens: NaiveTime,
    /// End of the working day, local time; after `opens`.
    closes: NaiveTime,
    /// From when the team does not want to be disturbed, local time. Both quiet times or neither.
    quiet_from: Option<NaiveTime>,
    /// Until when the team does not want to be disturbed, local time.
    quiet_until: Option<NaiveTime>,
    /// Days off: at most 400.
    #[graphql(default)]
    holidays: Vec<NaiveDate>,
}

impl CalendarInput {
    /// The calendar; `None`, with a problem, when there is no such time zone.
    pub(crate) fn read(self, path: &str, ids: &mut Ids) -> Option<DomainCalendar> {
        let Ok(time_zone) = self.time_zone.parse() else {
            let message = "no IANA time zone; such as America/Chicago";
            ids.problem(FieldProblem::new(format!("{path}.timeZone"), "UNKNOWN_VALUE", message));
            return None;
        };
        Some(DomainCalendar {
            time_zone,
            working_days: self.working_days.into_iter().map(Into::into).collect(),
            opens: self.opens,
            closes: self.closes,
            quiet_from: self.quiet_from,
            quiet_until: self.quiet_until,
            holidays: self.holidays,
        })
    }
}
