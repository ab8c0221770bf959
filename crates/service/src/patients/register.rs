//! Registers a patient of the clinic.

use liaison_domain::{
    Actor, PatientId,
    access::{Action, Relation},
};
use liaison_store::{Conn, patients as rows};
use serde::{Deserialize, Serialize};

use super::{
    Checks, PatientIdentity,
    identity::{OtherMrn, place},
    patient_event,
};
use crate::{
    FieldProblem, Result, Service, ServiceError,
    idempotency::{keep, replay},
};

/// A patient to be registered.
#[derive(Clone, Serialize, Deserialize)]
pub struct RegisterPatient {
    /// Who it is.
    pub identity: PatientIdentity,
    /// A repeat with the same key answers the same and registers nothing.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

/// What registering gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatientRegistered {
    /// The new patient.
    pub patient_id: PatientId,
    /// Patients of the clinic who look alike (same birth date and initials): compare before writing notes. At most 20.
    pub look_alikes: Vec<PatientId>,
}

const OPERATION: &str = "patient.register";

impl Service {
    /// Registers a patient.
    ///
    /// # Errors
    /// `Invalid` with every problem; `Conflict` `DUPLICATE_MRN` when the clinic has the number already.
    pub async fn register_patient(&self, actor: &Actor, input: RegisterPatient) -> Result<PatientRegistered> {
        self.authorize(actor, Action::ManagePatient, Relation::Own).await?;
        let organization = self.organization(actor)?;
        let mut checks = Checks::default();
        let identity = input.identity.checked(self.now().date_naive(), &mut checks);
        let mut conn = self.read().await?;
        check_organizations(&mut conn, &identity.other_mrns, &mut checks).await?;
        drop(conn);
        checks.finish()?;

        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if let Some(kept) = replay(&mut tx, actor, key, OPERATION, &input).await? {
            return Ok(kept);
        }
        let (id, now) = (self.id::<PatientId>(), self.now());
        let indexes = identity.indexes(self.store().keyring()?.index(), organization);
        if rows::by_mrn(&mut tx, organization, &indexes.mrn).await?.is_some() {
            return Err(duplicate_mrn());
        }
        rows::insert(&mut tx, id, organization, &indexes, now)
            .await
            .map_err(duplicate)?;
        let patient_key = self.store().keyring()?.create_patient_key(&mut tx, id, now).await?;
        let sealed = patient_key.seal_json(place(id), &identity, &*self.store().random())?;
        rows::seal_identity(&mut tx, id, sealed).await?;
        let look_alikes = rows::look_alikes(&mut tx, organization, &indexes.demographic, id).await?;

        let mut entry = self.entry(actor, OPERATION);
        entry.patient_id = Some(id);
        tx.record(entry);
        tx.announce(patient_event(organization, id));
        let answer = PatientRegistered {
            patient_id: id,
            look_alikes,
        };
        keep(self, &mut tx, actor, key, OPERATION, &input, &answer).await?;
        tx.commit().await?;
        Ok(answer)
    }
}

/// Adds a problem for each organization that does not exist.
pub(super) async fn check_organizations(conn: &mut Conn, mrns: &[OtherMrn], checks: &mut Checks) -> Result<()> {
    let ids: Vec<_> = mrns.iter().map(|other| other.organization_id).collect();
    let known = rows::known_organizations(conn, &ids).await?;
    for (index, id) in ids.iter().enumerate() {
        if !known.contains(id) {
            checks.add(FieldProblem::unknown_id(format!("otherMrns[{index}].organizationId")));
        }
    }
    Ok(())
}

/// The clinic has this number already.
pub(super) fn duplicate_mrn() -> ServiceError {
    ServiceError::conflict(
        "DUPLICATE_MRN",
        "mrn: the clinic has a patient with this number already; search for it",
    )
}

/// Another process registered the number at the same moment.
pub(super) fn duplicate(error: liaison_store::StoreError) -> ServiceError {
    if error.is_unique_violation() {
        duplicate_mrn()
    } else {
        error.into()
    }
}
