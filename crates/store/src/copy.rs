//! The move from SQLite to PostgreSQL: every row, value by value, in one read of the source and one transaction of the
//! target.
//!
//! Which tables there are is asked of the databases, so that a new one cannot be forgotten; what is not carried over
//! stands in [`LEFT_OUT`] with its reason. Each row's digest is taken from the source and again from the target, so that
//! what was written is what reads back. The proof of the ledger is the service's.

mod shape;
mod values;

use std::{path::Path, time::Duration};

use futures::TryStreamExt;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions,
};

use crate::error::StoreError;
use shape::Table;
use values::Digest;

pub use shape::{LEFT_OUT, left_out, tables};

/// Rows that are written at a time.
const BATCH: usize = 500;
/// For how long the source is watched for another process's writes: a running server writes every second.
const WATCHED: Duration = Duration::from_millis(2_500);

/// Why a move stopped. The target is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The source changes while it is read.
    #[error("the source is in use: stop `liaison serve` and begin again")]
    InUse,
    /// Something is in the target.
    #[error("the target is not empty: {0} has rows; give a new database")]
    NotEmpty(String),
    /// The source is of another version.
    #[error("the source is not at this version's schema; run `liaison migrate` on it first")]
    Version,
    /// The two schemas differ.
    #[error("the schemas differ at {0}")]
    Shape(String),
    /// What reads back is not what was read.
    #[error("{table} differs after the copy: {source_rows} rows in the source, {target_rows} in the target")]
    Differs {
        /// The table.
        table: String,
        /// Rows read from the source.
        source_rows: u64,
        /// Rows read back from the target.
        target_rows: u64,
    },
    /// A database refused or could not be reached, or a value is not of its column's type.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// Tables in the order in which they were written, with how many rows each has.
    pub tables: Vec<(String, u64)>,
    /// The source's newest checkpoint.
    pub checkpoint: Option<String>,
}

impl Copied {
    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|(_, rows)| rows).sum()
    }
}

/// Copies the SQLite database at `from`, which nobody else may write to, into the empty PostgreSQL database at `to`,
/// whose migrations are applied. The source is only read. `progress` is called before each table with its name.
///
/// # Errors
/// [`CopyError`]; then the target has no rows.
pub async fn copy(from: &Path, to: &str, mut progress: impl FnMut(&str)) -> Result<Copied, CopyError> {
    let mut source = SqliteConnectOptions::new()
        .filename(from)
        .read_only(true)
        .create_if_missing(false)
        .busy_timeout(Duration::from_secs(10))
        .connect()
        .await
        .map_err(failed("open the source"))?;
    let before = data_version(&mut source).await?;
    tokio::time::sleep(WATCHED).await;
    if data_version(&mut source).await? != before {
        return Err(CopyError::InUse);
    }
    let mut target = PgConnection::connect(to)
        .await
        .map_err(|error| StoreError::database("connect", error))?;
    let mut read = source.begin().await.map_err(failed("read the source"))?;
    let mut write = target.begin().await.map_err(failed("write the target"))?;
    let tables = shape::shared(&mut read, &mut write).await?;
    for table in &tables {
        let text = format!("select exists (select 1 from {})", table.quoted());
        let filled: bool = sqlx::query_scalar(AssertSqlSafe(text))
            .fetch_one(&mut *write)
            .await
            .map_err(failed("look into the target"))?;
        if filled {
            return Err(CopyError::NotEmpty(table.name.clone()));
        }
    }
    let mut copied = Copied::default();
    for table in &tables {
        progress(&table.name);
        let sent = send(table, &mut read, &mut write).await?;
        let received = table.digest_of_target(&mut write).await?;
        if sent != received {
            return Err(CopyError::Differs {
                table: table.name.clone(),
                source_rows: sent.rows,
                target_rows: received.rows,
            });
        }
        copied.tables.push((table.name.clone(), sent.rows));
    }
    copied.checkpoint = sqlx::query_scalar("select note from ledger_checkpoint order by tree_size desc limit 1")
        .fetch_optional(&mut *read)
        .await
        .map_err(failed("read the checkpoint"))?;
    read.rollback().await.map_err(failed("read the source"))?;
    // A writer that came meanwhile wrote what is not in the copy.
    if data_version(&mut source).await? != before {
        return Err(CopyError::InUse);
    }
    write.commit().await.map_err(failed("commit"))?;
    // Without its statistics PostgreSQL plans the first queries badly; later it keeps them by itself.
    target.execute("analyze").await.map_err(failed("analyze"))?;
    let _ = target.close().await;
    let _ = source.close().await;
    Ok(copied)
}

/// Reads a table and writes it, then fills in the columns that refer to the table itself.
async fn send(table: &Table, read: &mut SqliteConnection, write: &mut PgConnection) -> Result<Digest, CopyError> {
    let mut digest = Digest::default();
    let (insert, refer) = (table.insert_text(), table.refer_text());
    let text = AssertSqlSafe(table.select_text());
    let mut rows = sqlx::query(text).fetch(read);
    let mut batch = Vec::with_capacity(BATCH);
    let mut later = Vec::new();
    loop {
        let row = rows.try_next().await.map_err(failed("read a row"))?;
        let ended = row.is_none();
        if let Some(row) = row {
            let values = table.values_of_sqlite(&row)?;
            digest.add(&values);
            if let Some(reference) = table.reference(&values) {
                later.push(reference);
            }
            batch.push(values);
        }
        if batch.len() == BATCH || (ended && !batch.is_empty()) {
            let arguments = table.arrays(std::mem::take(&mut batch))?;
            sqlx::query_with(AssertSqlSafe(insert.clone()), arguments)
                .execute(&mut *write)
                .await
                .map_err(failed("write rows"))?;
        }
        if ended {
            break;
        }
    }
    if let Some(refer) = refer {
        for (key, value) in later {
            sqlx::query(AssertSqlSafe(refer.clone()))
                .bind(key)
                .bind(value)
                .execute(&mut *write)
                .await
                .map_err(failed("write a reference"))?;
        }
    }
    Ok(digest)
}

/// A number that changes when another connection commits.
async fn data_version(conn: &mut SqliteConnection) -> Result<i64, StoreError> {
    sqlx::query_scalar("pragma data_version")
        .fetch_one(conn)
        .await
        .map_err(failed("look at the source"))
}

fn failed(what: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| StoreError::database(what, error)
}
