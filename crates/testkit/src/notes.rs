//! Signed notes of the synthetic journeys, made through the use cases.

use liaison_clinical::{NoteContent, journey::Journey, journeys, parse_journey};
use liaison_domain::{Actor, CareRole, NoteId, NoteVersionId, PatientId};
use liaison_service::{
    Service, ServiceError,
    loops::{NewRecipient, share_note::Override},
    notes::{ConfirmUnusual, DraftNote, DraftSaved, SignNote},
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
        sign_as(&self.service, &fixture.physician, patient_id, content)
            .await
            .expect("a signature")
    }
}

/// Drafts and signs content as a physician; every unusual value is confirmed.
///
/// # Errors
/// What the use cases refuse.
pub async fn sign_as(
    service: &Service,
    physician: &Actor,
    patient_id: PatientId,
    content: NoteContent,
) -> Result<Signed, ServiceError> {
    let draft = DraftNote {
        patient_id,
        content,
        confirmations: Vec::new(),
        idempotency_key: None,
    };
    let saved = service.draft_note(physician, draft).await?;
    let sign = SignNote {
        note_id: saved.note_id,
        expected_revision: saved.revision,
        raised_urgency: None,
        confirmations: confirmed(&saved),
        idempotency_key: None,
    };
    let signed = service.sign_note(physician, sign).await?;
    Ok(Signed {
        patient_id,
        note_id: signed.note_id,
        version_id: signed.version_id,
    })
}

/// Every unusual value of a draft, confirmed.
pub fn confirmed(saved: &DraftSaved) -> Vec<ConfirmUnusual> {
    let confirm = saved.unconfirmed.iter().map(|warning| ConfirmUnusual {
        path: warning.path.clone(),
        limit: warning.limit.to_string(),
        value: warning.value,
    });
    confirm.collect()
}

/// An override of each thing that the checks before release find, with one reason.
///
/// # Errors
/// What the use case refuses.
pub async fn overrides_for(
    service: &Service,
    physician: &Actor,
    version_id: NoteVersionId,
    recipients: &[NewRecipient],
    reason: &str,
) -> Result<Vec<Override>, ServiceError> {
    let checks = service.release_checks(physician, version_id, recipients).await?;
    let mut overrides: Vec<Override> = Vec::new();
    for check in checks {
        if !overrides.iter().any(|one| one.code == check.code) {
            overrides.push(Override {
                code: check.code.to_owned(),
                reason: reason.to_owned(),
            });
        }
    }
    Ok(overrides)
}
