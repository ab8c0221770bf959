//! Working time over nights, weekends, holidays and clock changes.

use super::*;

fn chicago() -> Calendar {
    Calendar::office_hours(chrono_tz::America::Chicago)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse::<DateTime<chrono::FixedOffset>>()
        .expect("RFC 3339")
        .with_timezone(&Utc)
}

#[test]
fn working_minutes_skip_nights_and_weekends() {
    let calendar = chicago();
    // Friday 16:00 + 4 h: one hour on Friday, three on Monday.
    assert_eq!(
        calendar.add_working_minutes(at("2026-05-15T16:00:00-05:00"), 240, true),
        at("2026-05-18T11:00:00-05:00")
    );
    assert_eq!(
        calendar.add_working_minutes(at("2026-05-15T03:00:00-05:00"), 60, true),
        at("2026-05-15T09:00:00-05:00")
    );
}

#[test]
fn the_spring_clock_change_moves_instants_but_not_local_times() {
    let calendar = chicago();
    // Friday 2026-03-06 is CST (-06:00); Monday 2026-03-09 is CDT (-05:00).
    let due = calendar.add_working_minutes(at("2026-03-06T16:30:00-06:00"), 60, true);
    assert_eq!(due, at("2026-03-09T08:30:00-05:00"));
    assert_eq!(
        calendar.add_business_days(at("2026-03-06T10:00:00-06:00"), 1, true),
        at("2026-03-09T17:00:00-05:00")
    );
}

#[test]
fn a_local_time_that_is_skipped_or_doubled_is_still_one_instant() {
    let calendar = chicago();
    let day = NaiveDate::from_ymd_opt(2026, 3, 8).expect("a date");
    let skipped = calendar.instant(day.and_hms_opt(2, 30, 0).expect("a time"));
    assert_eq!(skipped, at("2026-03-08T03:00:00-05:00"));
    let day = NaiveDate::from_ymd_opt(2026, 11, 1).expect("a date");
    let doubled = calendar.instant(day.and_hms_opt(1, 30, 0).expect("a time"));
    assert_eq!(doubled, at("2026-11-01T01:30:00-05:00"));
    assert_eq!(
        calendar.end_of_day(at("2026-11-01T00:30:00-05:00")),
        at("2026-11-01T23:59:59.999999-06:00")
    );
}

#[test]
fn holidays_pause_only_where_asked() {
    let mut calendar = chicago();
    calendar.holidays = vec![NaiveDate::from_ymd_opt(2026, 5, 25).expect("a date")];
    let friday = at("2026-05-22T16:00:00-05:00");
    assert_eq!(
        calendar.add_working_minutes(friday, 120, true),
        at("2026-05-26T09:00:00-05:00")
    );
    assert_eq!(
        calendar.add_working_minutes(friday, 120, false),
        at("2026-05-25T09:00:00-05:00")
    );
    assert_eq!(
        calendar.add_business_days(friday, 3, true),
        at("2026-05-28T17:00:00-05:00")
    );
    // After closing on Friday, day 0 is Tuesday.
    assert_eq!(
        calendar.add_business_days(at("2026-05-22T18:00:00-05:00"), 0, true),
        at("2026-05-26T17:00:00-05:00")
    );
}

#[test]
fn quiet_hours_pass_midnight() {
    let calendar = chicago();
    let morning = at("2026-05-19T07:00:00-05:00");
    assert_eq!(calendar.after_quiet_hours(at("2026-05-18T22:15:00-05:00")), morning);
    assert_eq!(calendar.after_quiet_hours(at("2026-05-19T03:00:00-05:00")), morning);
    let noon = at("2026-05-19T12:00:00-05:00");
    assert_eq!(calendar.after_quiet_hours(noon), noon);
}

#[test]
fn a_calendar_without_working_days_ends_all_the_same() {
    let calendar = Calendar {
        working_days: Vec::new(),
        ..chicago()
    };
    assert!(calendar.check().is_err());
    let from = at("2026-05-15T16:00:00-05:00");
    assert_eq!(
        calendar.add_working_minutes(from, 60, true),
        from + TimeDelta::minutes(60)
    );
}
