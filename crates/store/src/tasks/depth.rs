//! How much waits in each queue, and for how long: for metrics, readiness and tests.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::push::CLOCK_SKEW_S;
use super::{Nudge, Queue, TaskError, TaskPool};

/// The state of one queue at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Which queue.
    pub queue: Queue,
    /// Tasks that no worker has claimed.
    pub waiting: u64,
    /// Tasks that a worker has claimed and not finished.
    pub claimed: u64,
    /// Age of the oldest task that waits, by `now`; `None` when none waits. Whole seconds, never negative.
    pub oldest: Option<Duration>,
}

const DEPTH_SQLITE: &str = "
    SELECT job_type, status = 'Pending', COUNT(*), MIN(run_at)
    FROM Jobs WHERE status IN ('Pending', 'Queued', 'Running')
    GROUP BY job_type, status = 'Pending'";

const DEPTH_POSTGRES: &str = "
    SELECT job_type, status = 'Pending', COUNT(*), CAST(EXTRACT(EPOCH FROM MIN(run_at)) AS bigint)
    FROM apalis.jobs WHERE status IN ('Pending', 'Queued', 'Running')
    GROUP BY job_type, status = 'Pending'";

/// Depth and age of every queue, in the order of [`Queue::ALL`]; a queue without tasks counts zero.
///
/// # Errors
/// [`TaskError::Database`].
pub async fn depth(pool: &TaskPool, now: DateTime<Utc>) -> Result<Vec<Depth>, TaskError> {
    let rows: Vec<(String, bool, i64, i64)> = match pool {
        TaskPool::Sqlite(tasks) => sqlx::query_as(DEPTH_SQLITE).fetch_all(tasks.pool()).await?,
        TaskPool::Postgres(pool) => sqlx::query_as(DEPTH_POSTGRES).fetch_all(pool).await?,
    };
    let mut depths = Queue::ALL.map(|queue| Depth {
        queue,
        waiting: 0,
        claimed: 0,
        oldest: None,
    });
    for (queue, waiting, count, oldest) in rows {
        // A queue of another version is counted there.
        let Ok(queue) = queue.parse::<Queue>() else { continue };
        let depth = &mut depths[queue as usize];
        let count = u64::try_from(count).unwrap_or(0);
        if waiting {
            let age = now.timestamp() - (oldest + CLOCK_SKEW_S);
            depth.waiting = count;
            depth.oldest = Some(Duration::from_secs(u64::try_from(age).unwrap_or(0)));
        } else {
            depth.claimed = count;
        }
    }
    Ok(depths.to_vec())
}

/// The nudges that are not finished (waiting or claimed), oldest id first, at most `limit`.
///
/// For tests and diagnosis: a test asks it whether a task was forgotten.
///
/// # Errors
/// [`TaskError::Database`], or [`TaskError::Encode`] for a task that is not a nudge.
pub async fn pending(pool: &TaskPool, limit: u32) -> Result<Vec<Nudge>, TaskError> {
    let limit = i64::from(limit);
    let rows: Vec<(Vec<u8>,)> = match pool {
        TaskPool::Sqlite(tasks) => {
            sqlx::query_as("SELECT job FROM Jobs WHERE status IN ('Pending', 'Queued', 'Running') ORDER BY id LIMIT $1")
                .bind(limit)
                .fetch_all(tasks.pool())
                .await?
        }
        TaskPool::Postgres(pool) => {
            sqlx::query_as(
                "SELECT job FROM apalis.jobs WHERE status IN ('Pending', 'Queued', 'Running') ORDER BY id LIMIT $1",
            )
            .bind(limit)
            .fetch_all(pool)
            .await?
        }
    };
    rows.iter().map(|(job,)| Ok(serde_json::from_slice(job)?)).collect()
}
