//! Connections and transactions: the only place where statements meet a driver.
//!
//! [`Conn`] reads, on either engine. [`Tx`] is one write transaction; it carries the ledger entries, nudges and events
//! of its use case and writes them with the commit.

use std::ops::{Deref, DerefMut};

use liaison_domain::EntryId;
use sqlx::{AssertSqlSafe, Executor, Postgres, SqlSafeStr, Sqlite, Transaction, pool::PoolConnection};
use uuid::Uuid;

use crate::{
    Store,
    arg::{Arg, IntoArg, postgres_arguments, sqlite_arguments},
    engine::Engine,
    error::{Result, StoreError},
    event::Event,
    group::Turn,
    ledger::NewEntry,
    row::{FromRow, Row},
    sql::{MAX_IDS, Sql},
    tasks::{Nudge, Queue},
};

enum Inner {
    SqliteRead(PoolConnection<Sqlite>),
    PostgresRead(PoolConnection<Postgres>),
    SqliteTx(Turn),
    PostgresTx(Transaction<'static, Postgres>),
}

/// A connection that statements run on.
pub struct Conn {
    inner: Inner,
    store: Store,
    /// Rows to be inserted before the next statement: those that nothing waits for go together.
    queued: Vec<Queued>,
}

/// Rows of one table that wait to be inserted.
struct Queued {
    sql: Sql,
    rows: usize,
    args: Vec<Arg>,
}

/// The most arguments of one statement: PostgreSQL counts them in 16 bits.
const MAX_ARGS: usize = 30_000;

macro_rules! on {
    ($conn:expr, $writes:expr, $args:expr, $c:ident, $a:ident => $body:expr) => {
        match &mut $conn.inner {
            Inner::SqliteRead($c) => {
                let $a = sqlite_arguments($args)?;
                let $c = &mut **$c;
                $body.map(on!(@row Sqlite))
            }
            Inner::PostgresRead($c) => {
                let $a = postgres_arguments($args)?;
                let $c = &mut **$c;
                $body.map(on!(@row Postgres))
            }
            Inner::SqliteTx(turn) => {
                let $a = sqlite_arguments($args)?;
                let rows = match turn.conn($writes) {
                    Ok($c) => $body,
                    Err(error) => Err(error),
                };
                if let Err(error) = &rows {
                    turn.failed(error);
                }
                rows.map(on!(@row Sqlite))
            }
            Inner::PostgresTx($c) => {
                let $a = postgres_arguments($args)?;
                let $c = &mut **$c;
                $body.map(on!(@row Postgres))
            }
        }
    };
    (@row Sqlite) => { |rows| rows.into_iter().map(Row::Sqlite).collect::<Vec<_>>() };
    (@row Postgres) => { |rows| rows.into_iter().map(Row::Postgres).collect::<Vec<_>>() };
}

impl Conn {
    /// The store this connection belongs to.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Which database it is.
    pub fn engine(&self) -> Engine {
        self.store.engine()
    }

    async fn rows(&mut self, sql: Sql, text: std::borrow::Cow<'static, str>, args: Vec<Arg>) -> Result<Vec<Row>> {
        self.flush().await?;
        self.rows_now(sql, text, args).await
    }

    async fn run(&mut self, sql: Sql, text: std::borrow::Cow<'static, str>, args: Vec<Arg>) -> Result<u64> {
        self.flush().await?;
        self.run_now(sql, text, args).await
    }

    /// Inserts the rows that wait, in one round trip: on SQLite as several statements sent together, on PostgreSQL as one
    /// statement of several parts.
    async fn flush(&mut self) -> Result<()> {
        while !self.queued.is_empty() {
            let mut count = 0;
            let mut size = 0;
            while let Some(next) = self.queued.get(count)
                && (count == 0 || size + next.args.len() <= MAX_ARGS)
            {
                size += next.args.len();
                count += 1;
            }
            let batch: Vec<Queued> = self.queued.drain(..count).collect();
            self.insert_now(batch).await?;
        }
        Ok(())
    }

