//! The background work that stands on a use case of this crate's own knowledge: the ledger's sequencer.

use async_trait::async_trait;
use liaison_jobs::{Handle, HandleError};
use liaison_service::Service;
use liaison_store::tasks::{Nudge, Queue};

/// Hands a nudge to its use case.
pub(crate) struct Background(pub(crate) Service);

#[async_trait]
impl Handle for Background {
    async fn handle(&self, nudge: Nudge) -> Result<(), HandleError> {
        match nudge.queue {
            Queue::Sequence => self.0.sequence().await.map(drop).map_err(HandleError::new),
            // Their rows stay due until a version that knows them takes them up.
            other => Err(HandleError::new(format!("the {other} queue has no use case in this version"))),
        }
    }

    async fn due(&self) -> Result<Vec<Nudge>, HandleError> {
        let mut conn = self.0.store().read().await.map_err(HandleError::new)?;
        let (waiting, _) = liaison_store::ledger::pending_count(&mut conn).await.map_err(HandleError::new)?;
        Ok(if waiting > 0 { vec![Nudge::due(Queue::Sequence)] } else { Vec::new() })
    }
}
