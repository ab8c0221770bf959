//! Whether each queue has a living worker: what readiness asks. Not metrics; those read the tables.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use liaison_store::tasks::Queue;

/// The state of one queue's worker in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueHealth {
    /// Which queue.
    pub queue: Queue,
    /// The worker runs, and its last heartbeat is recent enough that others leave its tasks alone.
    pub alive: bool,
    /// Its last heartbeat, on the monotonic clock; `None` before the first.
    pub last_seen: Option<Instant>,
    /// How often it was started again since the runtime began.
    pub restarts: u32,
}

/// A view of the workers' health that outlives the call to [`crate::Runtime::run`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Health {
    /// Longer than this without a heartbeat, and a worker counts as dead.
    silence: Duration,
    states: Arc<[Mutex<State>; Queue::ALL.len()]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    up: bool,
    last_seen: Option<Instant>,
    restarts: u32,
}

impl Health {
    pub(crate) fn new(silence: Duration) -> Self {
        Self {
            silence,
            states: Arc::default(),
        }
    }

    /// Every queue's health, in the order of [`Queue::ALL`].
    #[must_use]
    pub fn queues(&self) -> Vec<QueueHealth> {
        let report = |queue| {
            let state = *self.state(queue);
            let recent = state.last_seen.is_some_and(|seen| seen.elapsed() < self.silence);
            QueueHealth {
                queue,
                alive: state.up && recent,
                last_seen: state.last_seen,
                restarts: state.restarts,
            }
        };
        Queue::ALL.map(report).to_vec()
    }

    /// Whether every queue has a living worker.
    #[must_use]
    pub fn all_alive(&self) -> bool {
        self.queues().iter().all(|queue| queue.alive)
    }

    pub(crate) fn beat(&self, queue: Queue) {
        let mut state = self.state(queue);
        state.up = true;
        state.last_seen = Some(Instant::now());
    }

    pub(crate) fn down(&self, queue: Queue) {
        self.state(queue).up = false;
    }

    pub(crate) fn restarted(&self, queue: Queue) {
        let mut state = self.state(queue);
        state.restarts = state.restarts.saturating_add(1);
    }

    fn state(&self, queue: Queue) -> MutexGuard<'_, State> {
        self.states[queue as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_alive_from_its_first_beat_until_it_is_down_or_silent() {
        let health = Health::new(Duration::from_millis(40));
        assert!(!health.all_alive());
        for queue in Queue::ALL {
            health.beat(queue);
        }
        assert!(health.all_alive());
        health.down(Queue::Digest);
        let dead: Vec<_> = health
            .queues()
            .into_iter()
            .filter(|q| !q.alive)
            .map(|q| q.queue)
            .collect();
        assert_eq!(dead, [Queue::Digest]);
        std::thread::sleep(Duration::from_millis(60));
        assert!(health.queues().iter().all(|queue| !queue.alive));
    }
}
