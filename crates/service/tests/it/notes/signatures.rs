//! Signatures, amendments, withdrawals.

use liaison_clinical::{NoteContent, Urgency, canonical_json, content::decision::Eligibility};
use liaison_domain::{NoteStatus, Phi};
use liaison_service::{
    ServiceError,
    notes::{AmendNote, DiscardDraft, SignAmendment, SignNote, WithdrawNote},
};
use liaison_testkit::both_engines;

use super::{acts, confirm_all, content, count, draft, drafted, past, problems, sign, update};

fn amend(note_id: liaison_domain::NoteId) -> AmendNote {
    AmendNote {
        note_id,
        idempotency_key: None,
    }
}

fn withdraw(note_id: liaison_domain::NoteId, reason: &str) -> WithdrawNote {
    WithdrawNote {
        note_id,
        reason: reason.to_owned(),
        idempotency_key: None,
    }
}

both_engines! {
    async fn a_signed_version_is_the_canonical_content_and_its_hash(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let saved = drafted(&app, &f, patient, "A", 0).await;
        let signed = app.service.sign_note(&f.physician, sign(saved.note_id, 1)).await.unwrap();
        assert_eq!((signed.version, signed.urgency, signed.signed_at), (1, Urgency::Routine, app.now()));
        assert_eq!(signed.document_id, format!("urn:uuid:{}", saved.note_id.uuid()));
        // Stable over the years: the same document always has this hash.
        assert_eq!(signed.sha256, "9f69b2aedfb589f4cc5334fd717e4387547f27cb7ed115291c5bb42236ed0278");
        let read = app.service.note_version(&f.coordinator, signed.version_id).await.unwrap();
        assert_eq!(read.content.reveal(), &content("A", 0));
        assert_eq!(canonical_json(read.content.reveal()), canonical_json(&content("A", 0)));
        assert_eq!((read.sha256, read.signed_by), (signed.sha256, f.physician.user_id.unwrap()));
        assert!(read.bottom_line.reveal().phone.as_deref().unwrap().starts_with("Example Ketamine"));
        let note = app.service.note(&f.physician, saved.note_id).await.unwrap();
        assert_eq!((note.status, note.version, note.has_draft), (NoteStatus::Final, 1, false));
        assert_eq!(acts(&app, saved.note_id).await, ["course.start", "note.draft", "note.read", "note.sign"]);
    }

    async fn only_a_physician_signs(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let saved = drafted(&app, &f, patient, "A", 0).await;
        let error = app.service.sign_note(&f.coordinator, sign(saved.note_id, 1)).await.expect_err("refused");
        assert!(matches!(error, ServiceError::Forbidden));
        assert_eq!(count(&app, "access.denied").await, 1);
        let note = app.service.note(&f.physician, saved.note_id).await.unwrap();
        assert_eq!((note.status, note.version, note.has_draft), (NoteStatus::Preliminary, 0, true));
    }

    async fn every_problem_is_told_at_signature(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "D").await;
        let NoteContent::ConsultationNote(mut note) = content("D", 0) else { panic!("a consultation") };
        note.consult_date = None;
        note.eligibility = None;
        let input = draft(patient, NoteContent::ConsultationNote(note));
        let saved = app.service.draft_note(&f.physician, input).await.unwrap();
        let error = app.service.sign_note(&f.physician, sign(saved.note_id, 1)).await.expect_err("refused");
        let text = error.to_string();
        let found = problems(error);
        assert!(found.contains(&("content.consult_date".to_owned(), "REQUIRED".to_owned())), "{found:?}");
        let soft: Vec<_> = found.iter().filter(|(_, code)| code == "SOFT_LIMIT").collect();
        assert_eq!(soft.len(), saved.unconfirmed.len());
        let first = &saved.unconfirmed[0];
        assert!(text.contains(&format!("confirmations: {{path: \"{}\", limit: \"{}\"", first.path, first.limit)), "{text}");
        assert!(text.contains(&first.value.to_string()) && text.contains(&first.usual), "{text}");
        assert_eq!(count(&app, "note.sign").await, 0);
        assert_eq!(app.service.versions_of_note(&f.physician, saved.note_id).await.unwrap().len(), 0);
    }

    async fn unusual_values_confirmed_at_signature_are_kept_with_the_version(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "D").await;
        let saved = drafted(&app, &f, patient, "D", 0).await;
        let input = SignNote { confirmations: confirm_all(&saved), ..sign(saved.note_id, 1) };
        let signed = app.service.sign_note(&f.physician, input).await.unwrap();
        let read = app.service.note_version(&f.physician, signed.version_id).await.unwrap();
        assert_eq!(read.confirmations.reveal().len(), saved.unconfirmed.len());
        assert_eq!(read.confirmations.reveal()[0].confirmed_by, f.physician.user_id.unwrap().to_string());
        assert_eq!(app.service.courses(&f.physician, patient).await.unwrap().len(), 0, "not eligible: no course");
    }

    async fn urgency_is_raised_and_never_lowered(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "C").await;
        for number in 0..3 {
            app.sign(&f, patient, "C", number).await;
        }
        let saved = drafted(&app, &f, patient, "C", 3).await;
        let input = SignNote { confirmations: confirm_all(&saved), ..sign(saved.note_id, 1) };
        let lower = SignNote { raised_urgency: Some(Urgency::Routine), ..input.clone() };
        let error = app.service.sign_note(&f.physician, lower).await.expect_err("refused");
        assert_eq!(problems(error), [("raisedUrgency".to_owned(), "URGENCY_BELOW_FLAGS".to_owned())]);
        let higher = SignNote { raised_urgency: Some(Urgency::Emergent), ..input };
        let signed = app.service.sign_note(&f.physician, higher).await.unwrap();
        assert_eq!(signed.urgency, Urgency::Emergent);
        let read = app.service.note_version(&f.physician, signed.version_id).await.unwrap();
        assert_eq!(read.bottom_line.reveal().urgency, Urgency::Emergent);
    }

    async fn two_signatures_at_once_make_one_version(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let saved = drafted(&app, &f, patient, "A", 0).await;
        let (one, two, three) = tokio::join!(
            app.service.sign_note(&f.physician, sign(saved.note_id, 1)),
            app.service.sign_note(&f.physician, sign(saved.note_id, 1)),
            app.service.sign_note(&f.physician, sign(saved.note_id, 1)),
        );
        let mut codes: Vec<_> = [one, two, three].iter().map(|result| result.as_ref().map_or_else(ServiceError::code, |_| "OK")).collect();
        codes.sort_unstable();
        assert_eq!(codes, ["ALREADY_SIGNED", "ALREADY_SIGNED", "OK"]);
        assert_eq!(app.service.versions_of_note(&f.physician, saved.note_id).await.unwrap().len(), 1);
        assert_eq!(app.service.courses(&f.physician, patient).await.unwrap().len(), 1);
        assert_eq!(count(&app, "note.sign").await, 1);
    }

    async fn a_repeated_signature_answers_the_same(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let saved = drafted(&app, &f, patient, "A", 0).await;
        let input = SignNote { idempotency_key: Some("s".to_owned()), ..sign(saved.note_id, 1) };
        let first = app.service.sign_note(&f.physician, input.clone()).await.unwrap();
        assert_eq!(app.service.sign_note(&f.physician, input).await.unwrap(), first);
        let stale = app.service.sign_note(&f.physician, sign(saved.note_id, 1)).await.expect_err("signed");
        assert_eq!(stale.code(), "ALREADY_SIGNED");
        let change = app.service.update_draft(&f.physician, update(&saved, content("A", 0))).await;
        assert_eq!(change.expect_err("signed").code(), "ALREADY_SIGNED");
    }

    async fn a_signed_version_cannot_be_changed_or_removed_by_sql(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        app.sign(&f, patient, "A", 0).await;
        let columns = [
            "version = 2", "urgency = 2", "kind = 'OTHER'", "content_sealed = content_sha256", "content_sha256 = content_sealed",
            "document_id = 'other'", "signed_by = id", "signed_at = withdrawn_at", "confirmations_sealed = content_sealed",
            "change_sealed = content_sealed", "note_id = id", "patient_id = id", "organization_id = id",
        ];
        for change in columns {
            let error = past(&app, &format!("update note_version set {change}")).await.expect_err(change);
            assert!(error.contains("never changes"), "{change}: {error}");
        }
        let error = past(&app, "delete from note_version").await.expect_err("refused");
        assert!(error.contains("append-only"), "{error}");
        let replace = match app.database.engine {
            liaison_store::Engine::Sqlite => "insert or replace into note_version select * from note_version",
            liaison_store::Engine::Postgres => "truncate note_version cascade",
        };
        assert!(past(&app, replace).await.expect_err("refused").contains("append-only"));
    }

    async fn an_amendment_is_a_new_version_that_says_what_changed(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let first = app.sign(&f, patient, "A", 0).await;
        let error = app.service.amend_note(&f.coordinator, amend(first.note_id)).await.expect_err("refused");
        assert_eq!(error.code(), "FORBIDDEN");
        let opened = app.service.amend_note(&f.physician, amend(first.note_id)).await.unwrap();
        assert_eq!(opened.from_version, first.version_id);
        let again = app.service.amend_note(&f.physician, amend(first.note_id)).await.expect_err("open already");
        assert_eq!(again.code(), "DRAFT_OPEN");

        let signing = |revision, reason: &str| SignAmendment {
            sign: sign(first.note_id, revision),
            reason: reason.to_owned(),
        };
        let error = app.service.sign_amendment(&f.physician, signing(opened.revision, " ")).await.expect_err("refused");
        assert_eq!(
            problems(error),
            [("reason".to_owned(), "REQUIRED".to_owned()), ("content".to_owned(), "NO_CHANGE".to_owned())]
        );
        let error = app.service.sign_note(&f.physician, sign(first.note_id, opened.revision)).await.expect_err("refused");
        assert_eq!(error.code(), "IS_AMENDMENT");

        let NoteContent::ConsultationNote(mut note) = content("A", 0) else { panic!("a consultation") };
        note.plan.as_mut().unwrap().initial_infusions = Some(5);
        let changed = NoteContent::ConsultationNote(note);
        let mut saved = update(
            &app.service.draft_note(&f.physician, draft(patient, changed.clone())).await.unwrap(),
            changed.clone(),
        );
        (saved.note_id, saved.expected_revision) = (first.note_id, opened.revision);
        let saved = app.service.update_draft(&f.coordinator, saved).await.unwrap();
        let stale = app.service.sign_amendment(&f.physician, signing(opened.revision, "why")).await.expect_err("stale");
        assert_eq!(stale.code(), "DRAFT_CHANGED");
        let second = app.service.sign_amendment(&f.physician, signing(saved.revision, "One infusion more.")).await.unwrap();
        assert_eq!(second.version, 2);
        let versions = app.service.versions_of_note(&f.physician, first.note_id).await.unwrap();
        assert_eq!(versions.iter().map(|row| row.version).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(versions[0].document_id, versions[1].document_id);
        let read = app.service.note_version(&f.physician, second.version_id).await.unwrap();
        let change = read.change.as_ref().map(Phi::reveal).unwrap();
        assert_eq!(change.reason, "One infusion more.");
        let fields: Vec<_> = change.fields.iter().map(|field| (field.path.as_str(), field.after.as_deref())).collect();
        assert_eq!(fields, [("plan.initial_infusions", Some("5"))]);
        let old = app.service.note_version(&f.physician, first.version_id).await.unwrap();
        assert_eq!(old.content.reveal(), &content("A", 0), "version 1 stays as it was signed");
        assert!(old.change.is_none());
        let note = app.service.note(&f.physician, first.note_id).await.unwrap();
        assert_eq!((note.status, note.version, note.has_draft), (NoteStatus::Amended, 2, false));
        let courses = app.service.courses(&f.physician, patient).await.unwrap();
        assert_eq!(courses.iter().map(|row| (row.planned_infusions, row.ended_at)).collect::<Vec<_>>(), [(Some(5), None)]);
    }

    async fn an_amendment_may_be_discarded_and_the_version_stays(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let first = app.sign(&f, patient, "A", 0).await;
        let opened = app.service.amend_note(&f.physician, amend(first.note_id)).await.unwrap();
        let discard = DiscardDraft { note_id: first.note_id, expected_revision: opened.revision };
        app.service.discard_draft(&f.physician, discard).await.unwrap();
        let note = app.service.note(&f.physician, first.note_id).await.unwrap();
        assert_eq!((note.status, note.version, note.has_draft), (NoteStatus::Final, 1, false));
        app.service.amend_note(&f.physician, amend(first.note_id)).await.unwrap();
    }

    async fn an_amended_decision_ends_the_course(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let first = app.sign(&f, patient, "A", 0).await;
        assert_eq!(app.service.courses(&f.physician, patient).await.unwrap()[0].ended_at, None);
        let opened = app.service.amend_note(&f.physician, amend(first.note_id)).await.unwrap();
        let NoteContent::ConsultationNote(mut note) = content("A", 0) else { panic!("a consultation") };
        let eligibility = note.eligibility.as_mut().unwrap();
        eligibility.decision = Some(Eligibility::NotEligible);
        note.plan = None;
        let change = liaison_service::notes::UpdateDraft {
            note_id: first.note_id,
            expected_revision: opened.revision,
            content: NoteContent::ConsultationNote(note),
            confirmations: Vec::new(),
            set_aside: None,
            idempotency_key: None,
        };
        let saved = app.service.update_draft(&f.physician, change).await.unwrap();
        assert_eq!(saved.before_signing, []);
        let input = SignAmendment { sign: sign(first.note_id, saved.revision), reason: "New finding.".to_owned() };
        app.service.sign_amendment(&f.physician, input).await.unwrap();
        assert!(app.service.courses(&f.physician, patient).await.unwrap()[0].ended_at.is_some());
    }

    async fn a_withdrawn_note_stays_marked_and_is_over(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let signed = app.sign(&f, patient, "A", 0).await;
        let error = app.service.withdraw_note(&f.coordinator, withdraw(signed.note_id, "wrong patient")).await;
        assert_eq!(error.expect_err("refused").code(), "FORBIDDEN");
        let error = app.service.withdraw_note(&f.physician, withdraw(signed.note_id, "")).await.expect_err("refused");
        assert_eq!(problems(error), [("reason".to_owned(), "REQUIRED".to_owned())]);
        let error = app.service.withdraw_note(&f.other_physician, withdraw(signed.note_id, "mine")).await;
        assert_eq!(error.expect_err("not found").to_string(), "note not found");

        let done = app.service.withdraw_note(&f.physician, withdraw(signed.note_id, "Wrong patient.")).await.unwrap();
        assert_eq!(done.version_ids, [signed.version_id]);
        let again = app.service.withdraw_note(&f.physician, withdraw(signed.note_id, "twice")).await;
        assert_eq!(again.expect_err("withdrawn").code(), "WITHDRAWN");
        assert_eq!(app.service.amend_note(&f.physician, amend(signed.note_id)).await.expect_err("over").code(), "WITHDRAWN");
        let read = app.service.note_version(&f.physician, signed.version_id).await.unwrap();
        assert_eq!(read.withdrawn_reason.unwrap().reveal(), "Wrong patient.");
        assert_eq!(read.version.withdrawn_by, f.physician.user_id);
        let note = app.service.note(&f.physician, signed.note_id).await.unwrap();
        assert_eq!(note.status, NoteStatus::EnteredInError);
        assert!(app.service.courses(&f.physician, patient).await.unwrap()[0].ended_at.is_some());
        past(&app, "update note_version set withdrawn_at = null").await.expect_err("a withdrawal stays");

        let unsigned = drafted(&app, &f, patient, "A", 1).await;
        let error = app.service.withdraw_note(&f.physician, withdraw(unsigned.note_id, "never signed")).await;
        assert_eq!(error.expect_err("a draft").code(), "NOT_SIGNED");
    }
}
