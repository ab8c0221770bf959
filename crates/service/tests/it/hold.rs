//! Holds: asked for by a recipient, accepted by the clinic, lifted by a physician.

use chrono::{Days, NaiveDate};
use liaison_domain::{Actor, Disposition, HoldId, PatientId, RecipientId};
use liaison_service::loops::{acknowledge::Acknowledge, hold::ChangeHold};
use liaison_testkit::{App, Fixture, Signed, both_engines};

use super::reading::{code, entries, share_both, world};

async fn ask(app: &App, actor: &Actor, id: RecipientId, until: Option<NaiveDate>) {
    let opened = app.service.open_share(actor, id).await.expect("it opens");
    let input = Acknowledge {
        recipient_id: Some(id),
        note_version_id: Some(opened.recipient.note_version_id),
        dispositions: vec![Disposition::HoldInfusions],
        comment: Some("Cardiology first.".to_owned()),
        hold_until: until,
        ..Acknowledge::default()
    };
    app.service.acknowledge(actor, input).await.expect("acknowledged");
}

async fn held(app: &App, until: Option<NaiveDate>) -> (Fixture, Signed, HoldId) {
    let (fixture, signed) = world(app).await;
    let (_, oncology, _) = share_both(app, &fixture, &signed).await;
    ask(app, &fixture.oncologist, oncology, until).await;
    let holds = app
        .service
        .holds(&fixture.physician, signed.patient_id)
        .await
        .expect("holds");
    (fixture, signed, holds[0].row.id)
}

fn change(hold_id: HoldId) -> ChangeHold {
    ChangeHold {
        hold_id,
        idempotency_key: None,
    }
}

async fn active(app: &App, patient: PatientId) -> Option<HoldId> {
    let mut conn = app.service.store().read().await.expect("a connection");
    app.service
        .active_hold(&mut conn, patient)
        .await
        .expect("it reads")
        .map(|hold| hold.id)
}

both_engines! {
    async fn a_hold_is_accepted_once_and_lifted_by_a_physician(app: App) {
        let (fixture, signed, id) = held(&app, None).await;
        let patient = signed.patient_id;
        assert_eq!(active(&app, patient).await, Some(id), "in force before it is accepted");
        let [hold] = &app.service.holds(&fixture.coordinator, patient).await.expect("holds")[..] else { panic!("one") };
        assert_eq!(hold.reason.as_ref().expect("a reason").reveal(), "Cardiology first.");
        assert!(hold.in_force && !format!("{hold:?}").contains("Cardiology"));
        assert_eq!(entries(&app, &fixture.coordinator, "hold.read").await.len(), 1);

        let input = ChangeHold { idempotency_key: Some("accept".to_owned()), ..change(id) };
        let accepted = app.service.accept_hold(&fixture.coordinator, input.clone()).await.expect("accepted");
        assert_eq!(app.service.accept_hold(&fixture.coordinator, input).await.expect("the same"), accepted);
        assert_eq!(code(app.service.accept_hold(&fixture.physician, change(id)).await), "HOLD_NOT_WAITING");
        assert_eq!(entries(&app, &fixture.coordinator, "hold.accept").await.len(), 1);

        assert_eq!(code(app.service.lift_hold(&fixture.coordinator, change(id)).await), "FORBIDDEN");
        assert_eq!(entries(&app, &fixture.coordinator, "access.denied").await.len(), 1);
        assert_eq!(active(&app, patient).await, Some(id));
        app.service.lift_hold(&fixture.physician, change(id)).await.expect("lifted");
        assert_eq!(active(&app, patient).await, None);
        assert_eq!(code(app.service.lift_hold(&fixture.physician, change(id)).await), "HOLD_LIFTED");
        assert_eq!(entries(&app, &fixture.physician, "hold.lift").await.len(), 1);
        let [hold] = &app.service.holds(&fixture.physician, patient).await.expect("holds")[..] else { panic!("one") };
        assert_eq!((hold.in_force, hold.row.lifted_by), (false, fixture.physician.user_id));
        assert_eq!(hold.row.accepted_by, fixture.coordinator.user_id, "who accepted stays on record");
    }

    async fn a_hold_ends_with_its_last_day_at_the_clinic(app: App) {
        let zone: chrono_tz::Tz = "America/Chicago".parse().expect("a zone");
        let (fixture, signed) = world(&app).await;
        let (_, oncology, palliative) = share_both(&app, &fixture, &signed).await;
        let today = app.now().with_timezone(&zone).date_naive();
        let tomorrow = today + Days::new(1);
        ask(&app, &fixture.oncologist, oncology, Some(today)).await;
        ask(&app, &fixture.palliative, palliative, Some(tomorrow)).await;
        let holds = app.service.holds(&fixture.physician, signed.patient_id).await.expect("holds");
        assert!(holds.len() == 2 && holds.iter().all(|hold| hold.in_force), "the last day counts");
        let longest = holds.iter().find(|hold| hold.row.until_date == Some(tomorrow)).expect("it").row.id;
        assert_eq!(active(&app, signed.patient_id).await, Some(longest));
        app.advance(chrono::TimeDelta::days(1));
        let holds = app.service.holds(&fixture.physician, signed.patient_id).await.expect("holds");
        assert_eq!(holds.iter().filter(|hold| hold.in_force).count(), 1);
        app.advance(chrono::TimeDelta::days(1));
        assert_eq!(active(&app, signed.patient_id).await, None);
    }

    async fn other_clinics_and_recipients_cannot_touch_a_hold(app: App) {
        let (fixture, signed, id) = held(&app, None).await;
        for actor in [&fixture.other_physician, &fixture.oncologist, &fixture.outsider] {
            assert_eq!(code(app.service.accept_hold(actor, change(id)).await), "NOT_FOUND");
            assert_eq!(code(app.service.lift_hold(actor, change(id)).await), "NOT_FOUND");
            assert_eq!(code(app.service.holds(actor, signed.patient_id).await), "NOT_FOUND");
        }
        for actor in [&fixture.admin, &fixture.auditor] {
            assert_eq!(code(app.service.accept_hold(actor, change(id)).await), "FORBIDDEN");
        }
        let theirs = app.service.holds_of_patients(&fixture.other_physician, &[signed.patient_id]).await;
        assert!(theirs.expect("none of theirs").is_empty());
        let unknown = HoldId::from_uuid(uuid::Uuid::from_u128(6));
        assert_eq!(code(app.service.lift_hold(&fixture.physician, change(unknown)).await), "NOT_FOUND");
        let reader = Actor { read_only: true, ..fixture.physician.clone() };
        assert_eq!(code(app.service.lift_hold(&reader, change(id)).await), "FORBIDDEN");
        assert_eq!(active(&app, signed.patient_id).await, Some(id));
    }
}
