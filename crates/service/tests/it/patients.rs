//! Patients: registering, correcting, finding, reading; care teams and restrictions.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use chrono::{NaiveDate, TimeDelta};
use liaison_domain::{Actor, CareRole, OrganizationId, PatientId, RestrictionId};
use liaison_service::{
    ServiceError,
    patients::{
        AddCareTeamEntry, AddRestriction, AdministrativeGender, OtherMrn, PatientIdentity, RegisterPatient,
        RestrictionScope, SearchPatients, UpdatePatient, restriction_applies,
    },
};
use liaison_store::{ledger, patients as rows};
use liaison_testkit::{App, both_engines};

fn identity(mrn: &str, name: &str) -> PatientIdentity {
    PatientIdentity {
        mrn: mrn.to_owned(),
        name: name.to_owned(),
        birth_date: NaiveDate::from_ymd_opt(1967, 8, 2).unwrap(),
        administrative_gender: AdministrativeGender::Female,
        other_mrns: Vec::new(),
    }
}

fn register(mrn: &str, name: &str) -> RegisterPatient {
    RegisterPatient {
        identity: identity(mrn, name),
        idempotency_key: None,
    }
}

async fn registered(app: &App, actor: &Actor, mrn: &str, name: &str) -> PatientId {
    let id = app
        .service
        .register_patient(actor, register(mrn, name))
        .await
        .unwrap()
        .patient_id;
    // Ids are in order of time.
    app.advance(TimeDelta::seconds(1));
    id
}

/// The acts on a patient, by name: the set clock stands still, so that their order is not told.
async fn acts(app: &App, patient: PatientId) -> Vec<String> {
    let filter = ledger::EntryFilter {
        patient_id: Some(patient),
        ..ledger::EntryFilter::default()
    };
    entries(app, filter).await
}

async fn entries(app: &App, filter: ledger::EntryFilter) -> Vec<String> {
    let mut conn = app.service.store().read().await.unwrap();
    let mut found: Vec<String> = ledger::search(&mut conn, &filter, 500)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.action)
        .collect();
    found.sort();
    found
}

async fn denied(app: &App) -> usize {
    let filter = ledger::EntryFilter {
        actions: vec!["access.denied".to_owned()],
        ..ledger::EntryFilter::default()
    };
    entries(app, filter).await.len()
}

fn problems(error: ServiceError) -> Vec<(String, String)> {
    match error {
        ServiceError::Invalid(found) => found.into_iter().map(|problem| (problem.path, problem.code)).collect(),
        other => panic!("expected problems, got {other:?}"),
    }
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(path, code)| ((*path).to_owned(), (*code).to_owned()))
        .collect()
}

fn by_name(name: &str) -> SearchPatients {
    SearchPatients {
        mrn: None,
        name: Some(name.to_owned()),
        after: None,
        limit: 10,
    }
}

async fn found(app: &App, actor: &Actor, search: SearchPatients) -> Vec<PatientId> {
    let page = app.service.search_patients(actor, search).await.unwrap();
    page.patients.into_iter().map(|patient| patient.id).collect()
}

