//! The task tables as an apalis backend, one for both engines. Not the handling of tasks (see `worker`).
//!
//! apalis's state machine ([`Persisted`]), worker and SQL are used as they are; only the storage types
//! `SqliteStorage` and `PostgresStorage` are replaced, whose habits cost us:
//! - They fetch a full batch whenever one slot is free. While a claimed task waits for a slot, apalis
//!   sends no heartbeat and no acknowledgment, so a live worker looks dead. Here a fetch asks for as many
//!   tasks as can begin at once, and a full worker asks for none.
//! - A wake-up during a fetch that looked too early is lost, and the task waits for the next heartbeat.
//!   Here the fetch looks again when the bell rang meanwhile.
//! - A heartbeat that falls due during a fetch is forgotten when the fetch is empty, and the worker sleeps until
//!   somebody rings. Here the timer is asked again after each empty fetch.
//! - A task that cannot be decoded ends the worker, and the next one fetches it again. Here it is handed
//!   on as what it is, and dropped.
//! - The listener for PostgreSQL takes a connection for each worker and gives up when the first one fails.
//!
//! A claimed task is Queued until it is done, never Running: apalis treats both alike, it is one write
//! fewer for each task, and the lock that counts is the claim of our row.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::persistence::{Persisted, Persistence, State, TaskEvent, TaskPersistLayer};
use apalis_core::backend::{Backend, BackendConfig, WorkerFilter};
use apalis_core::task::Task;
use apalis_core::worker::context::WorkerContext;
use apalis_sqlite::JsonCodec;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use liaison_store::tasks::{Nudge, Queue, TaskError, TaskPool, Wake, WakeStream};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::settings::QueueSettings;

/// A task's content as it was read: `None` when it is not a nudge of this version.
#[derive(Debug)]
pub(crate) struct Received(pub(crate) Option<Nudge>);

/// The queries of one queue's worker.
#[derive(Clone)]
pub(crate) struct Tables {
    pub(crate) pool: TaskPool,
    pub(crate) queue: Queue,
    pub(crate) settings: QueueSettings,
    /// How long another worker may be silent before this one takes its tasks.
    pub(crate) silence: Duration,
    pub(crate) wake: Wake,
    /// A permit for each task that may be handled at once; a free one is room for a task.
    pub(crate) slots: Arc<Semaphore>,
    /// Nothing is fetched any more.
    pub(crate) closing: Arc<AtomicBool>,
    pub(crate) now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
}

/// What apalis polls.
pub(crate) struct TaskBackend {
    persisted: Persisted<Tables>,
    rings: WakeStream,
}

impl TaskBackend {
    pub(crate) fn new(tables: Tables) -> Self {
        let rings = tables.wake.listen(tables.queue);
        Self {
            persisted: Persisted::new(tables),
            rings,
        }
    }
}

impl Backend for TaskBackend {
    type Task = Task<Received>;
    type Error = TaskError;

    fn poll_ready(&mut self, cx: &mut Context<'_>, worker: &WorkerContext) -> Poll<Result<(), TaskError>> {
        let heartbeat = self.persisted.settings.poll;
        self.persisted.poll_ready(cx, worker, heartbeat)
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Option<Result<Task<Received>, TaskError>>> {
        // Until pending, so that the next ring has this worker's waker to call. What rang is not needed:
        // a worker at rest looks now, and a fetch under way compares the rings.
        while let Poll::Ready(Some(())) = self.rings.poll_next_unpin(cx) {}
        let decode = |task: Task<Vec<u8>>| task.map_args(|bytes| Received(serde_json::from_slice(&bytes).ok()));
        let next = self.persisted.poll_next(cx, worker);
        if next.is_pending() && matches!(self.persisted.state(), State::Ready) {
            // An empty fetch has ended. If the heartbeat's timer fired meanwhile, its call was spent on polling the
            // fetch and nobody has asked it since: ask again, so that it calls, or that the heartbeat is under way.
            if let Poll::Ready(Err(error)) = self.poll_ready(cx, worker) {
                return Poll::Ready(Some(Err(error)));
            }
        }
        next.map(|next| next.map(|task| task.map(decode)))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, worker: &WorkerContext) -> Poll<Result<(), TaskError>> {
        self.persisted.poll_close(cx, worker)
    }
}

impl BackendConfig for TaskBackend {
    type Args = Received;
    type Id = u128;
    // We decode ourselves.
    type Kind = Ephemeral;
    type Config = QueueSettings;
    type Layer = TaskPersistLayer<JsonCodec<Value>, Value>;

    fn config(&self) -> &QueueSettings {
        &self.persisted.settings
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Self::Layer {
        let slots = self.persisted.settings.concurrency;
        self.persisted
            .layer(JsonCodec::default(), slots)
            .persist_results(true)
            .lock_tasks(false)
    }
}

impl Tables {
    /// Seconds of silence after which a worker is dead.
    fn dead_after(&self) -> u64 {
        let seconds = self.silence.as_secs() + u64::from(self.silence.subsec_nanos() > 0);
        match self.pool {
            // SQLite's table keeps whole seconds: a beat at 0.9 s looks a second old at 1.0 s.
            TaskPool::Sqlite(_) => seconds + 1,
            TaskPool::Postgres(_) => seconds,
        }
    }

