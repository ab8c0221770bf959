//! The test bed: a task database on either engine, a handler that reports, a runtime to start and stop.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use liaison_jobs::{Handle, HandleError, Health, QueueSettings, Runtime, RuntimeError, Settings, Sources};
use liaison_store::tasks::{self, Nudge, Queue, TaskError, TaskPool, Wake};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgPool, SqlitePool};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Writes a test for each engine around one story.
macro_rules! on_both {
    ($($story:ident),+ $(,)?) => { $(
        mod $story {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$story(crate::bed::Bed::sqlite().await).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$story(crate::bed::Bed::postgres().await).await;
            }
        }
    )+ };
}
pub(crate) use on_both;

/// A database of its own, with the task tables in it and one table of business rows.
pub(crate) struct Bed {
    /// The workers' pool.
    pub(crate) pool: TaskPool,
    /// The pool of those who change business rows.
    pub(crate) writers: Writers,
    pub(crate) wake: Wake,
    cleanup: Cleanup,
}

/// Pools of writers, separate from the workers'.
pub(crate) enum Writers {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

enum Cleanup {
    File { _dir: tempfile::TempDir },
    Database { admin: Box<PgConnectOptions>, name: String },
}

impl Bed {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(dir.path().join("liaison.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(Duration::from_secs(20));
        let writers = Writers::Sqlite(SqlitePool::connect_with(options.clone()).await.unwrap());
        let options = options.synchronous(SqliteSynchronous::Normal);
        let pool = TaskPool::Sqlite(
            SqlitePoolOptions::new()
                .max_connections(1)
                .connect_lazy_with(options)
                .into(),
        );
        Self::with(pool, writers, Cleanup::File { _dir: dir }).await
    }

    pub(crate) async fn postgres() -> Self {
        let Ok(url) = std::env::var("LIAISON_TEST_POSTGRES_URL") else {
            panic!("LIAISON_TEST_POSTGRES_URL is not set: run the tests with `cargo xtask test`");
        };
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("liaison_jobs_{}_{count}", std::process::id());
        let admin: PgConnectOptions = url.parse().unwrap();
        let mut connection = admin.connect().await.unwrap();
        for sql in [
            format!("DROP DATABASE IF EXISTS {name}"),
            format!("CREATE DATABASE {name}"),
        ] {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        let options = admin.clone().database(&name);
        let pool = || PgPoolOptions::new().max_connections(10).connect_with(options.clone());
        let writers = Writers::Postgres(pool().await.unwrap());
        let pool = TaskPool::Postgres(pool().await.unwrap());
        Self::with(
            pool,
            writers,
            Cleanup::Database {
                admin: Box::new(admin),
                name,
            },
        )
        .await
    }

    async fn with(pool: TaskPool, writers: Writers, cleanup: Cleanup) -> Self {
        tasks::migrate(&pool).await.unwrap();
        let bed = Self {
            pool,
            writers,
            wake: Wake::new(),
            cleanup,
        };
        bed.execute("CREATE TABLE business (id INTEGER PRIMARY KEY, what TEXT NOT NULL)")
            .await;
        bed
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.pool, TaskPool::Sqlite(_))
    }

    /// Run one statement, outside the workers' pool.
    pub(crate) async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.writers {
            Writers::Sqlite(pool) => drop(sqlx::query(sql).execute(pool).await.unwrap()),
            Writers::Postgres(pool) => drop(sqlx::query(sql).execute(pool).await.unwrap()),
        }
    }

    /// One number from the database.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.writers {
            Writers::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
            Writers::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
        }
    }

    /// Change a business row and push nudges in one transaction, as a use case does; then commit or not.
    pub(crate) async fn use_case(&self, nudges: &[Nudge], commit: bool) -> Result<(), TaskError> {
        const BUSINESS: &str = "INSERT INTO business (id, what) VALUES ($1, 'changed')";
        let row = i32::try_from(next_number()).unwrap();
        match &self.writers {
            Writers::Sqlite(pool) => {
                let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
                sqlx::query(BUSINESS).bind(row).execute(&mut *tx).await?;
                tasks::push_sqlite(&mut tx, nudges, now(), next_id).await?;
                if commit {
                    tx.commit().await?
                } else {
                    tx.rollback().await?
                }
            }
            Writers::Postgres(pool) => {
                let mut tx = pool.begin().await?;
                sqlx::query(BUSINESS).bind(row).execute(&mut *tx).await?;
                tasks::push_postgres(&mut tx, nudges, now(), next_id).await?;
                if commit {
                    tx.commit().await?
                } else {
                    tx.rollback().await?
                }
            }
        }
        Ok(())
    }

    /// Push and ring, as the store does: PostgreSQL needs no ring.
    pub(crate) async fn push(&self, nudges: &[Nudge]) {
        self.use_case(nudges, true).await.unwrap();
        if self.is_sqlite() {
            self.wake.ring_for(nudges);
        }
    }

    /// Every connection of the workers' pool, so that who asks for one waits until these are dropped.
    pub(crate) async fn every_connection(&self) -> Vec<Box<dyn std::any::Any + Send>> {
        let mut held: Vec<Box<dyn std::any::Any + Send>> = Vec::new();
        match &self.pool {
            TaskPool::Sqlite(tasks) => held.push(Box::new(tasks.pool().acquire().await.unwrap())),
            TaskPool::Postgres(pool) => {
                // The listener for notifications keeps one.
                for _ in 1..pool.options().get_max_connections() {
                    held.push(Box::new(pool.acquire().await.unwrap()));
                }
            }
        }
        held
    }

    /// The nudges that are not finished.
    pub(crate) async fn unfinished(&self) -> Vec<Nudge> {
        tasks::pending(&self.pool, 1000).await.unwrap()
    }

    /// Start a runtime and wait until every worker lives.
    pub(crate) async fn start(&self, settings: Settings, handler: Arc<dyn Handle>) -> Running {
        let running = self.start_without_waiting(settings, handler);
        until("every worker lives", || async { running.health.all_alive() }).await;
        running
    }

    pub(crate) fn start_without_waiting(&self, settings: Settings, handler: Arc<dyn Handle>) -> Running {
        let stop = CancellationToken::new();
        let sources = Sources {
            id: Arc::new(next_id),
            now: Arc::new(now),
        };
        let (pool, wake) = (self.pool.clone(), self.wake.clone());
        let runtime = Runtime::new(settings, pool, wake, handler, sources, stop.clone()).unwrap();
        Running {
            health: runtime.health(),
            stop,
            ended: tokio::spawn(runtime.run()),
        }
    }

    /// Remove the database. A failed test leaves its own behind.
    pub(crate) async fn remove(self) {
        let Cleanup::Database { admin, name } = self.cleanup else {
            return;
        };
        let mut connection = admin.connect().await.unwrap();
        let sql = AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"));
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
}

