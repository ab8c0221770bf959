//! R: how many durable commits of eight rows the engine itself makes, with as little around them as possible.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use liaison_testkit::Engine;
use sqlx::{
    PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

const TABLE: &str =
    "create table if not exists raw_commits (id bigint not null, place bigint not null, text text not null)";
const INSERT: &str = "insert into raw_commits (id, place, text) values ($1, $2, $3)";
const ROWS: i64 = 8;
const TEXT: &str = "eight rows of about a hundred bytes each, as a small act of the service writes them; synthetic";

/// Commits a second by so many writers at once. SQLite writes a file beside the database's, by one connection as the
/// service does; PostgreSQL a table of the same database, by a connection for each writer.
pub(super) async fn commits_per_second(
    engine: Engine,
    url: &str,
    folder: &Path,
    writers: usize,
    window: Duration,
) -> Result<f64> {
    match engine {
        Engine::Sqlite => {
            let options = SqliteConnectOptions::new()
                .filename(folder.join("raw.sqlite"))
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full);
            let pool = SqlitePoolOptions::new()
                .max_connections(1)
                .acquire_timeout(Duration::from_secs(30))
                .connect_with(options)
                .await?;
            sqlx::query(TABLE).execute(&pool).await?;
            let rate = count(writers, window, async |number| sqlite(&pool, number).await).await?;
            pool.close().await;
            Ok(rate)
        }
        Engine::Postgres => {
            let pool = PgPoolOptions::new()
                .max_connections(u32::try_from(writers)?)
                .connect(url)
                .await?;
            sqlx::query(TABLE).execute(&pool).await?;
            let rate = count(writers, window, async |number| postgres(&pool, number).await).await?;
            sqlx::query("drop table raw_commits").execute(&pool).await?;
            pool.close().await;
            Ok(rate)
        }
    }
}

async fn sqlite(pool: &SqlitePool, number: i64) -> Result<()> {
    let mut tx = pool.begin_with("begin immediate").await?;
    for place in 0..ROWS {
        sqlx::query(INSERT)
            .bind(number)
            .bind(place)
            .bind(TEXT)
            .execute(&mut *tx)
            .await?;
    }
    Ok(tx.commit().await?)
}

async fn postgres(pool: &PgPool, number: i64) -> Result<()> {
    let mut tx = pool.begin().await?;
    for place in 0..ROWS {
        sqlx::query(INSERT)
            .bind(number)
            .bind(place)
            .bind(TEXT)
            .execute(&mut *tx)
            .await?;
    }
    Ok(tx.commit().await?)
}

/// How often a second `act` is done by so many at once.
pub(super) async fn count(writers: usize, window: Duration, act: impl AsyncFn(i64) -> Result<()>) -> Result<f64> {
    let began = Instant::now();
    let one = async |writer: usize| -> Result<u64> {
        let mut done = 0;
        while began.elapsed() < window {
            act(i64::try_from(writer)? * 1_000_000_000 + i64::try_from(done)?).await?;
            done += 1;
        }
        Ok(done)
    };
    let all = futures::future::try_join_all((0..writers).map(one)).await?;
    let total: u64 = all.iter().sum();
    if total == 0 {
        bail!("nothing was done");
    }
    Ok(total as f64 / began.elapsed().as_secs_f64())
}
