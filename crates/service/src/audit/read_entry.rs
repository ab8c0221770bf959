//! One entry of the ledger in full.

use liaison_domain::{
    Actor, EntryId, PurposeOfUse,
    access::{Action, Relation},
    people::ActorKind,
};
use liaison_store::ledger as rows;

use super::AuditEntry;
use crate::{Result, Service, ServiceError};

impl Service {
    /// An entry of the records of the actor's organization, or by its people: for admins and auditors. Recorded as
    /// `audit.read`.
    pub async fn audit_entry(&self, actor: &Actor, id: EntryId) -> Result<AuditEntry> {
        let found = rows::entry(&mut self.read().await?, id).await?;
        let own = found.as_ref().is_some_and(|row| {
            [row.organization_id, row.actor_organization_id]
                .into_iter()
                .flatten()
                .any(|id| actor.acts_for(id))
        });
        let relation = if own || actor.kind == ActorKind::System {
            Relation::Own
        } else {
            Relation::None
        };
        match self.authorize(actor, Action::ReadAudit, relation).await {
            Err(ServiceError::NotFound(_)) => return Err(ServiceError::NotFound("entry")),
            other => other?,
        }
        let mut read = AuditEntry::from_row(found.ok_or(ServiceError::NotFound("entry"))?)?;
        if let Some(guest) = read.guest_id() {
            let mut named = self.guests_named(&mut self.read().await?, [Some(guest)]).await?;
            read.guest = named.remove(&guest);
        }
        let mut entry = self.entry(actor, "audit.read");
        entry.purpose = PurposeOfUse::Operations;
        entry.patient_id = read.patient_id;
        entry.object_id = Some(id.to_string());
        self.record_readings(vec![entry]).await?;
        Ok(read)
    }
}
