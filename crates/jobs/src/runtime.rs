//! Running: a worker for each queue, restarted when it fails, and two plain loops beside them.
//!
//! The reconcile ticker asks [`crate::Handle::due`] for rows that are due without a live lease and nudges
//! them, so a lost task costs only delay. Upkeep prunes the task tables and refreshes their statistics.
//! Neither is an apalis schedule: those live in memory, fire in every process and forget missed ticks;
//! ours may fire in every process because a doubled nudge is harmless.
//!
//! Restarts are ours and not apalis's `Monitor`'s, whose `should_restart` answers at once and knows no
//! pause: with the database away it would spin. Each life has a new name (a reused one leaves its tasks
//! Running for ever on PostgreSQL), and what a life still held when it ended is released at once.
//!
//! The clock here is real time; it moves no due time. Policy is tested in `service` with a set clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use liaison_store::tasks::{self, Nudge, Queue, TaskPool, Wake, ulid_text};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backend::Tables;
use crate::handle::Handle;
use crate::health::Health;
use crate::settings::{Settings, SettingsError};
use crate::worker::{End, Lane, Work};

/// A life as long as this was steady: failures before it are forgotten.
const STEADY: Duration = Duration::from_secs(60);
/// The most that one call of upkeep or release may take when the database does not answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// The same when the process stops: who else waits is the operator, and others take the tasks when they miss the worker.
const PATIENCE_AT_END: Duration = Duration::from_secs(1);
/// How much later than its worker a handler is cut off: the worker's end gives the task back, which a handler's would
/// acknowledge.
const AFTER_WORKERS: Duration = Duration::from_millis(250);
/// Between two tries to listen for PostgreSQL's notifications; polling bridges it.
const LISTEN_AGAIN: Duration = Duration::from_secs(2);
/// Between two looks for due rows at the least, however many timers run out.
const SOONEST: Duration = Duration::from_millis(250);
/// How long after a timer the look for it follows.
const TIMER_GRAIN: Duration = Duration::from_millis(5);
/// How often a look is taken for workers that fell asleep.
const LOOK_FOR_SLEEPERS: Duration = Duration::from_secs(1);

/// Where ids and the time come from.
#[derive(Clone)]
pub struct Sources {
    /// 128 bits that were never given before, in the order of time where possible (as a ULID).
    pub id: Arc<dyn Fn() -> u128 + Send + Sync>,
    /// The time of the system's clock, which apalis reads too.
    pub now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
}

/// The background work of one process.
pub struct Runtime {
    settings: Settings,
    pool: TaskPool,
    wake: Wake,
    sources: Sources,
    work: Work,
    health: Health,
    stop: CancellationToken,
}

impl Runtime {
    /// Prepare to run; nothing starts before [`Runtime::run`]. The task tables must be migrated.
    ///
    /// Cancel `stop` to end gracefully.
    ///
    /// # Errors
    /// [`SettingsError`] when the settings cannot work.
    pub fn new(
        settings: Settings,
        pool: TaskPool,
        wake: Wake,
        handler: Arc<dyn Handle>,
        sources: Sources,
        stop: CancellationToken,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        let health = Health::new(settings.silence);
        let work = Work {
            handler,
            running: TaskTracker::new(),
            abort: CancellationToken::new(),
        };
        Ok(Self {
            settings,
            pool,
            wake,
            sources,
            work,
            health,
            stop,
        })
    }

    /// The workers' health, for readiness; stays valid while and after the runtime runs.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Run until `stop` is cancelled and the handlers have finished, within the grace.
    ///
    /// # Errors
    /// [`RuntimeError::QueueDown`] when a queue's worker failed more often than it may be restarted; the
    /// other queues were stopped gracefully before this returns.
    pub async fn run(self) -> Result<(), RuntimeError> {
        let stop = self.stop.child_token();
        let mut workers = JoinSet::new();
        for queue in Queue::ALL {
            workers.spawn(self.supervisor(queue, stop.clone()).keep_alive());
        }
        // In sets, so that dropping this future ends everything but the handlers.
        let mut loops = JoinSet::new();
        self.spawn_loops(&mut loops, &stop);

        // One grace for all, from the stop on: workers and handlers end within it, or are cut off when it is over.
        let cut_off = async {
            stop.cancelled().await;
            self.work.handler.stopping();
            tokio::time::sleep(self.settings.grace + AFTER_WORKERS).await;
            self.work.abort.cancel();
            std::future::pending::<Result<(), RuntimeError>>().await
        };
        let finished = async {
            let mut outcome = Ok(());
            while let Some(ended) = workers.join_next().await {
                let ended = ended.unwrap_or_else(|error| Err(RuntimeError::Supervisor(error.to_string())));
                // The first failure stops the rest; a stop that was asked for ends each with `Ok`.
                stop.cancel();
                outcome = outcome.and(ended);
            }
            // Handlers can outlive their worker by what is left of their own timeout.
            self.work.running.close();
            self.work.running.wait().await;
            outcome
        };
        let outcome = tokio::select! {
            outcome = finished => outcome,
            outcome = cut_off => outcome,
        };
        while loops.join_next().await.is_some() {}
        outcome
    }