    async fn insert_now(&mut self, batch: Vec<Queued>) -> Result<()> {
        let Some(sql) = batch.first().map(|first| first.sql) else {
            return Ok(());
        };
        let engine = self.engine();
        let expected: usize = batch.iter().map(|part| part.rows).sum();
        let mut texts = Vec::with_capacity(batch.len());
        let mut args = Vec::new();
        for part in batch {
            texts.push(part.sql.text_after(engine, args.len(), part.rows));
            args.extend(part.args);
        }
        let changed = match (engine, texts.as_slice()) {
            (_, [_]) => self.run_now(sql, texts.remove(0), args).await?,
            (Engine::Sqlite, _) => self.run_now(sql, texts.join(";\n").into(), args).await?,
            (Engine::Postgres, _) => {
                let parts: Vec<String> = (0..)
                    .zip(&texts)
                    .map(|(number, text)| format!("part{number} as ({text} returning 1)"))
                    .collect();
                let counts: Vec<String> = (0..texts.len())
                    .map(|number| format!("(select count(*) from part{number})"))
                    .collect();
                let text = format!("with {} select {} as a", parts.join(", "), counts.join(" + "));
                let rows = self.rows_now(sql, text.into(), args).await?;
                let counted: Option<(i64,)> = rows.first().map(FromRow::from_row).transpose()?;
                counted.map_or(0, |(changed,)| changed.unsigned_abs())
            }
        };
        if changed == expected as u64 {
            Ok(())
        } else {
            Err(StoreError::Affected {
                statement: sql.name,
                affected: changed,
                expected: expected as u64,
            })
        }
    }

    async fn rows_now(&mut self, sql: Sql, text: std::borrow::Cow<'static, str>, args: Vec<Arg>) -> Result<Vec<Row>> {
        self.store.count_statement();
        let writes = !text.trim_start().starts_with("select");
        let rows = on!(self, writes, args, c, a => {
            sqlx::query_with(AssertSqlSafe(text), a).fetch_all(c).await
        });
        rows.map_err(|error| StoreError::database(sql.name, error))
    }

