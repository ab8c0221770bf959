//! Break the glass: one patient, one hour, a reason, a notice to the leads, entries that stand out, and a verdict by
//! somebody else.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use chrono::TimeDelta;
use liaison_domain::{Actor, BreakGlassVerdict, PatientId, PurposeOfUse};
use liaison_service::{
    Service, ServiceError,
    audit::{
        AuditFilter, AuditView, BREAK_GLASS_LIFE, BeginBreakGlass, BreakGlassCase, BreakGlassQuery, ReviewBreakGlass,
        SearchAudit,
    },
};
use liaison_testkit::{App, Fixture, Signed, both_engines};

use crate::{
    link_support::{code_of, text},
    work_support::{entries, notices_of, world},
};

const REASON: &str = "The on-call physician is unreachable; the ward asks for the last dose. (canary-reason)";

async fn begin(service: &Service, actor: &Actor, patient_id: PatientId) -> Result<BreakGlassCase, ServiceError> {
    let input = BeginBreakGlass {
        patient_id,
        reason: REASON.to_owned(),
    };
    service.begin_break_glass(actor, input).await
}

async fn broken(app: &App) -> (Fixture, Signed, BreakGlassCase) {
    let (fixture, signed) = world(app, "2026-05-14T15:00:00Z").await;
    let case = begin(&app.service, &fixture.admin, signed.patient_id).await.unwrap();
    (fixture, signed, case)
}

fn verdict(case: &BreakGlassCase, verdict: BreakGlassVerdict) -> ReviewBreakGlass {
    ReviewBreakGlass {
        break_glass_id: case.id,
        verdict,
        finding: "Called the ward; it was so.".to_owned(),
    }
}

fn queue(open: Option<bool>) -> BreakGlassQuery {
    BreakGlassQuery {
        open,
        ..BreakGlassQuery::default()
    }
}

