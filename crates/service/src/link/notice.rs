//! What a link shows before anybody proved anything: from which clinic, for whom. Changes nothing, writes nothing.

use liaison_domain::RecipientId;
use liaison_store::recipients::RecipientRow;

use crate::{Result, Service};

/// "Somebody at <clinic> has something for <team>."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkNotice {
    /// The clinic's name.
    pub clinic: String,
    /// The addressed team's or person's name.
    pub to: String,
}

impl Service {
    /// What a link shows.
    ///
    /// # Errors
    /// `NotFound` for an unknown, ended, revoked or expired link, all alike.
    pub async fn link_notice(&self, token: &str) -> Result<LinkNotice> {
        let row: RecipientRow = self.loop_of_link(token).await?;
        let mut conn = self.read().await?;
        Ok(LinkNotice {
            clinic: self.organization_name(&mut conn, row.organization_id).await?,
            to: self.recipient_name(&mut conn, &row).await?,
        })
    }

    /// The loop behind a link, for somebody who is signed in: their inbox decides whether they may see it.
    ///
    /// # Errors
    /// `NotFound` for an unknown, ended, revoked or expired link, all alike.
    pub async fn link_target(&self, token: &str) -> Result<RecipientId> {
        Ok(self.loop_of_link(token).await?.id)
    }
}
