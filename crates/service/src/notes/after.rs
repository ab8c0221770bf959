//! What follows for others when a signed note is amended or withdrawn. The loops of the older versions are handled by
//! the share use cases, in the same transaction.

use liaison_domain::Actor;
use liaison_store::{Tx, notes::VersionRow};

use crate::{Result, Service, patients::patient_event};

impl Service {
    /// Called inside the transaction that signed an amendment.
    pub(super) async fn after_amendment(&self, tx: &mut Tx, actor: &Actor, version: &VersionRow) -> Result<()> {
        tx.announce(patient_event(version.organization_id, version.patient_id));
        self.supersede_shares(tx, actor, version.note_id, version.id).await?;
        Ok(())
    }

    /// Called inside the transaction that withdrew a note, with every version of it.
    pub(super) async fn after_withdrawal(&self, tx: &mut Tx, actor: &Actor, versions: &[VersionRow]) -> Result<()> {
        for version in versions {
            tx.announce(patient_event(version.organization_id, version.patient_id));
        }
        match versions.first() {
            Some(version) => self.withdraw_shares(tx, actor, version.note_id).await,
            None => Ok(()),
        }
    }
}
