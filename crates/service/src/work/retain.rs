//! Remove what has outlived its use, each for as long as [`Retention`] says: answers of mutations, what is left of
//! sign-ins and secure links, finished tasks; where the clinic asks for it, seen notices, next hops' answers and drafts
//! that nobody signed. Not records: signed notes, shares, acknowledgments, evidence and the ledger are kept, because how
//! long a clinic must keep those differs by law and patient. And nothing of a patient on whom a legal hold stands.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{Actor, PurposeOfUse};
use liaison_store::{
    Tx, legal_holds,
    retention::{self, Expired},
    schedule,
    sign_in::credential,
    tasks::{self, PruneLimits},
};

use super::Worked;
use crate::{Result, Service, patients::patient_event};

/// The name of the hourly round.
pub(crate) const TICK: &str = "retain";

/// For how long what outlives its use is kept after its end. What has no period is kept for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Finished background tasks.
    pub finished_tasks: Duration,
    /// Rows of workers that show no sign of life.
    pub workers: Duration,
    /// Answers for repeats with the same idempotency key.
    pub answers: TimeDelta,
    /// Sessions, after the end of their longest life.
    pub sessions: TimeDelta,
    /// Single-use links to an account, after they ran out.
    pub account_links: TimeDelta,
    /// Codes of secure links that nobody came in by, after they ran out.
    pub link_codes: TimeDelta,
    /// Counts of failed sign-ins that are no person's.
    pub throttles: TimeDelta,
    /// Notices, after the person saw them.
    pub read_notices: Option<TimeDelta>,
    /// What next hops answered to tries of deliveries that are over.
    pub attempt_replies: Option<TimeDelta>,
    /// Drafts of notes that were never signed, after their last change.
    pub unsigned_drafts: Option<TimeDelta>,
    /// The most rows of one transaction, at least 1: no other writer waits long.
    pub batch: u32,
    /// The most transactions of one round; what is left is for a round right after.
    pub batches: u32,
}

impl Default for Retention {
    /// Three days of finished tasks, a day of what else is no record; records for ever. 20 times 500 rows.
    fn default() -> Self {
        let day = TimeDelta::days(1);
        Self {
            finished_tasks: Duration::from_secs(3 * 86_400),
            workers: Duration::from_secs(86_400),
            answers: day,
            sessions: day,
            account_links: day,
            link_codes: day,
            throttles: day,
            read_notices: None,
            attempt_replies: None,
            unsigned_drafts: None,
            batch: 500,
            batches: 20,
        }
    }
}

impl Retention {
    /// What applies to the task tables.
    pub fn tasks(&self) -> PruneLimits {
        PruneLimits {
            keep_tasks: self.finished_tasks,
            keep_workers: self.workers,
            batch: self.batch,
            batches: self.batches,
        }
    }

    /// Until when each must have ended to be removed at `now`; none is kept for ever.
    fn before(&self, what: Expired, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let kept = match what {
            // A step of a sign-in is of no use once it ran out.
            Expired::SignInSteps => Some(TimeDelta::zero()),
            Expired::Sessions => Some(self.sessions),
            Expired::AccountLinks => Some(self.account_links),
            Expired::Throttles => Some(self.throttles),
            Expired::LinkCodes => Some(self.link_codes),
            Expired::Answers => Some(self.answers),
            Expired::ReadNotices => self.read_notices,
            Expired::AttemptReplies => self.attempt_replies,
            // They would have gone with the withdrawal.
            Expired::KeptDrafts => Some(TimeDelta::zero()),
        };
        kept.map(|kept| now - kept)
    }
}

