//! Open a share as its recipient: the content is released, and that it was is a server-side fact of this person.

use liaison_domain::{Actor, EvidenceLevel, LoopEvent, RecipientId, access::Action};
use liaison_store::recipients::{self, RecipientRow};

use super::change::{Fact, apply};
use crate::{Result, Service, ServiceError, notes::ReleasedNote};

/// What a recipient reads.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The loop, after opening.
    pub recipient: RecipientRow,
    /// The note: bottom line, content, narrative, what changed.
    pub note: ReleasedNote,
}

impl Service {
    /// Releases the content of a share to one of its recipients. The ledger entry and the evidence are committed before
    /// the content leaves. Opening again is another entry, never another level.
    pub async fn open_share(&self, actor: &Actor, id: RecipientId) -> Result<Opened> {
        let author = actor.author().ok_or(ServiceError::Unauthenticated)?;
        let found = self.loop_as_recipient(actor, id, Action::OpenShare).await?;
        found.state().may_open()?;
        // A signed version never changes, so it is opened before the writer is held.
        let mut conn = self.read().await?;
        let note = self.released_content(&mut conn, found.note_version_id).await?;
        drop(conn);
        let mut tx = self.begin().await?;
        let (mut row, opened_before) = recipients::lock_for(&mut tx, id, author)
            .await?
            .ok_or(ServiceError::NotFound("this"))?;
        row.state().may_open()?;
        if !opened_before {
            let now = self.now();
            let late = row.level >= EvidenceLevel::Opened;
            let fact = Fact {
                level: EvidenceLevel::Opened,
                occurred_at: now,
                author: Some(author),
                delivery: None,
                source: "open",
                artefact: actor.request_id.clone().unwrap_or_else(|| "opened".to_owned()),
            };
            if !late {
                apply(&mut row, LoopEvent::Evidence(EvidenceLevel::Opened), now)?;
                self.save_loop(&mut tx, &mut row).await?;
            }
            self.record_evidence(&mut tx, actor, &row, fact, late).await?;
        }
        let mut entry = self.loop_entry(actor, "share.open", &row);
        entry
            .detail
            .insert("to_organization_id", row.to_organization_id.to_string());
        tx.record(entry);
        tx.commit().await?;
        Ok(Opened { recipient: row, note })
    }
}
