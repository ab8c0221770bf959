//! Deliveries: what leaves, what comes of it, and what happens when a process or an endpoint dies.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use chrono::TimeDelta;
use liaison_domain::{
    AttemptOutcome, ChannelKind, DeadReason, DeliveryPurpose, DeliveryState, Duty, EndpointStatus, EvidenceLevel,
    Outcome, Urgency,
};
use liaison_service::{
    ServiceError,
    channel::{Channel, OutboundBody, SendOutcome},
    loops::recall::RecallShare,
    origin::{Origin, Origins},
    work::repair::RetryDelivery,
};
use liaison_store::directory::endpoint;
use liaison_testkit::{App, Fixture, Signed, both_engines, fixture::user};

use crate::work_support::*;

const MONDAY: &str = "2026-06-15T15:00:00Z";

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Says that one request is being worked on, and keeps what it is asked to join.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<String>>);

impl Origins for Told {
    fn current(&self) -> Origin {
        Origin {
            request_id: Some("request-1".to_owned()),
            trace: Some(TRACE.to_owned()),
        }
    }

    fn join(&self, _: &tracing::Span, trace: &str) {
        self.0.lock().unwrap().push(trace.to_owned());
    }
}

async fn ready(app: &App) -> (Fixture, Signed) {
    let ready = world(app, MONDAY).await;
    app.work().await;
    app.email.take();
    ready
}