impl Service {
    /// One round an hour, whichever process comes first; the others find nothing to do. Where there is more than one
    /// round removes, the next is due at once.
    pub async fn retain(&self) -> Result<Worked> {
        let now = self.now();
        let mut tx = self.begin().await?;
        if !schedule::tick(&mut tx, TICK, now, now + TimeDelta::hours(1)).await? {
            return Ok(Worked::default());
        }
        credential::prune_pending(&mut tx, now).await?;
        tx.commit().await?;
        // What opened in an emergency and ran out opens nothing since; here its end is written down.
        self.end_run_out_break_glass().await?;
        let (removed, more) = self.remove_expired(now).await?;
        // The task tables are dated by the system's clock and have their own transactions.
        let pool = self.store().task_pool();
        let pruned = tasks::prune(
            &pool,
            liaison_domain::Clock::now(&liaison_domain::SystemClock),
            self.settings().retention.tasks(),
        )
        .await
        .map_err(|error| crate::ServiceError::Internal(error.into()))?;
        if more {
            let mut tx = self.begin().await?;
            schedule::again(&mut tx, TICK, now).await?;
            tx.commit().await?;
        }
        tracing::info!(
            removed,
            more,
            tasks = pruned.tasks,
            workers = pruned.workers,
            "what outlived its period was removed"
        );
        Ok(Worked { done: 1, more })
    }

    /// Removes in transactions of bounded size; how many rows, and whether there may be more. Each transaction that
    /// removed something carries a ledger entry of its own, so that a crash leaves no removal unrecorded.
    async fn remove_expired(&self, now: DateTime<Utc>) -> Result<(u64, bool)> {
        let kept = self.settings().retention;
        let mut removed = 0;
        for _ in 0..kept.batches {
            let mut tx = self.begin().await?;
            legal_holds::stand_still(&mut tx).await?;
            let counts = self.remove_batch(&mut tx, now).await?;
            let gone: u64 = counts.values().sum();
            if gone == 0 {
                return Ok((removed, false));
            }
            let mut entry = self.entry(&Actor::system(), "retention.remove");
            entry.purpose = PurposeOfUse::Operations;
            entry
                .detail
                .extend(counts.into_iter().map(|(table, count)| (table, count.to_string())));
            tx.record(entry);
            tx.commit().await?;
            removed += gone;
            if gone < u64::from(kept.batch.max(1)) {
                return Ok((removed, false));
            }
        }
        Ok((removed, true))
    }

    /// Removes at most one batch over all tables; how many by table.
    async fn remove_batch(&self, tx: &mut Tx, now: DateTime<Utc>) -> Result<BTreeMap<&'static str, u64>> {
        let kept = self.settings().retention;
        let mut left = kept.batch.max(1);
        let mut counts = BTreeMap::new();
        let mut count = |table: &'static str, gone: u64, left: &mut u32| {
            *left = left.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX));
            if gone > 0 {
                *counts.entry(table).or_default() += gone;
            }
        };
        for what in Expired::ALL {
            if let (1.., Some(before)) = (left, kept.before(what, now)) {
                let gone = retention::remove(tx, what, before, left).await?;
                count(what.table(), gone, &mut left);
            }
        }
        if let (1.., Some(period)) = (left, kept.unsigned_drafts) {
            let gone = self.remove_drafts(tx, now - period, left).await?;
            count("note", gone, &mut left);
        }
        Ok(counts)
    }

    /// Removes drafts; each is in the ledger by its id, as one that a person discards is.
    async fn remove_drafts(&self, tx: &mut Tx, before: DateTime<Utc>, limit: u32) -> Result<u64> {
        let gone = retention::remove_drafts(tx, before, limit).await?;
        let mut patients = HashSet::new();
        for draft in &gone {
            let mut entry = self.entry(&Actor::system(), "note.expire");
            entry.purpose = PurposeOfUse::Operations;
            entry.organization_id = Some(draft.organization_id);
            entry.patient_id = Some(draft.patient_id);
            entry.note_id = Some(draft.id);
            tx.record(entry);
            if patients.insert(draft.patient_id) {
                tx.announce(patient_event(draft.organization_id, draft.patient_id));
            }
        }
        Ok(gone.len() as u64)
    }
}
