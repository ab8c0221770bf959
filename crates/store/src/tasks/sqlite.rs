//! SQLite's connection for the task tables, and whose turn it is to write to the file.

use sqlx::{Sqlite, SqlitePool, Transaction, pool::PoolConnection};

use crate::group::{WriteTurn, Writer};

/// The pool for the task tables. Writers ask for their turn first: two connections that both want to write to one file
/// would sleep in SQLite's busy loop, a millisecond and more each time, where a queue costs nothing.
#[derive(Clone, Debug)]
pub struct SqliteTasks {
    pool: SqlitePool,
    writer: Option<Writer>,
}

impl From<SqlitePool> for SqliteTasks {
    /// A file to which nobody else of this process writes.
    fn from(pool: SqlitePool) -> Self {
        Self { pool, writer: None }
    }
}

impl SqliteTasks {
    /// Beside the writer of the same file.
    pub(crate) fn beside(pool: SqlitePool, writer: Writer) -> Self {
        Self {
            pool,
            writer: Some(writer),
        }
    }

    /// The pool, for reading.
    #[must_use]
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// The turn to write by the pool, for as long as it is held. Keep it no longer than the statements run.
    pub async fn turn(&self) -> Option<WriteTurn> {
        match &self.writer {
            Some(writer) => Some(writer.turn().await),
            None => None,
        }
    }

    /// A connection and the turn to write by it. The turn comes first everywhere, or two would wait for each other.
    pub(super) async fn writing(&self) -> sqlx::Result<(PoolConnection<Sqlite>, Option<WriteTurn>)> {
        let turn = self.turn().await;
        Ok((self.pool.acquire().await?, turn))
    }

    /// A transaction that writes.
    pub async fn begin(&self) -> sqlx::Result<(Transaction<'static, Sqlite>, Option<WriteTurn>)> {
        let turn = self.turn().await;
        Ok((self.pool.begin_with("BEGIN IMMEDIATE").await?, turn))
    }
}
