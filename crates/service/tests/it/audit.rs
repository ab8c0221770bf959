//! The audit search, the accounting of disclosures and timeliness.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{
    Actor, Decline, Disposition, MisSendId, NoteId, NoteVersionId, OrganizationId, PatientId, PurposeOfUse,
    RecipientId, ShareId, Urgency,
};
use liaison_service::{
    ServiceError,
    audit::{AuditFilter, AuditView, DisclosureBasis, ReadDisclosures, ReadTimeliness, SearchAudit},
    loops::{acknowledge::Acknowledge, decline::DeclineShare},
};
use liaison_store::{NewEntry, args, ledger as rows};
use liaison_testkit::{App, Fixture, both_engines};

use crate::ledger::sql;

async fn last(app: &App, action: &str) -> rows::EntryRow {
    let filter = rows::EntryFilter {
        actions: vec![action.to_owned()],
        ..rows::EntryFilter::default()
    };
    let mut conn = app.service.store().read().await.unwrap();
    rows::search(&mut conn, &filter, 1).await.unwrap().pop().expect(action)
}

async fn act(app: &App, actor: &Actor, action: &'static str, patient: Option<PatientId>) {
    let mut entry = NewEntry::new(app.service.id(), app.now(), actor, action);
    entry.patient_id = patient;
    let mut tx = app.service.store().begin().await.unwrap();
    tx.record(entry);
    tx.commit().await.unwrap();
    app.advance(TimeDelta::seconds(1));
}

fn by(filter: AuditFilter) -> SearchAudit {
    SearchAudit {
        filter,
        ..SearchAudit::default()
    }
}

