//! Lets time pass: the clock goes from one due moment to the next, and at each the real workers do what is due. The
//! machine's clock only bounds how long that may take.

use std::time::{Duration, Instant};

use anyhow::bail;
use chrono::{DateTime, Utc};
use liaison_domain::{Clock, SystemClock};
use liaison_service::Service;
use liaison_store::{schedule, tasks};

use super::clock::StoryClock;

/// How long the work of one moment may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two rings of the workers' bells while work is under way.
const RING: Duration = Duration::from_millis(500);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(2);

/// The passing of time.
pub(crate) struct Time {
    /// The use cases.
    pub(crate) service: Service,
    /// The clock of everything.
    pub(crate) clock: StoryClock,
}

impl Time {
    /// Goes on to a moment, and does on the way what falls due.
    pub(crate) async fn pass(&self, until: DateTime<Utc>) -> anyhow::Result<()> {
        loop {
            self.settle().await?;
            let next = schedule::next_due(&mut self.service.store().read().await?, self.clock.now()).await?;
            match next {
                Some(due) if due <= until => self.clock.move_to(due),
                _ => break,
            }
        }
        self.clock.move_to(until);
        self.settle().await
    }

    /// Waits until nothing is due any more and no task is under way: also the ledger has signed everything then.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let store = self.service.store();
        let pool = store.task_pool();
        let mut rung = began;
        loop {
            let under_way = tasks::pending(&pool, 5).await?;
            if under_way.is_empty() {
                let due = self.service.due_nudges().await?;
                if due.is_empty() {
                    return Ok(());
                }
                self.service.nudge(&due).await?;
            }
            if began.elapsed() > PATIENCE {
                let busy: Vec<String> = tasks::depth(&pool, SystemClock.now())
                    .await?
                    .iter()
                    .filter(|depth| depth.waiting + depth.claimed > 0)
                    .map(|depth| format!("{}: {} waiting, {} claimed", depth.queue, depth.waiting, depth.claimed))
                    .collect();
                let now = self.clock.now();
                bail!("the work of {now} was not done in {PATIENCE:?} ({})", busy.join("; "));
            }
            // A worker that comes back empty-handed from the queue may rest with a finished task until the next ring,
            // and while the clock stands nobody else rings.
            if rung.elapsed() > RING {
                store.wake().ring_all();
                rung = Instant::now();
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
