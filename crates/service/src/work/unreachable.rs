//! Every channel to a recipient is dead: the sender is told and the escalation moves on at once.

use std::collections::{BTreeMap, HashMap};

use liaison_domain::{Actor, DeliveryState, LoopEvent, NoticeKind, Outcome, RecipientId, UserId, escalation::StepKind};
use liaison_store::{
    Json, Tx, deliveries, recipients::RecipientRow, schedule, schedule::EscalationStepRow, tasks::Queue,
};
use uuid::Uuid;

use super::call_the_clinic::Calling;
use crate::{Result, Service, loops::change::apply};

/// A step that was passed over because nothing reaches the recipient.
pub(crate) const SKIPPED: &str = "SKIPPED_UNDELIVERABLE";

impl Service {
    /// Looks at loops of which a first notice was given up: those of which every first notice is dead have failed.
    /// The rows are locked by the caller, who saves those that are returned as changed.
    pub(crate) async fn check_reachable(
        &self,
        tx: &mut Tx,
        loops: &mut HashMap<RecipientId, RecipientRow>,
        ids: &[RecipientId],
    ) -> Result<Vec<RecipientId>> {
        let uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let mut hope: HashMap<RecipientId, bool> = HashMap::new();
        for (id, state, count) in deliveries::notices_by_state(tx, &uuids).await? {
            let alive = matches!(
                state,
                DeliveryState::Pending | DeliveryState::Sending | DeliveryState::Delivered
            );
            *hope.entry(id).or_default() |= alive && count > 0;
        }
        let mut changed = Vec::new();
        for id in ids {
            let dead = hope.get(id) == Some(&false);
            if let Some(row) = loops.get_mut(id).filter(|_| dead)
                && self.note_unreachable(tx, row).await?
            {
                changed.push(*id);
            }
        }
        Ok(changed)
    }

    async fn note_unreachable(&self, tx: &mut Tx, row: &mut RecipientRow) -> Result<bool> {
        let now = self.now();
        let before = row.outcome;
        apply(row, LoopEvent::AllChannelsDead, now)?;
        if before == row.outcome || row.outcome != Some(Outcome::Failed) {
            return Ok(false);
        }
        tx.record(self.loop_entry(&Actor::system(), "recipient.unreachable", row));
        self.tell_sender(tx, row, NoticeKind::Undeliverable, BTreeMap::new())
            .await?;
        if !row.is_open {
            return Ok(true);
        }
        let steps = row.policy.0.schedule(row.urgency, row.shared_at, &row.calendar.0);
        let taken = usize::try_from(row.step_number).unwrap_or(usize::MAX);
        let mut skipped = Vec::new();
        for step in steps
            .iter()
            .skip(taken)
            .take_while(|step| step.kind == StepKind::Reminder)
        {
            // A reminder along dead channels reaches nobody.
            row.step_number += 1;
            skipped.push(EscalationStepRow {
                id: self.id(),
                recipient_id: row.id,
                number: row.step_number,
                kind: step.kind,
                due_at: step.due,
                taken_at: now,
                cause: SKIPPED.to_owned(),
                told: Json(Vec::<UserId>::new()),
                call_task_id: None,
            });
        }
        schedule::insert_steps(tx, &skipped).await?;
        self.record_steps(tx, row, &skipped);
        if usize::try_from(row.step_number).is_ok_and(|number| number < steps.len()) {
            row.next_step_at = Some(now);
            tx.nudge(Queue::Escalate, Some(row.id.uuid()));
        } else {
            row.next_step_at = None;
            self.call_the_clinic(tx, row, Calling::Unreachable).await?;
        }
        Ok(true)
    }
}