    fn supervisor(&self, queue: Queue, stop: CancellationToken) -> Supervisor {
        let settings = self.settings.queue(queue);
        Supervisor {
            lane: Lane {
                tables: Tables {
                    pool: self.pool.clone(),
                    queue,
                    settings,
                    silence: self.settings.silence,
                    wake: self.wake.clone(),
                    slots: Arc::new(Semaphore::new(settings.concurrency)),
                    closing: Arc::default(),
                    now: self.sources.now.clone(),
                },
                work: self.work.clone(),
                health: self.health.clone(),
                grace: self.settings.grace,
                stop,
            },
            settings: self.settings.clone(),
            id: self.sources.id.clone(),
        }
    }

    fn spawn_loops(&self, loops: &mut JoinSet<Option<()>>, stop: &CancellationToken) {
        let ticker = Ticker {
            pool: self.pool.clone(),
            wake: self.wake.clone(),
            sources: self.sources.clone(),
            handler: self.work.handler.clone(),
            settings: self.settings.clone(),
        };
        loops.spawn(
            stop.clone()
                .run_until_cancelled_owned(ticker.clone().reconcile_for_ever()),
        );
        loops.spawn(stop.clone().run_until_cancelled_owned(ticker.upkeep_for_ever()));
        let (health, wake, settings) = (self.health.clone(), self.wake.clone(), self.settings.clone());
        loops.spawn(
            stop.clone()
                .run_until_cancelled_owned(wake_sleepers_for_ever(health, wake, settings)),
        );
        if let TaskPool::Postgres(pool) = &self.pool {
            let (pool, wake) = (pool.clone(), self.wake.clone());
            loops.spawn(stop.clone().run_until_cancelled_owned(async move {
                loop {
                    let Err(error) = tasks::forward_notifications(&pool, &wake).await;
                    tracing::warn!(%error, "not listening for new tasks; polling until it works again");
                    tokio::time::sleep(LISTEN_AGAIN).await;
                }
            }));
        }
    }
}

/// Keeps one queue's worker alive.
struct Supervisor {
    lane: Lane,
    settings: Settings,
    id: Arc<dyn Fn() -> u128 + Send + Sync>,
}

impl Supervisor {
    async fn keep_alive(self) -> Result<(), RuntimeError> {
        let queue = self.lane.queue();
        let mut failures = 0;
        loop {
            let name = self.worker_name();
            let began = Instant::now();
            let end = self.lane.live(&name).await;
            self.lane.health.down(queue);
            self.release(&name).await;
            let error = match end {
                End::Stopped => return Ok(()),
                End::Failed(error) => error,
            };
            failures = if began.elapsed() >= STEADY { 1 } else { failures + 1 };
            if failures > self.settings.restarts {
                tracing::error!(%queue, error, failures, "the worker is given up");
                return Err(RuntimeError::QueueDown { queue, failures, error });
            }
            let pause = self.pause(failures);
            tracing::warn!(%queue, error, failures, ?pause, "the worker failed and is started again");
            if self
                .lane
                .stop
                .run_until_cancelled(tokio::time::sleep(pause))
                .await
                .is_none()
            {
                return Ok(());
            }
            self.lane.health.restarted(queue);
        }
    }

    fn worker_name(&self) -> String {
        let Settings { role, host, .. } = &self.settings;
        format!("{role}@{host}/{}/{}", self.lane.queue(), ulid_text((self.id)()))
    }

    async fn release(&self, name: &str) {
        let queue = self.lane.queue();
        let patience = if self.lane.stop.is_cancelled() {
            PATIENCE_AT_END
        } else {
            PATIENCE
        };
        match tokio::time::timeout(patience, tasks::release(&self.lane.tables.pool, name)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(tasks)) => {
                tracing::info!(%queue, tasks, "claimed tasks were given back");
                self.lane.tables.wake.ring(queue);
            }
            // They come back when the heartbeat has been missed for long enough.
            Ok(Err(error)) => tracing::warn!(%queue, %error, "claimed tasks could not be given back now"),
            Err(_) => tracing::warn!(%queue, "claimed tasks could not be given back in time"),
        }
    }

    fn pause(&self, failures: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        self.settings
            .restart_after
            .saturating_mul(doubled)
            .min(self.settings.restart_after_at_most)
    }
}

