//! Versions and loops: an amendment asks again, a withdrawal tells those who had read it, and two at once are one.

use liaison_clinical::{NoteContent, parse_journey};
use liaison_domain::{DeliveryPurpose, Disposition, EvidenceLevel, Outcome};
use liaison_service::{
    ServiceError,
    loops::acknowledge::Acknowledge,
    notes::{AmendNote, SignAmendment, SignNote, UpdateDraft, WithdrawNote},
};
use liaison_store::{deliveries, recipients, shares};
use liaison_testkit::{App, Fixture, Signed, both_engines, share_of, to_team};

async fn share(app: &App, fixture: &Fixture, signed: &Signed) -> Vec<liaison_domain::RecipientId> {
    let teams = [fixture.oncology_team, fixture.palliative_team];
    app.share(fixture, signed, &teams).await.recipient_ids
}

fn reviewed(id: liaison_domain::RecipientId, version: liaison_domain::NoteVersionId) -> Acknowledge {
    Acknowledge {
        recipient_id: Some(id),
        note_version_id: Some(version),
        dispositions: vec![Disposition::ReviewedNoChange],
        ..Acknowledge::default()
    }
}

async fn loops_of(app: &App, signed: &Signed) -> Vec<recipients::RecipientRow> {
    let mut conn = app.service.store().read().await.expect("a connection");
    recipients::of_patient(&mut conn, signed.patient_id)
        .await
        .expect("rows")
}

fn content() -> NoteContent {
    let (_, text) = liaison_clinical::journeys()
        .find(|(_, text)| parse_journey(text).is_ok_and(|journey| journey.header.journey == "A"))
        .expect("journey A");
    parse_journey(text).expect("it parses").documents.remove(0).content
}

