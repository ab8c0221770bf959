//! Drafts: beginning, changing, confirming, discarding.

use liaison_clinical::{NoteContent, content::infusion::MonitoringRow};
use liaison_domain::NoteStatus;
use liaison_service::{
    FieldProblem,
    notes::{ConfirmUnusual, DiscardDraft, DraftNote, ListNotes, SetAside, UpdateDraft},
};
use liaison_testkit::both_engines;

use super::{acts, confirm_all, content, count, draft, drafted, problems, sign, update};

both_engines! {
    async fn a_draft_may_be_incomplete_and_says_what_a_signature_needs(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let empty = NoteContent::ConsultationNote(Box::default());
        let saved = app.service.draft_note(&f.coordinator, draft(patient, empty.clone())).await.unwrap();
        assert_eq!(saved.revision, 1);
        assert!(saved.before_signing.iter().all(|problem| problem.path.starts_with("content.")));
        assert!(saved.before_signing.iter().any(|problem| problem.code == "REQUIRED"));

        let full = content("A", 0);
        let saved = app.service.update_draft(&f.coordinator, update(&saved, full.clone())).await.unwrap();
        assert_eq!((saved.revision, saved.before_signing.as_slice()), (2, [].as_slice()));
        let read = app.service.draft(&f.physician, saved.note_id).await.unwrap();
        assert_eq!(read.content.reveal(), &full);
        assert_eq!(read.note.draft_updated_by, f.coordinator.user_id);
        assert!(!format!("{read:?}").contains("neuropathic"));
        assert_eq!(acts(&app, saved.note_id).await, ["note.draft", "note.read", "note.update"]);
    }

    async fn an_impossible_value_is_refused_with_its_path(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let NoteContent::InfusionSummary(mut summary) = content("A", 1) else { panic!("an infusion") };
        summary.monitoring[2].sbp = Some(999);
        summary.monitoring[3].spo2 = Some(-1);
        let input = draft(patient, NoteContent::InfusionSummary(summary));
        let found = problems(app.service.draft_note(&f.physician, input).await.expect_err("refused"));
        for path in ["content.monitoring[2].sbp", "content.monitoring[3].spo2"] {
            assert!(found.contains(&(path.to_owned(), "OUTSIDE_HARD_LIMIT".to_owned())), "{found:?}");
        }
        assert_eq!(count(&app, "note.draft").await, 0);
    }

    async fn a_flood_of_monitoring_rows_is_refused_clearly(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let NoteContent::InfusionSummary(mut summary) = content("A", 1) else { panic!("an infusion") };
        summary.monitoring = vec![MonitoringRow { sbp: Some(120), ..MonitoringRow::default() }; 10_000];
        let input = draft(patient, NoteContent::InfusionSummary(summary));
        let error = app.service.draft_note(&f.physician, input).await.expect_err("refused");
        let text = error.to_string();
        assert!(text.contains("10000 monitoring rows are too many") && text.contains("1000"), "{text}");
        assert_eq!(problems(error), [("content.monitoring".to_owned(), "TOO_MANY".to_owned())]);
    }

    async fn a_change_of_an_older_revision_is_a_conflict_and_nothing_is_lost(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let saved = drafted(&app, &f, patient, "A", 0).await;
        let NoteContent::ConsultationNote(mut note) = content("A", 0) else { panic!("a consultation") };
        note.interaction_flags = vec!["first".to_owned()];
        let first = NoteContent::ConsultationNote(note.clone());
        note.interaction_flags = vec!["second".to_owned()];
        let second = NoteContent::ConsultationNote(note);
        let by_coordinator = app.service.update_draft(&f.coordinator, update(&saved, first.clone())).await;
        assert_eq!(by_coordinator.unwrap().revision, 2);
        let late = app.service.update_draft(&f.physician, update(&saved, second)).await.expect_err("a conflict");
        assert_eq!(late.code(), "DRAFT_CHANGED");
        assert!(late.to_string().contains("revision 2"), "{late}");
        assert_eq!(app.service.draft(&f.physician, saved.note_id).await.unwrap().content.reveal(), &first);
        let late = DiscardDraft { note_id: saved.note_id, expected_revision: 1 };
        assert_eq!(app.service.discard_draft(&f.physician, late).await.expect_err("a conflict").code(), "DRAFT_CHANGED");
    }

    async fn repeats_of_draft_and_update_change_nothing(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "C").await;
        let input = DraftNote { idempotency_key: Some("d".to_owned()), ..draft(patient, content("C", 0)) };
        let first = app.service.draft_note(&f.physician, input.clone()).await.unwrap();
        assert_eq!(app.service.draft_note(&f.physician, input).await.unwrap(), first);
        let change = UpdateDraft { idempotency_key: Some("u".to_owned()), ..update(&first, content("C", 0)) };
        let second = app.service.update_draft(&f.physician, change.clone()).await.unwrap();
        assert_eq!(app.service.update_draft(&f.physician, change).await.unwrap().revision, second.revision);
        assert_eq!(acts(&app, first.note_id).await, ["note.draft", "note.update"]);
        let other = DraftNote { idempotency_key: Some("d".to_owned()), ..draft(patient, content("C", 1)) };
        let error = app.service.draft_note(&f.physician, other).await.expect_err("another request");
        assert_eq!(error.code(), "IDEMPOTENCY_KEY_REUSED");
    }

    async fn a_confirmation_holds_for_its_value_alone(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "D").await;
        let saved = drafted(&app, &f, patient, "D", 0).await;
        assert!(!saved.unconfirmed.is_empty());
        let all = confirm_all(&saved);
        let mut wrong = update(&saved, content("D", 0));
        wrong.confirmations = vec![ConfirmUnusual { value: 1.into(), ..all[0].clone() }];
        let error = app.service.update_draft(&f.physician, wrong).await.expect_err("refused");
        assert_eq!(problems(error), [("confirmations[0]".to_owned(), "NOTHING_TO_CONFIRM".to_owned())]);

        let mut change = update(&saved, content("D", 0));
        change.confirmations = all;
        let saved = app.service.update_draft(&f.coordinator, change).await.unwrap();
        assert_eq!(saved.unconfirmed, []);
        let read = app.service.draft(&f.physician, saved.note_id).await.unwrap();
        let first = &read.confirmations.reveal()[0];
        assert_eq!(first.confirmed_by, f.coordinator.user_id.unwrap().to_string());
        assert_eq!(first.confirmed_at, app.now());

        // The same values again: still confirmed. Another value: asked again.
        let saved = app.service.update_draft(&f.physician, update(&saved, content("D", 0))).await.unwrap();
        assert_eq!(saved.unconfirmed, []);
        let NoteContent::ConsultationNote(mut note) = content("D", 0) else { panic!("a consultation") };
        let vitals = note.medical_screening.as_mut().unwrap().vitals.as_mut().unwrap();
        vitals.sbp = vitals.sbp.map(|sbp| sbp + 1);
        let saved = app.service.update_draft(&f.physician, update(&saved, NoteContent::ConsultationNote(note))).await;
        let asked: Vec<_> = saved.unwrap().unconfirmed.into_iter().map(|warning| warning.limit).collect();
        assert!(asked.contains(&"sbp".to_owned()), "{asked:?}");
    }

    async fn what_is_no_possible_value_is_kept_beside_the_draft_and_never_signed(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let saved = drafted(&app, &f, patient, "A", 0).await;
        let aside = |path: &str, text: &str| SetAside {
            path: path.to_owned(),
            text: text.to_owned(),
            problem: "Write a number with a point, such as 0.5.".to_owned(),
        };
        let (field, typed) = ("medical_screening.vitals.weight_kg", "68,5kgcanary");
        let NoteContent::ConsultationNote(mut note) = content("A", 0) else { panic!("a consultation") };
        note.medical_screening.as_mut().unwrap().vitals.as_mut().unwrap().weight_kg = None;
        let without = NoteContent::ConsultationNote(note);
        let mut change = update(&saved, without.clone());
        change.confirmations = confirm_all(&saved);
        change.set_aside = Some(vec![aside(field, typed)]);
        let saved = app.service.update_draft(&f.coordinator, change).await.unwrap();
        let asked = |problems: &[FieldProblem]| -> Vec<(String, String)> {
            problems.iter().map(|one| (one.path.clone(), one.code.clone())).collect()
        };
        // Named once: as what was typed, not also as missing.
        let named = [(format!("content.{field}"), "SET_ASIDE".to_owned())];
        assert_eq!(asked(&saved.before_signing), named);
        let read = app.service.draft(&f.physician, saved.note_id).await.unwrap();
        assert_eq!(read.set_aside.reveal(), &[aside(field, typed)]);
        assert_eq!(asked(&read.before_signing), named);
        assert!(!format!("{read:?}").contains("canary"));
        let refused = app.service.sign_note(&f.physician, sign(saved.note_id, saved.revision)).await;
        assert_eq!(problems(refused.expect_err("refused")), named);
        // Under the seal, like the rest of the draft.
        let mut conn = app.service.store().read().await.unwrap();
        let sealed = liaison_store::notes::draft(&mut conn, saved.note_id).await.unwrap().unwrap();
        drop(conn);
        assert!(!sealed.windows(6).any(|window| window == b"canary"));
        // Who does not speak of it leaves it there; a value in its place takes it away.
        let saved = app.service.update_draft(&f.physician, update(&saved, without)).await.unwrap();
        assert_eq!(asked(&saved.before_signing), named);
        let saved = app.service.update_draft(&f.physician, update(&saved, content("A", 0))).await.unwrap();
        assert_eq!(saved.before_signing, []);
        let signed = app.service.sign_note(&f.physician, sign(saved.note_id, saved.revision)).await.unwrap();
        let version = app.service.note_version(&f.physician, signed.version_id).await.unwrap();
        assert_eq!(version.content.reveal(), &content("A", 0));
    }

    async fn what_cannot_be_kept_beside_a_draft_is_named(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let saved = drafted(&app, &f, patient, "A", 0).await;
        let aside = |path: &str, text: &str, problem: &str| SetAside {
            path: path.to_owned(),
            text: text.to_owned(),
            problem: problem.to_owned(),
        };
        let long = "x".repeat(20_001);
        let mut change = update(&saved, content("A", 0));
        change.set_aside = Some(vec![aside("a", "1", "why"), aside("a", &long, "why"), aside("", "1", " ")]);
        let error = app.service.update_draft(&f.physician, change).await.expect_err("refused");
        let named: Vec<String> = problems(error).into_iter().map(|(path, _)| path).collect();
        assert_eq!(named, ["setAside[1].text", "setAside[1].path", "setAside[2].path", "setAside[2].problem"]);
        let mut change = update(&saved, content("A", 0));
        change.set_aside = Some((0..501).map(|at| aside(&format!("a[{at}]"), "1", "why")).collect());
        let error = app.service.update_draft(&f.physician, change).await.expect_err("refused");
        assert_eq!(problems(error), [("setAside".to_owned(), "TOO_LARGE".to_owned())]);
        assert_eq!(acts(&app, saved.note_id).await, ["note.draft"]);
    }

    async fn a_draft_never_signed_is_discarded_as_a_whole(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let saved = drafted(&app, &f, patient, "A", 0).await;
        let discard = DiscardDraft { note_id: saved.note_id, expected_revision: saved.revision };
        app.service.discard_draft(&f.coordinator, discard).await.unwrap();
        assert_eq!(app.service.note(&f.physician, saved.note_id).await.expect_err("gone").to_string(), "note not found");
        assert_eq!(acts(&app, saved.note_id).await, ["note.discard", "note.draft"]);
        assert_eq!(app.service.discard_draft(&f.coordinator, discard).await.expect_err("gone").code(), "NOT_FOUND");
    }

    async fn notes_are_listed_by_page_and_of_the_own_clinic(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        for number in 0..3 {
            drafted(&app, &f, patient, "A", number).await;
        }
        let list = |after| ListNotes { patient_id: Some(patient), drafts_only: true, after, limit: 2 };
        let first = app.service.list_notes(&f.coordinator, list(None)).await.unwrap();
        assert_eq!((first.notes.len(), first.has_more), (2, true));
        let last = &first.notes[1];
        let second = app.service.list_notes(&f.coordinator, list(Some((last.created_at, last.id)))).await.unwrap();
        assert_eq!((second.notes.len(), second.has_more), (1, false));
        assert_eq!(second.notes[0].status, NoteStatus::Preliminary);
        assert!(second.notes[0].created_at < last.created_at);
        let error = app.service.list_notes(&f.other_physician, list(None)).await.expect_err("not found");
        assert_eq!(error.to_string(), "patient not found");
        let all = ListNotes { patient_id: None, drafts_only: false, after: None, limit: 100 };
        assert_eq!(app.service.list_notes(&f.other_physician, all).await.unwrap().notes.len(), 0);
        let none = ListNotes { limit: 0, ..all };
        assert_eq!(app.service.list_notes(&f.physician, none).await.expect_err("refused").code(), "INVALID");
    }

    async fn another_clinics_draft_is_not_found_and_wrong_roles_are_refused(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let saved = drafted(&app, &f, patient, "A", 0).await;
        let change = || update(&saved, content("A", 0));
        for actor in [&f.other_physician, &f.oncologist] {
            assert_eq!(app.service.draft(actor, saved.note_id).await.expect_err("no").to_string(), "note not found");
            assert_eq!(app.service.update_draft(actor, change()).await.expect_err("no").to_string(), "note not found");
            let error = app.service.sign_note(actor, sign(saved.note_id, 1)).await.expect_err("no");
            assert_eq!(error.to_string(), "note not found");
        }
        for actor in [&f.admin, &f.auditor] {
            assert_eq!(app.service.draft(actor, saved.note_id).await.expect_err("no").code(), "FORBIDDEN");
        }
        let error = app.service.draft_note(&f.other_physician, draft(patient, content("A", 0))).await.expect_err("no");
        assert_eq!(error.to_string(), "patient not found");
        let kind = app.service.update_draft(&f.physician, update(&saved, content("A", 1))).await.expect_err("refused");
        assert_eq!(problems(kind), [("content.document_type".to_owned(), "KIND_CHANGED".to_owned())]);
        assert_eq!(acts(&app, saved.note_id).await, ["note.draft"]);
        assert_eq!(count(&app, "access.denied").await, 9);
    }
}
