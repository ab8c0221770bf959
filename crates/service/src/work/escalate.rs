//! Silence escalates: each due step of a loop's policy is taken once, in one transaction with everything it causes.
//!
//! The timer and the number of steps taken stand in the loop's row. After an outage the newest reminder is sent and older
//! ones are skipped; steps that tell somebody else or end in a call are all taken.

use std::collections::BTreeMap;

use liaison_domain::{
    Actor, NoticeKind, Outcome, RecipientId,
    escalation::{ScheduledStep, StepKind},
};
use liaison_store::{
    Json, Tx,
    recipients::RecipientRow,
    schedule::{self, EscalationStepRow},
    tasks::Queue,
};
use uuid::Uuid;

use super::{Worked, call_the_clinic::Calling, next_person::Told, unreachable::SKIPPED};
use crate::{Result, Service, loops::change::loop_event};

/// How many loops' steps are taken in one transaction: enough that many timers at once cost few commits, few enough that
/// nobody waits for long.
const TOGETHER: usize = 32;

/// Why a step is taken.
const DUE: &str = "DUE";
/// Ahead of its time, because nothing reaches the recipient.
const UNDELIVERABLE: &str = "UNDELIVERABLE";
/// Passed over, because a newer reminder takes its place.
const LATE: &str = "LATE";

impl Service {
    /// Takes the due steps of one loop.
    pub async fn escalate(&self, recipient: RecipientId) -> Result<Worked> {
        let done = self.escalate_these(&[recipient.uuid()]).await?;
        Ok(Worked { done, more: false })
    }

    /// Takes the due steps of at most `limit` loops, most overdue first, then looks after overdue calls.
    pub async fn escalate_due(&self, limit: u32) -> Result<Worked> {
        let ids = schedule::due_loops(&mut self.read().await?, self.now(), limit).await?;
        let mut worked = Worked {
            done: 0,
            more: ids.len() >= limit as usize,
        };
        let mut failed = None;
        for together in ids.chunks(TOGETHER) {
            if let Ok(taken) = self.escalate_these(together).await {
                worked.done += taken;
                continue;
            }
            for &id in together {
                // One loop that cannot be worked on must not keep the others waiting.
                match self.escalate_these(&[id]).await {
                    Ok(taken) => worked.done += taken,
                    Err(error) => {
                        tracing::error!(recipient_id = %RecipientId::from_uuid(id), %error, "an escalation step failed");
                        failed = Some(error);
                    }
                }
            }
        }
        let calls = self.remind_of_calls(limit).await?;
        match failed {
            Some(error) => Err(error),
            None => Ok(worked.and(calls)),
        }
    }

    async fn escalate_these(&self, ids: &[Uuid]) -> Result<u32> {
        let now = self.now();
        let mut tx = self.begin().await?;
        tx.remember_directory();
        let mut rows = schedule::lock_due_loops(&mut tx, ids, now).await?;
        for row in &mut rows {
            self.take_steps(&mut tx, row).await?;
            schedule::set_timer(&mut tx, row, now).await?;
            tx.announce(loop_event(row));
        }
        if !rows.is_empty() {
            tx.commit().await?;
        }
        Ok(u32::try_from(rows.len()).unwrap_or(u32::MAX))
    }

    async fn take_steps(&self, tx: &mut Tx, row: &mut RecipientRow) -> Result<()> {
        if !row.is_open {
            row.next_step_at = None;
            return Ok(());
        }
        let now = self.now();
        let all = row.policy.0.schedule(row.urgency, row.shared_at, &row.calendar.0);
        let start = usize::try_from(row.step_number).unwrap_or(usize::MAX).min(all.len());
        let mut end = start + all[start..].iter().take_while(|step| step.due <= now).count();
        let unreachable = row.outcome == Some(Outcome::Failed);
        if end == start && unreachable && end < all.len() {
            // The timer was set ahead because nothing reaches the recipient.
            end += 1;
        }
        let newest = all[start..end]
            .iter()
            .rposition(|step| step.kind == StepKind::Reminder)
            .map(|at| at + start);
        let mut taken = Vec::new();
        for (index, step) in all.iter().enumerate().take(end).skip(start) {
            let skip = match step.kind {
                StepKind::Reminder if unreachable => Some(SKIPPED),
                StepKind::Reminder if newest != Some(index) => Some(LATE),
                _ => None,
            };
            row.step_number += 1;
            taken.push(match skip {
                Some(cause) => self.step_row(row, step, cause),
                None => self.take_step(tx, row, step).await?,
            });
        }
        schedule::insert_steps(tx, &taken).await?;
        self.record_steps(tx, row, &taken);
        row.next_step_at = all.get(end).map(|step| step.due);
        Ok(())
    }

    async fn take_step(&self, tx: &mut Tx, row: &RecipientRow, step: &ScheduledStep) -> Result<EscalationStepRow> {
        let early = step.due > self.now();
        let mut taken = self.step_row(row, step, if early { UNDELIVERABLE } else { DUE });
        let told = match step.kind {
            StepKind::Reminder => self.remind(tx, row).await?,
            StepKind::NextPerson => self.tell_next_person(tx, row).await?,
            StepKind::CallTask => Told::default(),
        };
        if told.messages > 0 {
            tx.nudge(Queue::Deliver, Some(row.share_id.uuid()));
        }
        taken.told = Json(told.people);
        // Where nobody is next, the clinic must call now and not when the ladder would end.
        if step.kind == StepKind::CallTask || (step.kind == StepKind::NextPerson && told.messages == 0) {
            let why = match row.outcome {
                Some(Outcome::Failed) => Calling::Unreachable,
                _ => Calling::Silence,
            };
            let call = self.call_the_clinic(tx, row, why).await?;
            taken.call_task_id = Some(call.id);
            taken.told.0.push(call.owner);
        }
        let mut facts = BTreeMap::from([
            ("step".to_owned(), step.kind.as_str().to_owned()),
            ("number".to_owned(), taken.number.to_string()),
        ]);
        if taken.call_task_id.is_some() {
            facts.insert("call_task".to_owned(), "OPEN".to_owned());
        }
        self.tell_sender(tx, row, NoticeKind::Escalated, facts).await?;
        Ok(taken)
    }

    fn step_row(&self, row: &RecipientRow, step: &ScheduledStep, cause: &str) -> EscalationStepRow {
        EscalationStepRow {
            id: self.id(),
            recipient_id: row.id,
            number: row.step_number,
            kind: step.kind,
            due_at: step.due,
            taken_at: self.now(),
            cause: cause.to_owned(),
            told: Json(Vec::new()),
            call_task_id: None,
        }
    }
}

impl Service {
    /// Writes the ledger entries of steps that were taken or skipped.
    pub(super) fn record_steps(&self, tx: &mut Tx, row: &RecipientRow, taken: &[EscalationStepRow]) {
        for step in taken {
            let mut entry = self.loop_entry(&Actor::system(), "escalation.step", row);
            entry.object_id = Some(step.id.to_string());
            entry.detail.insert("kind", step.kind.as_str().to_owned());
            entry.detail.insert("number", step.number.to_string());
            entry.detail.insert("cause", step.cause.clone());
            entry.detail.insert("told", step.told.0.len().to_string());
            if let Some(call) = step.call_task_id {
                entry.detail.insert("call_task_id", call.to_string());
            }
            tx.record(entry);
        }
    }
}
