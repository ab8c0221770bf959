//! One place where a loop's state changes: the state machine decides, the row follows, evidence and ledger go along.

use chrono::{DateTime, Utc};
use liaison_domain::{Actor, AttemptId, Author, DeliveryId, EvidenceId, EvidenceLevel, LoopEvent, Outcome};
use liaison_store::{
    Event, Tx,
    recipients::{self, EvidenceRow, RecipientRow},
};

use crate::{Result, Service};

/// Lets an event happen to a loop's row in memory. The caller saves the row.
pub(crate) fn apply(row: &mut RecipientRow, event: LoopEvent, now: DateTime<Utc>) -> Result<()> {
    let next = row.state().apply(event)?;
    if next.level == EvidenceLevel::Acknowledged && row.level < EvidenceLevel::Acknowledged {
        row.acknowledged_at = Some(now);
    }
    if next.level >= EvidenceLevel::Opened && row.level < EvidenceLevel::Opened && row.opened_at.is_none() {
        row.opened_at = Some(now);
    }
    let ends = |outcome: Option<Outcome>| outcome.is_some_and(|outcome| outcome != Outcome::Failed);
    if ends(next.outcome) && !ends(row.outcome) {
        row.ended_at = Some(now);
    }
    row.level = next.level;
    row.outcome = next.outcome;
    row.reply_due = next.reply_due;
    row.is_open = next.is_open();
    if !row.is_open {
        row.next_step_at = None;
    }
    Ok(())
}

/// A fact about a loop, as its source reports it.
pub(crate) struct Fact {
    /// What it proves.
    pub(crate) level: EvidenceLevel,
    /// When it happened.
    pub(crate) occurred_at: DateTime<Utc>,
    /// Who did it, where somebody did.
    pub(crate) author: Option<Author>,
    /// The delivery that reports it.
    pub(crate) delivery: Option<(DeliveryId, Option<AttemptId>)>,
    /// Where it comes from: `smtp`, `webhook`, `open`, `inbox`, `call`, `acknowledge`.
    pub(crate) source: &'static str,
    /// The raw artefact.
    pub(crate) artefact: String,
}

impl Service {
    /// Records evidence with its ledger entry. Late is what comes after a higher level or after the loop's end.
    pub(crate) async fn record_evidence(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        row: &RecipientRow,
        fact: Fact,
        late: bool,
    ) -> Result<EvidenceId> {
        let id = self.id();
        let evidence = EvidenceRow {
            id,
            recipient_id: row.id,
            level: fact.level,
            occurred_at: fact.occurred_at,
            recorded_at: self.now(),
            late,
            user_id: fact.author.and_then(Author::user_id),
            guest_id: fact.author.and_then(Author::guest_id),
            delivery_id: fact.delivery.map(|(delivery, _)| delivery),
            attempt_id: fact.delivery.and_then(|(_, attempt)| attempt),
            source: fact.source.to_owned(),
            artefact: fact.artefact.chars().take(1_000).collect(),
        };
        recipients::insert_evidence(tx, &[evidence]).await?;
        let mut entry = self.loop_entry(actor, "evidence.recorded", row);
        entry.detail.insert("level", fact.level.as_str().to_owned());
        entry.detail.insert("source", fact.source.to_owned());
        entry.detail.insert("late", late.to_string());
        entry.object_id = Some(id.to_string());
        tx.record(entry);
        Ok(id)
    }

    /// A ledger entry about a loop.
    pub(crate) fn loop_entry(
        &self,
        actor: &Actor,
        action: &'static str,
        row: &RecipientRow,
    ) -> liaison_store::NewEntry {
        let mut entry = self.entry(actor, action);
        entry.organization_id = Some(row.organization_id);
        entry.patient_id = Some(row.patient_id);
        entry.note_id = Some(row.note_id);
        entry.note_version_id = Some(row.note_version_id);
        entry.share_id = Some(row.share_id);
        entry.recipient_id = Some(row.id);
        entry
    }

    /// Saves a changed loop and tells the subscribers of both sides.
    pub(crate) async fn save_loop(&self, tx: &mut Tx, row: &mut RecipientRow) -> Result<()> {
        let now = self.now();
        recipients::save(tx, row, now).await?;
        row.revision += 1;
        row.updated_at = now;
        row.lease_owner = None;
        row.lease_until = None;
        tx.announce(loop_event(row));
        Ok(())
    }
}

/// The event "look at this loop again".
pub(crate) fn loop_event(row: &RecipientRow) -> Event {
    Event {
        organization_id: row.organization_id,
        to_organization_id: Some(row.to_organization_id),
        share_id: Some(row.share_id),
        recipient_id: Some(row.id),
        patient_id: Some(row.patient_id),
        user_id: None,
    }
}
