//! Keeping apalis's tables small and fast. apalis's own `vacuum` deletes finished tasks whatever their
//! age and rewrites the whole file, and it never removes a worker row.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{TaskError, TaskPool};

/// What [`prune`] removes, and how much at a time.
#[derive(Clone, Copy, Debug)]
pub struct PruneLimits {
    /// Finished tasks younger than this stay (for looking back). By the time they were finished.
    pub keep_tasks: Duration,
    /// Worker rows without a sign of life for this long go, once no task names them.
    pub keep_workers: Duration,
    /// Rows for each DELETE, so that no other writer waits long. At least 1.
    pub batch: u32,
    /// DELETEs for each call; what is left is for the next call.
    pub batches: u32,
}

impl Default for PruneLimits {
    /// Three days of finished tasks, a day of dead workers, 20 times 500 rows.
    fn default() -> Self {
        Self {
            keep_tasks: Duration::from_secs(3 * 24 * 3600),
            keep_workers: Duration::from_secs(24 * 3600),
            batch: 500,
            batches: 20,
        }
    }
}

/// What [`prune`] removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Finished tasks.
    pub tasks: u64,
    /// Rows of workers that are gone.
    pub workers: u64,
}

const TASKS_SQLITE: &str = "
    DELETE FROM Jobs WHERE rowid IN (
        SELECT rowid FROM Jobs
        WHERE status IN ('Done', 'Failed', 'Killed') AND done_at IS NOT NULL AND done_at < $1
          AND (status <> 'Failed' OR attempts >= max_attempts)
        LIMIT $2)";

const TASKS_POSTGRES: &str = "
    DELETE FROM apalis.jobs WHERE id IN (
        SELECT id FROM apalis.jobs
        WHERE status IN ('Done', 'Failed', 'Killed') AND done_at < to_timestamp($1)
          AND (status <> 'Failed' OR attempts >= max_attempts)
        LIMIT $2)";

// A worker that a task still names must stay: without its row, apalis never gives the task back.
const WORKERS_SQLITE: &str = "
    DELETE FROM Workers WHERE rowid IN (
        SELECT w.rowid FROM Workers w
        WHERE w.last_seen < $1 AND NOT EXISTS (SELECT 1 FROM Jobs j WHERE j.lock_by = w.id)
        LIMIT $2)";

const WORKERS_POSTGRES: &str = "
    DELETE FROM apalis.workers WHERE id IN (
        SELECT w.id FROM apalis.workers w
        WHERE w.last_seen < to_timestamp($1)
          AND NOT EXISTS (SELECT 1 FROM apalis.jobs j WHERE j.lock_by = w.id)
        LIMIT $2)";

/// Delete finished tasks and dead worker rows that are older than the limits, in bounded batches.
/// Unfinished tasks stay, whatever their age.
///
/// # Errors
/// [`TaskError::Database`]; batches before it stay deleted.
pub async fn prune(pool: &TaskPool, now: DateTime<Utc>, limits: PruneLimits) -> Result<Pruned, TaskError> {
    let before = |age: Duration| now.timestamp().saturating_sub_unsigned(age.as_secs());
    let (tasks_sql, workers_sql) = match pool {
        TaskPool::Sqlite(_) => (TASKS_SQLITE, WORKERS_SQLITE),
        TaskPool::Postgres(_) => (TASKS_POSTGRES, WORKERS_POSTGRES),
    };
    Ok(Pruned {
        tasks: delete_batches(pool, tasks_sql, before(limits.keep_tasks), limits).await?,
        workers: delete_batches(pool, workers_sql, before(limits.keep_workers), limits).await?,
    })
}

async fn delete_batches(
    pool: &TaskPool,
    sql: &'static str,
    before: i64,
    limits: PruneLimits,
) -> Result<u64, TaskError> {
    let batch = i64::from(limits.batch.max(1));
    let mut total = 0;
    for _ in 0..limits.batches {
        let deleted = match pool {
            TaskPool::Sqlite(tasks) => {
                let (mut conn, _turn) = tasks.writing().await?;
                sqlx::query(sql)
                    .bind(before)
                    .bind(batch)
                    .execute(&mut *conn)
                    .await?
                    .rows_affected()
            }
            TaskPool::Postgres(pool) => sqlx::query(sql)
                .bind(before)
                .bind(batch)
                .execute(pool)
                .await?
                .rows_affected(),
        };
        total += deleted;
        if deleted < u64::from(limits.batch.max(1)) {
            break;
        }
    }
    Ok(total)
}

/// Give the planner statistics of the task table.
///
/// Without them SQLite picks a wrong index for the acknowledgment (660 a second instead of 19,600).
/// Call it once rows exist and again now and then; it looks at 1,000 rows an index at most.
///
/// # Errors
/// [`TaskError::Database`].
pub async fn optimize(pool: &TaskPool) -> Result<(), TaskError> {
    match pool {
        TaskPool::Sqlite(tasks) => {
            // Two statements, one connection: the limit is a setting of the connection.
            let (mut conn, _turn) = tasks.writing().await?;
            sqlx::query("PRAGMA analysis_limit = 1000").execute(&mut *conn).await?;
            sqlx::query("ANALYZE Jobs").execute(&mut *conn).await?;
        }
        TaskPool::Postgres(pool) => {
            sqlx::query("ANALYZE apalis.jobs").execute(pool).await?;
        }
    }
    Ok(())
}

/// Give back at once what a worker that has ended still holds, so that nobody waits for its heartbeat
/// to be missed. Returns how many tasks wait again.
///
/// Only for a name whose worker is known to be gone and will not come back.
///
/// # Errors
/// [`TaskError::Database`]; then the tasks come back when the heartbeat is missed.
pub async fn release(pool: &TaskPool, worker: &str) -> Result<u64, TaskError> {
    Ok(match pool {
        TaskPool::Sqlite(tasks) => {
            let (mut conn, _turn) = tasks.writing().await?;
            sqlx::query(
                "UPDATE Jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL
                 WHERE lock_by = $1 AND status IN ('Queued', 'Running')",
            )
            .bind(worker)
            .execute(&mut *conn)
            .await?
            .rows_affected()
        }
        TaskPool::Postgres(pool) => sqlx::query(
            "UPDATE apalis.jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL
             WHERE lock_by = $1 AND status IN ('Queued', 'Running')",
        )
        .bind(worker)
        .execute(pool)
        .await?
        .rows_affected(),
    })
}
