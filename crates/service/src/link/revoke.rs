//! Revoke a loop's link: the ones in mails that left, the codes and the sessions they led to open nothing any more. The
//! next message about the loop carries another link.

use liaison_domain::{
    Actor, RecipientId,
    access::{Action, Relation},
};
use liaison_store::recipients;

use crate::{Result, Service, ServiceError};

impl Service {
    /// Revokes a loop's link, for the clinic that sent it.
    ///
    /// # Errors
    /// `NotFound` when the loop is another clinic's; `CHANGED_MEANWHILE` when it changed at the same moment.
    pub async fn revoke_link(&self, actor: &Actor, id: RecipientId) -> Result<()> {
        let found = recipients::find(&mut self.read().await?, id).await?;
        let relation = match &found {
            Some(row) if actor.acts_for(row.organization_id) => Relation::Own,
            _ => Relation::None,
        };
        self.authorize_own(actor, Action::WorkCallTasks, relation, "loop")
            .await?;
        let mut tx = self.begin().await?;
        let row = recipients::lock(&mut tx, id)
            .await?
            .ok_or(ServiceError::NotFound("loop"))?;
        let version = row.link_version + 1;
        let link = self.secure_link(id, version)?;
        recipients::set_link(&mut tx, &row, version, link.hash.to_vec(), self.now()).await?;
        let mut entry = self.loop_entry(actor, "link.revoke", &row);
        entry.detail.insert("link_version", version.to_string());
        tx.record(entry);
        Ok(tx.commit().await?)
    }
}