    /// Claim at most `room` tasks.
    async fn claim(&self, worker: &WorkerContext, room: usize) -> Result<Vec<Task<Vec<u8>>>, TaskError> {
        Ok(match &self.pool {
            TaskPool::Sqlite(tasks) => {
                let config = apalis_sqlite::Config::default()
                    .queue(self.queue.name())
                    .batch_size(room);
                let _turn = tasks.turn().await;
                apalis_sqlite::queries::fetch_next(tasks.pool(), &config, worker).await?
            }
            TaskPool::Postgres(pool) => {
                let config = apalis_postgres::Config::default()
                    .queue(self.queue.name())
                    .batch_size(room);
                let mut conn = pool.acquire().await?;
                apalis_postgres::queries::fetch_next(&mut *conn, &config, worker).await?
            }
        })
    }
}

impl Persistence for Tables {
    type Compact = Vec<u8>;
    type Response = Value;
    type Error = TaskError;

    async fn register(&mut self, worker: &WorkerContext) -> Result<(), TaskError> {
        match &self.pool {
            TaskPool::Sqlite(tasks) => {
                let config = apalis_sqlite::Config::default().queue(self.queue.name());
                let _turn = tasks.turn().await;
                apalis_sqlite::queries::register_worker(tasks.pool(), &config, worker, "liaison").await?;
            }
            TaskPool::Postgres(pool) => {
                let (queue, now) = (self.queue.name(), (self.now)().timestamp());
                let mut conn = pool.acquire().await?;
                apalis_postgres::queries::register_worker(&mut *conn, queue, worker, &now.into(), "liaison").await?;
            }
        }
        Ok(())
    }

    /// Tell that this worker lives, and take back what dead workers of this queue held.
    async fn heartbeat(&mut self, worker: &WorkerContext) -> Result<(), TaskError> {
        match &self.pool {
            TaskPool::Sqlite(tasks) => {
                let config = apalis_sqlite::Config::default().queue(self.queue.name());
                let dead_for = i64::try_from(self.dead_after()).unwrap_or(i64::MAX);
                let others = WorkerFilter::AllExcept(worker.name().to_owned());
                // One transaction, which writes first: it waits for its turn and then never fails as locked.
                let (mut tx, _turn) = tasks.begin().await?;
                apalis_sqlite::queries::keep_alive(&mut *tx, &config, worker).await?;
                apalis_sqlite::queries::reenqueue_orphaned(&mut *tx, dead_for, self.queue.name(), &others).await?;
                tx.commit().await?;
            }
            TaskPool::Postgres(pool) => {
                let (queue, dead_for) = (self.queue.name(), self.dead_after());
                let mut conn = pool.acquire().await?;
                apalis_postgres::queries::keep_alive(&mut *conn, queue, worker).await?;
                apalis_postgres::queries::reenqueue_orphaned(&mut *conn, queue, dead_for).await?;
            }
        }
        Ok(())
    }

    /// As many tasks as there is room for; empty when there is no room or nothing to do.
    async fn fetch_next(&mut self, worker: &WorkerContext) -> Result<Vec<Task<Vec<u8>>>, TaskError> {
        loop {
            // The end of a handler wakes the worker, so room that appears later is seen.
            let room = self.slots.available_permits();
            if room == 0 || self.closing.load(Ordering::SeqCst) {
                return Ok(Vec::new());
            }
            let rings = self.wake.rings(self.queue);
            let tasks = self.claim(worker, room).await?;
            // What was committed before it rang and after we looked would wait for the next heartbeat.
            if !tasks.is_empty() || self.wake.rings(self.queue) == rings {
                return Ok(tasks);
            }
        }
    }

    /// Acknowledge what was handled.
    async fn handle_events(&mut self, events: Vec<TaskEvent<Value>>, worker: &WorkerContext) -> Result<(), TaskError> {
        let done: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                TaskEvent::Complete(result) => Some(result),
                _ => None,
            })
            .collect();
        if done.is_empty() {
            return Ok(());
        }
        match &self.pool {
            TaskPool::Sqlite(tasks) => {
                let _turn = tasks.turn().await;
                apalis_sqlite::queries::ack_tasks(tasks.pool(), &done, worker.name()).await?;
            }
            TaskPool::Postgres(pool) => {
                let mut conn = pool.acquire().await?;
                apalis_postgres::queries::handle_results(&mut *conn, &done, worker.name()).await?;
            }
        }
        Ok(())
    }

    /// Nothing here: whatever a worker still holds when it has ended is released as a whole.
    async fn reenqueue_abandoned(&mut self, tasks: Vec<Task<Vec<u8>>>, _: &WorkerContext) -> Result<u64, TaskError> {
        Ok(u64::try_from(tasks.len()).unwrap_or(u64::MAX))
    }

    /// Never called: nudges are pushed through the store's transactions.
    async fn push_tasks(&mut self, tasks: Vec<Task<Vec<u8>>>) -> Result<(), TaskError> {
        let count = tasks.len();
        Err(TaskError::Library(format!(
            "a worker's backend takes no tasks ({count} given): push through the store"
        )))
    }
}

#[cfg(test)]
mod tests;
