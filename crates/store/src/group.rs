//! One durable commit for the use cases that come together, on SQLite.
//!
//! SQLite has one writer, and what a small commit costs is mostly the commit. So who has written its part does not commit
//! at once: it lets those that wait for the writer already go on in the same transaction, each behind a savepoint of its
//! own, and then one COMMIT makes them all durable. With nobody waiting the commit follows at once.
//!
//! - Nobody is told that their act happened before the COMMIT that holds it has succeeded; when it fails, all of them fail.
//! - A use case that ends without its commit is rolled back to its savepoint, and takes nothing of the others with it.
//! - Who comes later in the group sees what the earlier ones wrote, as they would after their commit. An answer that says
//!   "this was done before" waits until that is durable: see [`Turn::settle_earlier`].
//! - A turn opens with its first statement, in the same round trip to the driver's thread: BEGIN, or a savepoint. There is
//!   one savepoint at a time: the next turn releases that of the one before, whose part is then the group's.
//! - A failure after which SQLite may have ended the transaction itself (disk full, input or output) ends the whole group.
//!
//! PostgreSQL groups the commits of its sessions itself and needs none of this.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

/// The one connection that writes, and who stands in line for it (first come, first served).
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pool: SqlitePool,
    group: Arc<Mutex<Group>>,
    /// Microseconds that each COMMIT takes longer; nothing but measurements sets it.
    slowed: Arc<AtomicU64>,
}

/// The transaction that is open, and who is part of it.
#[derive(Debug, Default)]
struct Group {
    /// Kept for as long as it works.
    conn: Option<PoolConnection<Sqlite>>,
    open: bool,
    /// Whether the savepoint of an earlier turn stands.
    savepoint: bool,
    /// Those that have written their part and wait for the COMMIT.
    members: Vec<oneshot::Sender<Result<(), String>>>,
}

/// One use case's turn at the writer. Dropped without [`Turn::commit`], it wrote nothing.
pub(crate) struct Turn {
    writer: Writer,
    /// Taken when the turn ends.
    group: Option<OwnedMutexGuard<Group>>,
    /// Whether the turn's first statement has begun it.
    opened: bool,
    /// Whether the turn stands behind a savepoint of its own.
    behind_savepoint: bool,
    wrote: bool,
    broken: bool,
}

/// The right to write to the file by another connection: nobody else does meanwhile, and no group is open.
#[derive(Debug)]
pub struct WriteTurn {
    _held: OwnedMutexGuard<Group>,
}

impl Writer {
    /// A writer over a pool of one connection.
    pub(crate) fn new(pool: SqlitePool) -> Self {
        Self {
            pool,
            group: Arc::default(),
            slowed: Arc::default(),
        }
    }

    /// The pool behind it, for what is done before the first turn.
    pub(crate) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Waits for the turn. It opens with its first statement: see [`Turn::opening`].
    pub(crate) async fn begin(&self) -> sqlx::Result<Turn> {
        let mut group = self.group.clone().lock_owned().await;
        if group.conn.is_none() {
            group.conn = Some(self.pool.acquire().await?);
        }
        Ok(Turn {
            writer: self.clone(),
            group: Some(group),
            opened: false,
            behind_savepoint: false,
            wrote: false,
            broken: false,
        })
    }

    /// Waits for the turn to write by another connection; commits what is open before.
    pub(crate) async fn turn(&self) -> WriteTurn {
        let mut held = self.group.clone().lock_owned().await;
        held.end(self.slowed()).await;
        WriteTurn { _held: held }
    }

    /// Commits what is open and closes the connection.
    pub(crate) async fn close(&self) {
        let mut group = self.group.clone().lock_owned().await;
        group.end(Duration::ZERO).await;
        group.conn = None;
        drop(group);
        self.pool.close().await;
    }

    async fn settle(self) {
        self.group.clone().lock_owned().await.end(self.slowed()).await;
    }

