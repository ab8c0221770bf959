//! Patients of a clinic: who they are, who looks after them, and with whom the clinic agreed not to share.
//!
//! An identity is sealed under the patient's own key; search goes through blind indexes. Every reading of an identity is
//! in the ledger before it leaves.

mod care_team;
mod checks;
mod identity;
mod legal_hold;
mod read;
mod register;
mod restrictions;
mod search;
mod update;

pub use care_team::{AddCareTeamEntry, CareTeamEntryAdded};
pub use identity::{AdministrativeGender, OtherMrn, Patient, PatientIdentity};
pub use legal_hold::{
    LegalHold, LegalHoldLifted, LegalHoldPage, LegalHoldQuery, LegalHoldSet, LiftLegalHold, SetLegalHold,
};
pub use liaison_store::patients::{CareTeamRow, RestrictionRow};
pub use register::{PatientRegistered, RegisterPatient};
pub use restrictions::{AddRestriction, Restriction, RestrictionAdded, RestrictionScope, restriction_applies};
pub use search::{PatientPage, SearchPatients};
pub use update::UpdatePatient;

pub(crate) use checks::Checks;
pub(crate) use identity::place as identity_place;
pub(crate) use legal_hold::refuse_if_held;

use liaison_domain::{
    Actor, BreakGlassId, OrganizationId, PatientId,
    access::{Action, Relation},
};
use liaison_store::{
    Event,
    patients::{self as rows, PatientRow},
};

use crate::{Result, Service, ServiceError};

impl Service {
    /// The patient, if the actor may do `action` with it. Another clinic's patient and no patient look alike from
    /// outside; both are in the ledger. Opens transactions of its own: not to be called inside one.
    pub(crate) async fn own_patient(&self, actor: &Actor, action: Action, id: PatientId) -> Result<PatientRow> {
        let mut conn = self.read().await?;
        let row = rows::get(&mut conn, id).await?;
        drop(conn);
        let relation = match &row {
            Some(row) if actor.acts_for(row.organization_id) => Relation::Own,
            _ => Relation::None,
        };
        self.authorize_own(actor, action, relation, "patient").await?;
        row.ok_or(ServiceError::NotFound("patient"))
    }

    /// As [`Service::own_patient`] for reading the record, with the case of an admin who broke the glass for it.
    pub(crate) async fn own_record(
        &self,
        actor: &Actor,
        action: Action,
        id: PatientId,
    ) -> Result<(PatientRow, Option<BreakGlassId>)> {
        let row = rows::get(&mut self.read().await?, id).await?;
        let relation = match &row {
            Some(row) if actor.acts_for(row.organization_id) => Relation::Own,
            _ => Relation::None,
        };
        let case = self
            .authorize_record(actor, action, relation, Some(id), "patient")
            .await?;
        Ok((row.ok_or(ServiceError::NotFound("patient"))?, case))
    }

    /// As [`Service::authorize`]; a missing relation answers as if `what` did not exist.
    pub(crate) async fn authorize_own(
        &self,
        actor: &Actor,
        action: Action,
        relation: Relation,
        what: &'static str,
    ) -> Result<()> {
        self.authorize(actor, action, relation)
            .await
            .map_err(|error| match error {
                ServiceError::NotFound(_) => ServiceError::NotFound(what),
                other => other,
            })
    }
}

/// Something about a patient of this clinic changed.
pub(crate) fn patient_event(organization_id: OrganizationId, patient_id: PatientId) -> Event {
    Event {
        organization_id,
        to_organization_id: None,
        share_id: None,
        recipient_id: None,
        patient_id: Some(patient_id),
        user_id: None,
    }
}