/// A runtime that runs.
pub(crate) struct Running {
    pub(crate) health: Health,
    pub(crate) stop: CancellationToken,
    pub(crate) ended: JoinHandle<Result<(), RuntimeError>>,
}

impl Running {
    /// Ask it to stop and wait for the end.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.ended.await.unwrap().unwrap();
    }

    /// End it as a kill does: nothing is finished, released or acknowledged any more.
    pub(crate) async fn kill(self) {
        self.ended.abort();
        assert!(self.ended.await.unwrap_err().is_cancelled());
    }
}

/// What a handler reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    Began(Nudge),
    Ended(Nudge),
}

type Work = dyn Fn(Nudge) -> Pin<Box<dyn Future<Output = Result<(), HandleError>> + Send>> + Send + Sync;

/// A handler made of a closure, reporting to a channel.
pub(crate) struct Reporting {
    work: Box<Work>,
    due: Box<dyn Fn() -> Result<Vec<Nudge>, HandleError> + Send + Sync>,
    reports: mpsc::UnboundedSender<(Report, Instant)>,
}

pub(crate) type Reports = mpsc::UnboundedReceiver<(Report, Instant)>;

/// A handler that does `work`, and the channel of what it reports.
pub(crate) fn handler<F>(work: impl Fn(Nudge) -> F + Send + Sync + 'static) -> (Arc<Reporting>, Reports)
where
    F: Future<Output = Result<(), HandleError>> + Send + 'static,
{
    handler_with_due(work, || Ok(Vec::new()))
}

/// The same, with rows that are due.
pub(crate) fn handler_with_due<F>(
    work: impl Fn(Nudge) -> F + Send + Sync + 'static,
    due: impl Fn() -> Result<Vec<Nudge>, HandleError> + Send + Sync + 'static,
) -> (Arc<Reporting>, Reports)
where
    F: Future<Output = Result<(), HandleError>> + Send + 'static,
{
    let (reports, receiver) = mpsc::unbounded_channel();
    let work: Box<Work> = Box::new(move |nudge| Box::pin(work(nudge)));
    (
        Arc::new(Reporting {
            work,
            due: Box::new(due),
            reports,
        }),
        receiver,
    )
}

/// A handler with nothing to do.
pub(crate) fn idle() -> (Arc<Reporting>, Reports) {
    handler(|_| async { Ok(()) })
}

#[async_trait]
impl Handle for Reporting {
    async fn handle(&self, nudge: Nudge) -> Result<(), HandleError> {
        self.reports.send((Report::Began(nudge), Instant::now())).ok();
        let outcome = (self.work)(nudge).await;
        self.reports.send((Report::Ended(nudge), Instant::now())).ok();
        outcome
    }

    async fn due(&self) -> Result<Vec<Nudge>, HandleError> {
        (self.due)()
    }
}

/// The next report, within `limit`.
pub(crate) async fn next(reports: &mut Reports, limit: Duration) -> (Report, Instant) {
    tokio::time::timeout(limit, reports.recv())
        .await
        .expect("a report in time")
        .unwrap()
}

/// Settings for tests: short times, and no look for due rows unless a test asks for it.
pub(crate) fn settings() -> Settings {
    let mut settings = Settings::new("test", "here").map_queues(|_| QueueSettings {
        concurrency: 4,
        timeout: Duration::from_secs(10),
        poll: Duration::from_secs(1),
    });
    settings.reconcile_every = Duration::from_secs(3600);
    settings.restart_after = Duration::from_millis(50);
    settings
}

/// The same, with another poll and timeout.
pub(crate) fn paced(poll: Duration, timeout: Duration) -> Settings {
    settings().map_queues(|queue| QueueSettings { poll, timeout, ..queue })
}

/// Wait until something holds, for at most ten seconds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(10), "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A nudge to deliver a row that was never named before.
pub(crate) fn delivery() -> Nudge {
    Nudge::about(Queue::Deliver, Uuid::from_u128(next_id()))
}

static NUMBER: AtomicU64 = AtomicU64::new(1);

fn next_number() -> u64 {
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// Ids in the order in which they were asked for.
pub(crate) fn next_id() -> u128 {
    (u128::try_from(now().timestamp_millis()).unwrap() << 80) | u128::from(next_number())
}

/// apalis reads the system's clock, so the tests of its running do.
#[expect(clippy::disallowed_methods, reason = "apalis reads the system clock")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}