/// The two plain loops.
#[derive(Clone)]
struct Ticker {
    pool: TaskPool,
    wake: Wake,
    sources: Sources,
    handler: Arc<dyn Handle>,
    settings: Settings,
}

impl Ticker {
    async fn reconcile_for_ever(self) {
        loop {
            if let Err(error) = self.reconcile().await {
                tracing::warn!(error, "due rows were not nudged; the next tick tries again");
            }
            tokio::time::sleep(self.until_next().await).await;
        }
    }

    /// Until the next tick, or until a row is due by its own timer where that comes first. In a task of its own, as
    /// [`Ticker::reconcile`].
    async fn until_next(&self) -> Duration {
        let handler = self.handler.clone();
        let mut asked = JoinSet::new();
        asked.spawn(async move { handler.next_due().await });
        let every = self.settings.reconcile_every;
        match tokio::time::timeout(PATIENCE, asked.join_next()).await {
            // A moment later, so that what is due then is due by any clock's grain.
            Ok(Some(Ok(Ok(Some(next))))) => every.min((next + TIMER_GRAIN).max(SOONEST)),
            _ => every,
        }
    }

    /// One look for due rows. In a task of its own, because a panic in `due` must not end the ticker.
    async fn reconcile(&self) -> Result<(), String> {
        let handler = self.handler.clone();
        let mut asked = JoinSet::new();
        asked.spawn(async move { handler.due().await });
        let nudges: Vec<Nudge> = match tokio::time::timeout(PATIENCE, asked.join_next()).await {
            Ok(Some(Ok(Ok(nudges)))) => nudges,
            Ok(Some(Ok(Err(error)))) => return Err(error.to_string()),
            Ok(_) => return Err("the look for due rows panicked".to_owned()),
            Err(_) => return Err("the look for due rows took too long".to_owned()),
        };
        let push = tasks::push(&self.pool, &nudges, (self.sources.now)(), || (self.sources.id)());
        match tokio::time::timeout(PATIENCE, push).await {
            Ok(Ok(())) => self.wake.ring_for(&nudges),
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("the database did not answer".to_owned()),
        }
        Ok(())
    }

    async fn upkeep_for_ever(self) {
        let mut tick = ticks(self.settings.upkeep_every);
        loop {
            tick.tick().await;
            if let Err(error) = self.upkeep().await {
                tracing::warn!(%error, "the task tables were not tidied; the next round tries again");
            }
        }
    }

    async fn upkeep(&self) -> Result<(), tasks::TaskError> {
        let pruned = tasks::prune(&self.pool, (self.sources.now)(), self.settings.prune).await?;
        tasks::optimize(&self.pool).await?;
        if pruned.tasks + pruned.workers > 0 {
            tracing::info!(
                tasks = pruned.tasks,
                workers = pruned.workers,
                "finished tasks were pruned"
            );
        }
        Ok(())
    }
}

/// Rings the bell of each queue whose worker was not seen for two polls.
///
/// A worker once slept through its heartbeat (see `backend`: the timer that fires during an empty fetch). That is mended,
/// and this stays as a second wall: a bell costs an empty look.
async fn wake_sleepers_for_ever(health: Health, wake: Wake, settings: Settings) {
    let mut tick = ticks(LOOK_FOR_SLEEPERS);
    loop {
        tick.tick().await;
        for queue in health.queues() {
            let patience = settings
                .queue(queue.queue)
                .poll
                .saturating_mul(2)
                .max(LOOK_FOR_SLEEPERS);
            if queue.last_seen.is_some_and(|seen| seen.elapsed() > patience) {
                wake.ring(queue.queue);
            }
        }
    }
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Why the background work ended without being asked to.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// A queue's worker failed too often in a row.
    #[error(
        "the {queue} queue has stopped after {failures} failures in a row: check the database, then start \
         the process again (last: {error})"
    )]
    QueueDown {
        /// Which queue.
        queue: Queue,
        /// Failures in a row.
        failures: u32,
        /// The last failure.
        error: String,
    },
    /// The code that keeps a worker alive panicked.
    #[error("a defect ended the background work: start the process again and report it ({0})")]
    Supervisor(String),
}
