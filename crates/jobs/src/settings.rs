//! How many, how long, how often. Defaults suit one clinic on one machine.

use std::time::Duration;

use liaison_store::tasks::{PruneLimits, Queue};

/// Settings of one queue's worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// Tasks handled at once in this process; more are not claimed. At least 1.
    pub concurrency: usize,
    /// Longest time for one task; then its future is dropped. More than zero.
    pub timeout: Duration,
    /// Heartbeat, and with it the poll that finds what no wake-up announced. More than zero.
    pub poll: Duration,
}

/// Settings of a [`crate::Runtime`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// What this process is (`server`, `worker`); the first part of worker names.
    pub role: String,
    /// Where it runs; the second part of worker names.
    pub host: String,
    /// How long a worker may be silent before others take its tasks and readiness turns red. At least
    /// twice the longest poll; best not below the grace, since a worker that stops is silent.
    pub silence: Duration,
    /// Between two looks for due rows. More than zero.
    pub reconcile_every: Duration,
    /// Between two rounds of pruning and statistics. More than zero.
    pub upkeep_every: Duration,
    /// What upkeep removes.
    pub prune: PruneLimits,
    /// Pause before a failed worker is started again; doubled at each failure in a row.
    pub restart_after: Duration,
    /// The longest such pause.
    pub restart_after_at_most: Duration,
    /// Failures in a row (none of them after a steady minute) which are borne; one more ends the runtime,
    /// so that whoever supervises the process can start it afresh.
    pub restarts: u32,
    /// Time for running handlers to finish after a stop was asked for.
    pub grace: Duration,
    queues: [QueueSettings; Queue::ALL.len()],
}

impl Settings {
    /// The defaults, for a process called `role` on `host`.
    #[must_use]
    pub fn new(role: impl Into<String>, host: impl Into<String>) -> Self {
        Self {
            role: role.into(),
            host: host.into(),
            silence: Duration::from_secs(30),
            reconcile_every: Duration::from_secs(3),
            upkeep_every: Duration::from_secs(600),
            prune: PruneLimits::default(),
            restart_after: Duration::from_millis(250),
            restart_after_at_most: Duration::from_secs(2),
            // More than ten minutes without a database.
            restarts: 300,
            grace: Duration::from_secs(30),
            queues: Queue::ALL.map(default_for),
        }
    }

    /// The settings of one queue.
    #[must_use]
    pub fn queue(&self, queue: Queue) -> QueueSettings {
        self.queues[queue as usize]
    }

    /// Change the settings of one queue.
    #[must_use]
    pub fn with_queue(mut self, queue: Queue, settings: QueueSettings) -> Self {
        self.queues[queue as usize] = settings;
        self
    }

    /// Change the settings of every queue.
    #[must_use]
    pub fn map_queues(mut self, change: impl FnMut(QueueSettings) -> QueueSettings) -> Self {
        self.queues = self.queues.map(change);
        self
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        for queue in Queue::ALL {
            let settings = self.queue(queue);
            if settings.concurrency == 0 {
                return Err(SettingsError::NoConcurrency(queue));
            }
            if settings.timeout.is_zero() || settings.poll.is_zero() {
                return Err(SettingsError::NoTime(queue));
            }
            if self.silence < settings.poll * 2 {
                return Err(SettingsError::Silence(queue));
            }
        }
        if self.reconcile_every.is_zero() || self.upkeep_every.is_zero() {
            return Err(SettingsError::NoInterval);
        }
        Ok(())
    }
}

/// Seconds of timeout stay within [`Settings::grace`], so that a stop can wait for every handler.
fn default_for(queue: Queue) -> QueueSettings {
    let (concurrency, timeout, poll) = match queue {
        Queue::Deliver => (16, 30, 1),
        Queue::Notify => (4, 30, 1),
        Queue::Escalate => (4, 20, 1),
        Queue::Sequence => (1, 20, 1),
        Queue::Digest | Queue::Reconcile | Queue::Retain => (1, 30, 5),
    };
    QueueSettings {
        concurrency,
        timeout: Duration::from_secs(timeout),
        poll: Duration::from_secs(poll),
    }
}

/// Settings that cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A queue may do nothing at once.
    #[error("queue {0}: set its concurrency to 1 or more")]
    NoConcurrency(Queue),
    /// A queue's timeout or poll is zero.
    #[error("queue {0}: set its timeout and poll to more than zero")]
    NoTime(Queue),
    /// A worker would look dead between two heartbeats.
    #[error("queue {0}: set silence to at least twice its poll")]
    Silence(Queue),
    /// An interval of the runtime is zero.
    #[error("set reconcile_every and upkeep_every to more than zero")]
    NoInterval,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_minutes_without_a_database_are_borne_and_the_end_of_them_is_seen_at_once() {
        let settings = Settings::new("server", "here");
        assert!(settings.restart_after_at_most <= Duration::from_secs(2));
        // The first pauses double from a quarter of a second and add up to little.
        assert!(settings.restart_after_at_most * settings.restarts >= Duration::from_secs(600));
        assert!(settings.check().is_ok());
    }
}
