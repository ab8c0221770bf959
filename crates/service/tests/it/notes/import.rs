//! Journey files.

use liaison_clinical::journeys;
use liaison_domain::Actor;
use liaison_service::{
    ServiceError,
    notes::{ImportMode, ListNotes, MAX_JOURNEY_BYTES},
    patients::SearchPatients,
};
use liaison_testkit::{App, Fixture, both_engines};

use super::{count, problems};

fn text(letter: &str) -> &'static str {
    journeys()
        .map(|(_, text)| text)
        .find(|text| text.contains(&format!("\"journey\": \"{letter}\"")))
        .unwrap()
}

async fn patients(app: &App, f: &Fixture) -> usize {
    let all = SearchPatients {
        mrn: None,
        name: None,
        after: None,
        limit: 100,
    };
    app.service
        .search_patients(&f.physician, all)
        .await
        .unwrap()
        .patients
        .len()
}

both_engines! {
    async fn journeys_are_imported_as_they_were_signed(app: App) {
        let f = app.fixture().await;
        let checked = app.service.import_journey(&f.physician, text("C"), ImportMode::Check).await.unwrap();
        assert_eq!((checked.patient_id, checked.versions, checked.care_team_entries), (None, 4, 2));
        assert_eq!(patients(&app, &f).await, 0, "a check changes nothing");

        let done = app.service.import_journey(&Actor::system(), text("C"), ImportMode::Apply).await.unwrap();
        let patient = done.patient_id.unwrap();
        assert_eq!((done.notes, done.versions, done.courses), (4, 4, 1));
        assert!(done.confirmed_unusual_values > 0);
        let care_team = app.service.care_team(&f.physician, patient, app.now()).await.unwrap();
        let teams: Vec<_> = care_team.iter().filter_map(|row| row.team_id).collect();
        assert_eq!(teams.len(), 2);
        assert!(teams.contains(&f.oncology_team) && teams.contains(&f.palliative_team));
        let list = ListNotes { patient_id: Some(patient), drafts_only: false, after: None, limit: 10 };
        let notes = app.service.list_notes(&f.physician, list).await.unwrap().notes;
        assert_eq!(notes.len(), 4);
        let expected = liaison_testkit::notes::journey("C");
        let last = app.service.versions_of_note(&f.physician, notes[0].id).await.unwrap().remove(0);
        let envelope = &expected.documents[3].envelope;
        assert_eq!(last.document_id, envelope.document_id);
        assert_eq!(last.signed_at, envelope.signed_at.to_utc());
        assert_eq!(Some(last.signed_by), f.physician.user_id, "found by name");
        let read = app.service.note_version(&f.physician, last.id).await.unwrap();
        assert_eq!(read.content.reveal(), &expected.documents[3].content);
        let trend = app.service.patient_trend(&f.physician, patient).await.unwrap();
        assert_eq!(trend.infusion_version_ids.len(), 3);
        assert_eq!(count(&app, "note.sign").await, 4);
        assert_eq!(count(&app, "journey.import").await, 1);

        let again = app.service.import_journey(&f.physician, text("C"), ImportMode::Apply).await.expect_err("twice");
        let found = problems(again);
        assert_eq!(found[0], ("patient.mrn".to_owned(), "DUPLICATE_MRN".to_owned()));
        assert_eq!(found[1], ("documents[0].document_id".to_owned(), "DUPLICATE_DOCUMENT".to_owned()));
        assert_eq!(found.len(), 5);
        app.service.import_journey(&f.physician, text("A"), ImportMode::Apply).await.unwrap();
        app.service.import_journey(&f.physician, text("D"), ImportMode::Apply).await.unwrap();
        assert_eq!(patients(&app, &f).await, 3);
    }

    async fn every_problem_of_a_file_is_told_and_nothing_is_imported(app: App) {
        let f = app.fixture().await;
        let mut file: serde_json::Value = serde_json::from_str(text("A")).unwrap();
        // They speak of documents by the identifiers that are spoiled below.
        file["acknowledgments"] = serde_json::Value::Array(Vec::new());
        file["patient"]["administrative_gender"] = "f".into();
        file["patient"]["birth_date"] = "2090-01-01".into();
        file["documents"][0]["recipients"][0]["organization"] = "Nowhere Oncology".into();
        file["documents"][1]["status"] = "preliminary".into();
        file["documents"][1]["infusion"]["weight_kg"] = serde_json::Value::Null;
        file["documents"][2]["version"] = 7.into();
        file["documents"][3]["document_id"] = "not-an-id".into();
        let error = app.service.import_journey(&f.physician, &file.to_string(), ImportMode::Apply).await;
        let found = problems(error.expect_err("refused"));
        for (path, code) in [
            ("patient.administrative_gender", "UNKNOWN_VALUE"),
            ("patient.birth_date", "OUT_OF_RANGE"),
            ("documents[0].recipients[0].organization", "UNKNOWN_ORGANIZATION"),
            ("documents[1].status", "UNKNOWN_VALUE"),
            ("documents[1].infusion.weight_kg", "REQUIRED"),
            ("documents[2].version", "OUT_OF_ORDER"),
            ("documents[3].document_id", "INVALID_ID"),
        ] {
            assert!(found.contains(&(path.to_owned(), code.to_owned())), "{path} {code} is not in {found:#?}");
        }
        assert_eq!(patients(&app, &f).await, 0);
        assert_eq!(count(&app, "note.sign").await, 0);
    }

    async fn files_that_are_no_journeys_are_refused(app: App) {
        let f = app.fixture().await;
        let import = async |actor: &Actor, text: &str| {
            app.service.import_journey(actor, text, ImportMode::Apply).await.expect_err("refused")
        };
        assert_eq!(problems(import(&f.physician, "{").await), [(String::new(), "NOT_JSON".to_owned())]);
        let real = text("A").replace("\"synthetic\": true", "\"synthetic\": false");
        assert_eq!(problems(import(&f.physician, &real).await), [("patient.mrn".to_owned(), "NOT_SYNTHETIC".to_owned())]);
        let large = " ".repeat(MAX_JOURNEY_BYTES + 1);
        assert_eq!(problems(import(&f.physician, &large).await), [("file".to_owned(), "TOO_LARGE".to_owned())]);
        let elsewhere = import(&f.other_physician, text("A")).await;
        assert_eq!(problems(elsewhere), [("clinic.organization".to_owned(), "UNKNOWN_CLINIC".to_owned())]);
        for actor in [&f.coordinator, &f.admin, &f.oncologist] {
            assert!(matches!(import(actor, text("A")).await, ServiceError::Forbidden));
        }
        let stranger = text("A").replace("Dr. Imogen Sampleton", "Dr. Unknown Person");
        let found = problems(import(&Actor::system(), &stranger).await);
        assert_eq!(found[0], ("documents[0].author.name".to_owned(), "UNKNOWN_PHYSICIAN".to_owned()));
        assert_eq!(patients(&app, &f).await, 0);
        // The acting physician signs for an author whom the clinic does not know.
        let done = app.service.import_journey(&f.physician, &stranger, ImportMode::Apply).await.unwrap();
        assert!(done.patient_id.is_some());
    }
}