both_engines! {
    async fn a_search_is_bounded_to_the_own_organization_and_recorded(app: App) {
        let f = app.fixture().await;
        let patient: PatientId = app.service.id();
        act(&app, &f.physician, "patient.read", Some(patient)).await;
        act(&app, &f.coordinator, "patient.update", Some(patient)).await;
        act(&app, &f.other_physician, "patient.read", Some(patient)).await;
        let filter = AuditFilter { patient_id: Some(patient.to_string()), ..AuditFilter::default() };
        let page = app.service.search_audit(&f.auditor, by(filter.clone())).await.unwrap();
        let found: Vec<_> = page.entries.iter().map(|entry| (entry.action.as_str(), entry.user_id)).collect();
        assert_eq!(found, [("patient.update", f.coordinator.user_id), ("patient.read", f.physician.user_id)]);
        assert_eq!(page.entries[0].role.as_deref(), Some("COORDINATOR"));
        assert_eq!(page.entries[0].index, None);
        assert!(!page.has_next);

        let recorded = last(&app, "audit.search").await;
        assert_eq!(recorded.user_id, f.auditor.user_id);
        assert_eq!(recorded.patient_id, Some(patient));
        assert_eq!(recorded.purpose, PurposeOfUse::Operations);
        let leaf = liaison_ledger::Leaf::parse(&recorded.leaf).unwrap();
        assert_eq!(leaf.entry().detail["fields"], "patient_id");
        assert_eq!(leaf.entry().detail["found"], "2");

        let theirs = app.service.search_audit(&f.other_admin, by(filter)).await.unwrap();
        assert_eq!(theirs.entries.len(), 1);
        assert_eq!(theirs.entries[0].user_id, f.other_physician.user_id);
        let all = app.service.search_audit(&f.auditor, SearchAudit::default()).await.unwrap();
        assert!(all.entries.iter().any(|entry| entry.action == "audit.search"), "a look is in what is looked at");
        let own = |entry: &liaison_service::audit::AuditEntry| {
            [entry.organization_id, entry.actor_organization_id].contains(&Some(f.clinic))
        };
        assert!(all.entries.iter().all(own));
    }

    async fn free_text_of_a_search_is_never_recorded(app: App) {
        let f = app.fixture().await;
        let filter = AuditFilter {
            request_id: Some("SyntheticName".to_owned()),
            peer: Some("SyntheticPeer".to_owned()),
            object_id: Some("SyntheticObject".to_owned()),
            ..AuditFilter::default()
        };
        app.service.search_audit(&f.admin, by(filter)).await.unwrap();
        let recorded = last(&app, "audit.search").await;
        let text = String::from_utf8(recorded.leaf).unwrap();
        assert!(text.contains("object_id,request_id,peer"), "{text}");
        assert!(!text.contains("Synthetic"), "{text}");
    }

    async fn who_saw_a_patient_and_what_a_person_saw_are_filters(app: App) {
        let f = app.fixture().await;
        let (patient, other): (PatientId, PatientId) = (app.service.id(), app.service.id());
        act(&app, &f.physician, "note.read", Some(patient)).await;
        act(&app, &f.physician, "note.sign", Some(patient)).await;
        act(&app, &f.coordinator, "patient.read", Some(patient)).await;
        act(&app, &f.coordinator, "patient.read", Some(other)).await;
        let who = AuditFilter {
            patient_id: Some(patient.to_string()),
            view: Some(AuditView::Saw),
            ..AuditFilter::default()
        };
        let page = app.service.search_audit(&f.auditor, by(who)).await.unwrap();
        let found: Vec<_> = page.entries.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(found, ["patient.read", "note.read"]);
        let what = AuditFilter {
            user_id: f.coordinator.user_id.map(|id| id.to_string()),
            view: Some(AuditView::Saw),
            ..AuditFilter::default()
        };
        let page = app.service.search_audit(&f.auditor, by(what)).await.unwrap();
        let found: Vec<_> = page.entries.iter().map(|entry| entry.patient_id).collect();
        assert_eq!(found, [Some(other), Some(patient)]);
    }

    async fn pages_go_on_without_gaps_while_new_entries_come(app: App) {
        let f = app.fixture().await;
        let patient: PatientId = app.service.id();
        for _ in 0..7 {
            act(&app, &f.physician, "note.read", Some(patient)).await;
        }
        let filter = AuditFilter { patient_id: Some(patient.to_string()), actions: vec!["note.read".into()], ..AuditFilter::default() };
        let mut after = None;
        let mut found = Vec::new();
        for _ in 0..5 {
            let input =
                SearchAudit { filter: filter.clone(), first: Some(3), after: after.clone(), ..SearchAudit::default() };
            let page = app.service.search_audit(&f.auditor, input).await.unwrap();
            found.extend(page.entries.iter().map(|entry| entry.id));
            act(&app, &f.physician, "note.read", Some(patient)).await;
            after = page.entries.last().map(|entry| entry.cursor.clone());
            if !page.has_next {
                break;
            }
        }
        let mut unique = found.clone();
        unique.sort();
        unique.dedup();
        assert_eq!((found.len(), unique.len()), (7, 7));
    }

    async fn every_problem_of_a_filter_is_named_at_once(app: App) {
        let f = app.fixture().await;
        let filter = AuditFilter {
            from: Some(app.now()),
            until: Some(app.now()),
            user_id: Some("patient_x".to_owned()),
            patient_id: Some("x".to_owned()),
            actions: vec!["with space".to_owned()],
            outcome: Some("maybe".to_owned()),
            purpose: Some("CURIOSITY".to_owned()),
            peer: Some(String::new()),
            ..AuditFilter::default()
        };
        let input = SearchAudit { filter, first: Some(201), after: Some("?".to_owned()), ..SearchAudit::default() };
        let error = app.service.search_audit(&f.auditor, input).await.expect_err("refused");
        let ServiceError::Invalid(problems) = error else { panic!("{error}") };
        let mut paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        paths.sort_unstable();
        let expected = [
            "after", "filter.actions[0]", "filter.outcome", "filter.patientId", "filter.peer", "filter.purpose",
            "filter.until", "filter.userId", "first",
        ];
        assert_eq!(paths, expected);
        for actor in [&f.physician, &f.coordinator, &f.oncologist] {
            let error = app.service.search_audit(actor, SearchAudit::default()).await.expect_err("refused");
            assert!(matches!(error, ServiceError::Forbidden), "{error}");
        }
    }
}

/// A loop's rows as the loop's use cases leave them.
struct Loop {
    to: OrganizationId,
    urgency: i64,
    shared_at: DateTime<Utc>,
    due: TimeDelta,
    acknowledged: Option<TimeDelta>,
    outcome: Option<&'static str>,
    is_open: bool,
    duty: &'static str,
}

