//! SQLite's connection for the task tables, and whose turn it is to write to the file.

use sqlx::{Sqlite, SqlitePool, Transaction, pool::PoolConnection};

use crate::group::{WriteTurn, Writer};

const BEGIN: &str = "BEGIN IMMEDIATE";

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
        let mut begun = self.pool.begin_with(BEGIN).await;
        if matches!(begun, Err(sqlx::Error::InvalidSavePointStatement)) {
            // A full disk: SQLite has ended the transaction itself, so that the driver's rollback failed, and the driver
            // takes it for open from then on. Closing the connection ends whatever it may be in.
            self.pool.acquire().await?.close().await.ok();
            begun = self.pool.begin_with(BEGIN).await;
        }
        Ok((begun?, turn))
    }
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

    use super::*;

    #[tokio::test]
    async fn a_full_disk_spoils_no_connection() {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteConnectOptions::new()
            .filename(folder.path().join("tasks"))
            .create_if_missing(true);
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(file)
            .await
            .unwrap();
        sqlx::query("create table t (b blob)").execute(&pool).await.unwrap();
        let tasks = SqliteTasks::from(pool.clone());
        let (mut tx, _turn) = tasks.begin().await.unwrap();
        // The file may not grow, as on a full disk.
        sqlx::query("pragma max_page_count = 1")
            .execute(&mut *tx)
            .await
            .unwrap();
        let full = sqlx::query("insert into t values (zeroblob(100000))")
            .execute(&mut *tx)
            .await;
        assert_eq!(full.unwrap_err().as_database_error().unwrap().code().unwrap(), "13");
        drop(tx);
        let spoilt = pool.begin_with(BEGIN).await.err();
        assert!(
            matches!(spoilt, Some(sqlx::Error::InvalidSavePointStatement)),
            "{spoilt:?}"
        );

        let (mut tx, _turn) = tasks.begin().await.unwrap();
        sqlx::query("insert into t values (zeroblob(100000))")
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let kept: i64 = sqlx::query_scalar("select count(*) from t")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(kept, 1);
    }
}
