//! Task hand-over: nudges pushed inside the caller's transaction, kept in apalis's tables.
//!
//! Rows are the truth, a task is a nudge (docs: "Jobs"). A [`Nudge`] names a queue and at most one
//! row by id; it never carries content, so a lost or doubled one costs a delay or an empty wake-up.
//! This module writes nudges with the rest of a use case's rows, as the row that apalis's own `push_tasks`
//! writes, or by `push_tasks` itself (never by `push`, which opens a transaction of its own), wakes the workers of this process ([`Wake`]) and of others ([`forward_notifications`]),
//! and keeps the task tables small and fast ([`prune`], [`optimize`], [`depth`]).
//!
//! It is not for running workers (the `jobs` crate does) and holds no retry policy: attempts, leases
//! and due times live in the `delivery` and `recipient` rows.
//!
//! What apalis offers and we leave alone: `setup()` (switches `synchronous` off on a pooled
//! connection), idempotency keys (a duplicate aborts the transaction on PostgreSQL), `vacuum()`
//! (deletes by no age), `run_at` for scheduling (whole seconds, and its NOTIFY fires only for due tasks).

mod depth;
pub(crate) mod push;
mod sqlite;
mod upkeep;
mod wake;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sqlx::{PgPool, SqlitePool};
use uuid::Uuid;

pub use depth::{Depth, depth, pending};
pub(crate) use push::push_with;
pub use push::{push, push_postgres, push_sqlite, ulid_text};
pub use sqlite::SqliteTasks;
pub use upkeep::{PruneLimits, Pruned, optimize, prune, release};
pub use wake::{Wake, WakeStream, forward_notifications};

/// The classes of background work. Each has a queue of its own, so that a slow one delays no other.
///
/// The names are written to the database: renaming one strands its tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Queue {
    /// Send one delivery (subject: a delivery or share id), or look for due ones.
    Deliver,
    /// Take the next escalation step of a recipient (subject: a recipient id), or look for due ones.
    Escalate,
    /// Tell people inside Liaison (subject: the id of what happened), or look for what is untold.
    Notify,
    /// Send daily work lists and summaries.
    Digest,
    /// Give ledger entries their index and sign a checkpoint.
    Sequence,
    /// Compare stored state with what should be, and nudge.
    Reconcile,
    /// Remove what has outlived its retention.
    Retain,
}

impl Queue {
    /// Every queue, in the order of declaration.
    pub const ALL: [Self; 7] = [
        Self::Deliver,
        Self::Escalate,
        Self::Notify,
        Self::Digest,
        Self::Sequence,
        Self::Reconcile,
        Self::Retain,
    ];

    /// The name stored with each task (`job_type`), equal to the worker's `Config.queue`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Escalate => "escalate",
            Self::Notify => "notify",
            Self::Digest => "digest",
            Self::Sequence => "sequence",
            Self::Reconcile => "reconcile",
            Self::Retain => "retain",
        }
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Queue {
    type Err = UnknownQueue;

    fn from_str(name: &str) -> Result<Self, UnknownQueue> {
        Self::ALL
            .into_iter()
            .find(|queue| queue.name() == name)
            .ok_or_else(|| UnknownQueue(name.to_owned()))
    }
}

/// A queue name which this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no queue is called {0:?}: the task was written by another version or by hand")]
pub struct UnknownQueue(pub String);

/// A hint that there is work: a queue, and the id of the row it concerns if it concerns one.
///
/// Stored as JSON (`{"queue":"deliver","subject":"0190…"}`). It carries ids only, never PHI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nudge {
    /// Which class of work.
    pub queue: Queue,
    /// The row concerned; `None` means "look for whatever is due".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Uuid>,
}

impl Nudge {
    /// A nudge about one row.
    #[must_use]
    pub const fn about(queue: Queue, subject: Uuid) -> Self {
        Self {
            queue,
            subject: Some(subject),
        }
    }

    /// A nudge to look for whatever is due in `queue`.
    #[must_use]
    pub const fn due(queue: Queue) -> Self {
        Self { queue, subject: None }
    }
}

/// The pool that holds the task tables, on either engine.
///
/// On SQLite the workers have a pool of their own, with one connection (they wait for each other in the
/// pool and not in SQLite's busy loop), a busy timeout of many seconds for the other writers, and
/// `synchronous = NORMAL`: claims and acknowledgments are worth no fsync, and the nudges themselves are
/// pushed through the caller's transaction and are as durable as that is. On PostgreSQL they may share a
/// pool, of which one connection is held for LISTEN.
#[derive(Clone, Debug)]
pub enum TaskPool {
    /// One file, one process.
    Sqlite(SqliteTasks),
    /// A server, many processes.
    Postgres(PgPool),
}

impl TaskPool {
    /// Whether the pool was closed; nothing can be fetched any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Sqlite(tasks) => tasks.pool().is_closed(),
            Self::Postgres(pool) => pool.is_closed(),
        }
    }
}

/// Why the task tables could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The database refused or could not be reached.
    #[error("the task tables cannot be reached: check that the database is up ({0})")]
    Database(#[from] sqlx::Error),
    /// apalis's migrations failed.
    #[error(
        "the task tables cannot be migrated: the database user needs the right to create the schema \
         \"apalis\" and the extensions pgcrypto and hstore (PostgreSQL), or to write the file (SQLite) ({0})"
    )]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A nudge could not be written as JSON.
    #[error("a nudge cannot be written as JSON ({0})")]
    Encode(#[from] serde_json::Error),
    /// apalis reported something that is not a database error.
    #[error("the task library refused a task: {0}")]
    Library(String),
}

/// Bring apalis's tables (`Jobs`, `Workers`) up to date on SQLite.
///
/// # Errors
/// [`TaskError::Migrate`] when a migration fails or the history belongs to another version.
pub async fn migrate_sqlite(pool: &SqlitePool) -> Result<(), TaskError> {
    let mut migrations = apalis_sqlite::SqliteStorage::migrations();
    // A table of its own: the default name is the one any other use of sqlx in this file would take.
    migrations.dangerous_set_table_name("apalis_migrations");
    Ok(migrations.run(pool).await?)
}

/// Bring apalis's tables (schema `apalis`) up to date on PostgreSQL.
///
/// # Errors
/// [`TaskError::Migrate`] when a migration fails, or the user may not create the schema or extensions.
pub async fn migrate_postgres(pool: &PgPool) -> Result<(), TaskError> {
    Ok(apalis_postgres::PostgresStorage::migrations().run(pool).await?)
}

/// Bring apalis's tables up to date, whichever engine it is.
///
/// # Errors
/// As [`migrate_sqlite`] and [`migrate_postgres`].
pub async fn migrate(pool: &TaskPool) -> Result<(), TaskError> {
    match pool {
        TaskPool::Sqlite(tasks) => migrate_sqlite(tasks.pool()).await,
        TaskPool::Postgres(pool) => migrate_postgres(pool).await,
    }
}
