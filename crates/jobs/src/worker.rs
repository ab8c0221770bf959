//! One life of one queue's apalis worker: built, run, stopped. Not its restarts (see `runtime`).
//!
//! One worker for each queue, so that a slow class delays no other by construction. Fewer workers for
//! several queues would save little: seven at rest take half a percent of a core on SQLite, and a third
//! of one on PostgreSQL (each a heartbeat and an empty fetch a second, every five seconds for the classes
//! that can wait). Timeout, panics and
//! errors are settled around the handler, not by apalis's layers: every outcome is logged with its ids
//! and is `Ok` for apalis, which would otherwise retry on its own terms. The handler runs in a task of
//! its own, so a lost database connection, which ends the worker, does not cut off a send in the middle.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use apalis_core::error::{BoxDynError, WorkerError};
use apalis_core::worker::builder::WorkerBuilder;
use apalis_core::worker::context::WorkerContext;
use apalis_core::worker::event::Event;
use apalis_core::worker::ext::event_listener::EventListenerExt;
use liaison_store::tasks::Queue;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::backend::{Received, Tables, TaskBackend};
use crate::handle::Handle;
use crate::health::Health;

/// How long a worker whose handlers have ended may take to acknowledge what they did and end.
const FLUSH: Duration = Duration::from_secs(1);

/// What one queue's worker needs in every life.
pub(crate) struct Lane {
    pub(crate) tables: Tables,
    pub(crate) work: Work,
    pub(crate) health: Health,
    /// Time for the worker to end once it was asked to.
    pub(crate) grace: Duration,
    /// Asks the worker to stop.
    pub(crate) stop: CancellationToken,
}

/// The handler and what ends it.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) handler: Arc<dyn Handle>,
    /// Every handler that runs, also those whose worker has ended.
    pub(crate) running: TaskTracker,
    /// Drops the handlers that run, when the grace of a stop is over.
    pub(crate) abort: CancellationToken,
}

/// How a life ended.
pub(crate) enum End {
    /// It was asked to stop and did.
    Stopped,
    /// It failed, for this reason.
    Failed(String),
}

impl Lane {
    pub(crate) fn queue(&self) -> Queue {
        self.tables.queue
    }

    /// Live once, under a name that was never used before, until asked to stop or failing.
    pub(crate) async fn live(&self, name: &str) -> End {
        let context = WorkerContext::new(name);
        let (queue, timeout) = (self.queue(), self.tables.settings.timeout);
        let (health, work, slots) = (self.health.clone(), self.work.clone(), self.tables.slots.clone());
        let worker = WorkerBuilder::new(&context)
            .backend(TaskBackend::new(self.tables.clone()))
            .on_event(move |_, event| {
                if matches!(event, Event::HeartBeat) {
                    health.beat(queue);
                }
            })
            .build(move |received: Received| {
                let (work, slots) = (work.clone(), slots.clone());
                async move {
                    work.take(queue, received, timeout, slots).await;
                    Ok::<(), BoxDynError>(())
                }
            });
        // In a set, so that dropping this future ends the worker too.
        let mut life = JoinSet::new();
        life.spawn(worker.run());
        tokio::select! {
            ended = life.join_next() => End::Failed(match ended {
                Some(Ok(Err(error))) => error.to_string(),
                Some(Err(error)) => error.to_string(),
                Some(Ok(Ok(()))) | None => "it ended by itself".to_owned(),
            }),
            () = self.stop.cancelled() => {
                self.come_to_rest(&context, life).await;
                End::Stopped
            }
        }
    }
}

impl Lane {
    /// Ends a worker that was asked to stop.
    ///
    /// A worker of apalis that stops is polled no more until its handlers have ended: a fetch or a heartbeat that it was in
    /// the middle of would keep its connection, and on SQLite the one turn at writing, for which the handlers may wait. So
    /// nothing more is fetched at first, while the worker goes on, and it is stopped when its handlers have ended.
    async fn come_to_rest(&self, context: &WorkerContext, mut life: JoinSet<Result<(), WorkerError>>) {
        let (queue, slots) = (self.queue(), &self.tables.slots);
        self.tables.closing.store(true, Ordering::SeqCst);
        let all = u32::try_from(self.tables.settings.concurrency).unwrap_or(u32::MAX);
        if tokio::time::timeout(self.grace, slots.acquire_many(all)).await.is_err() {
            tracing::warn!(%queue, "the worker's handlers did not end within the grace");
            return;
        }
        // What was fetched a moment ago and has not begun does not begin any more: it is given back.
        slots.close();
        let stopped = async {
            // A worker that was not polled yet cannot be stopped; it will be in a moment.
            while context.stop().is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            life.join_next().await
        };
        match tokio::time::timeout(FLUSH, stopped).await {
            Ok(Some(Ok(Ok(())))) => {}
            Ok(ended) => tracing::warn!(%queue, ?ended, "the worker did not stop cleanly"),
            Err(_) => tracing::debug!(%queue, "the worker did not stop by itself"),
        }
    }
}

impl Work {
    /// Let the handler work on a task, and log what came of it. Never fails, never panics.
    async fn take(&self, queue: Queue, received: Received, timeout: Duration, slots: Arc<Semaphore>) {
        let Received(Some(nudge)) = received else {
            tracing::error!(%queue, "dropped a task that is not a nudge of this version");
            return;
        };
        if nudge.queue != queue {
            tracing::error!(%queue, named = %nudge.queue, "dropped a task that stood in another queue's place");
            return;
        }
        // There was room when it was claimed; only a handler that outlived its worker can make it wait.
        let Ok(slot) = slots.acquire_owned().await else {
            // Closed by a stop: not done, so that the end of the worker gives it back.
            return std::future::pending().await;
        };
        let (handler, abort) = (self.handler.clone(), self.abort.clone());
        let subject = nudge.subject.map(tracing::field::display);
        let span = tracing::info_span!("job", %queue, subject, outcome = tracing::field::Empty);
        let work = async move {
            let _slot = slot;
            let outcome = tokio::select! {
                biased;
                () = abort.cancelled() => Outcome::Aborted,
                outcome = tokio::time::timeout(timeout, handler.handle(nudge)) => match outcome {
                    Ok(Ok(())) => Outcome::Done,
                    Ok(Err(error)) => Outcome::Failed(error.to_string()),
                    Err(_) => Outcome::TimedOut,
                },
            };
            tracing::Span::current().record("outcome", outcome.code());
            outcome
        };
        let handled = self.running.spawn(work.instrument(span));
        match handled.await {
            Ok(Outcome::Done) => {}
            Ok(Outcome::Failed(error)) => tracing::warn!(%queue, subject, error, "the handler failed"),
            Ok(Outcome::TimedOut) => tracing::warn!(%queue, subject, ?timeout, "the handler ran out of time"),
            Ok(Outcome::Aborted) => tracing::warn!(%queue, subject, "the handler was cut off by the stop"),
            // The panic's text may hold anything; the panic hook has it.
            Err(_) => tracing::error!(%queue, subject, "the handler panicked"),
        }
    }
}

enum Outcome {
    Done,
    Failed(String),
    TimedOut,
    Aborted,
}

impl Outcome {
    /// How the job's span names it.
    fn code(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed(_) => "failed",
            Self::TimedOut => "timed_out",
            Self::Aborted => "aborted",
        }
    }
}
