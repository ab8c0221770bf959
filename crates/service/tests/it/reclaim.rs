//! What somebody held who is not at it any more is taken up again at once, not when the lease has run out; what somebody
//! is at is left alone.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::time::Duration;

use liaison_domain::{AttemptOutcome, ChannelKind, DeliveryState, Urgency};
use liaison_service::work::reclaim::Absences;
use liaison_testkit::{App, Engine, Fixture, Signed, both_engines};

use crate::work_support::*;

async fn ready(app: &App) -> (Fixture, Signed) {
    let ready = world(app, "2026-06-15T15:00:00Z").await;
    app.work().await;
    app.email.take();
    ready
}

both_engines! {
    async fn what_a_killed_process_was_sending_is_taken_up_at_a_start(app: App) {
        let (fixture, signed) = ready(&app).await;
        let id = share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        let gate = Gate::new(ChannelKind::Email, |_| true);
        let doomed = process(&app, "doomed", vec![gate.clone()]);
        let alive = app.service.store().be_present("doomed").await.unwrap();
        let work = tokio::spawn(async move { doomed.deliver_due(false, 10).await });
        gate.until_seen(1).await;
        if app.service.store().engine() == Engine::Postgres {
            assert_eq!(app.service.reclaim().await.unwrap(), 0, "it lives, and the lease is its own");
        }
        work.abort();
        assert!(work.await.is_err(), "killed between sending and recording");
        drop(alive);
        // The server notices the end of a session in a moment of its own.
        let mut released = 0;
        for _ in 0..100 {
            released += app.service.reclaim().await.unwrap();
            if released > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(released, 1);
        app.work().await;
        let again = app.email.sent();
        assert_eq!((again.len(), &again[0].message_id), (1, &gate.seen()[0].message_id));
        let delivery = &sent_to(&app, id).await[0];
        assert_eq!(delivery.state, DeliveryState::Delivered);
        let outcomes: Vec<_> = attempts(&app, delivery).await.iter().map(|a| a.outcome).collect();
        assert_eq!(outcomes, [AttemptOutcome::Unknown, AttemptOutcome::Delivered]);
    }

    async fn a_process_that_is_missed_for_a_while_is_gone_and_for_a_moment_is_not(app: App) {
        let (fixture, signed) = ready(&app).await;
        share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        let gate = Gate::new(ChannelKind::Email, |_| true);
        let doomed = process(&app, "doomed", vec![gate.clone()]);
        let work = tokio::spawn(async move { doomed.deliver_due(false, 10).await });
        gate.until_seen(1).await;
        work.abort();
        assert!(work.await.is_err());
        let mut absences = Absences::default();
        assert_eq!(app.service.reclaim_abandoned(&mut absences).await.unwrap(), 0, "missed for the first time");
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        // On SQLite no other process is at work; what one of before held was released at this one's start.
        let expected = u64::from(app.service.store().engine() == Engine::Postgres);
        assert_eq!(app.service.reclaim_abandoned(&mut absences).await.unwrap(), expected);
    }

    async fn what_this_process_is_not_at_any_more_it_takes_up_itself(app: App) {
        let (fixture, signed) = ready(&app).await;
        let id = share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        let gate = Gate::new(ChannelKind::Email, |_| true);
        let own = process(&app, "own", vec![gate.clone()]);
        let working = own.clone();
        let work = tokio::spawn(async move { working.deliver_due(false, 10).await });
        gate.until_seen(1).await;
        let mut absences = Absences::default();
        assert_eq!(own.reclaim_abandoned(&mut absences).await.unwrap(), 0, "it is at it");
        // The handler is cut off: the answer will never be recorded.
        work.abort();
        assert!(work.await.is_err());
        assert_eq!(own.reclaim_abandoned(&mut absences).await.unwrap(), 1);
        assert_eq!(own.reclaim_abandoned(&mut absences).await.unwrap(), 0, "once");
        gate.open.add_permits(1);
        own.deliver_due(false, 10).await.unwrap();
        let seen = gate.seen();
        assert_eq!((seen.len(), &seen[0].message_id), (2, &seen[1].message_id));
        assert_eq!(sent_to(&app, id).await[0].state, DeliveryState::Delivered);
        assert_eq!(own.reclaim_abandoned(&mut absences).await.unwrap(), 0, "nothing is held");
    }
}
