//! Legal hold: what belongs to the patient stays until the last hold is lifted, whatever runs at the same moment; what is
//! others' goes; only the own clinic's admins hold and lift, and every act is in the ledger once.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::time::Duration;

use chrono::TimeDelta;
use liaison_domain::{Actor, LegalHoldId, NoteStatus, PatientId};
use liaison_service::{
    ServiceError,
    audit::BeginBreakGlass,
    notes::{AmendNote, DiscardDraft, DraftNote, UpdateDraft, WithdrawNote},
    patients::{LegalHoldQuery, LegalHoldSet, LiftLegalHold, SetLegalHold},
};
use liaison_store::{
    arg::IntoArg,
    legal_holds::{self, LegalHoldRow},
    retention::{self, Expired},
};
use liaison_testkit::{App, both_engines};

use super::{
    link_support::code_of,
    retain::{change, differences, keeping, number, old_world, periods, put, removals, rows, sent, specimens, text},
    work_support::entries,
};

const REASON: &str = "Case 26-117, counsel asked. (canary-reason)";

fn set(patient_id: PatientId) -> SetLegalHold {
    SetLegalHold {
        patient_id,
        reason: REASON.to_owned(),
        idempotency_key: None,
    }
}

fn lift(legal_hold_id: LegalHoldId) -> LiftLegalHold {
    LiftLegalHold {
        legal_hold_id,
        reason: "The case is closed. (canary-lift)".to_owned(),
        idempotency_key: None,
    }
}

async fn held(app: &App, actor: &Actor, patient: PatientId) -> LegalHoldId {
    let LegalHoldSet { legal_hold_id } = app.service.set_legal_hold(actor, set(patient)).await.unwrap();
    legal_hold_id
}

/// The rounds come once an hour.
async fn next_round(app: &App) {
    app.advance(TimeDelta::hours(2));
    keeping(app, periods()).retain().await.unwrap();
}

/// What a round takes from a world with one specimen of each kind of this patient.
const OF_A_PATIENT: [&str; 4] = ["attempt", "link_code", "note", "notice"];
const OF_NOBODY: [&str; 5] = [
    "account_link",
    "idempotency",
    "session",
    "sign_in_ceremony",
    "sign_in_throttle",
];

/// `table: n fewer`, sorted; a try keeps its row.
fn fewer(tables: &[&str], count: usize) -> Vec<String> {
    let mut found: Vec<String> = tables
        .iter()
        .map(|table| format!("{table}: {} fewer", if *table == "attempt" { 0 } else { count }))
        .collect();
    found.sort();
    found
}

