//! Tests of endpoints: they go their normal way, once, and say what came of it.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use chrono::TimeDelta;
use liaison_domain::{AttemptOutcome, DeliveryState};
use liaison_service::channel::{OutboundBody, SendOutcome};
use liaison_store::directory::endpoint::endpoints_by_ids;
use liaison_testkit::both_engines;

use crate::{
    link_support::{code_of, text},
    work_support::{entries, report},
};

both_engines! {
    async fn a_test_goes_its_normal_way_and_proves_the_endpoint(app: App) {
        let fixture = app.fixture().await;
        app.work().await;
        app.email.take();
        let id = app.service.test_endpoint(&fixture.admin, fixture.oncology_email).await.unwrap();
        let waiting = app.service.endpoint_tests(&fixture.admin, fixture.oncology_email).await.unwrap();
        assert_eq!((waiting[0].delivery.id, waiting[0].delivery.state, waiting[0].attempts.len()), (id, DeliveryState::Pending, 0));
        assert_eq!(code_of(app.service.test_endpoint(&fixture.admin, fixture.oncology_email).await), "TESTED_JUST_NOW");
        app.service.test_endpoint(&fixture.admin, fixture.oncology_webhook).await.unwrap();
        app.work().await;
        let mail = app.email.take().pop().unwrap();
        assert_eq!(mail.address, "oncology-team@cancer.example.test");
        assert!(text(&mail).starts_with("A test from Liaison\n"), "{}", text(&mail));
        let call = app.webhook.take().pop().unwrap();
        let OutboundBody::Webhook(body) = &call.body else { panic!("a webhook") };
        assert_eq!(body.event_type, "endpoint.test");
        let json: serde_json::Value = serde_json::from_str(&body.json).unwrap();
        assert_eq!(json["type"], "endpoint.test");
        assert_eq!(json["data"]["endpoint_id"], fixture.oncology_webhook.to_string());
        let done = app.service.endpoint_tests(&fixture.admin, fixture.oncology_email).await.unwrap();
        assert_eq!((done[0].delivery.state, done[0].attempts[0].outcome), (DeliveryState::Delivered, AttemptOutcome::Delivered));
        let both = [fixture.oncology_email, fixture.oncology_webhook];
        let rows = endpoints_by_ids(&mut app.service.store().read().await.unwrap(), &both).await.unwrap();
        assert!(rows.iter().all(|row| row.last_proven_at == Some(app.now())));
        assert_eq!(entries(&app, "endpoint.test").await, 2);
    }

    async fn a_test_that_fails_is_not_tried_again(app: App) {
        let fixture = app.fixture().await;
        app.work().await;
        app.email.push(report(SendOutcome::Transient { retry_after: None }));
        app.service.test_endpoint(&fixture.admin, fixture.palliative_email).await.unwrap();
        app.work().await;
        let done = app.service.endpoint_tests(&fixture.admin, fixture.palliative_email).await.unwrap();
        assert_eq!((done[0].delivery.state, done[0].attempts.len()), (DeliveryState::Dead, 1));
        assert_eq!(done[0].attempts[0].status_code, Some(503));
        app.advance(TimeDelta::minutes(1));
        app.service.test_endpoint(&fixture.admin, fixture.palliative_email).await.unwrap();
        app.work().await;
        let done = app.service.endpoint_tests(&fixture.admin, fixture.palliative_email).await.unwrap();
        assert_eq!((done.len(), done[0].delivery.state), (2, DeliveryState::Delivered));
    }

    async fn only_who_keeps_the_directory_tests_and_never_a_disabled_endpoint(app: App) {
        let fixture = app.fixture().await;
        for actor in [&fixture.physician, &fixture.auditor, &fixture.oncologist] {
            assert!(app.service.test_endpoint(actor, fixture.oncology_email).await.is_err());
            assert!(app.service.endpoint_tests(actor, fixture.oncology_email).await.is_err());
        }
        assert_eq!(code_of(app.service.test_endpoint(&fixture.other_admin, fixture.oncology_email).await), "NOT_FOUND");
        app.service.set_endpoint_disabled(&fixture.admin, fixture.oncology_email, true).await.unwrap();
        assert_eq!(code_of(app.service.test_endpoint(&fixture.admin, fixture.oncology_email).await), "ENDPOINT_DISABLED");
        assert_eq!(entries(&app, "endpoint.test").await, 0);
    }
}
