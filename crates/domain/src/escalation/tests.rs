//! The defaults of section 8.3 on real days.

use super::*;

fn calendar() -> Calendar {
    Calendar::office_hours(chrono_tz::America::Chicago)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse::<DateTime<chrono::FixedOffset>>()
        .expect("RFC 3339")
        .with_timezone(&Utc)
}

fn steps(urgency: Urgency, shared_at: &str) -> Vec<(StepKind, DateTime<Utc>)> {
    let schedule = Policy::default_for(urgency).schedule(urgency, at(shared_at), &calendar());
    schedule.into_iter().map(|step| (step.kind, step.due)).collect()
}

#[test]
fn emergent_ignores_quiet_hours() {
    assert_eq!(
        steps(Urgency::Emergent, "2026-05-16T23:00:00-05:00"),
        [
            (StepKind::Reminder, at("2026-05-16T23:15:00-05:00")),
            (StepKind::NextPerson, at("2026-05-16T23:30:00-05:00")),
            (StepKind::CallTask, at("2026-05-17T00:00:00-05:00")),
        ]
    );
}

#[test]
fn urgent_counts_working_time_in_the_morning() {
    assert_eq!(
        steps(Urgency::Urgent, "2026-05-18T09:00:00-05:00"),
        [
            (StepKind::Reminder, at("2026-05-18T10:00:00-05:00")),
            (StepKind::Reminder, at("2026-05-18T11:00:00-05:00")),
            (StepKind::NextPerson, at("2026-05-18T13:00:00-05:00")),
            (StepKind::CallTask, at("2026-05-18T13:00:00-05:00")),
        ]
    );
}

#[test]
fn urgent_in_the_evening_reaches_the_clinic_on_the_same_day() {
    let policy = Policy::default_for(Urgency::Urgent);
    let shared = at("2026-05-15T18:30:00-05:00");
    assert_eq!(
        policy.due(Urgency::Urgent, shared, &calendar()),
        at("2026-05-15T23:59:59.999999-05:00")
    );
    assert_eq!(
        steps(Urgency::Urgent, "2026-05-15T18:30:00-05:00"),
        [
            (StepKind::CallTask, at("2026-05-15T23:59:59.999999-05:00")),
            (StepKind::Reminder, at("2026-05-18T09:00:00-05:00")),
            (StepKind::Reminder, at("2026-05-18T10:00:00-05:00")),
            (StepKind::NextPerson, at("2026-05-18T12:00:00-05:00")),
        ]
    );
}

#[test]
fn routine_takes_business_days() {
    assert_eq!(
        steps(Urgency::Routine, "2026-05-15T10:00:00-05:00"),
        [
            (StepKind::Reminder, at("2026-05-19T17:00:00-05:00")),
            (StepKind::NextPerson, at("2026-05-21T17:00:00-05:00")),
            (StepKind::CallTask, at("2026-05-26T17:00:00-05:00")),
        ]
    );
}

#[test]
fn every_schedule_is_in_order_and_defaults_are_sound() {
    for urgency in [Urgency::Routine, Urgency::Urgent, Urgency::Emergent] {
        assert_eq!(Policy::default_for(urgency).check(), []);
        for hour in 0..168 {
            let shared = at("2026-03-05T00:10:00-06:00") + chrono::TimeDelta::hours(hour);
            let schedule = Policy::default_for(urgency).schedule(urgency, shared, &calendar());
            let due: Vec<_> = schedule.iter().map(|step| step.due).collect();
            assert!(due.is_sorted() && due[0] >= shared, "{urgency:?} {shared}");
        }
    }
}

#[test]
fn a_ladder_that_does_not_end_in_a_call_task_is_refused() {
    let mut policy = Policy::default_for(Urgency::Routine);
    policy.steps.pop();
    assert_eq!(policy.check().len(), 1);
    policy.acknowledge_within.amount = 0;
    assert_eq!(policy.check().len(), 2);
}