    async fn run_now(&mut self, sql: Sql, text: std::borrow::Cow<'static, str>, args: Vec<Arg>) -> Result<u64> {
        self.store.count_statement();
        let query = AssertSqlSafe(text);
        let done = match &mut self.inner {
            Inner::SqliteRead(c) => {
                let arguments = sqlite_arguments(args)?;
                sqlx::query_with(query, arguments)
                    .execute(&mut **c)
                    .await
                    .map(|done| done.rows_affected())
            }
            Inner::SqliteTx(turn) => {
                let arguments = sqlite_arguments(args)?;
                let done = match turn.conn(true) {
                    Ok(c) => sqlx::query_with(query, arguments).execute(c).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = &done {
                    turn.failed(error);
                }
                done.map(|done| done.rows_affected())
            }
            Inner::PostgresRead(c) => {
                let arguments = postgres_arguments(args)?;
                sqlx::query_with(query, arguments)
                    .execute(&mut **c)
                    .await
                    .map(|done| done.rows_affected())
            }
            Inner::PostgresTx(c) => {
                let arguments = postgres_arguments(args)?;
                sqlx::query_with(query, arguments)
                    .execute(&mut **c)
                    .await
                    .map(|done| done.rows_affected())
            }
        };
        done.map_err(|error| StoreError::database(sql.name, error))
    }

    /// Every row.
    pub async fn all<R: FromRow>(&mut self, sql: Sql, args: Vec<Arg>) -> Result<Vec<R>> {
        let text = sql.text(self.engine(), 0, 0, 0);
        self.rows(sql, text, args).await?.iter().map(R::from_row).collect()
    }

    /// The first row, if there is one.
    pub async fn one<R: FromRow>(&mut self, sql: Sql, args: Vec<Arg>) -> Result<Option<R>> {
        let text = sql.text(self.engine(), 0, 0, 0);
        self.rows(sql, text, args).await?.first().map(R::from_row).transpose()
    }

    /// Every row whose key is among `ids` (the text's `{ids}`), after the fixed arguments.
    pub async fn all_in<R: FromRow>(&mut self, sql: Sql, fixed: Vec<Arg>, ids: &[Uuid]) -> Result<Vec<R>> {
        self.all_among(sql, fixed, ids).await
    }

    /// As [`Conn::all_in`], for keys of any type, such as numbers.
    pub async fn all_among<R: FromRow, K: IntoArg + Clone>(
        &mut self,
        sql: Sql,
        fixed: Vec<Arg>,
        keys: &[K],
    ) -> Result<Vec<R>> {
        let mut found = Vec::new();
        for chunk in keys.chunks(MAX_IDS) {
            let padded = Sql::padded(chunk.len());
            let mut args = fixed.clone();
            // The last key again fills the list: a set does not mind.
            let last = chunk.last().into_iter().cycle();
            args.extend(chunk.iter().chain(last).take(padded).cloned().map(IntoArg::into_arg));
            let text = sql.text(self.engine(), fixed.len(), padded, 0);
            for row in self.rows(sql, text, args).await? {
                found.push(R::from_row(&row)?);
            }
        }
        Ok(found)
    }

    /// Runs a statement; the number of rows it changed.
    pub async fn execute(&mut self, sql: Sql, args: Vec<Arg>) -> Result<u64> {
        let text = sql.text(self.engine(), 0, 0, 0);
        self.run(sql, text, args).await
    }

    /// Runs a statement over a set of ids (the text's `{ids}`).
    pub async fn execute_in(&mut self, sql: Sql, fixed: Vec<Arg>, ids: &[Uuid]) -> Result<u64> {
        let mut changed = 0;
        for chunk in ids.chunks(MAX_IDS) {
            let padded = Sql::padded(chunk.len());
            let mut args = fixed.clone();
            let last = chunk.last().into_iter().cycle();
            args.extend(chunk.iter().chain(last).take(padded).map(|id| id.into_arg()));
            let text = sql.text(self.engine(), fixed.len(), padded, 0);
            changed += self.run(sql, text, args).await?;
        }
        Ok(changed)
    }
}

impl Conn {
    /// Asks the database whether it understands a statement, without running it.
    async fn prepare(&mut self, sql: Sql) -> Result<()> {
        let text = AssertSqlSafe(sql.text(self.engine(), sql.fixed(), 8, 2)).into_sql_str();
        let prepared = match &mut self.inner {
            Inner::SqliteRead(c) => (&mut **c).prepare(text).await.map(|_| ()),
            Inner::SqliteTx(turn) => match turn.conn(false) {
                Ok(c) => c.prepare(text).await.map(|_| ()),
                Err(error) => Err(error),
            },
            Inner::PostgresRead(c) => (&mut **c).prepare(text).await.map(|_| ()),
            Inner::PostgresTx(c) => (&mut **c).prepare(text).await.map(|_| ()),
        };
        prepared.map_err(|error| StoreError::database(sql.name, error))
    }
}

impl Store {
    /// Prepares every statement of this crate on this database; each that it does not understand is an error.
    pub async fn check_statements(&self) -> Result<Vec<StoreError>> {
        let mut errors = Vec::new();
        for sql in crate::statements() {
            let mut conn = self.read().await?;
            if let Err(error) = conn.prepare(sql).await {
                errors.push(error);
            }
        }
        Ok(errors)
    }
}

impl IntoArg for &Uuid {
    const NULL: Arg = Arg::Uuid(None);
    fn into_arg(self) -> Arg {
        Arg::Uuid(Some(*self))
    }
}

/// One write transaction. Dropped without [`Tx::commit`], it never happened.
pub struct Tx {
    conn: Conn,
    entries: Vec<NewEntry>,
    nudges: Vec<Nudge>,
    events: Vec<Event>,
}

impl Deref for Tx {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

impl Tx {
    /// Runs a conditional update that must change exactly one row.
    pub async fn change_one(&mut self, sql: Sql, args: Vec<Arg>) -> Result<()> {
        match self.execute(sql, args).await? {
            1 => Ok(()),
            affected => Err(StoreError::Affected {
                statement: sql.name,
                affected,
                expected: 1,
            }),
        }
    }

    /// Inserts rows (the text's `{rows:N}`), together with others that nothing waits for: before the next statement of
    /// this transaction, or with its commit. What the database has against them is the error of that call.
    pub async fn insert_all(&mut self, sql: Sql, rows: Vec<Vec<Arg>>) -> Result<()> {
        const AT_ONCE: usize = 200;
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let chunk: Vec<_> = rows.by_ref().take(AT_ONCE).collect();
            self.conn.queued.push(Queued {
                sql,
                rows: chunk.len(),
                args: chunk.into_iter().flatten().collect(),
            });
        }
        Ok(())
    }