both_engines! {
    async fn a_share_leaves_once_by_every_route_and_each_answer_is_evidence(app: App) {
        let (fixture, signed) = ready(&app).await;
        let to = vec![team(fixture.oncology_team, Duty::Required), team(fixture.palliative_team, Duty::Copy)];
        let shared = share(&app, &fixture, &signed, Urgency::Routine, to).await;
        app.work().await;
        let [oncology, palliative] = shared.recipient_ids[..] else { panic!("two loops") };
        assert_eq!(row(&app, oncology).await.level, EvidenceLevel::Received);
        assert_eq!(row(&app, palliative).await.level, EvidenceLevel::Accepted);
        for id in [oncology, palliative] {
            for delivery in sent_to(&app, id).await {
                assert_eq!(delivery.state, DeliveryState::Delivered);
                assert_eq!((delivery.next_attempt_at, delivery.lease_owner.clone()), (None, None));
                let attempts = attempts(&app, &delivery).await;
                assert_eq!(attempts.iter().map(|a| a.outcome).collect::<Vec<_>>(), [AttemptOutcome::Delivered]);
                assert!(attempts[0].artefact.as_deref().is_some_and(|text| text.contains("captured")));
            }
        }
        let proofs = evidence(&app, oncology).await;
        assert_eq!(proofs.len(), 2);
        assert!(proofs.iter().all(|proof| proof.attempt_id.is_some() && proof.delivery_id.is_some()));
        assert_eq!(entries(&app, "delivery.delivered").await, 3);
        insta::assert_debug_snapshot!("share_mails", mails(&[app.email.sent(), app.webhook.sent()].concat()));
        let called = app.webhook.sent().remove(0);
        assert_eq!(called.secret.unwrap().expose(), fixture.oncology_webhook_secret);
        let OutboundBody::Webhook(body) = called.body else { panic!("a webhook") };
        let planned = sent_to(&app, oncology).await.into_iter().find(|row| row.channel == ChannelKind::Webhook).unwrap();
        assert_eq!((body.json, called.message_id), (planned.payload, planned.id.to_string()));
        let proven = endpoint::find(&mut app.service.store().read().await.unwrap(), fixture.oncology_webhook).await;
        assert_eq!(proven.unwrap().unwrap().last_proven_at, Some(app.now()));
        app.advance(TimeDelta::hours(1));
        app.email.take();
        app.work().await;
        assert_eq!((app.email.sent().len(), app.webhook.sent().len()), (0, 1), "nothing leaves twice");
    }

    async fn a_failure_that_may_pass_is_tried_again_by_the_schedule(app: App) {
        let (fixture, signed) = ready(&app).await;
        let second = Duration::from_secs(1);
        let cases = [
            (SendOutcome::Transient { retry_after: None }, 5.0, 5.5, AttemptOutcome::Transient),
            (SendOutcome::Unknown, 5.0, 5.5, AttemptOutcome::Unknown),
            (SendOutcome::Transient { retry_after: Some(second * 120) }, 120.0, 120.0, AttemptOutcome::Transient),
            (SendOutcome::Transient { retry_after: Some(second * 1_000_000) }, 3600.0, 3600.0, AttemptOutcome::Transient),
        ];
        for (outcome, least, most, recorded) in cases {
            app.webhook.push(report(outcome.clone()));
            let to = vec![team(fixture.oncology_team, Duty::Required)];
            let id = share(&app, &fixture, &signed, Urgency::Routine, to).await.recipient_ids[0];
            app.work().await;
            let called = sent_to(&app, id).await.into_iter().find(|row| row.channel == ChannelKind::Webhook).unwrap();
            assert_eq!(called.state, DeliveryState::Pending, "{outcome:?}");
            let wait = (called.next_attempt_at.unwrap() - app.now()).as_seconds_f64();
            assert!(wait >= least && wait <= most, "{outcome:?}: {wait}");
            assert_eq!(attempts(&app, &called).await[0].outcome, recorded);
            app.clock.set(called.next_attempt_at.unwrap());
            app.work().await;
            assert_eq!(row(&app, id).await.level, EvidenceLevel::Received);
        }
        assert_eq!(entries(&app, "delivery.failed").await, 4);
        assert_eq!(entries(&app, "delivery.dead").await, 0);
    }

    async fn every_try_carries_the_same_id_and_bytes_until_the_schedule_is_used_up(app: App) {
        let (fixture, signed) = ready(&app).await;
        for _ in 0..10 {
            app.webhook.push(report(SendOutcome::Transient { retry_after: None }));
        }
        let to = vec![team(fixture.oncology_team, Duty::Copy)];
        let id = share(&app, &fixture, &signed, Urgency::Routine, to).await.recipient_ids[0];
        app.run_until(app.now() + TimeDelta::days(4)).await;
        let tries = app.webhook.sent();
        assert_eq!(tries.len(), 10);
        for (number, one) in (1..).zip(&tries) {
            assert_eq!((one.attempt, &one.message_id), (number, &tries[0].message_id));
            let (OutboundBody::Webhook(body), OutboundBody::Webhook(first)) = (&one.body, &tries[0].body) else {
                panic!("webhooks")
            };
            assert_eq!(body.json, first.json);
        }
        let dead = sent_to(&app, id).await.into_iter().find(|row| row.channel == ChannelKind::Webhook).unwrap();
        assert_eq!((dead.state, dead.dead_reason), (DeliveryState::Dead, Some(DeadReason::Exhausted)));
        assert_eq!(entries(&app, "delivery.dead").await, 1);
        assert_eq!(row(&app, id).await.outcome, None, "the mail arrived, so the recipient was reached");
    }

    async fn a_dead_address_moves_the_escalation_on_at_once(app: App) {
        let (fixture, signed) = ready(&app).await;
        app.email.push(report(SendOutcome::Permanent { endpoint_gone: false }));
        let id = share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        app.work().await;
        let found = row(&app, id).await;
        assert_eq!((found.outcome, found.is_open), (Some(Outcome::Failed), true));
        let notice = sent_to(&app, id)
            .await
            .into_iter()
            .find(|row| row.purpose == DeliveryPurpose::Notice)
            .unwrap();
        assert_eq!((notice.state, notice.dead_reason), (DeliveryState::Dead, Some(DeadReason::Refused)));
        let taken: Vec<_> = steps(&app, id).await.iter().map(|s| format!("{} {}", s.kind, s.cause)).collect();
        assert_eq!(taken, ["REMINDER SKIPPED_UNDELIVERABLE", "NEXT_PERSON UNDELIVERABLE"]);
        assert_eq!(steps(&app, id).await[1].told.0, [user(&fixture.palliative_lead)]);
        let mut told = notices_of(&app, user(&fixture.physician)).await;
        told.sort();
        assert_eq!(told, ["ESCALATED", "UNDELIVERABLE"]);
        assert_eq!(entries(&app, "recipient.unreachable").await, 1);
        app.run_until(found.next_step_at.unwrap()).await;
        let calls = calls(&app, id).await;
        assert_eq!(calls.len(), 1);
        assert_eq!((calls[0].reason.as_str(), calls[0].owner_id), ("UNDELIVERABLE", user(&fixture.physician)));
    }

    async fn an_endpoint_that_is_gone_is_disabled_and_the_admins_are_told(app: App) {
        let (fixture, signed) = ready(&app).await;
        // Another delivery already waits for the same endpoint.
        app.webhook.push(report(SendOutcome::Transient { retry_after: None }));
        let to = || vec![team(fixture.oncology_team, Duty::Required)];
        let waits = share(&app, &fixture, &signed, Urgency::Routine, to()).await.recipient_ids[0];
        app.work().await;
        app.webhook.push(report(SendOutcome::Permanent { endpoint_gone: true }));
        share(&app, &fixture, &signed, Urgency::Routine, to()).await;
        app.work().await;
        let found = endpoint::find(&mut app.service.store().read().await.unwrap(), fixture.oncology_webhook).await;
        let found = found.unwrap().unwrap();
        assert_eq!((found.status, found.disabled_reason.as_deref()), (EndpointStatus::Disabled, Some("GONE")));
        let given_up = sent_to(&app, waits).await.into_iter().find(|row| row.channel == ChannelKind::Webhook).unwrap();
        assert_eq!(given_up.dead_reason, Some(DeadReason::EndpointDisabled));
        assert_eq!(notices_of(&app, user(&fixture.admin)).await, ["ENDPOINT_DISABLED"]);
        assert_eq!(notices_of(&app, user(&fixture.other_admin)).await, Vec::<String>::new());
        assert_eq!(entries(&app, "endpoint.disable").await, 1);
        assert_eq!(row(&app, waits).await.outcome, None, "the mail arrived");
        app.webhook.take();
        share(&app, &fixture, &signed, Urgency::Routine, to()).await;
        app.work().await;
        assert_eq!(app.webhook.sent().len(), 0, "a disabled endpoint is not used");
    }

    async fn an_endpoint_that_failed_for_five_days_is_disabled(app: App) {
        let (fixture, signed) = ready(&app).await;
        let to = || vec![team(fixture.oncology_team, Duty::Copy)];
        app.webhook.push(report(SendOutcome::Permanent { endpoint_gone: false }));
        share(&app, &fixture, &signed, Urgency::Routine, to()).await;
        app.work().await;
        app.advance(TimeDelta::days(5));
        app.webhook.push(report(SendOutcome::Unknown));
        share(&app, &fixture, &signed, Urgency::Routine, to()).await;
        app.work().await;
        let found = endpoint::find(&mut app.service.store().read().await.unwrap(), fixture.oncology_webhook).await;
        assert_eq!(found.unwrap().unwrap().disabled_reason.as_deref(), Some("FAILING"));
    }

    async fn one_success_in_five_days_keeps_an_endpoint(app: App) {
        let (fixture, signed) = ready(&app).await;
        let to = || vec![team(fixture.oncology_team, Duty::Copy)];
        for (days, outcome) in [
            (0, SendOutcome::Permanent { endpoint_gone: false }),
            (3, SendOutcome::Delivered(EvidenceLevel::Received)),
            (3, SendOutcome::Permanent { endpoint_gone: false }),
        ] {
            app.advance(TimeDelta::days(days));
            app.webhook.push(report(outcome));
            share(&app, &fixture, &signed, Urgency::Routine, to()).await;
            app.work().await;
        }
        let found = endpoint::find(&mut app.service.store().read().await.unwrap(), fixture.oncology_webhook).await;
        let found = found.unwrap().unwrap();
        assert_eq!((found.status, found.failing_since), (EndpointStatus::Active, Some(app.now())));
    }

    async fn a_delivery_takes_the_request_that_planned_it_to_every_try(app: App) {
        let mut app = app;
        let (fixture, signed) = ready(&app).await;
        let told = Arc::new(Told::default());
        let mut settings = app.service.settings().clone();
        settings.origins = told.clone();
        let channels: Vec<Arc<dyn Channel>> = vec![app.email.clone(), app.webhook.clone()];
        app.service = process_with(&app, settings, channels);
        let id = share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        let planned = sent_to(&app, id).await.remove(0);
        assert_eq!((planned.request_id.as_deref(), planned.trace.as_deref()), (Some("request-1"), Some(TRACE)));
        app.email.push(report(SendOutcome::Transient { retry_after: None }));
        app.work().await;
        app.advance(TimeDelta::hours(1));
        app.work().await;
        assert_eq!(sent_to(&app, id).await[0].attempts, 2);
        let joined = told.0.lock().unwrap().clone();
        assert_eq!(joined, [TRACE, TRACE], "each try is of the trace of the request");
    }

    async fn killed_while_sending_means_a_repeat_with_the_same_id_after_the_lease(app: App) {
        let (fixture, signed) = ready(&app).await;
        let id = share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        let gate = Gate::new(ChannelKind::Email, |_| true);
        let doomed = process(&app, "doomed", vec![gate.clone()]);
        let work = tokio::spawn(async move { doomed.deliver_due(false, 10).await });
        gate.until_seen(1).await;
        work.abort();
        assert!(work.await.is_err(), "killed between sending and recording");
        app.work().await;
        assert_eq!(app.email.sent().len(), 0, "the claim still holds");
        app.advance(TimeDelta::seconds(61));
        app.work().await;
        let again = app.email.sent();
        assert_eq!((again.len(), &again[0].message_id), (1, &gate.seen()[0].message_id));
        let delivery = &sent_to(&app, id).await[0];
        let outcomes: Vec<_> = attempts(&app, delivery).await.iter().map(|a| a.outcome).collect();
        assert_eq!(outcomes, [AttemptOutcome::Unknown, AttemptOutcome::Delivered]);
        assert_eq!(evidence(&app, id).await.len(), 1);
    }

    async fn a_message_that_kills_every_sender_is_given_up_and_can_be_revived(app: App) {
        let (fixture, signed) = ready(&app).await;
        let id = share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        for round in 1..=5 {
            let gate = Gate::new(ChannelKind::Email, |_| true);
            let doomed = process(&app, &format!("doomed-{round}"), vec![gate.clone()]);
            let work = tokio::spawn(async move { doomed.deliver_due(false, 10).await });
            gate.until_seen(1).await;
            work.abort();
            assert!(work.await.is_err());
            app.advance(TimeDelta::seconds(61));
        }
        app.service.deliver_due(false, 10).await.unwrap();
        assert_eq!(app.email.sent().len(), 0);
        let dead = sent_to(&app, id).await.remove(0);
        assert_eq!((dead.state, dead.dead_reason, dead.attempts), (DeliveryState::Dead, Some(DeadReason::Poison), 5));
        assert_eq!(row(&app, id).await.outcome, Some(Outcome::Failed));
        let retry = RetryDelivery { delivery_id: dead.id, idempotency_key: Some("k".to_owned()) };
        app.service.retry_delivery(&fixture.admin, retry.clone()).await.unwrap();
        assert_eq!(app.service.retry_delivery(&fixture.admin, retry).await.unwrap(), dead.id, "a repeat");
        assert_eq!(entries(&app, "delivery.retry").await, 1);
        app.service.deliver_due(false, 10).await.unwrap();
        let found = row(&app, id).await;
        assert_eq!((found.level, found.outcome), (EvidenceLevel::Accepted, None), "arrival corrects the failure");
    }

    async fn a_late_answer_is_recorded_as_late_and_takes_nothing_back(app: App) {
        let (fixture, signed) = ready(&app).await;
        let id = share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        let gate = Gate::new(ChannelKind::Email, |_| true);
        let slow = process(&app, "slow", vec![gate.clone()]);
        let work = tokio::spawn(async move { slow.deliver_due(false, 10).await });
        gate.until_seen(1).await;
        app.advance(TimeDelta::seconds(61));
        app.email.push(report(SendOutcome::Transient { retry_after: None }));
        app.service.deliver_due(false, 10).await.unwrap();
        assert_eq!(states(&sent_to(&app, id).await), [DeliveryState::Pending]);
        gate.open.add_permits(1);
        work.await.unwrap().unwrap();
        let delivery = sent_to(&app, id).await.remove(0);
        assert_eq!(delivery.state, DeliveryState::Delivered, "what arrived is not sent a third time");
        let outcomes: Vec<_> = attempts(&app, &delivery).await.iter().map(|a| a.outcome).collect();
        assert_eq!(outcomes, [AttemptOutcome::Delivered, AttemptOutcome::Transient]);
        let proofs = evidence(&app, id).await;
        assert_eq!((proofs.len(), proofs[0].late), (1, true));
        assert_eq!(row(&app, id).await.level, EvidenceLevel::Accepted);
    }

    async fn one_hanging_host_delays_no_other_endpoint(app: App) {
        let (fixture, signed) = ready(&app).await;
        let mut ids = Vec::new();
        for _ in 0..8 {
            let to = vec![team(fixture.oncology_team, Duty::Copy)];
            ids.push(share(&app, &fixture, &signed, Urgency::Routine, to).await.recipient_ids[0]);
        }
        let gate = Gate::new(ChannelKind::Webhook, |_| true);
        let process = process(&app, "one", vec![gate.clone(), app.email.clone()]);
        let work = tokio::spawn(async move { process.deliver_due(false, 100).await });
        gate.until_seen(4).await;
        for _ in 0..400 {
            let mut arrived = 0;
            for id in &ids {
                arrived += usize::from(row(&app, *id).await.level == EvidenceLevel::Accepted);
            }
            if arrived == ids.len() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for id in &ids {
            assert_eq!(row(&app, *id).await.level, EvidenceLevel::Accepted, "recorded while the others hang");
        }
        assert_eq!(gate.most.load(Ordering::SeqCst), 4);
        gate.open.add_permits(100);
        work.await.unwrap().unwrap();
        app.work().await;
        for id in &ids {
            assert_eq!(row(&app, *id).await.level, EvidenceLevel::Received);
        }
    }

    async fn what_nobody_waits_for_any_more_is_not_sent(app: App) {
        let (fixture, signed) = ready(&app).await;
        app.email.push(report(SendOutcome::Transient { retry_after: None }));
        let to = vec![team(fixture.palliative_team, Duty::Required)];
        let shared = share(&app, &fixture, &signed, Urgency::Routine, to).await;
        app.service.deliver_due(false, 10).await.unwrap();
        let recall = RecallShare { share_id: shared.share_id, reason: "sent too early".to_owned(), idempotency_key: None };
        app.service.recall_share(&fixture.physician, recall).await.unwrap();
        app.email.take();
        app.run_until(app.now() + TimeDelta::hours(1)).await;
        assert_eq!(app.email.sent().len(), 0);
        assert_eq!(states(&sent_to(&app, shared.recipient_ids[0]).await), [DeliveryState::Cancelled]);
    }

    async fn two_processes_at_once_send_everything_once(app: App) {
        let (fixture, signed) = ready(&app).await;
        for _ in 0..15 {
            let to = vec![team(fixture.oncology_team, Duty::Copy), team(fixture.palliative_team, Duty::Copy)];
            share(&app, &fixture, &signed, Urgency::Routine, to).await;
        }
        let other = app.another_process().await;
        for _ in 0..5 {
            let (one, two) = tokio::join!(app.service.deliver_due(false, 100), other.deliver_due(false, 100));
            one.unwrap();
            two.unwrap();
        }
        let mut ids: Vec<String> = app.email.sent().into_iter().chain(app.webhook.sent()).map(|one| one.message_id).collect();
        assert_eq!(ids.len(), 45);
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 45);
        assert_eq!(entries(&app, "delivery.delivered").await, 45);
        other.store().close().await;
    }

    async fn admins_see_and_revive_the_deliveries_of_their_own_clinic_alone(app: App) {
        let (fixture, signed) = ready(&app).await;
        app.email.push(report(SendOutcome::Permanent { endpoint_gone: false }));
        let id = share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        app.service.deliver_due(false, 10).await.unwrap();
        let list = app.service.deliveries(&fixture.admin, Some(DeliveryState::Dead), None, 10).await.unwrap();
        assert_eq!((list.len(), list[0].attempts.len()), (1, 1));
        let dead = list[0].delivery.clone();
        assert_eq!(dead.recipient_id, Some(id));
        let more = app.service.deliveries(&fixture.admin, Some(DeliveryState::Dead), Some((dead.updated_at, dead.id)), 10);
        assert!(more.await.unwrap().is_empty());
        assert!(app.service.deliveries(&fixture.other_admin, None, None, 10).await.unwrap().is_empty());
        let retry = || RetryDelivery { delivery_id: dead.id, idempotency_key: None };
        for stranger in [&fixture.physician, &fixture.auditor, &fixture.oncologist] {
            assert!(app.service.deliveries(stranger, None, None, 10).await.is_err());
            assert!(app.service.retry_delivery(stranger, retry()).await.is_err());
        }
        let foreign = app.service.retry_delivery(&fixture.other_admin, retry()).await;
        assert!(matches!(foreign, Err(ServiceError::NotFound(_))), "{foreign:?}");
        app.service.retry_delivery(&fixture.admin, retry()).await.unwrap();
        let twice = app.service.retry_delivery(&fixture.admin, retry()).await.expect_err("it is not dead any more");
        assert_eq!(twice.code(), "NOT_DEAD");
        assert_eq!(entries(&app, "delivery.retry").await, 1);
    }

    async fn what_is_due_is_found_by_one_statement(app: App) {
        let (fixture, signed) = ready(&app).await;
        app.service.retain().await.unwrap();
        assert_eq!(app.service.due_nudges().await.unwrap(), vec![]);
        share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        let before = app.service.store().statements();
        let due: Vec<_> = app.service.due_nudges().await.unwrap().iter().map(|nudge| nudge.queue.name()).collect();
        assert_eq!(app.service.store().statements() - before, 1);
        assert_eq!(due, ["deliver", "sequence"]);
        app.advance(TimeDelta::days(40));
        let due: Vec<_> = app.service.due_nudges().await.unwrap().iter().map(|nudge| nudge.queue.name()).collect();
        assert_eq!(due, ["deliver", "escalate", "sequence", "retain"]);
        assert_eq!(app.service.retain().await.unwrap().done, 1);
        assert_eq!(app.service.retain().await.unwrap().done, 0, "once an hour, whoever asks");
    }
}
