//! Remove what has outlived its use: kept answers of mutations, ended sessions, links and steps of sign-in, and finished
//! tasks. Not records: shares, evidence and the ledger are kept.

use chrono::TimeDelta;
use liaison_store::{
    idempotency, links, schedule,
    tasks::{self, PruneLimits},
};

use super::Worked;
use crate::{Result, Service};

/// The name of the hourly round.
pub(crate) const TICK: &str = "retain";

impl Service {
    /// One round an hour, whichever process comes first; the others find nothing to do.
    pub async fn retain(&self) -> Result<Worked> {
        let now = self.now();
        let mut tx = self.begin().await?;
        if !schedule::tick(&mut tx, TICK, now, now + TimeDelta::hours(1)).await? {
            return Ok(Worked::default());
        }
        let keep = TimeDelta::from_std(self.settings().idempotency_retention).unwrap_or(TimeDelta::days(1));
        let answers = idempotency::prune(&mut tx, now - keep).await?;
        let sign_in = self.prune_sign_in(&mut tx).await?;
        links::prune_codes(&mut tx, now - TimeDelta::days(1)).await?;
        tx.commit().await?;
        // What opened in an emergency and ran out opens nothing since; here its end is written down.
        self.end_run_out_break_glass().await?;
        // The task tables are dated by the system's clock and have their own transactions.
        let pool = self.store().task_pool();
        let pruned = tasks::prune(
            &pool,
            liaison_domain::Clock::now(&liaison_domain::SystemClock),
            PruneLimits::default(),
        )
        .await
        .map_err(|error| crate::ServiceError::Internal(error.into()))?;
        tracing::info!(
            answers,
            sign_in,
            tasks = pruned.tasks,
            "kept answers, ended sign-ins and finished tasks were removed"
        );
        Ok(Worked { done: 1, more: false })
    }
}