both_engines! {
    async fn a_legal_hold_keeps_what_belongs_to_the_patient_until_it_is_lifted(app: App) {
        let world = old_world(&app).await;
        let f = world.fixture.clone();
        let patient = app.patient(&f, "C").await;
        let signed = app.sign(&f, patient, "C", 0).await;
        let other = sent(&app, f.clone(), signed).await;
        app.advance(TimeDelta::days(400));
        next_round(&app).await;

        let held_patient = world.signed.patient_id;
        specimens(&app, &world, 1, TimeDelta::days(100)).await;
        let hold = held(&app, &f.admin, held_patient).await;
        let all = rows(&app).await;
        assert!(!format!("{all:?}").contains("canary"), "the reason is sealed");
        let drafts = entries(&app, "note.expire").await;
        next_round(&app).await;
        assert_eq!(differences(&all, &rows(&app).await), fewer(&OF_NOBODY, 1), "what is the patient's stays");
        assert_eq!(entries(&app, "note.expire").await, drafts);

        // Another patient's goes as ever, past what is kept; so do those at the front of each index.
        specimens(&app, &other, 2, TimeDelta::days(50)).await;
        let all = rows(&app).await;
        next_round(&app).await;
        let everything = [&OF_A_PATIENT[..], &OF_NOBODY].concat();
        assert_eq!(differences(&all, &rows(&app).await), fewer(&everything, 1));

        // Lifted, it goes with the next round.
        let lifted = app.service.lift_legal_hold(&f.admin, lift(hold)).await.unwrap();
        assert!(!lifted.still_held);
        let all = rows(&app).await;
        next_round(&app).await;
        assert_eq!(differences(&all, &rows(&app).await), fewer(&OF_A_PATIENT, 1));
        assert_eq!((entries(&app, "legal_hold.set").await, entries(&app, "legal_hold.lift").await), (1, 1));
    }

    async fn what_tells_of_an_emergency_access_to_the_record_is_held_too(app: App) {
        let world = old_world(&app).await;
        let f = &world.fixture;
        let begin = BeginBreakGlass {
            patient_id: world.signed.patient_id,
            reason: "Nobody on call answers.".to_owned(),
        };
        let case = app.service.begin_break_glass(&f.admin, begin).await.unwrap();
        app.work().await;
        let seen = vec![app.now().into_arg(), case.id.uuid().into_arg()];
        change(&app, "update notice set seen_at = $1 where object_id = $2".to_owned(), seen).await;
        let told = |rows: &std::collections::BTreeMap<String, Vec<String>>, table: &str, mark: &str| {
            let found = rows.iter().find(|(name, _)| name.rsplit('.').next() == Some(table)).unwrap();
            found.1.iter().filter(|row| row.contains(mark)).count()
        };
        let hold = held(&app, &f.admin, world.signed.patient_id).await;
        app.advance(TimeDelta::days(400));
        let before = rows(&app).await;
        next_round(&app).await;
        let after = rows(&app).await;
        let notices = told(&before, "notice", "BREAK_GLASS");
        assert_eq!((notices, told(&after, "notice", "BREAK_GLASS")), (1, 1));
        let changed = differences(&before, &after);
        assert!(!changed.iter().any(|one| one.starts_with("attempt") || one.starts_with("notice")), "{changed:?}");

        app.service.lift_legal_hold(&f.admin, lift(hold)).await.unwrap();
        let before = rows(&app).await;
        next_round(&app).await;
        let after = rows(&app).await;
        assert_eq!(told(&after, "notice", "BREAK_GLASS"), 0);
        assert!(differences(&before, &after).contains(&"attempt: 0 fewer".to_owned()), "the relay's answer went");
    }

    async fn a_draft_of_a_held_patient_is_not_discarded(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let hold = held(&app, &f.admin, patient).await;
        let content = liaison_testkit::notes::journey("A").documents[0].content.clone();
        let begin = DraftNote { patient_id: patient, content: content.clone(), confirmations: Vec::new(), idempotency_key: None };
        let draft = app.service.draft_note(&f.physician, begin).await.unwrap();
        let discard = |expected_revision| DiscardDraft { note_id: draft.note_id, expected_revision };
        assert_eq!(code_of(app.service.discard_draft(&f.physician, discard(1)).await), "LEGAL_HOLD");
        assert_eq!(entries(&app, "note.discard").await, 0);
        // Care goes on: it may still be changed.
        let update = UpdateDraft {
            note_id: draft.note_id,
            expected_revision: 1,
            content,
            confirmations: Vec::new(),
            set_aside: None,
            idempotency_key: None,
        };
        app.service.update_draft(&f.physician, update).await.unwrap();
        app.service.lift_legal_hold(&f.admin, lift(hold)).await.unwrap();
        app.service.discard_draft(&f.physician, discard(2)).await.unwrap();
        assert_eq!(entries(&app, "note.discard").await, 1);
    }

    async fn a_withdrawn_note_of_a_held_patient_keeps_its_amendment_out_of_sight(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let signed = app.sign(&f, patient, "A", 0).await;
        let amend = AmendNote { note_id: signed.note_id, idempotency_key: None };
        let opened = app.service.amend_note(&f.physician, amend).await.unwrap();
        let hold = held(&app, &f.admin, patient).await;
        let discard = DiscardDraft { note_id: signed.note_id, expected_revision: opened.revision };
        assert_eq!(code_of(app.service.discard_draft(&f.physician, discard).await), "LEGAL_HOLD");
        let withdraw = WithdrawNote {
            note_id: signed.note_id,
            reason: "The wrong patient.".to_owned(),
            idempotency_key: None,
        };
        app.service.withdraw_note(&f.physician, withdraw).await.unwrap();
        let note = app.service.note(&f.physician, signed.note_id).await.unwrap();
        assert_eq!((note.status, note.has_draft), (NoteStatus::EnteredInError, false));
        let kept = async |app: &App| {
            let mut conn = app.service.store().read().await.unwrap();
            liaison_store::notes::draft(&mut conn, signed.note_id).await.unwrap().is_some()
        };
        assert!(kept(&app).await, "it is there, sealed");
        let timeline = app.service.patient_timeline(&f.physician, patient, None, 10).await.unwrap();
        assert_eq!(timeline.items.len(), 1, "and nobody's draft");
        next_round(&app).await;
        assert!(kept(&app).await);

        app.service.lift_legal_hold(&f.admin, lift(hold)).await.unwrap();
        next_round(&app).await;
        assert!(!kept(&app).await);
        assert_eq!(removals(&app).await[0]["note"], "1");
    }

    async fn the_last_of_several_holds_frees(app: App) {
        let world = old_world(&app).await;
        let (f, patient) = (&world.fixture, world.signed.patient_id);
        specimens(&app, &world, 1, TimeDelta::days(100)).await;
        let first = held(&app, &f.admin, patient).await;
        let since = app.now();
        app.advance(TimeDelta::days(1));
        let second = held(&app, &f.admin, patient).await;
        assert_eq!(app.service.legal_hold_since(&f.coordinator, patient).await.unwrap(), Some(since));
        assert!(app.service.lift_legal_hold(&f.admin, lift(first)).await.unwrap().still_held);
        let since = app.service.legal_hold_since(&f.coordinator, patient).await.unwrap();
        assert_eq!(since, Some(app.now()));
        let all = rows(&app).await;
        next_round(&app).await;
        assert_eq!(differences(&all, &rows(&app).await), fewer(&OF_NOBODY, 1));
        assert!(!app.service.lift_legal_hold(&f.admin, lift(second)).await.unwrap().still_held);
        let all = rows(&app).await;
        next_round(&app).await;
        assert_eq!(differences(&all, &rows(&app).await), fewer(&OF_A_PATIENT, 1));
        assert_eq!(app.service.legal_hold_since(&f.coordinator, patient).await.unwrap(), None);
    }

    async fn a_hold_that_is_set_while_the_job_runs_is_respected(app: App) {
        let world = old_world(&app).await;
        specimens(&app, &world, 1, TimeDelta::days(100)).await;
        let (f, patient) = (&world.fixture, world.signed.patient_id);
        // The job begins while the hold stands in a transaction that is not committed: it waits, and then sees it.
        let mut setting = app.service.store().begin().await.unwrap();
        let row = LegalHoldRow {
            id: app.service.store().random().id(app.now()),
            organization_id: f.clinic,
            patient_id: patient,
            reason_sealed: vec![0],
            set_by: f.admin.user_id.unwrap(),
            set_at: app.now(),
            lifted_by: None,
            lifted_at: None,
            lift_reason_sealed: None,
        };
        legal_holds::insert(&mut setting, &row).await.unwrap();
        let all = rows_of(&app).await;
        let service = keeping(&app, periods());
        let round = tokio::spawn(async move { service.retain().await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!round.is_finished(), "it waits for the hold");
        setting.commit().await.unwrap();
        round.await.unwrap().unwrap();
        assert_eq!(rows_of(&app).await, all);
    }

    async fn a_hold_is_set_when_nothing_is_being_removed(app: App) {
        let world = old_world(&app).await;
        specimens(&app, &world, 1, TimeDelta::days(100)).await;
        let (admin, patient) = (world.fixture.admin.clone(), world.signed.patient_id);
        // A round is in the middle of its transaction: whoever sets a hold is answered when it is over, so that nothing
        // goes after the answer.
        let mut round = app.service.store().begin().await.unwrap();
        legal_holds::stand_still(&mut round).await.unwrap();
        assert_eq!(retention::remove(&mut round, Expired::LinkCodes, app.now(), 10).await.unwrap(), 1);
        let service = app.service.clone();
        let setting = tokio::spawn(async move { service.set_legal_hold(&admin, set(patient)).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!setting.is_finished(), "it waits for the round");
        round.commit().await.unwrap();
        setting.await.unwrap().unwrap();
        let all = rows_of(&app).await;
        next_round(&app).await;
        assert_eq!(rows_of(&app).await, all);
    }

    async fn a_repeat_is_one_hold_and_one_lifting(app: App) {
        let f = app.fixture().await;
        // A patient of whom there is nothing yet can be held too.
        let patient = app.patient(&f, "A").await;
        let key = Some("one".to_owned());
        let input = SetLegalHold { idempotency_key: key.clone(), ..set(patient) };
        let (first, second) = tokio::join!(
            app.service.set_legal_hold(&f.admin, input.clone()),
            app.service.set_legal_hold(&f.admin, input.clone()),
        );
        let answers: Vec<_> = [first, second].into_iter().filter_map(Result::ok).collect();
        assert!(!answers.is_empty(), "one of them at least");
        assert!(answers.iter().all(|one| *one == answers[0]));
        let hold = app.service.set_legal_hold(&f.admin, input.clone()).await.unwrap().legal_hold_id;
        assert_eq!(hold, answers[0].legal_hold_id);
        let other = SetLegalHold { reason: "Another.".to_owned(), ..input };
        assert_eq!(code_of(app.service.set_legal_hold(&f.admin, other).await), "IDEMPOTENCY_KEY_REUSED");
        let all = app.service.legal_holds(&f.admin, LegalHoldQuery::default()).await.unwrap();
        assert_eq!(all.entries.len(), 1);
        next_round(&app).await;
        let input = LiftLegalHold { idempotency_key: Some("two".to_owned()), ..lift(hold) };
        let lifted = app.service.lift_legal_hold(&f.admin, input.clone()).await.unwrap();
        assert_eq!(app.service.lift_legal_hold(&f.admin, input).await.unwrap(), lifted);
        assert_eq!(code_of(app.service.lift_legal_hold(&f.admin, lift(hold)).await), "LIFTED_BEFORE");
        assert_eq!((entries(&app, "legal_hold.set").await, entries(&app, "legal_hold.lift").await), (1, 1));
    }

    async fn who_reads_holds_is_in_the_ledger_and_staff_see_only_that_one_stands(app: App) {
        let f = app.fixture().await;
        let (one, two) = (app.patient(&f, "A").await, app.patient(&f, "C").await);
        let hold = held(&app, &f.admin, one).await;
        app.advance(TimeDelta::minutes(1));
        let newer = held(&app, &f.admin, two).await;
        app.service.lift_legal_hold(&f.admin, lift(hold)).await.unwrap();
        let query = LegalHoldQuery { first: Some(1), ..LegalHoldQuery::default() };
        let page = app.service.legal_holds(&f.auditor, query.clone()).await.unwrap();
        assert_eq!((page.entries[0].id, page.has_more), (newer, true));
        let after = Some(page.entries[0].cursor.clone());
        let page = app.service.legal_holds(&f.auditor, LegalHoldQuery { after, ..query.clone() }).await.unwrap();
        let [found] = &page.entries[..] else { panic!("one") };
        assert_eq!((found.id, found.patient_id, page.has_more), (hold, one, false));
        assert_eq!((found.reason.reveal().as_str(), found.set_by), (REASON, f.admin.user_id.unwrap()));
        assert_eq!(found.lift_reason.as_ref().unwrap().reveal(), "The case is closed. (canary-lift)");
        assert_eq!((found.lifted_by, found.lifted_at), (f.admin.user_id, Some(app.now())));
        assert!(!format!("{found:?}").contains("canary"));
        assert_eq!(entries(&app, "legal_hold.read").await, 2);
        let ids = async |query: LegalHoldQuery| -> Vec<LegalHoldId> {
            let page = app.service.legal_holds(&f.admin, query).await.unwrap();
            page.entries.iter().map(|hold| hold.id).collect()
        };
        assert_eq!(ids(LegalHoldQuery { standing: Some(true), ..LegalHoldQuery::default() }).await, [newer]);
        assert_eq!(ids(LegalHoldQuery { standing: Some(false), ..LegalHoldQuery::default() }).await, [hold]);
        assert_eq!(ids(LegalHoldQuery { patient_id: Some(one), ..LegalHoldQuery::default() }).await, [hold]);
        assert_eq!(code_of(app.service.legal_holds(&f.admin, LegalHoldQuery { first: Some(0), ..query }).await), "INVALID");
        for actor in [&f.physician, &f.coordinator, &f.oncologist, &f.outsider] {
            assert_eq!(code_of(app.service.legal_holds(actor, LegalHoldQuery::default()).await), "FORBIDDEN");
        }
        assert!(ids_of_others(&app, &f.other_admin).await.is_empty());
        for actor in [&f.physician, &f.coordinator] {
            assert!(app.service.legal_hold_since(actor, two).await.unwrap().is_some());
        }
        assert_eq!(code_of(app.service.legal_hold_since(&f.other_admin, two).await), "NOT_FOUND");
        assert_eq!(code_of(app.service.legal_hold_since(&f.admin, two).await), "FORBIDDEN");
    }

    async fn only_an_admin_of_the_own_clinic_holds_and_lifts(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        for actor in [&f.physician, &f.coordinator, &f.auditor] {
            assert_eq!(code_of(app.service.set_legal_hold(actor, set(patient)).await), "FORBIDDEN");
        }
        for actor in [&f.other_admin, &f.oncologist, &f.outsider] {
            assert_eq!(code_of(app.service.set_legal_hold(actor, set(patient)).await), "NOT_FOUND");
        }
        let reader = Actor { read_only: true, ..f.admin.clone() };
        assert_eq!(code_of(app.service.set_legal_hold(&reader, set(patient)).await), "FORBIDDEN");
        for reason in [" ".to_owned(), "x".repeat(20_001)] {
            match app.service.set_legal_hold(&f.admin, SetLegalHold { reason, ..set(patient) }).await {
                Err(ServiceError::Invalid(problems)) => assert_eq!(problems[0].path, "reason"),
                other => panic!("{other:?}"),
            }
        }
        let whole = SetLegalHold { reason: "x".repeat(20_000), ..set(patient) };
        let hold = app.service.set_legal_hold(&f.admin, whole).await.unwrap().legal_hold_id;
        for actor in [&f.physician, &f.coordinator, &f.auditor, &reader] {
            assert_eq!(code_of(app.service.lift_legal_hold(actor, lift(hold)).await), "FORBIDDEN");
        }
        for actor in [&f.other_admin, &f.oncologist, &f.outsider] {
            assert_eq!(code_of(app.service.lift_legal_hold(actor, lift(hold)).await), "NOT_FOUND");
        }
        let nobodys: LegalHoldId = app.service.store().random().id(app.now());
        assert_eq!(code_of(app.service.lift_legal_hold(&f.admin, lift(nobodys)).await), "NOT_FOUND");
        let silent = LiftLegalHold { reason: "\n".to_owned(), ..lift(hold) };
        assert_eq!(code_of(app.service.lift_legal_hold(&f.admin, silent).await), "INVALID");
        assert!(app.service.legal_hold_since(&f.physician, patient).await.unwrap().is_some());
        assert_eq!((entries(&app, "legal_hold.set").await, entries(&app, "legal_hold.lift").await), (1, 0));
    }

    async fn a_batch_passes_by_more_than_it_may_take(app: App) {
        let world = old_world(&app).await;
        let f = world.fixture.clone();
        let long_ago = app.now() - TimeDelta::days(900);
        let held_patient = world.signed.patient_id;
        let free_patient = app.patient(&f, "C").await;
        for mark in 0..12_u32 {
            let patient = if mark < 10 { held_patient } else { free_patient };
            put(&app, "notice", vec![
                ("id", app.service.store().random().uuid(app.now()).into_arg()),
                ("user_id", f.physician.user_id.into_arg()), ("organization_id", f.clinic.into_arg()),
                ("kind", text("ACKNOWLEDGED")), ("urgency", number(0)), ("patient_id", patient.into_arg()),
                ("facts", text("{}")), ("created_at", long_ago.into_arg()),
                ("seen_at", (long_ago + TimeDelta::days(i64::from(mark))).into_arg()),
            ]).await;
        }
        held(&app, &f.admin, held_patient).await;
        let mut tx = app.service.store().begin().await.unwrap();
        assert_eq!(retention::remove(&mut tx, Expired::ReadNotices, app.now(), 5).await.unwrap(), 2);
        tx.commit().await.unwrap();
    }
}

async fn ids_of_others(app: &App, admin: &Actor) -> Vec<LegalHoldId> {
    let page = app.service.legal_holds(admin, LegalHoldQuery::default()).await.unwrap();
    page.entries.iter().map(|hold| hold.id).collect()
}

/// The tables with what belongs to patients.
async fn rows_of(app: &App) -> Vec<(String, Vec<String>)> {
    let rows = rows(app).await.into_iter();
    rows.filter(|(table, _)| OF_A_PATIENT.contains(&table.rsplit('.').next().unwrap_or_default()))
        .collect()
}