both_engines! {
    async fn an_admin_reads_one_record_for_an_hour_and_all_of_it_stands_out(app: App) {
        let (fixture, signed) = world(&app, "2026-05-14T15:00:00Z").await;
        let other = app.patient(&fixture, "C").await;
        let admin = &fixture.admin;
        assert_eq!(code_of(app.service.note_version(admin, signed.version_id).await), "FORBIDDEN");
        assert_eq!(code_of(app.service.patient(admin, signed.patient_id).await), "FORBIDDEN");
        app.email.take();
        let case = begin(&app.service, admin, signed.patient_id).await.unwrap();
        assert!(case.is_active && case.expires_at == app.now() + BREAK_GLASS_LIFE);
        let again = begin(&app.service, admin, signed.patient_id).await.unwrap();
        assert_eq!(again.id, case.id, "open already");
        assert_eq!(entries(&app, "break_glass.started").await, 1);

        app.service.note_version(admin, signed.version_id).await.unwrap();
        app.service.patient(admin, signed.patient_id).await.unwrap();
        let timeline = app.service.patient_timeline(admin, signed.patient_id, None, 10).await.unwrap();
        assert!(!timeline.items.is_empty());
        // This patient and no other, reading and nothing else, this admin and nobody else.
        assert_eq!(code_of(app.service.patient(admin, other).await), "FORBIDDEN");
        let amend = liaison_service::notes::AmendNote { note_id: signed.note_id, idempotency_key: None };
        assert_eq!(code_of(app.service.amend_note(admin, amend).await), "FORBIDDEN");
        assert!(app.service.patient(&fixture.auditor, signed.patient_id).await.is_err());
        assert!(app.service.patient(&fixture.other_admin, signed.patient_id).await.is_err());
        assert_eq!(app.service.active_break_glass(admin).await.unwrap().len(), 1);
        assert!(app.service.active_break_glass(&fixture.auditor).await.unwrap().is_empty());

        // The clinic has no team lead, so its physicians are told.
        assert_eq!(notices_of(&app, fixture.physician.user_id.unwrap()).await, ["BREAK_GLASS"]);
        assert!(notices_of(&app, admin.user_id.unwrap()).await.is_empty());
        app.work().await;
        let mails: Vec<_> = app.email.take().iter().map(text).collect();
        let mail = mails.iter().find(|mail| mail.contains("Somebody opened a record in an emergency")).unwrap();
        assert!(mail.contains("By Adma Nistrata.") && !mail.contains("canary"), "{mail}");

        let input = SearchAudit {
            filter: AuditFilter { view: Some(AuditView::BreakGlass), ..AuditFilter::default() },
            ..SearchAudit::default()
        };
        let found = app.service.search_audit(&fixture.auditor, input).await.unwrap().entries;
        let mut actions: Vec<_> = found.iter().map(|entry| entry.action.as_str()).collect();
        actions.sort_unstable();
        assert_eq!(actions, ["break_glass.started", "note.read", "patient.read", "patient.read"]);
        assert!(found.iter().all(|entry| entry.purpose == PurposeOfUse::EmergencyTreatment));
        assert!(found.iter().all(|entry| entry.patient_id == Some(signed.patient_id)));
        let started = found.iter().find(|entry| entry.action == "break_glass.started").unwrap();
        assert_eq!((started.detail["fhir_type"].as_str(), started.detail["fhir_subtype"].as_str()), ("DCM|110113", "DCM|110127"));
        let read = found.iter().find(|entry| entry.action == "note.read").unwrap();
        assert_eq!(read.detail["break_glass_id"], case.id.to_string());
        assert!(!format!("{found:?}").contains("canary"));

        // An hour, to the second; its end is recorded with that time's case.
        app.advance(BREAK_GLASS_LIFE - TimeDelta::seconds(1));
        app.service.patient(admin, signed.patient_id).await.unwrap();
        app.advance(TimeDelta::seconds(1));
        assert_eq!(code_of(app.service.patient(admin, signed.patient_id).await), "FORBIDDEN");
        assert!(app.service.active_break_glass(admin).await.unwrap().is_empty());
        app.service.break_glass_cases(&fixture.physician, queue(None)).await.unwrap();
        app.service.retain().await.unwrap();
        assert_eq!(entries(&app, "break_glass.ended").await, 1);
        assert!(!app.service.end_break_glass(admin, case.id).await.unwrap());
    }

    async fn who_may_not_and_a_reason_that_is_none(app: App) {
        let (fixture, signed) = world(&app, "2026-05-14T15:00:00Z").await;
        for actor in [&fixture.coordinator, &fixture.auditor, &fixture.oncologist] {
            assert!(begin(&app.service, actor, signed.patient_id).await.is_err());
        }
        assert_eq!(code_of(begin(&app.service, &fixture.other_admin, signed.patient_id).await), "NOT_FOUND");
        for (reason, code) in [("", "REQUIRED"), ("  short   ", "TOO_SHORT"), ("with a\u{0} control", "CONTROL_CHARACTER")] {
            let input = BeginBreakGlass { patient_id: signed.patient_id, reason: reason.to_owned() };
            match app.service.begin_break_glass(&fixture.admin, input).await {
                Err(ServiceError::Invalid(problems)) => assert_eq!(problems[0].code, code),
                other => panic!("{reason}: {other:?}"),
            }
        }
        assert_eq!(entries(&app, "break_glass.started").await, 0);
        assert!(notices_of(&app, fixture.physician.user_id.unwrap()).await.is_empty());
    }

    async fn another_person_gives_the_verdict_and_the_queue_empties(app: App) {
        let (fixture, signed, case) = broken(&app).await;
        let open = app.service.break_glass_cases(&fixture.physician, queue(Some(true))).await.unwrap();
        assert_eq!(open.entries.len(), 1);
        assert_eq!(open.entries[0].reason.as_ref().unwrap().reveal(), REASON);
        assert_eq!(entries(&app, "break_glass.read").await, 1);
        let own = app.service.review_break_glass(&fixture.admin, verdict(&case, BreakGlassVerdict::Justified)).await;
        assert_eq!(code_of(own), "OWN_CASE");
        let theirs = app.service.review_break_glass(&fixture.other_admin, verdict(&case, BreakGlassVerdict::Justified)).await;
        assert_eq!(code_of(theirs), "NOT_FOUND");
        assert_eq!(code_of(app.service.break_glass_cases(&fixture.coordinator, queue(None)).await), "FORBIDDEN");
        let silent = ReviewBreakGlass { finding: " ".to_owned(), ..verdict(&case, BreakGlassVerdict::Justified) };
        assert_eq!(code_of(app.service.review_break_glass(&fixture.auditor, silent).await), "INVALID");

        // The verdict ends what still runs.
        app.service.review_break_glass(&fixture.auditor, verdict(&case, BreakGlassVerdict::NotJustified)).await.unwrap();
        assert!(app.service.patient(&fixture.admin, signed.patient_id).await.is_err());
        let again = app.service.review_break_glass(&fixture.physician, verdict(&case, BreakGlassVerdict::Justified)).await;
        assert_eq!(code_of(again), "REVIEWED_BEFORE");
        assert!(app.service.break_glass_cases(&fixture.physician, queue(Some(true))).await.unwrap().entries.is_empty());
        let done = app.service.break_glass_cases(&fixture.admin, queue(Some(false))).await.unwrap();
        let judged = &done.entries[0];
        assert_eq!(judged.verdict, Some(BreakGlassVerdict::NotJustified));
        assert_eq!(judged.reviewed.unwrap().0, fixture.auditor.user_id.unwrap());
        assert_eq!(judged.finding.as_ref().unwrap().reveal(), "Called the ward; it was so.");
        assert_eq!((entries(&app, "break_glass.reviewed").await, entries(&app, "break_glass.ended").await), (1, 1));

        // Ended by hand; another's case is not theirs to end.
        let second = begin(&app.service, &fixture.admin, signed.patient_id).await.unwrap();
        assert_ne!(second.id, case.id);
        assert_eq!(code_of(app.service.end_break_glass(&fixture.physician, second.id).await), "NOT_FOUND");
        assert!(app.service.end_break_glass(&fixture.admin, second.id).await.unwrap());
        assert!(!app.service.end_break_glass(&fixture.admin, second.id).await.unwrap());
        assert!(app.service.patient(&fixture.admin, signed.patient_id).await.is_err());
    }
}