both_engines! {
    async fn an_amendment_ends_the_old_loops_and_asks_everybody_again(app: App) {
        let fixture = app.fixture().await;
        let patient = app.patient(&fixture, "A").await;
        let signed = app.sign(&fixture, patient, "A", 0).await;
        let old = share(&app, &fixture, &signed).await;
        app.service.open_share(&fixture.oncologist, old[0]).await.expect("it opens");
        app.service.acknowledge(&fixture.oncologist, reviewed(old[0], signed.version_id)).await.expect("acknowledged");

        let opened = app
            .service
            .amend_note(&fixture.physician, AmendNote { note_id: signed.note_id, idempotency_key: None })
            .await
            .expect("a draft");
        let mut content = content();
        if let NoteContent::ConsultationNote(note) = &mut content
            && let Some(referral) = &mut note.referral
        {
            referral.reason = Some("Left arm neuropathic pain; the dose in the first version was wrong.".to_owned());
        }
        let update = UpdateDraft {
            note_id: signed.note_id,
            expected_revision: opened.revision,
            content,
            confirmations: Vec::new(),
            set_aside: None,
            idempotency_key: None,
        };
        let saved = app.service.update_draft(&fixture.physician, update).await.expect("saved");
        app.advance(chrono::TimeDelta::hours(1));
        let sign = SignNote {
            note_id: signed.note_id,
            expected_revision: saved.revision,
            raised_urgency: None,
            confirmations: Vec::new(),
            idempotency_key: None,
        };
        let amended = app
            .service
            .sign_amendment(&fixture.physician, SignAmendment { sign, reason: "Wrong dose.".to_owned() })
            .await
            .expect("signed");
        assert_eq!(amended.version, 2);

        let loops = loops_of(&app, &signed).await;
        let (before, after): (Vec<_>, Vec<_>) = loops.iter().partition(|row| row.note_version_id == signed.version_id);
        assert_eq!((before.len(), after.len()), (2, 2));
        assert!(before.iter().all(|row| row.outcome == Some(Outcome::Superseded) && !row.is_open));
        assert!(after.iter().all(|row| row.is_open && row.level == EvidenceLevel::Queued && row.shared_at == app.now()));
        {
            let mut conn = app.service.store().read().await.expect("a connection");
            let ids: Vec<_> = before.iter().map(|row| row.id.uuid()).collect();
            let told = deliveries::of_recipients(&mut conn, &ids).await.expect("rows");
            let corrected: Vec<_> =
                told.iter().filter(|row| row.purpose == DeliveryPurpose::Correction).map(|row| row.recipient_id).collect();
            assert!(corrected.iter().all(|id| *id == Some(old[0])) && !corrected.is_empty(), "only who had opened it is told");
        }
        // The old version can be neither opened nor acknowledged; the new one shows what changed.
        let error = app.service.open_share(&fixture.palliative, old[1]).await.expect_err("refused");
        assert_eq!(error.code(), "SUPERSEDED");
        let mine = after.iter().find(|row| row.to_team_id == Some(fixture.oncology_team)).expect("asked again");
        let reading = app.service.open_share(&fixture.oncologist, mine.id).await.expect("it opens");
        assert!(reading.note.change.is_some(), "field by field");
        let error = app.service.acknowledge(&fixture.oncologist, reviewed(mine.id, signed.version_id)).await.expect_err("refused");
        assert!(matches!(error, ServiceError::Invalid(_)), "an acknowledgment of version 1 never counts for version 2");
        app.service.acknowledge(&fixture.oncologist, reviewed(mine.id, amended.version_id)).await.expect("acknowledged");

        // The old version cannot be shared any more.
        let mut conn = app.service.store().read().await.expect("a connection");
        assert_eq!(shares::by_note(&mut conn, signed.note_id).await.expect("rows").len(), 2);
    }

    async fn a_withdrawal_ends_every_copy(app: App) {
        let fixture = app.fixture().await;
        let patient = app.patient(&fixture, "A").await;
        let signed = app.sign(&fixture, patient, "A", 0).await;
        let ids = share(&app, &fixture, &signed).await;
        let withdraw = WithdrawNote { note_id: signed.note_id, reason: "Another patient's.".to_owned(), idempotency_key: None };
        app.service.withdraw_note(&fixture.physician, withdraw).await.expect("withdrawn");
        for row in loops_of(&app, &signed).await {
            assert_eq!((row.outcome, row.is_open, row.next_step_at), (Some(Outcome::Recalled), false, None));
        }
        let error = app.service.open_share(&fixture.oncologist, ids[0]).await.expect_err("refused");
        assert_eq!(error.code(), "RECALLED");
        let again = share_of(signed.version_id, vec![to_team(fixture.oncology_team)]);
        let error = app.service.share_note(&fixture.physician, again).await.expect_err("refused");
        assert_eq!(error.code(), "WITHDRAWN");
    }

    async fn two_acknowledgments_at_once_are_one(app: App) {
        let fixture = app.fixture().await;
        let patient = app.patient(&fixture, "A").await;
        let signed = app.sign(&fixture, patient, "A", 0).await;
        let id = share(&app, &fixture, &signed).await[0];
        app.service.open_share(&fixture.oncologist, id).await.expect("it opens");
        app.service.open_share(&fixture.second_oncologist, id).await.expect("it opens");
        let other = app.another_process().await;
        let (one, two) = tokio::join!(
            app.service.acknowledge(&fixture.oncologist, reviewed(id, signed.version_id)),
            other.acknowledge(&fixture.second_oncologist, reviewed(id, signed.version_id)),
        );
        let refused = [one.as_ref().err(), two.as_ref().err()].into_iter().flatten().map(ServiceError::code).collect::<Vec<_>>();
        assert_eq!(refused, ["ALREADY_ACKNOWLEDGED"], "{one:?} {two:?}");
    }

    async fn a_restart_loses_nothing_that_was_committed(app: App) {
        let mut app = app;
        let fixture = app.fixture().await;
        let patient = app.patient(&fixture, "A").await;
        let signed = app.sign(&fixture, patient, "A", 0).await;
        let ids = share(&app, &fixture, &signed).await;
        app.restart().await;
        app.service.open_share(&fixture.palliative, ids[1]).await.expect("it opens");
        app.restart().await;
        app.service.acknowledge(&fixture.palliative, reviewed(ids[1], signed.version_id)).await.expect("acknowledged");
        app.restart().await;
        let loops = loops_of(&app, &signed).await;
        assert_eq!(loops.iter().filter(|row| row.is_open).count(), 1);
    }
}