both_engines! {
    async fn a_patient_is_registered_read_and_corrected(app: App) {
        let f = app.fixture().await;
        let mut input = register("  KET-0001 ", " Synthia Testpatient-Rivera ");
        input.identity.other_mrns = vec![OtherMrn { organization_id: f.oncology, mrn: "ONC 77".to_owned() }];
        let id = app.service.register_patient(&f.coordinator, input).await.unwrap().patient_id;
        let read = app.service.patient(&f.physician, id).await.unwrap();
        assert_eq!(read.identity.reveal().mrn, "KET-0001");
        assert_eq!(read.identity.reveal().name, "Synthia Testpatient-Rivera");
        assert_eq!(read.identity.reveal().other_mrns[0].mrn, "ONC 77");
        assert!(!format!("{read:?}").contains("Synthia"));

        app.advance(TimeDelta::minutes(1));
        let correction = UpdatePatient {
            patient_id: id,
            identity: identity("KET-0001", "Synthia Correctedname"),
            idempotency_key: None,
        };
        app.service.update_patient(&f.coordinator, correction).await.unwrap();
        let read = app.service.patient(&f.physician, id).await.unwrap();
        assert_eq!(read.identity.reveal().name, "Synthia Correctedname");
        assert!(read.updated_at > read.created_at);
        assert_eq!(found(&app, &f.physician, by_name("correct")).await, [id]);
        assert_eq!(found(&app, &f.physician, by_name("rivera")).await, []);
        assert_eq!(
            acts(&app, id).await,
            ["patient.read", "patient.read", "patient.read", "patient.register", "patient.update"]
        );
    }

    async fn every_problem_of_an_identity_is_told_at_once(app: App) {
        let f = app.fixture().await;
        let unknown: OrganizationId = app.service.id();
        let mut input = register("--", "\u{7}");
        input.identity.birth_date = NaiveDate::from_ymd_opt(2027, 1, 1).unwrap();
        input.identity.other_mrns = vec![
            OtherMrn { organization_id: unknown, mrn: String::new() },
            OtherMrn { organization_id: f.oncology, mrn: "x".repeat(65) },
            OtherMrn { organization_id: f.oncology, mrn: "2".to_owned() },
        ];
        let error = app.service.register_patient(&f.physician, input).await.expect_err("refused");
        assert_eq!(
            problems(error),
            pairs(&[
                ("mrn", "NO_LETTER_OR_DIGIT"),
                ("name", "CONTROL_CHARACTER"),
                ("name", "NO_LETTER"),
                ("birthDate", "OUT_OF_RANGE"),
                ("otherMrns[0].mrn", "REQUIRED"),
                ("otherMrns[1].mrn", "TOO_LONG"),
                ("otherMrns[2].organizationId", "DUPLICATE"),
                ("otherMrns[0].organizationId", "UNKNOWN_ID"),
            ])
        );
        let long = app.service.register_patient(&f.physician, register("1", &"n".repeat(201))).await;
        assert_eq!(problems(long.expect_err("refused")), pairs(&[("name", "TOO_LONG")]));
        let all = SearchPatients { mrn: None, name: None, after: None, limit: 100 };
        assert_eq!(found(&app, &f.physician, all).await, [], "nothing half-written is left");
    }

    async fn a_number_belongs_to_one_patient_of_a_clinic(app: App) {
        let f = app.fixture().await;
        let first = registered(&app, &f.physician, "KET-0001", "Ann Example").await;
        let again = app.service.register_patient(&f.physician, register("ket 0001", "Other Person")).await;
        let again = again.expect_err("the same number in other clothes");
        assert_eq!(again.code(), "DUPLICATE_MRN");
        assert!(again.to_string().starts_with("mrn:"), "{again}");
        // Another clinic counts for itself.
        registered(&app, &f.other_physician, "KET-0001", "Ann Example").await;
        let second = registered(&app, &f.physician, "KET-0002", "Bea Example").await;
        let take = UpdatePatient {
            patient_id: second,
            identity: identity("KET-0001", "Bea Example"),
            idempotency_key: None,
        };
        assert_eq!(app.service.update_patient(&f.physician, take).await.expect_err("taken").code(), "DUPLICATE_MRN");
        let kept = app.service.patient(&f.physician, second).await.unwrap();
        assert_eq!(kept.identity.reveal().mrn, "KET-0002");
        assert_eq!(found(&app, &f.physician, by_name("exam")).await, [first, second]);
    }

    async fn a_repeat_with_the_same_key_registers_once(app: App) {
        let f = app.fixture().await;
        let input = |name: &str| RegisterPatient {
            identity: identity("KET-0001", name),
            idempotency_key: Some("key-1".to_owned()),
        };
        let first = app.service.register_patient(&f.physician, input("Ann Example")).await.unwrap();
        let second = app.service.register_patient(&f.physician, input("Ann Example")).await.unwrap();
        assert_eq!(first, second);
        let other = app.service.register_patient(&f.physician, input("Bea Example")).await.expect_err("another request");
        assert_eq!(other.code(), "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(acts(&app, first.patient_id).await, ["patient.register"]);
    }

    async fn look_alikes_are_pointed_out(app: App) {
        let f = app.fixture().await;
        let first = registered(&app, &f.physician, "1", "Ann Example").await;
        let second = app.service.register_patient(&f.physician, register("2", "Anna Exampel")).await.unwrap();
        assert_eq!(second.look_alikes, [first]);
        registered(&app, &f.other_physician, "3", "Ann Example").await;
        assert_eq!(app.service.look_alikes(&f.physician, first).await.unwrap(), [second.patient_id]);
        registered(&app, &f.physician, "4", "Bea Different").await;
        assert_eq!(app.service.look_alikes(&f.physician, first).await.unwrap(), [second.patient_id]);
    }

    async fn patients_are_found_by_number_and_by_beginnings_of_names(app: App) {
        let f = app.fixture().await;
        let ann = registered(&app, &f.physician, "KET-0001", "Ann-Marie Ö'Example").await;
        let ben = registered(&app, &f.physician, "KET-0002", "Ben Examplesson").await;
        registered(&app, &f.other_physician, "KET-0003", "Ann Example").await;
        assert_eq!(found(&app, &f.physician, by_name("EXAM")).await, [ann, ben]);
        assert_eq!(found(&app, &f.physician, by_name("exam ann")).await, [ann]);
        assert_eq!(found(&app, &f.physician, by_name("exam nobody")).await, []);
        assert_eq!(found(&app, &f.physician, by_name("xample")).await, []);
        let mrn = |mrn: &str| SearchPatients { mrn: Some(mrn.to_owned()), name: None, after: None, limit: 10 };
        assert_eq!(found(&app, &f.physician, mrn("ket0002")).await, [ben]);
        assert_eq!(found(&app, &f.physician, mrn("ket000")).await, [], "a number is never found by its beginning");

        let page = |after| SearchPatients { after, limit: 1, ..by_name("exam") };
        let first = app.service.search_patients(&f.physician, page(None)).await.unwrap();
        assert!(first.has_more);
        let second = app.service.search_patients(&f.physician, page(Some(first.patients[0].id))).await.unwrap();
        assert_eq!((second.patients[0].id, second.has_more), (ben, false));

        let filter = ledger::EntryFilter { actions: vec!["patient.search".to_owned()], ..Default::default() };
        let mut conn = app.service.store().read().await.unwrap();
        let searches = ledger::search(&mut conn, &filter, 100).await.unwrap();
        assert_eq!(searches.len(), 8);
        for row in searches {
            let leaf = String::from_utf8(row.leaf).unwrap().to_lowercase();
            assert!(!leaf.contains("exam") && !leaf.contains("ket0"), "{leaf}");
        }
        assert_eq!(acts(&app, ben).await.iter().filter(|act| *act == "patient.read").count(), 3);

        for (search, expected) in [
            (by_name("a"), ("name", "TOO_SHORT")),
            (by_name(" "), ("name", "REQUIRED")),
            (by_name("aa bb cc dd ee"), ("name", "TOO_MANY")),
            (SearchPatients { mrn: Some("1".to_owned()), ..by_name("exam") }, ("name", "EITHER_OR")),
            (SearchPatients { limit: 0, ..by_name("exam") }, ("limit", "OUT_OF_RANGE")),
            (SearchPatients { limit: 101, ..by_name("exam") }, ("limit", "OUT_OF_RANGE")),
        ] {
            let error = app.service.search_patients(&f.physician, search).await.expect_err("refused");
            assert_eq!(problems(error), pairs(&[expected]));
        }
    }

    async fn another_clinics_patient_is_not_found_and_wrong_roles_are_refused(app: App) {
        let f = app.fixture().await;
        let id = registered(&app, &f.physician, "KET-0001", "Ann Example").await;
        let unknown: PatientId = app.service.id();
        for (actor, id) in [(&f.other_physician, id), (&f.oncologist, id), (&f.physician, unknown)] {
            let before = denied(&app).await;
            let error = app.service.patient(actor, id).await.expect_err("not found");
            assert_eq!(error.to_string(), "patient not found");
            assert_eq!(denied(&app).await, before + 1);
        }
        for actor in [&f.admin, &f.auditor] {
            assert_eq!(app.service.patient(actor, id).await.expect_err("refused").code(), "FORBIDDEN");
        }
        let error = app.service.register_patient(&f.admin, register("9", "Nobody Here")).await.expect_err("refused");
        assert_eq!(error.code(), "FORBIDDEN");
        let error = app.service.search_patients(&f.oncologist, by_name("exam")).await.expect_err("refused");
        assert_eq!(error.code(), "FORBIDDEN");
        let correction = UpdatePatient { patient_id: id, identity: identity("9", "Taken Over"), idempotency_key: None };
        let error = app.service.update_patient(&f.other_physician, correction).await.expect_err("not found");
        assert_eq!(error.code(), "NOT_FOUND");
        assert_eq!(acts(&app, id).await, ["patient.register"]);
    }

    async fn many_are_read_by_a_constant_number_of_statements(app: App) {
        let f = app.fixture().await;
        let mut ids = Vec::new();
        for number in 0..8 {
            ids.push(registered(&app, &f.physician, &format!("KET-{number}"), "Ann Example").await);
        }
        let foreign = registered(&app, &f.other_physician, "X-1", "Ann Example").await;
        let store = app.service.store();
        let before = store.statements();
        assert_eq!(app.service.patients(&f.physician, &ids[..2]).await.unwrap().len(), 2);
        let two = store.statements() - before;
        let before = store.statements();
        assert_eq!(app.service.patients(&f.physician, &ids).await.unwrap().len(), 8);
        assert!(store.statements() - before <= two + 1);
        let mixed = app.service.patients(&f.physician, &[ids[0], foreign]).await.unwrap();
        assert_eq!(mixed.keys().copied().collect::<Vec<_>>(), [ids[0]]);
        assert_eq!(denied(&app).await, 1);
        assert!(!acts(&app, foreign).await.contains(&"patient.read".to_owned()));
    }

    async fn a_care_team_holds_from_until(app: App) {
        let f = app.fixture().await;
        let id = registered(&app, &f.physician, "KET-0001", "Ann Example").await;
        let team = AddCareTeamEntry {
            patient_id: id,
            team_id: Some(f.oncology_team),
            user_id: None,
            care_role: CareRole::Oncologist,
            from: None,
            until: None,
            idempotency_key: None,
        };
        let added = app.service.add_care_team_entry(&f.coordinator, team.clone()).await.unwrap();
        assert!(!added.existed);
        let again = app.service.add_care_team_entry(&f.coordinator, team.clone()).await.unwrap();
        assert_eq!((again.entry_id, again.existed), (added.entry_id, true));
        let user = AddCareTeamEntry {
            team_id: None,
            user_id: f.palliative.user_id,
            care_role: CareRole::PalliativeClinician,
            until: Some(app.now() + TimeDelta::days(1)),
            ..team.clone()
        };
        app.service.add_care_team_entry(&f.coordinator, user).await.unwrap();
        let at = app.now();
        assert_eq!(app.service.care_team(&f.physician, id, at).await.unwrap().len(), 2);
        assert_eq!(app.service.care_team(&f.physician, id, at - TimeDelta::days(1)).await.unwrap().len(), 0);
        app.advance(TimeDelta::days(2));
        let now = app.service.care_team(&f.physician, id, app.now()).await.unwrap();
        assert_eq!(now.iter().map(|row| row.team_id).collect::<Vec<_>>(), [Some(f.oncology_team)]);

        app.service.end_care_team_entry(&f.coordinator, added.entry_id).await.unwrap();
        app.service.end_care_team_entry(&f.coordinator, added.entry_id).await.unwrap();
        assert_eq!(app.service.care_team(&f.physician, id, app.now()).await.unwrap().len(), 0);
        assert_eq!(app.service.care_team(&f.physician, id, at).await.unwrap().len(), 2, "the past stays");
        assert_eq!(acts(&app, id).await, ["careteam.add", "careteam.add", "careteam.end", "patient.register"]);

        let both = AddCareTeamEntry { user_id: f.palliative.user_id, ..team.clone() };
        let unknown = AddCareTeamEntry {
            team_id: Some(app.service.id()),
            until: Some(app.now() - TimeDelta::days(9)),
            ..team.clone()
        };
        let error = app.service.add_care_team_entry(&f.physician, both).await.expect_err("refused");
        assert_eq!(problems(error), pairs(&[("teamId", "EITHER_OR")]));
        let error = app.service.add_care_team_entry(&f.physician, unknown).await.expect_err("refused");
        assert_eq!(problems(error), pairs(&[("teamId", "UNKNOWN_ID"), ("until", "OUT_OF_RANGE")]));
        let error = app.service.add_care_team_entry(&f.other_physician, team).await.expect_err("not found");
        assert_eq!(error.to_string(), "patient not found");
        let error = app.service.end_care_team_entry(&f.other_physician, added.entry_id).await.expect_err("not found");
        assert_eq!(error.to_string(), "care team entry not found");
    }

    async fn a_restriction_applies_while_it_lasts(app: App) {
        let f = app.fixture().await;
        let id = registered(&app, &f.physician, "KET-0001", "Ann Example").await;
        let add = |scope| AddRestriction {
            patient_id: id,
            scope,
            detail: Some("Not to Dr. Fabricato, a relative.".to_owned()),
            agreed_by: f.physician.user_id,
            agreed_at: None,
            idempotency_key: None,
        };
        let oncologist = f.oncologist.user_id.unwrap();
        let input = add(RestrictionScope::User(oncologist));
        let added = app.service.add_restriction(&f.coordinator, input).await.unwrap();
        let listed = app.service.restrictions(&f.physician, id).await.unwrap();
        assert_eq!(listed[0].detail.as_ref().unwrap().reveal(), "Not to Dr. Fabricato, a relative.");
        assert_eq!(listed[0].row.agreed_by, f.physician.user_id.unwrap());

        app.advance(TimeDelta::hours(1));
        app.service.end_restriction(&f.coordinator, added.restriction_id).await.unwrap();
        app.service.end_restriction(&f.coordinator, added.restriction_id).await.unwrap();
        assert_eq!(
            acts(&app, id).await,
            ["patient.register", "restriction.add", "restriction.end", "restriction.read"]
        );
        let mut conn = app.service.store().read().await.unwrap();
        let kept = rows::restrictions_of(&mut conn, &[id]).await.unwrap();
        drop(conn);
        let (during, after) = (kept[0].agreed_at, app.now());
        let applies = |org, team, user, at| restriction_applies(&kept, org, team, user, at);
        assert!(applies(f.oncology, None, Some(oncologist), during));
        assert!(applies(f.oncology, Some(f.oncology_team), Some(oncologist), during));
        assert!(!applies(f.oncology, Some(f.oncology_team), None, during));
        assert!(!applies(f.oncology, None, f.second_oncologist.user_id, during));
        assert!(!applies(f.oncology, None, Some(oncologist), after));
        // A clock that was set back a little opens nothing that was just closed.
        assert!(applies(f.oncology, None, Some(oncologist), during - TimeDelta::seconds(1)));

        let mut row = kept[0].clone();
        (row.user_id, row.ended_at) = (None, None);
        let everyone = [row.clone()];
        assert!(restriction_applies(&everyone, f.oncology, None, None, after));
        assert!(!restriction_applies(&everyone, f.clinic, None, None, after));
        row.organization_id = Some(f.oncology);
        let oncology = [row.clone()];
        assert!(restriction_applies(&oncology, f.oncology, Some(f.oncology_team), None, after));
        assert!(!restriction_applies(&oncology, f.palliative_service, None, None, after));
        (row.organization_id, row.team_id) = (None, Some(f.oncology_team));
        let team = [row];
        assert!(restriction_applies(&team, f.oncology, Some(f.oncology_team), None, after));
        assert!(!restriction_applies(&team, f.oncology, None, Some(oncologist), after));
        assert!(!restriction_applies(&[], f.oncology, None, None, after));
    }

    async fn a_restriction_needs_a_physician_and_somebody_outside(app: App) {
        let f = app.fixture().await;
        let id = registered(&app, &f.physician, "KET-0001", "Ann Example").await;
        let add = |scope, agreed_by| AddRestriction {
            patient_id: id,
            scope,
            detail: None,
            agreed_by,
            agreed_at: Some(app.now() + TimeDelta::hours(1)),
            idempotency_key: None,
        };
        let own = add(RestrictionScope::Organization(f.clinic), None);
        let error = app.service.add_restriction(&f.coordinator, own).await.expect_err("refused");
        assert_eq!(
            problems(error),
            pairs(&[
                ("agreedAt", "OUT_OF_RANGE"),
                ("scope", "OWN_CLINIC"),
                ("agreedBy", "NOT_A_PHYSICIAN"),
            ])
        );
        let foreign = add(RestrictionScope::Team(app.service.id()), f.other_physician.user_id);
        let error = app.service.add_restriction(&f.physician, foreign).await.expect_err("refused");
        assert_eq!(
            problems(error),
            pairs(&[("agreedAt", "OUT_OF_RANGE"), ("scope", "UNKNOWN_ID"), ("agreedBy", "NOT_A_PHYSICIAN")])
        );
        let unknown: RestrictionId = app.service.id();
        let error = app.service.end_restriction(&f.physician, unknown).await.expect_err("not found");
        assert_eq!(error.to_string(), "restriction not found");
        assert_eq!(acts(&app, id).await, ["patient.register"]);
    }
}
