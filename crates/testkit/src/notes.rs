//! Signed notes of the synthetic journeys, made through the use cases.

use liaison_clinical::{NoteContent, journey::Journey, journeys, parse_journey};
use liaison_domain::{CareRole, NoteId, NoteVersionId, PatientId};
use liaison_service::{
    notes::{ConfirmUnusual, DraftNote, SignNote},
    patients::{AddCareTeamEntry, AdministrativeGender, PatientIdentity, RegisterPatient},
};

use crate::{App, Fixture};

/// A signed note of a journey.
#[derive(Debug, Clone, Copy)]
pub struct Signed {
    /// The patient.
    pub patient_id: PatientId,
    /// The note.
    pub note_id: NoteId,
    /// The version.
    pub version_id: NoteVersionId,
}

/// The journey whose letter is given: `A`, `C` or `D`.
pub fn journey(letter: &str) -> Journey {
    journeys()
        .filter_map(|(_, text)| parse_journey(text).ok())
        .find(|journey| journey.header.journey == letter)
        .expect("a journey of that letter")
}

impl App {
    /// Registers the patient of a journey, with the oncology and palliative teams on the care team.
    pub async fn patient(&self, fixture: &Fixture, letter: &str) -> PatientId {
        self.register(fixture, letter, "").await
    }

    /// The same patient again, under another name and MRN: for a clinic with many patients.
    pub async fn patient_numbered(&self, fixture: &Fixture, letter: &str, number: usize) -> PatientId {
        self.register(fixture, letter, &format!("-{number}")).await
    }

    async fn register(&self, fixture: &Fixture, letter: &str, suffix: &str) -> PatientId {
        let journey = journey(letter);
        let patient = &journey.header.patient;
        let identity = PatientIdentity {
            mrn: format!("{}{suffix}", patient.mrn),
            name: format!("{}{suffix}", patient.name),
            birth_date: patient.birth_date,
            administrative_gender: AdministrativeGender::Unknown,
            other_mrns: Vec::new(),
        };
        let registered = self
            .service
            .register_patient(
                &fixture.physician,
                RegisterPatient {
                    identity,
                    idempotency_key: None,
                },
            )
            .await
            .expect("a patient");
        let care = [
            (fixture.oncology_team, CareRole::Oncologist),
            (fixture.palliative_team, CareRole::PalliativeClinician),
        ];
        for (team, care_role) in care {
            let entry = AddCareTeamEntry {
                patient_id: registered.patient_id,
                team_id: Some(team),
                user_id: None,
                care_role,
                from: None,
                until: None,
                idempotency_key: None,
            };
            self.service
                .add_care_team_entry(&fixture.physician, entry)
                .await
                .expect("a care team entry");
        }
        registered.patient_id
    }

    /// Signs a document of a journey, counted from 0, for a patient; the clock moves to the moment of the signature.
    pub async fn sign(&self, fixture: &Fixture, patient_id: PatientId, letter: &str, number: usize) -> Signed {
        let journey = journey(letter);
        let document = &journey.documents[number];
        self.clock
            .set(document.envelope.signed_at.with_timezone(&chrono::Utc).max(self.now()));
        self.sign_content(fixture, patient_id, document.content.clone()).await
    }

    /// Signs any content; every unusual value is confirmed.
    pub async fn sign_content(&self, fixture: &Fixture, patient_id: PatientId, content: NoteContent) -> Signed {
        let draft = DraftNote {
            patient_id,
            content,
            confirmations: Vec::new(),
            idempotency_key: None,
        };
        let saved = self
            .service
            .draft_note(&fixture.physician, draft)
            .await
            .expect("a draft");
        let confirmations = saved
            .unconfirmed
            .iter()
            .map(|warning| ConfirmUnusual {
                path: warning.path.clone(),
                limit: warning.limit.to_string(),
                value: warning.value,
            })
            .collect();
        let sign = SignNote {
            note_id: saved.note_id,
            expected_revision: saved.revision,
            raised_urgency: None,
            confirmations,
            idempotency_key: None,
        };
        let signed = self
            .service
            .sign_note(&fixture.physician, sign)
            .await
            .expect("a signature");
        Signed {
            patient_id,
            note_id: signed.note_id,
            version_id: signed.version_id,
        }
    }
}