struct World {
    patient: PatientId,
    note: NoteId,
    version: NoteVersionId,
    share: ShareId,
}

async fn world(app: &App, clinic: OrganizationId, by: &Actor) -> World {
    let s = &app.service;
    let world = World {
        patient: s.id(),
        note: s.id(),
        version: s.id(),
        share: s.id(),
    };
    let mut tx = s.store().begin().await.unwrap();
    let bytes = world.patient.uuid().as_bytes().to_vec();
    tx.execute(
        sql("insert into patient (id, organization_id, identity_sealed, mrn_index, demographic_index, created_at, updated_at)
            values ($1, $2, $3, $3, $3, $4, $4)"),
        args![world.patient, clinic, bytes.clone(), app.now()],
    ).await.unwrap();
    tx.execute(
        sql("insert into note (id, patient_id, organization_id, kind, status, author_id, draft_revision, version, created_at, updated_at)
            values ($1, $2, $3, 'INFUSION_SUMMARY', 'FINAL', $4, 1, 2, $5, $5)"),
        args![world.note, world.patient, clinic, by.user_id, app.now()],
    ).await.unwrap();
    tx.execute(
        sql("insert into note_version (id, note_id, patient_id, organization_id, kind, version, content_sealed, content_sha256,
                urgency, document_id, signed_by, signed_at)
            values ($1, $2, $3, $4, 'INFUSION_SUMMARY', 2, $5, $5, 0, $6, $7, $8)"),
        args![world.version, world.note, world.patient, clinic, bytes, world.note.to_string(), by.user_id, app.now()],
    ).await.unwrap();
    tx.execute(
        sql("insert into share (id, note_version_id, note_id, patient_id, organization_id, urgency, shared_by, shared_at, verbal_made)
            values ($1, $2, $3, $4, $5, 0, $6, $7, $8)"),
        args![world.share, world.version, world.note, world.patient, clinic, by.user_id, app.now(), false],
    ).await.unwrap();
    tx.commit().await.unwrap();
    world
}

async fn recipient(app: &App, f: &Fixture, world: &World, clinic: OrganizationId, row: Loop) -> RecipientId {
    let id: RecipientId = app.service.id();
    let mut tx = app.service.store().begin().await.unwrap();
    let acknowledged = row.acknowledged.map(|after| row.shared_at + after);
    tx.execute(
        sql("insert into recipient (id, share_id, note_version_id, note_id, patient_id, organization_id, to_organization_id,
                care_role, duty, urgency, level, outcome, reply_due, is_open, shared_at, shared_by, due_at, calendar,
                policy, step_number, acknowledged_at, sealed_from_recipient, updated_at, revision, link_version, link_hash)
            values ($1, $2, $3, $4, $5, $6, $7, 'ONCOLOGIST', $8, $9, 0, $10, $11, $12, $13, $14, $15, '{}', '{}', 0, $16,
                $11, $13, 0, 1, $17)"),
        args![
            id, world.share, world.version, world.note, world.patient, clinic, row.to, row.duty, row.urgency,
            row.outcome, false, row.is_open, row.shared_at, f.physician.user_id, row.shared_at + row.due, acknowledged,
            id.uuid().as_bytes().to_vec()
        ],
    ).await.unwrap();
    tx.commit().await.unwrap();
    id
}

fn routine(app: &App, to: OrganizationId) -> Loop {
    Loop {
        to,
        urgency: 0,
        shared_at: app.now(),
        due: TimeDelta::minutes(60),
        acknowledged: None,
        outcome: None,
        is_open: true,
        duty: "REQUIRED",
    }
}

async fn opened(app: &App, actor: &Actor, f: &Fixture, world: &World, recipient: RecipientId) {
    let mut entry = NewEntry::new(app.service.id(), app.now(), actor, "share.open");
    entry.organization_id = Some(f.clinic);
    entry.patient_id = Some(world.patient);
    entry.note_version_id = Some(world.version);
    entry.share_id = Some(world.share);
    entry.recipient_id = Some(recipient);
    let mut tx = app.service.store().begin().await.unwrap();
    tx.record(entry);
    tx.commit().await.unwrap();
    app.advance(TimeDelta::minutes(1));
}

fn of(world: &World) -> ReadDisclosures {
    ReadDisclosures {
        patient_id: world.patient,
        from: None,
        until: None,
        reportable_only: false,
        first: None,
        after: None,
    }
}

both_engines! {
    async fn the_accounting_names_who_received_what_when_and_why(app: App) {
        let f = app.fixture().await;
        let world = world(&app, f.clinic, &f.physician).await;
        let right = recipient(&app, &f, &world, f.clinic, routine(&app, f.oncology)).await;
        let wrong = recipient(&app, &f, &world, f.clinic, routine(&app, f.outside)).await;
        let inside = recipient(&app, &f, &world, f.clinic, routine(&app, f.clinic)).await;
        let first_at = app.now();
        opened(&app, &f.oncologist, &f, &world, right).await;
        opened(&app, &f.oncologist, &f, &world, right).await;
        let last_at = app.now() - TimeDelta::minutes(1);
        opened(&app, &f.outsider, &f, &world, wrong).await;
        opened(&app, &f.physician, &f, &world, inside).await;
        let case: MisSendId = app.service.id();
        let mut tx = app.service.store().begin().await.unwrap();
        tx.execute(
            sql("insert into mis_send (id, recipient_id, share_id, patient_id, organization_id, reported_at, content_was_opened)
                values ($1, $2, $3, $4, $5, $6, $7)"),
            args![case, wrong, world.share, world.patient, f.clinic, app.now(), true],
        ).await.unwrap();
        tx.commit().await.unwrap();

        let page = app.service.read_disclosures(&f.auditor, of(&world)).await.unwrap();
        assert_eq!(page.disclosures.len(), 2, "within the clinic nothing was disclosed: {:?}", page.disclosures);
        let (mis_sent, treatment) = (&page.disclosures[0], &page.disclosures[1]);
        assert_eq!((mis_sent.basis, mis_sent.reportable, mis_sent.mis_send_id), (DisclosureBasis::MisSend, true, Some(case)));
        assert_eq!(mis_sent.organization_name, "Unrelated Medical Group (SYNTHETIC)");
        assert_eq!((treatment.basis, treatment.reportable), (DisclosureBasis::Treatment, false));
        assert_eq!(treatment.user_name.as_deref(), Some("Dr. Oncor Fabricato"));
        assert_eq!((treatment.at, treatment.last_at, treatment.times), (first_at, last_at, 2));
        assert_eq!((treatment.note_kind.as_str(), treatment.version), ("INFUSION_SUMMARY", 2));
        let recorded = last(&app, "disclosures.read").await;
        assert_eq!((recorded.user_id, recorded.patient_id), (f.auditor.user_id, Some(world.patient)));

        let reportable = ReadDisclosures { reportable_only: true, ..of(&world) };
        let page = app.service.read_disclosures(&f.admin, reportable).await.unwrap();
        assert_eq!(page.disclosures.iter().map(|d| d.recipient_id).collect::<Vec<_>>(), [wrong]);

        let one = ReadDisclosures { first: Some(1), ..of(&world) };
        let page = app.service.read_disclosures(&f.admin, one.clone()).await.unwrap();
        assert!(page.has_next);
        let next = ReadDisclosures { after: Some(page.disclosures[0].cursor.clone()), ..one };
        let page = app.service.read_disclosures(&f.admin, next).await.unwrap();
        assert_eq!((page.disclosures[0].recipient_id, page.has_next), (right, false));

        app.advance(TimeDelta::days(6 * 366));
        let page = app.service.read_disclosures(&f.admin, of(&world)).await.unwrap();
        assert_eq!(page.disclosures, [], "six years are over");
        let all = ReadDisclosures { from: Some(first_at), ..of(&world) };
        assert_eq!(app.service.read_disclosures(&f.admin, all).await.unwrap().disclosures.len(), 2);
    }

    async fn the_accounting_is_for_admins_and_auditors_of_the_patients_clinic(app: App) {
        let f = app.fixture().await;
        let world = world(&app, f.clinic, &f.physician).await;
        for actor in [&f.other_admin, &f.outside_admin] {
            let error = app.service.read_disclosures(actor, of(&world)).await.expect_err("not theirs");
            assert!(matches!(error, ServiceError::NotFound("patient")), "{error}");
        }
        for actor in [&f.physician, &f.coordinator] {
            let error = app.service.read_disclosures(actor, of(&world)).await.expect_err("wrong role");
            assert!(matches!(error, ServiceError::Forbidden), "{error}");
        }
        let unknown = ReadDisclosures { patient_id: app.service.id(), ..of(&world) };
        let error = app.service.read_disclosures(&f.auditor, unknown.clone()).await.expect_err("unknown");
        assert!(matches!(error, ServiceError::NotFound("patient")), "{error}");
        let error = app.service.read_disclosures(&Actor::system(), unknown).await.expect_err("unknown");
        assert!(matches!(error, ServiceError::NotFound("patient")), "{error}");
        let bad = ReadDisclosures { from: Some(app.now() + TimeDelta::days(1)), first: Some(0), ..of(&world) };
        let error = app.service.read_disclosures(&f.auditor, bad).await.expect_err("bad input");
        assert!(error.to_string().contains("first") && error.to_string().contains("until"), "{error}");
        let count: Option<(i64,)> = app.service.store().read().await.unwrap()
            .one(sql("select count(*) as a from ledger_entry where action = 'disclosures.read'"), args![]).await.unwrap();
        assert_eq!(count, Some((0,)));
    }

    async fn timeliness_counts_required_loops_and_ranks_their_minutes(app: App) {
        let f = app.fixture().await;
        let world = world(&app, f.clinic, &f.physician).await;
        let (start, minutes) = (app.now(), TimeDelta::minutes);
        let mut rows = Vec::new();
        // Ten answers to oncology after 10, 20 … 100 minutes: six within the hour.
        for n in 1..=10 {
            rows.push(Loop { acknowledged: Some(minutes(10 * n)), is_open: false, ..routine(&app, f.oncology) });
        }
        let emergent = Loop { urgency: 2, due: minutes(5), ..routine(&app, f.palliative_service) };
        rows.push(Loop { acknowledged: Some(minutes(3)), is_open: false, ..emergent });
        // Open: one past due, one not.
        rows.push(routine(&app, f.palliative_service));
        rows.push(Loop { due: TimeDelta::days(9), ..routine(&app, f.palliative_service) });
        // Declined; failed and still open.
        rows.push(Loop { outcome: Some("DECLINED"), is_open: false, ..routine(&app, f.palliative_service) });
        // Counted nowhere: nobody was left to answer, nobody had to, or another time.
        rows.push(Loop { outcome: Some("RECALLED"), is_open: false, ..routine(&app, f.oncology) });
        rows.push(Loop { outcome: Some("SUPERSEDED"), is_open: false, ..routine(&app, f.oncology) });
        rows.push(Loop { outcome: Some("REDIRECTED"), is_open: false, ..routine(&app, f.oncology) });
        rows.push(Loop { duty: "COPY", ..routine(&app, f.oncology) });
        rows.push(Loop { shared_at: start - TimeDelta::days(40), ..routine(&app, f.oncology) });
        for row in rows {
            recipient(&app, &f, &world, f.clinic, row).await;
        }
        app.advance(TimeDelta::days(1));
        let period = ReadTimeliness { from: start - TimeDelta::days(1), until: start + TimeDelta::days(1) };
        let report = app.service.read_timeliness(&f.physician, period).await.unwrap();

        let total = &report.total;
        assert_eq!((total.required, total.acknowledged, total.in_time), (14, 11, 7));
        assert_eq!((total.waiting, total.overdue, total.never), (1, 1, 1));
        assert_eq!(total.in_time_share, Some(7.0 / 13.0));
        assert_eq!((total.median_minutes, total.p90_minutes), (Some(50.0), Some(90.0)));

        let urgencies: Vec<_> = report.by_urgency.iter().map(|(urgency, figures)| (*urgency, figures.required)).collect();
        assert_eq!(urgencies, [(Urgency::Emergent, 1), (Urgency::Routine, 13)]);
        assert_eq!(report.by_urgency[0].1.median_minutes, Some(3.0));
        let names: Vec<_> = report.by_organization.iter().map(|(_, name, _)| name.as_str()).collect();
        assert_eq!(names, ["Mockingbird Palliative Service (SYNTHETIC)", "Placeholder Cancer Center (SYNTHETIC)"]);
        let oncology = &report.by_organization[1].2;
        assert_eq!((oncology.required, oncology.in_time), (10, 6));
        assert_eq!((oncology.median_minutes, oncology.p90_minutes), (Some(50.0), Some(90.0)));

        let empty = ReadTimeliness { from: start + TimeDelta::days(1), until: start + TimeDelta::days(2) };
        let report = app.service.read_timeliness(&f.auditor, empty).await.unwrap();
        assert_eq!((report.total.required, report.total.in_time_share, report.total.median_minutes), (0, None, None));
        assert!(report.by_urgency.is_empty() && report.by_organization.is_empty());
        let theirs = app.service.read_timeliness(&f.other_physician, period).await.unwrap();
        assert_eq!(theirs.total.required, 0, "another clinic's loops");
        let error = app.service.read_timeliness(&f.oncologist, period).await.expect_err("wrong role");
        assert!(matches!(error, ServiceError::Forbidden), "{error}");
        let bad = ReadTimeliness { from: start, until: start };
        assert!(matches!(app.service.read_timeliness(&f.admin, bad).await, Err(ServiceError::Invalid(_))));
    }
}

both_engines! {
    async fn a_real_share_is_provable_accounted_for_and_counted(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let signed = app.sign(&f, patient, "A", 0).await;
        let from = app.now();
        let shared = app.share(&f, &signed, &[f.oncology_team, f.palliative_team]).await;
        let (oncology, palliative) = (shared.recipient_ids[0], shared.recipient_ids[1]);
        app.advance(TimeDelta::minutes(30));
        app.service.open_share(&f.oncologist, oncology).await.unwrap();
        app.service.open_share(&f.palliative, palliative).await.unwrap();
        let answer = Acknowledge {
            recipient_id: Some(oncology),
            note_version_id: Some(signed.version_id),
            dispositions: vec![Disposition::ReviewedNoChange],
            ..Acknowledge::default()
        };
        app.service.acknowledge(&f.oncologist, answer).await.unwrap();
        let decline = DeclineShare {
            recipient_id: palliative,
            reason: Decline::WrongRecipient,
            comment: None,
            idempotency_key: None,
        };
        app.service.decline_share(&f.palliative, decline).await.unwrap();
        app.service.sequence().await.unwrap();

        let receipt = app.service.acknowledgment_receipt(&f.oncologist, oncology).await.unwrap();
        let key = liaison_ledger::VerifierKey::parse(app.service.ledger_key()).unwrap();
        let entry = liaison_ledger::verify_receipt(&receipt.json, &key).unwrap().entry;
        assert_eq!(entry.action, "acknowledgment.create");
        assert_eq!(entry.actor.user_id, f.oncologist.user_id.map(|id| id.to_string()));
        assert_eq!(entry.recipient_id, Some(oncology.to_string()));

        let input = ReadDisclosures {
            patient_id: patient,
            from: None,
            until: None,
            reportable_only: false,
            first: None,
            after: None,
        };
        let page = app.service.read_disclosures(&f.auditor, input).await.unwrap();
        let mut found: Vec<_> = page.disclosures.iter().map(|d| (d.user_id, d.basis)).collect();
        found.sort_by_key(|(_, basis)| basis.as_str());
        let expected = [(f.palliative.user_id, DisclosureBasis::MisSend), (f.oncologist.user_id, DisclosureBasis::Treatment)];
        assert_eq!(found, expected);

        let period = ReadTimeliness { from, until: from + TimeDelta::hours(1) };
        let total = app.service.read_timeliness(&f.coordinator, period).await.unwrap().total;
        assert_eq!((total.required, total.acknowledged, total.in_time), (2, 1, 1));
        assert_eq!(total.median_minutes, Some(30.0));

        app.service.sequence().await.unwrap();
        let report = app.service.verify_ledger().await.unwrap();
        assert!(report.is_sound(), "{:?}", report.problems);
    }
}