    /// Makes each COMMIT take this much longer, as on a plain disk.
    pub(crate) fn slow_commits(&self, by: Duration) {
        self.slowed
            .store(u64::try_from(by.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn slowed(&self) -> Duration {
        Duration::from_micros(self.slowed.load(Ordering::Relaxed))
    }
}

async fn run(conn: &mut SqliteConnection, statement: String) -> sqlx::Result<()> {
    // With (no) arguments, so that the prepared statement is kept.
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .execute(conn)
        .await
        .map(|_| ())
}

impl Group {
    async fn execute(&mut self, statement: impl Into<String>) -> sqlx::Result<()> {
        match self.conn.as_mut() {
            Some(conn) => run(conn, statement.into()).await,
            None => Err(sqlx::Error::PoolClosed),
        }
    }

    /// Ends the open transaction: by COMMIT where somebody waits for it.
    async fn end(&mut self, slowed: Duration) {
        if !self.open {
            return;
        }
        if self.members.is_empty() {
            return self.roll_back("nobody waited for it").await;
        }
        if !slowed.is_zero() {
            tokio::time::sleep(slowed).await;
        }
        match self.execute("commit").await {
            Ok(()) => {
                self.open = false;
                self.savepoint = false;
                for member in self.members.drain(..) {
                    // Who went away has nobody to tell.
                    let _ = member.send(Ok(()));
                }
            }
            Err(error) => self.roll_back(&error.to_string()).await,
        }
    }

    /// Takes back everything of the group, and says so to its members.
    async fn roll_back(&mut self, why: &str) {
        // It fails where SQLite has ended the transaction itself, or where it was never begun.
        if self.execute("rollback").await.is_err() {
            // A connection of which we do not know how it stands is not used again; closing it rolls back.
            self.conn.take().map(PoolConnection::detach);
        }
        self.open = false;
        self.savepoint = false;
        for member in self.members.drain(..) {
            let _ = member.send(Err(why.to_owned()));
        }
    }

    /// Takes back what the turn that just ended wrote.
    async fn take_back(&mut self, behind_savepoint: bool, broken: bool) {
        if self.members.is_empty() {
            return self.roll_back("").await;
        }
        // Where the savepoint was not made, nothing was written either.
        let undone = self.execute("rollback to turn").await;
        if broken || (behind_savepoint && undone.is_err()) {
            self.roll_back("an act in the same commit failed, and the database took all of it back")
                .await;
        }
    }
}

/// Results after which a transaction goes on: ERROR (a text that is no statement), CONSTRAINT, MISMATCH, RANGE.
const HARMLESS: [u32; 4] = [1, 19, 20, 25];

impl Turn {
    /// What must run before the turn's first statement: nothing later on.
    pub(crate) fn opening(&mut self) -> Option<&'static str> {
        if self.opened {
            return None;
        }
        let group = self.group.as_mut()?;
        self.opened = true;
        if !group.open {
            group.open = true;
            return Some("begin immediate");
        }
        self.behind_savepoint = true;
        if std::mem::replace(&mut group.savepoint, true) {
            Some("release turn;\nsavepoint turn")
        } else {
            Some("savepoint turn")
        }
    }

    /// The connection, to write (or only to read) by.
    pub(crate) fn conn(&mut self, writes: bool) -> sqlx::Result<&mut SqliteConnection> {
        self.wrote |= writes;
        self.group
            .as_mut()
            .and_then(|group| group.conn.as_mut())
            .map(|conn| &mut **conn)
            .ok_or(sqlx::Error::PoolClosed)
    }

    /// Notes that a statement failed. Where that may have ended SQLite's transaction, the group cannot go on.
    pub(crate) fn failed(&mut self, error: &sqlx::Error) {
        self.broken |= match error {
            sqlx::Error::Database(error) => {
                // The low byte of an extended result code is its primary one (sqlite.org/rescode.html).
                let code = error.code().and_then(|code| code.parse::<u32>().ok());
                !code.is_some_and(|code| HARMLESS.contains(&(code & 0xff)))
            }
            sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => true,
            // A value that does not bind, a row that does not read.
            _ => false,
        };
    }

    /// Makes durable what the others of the group wrote before: for an answer that rests on it and ends without a commit
    /// of its own. Nothing happens where this turn has written already: its own commit says the same.
    pub(crate) async fn settle_earlier(&mut self) -> sqlx::Result<()> {
        let Some(group) = self.group.as_mut() else {
            return Err(sqlx::Error::PoolClosed);
        };
        if !self.behind_savepoint || self.wrote {
            return Ok(());
        }
        group.end(self.writer.slowed()).await;
        self.behind_savepoint = false;
        self.opened = false;
        Ok(())
    }

    /// Joins the group and waits until its COMMIT has made it durable.
    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        if self.broken {
            return Err(sqlx::Error::Protocol(
                "a statement of this transaction failed".to_owned(),
            ));
        }
        let Some(mut group) = self.group.take() else {
            return Err(sqlx::Error::PoolClosed);
        };
        if !self.opened {
            // Nothing was read or written.
            return Ok(());
        }
        let (sender, receiver) = oneshot::channel();
        group.members.push(sender);
        let is_first = group.members.len() == 1;
        drop(group);
        if is_first {
            // In line behind all who wait already. In a task of its own, so that nothing that ends a caller ends it.
            tokio::spawn(self.writer.clone().settle());
        }
        match receiver.await {
            Ok(Ok(())) => Ok(()),
            // No fault of this act: the disk's, or another's in the same commit. Trying again may work.
            Ok(Err(why)) => Err(sqlx::Error::Io(std::io::Error::other(why))),
            Err(_) => Err(sqlx::Error::WorkerCrashed),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(mut group) = self.group.take() else { return };
        if !self.opened {
            return;
        }
        let (behind_savepoint, broken) = (self.behind_savepoint, self.broken);
        match tokio::runtime::Handle::try_current() {
            // Before the next one's turn: the place in line goes along.
            Ok(runtime) => drop(runtime.spawn(async move { group.take_back(behind_savepoint, broken).await })),
            Err(_) => {
                group.conn.take().map(PoolConnection::detach);
                group.open = false;
                group.savepoint = false;
                group.members.clear();
            }
        }
    }
}
