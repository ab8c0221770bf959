//! A look into the database beside the processes: what is under way, what waits, what stands there at the end. Reads
//! only; each look has a connection of its own, because the database comes and goes.

use anyhow::{Context, Result};
use liaison_testkit::Engine;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, FromRow, PgConnection, SqliteConnection,
    postgres::PgRow,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use std::time::Duration;
use uuid::Uuid;

use crate::cluster;

/// How to look.
#[derive(Debug, Clone)]
pub(super) struct Database {
    engine: Engine,
    url: String,
}

enum Look {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A delivery that a process holds: its id and how many attempts were begun.
pub(super) type Held = (Uuid, i64);

impl Database {
    pub(super) fn new(engine: Engine, url: &str) -> Self {
        Self {
            engine,
            url: url.to_owned(),
        }
    }

    async fn look(&self) -> Result<Look> {
        Ok(match self.engine {
            Engine::Postgres => Look::Postgres(cluster::connect(&self.url).await?),
            Engine::Sqlite => {
                let path = self.url.strip_prefix("sqlite:").context("not an SQLite URL")?;
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .busy_timeout(Duration::from_secs(5));
                Look::Sqlite(options.connect().await.context("the file does not open")?)
            }
        })
    }

    /// Every row of a text that both engines understand.
    pub(super) async fn all<T>(&self, text: &str) -> Result<Vec<T>>
    where
        T: Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>,
    {
        let text = AssertSqlSafe(text.to_owned());
        match self.look().await? {
            Look::Sqlite(mut look) => {
                let rows = sqlx::query_as(text).fetch_all(&mut look).await?;
                look.close().await?;
                Ok(rows)
            }
            Look::Postgres(mut look) => {
                let rows = sqlx::query_as(text).fetch_all(&mut look).await?;
                look.close().await?;
                Ok(rows)
            }
        }
    }

    /// One number.
    pub(super) async fn count(&self, text: &str) -> Result<i64> {
        let rows: Vec<(i64,)> = self.all(text).await?;
        rows.first().map(|row| row.0).context("no row")
    }

    /// What is being sent right now, by one process or by any.
    pub(super) async fn held(&self, pid: Option<u32>) -> Result<Vec<Held>> {
        let owner = pid.map_or_else(|| "%".to_owned(), |pid| format!("%/{pid}/%"));
        self.all(&format!(
            "select id, attempts from delivery where state = 'SENDING' and lease_until is not null
                and lease_owner like '{owner}'"
        ))
        .await
    }

    /// Where those go of what was held that nobody has taken up again or settled.
    pub(super) async fn still_held(&self, before: &[Held]) -> Result<Vec<String>> {
        let now: Vec<(Uuid, i64, String)> = self
            .all("select id, attempts, address from delivery where state = 'SENDING'")
            .await?;
        let left = now
            .into_iter()
            .filter(|(id, attempts, _)| before.contains(&(*id, *attempts)));
        Ok(left.map(|(_, _, address)| address).collect())
    }

    /// Runs statements that change something, in a connection that is kept: for faults.
    pub(super) async fn keep(&self) -> Result<Kept> {
        Ok(Kept(self.look().await?))
    }
}

/// A connection that holds something until it is let go.
pub(super) struct Kept(Look);

impl Kept {
    /// Runs a statement.
    pub(super) async fn run(&mut self, text: &str) -> Result<()> {
        let text = AssertSqlSafe(text.to_owned());
        match &mut self.0 {
            Look::Sqlite(look) => sqlx::raw_sql(text).execute(look).await.map(|_| ())?,
            Look::Postgres(look) => sqlx::raw_sql(text).execute(look).await.map(|_| ())?,
        }
        Ok(())
    }

    /// Lets everything go.
    pub(super) async fn let_go(self) -> Result<()> {
        match self.0 {
            Look::Sqlite(look) => look.close().await?,
            Look::Postgres(look) => look.close().await?,
        }
        Ok(())
    }
}
