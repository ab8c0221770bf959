//! Silence, at real times: each urgency, quiet hours, days off, clock changes, outages, absences.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{CallReason, Duty, RecipientId, Urgency};
use liaison_service::directory::{CreateCoverage, PutTeamMember};
use liaison_store::schedule::EscalationStepRow;
use liaison_testkit::{App, Fixture, Signed, both_engines, fixture::user};

use crate::work_support::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

async fn ready(app: &App, when: &str) -> (Fixture, Signed) {
    let ready = world(app, when).await;
    app.work().await;
    app.email.take();
    ready
}

/// A step as `number kind cause taken-at`, in Chicago.
fn shown(steps: &[EscalationStepRow]) -> Vec<String> {
    let zone: chrono_tz::Tz = "America/Chicago".parse().unwrap();
    let line = |step: &EscalationStepRow| {
        let taken = step.taken_at.with_timezone(&zone).format("%a %H:%M:%S %Z");
        format!("{} {} {} {taken}", step.number, step.kind, step.cause)
    };
    steps.iter().map(line).collect()
}

async fn taken(app: &App, id: RecipientId) -> Vec<String> {
    shown(&steps(app, id).await)
}

both_engines! {
    async fn emergent_reminds_tells_the_lead_and_ends_in_a_call_within_the_hour(app: App) {
        // Sunday, 02:00 in Chicago: no quiet hours for an emergency.
        let (fixture, signed) = ready(&app, "2026-06-14T07:00:00Z").await;
        let id = share_palliative(&app, &fixture, &signed, Urgency::Emergent).await;
        app.run_until(app.now() + TimeDelta::minutes(60)).await;
        insta::assert_debug_snapshot!("emergent_steps", taken(&app, id).await);
        insta::assert_debug_snapshot!("emergent_mails", mails(&app.email.sent()));
        let found = steps(&app, id).await;
        assert_eq!(found[1].told.0, [user(&fixture.palliative_lead)]);
        let calls = calls(&app, id).await;
        assert_eq!(calls.len(), 1);
        assert_eq!((calls[0].reason, calls[0].owner_id), (CallReason::Unacknowledged, user(&fixture.physician)));
        assert_eq!(calls[0].due_at, app.now() + TimeDelta::minutes(15));
        assert_eq!(calls[0].phone.as_deref(), Some("+1 555 010 0110"));
        assert_eq!(found[2].call_task_id, Some(calls[0].id));
        let told = notices_of(&app, user(&fixture.physician)).await;
        assert_eq!(told.iter().filter(|kind| *kind == "ESCALATED").count(), 3, "the sender sees every step: {told:?}");
        assert_eq!(entries(&app, "escalation.step").await, 3);
        let ended = row(&app, id).await;
        assert_eq!((ended.is_open, ended.next_step_at, ended.step_number), (true, None, 3));
    }

    async fn urgent_on_friday_afternoon_calls_before_the_day_ends(app: App) {
        // Friday, 16:00 in Chicago; the office closes at 17:00.
        let (fixture, signed) = ready(&app, "2026-06-19T21:00:00Z").await;
        let id = share_palliative(&app, &fixture, &signed, Urgency::Urgent).await;
        app.run_until(at("2026-06-23T00:00:00Z")).await;
        insta::assert_debug_snapshot!("urgent_friday", taken(&app, id).await);
        assert_eq!(calls(&app, id).await.len(), 1);
    }

    async fn routine_over_the_weekend_of_the_clock_change(app: App) {
        // Friday, 10:00 CST on 2026-10-30; clocks go back on Sunday.
        let (fixture, signed) = ready(&app, "2026-10-30T15:00:00Z").await;
        let id = share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        app.run_until(at("2026-11-12T12:00:00Z")).await;
        insta::assert_debug_snapshot!("routine_clock_change", taken(&app, id).await);
        let call = calls(&app, id).await.remove(0);
        assert_eq!(call.due_at, at("2026-11-11T23:00:00Z"), "17:00 CST on the next business day of the clinic");
    }

    async fn after_an_outage_only_the_newest_reminder_is_sent_and_no_other_step_is_lost(app: App) {
        let (fixture, signed) = ready(&app, "2026-06-15T15:00:00Z").await;
        let id = share_palliative(&app, &fixture, &signed, Urgency::Urgent).await;
        app.work().await;
        app.email.take();
        app.advance(TimeDelta::hours(12));
        app.work().await;
        insta::assert_debug_snapshot!("urgent_after_outage", taken(&app, id).await);
        let reminders = || mails(&app.email.sent()).iter().filter(|mail| mail.contains("Reminder:")).count();
        assert_eq!(reminders(), 0, "it is 22:00 there: the night is spared");
        app.run_until(at("2026-06-16T12:00:00Z")).await;
        assert_eq!(reminders(), 1);
        assert_eq!(calls(&app, id).await.len(), 1);
    }

    async fn a_clock_that_goes_backwards_repeats_no_step_and_loses_none(app: App) {
        let (fixture, signed) = ready(&app, "2026-06-15T15:00:00Z").await;
        let id = share_palliative(&app, &fixture, &signed, Urgency::Emergent).await;
        let start = app.now();
        app.run_until(start + TimeDelta::minutes(15)).await;
        assert_eq!(steps(&app, id).await.len(), 1);
        app.clock.set(start - TimeDelta::hours(2));
        app.work().await;
        app.run_until(start + TimeDelta::minutes(29)).await;
        assert_eq!(steps(&app, id).await.len(), 1);
        app.run_until(start + TimeDelta::minutes(61)).await;
        assert_eq!(steps(&app, id).await.iter().map(|step| step.number).collect::<Vec<_>>(), [1, 2, 3]);
    }

    async fn two_processes_at_once_take_each_step_once(app: App) {
        let (fixture, signed) = ready(&app, "2026-06-15T15:00:00Z").await;
        let mut ids = Vec::new();
        for _ in 0..6 {
            ids.push(share_palliative(&app, &fixture, &signed, Urgency::Emergent).await);
        }
        app.advance(TimeDelta::minutes(90));
        let other = app.another_process().await;
        let (one, two) = tokio::join!(app.service.escalate_due(50), other.escalate_due(50));
        assert_eq!(one.unwrap().done + two.unwrap().done, 6);
        for id in ids {
            assert_eq!(steps(&app, id).await.len(), 3);
            assert_eq!(calls(&app, id).await.len(), 1);
        }
        assert_eq!(entries(&app, "escalation.step").await, 18);
        other.store().close().await;
    }

    async fn an_answer_stops_the_ladder(app: App) {
        let (fixture, signed) = ready(&app, "2026-06-15T15:00:00Z").await;
        let to = vec![team(fixture.palliative_team, Duty::Required), team(fixture.oncology_team, Duty::Copy)];
        let shared = share(&app, &fixture, &signed, Urgency::Emergent, to).await;
        let recall = liaison_service::loops::recall::RecallShare {
            share_id: shared.share_id,
            reason: "sent too early".to_owned(),
            idempotency_key: None,
        };
        app.service.recall_share(&fixture.physician, recall).await.unwrap();
        app.run_until(app.now() + TimeDelta::days(20)).await;
        for id in shared.recipient_ids {
            assert_eq!(steps(&app, id).await.len(), 0);
            assert_eq!(calls(&app, id).await.len(), 0);
        }
    }

    async fn who_covers_an_absent_person_is_next(app: App) {
        let (fixture, signed) = ready(&app, "2026-06-15T15:00:00Z").await;
        let to = vec![person(user(&fixture.oncologist))];
        let id = share(&app, &fixture, &signed, Urgency::Emergent, to).await.recipient_ids[0];
        let away = CreateCoverage {
            absent_user_id: user(&fixture.oncologist),
            covering_user_id: user(&fixture.second_oncologist),
            from: app.now(),
            until: app.now() + TimeDelta::days(7),
            idempotency_key: None,
        };
        app.service.create_coverage(&fixture.oncologist, away).await.unwrap();
        app.run_until(app.now() + TimeDelta::minutes(30)).await;
        let told = steps(&app, id).await[1].told.0.clone();
        assert_eq!(told, [user(&fixture.second_oncologist)]);
        let next = mails(&app.email.sent()).into_iter().find(|mail| mail.contains("Nobody has answered")).unwrap();
        assert!(next.starts_with("secunda.fictiva@cancer.example.test: "), "{next}");
    }

    async fn without_a_next_person_the_clinic_calls_at_once(app: App) {
        let (fixture, signed) = ready(&app, "2026-06-15T15:00:00Z").await;
        let no_lead = PutTeamMember {
            team_id: fixture.palliative_team,
            user_id: user(&fixture.palliative_lead),
            is_lead: false,
            idempotency_key: None,
        };
        app.service.put_team_member(&fixture.system, no_lead).await.unwrap();
        let id = share_palliative(&app, &fixture, &signed, Urgency::Emergent).await;
        let start = app.now();
        app.run_until(start + TimeDelta::minutes(30)).await;
        let call = calls(&app, id).await.remove(0);
        assert_eq!((call.reason, call.created_at), (CallReason::Unacknowledged, start + TimeDelta::minutes(30)));
        app.run_until(start + TimeDelta::minutes(60)).await;
        assert_eq!(calls(&app, id).await.len(), 1, "never two calls for one silence");
        assert_eq!(steps(&app, id).await[2].call_task_id, Some(call.id));
    }

    async fn the_call_goes_to_somebody_who_is_there(app: App) {
        let (fixture, signed) = ready(&app, "2026-06-15T15:00:00Z").await;
        let id = share_palliative(&app, &fixture, &signed, Urgency::Emergent).await;
        app.service.set_person_disabled(&fixture.admin, user(&fixture.physician), true).await.unwrap();
        app.run_until(app.now() + TimeDelta::minutes(60)).await;
        assert_eq!(calls(&app, id).await[0].owner_id, user(&fixture.coordinator));
        let told = notices_of(&app, user(&fixture.coordinator)).await;
        assert!(told.contains(&"CALL_TASK_ASSIGNED".to_owned()) && told.contains(&"ESCALATED".to_owned()), "{told:?}");
    }

    async fn an_overdue_call_is_told_again_once_to_its_owner_and_the_admins(app: App) {
        let (fixture, signed) = ready(&app, "2026-06-15T15:00:00Z").await;
        let id = share_palliative(&app, &fixture, &signed, Urgency::Emergent).await;
        app.run_until(app.now() + TimeDelta::minutes(60)).await;
        app.email.take();
        app.run_until(app.now() + TimeDelta::days(3)).await;
        assert_eq!(calls(&app, id).await.len(), 1);
        insta::assert_debug_snapshot!("overdue_call_mails", mails(&app.email.sent()));
        assert_eq!(entries(&app, "call_task.overdue").await, 1);
    }
}
