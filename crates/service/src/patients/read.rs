//! Reads identities, each reading in the ledger before it leaves.

use std::collections::HashMap;

use liaison_domain::{
    Actor, BreakGlassId, PatientId, Phi,
    access::{Action, Relation},
};
use liaison_store::{
    Conn, NewEntry,
    patients::{self as rows, PatientRow},
};

use super::{Patient, PatientIdentity, identity};
use crate::{Result, Service, audit::mark_break_glass};

/// The most patients that one reading may ask for.
const MAX_AT_ONCE: usize = 1_000;

impl Service {
    /// One patient of the own clinic, with a ledger entry; to an admin while they broke the glass for that patient.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is another clinic's.
    pub async fn patient(&self, actor: &Actor, id: PatientId) -> Result<Patient> {
        let (row, case) = self.own_record(actor, Action::ReadPatient, id).await?;
        let mut conn = self.read().await?;
        let key = self.store().keyring()?.patient_key(&mut conn, id).await?;
        drop(conn);
        let patient = identity::open(&row, &key)?;
        self.record_readings(vec![self.reading(actor, id, "one", case)]).await?;
        Ok(patient)
    }

    /// Those of the given patients that are the own clinic's (at most 1,000), by a constant number of statements, with
    /// a ledger entry for each. Others are left out and written to the ledger as denied.
    pub async fn patients(&self, actor: &Actor, ids: &[PatientId]) -> Result<HashMap<PatientId, Patient>> {
        let ids: Vec<PatientId> = ids.iter().copied().take(MAX_AT_ONCE).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        self.authorize(actor, Action::ReadPatient, Relation::Own).await?;
        let mut conn = self.read().await?;
        let mut found = rows::get_many(&mut conn, &ids).await?;
        let known = found.len();
        found.retain(|row| actor.acts_for(row.organization_id));
        let opened = self.open_patients(&mut conn, &found).await?;
        drop(conn);
        if found.len() < known {
            // The refusal is the ledger's; the answer only leaves the others out.
            let _ = self.authorize(actor, Action::ReadPatient, Relation::None).await;
        }
        let readings = found.iter().map(|row| self.reading(actor, row.id, "batch", None));
        self.record_readings(readings.collect()).await?;
        Ok(opened.into_iter().map(|patient| (patient.id, patient)).collect())
    }

    /// Opens identities for a use case that has authorized the reader and writes its own ledger entries. Decides and
    /// records nothing.
    pub(crate) async fn identities(
        &self,
        conn: &mut Conn,
        ids: &[PatientId],
    ) -> Result<HashMap<PatientId, Phi<PatientIdentity>>> {
        let found = rows::get_many(conn, ids).await?;
        let opened = self.open_patients(conn, &found).await?;
        Ok(opened
            .into_iter()
            .map(|patient| (patient.id, patient.identity))
            .collect())
    }

    /// Other patients of the same clinic with the same birth date and initials; at most 20. Ids only.
    ///
    /// # Errors
    /// `NotFound` when there is no such patient, or it is another clinic's.
    pub async fn look_alikes(&self, actor: &Actor, patient: PatientId) -> Result<Vec<PatientId>> {
        let row = self.own_patient(actor, Action::ReadPatient, patient).await?;
        let mut conn = self.read().await?;
        Ok(rows::look_alikes_of(&mut conn, row.id).await?)
    }

    /// Opens rows in their order.
    pub(super) async fn open_patients(&self, conn: &mut Conn, found: &[PatientRow]) -> Result<Vec<Patient>> {
        let ids: Vec<PatientId> = found.iter().map(|row| row.id).collect();
        let keys = self.store().keyring()?.patient_keys(conn, &ids).await?;
        let missing = |id| liaison_store::StoreError::Keys(format!("{id} has no key"));
        found
            .iter()
            .map(|row| identity::open(row, keys.get(&row.id).ok_or_else(|| missing(row.id))?))
            .collect()
    }

    /// The ledger entry of one reading.
    pub(crate) fn reading(&self, actor: &Actor, id: PatientId, via: &str, case: Option<BreakGlassId>) -> NewEntry {
        let mut entry = self.entry(actor, "patient.read");
        entry.patient_id = Some(id);
        entry.detail.insert("via", via.to_owned());
        mark_break_glass(&mut entry, case);
        entry
    }
}
