//! Corrects who a patient is.

use liaison_domain::{Actor, PatientId, access::Action};
use liaison_store::patients as rows;
use serde::{Deserialize, Serialize};

use super::{
    Checks, PatientIdentity,
    identity::place,
    patient_event,
    register::{check_organizations, duplicate},
};
use crate::{
    Result, Service, ServiceError,
    idempotency::{keep, replay},
};

/// A correction: the whole identity as it should be.
#[derive(Clone, Serialize, Deserialize)]
pub struct UpdatePatient {
    /// The patient.
    pub patient_id: PatientId,
    /// Who it is.
    pub identity: PatientIdentity,
    /// A repeat with the same key changes nothing.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

const OPERATION: &str = "patient.update";

impl Service {
    /// Corrects a patient's identity. Signed notes carry none of it and stay as they are.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` with every problem; `Conflict` `DUPLICATE_MRN`.
    pub async fn update_patient(&self, actor: &Actor, input: UpdatePatient) -> Result<PatientId> {
        let id = input.patient_id;
        let row = self.own_patient(actor, Action::ManagePatient, id).await?;
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
        rows::lock(&mut tx, id)
            .await?
            .ok_or(ServiceError::NotFound("patient"))?;
        let keyring = self.store().keyring()?;
        let patient_key = keyring.patient_key(&mut tx, id).await?;
        let sealed = patient_key.seal_json(place(id), &identity, &*self.store().random())?;
        let indexes = identity.indexes(keyring.index(), row.organization_id);
        rows::update(&mut tx, id, row.organization_id, sealed, &indexes, self.now())
            .await
            .map_err(duplicate)?;
        let mut entry = self.entry(actor, OPERATION);
        entry.patient_id = Some(id);
        tx.record(entry);
        tx.announce(patient_event(row.organization_id, id));
        keep(self, &mut tx, actor, key, OPERATION, &input, &id).await?;
        tx.commit().await?;
        Ok(id)
    }
}
