//! From a medical record number to a patient's id, for those who audit: a patient who asks who saw them names their
//! number. No identity is read.

use liaison_domain::{
    Actor, PatientId, PurposeOfUse,
    access::{Action, Relation},
};
use liaison_store::patients as rows;

use crate::{Result, Service, ServiceError};

/// The longest number that is looked at, in bytes.
const MAX_MRN: usize = 64;

impl Service {
    /// The patient of the actor's organization with this number; case, blanks and dashes do not matter. For admins and
    /// auditors. Recorded as `audit.find_patient`, without the number.
    ///
    /// # Errors
    /// `Invalid` for a number of no or more than 64 bytes.
    pub async fn find_audited_patient(&self, actor: &Actor, mrn: &str) -> Result<Option<PatientId>> {
        self.authorize(actor, Action::ReadAudit, Relation::Own).await?;
        let organization = self.organization(actor)?;
        let mrn = mrn.trim();
        if mrn.is_empty() || mrn.len() > MAX_MRN {
            return Err(ServiceError::invalid(
                "mrn",
                "OUT_OF_RANGE",
                format!("a medical record number of 1 to {MAX_MRN} characters"),
            ));
        }
        let hash = self.store().keyring()?.index().mrn(organization.uuid(), mrn);
        let mut conn = self.read().await?;
        let found = rows::by_mrn(&mut conn, organization, &hash).await?.map(|row| row.id);
        drop(conn);
        let mut entry = self.entry(actor, "audit.find_patient");
        entry.purpose = PurposeOfUse::Operations;
        entry.patient_id = found;
        self.record_readings(vec![entry]).await?;
        Ok(found)
    }
}
