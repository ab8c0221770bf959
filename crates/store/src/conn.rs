//! Connections: the only place where statements meet a driver.
//!
//! [`Conn`] reads and runs statements, on either engine. What a transaction is stands in `tx`, and how its changes go
//! together in `later`.

use std::{any::Any, collections::HashMap};

use sqlx::{AssertSqlSafe, Executor, Postgres, SqlSafeStr, Sqlite, Transaction, pool::PoolConnection};
use uuid::Uuid;

use crate::{
    Store,
    arg::{Arg, IntoArg, postgres_arguments, sqlite_arguments},
    engine::Engine,
    error::{Result, StoreError},
    group::Turn,
    later::Queued,
    row::{FromRow, Row},
    sql::{MAX_IDS, Sql},
};

pub(crate) enum Inner {
    SqliteRead(PoolConnection<Sqlite>),
    PostgresRead(PoolConnection<Postgres>),
    SqliteTx(Turn),
    PostgresTx(Transaction<'static, Postgres>),
}

/// A connection that statements run on.
pub struct Conn {
    pub(crate) inner: Inner,
    pub(crate) store: Store,
    /// What is to run before the next statement: changes that nothing waits for go together.
    pub(crate) queued: Vec<Queued>,
    /// Answers of the directory that are good for this transaction, where it said so.
    pub(crate) remembered: Option<Remembered>,
}

/// Rows by the statement and its arguments.
pub(crate) type Remembered = HashMap<(&'static str, String), Box<dyn Any + Send + Sync>>;

/// Where the directory's statements stand.
const DIRECTORY: &str = "liaison_store::directory::";

/// A row's type, as a connection reads it.
pub trait Record: FromRow + Clone + Send + Sync + 'static {}
impl<R: FromRow + Clone + Send + Sync + 'static> Record for R {}

macro_rules! on {
    ($conn:expr, $writes:expr, $text:ident, $args:expr, $c:ident, $a:ident => $body:expr) => {
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
                if let Some(opening) = turn.opening() {
                    $text = format!("{opening};\n{}", $text).into();
                }
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

    pub(crate) async fn rows_now(
        &mut self,
        sql: Sql,
        mut text: std::borrow::Cow<'static, str>,
        args: Vec<Arg>,
    ) -> Result<Vec<Row>> {
        self.store.count_statement();
        let writes = !text.trim_start().starts_with("select");
        let rows = on!(self, writes, text, args, c, a => {
            sqlx::query_with(AssertSqlSafe(text), a).fetch_all(c).await
        });
        rows.map_err(|error| StoreError::database(sql.name, error))
    }

    pub(crate) async fn run_now(
        &mut self,
        sql: Sql,
        text: std::borrow::Cow<'static, str>,
        args: Vec<Arg>,
    ) -> Result<u64> {
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
                let opening = turn.opening();
                let done = match turn.conn(true) {
                    Ok(c) => execute_after(opening, query, arguments, c).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = &done {
                    turn.failed(error);
                }
                done
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
    pub async fn all<R: Record>(&mut self, sql: Sql, args: Vec<Arg>) -> Result<Vec<R>> {
        let text = sql.text(self.engine(), 0, 0, 0);
        self.read_rows(sql, text, args).await
    }

    /// The first row, if there is one.
    pub async fn one<R: Record>(&mut self, sql: Sql, args: Vec<Arg>) -> Result<Option<R>> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// Every row whose key is among `ids` (the text's `{ids}`), after the fixed arguments.
    pub async fn all_in<R: Record>(&mut self, sql: Sql, fixed: Vec<Arg>, ids: &[Uuid]) -> Result<Vec<R>> {
        self.all_among(sql, fixed, ids).await
    }

    /// As [`Conn::all_in`], for keys of any type, such as numbers.
    pub async fn all_among<R: Record, K: IntoArg + Clone>(
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
            found.extend(self.read_rows(sql, text, args).await?);
        }
        Ok(found)
    }

    async fn read_rows<R: Record>(
        &mut self,
        sql: Sql,
        text: std::borrow::Cow<'static, str>,
        args: Vec<Arg>,
    ) -> Result<Vec<R>> {
        let key = self
            .remembered
            .is_some()
            .then_some(sql.name)
            .filter(|name| name.starts_with(DIRECTORY))
            .map(|name| {
                // One transaction happens at one time, however long it takes.
                let lasting: Vec<&Arg> = args.iter().filter(|arg| !matches!(arg, Arg::Time(_))).collect();
                (name, format!("{lasting:?}"))
            });
        let known = key.as_ref().and_then(|key| self.remembered.as_ref()?.get(key));
        if let Some(rows) = known.and_then(|rows| rows.downcast_ref::<Vec<R>>()) {
            return Ok(rows.clone());
        }
        let rows = match &key {
            // What waits to be changed is not the directory's.
            Some(_) => self.rows_now(sql, text, args).await?,
            None => self.rows(sql, text, args).await?,
        };
        let rows: Vec<R> = rows.iter().map(R::from_row).collect::<Result<_>>()?;
        if let (Some(key), Some(remembered)) = (key, self.remembered.as_mut()) {
            remembered.insert(key, Box::new(rows.clone()));
        }
        Ok(rows)
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

/// Runs a statement on SQLite, after what opens its turn; how many rows it changed.
async fn execute_after(
    opening: Option<&'static str>,
    query: AssertSqlSafe<std::borrow::Cow<'static, str>>,
    arguments: sqlx::sqlite::SqliteArguments,
    conn: &mut sqlx::SqliteConnection,
) -> sqlx::Result<u64> {
    if let Some(opening) = opening {
        sqlx::query(opening).execute(&mut *conn).await?;
    }
    let done = sqlx::query_with(query, arguments).execute(conn).await?;
    Ok(done.rows_affected())
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

impl Store {
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
            remembered: None,
        })
    }
}