    /// As [`Tx::insert_all`], for one row and a text that names its values itself (`$1`, `$2`, ...).
    pub fn insert_one(&mut self, sql: Sql, args: Vec<Arg>) {
        self.conn.queued.push(Queued { sql, rows: 1, args });
    }

    /// Makes durable what this transaction has seen of others that are being committed together with it: for an answer
    /// that says "this was done before" and ends without a commit. Only before this transaction writes.
    pub async fn settle_earlier(&mut self) -> Result<()> {
        match &mut self.conn.inner {
            Inner::SqliteTx(turn) => turn
                .settle_earlier()
                .await
                .map_err(|error| StoreError::database("commit", error)),
            // PostgreSQL shows a transaction nothing that is not committed.
            _ => Ok(()),
        }
    }

    /// Adds a ledger entry, which is written with the commit.
    pub fn record(&mut self, entry: NewEntry) -> EntryId {
        let id = entry.id;
        self.entries.push(entry);
        id
    }

    /// Adds a nudge for the workers, which is handed over with the commit. The same nudge twice is one.
    pub fn nudge(&mut self, queue: Queue, subject: Option<Uuid>) {
        let nudge = Nudge { queue, subject };
        if !self.nudges.contains(&nudge) {
            self.nudges.push(nudge);
        }
    }

    /// Adds an event for the subscribers, who hear it after the commit.
    pub fn announce(&mut self, event: Event) {
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }

    /// Writes the ledger entries and the nudges, commits, then wakes workers and subscribers.
    pub async fn commit(mut self) -> Result<()> {
        let store = self.conn.store.clone();
        let entries = std::mem::take(&mut self.entries);
        if !entries.is_empty() {
            crate::ledger::insert(&mut self, &entries).await?;
            if store.may_nudge_sequencer() {
                self.nudge(Queue::Sequence, None);
            }
        }
        let nudges = std::mem::take(&mut self.nudges);
        let events = std::mem::take(&mut self.events);
        if store.engine() == Engine::Postgres && !events.is_empty() {
            crate::event::notify(&mut self, &events).await?;
        }
        self.conn.flush().await?;
        let statement = "commit";
        match self.conn.inner {
            Inner::SqliteTx(mut turn) => {
                let failed = |error| StoreError::database(statement, error);
                store.push_sqlite(turn.conn(true).map_err(failed)?, &nudges).await?;
                turn.commit().await.map_err(failed)?;
                store.wake().ring_for(&nudges);
                store.publish(events);
            }
            Inner::PostgresTx(mut tx) => {
                store.push_postgres(&mut tx, &nudges).await?;
                tx.commit()
                    .await
                    .map_err(|error| StoreError::database(statement, error))?;
                store.wake().ring_for(&nudges);
            }
            Inner::SqliteRead(_) | Inner::PostgresRead(_) => {}
        }
        Ok(())
    }
}

impl Store {
    /// Begins a write transaction (`BEGIN IMMEDIATE` on SQLite: a deferred read-then-write would fail as locked).
    pub async fn begin(&self) -> Result<Tx> {
        let inner = match self.pools() {
            crate::Pools::Sqlite { writer, .. } => writer.begin().await.map(Inner::SqliteTx),
            crate::Pools::Postgres(pool) => pool.begin().await.map(Inner::PostgresTx),
        };
        let inner = inner.map_err(|error| StoreError::database("begin", error))?;
        Ok(Tx {
            conn: Conn {
                inner,
                store: self.clone(),
                queued: Vec::new(),
            },
            entries: Vec::new(),
            nudges: Vec::new(),
            events: Vec::new(),
        })
    }

    /// A connection for reading.
    pub async fn read(&self) -> Result<Conn> {
        let inner = match self.pools() {
            crate::Pools::Sqlite { readers, .. } => readers.acquire().await.map(Inner::SqliteRead),
            crate::Pools::Postgres(pool) => pool.acquire().await.map(Inner::PostgresRead),
        };
        Ok(Conn {
            inner: inner.map_err(|error| StoreError::database("acquire", error))?,
            store: self.clone(),
            queued: Vec::new(),
        })
    }
}
