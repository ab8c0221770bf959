//! Events for subscribers: "look again", with ids only. Losing one costs a client a refresh, never a fact.
//!
//! SQLite: told within the process after the commit. PostgreSQL: NOTIFY inside the transaction, so that every process
//! hears of a commit, this one included.

use liaison_domain::{OrganizationId, PatientId, RecipientId, ShareId, UserId};
use serde::{Deserialize, Serialize};

use crate::{args, error::Result, sql::sql, tx::Tx};

/// Something about a loop or a person's list changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    /// The clinic whose board changed.
    pub organization_id: OrganizationId,
    /// The recipient's organization whose inbox changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_organization_id: Option<OrganizationId>,
    /// The share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_id: Option<ShareId>,
    /// The loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient_id: Option<RecipientId>,
    /// The patient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_id: Option<PatientId>,
    /// The person whose notices changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

/// The NOTIFY channel.
pub(crate) const CHANNEL: &str = "liaison_event";

sql! {
    /// PostgreSQL only; the SQLite text exists so that every statement prepares on both.
    NOTIFY = sqlite "select $1" postgres "select pg_notify('liaison_event', $1)";
}

/// Hands the events to PostgreSQL, which tells every listener when the transaction commits.
pub(crate) async fn notify(tx: &mut Tx, events: &[Event]) -> Result<()> {
    for event in events {
        let text = serde_json::to_string(event).map_err(|error| crate::StoreError::Encode(error.to_string()))?;
        tx.execute(NOTIFY, args![text]).await?;
    }
    Ok(())
}
