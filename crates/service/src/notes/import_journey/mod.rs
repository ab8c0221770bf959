//! Imports a journey file: one synthetic patient with care team and signed documents, all or nothing.
//!
//! Only for synthetic journeys (the file must say so): the demonstration, training and tests. What recipients did and
//! what was told after the last infusion is not imported; the answer counts it.

mod apply;
mod plan;

use liaison_clinical::parse_journey;
use liaison_domain::{
    Actor, PatientId,
    access::{Action, Relation},
    people::ActorKind,
};
use serde::{Deserialize, Serialize};

use super::content::field_problem;
use crate::{Result, Service, ServiceError};

/// The largest file, in bytes.
pub const MAX_JOURNEY_BYTES: usize = 10 * 1_048_576;

/// Whether to change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMode {
    /// Only say what is wrong, or what would be imported.
    Check,
    /// Import.
    Apply,
}

/// What was imported, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JourneyImported {
    /// The new patient; absent after a mere check.
    pub patient_id: Option<PatientId>,
    /// Teams on the care team.
    pub care_team_entries: usize,
    /// Notes.
    pub notes: usize,
    /// Signed versions of them.
    pub versions: usize,
    /// Courses that consultations began; counted only when imported.
    pub courses: usize,
    /// Unusual values, counted as confirmed by the author who signed them.
    pub confirmed_unusual_values: usize,
    /// Acknowledgments of the file, which are not imported.
    pub acknowledgments_left_out: usize,
}

impl Service {
    /// Imports a journey file into the clinic that it names. Signatures keep the file's times; an author who is no
    /// physician of the clinic by that name is replaced by the acting physician.
    ///
    /// # Errors
    /// `Invalid` with every problem and its path in the file: not JSON, unknown fields, values outside of their limits,
    /// missing teams, a number or document that the clinic has already. Nothing is imported then. `Forbidden` unless
    /// the actor is a physician of the clinic or the service itself.
    pub async fn import_journey(&self, actor: &Actor, text: &str, mode: ImportMode) -> Result<JourneyImported> {
        self.authorize(actor, Action::ManagePatient, Relation::Own).await?;
        self.authorize(actor, Action::SignNote, Relation::Own).await?;
        if actor.kind == ActorKind::Person {
            self.organization(actor)?;
        }
        if text.len() > MAX_JOURNEY_BYTES {
            return Err(ServiceError::invalid(
                "file",
                "TOO_LARGE",
                "a journey file holds at most 10 MiB",
            ));
        }
        let journey = parse_journey(text).map_err(|problems| {
            ServiceError::Invalid(problems.iter().map(|problem| field_problem(problem, "")).collect())
        })?;
        let acknowledgments_left_out = journey.header.acknowledgments.len();
        let plan = self.plan_journey(actor, journey).await?;
        let mut done = JourneyImported {
            patient_id: None,
            care_team_entries: plan.care_team.len(),
            notes: plan.notes.len(),
            versions: plan.versions.len(),
            courses: 0,
            confirmed_unusual_values: plan.versions.iter().map(|version| version.confirmations.len()).sum(),
            acknowledgments_left_out,
        };
        if mode == ImportMode::Apply {
            done.courses = self.apply_journey(actor, &plan).await?;
            done.patient_id = Some(plan.patient_id);
        }
        Ok(done)
    }
}
