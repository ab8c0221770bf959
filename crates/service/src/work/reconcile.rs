//! Which kinds of work have something due: one statement, asked again and again, so that a lost nudge costs only delay.

use liaison_store::{
    schedule,
    tasks::{Nudge, Queue},
};

use super::retain::TICK;
use crate::{Result, Service};

impl Service {
    /// A nudge for each kind of work that has something due.
    pub async fn due_nudges(&self) -> Result<Vec<Nudge>> {
        let mut conn = self.read().await?;
        let Some(due) = schedule::due(&mut conn, self.now(), TICK).await? else {
            return Ok(Vec::new());
        };
        let kinds = [
            (Queue::Deliver, due.deliver > 0),
            (Queue::Notify, due.notify > 0),
            (Queue::Escalate, due.escalate > 0 || due.calls > 0),
            (Queue::Digest, due.digest > 0),
            (Queue::Sequence, due.sequence > 0),
            // Work that was never scheduled is due as well.
            (Queue::Retain, due.retain > 0 || due.scheduled == 0),
        ];
        Ok(kinds
            .into_iter()
            .filter(|(_, due)| *due)
            .map(|(queue, _)| Nudge::due(queue))
            .collect())
    }

    /// When the next timer runs out: a retry, a step of an escalation, a call, a digest.
    pub async fn next_due(&self) -> Result<Option<chrono::DateTime<chrono::Utc>>> {
        Ok(schedule::next_due(&mut self.read().await?, self.now()).await?)
    }

    /// Hands nudges to the workers: after a batch that stopped at its limit.
    pub async fn nudge(&self, nudges: &[Nudge]) -> Result<()> {
        if nudges.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for nudge in nudges {
            tx.nudge(nudge.queue, nudge.subject);
        }
        Ok(tx.commit().await?)
    }
}
