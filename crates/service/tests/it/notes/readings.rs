//! Readings of signed versions, the timeline, the trend; what a stolen database shows.

use std::time::Duration;

use liaison_clinical::{NoteContent, Urgency};
use liaison_domain::NoteVersionId;
use liaison_service::notes::WithdrawNote;
use liaison_store::Engine;
use liaison_testkit::{App, both_engines, notes::journey};

use super::{acts, confirm_all, content, count, drafted, past, sign, without_triggers};

async fn eventually(app: &App, action: &str) {
    for _ in 0..200 {
        if count(app, action).await > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no entry {action}");
}

both_engines! {
    async fn a_version_is_read_by_its_clinic_alone(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let signed = app.sign(&f, patient, "A", 0).await;
        app.service.verify_version(&f.physician, signed.version_id).await.unwrap();
        let unknown: NoteVersionId = app.service.id();
        for (actor, id) in
            [(&f.other_physician, signed.version_id), (&f.oncologist, signed.version_id), (&f.physician, unknown)]
        {
            let error = app.service.note_version(actor, id).await.expect_err("not found");
            assert_eq!(error.to_string(), "note version not found");
            let error = app.service.verify_version(actor, id).await.expect_err("not found");
            assert_eq!(error.to_string(), "note version not found");
        }
        let error = app.service.note_version(&f.admin, signed.version_id).await.expect_err("refused");
        assert_eq!(error.code(), "FORBIDDEN");
        assert!(!acts(&app, signed.note_id).await.contains(&"note.read".to_owned()));
        assert_eq!(count(&app, "access.denied").await, 7);

        let theirs = app.service.versions_by_ids(&f.other_physician, &[signed.version_id]).await.unwrap();
        assert!(theirs.is_empty());
        assert!(app.service.notes_by_ids(&f.other_physician, &[signed.note_id]).await.unwrap().is_empty());
        let latest = app.service.latest_versions_of_notes(&f.physician, &[signed.note_id]).await.unwrap();
        assert_eq!(latest[&signed.note_id].id, signed.version_id);
    }

    async fn a_version_that_is_not_what_was_signed_is_never_an_answer(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let one = app.sign(&f, patient, "A", 0).await;
        without_triggers(&app).await;
        past(&app, "update note_version set content_sha256 = content_sealed").await.unwrap();
        let error = app.service.note_version(&f.physician, one.version_id).await.expect_err("broken");
        assert_eq!(error.code(), "INTERNAL");
        eventually(&app, "note.integrity").await;
        assert_eq!(app.service.verify_version(&f.physician, one.version_id).await.expect_err("broken").code(), "INTERNAL");
        assert!(!acts(&app, one.note_id).await.contains(&"note.read".to_owned()));
    }

    async fn ciphertext_of_another_version_does_not_open(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let one = app.sign(&f, patient, "A", 0).await;
        let two = app.sign(&f, patient, "A", 1).await;
        without_triggers(&app).await;
        let swap = "update note_version set
            content_sealed = (select content_sealed from note_version where kind = 'INFUSION_SUMMARY'),
            content_sha256 = (select content_sha256 from note_version where kind = 'INFUSION_SUMMARY')";
        past(&app, swap).await.unwrap();
        let error = app.service.note_version(&f.physician, one.version_id).await.expect_err("moved");
        assert_eq!(error.code(), "INTERNAL");
        app.service.verify_version(&f.physician, two.version_id).await.unwrap();
    }

    async fn every_journey_is_signed_with_what_came_before_it(app: App) {
        let f = app.fixture().await;
        for letter in ["A", "C", "D"] {
            let patient = app.patient(&f, letter).await;
            let journey = journey(letter);
            for (number, document) in journey.documents.iter().enumerate() {
                let expected = document.envelope.expected.as_ref().unwrap();
                let saved = drafted(&app, &f, patient, letter, number).await;
                let found: Vec<_> = saved.unconfirmed.iter().map(|w| (w.path.clone(), w.limit.clone())).collect();
                let wanted: Vec<_> = expected.soft_warnings.iter().map(|w| (w.path.clone(), w.limit.clone())).collect();
                assert_eq!(found, wanted, "{letter} {number}");
                let input = liaison_service::notes::SignNote {
                    confirmations: confirm_all(&saved),
                    ..sign(saved.note_id, 1)
                };
                let signed = app.service.sign_note(&f.physician, input).await.unwrap();
                assert_eq!(signed.urgency, expected.urgency, "{letter} {number}");
            }
        }
    }

    async fn the_timeline_is_in_order_of_time_and_paged(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        for number in 0..3 {
            app.sign(&f, patient, "A", number).await;
        }
        drafted(&app, &f, patient, "A", 3).await;
        let first = app.service.patient_timeline(&f.coordinator, patient, None, 3).await.unwrap();
        let versions: Vec<_> = first.items.iter().map(|item| item.version).collect();
        assert_eq!(versions, [None, Some(1), Some(1)], "the draft is the newest");
        assert_eq!(first.items[1].urgency, Some(Urgency::Routine));
        let second = app.service.patient_timeline(&f.coordinator, patient, first.next, 3).await.unwrap();
        assert_eq!((second.items.len(), second.next), (1, None));
        assert!(second.items[0].occurred_at < first.items[2].occurred_at);
        let error = app.service.patient_timeline(&f.other_physician, patient, None, 3).await.expect_err("not found");
        assert_eq!(error.to_string(), "patient not found");
        assert_eq!(app.service.patient_timeline(&f.physician, patient, None, 101).await.expect_err("limit").code(), "INVALID");
    }

    async fn the_trend_is_that_of_the_signed_infusions(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let journey = journey("A");
        let mut signed = Vec::new();
        for number in 0..journey.documents.len() {
            signed.push(app.sign(&f, patient, "A", number).await);
        }
        let trend = app.service.patient_trend(&f.physician, patient).await.unwrap();
        assert_eq!(trend.consultation_version_id, Some(signed[0].version_id));
        let rows = &trend.trend.reveal().rows;
        let infusions: Vec<_> = signed[1..].iter().map(|signed| signed.version_id).collect();
        assert_eq!(trend.infusion_version_ids, infusions);
        // What was told after the last infusion is in the file alone.
        assert_eq!(rows[..rows.len() - 1], journey.header.expected_trend[..rows.len() - 1]);
        assert_eq!(count(&app, "patient.trend").await, 1);

        let withdraw = WithdrawNote {
            note_id: signed[2].note_id,
            reason: "Written for another patient.".to_owned(),
            idempotency_key: None,
        };
        app.service.withdraw_note(&f.physician, withdraw).await.unwrap();
        let trend = app.service.patient_trend(&f.physician, patient).await.unwrap();
        assert_eq!(trend.infusion_version_ids.len(), infusions.len() - 1);
        assert!(!trend.infusion_version_ids.contains(&signed[2].version_id));
        let error = app.service.patient_trend(&f.other_physician, patient).await.expect_err("not found");
        assert_eq!(error.to_string(), "patient not found");
    }

    async fn a_stolen_database_shows_nothing_of_a_patient(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let NoteContent::ConsultationNote(mut note) = content("A", 0) else { panic!("a consultation") };
        note.expectations.as_mut().unwrap().patient_goal = Some("Canary-in-the-goal".to_owned());
        let signed = app.sign_content(&f, patient, NoteContent::ConsultationNote(note)).await;
        drafted(&app, &f, patient, "A", 1).await;
        app.service.note_version(&f.physician, signed.version_id).await.unwrap();
        let withdraw = WithdrawNote {
            note_id: signed.note_id,
            reason: "Canary-in-the-reason".to_owned(),
            idempotency_key: Some("k".to_owned()),
        };
        app.service.withdraw_note(&f.physician, withdraw).await.unwrap();
        if app.database.engine == Engine::Sqlite {
            let mut files = 0;
            for file in std::fs::read_dir(app.database.folder.path()).unwrap() {
                let path = file.unwrap().path();
                let bytes = std::fs::read(&path).unwrap();
                let text = String::from_utf8_lossy(&bytes).to_lowercase();
                for canary in ["synthia", "rivera", "test-ket-0001", "testket0001", "canary", "neuropathic", "1967-08-02"] {
                    assert!(!text.contains(canary), "{canary} in {}", path.display());
                }
                files += usize::from(text.starts_with("sqlite format 3") || path.to_string_lossy().ends_with("-wal"));
            }
            assert_eq!(files, 2, "the database and its write-ahead log were looked at");
        }
    }
}
