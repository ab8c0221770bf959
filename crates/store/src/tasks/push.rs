//! Pushing nudges inside the caller's open transaction. Not for opening one.

use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::TaskId;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, SqliteConnection};

use super::{Nudge, Queue, TaskError, TaskPool};
use crate::{args, sql::sql, tx::Tx};

/// Seconds by which `run_at` is set back. A nudge is due at once; PostgreSQL compares `run_at` with its
/// own clock and sends no NOTIFY for a task of the future, so a database whose clock runs a little
/// behind ours must not turn each wake-up into a wait for the next poll.
pub(super) const CLOCK_SKEW_S: i64 = 60;

/// One try. A handler's failure is kept in our rows; a Failed task that may try again is fetched at
/// once, in a loop.
const MAX_ATTEMPTS: usize = 1;

sql! {
    // The row that apalis's own push_tasks writes; a test compares the two.
    INSERT = sqlite "insert into Jobs (job, id, job_type, status, attempts, max_attempts, run_at, priority, metadata)
        values ($1, $2, $3, 'Pending', 0, $4, $5, 0, '{}')"
    postgres "insert into apalis.jobs (job, id, job_type, status, attempts, max_attempts, run_at, priority, metadata)
        values ($1, $2, $3, 'Pending', 0, $4, to_timestamp($5::bigint), 0, ''::hstore)";
}

/// Adds nudges to what the caller's transaction writes with its commit, in the same round trip.
///
/// # Errors
/// [`TaskError::Encode`].
pub(crate) fn push_with(
    tx: &mut Tx,
    nudges: &[Nudge],
    now: DateTime<Utc>,
    mut id: impl FnMut() -> u128,
) -> Result<(), TaskError> {
    let run_at = now.timestamp() - CLOCK_SKEW_S;
    for nudge in nudges {
        let job = serde_json::to_vec(nudge)?;
        let attempts = i32::try_from(MAX_ATTEMPTS).unwrap_or(1);
        tx.insert_one(
            INSERT,
            args![job, ulid_text(id()), nudge.queue.name(), attempts, run_at],
        );
    }
    Ok(())
}

/// The 26 characters of a ULID (Crockford base 32, <https://github.com/ulid/spec>). Every `u128` is one.
///
/// apalis sorts by it and refuses to read a task back whose id is anything else.
#[must_use]
pub fn ulid_text(id: u128) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    (0..26)
        .rev()
        .map(|place| char::from(ALPHABET[((id >> (place * 5)) & 31) as usize]))
        .collect()
}

/// Push nudges through the caller's transaction on SQLite; ring [`super::Wake`] after the COMMIT.
///
/// `now` is the system's time (apalis reads the system clock when it fetches: a task dated by a clock
/// more than a minute ahead of it waits until then). `id` gives 128 bits that are unique in the table,
/// in the order of time where possible (a ULID, or the bits of a UUID of version 7). The same nudge
/// twice is two tasks.
///
/// # Errors
/// [`TaskError::Database`]; on SQLite the transaction stays usable, on PostgreSQL it is aborted as
/// after any error.
pub async fn push_sqlite(
    conn: &mut SqliteConnection,
    nudges: &[Nudge],
    now: DateTime<Utc>,
    mut id: impl FnMut() -> u128 + Send,
) -> Result<(), TaskError> {
    for (queue, tasks) in by_queue(nudges, now, &mut id)? {
        apalis_sqlite::queries::push_tasks(conn, queue.name(), &tasks).await?;
    }
    Ok(())
}

/// Push nudges through the caller's transaction on PostgreSQL; its NOTIFY goes out at the COMMIT.
///
/// Arguments and errors as for [`push_sqlite`].
///
/// # Errors
/// [`TaskError::Database`].
pub async fn push_postgres(
    conn: &mut PgConnection,
    nudges: &[Nudge],
    now: DateTime<Utc>,
    mut id: impl FnMut() -> u128 + Send,
) -> Result<(), TaskError> {
    for (queue, tasks) in by_queue(nudges, now, &mut id)? {
        apalis_postgres::queries::push_tasks(conn, queue.name(), tasks).await?;
    }
    Ok(())
}

/// Push nudges in a transaction of their own: for the reconciler, which changes no row. Use cases push
/// through their own transaction instead.
///
/// # Errors
/// [`TaskError::Database`]; then none was pushed.
pub async fn push(
    pool: &TaskPool,
    nudges: &[Nudge],
    now: DateTime<Utc>,
    id: impl FnMut() -> u128 + Send,
) -> Result<(), TaskError> {
    if nudges.is_empty() {
        return Ok(());
    }
    match pool {
        TaskPool::Sqlite(tasks) => {
            let (mut tx, _turn) = tasks.begin().await?;
            push_sqlite(&mut tx, nudges, now, id).await?;
            tx.commit().await?;
        }
        TaskPool::Postgres(pool) => {
            let mut tx = pool.begin().await?;
            push_postgres(&mut tx, nudges, now, id).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

/// A task as apalis stores it.
type Encoded = Task<Vec<u8>>;

/// apalis takes one queue a call: sort the nudges by queue, keeping their order within each.
fn by_queue(
    nudges: &[Nudge],
    now: DateTime<Utc>,
    id: &mut (impl FnMut() -> u128 + Send),
) -> Result<Vec<(Queue, Vec<Encoded>)>, TaskError> {
    let run_at = u64::try_from(now.timestamp() - CLOCK_SKEW_S).unwrap_or(0);
    let mut sorted: Vec<(Queue, Vec<Encoded>)> = Vec::new();
    for nudge in nudges {
        let task = TaskBuilder::new(serde_json::to_vec(nudge)?)
            .task_id(TaskId::from_string(ulid_text(id())))
            .max_attempts(MAX_ATTEMPTS)
            .run_at_timestamp(run_at)
            .build();
        match sorted.iter_mut().find(|(queue, _)| *queue == nudge.queue) {
            Some((_, tasks)) => tasks.push(task),
            None => sorted.push((nudge.queue, vec![task])),
        }
    }
    Ok(sorted)
}

impl From<apalis_sqlite::Error> for TaskError {
    fn from(error: apalis_sqlite::Error) -> Self {
        match error {
            apalis_sqlite::Error::Database(error) => Self::Database(error),
            other => Self::Library(other.to_string()),
        }
    }
}

impl From<apalis_postgres::Error> for TaskError {
    fn from(error: apalis_postgres::Error) -> Self {
        match error {
            apalis_postgres::Error::Database(error) => Self::Database(error),
            other => Self::Library(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ulid_text;

    #[test]
    fn ulid_text_follows_the_specification() {
        assert_eq!(ulid_text(0), "00000000000000000000000000");
        assert_eq!(ulid_text(u128::MAX), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        assert_eq!(ulid_text(33), "00000000000000000000000011");
        assert!(ulid_text(1 << 80) < ulid_text((1 << 80) + 1));
    }
}
