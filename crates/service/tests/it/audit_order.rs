//! The audit search in every order, both ways, through all its pages; and its newer filters.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use chrono::TimeDelta;
use liaison_domain::{Actor, PatientId, SessionId};
use liaison_service::{
    ServiceError,
    audit::{AuditColumn, AuditFilter, AuditOrder, SearchAudit},
};
use liaison_store::NewEntry;
use liaison_testkit::{App, Fixture, both_engines};

/// Entries that differ in every column, some alike in each.
async fn filled(app: &App, f: &Fixture) -> (PatientId, SessionId) {
    let patient: PatientId = app.service.id();
    let session: SessionId = app.service.id();
    let people = [&f.physician, &f.coordinator, &f.admin];
    for n in 0..23usize {
        let actor = Actor {
            session_id: (n % 3 == 0).then_some(session),
            request_id: (n % 5 == 0).then(|| format!("request-{}", n % 2)),
            peer: (n % 2 == 0).then(|| format!("192.0.2.{}", n % 4)),
            ..people[n % 3].clone()
        };
        let action = ["note.read", "delivery.dead", "patient.read"][n % 3];
        let mut entry = NewEntry::new(app.service.id(), app.now(), &actor, action);
        entry.patient_id = Some(patient);
        entry.outcome = ["success", "denied"][n % 2];
        entry.object_id = (n % 4 == 0).then(|| format!("object-{}", n % 3));
        if action == "delivery.dead" {
            entry.detail.insert("channel", ["EMAIL", "WEBHOOK"][n % 2].to_owned());
        }
        let mut tx = app.service.store().begin().await.unwrap();
        tx.record(entry);
        tx.commit().await.unwrap();
        if n % 2 == 0 {
            app.advance(TimeDelta::seconds(1));
        }
    }
    (patient, session)
}

fn about(patient: PatientId) -> AuditFilter {
    AuditFilter {
        patient_id: Some(patient.to_string()),
        actions: ["note.read", "delivery.dead", "patient.read"]
            .map(str::to_owned)
            .to_vec(),
        ..AuditFilter::default()
    }
}

both_engines! {
    async fn every_order_is_paged_through_without_gap_or_double(app: App) {
        let f = app.fixture().await;
        let (patient, _) = filled(&app, &f).await;
        let columns = AuditColumn::ALL.iter().copied().map(Some).chain([None]);
        for by in columns {
            let mut both = Vec::new();
            for ascending in [true, false] {
                let order = AuditOrder { by, ascending };
                let whole = SearchAudit { filter: about(patient), first: Some(200), order, ..SearchAudit::default() };
                let whole = app.service.search_audit(&f.auditor, whole).await.unwrap().entries;
                let expected: Vec<_> = whole.iter().map(|entry| entry.id).collect();
                assert_eq!(expected.len(), 23, "{order:?}");
                let mut found = Vec::new();
                let mut after = None;
                loop {
                    let input = SearchAudit {
                        filter: about(patient),
                        first: Some(4),
                        after: after.clone(),
                        order,
                        counted: true,
                    };
                    let page = app.service.search_audit(&f.auditor, input).await.unwrap();
                    assert_eq!(page.count, Some(23), "{order:?}");
                    found.extend(page.entries.iter().map(|entry| entry.id));
                    after = page.entries.last().map(|entry| entry.cursor.clone());
                    if !page.has_next {
                        break;
                    }
                }
                assert_eq!(found, expected, "{order:?}");
                both.push(found);
            }
            both[1].reverse();
            assert_eq!(both[0], both[1], "{by:?} the other way round");
        }
        let by_action = SearchAudit {
            filter: about(patient),
            order: AuditOrder { by: Some(AuditColumn::Action), ascending: true },
            ..SearchAudit::default()
        };
        let found = app.service.search_audit(&f.auditor, by_action).await.unwrap().entries;
        assert!(found.is_sorted_by(|a, b| (&a.action, a.recorded_at, a.id) < (&b.action, b.recorded_at, b.id)));
    }

    async fn a_cursor_of_another_order_is_refused_at_its_field(app: App) {
        let f = app.fixture().await;
        let (patient, _) = filled(&app, &f).await;
        let order = AuditOrder { by: Some(AuditColumn::Role), ascending: true };
        let input = SearchAudit { filter: about(patient), first: Some(2), order, ..SearchAudit::default() };
        let cursor = app.service.search_audit(&f.auditor, input.clone()).await.unwrap().entries[1].cursor.clone();
        let others = [
            AuditOrder { by: Some(AuditColumn::Role), ascending: false },
            AuditOrder { by: Some(AuditColumn::Peer), ascending: true },
            AuditOrder::default(),
        ];
        for order in others {
            let bent = SearchAudit { order, after: Some(cursor.clone()), ..input.clone() };
            let error = app.service.search_audit(&f.auditor, bent).await.expect_err("refused");
            let ServiceError::Invalid(problems) = error else { panic!("{error}") };
            assert_eq!((problems[0].path.as_str(), problems[0].code.as_str()), ("after", "INVALID_CURSOR"));
        }
        // An entry of another organization is no place in this one's list.
        let foreign = SearchAudit { after: Some(cursor), ..input };
        assert!(app.service.search_audit(&f.other_admin, foreign).await.is_err());
    }

    async fn sessions_organizations_roles_channels_and_indexes_are_filters(app: App) {
        let f = app.fixture().await;
        let (patient, session) = filled(&app, &f).await;
        app.service.sequence().await.unwrap();
        let base = about(patient);
        let count = async |filter: AuditFilter| {
            let input = SearchAudit { filter, first: Some(200), counted: true, ..SearchAudit::default() };
            let page = app.service.search_audit(&f.auditor, input).await.unwrap();
            assert_eq!(page.count, Some(page.entries.len() as u64));
            page.entries
        };
        let found = count(AuditFilter { session_id: Some(session.to_string()), ..base.clone() }).await;
        assert_eq!(found.len(), 8);
        assert!(found.iter().all(|entry| entry.session_id == Some(session)));
        let found = count(AuditFilter { role: Some("COORDINATOR".to_owned()), ..base.clone() }).await;
        assert_eq!(found.len(), 8);
        assert!(found.iter().all(|entry| entry.user_id == f.coordinator.user_id));
        let found = count(AuditFilter { channel: Some("EMAIL".to_owned()), ..base.clone() }).await;
        assert!(!found.is_empty() && found.iter().all(|entry| entry.channel.as_deref() == Some("EMAIL")));
        let found = count(AuditFilter { actor_organization_id: Some(f.oncology.to_string()), ..base.clone() }).await;
        assert!(found.is_empty());
        let found = count(AuditFilter { actor_organization_id: Some(f.clinic.to_string()), ..base.clone() }).await;
        assert_eq!(found.len(), 23);
        let one = &found[7];
        let found = count(AuditFilter { index: one.index, ..AuditFilter::default() }).await;
        assert_eq!(found.iter().map(|entry| entry.id).collect::<Vec<_>>(), [one.id]);
        let wrong = AuditFilter {
            session_id: Some("x".to_owned()),
            role: Some("KING".to_owned()),
            channel: Some("PIGEON".to_owned()),
            actor_organization_id: Some("y".to_owned()),
            ..base
        };
        let input = SearchAudit { filter: wrong, ..SearchAudit::default() };
        let ServiceError::Invalid(problems) = app.service.search_audit(&f.auditor, input).await.expect_err("refused")
        else { panic!("not refused by its fields") };
        let mut paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["filter.actorOrganizationId", "filter.channel", "filter.role", "filter.sessionId"]);
    }
}
