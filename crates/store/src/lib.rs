//! SQLite and PostgreSQL behind one set of SQL texts: transactions, sealing of PHI, migrations, task hand-over, the
//! ledger's rows.
//!
//! The only crate that names sqlx (and apalis's push). Rows live beside the statements that fill them; business
//! decisions live in `service`.

pub mod acknowledgments;
pub mod arg;
pub mod audit_work;
pub mod backup;
pub mod board;
pub mod break_glass;
pub mod call_tasks;
mod conn;
pub mod copy;
pub mod deliveries;
pub mod diagnose;
pub mod directory;
pub mod endpoint_tests;
mod engine;
mod error;
pub mod event;
mod group;
pub mod idempotency;
pub mod inbox;
pub mod keys;
mod later;
pub mod ledger;
pub mod legal_holds;
pub mod links;
pub mod measure;
mod migrate;
pub mod mis_sends;
pub mod notes;
pub mod notices;
pub mod patients;
pub mod presence;
pub mod recipients;
pub mod replies;
pub mod retention;
mod row;
pub mod schedule;
pub mod shares;
pub mod sign_in;
mod sql;
pub mod tasks;
pub mod timeliness;
mod tx;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use liaison_domain::{Clock, Random, SystemClock};
use sqlx::{
    PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::broadcast;

pub use arg::Json;
pub use conn::{Conn, Record};
pub use engine::Engine;
pub use error::{Result, StoreError};
pub use event::Event;
pub use keys::{BlindIndex, Keyring, MasterKeys, MasterSource, PatientKey, Place};
pub use ledger::NewEntry;
pub use row::{Column, FromRow, Row};
pub use sql::{Sql, statements};
pub use tx::Tx;

use group::Writer;
use tasks::{Nudge, SqliteTasks, TaskPool, Wake};

/// How to open a store.
pub struct StoreOptions {
    /// `sqlite:PATH` or `postgres://USER@HOST/DATABASE`.
    pub url: String,
    /// Apply pending migrations. Without it a store with pending migrations is refused.
    pub migrate: bool,
    /// The most connections (PostgreSQL) or readers (SQLite); 1 to 200.
    pub connections: u32,
    /// Where the master keys come from.
    pub master: MasterSource,
    /// The clock of the rows.
    pub clock: Arc<dyn Clock>,
    /// Ids, keys and nonces.
    pub random: Arc<dyn Random>,
}

enum Pools {
    /// One writer, some readers, and a connection for the workers' own tables.
    Sqlite {
        writer: Writer,
        readers: SqlitePool,
        tasks: SqlitePool,
    },
    Postgres(PgPool),
}

struct Shared {
    pools: Pools,
    keyring: std::sync::OnceLock<Keyring>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    wake: Wake,
    events: broadcast::Sender<Event>,
    statements: AtomicU64,
    sequencer_nudged: AtomicI64,
}

/// The database, its keys, and the bells of its workers and subscribers. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

/// For how long a connection of the pool is taken to live because it did.
const TRUSTED: Duration = Duration::from_millis(500);

/// The sequencer is nudged at most this often by one process; it takes whatever waits.
const SEQUENCER_NUDGE: Duration = Duration::from_millis(200);

impl Store {
    /// Opens the database, checks or applies its migrations and unwraps the keys.
    pub async fn open(options: StoreOptions) -> Result<Self> {
        let pools = connect(&options.url, options.connections).await?;
        let (events, _) = broadcast::channel(1_024);
        let store = Self(Arc::new(Shared {
            pools,
            keyring: std::sync::OnceLock::new(),
            clock: options.clock,
            random: options.random,
            wake: Wake::new(),
            events,
            statements: AtomicU64::new(0),
            sequencer_nudged: AtomicI64::new(0),
        }));
        migrate::check_or_apply(&store.0.pools, options.migrate).await?;
        let mut tx = store.begin().await?;
        let keyring = Keyring::load(&mut tx, options.master, store.clock().now(), &*store.random()).await?;
        tx.commit().await?;
        let _ = store.0.keyring.set(keyring);
        Ok(store)
    }

    /// Which database it is.
    pub fn engine(&self) -> Engine {
        match self.0.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }

    /// The clock of the rows.
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.0.clock.clone()
    }

    /// Ids, keys and nonces.
    pub fn random(&self) -> Arc<dyn Random> {
        self.0.random.clone()
    }

    /// The keys.
    pub fn keyring(&self) -> Result<&Keyring> {
        self.0
            .keyring
            .get()
            .ok_or_else(|| StoreError::Keys("not loaded yet".to_owned()))
    }

    /// The bells of this process's workers.
    pub fn wake(&self) -> &Wake {
        &self.0.wake
    }

    /// The pool for the workers' own tables.
    pub fn task_pool(&self) -> TaskPool {
        match &self.0.pools {
            Pools::Sqlite { tasks, writer, .. } => TaskPool::Sqlite(SqliteTasks::beside(tasks.clone(), writer.clone())),
            Pools::Postgres(pool) => TaskPool::Postgres(pool.clone()),
        }
    }

    /// What changed, from now on. A slow listener is told that it missed something.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.0.events.subscribe()
    }

    /// How many statements ran since the store was opened: for tests that a list needs a constant number.
    pub fn statements(&self) -> u64 {
        self.0.statements.load(Ordering::Relaxed)
    }

    /// For measurements: makes each COMMIT of this process on SQLite take this much longer, as on a plain disk. PostgreSQL
    /// has a setting for that (`commit_delay`).
    pub fn slow_commits(&self, by: Duration) {
        if let Pools::Sqlite { writer, .. } = &self.0.pools {
            writer.slow_commits(by);
        }
    }

    /// Closes every connection; running transactions end first.
    pub async fn close(&self) {
        match &self.0.pools {
            Pools::Sqlite { writer, readers, tasks } => {
                readers.close().await;
                tasks.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// On PostgreSQL: hears the other processes' events for as long as the connection holds. Call again after an error.
    /// On SQLite there is one process, and this never returns.
    pub async fn listen(&self) -> Result<()> {
        let Pools::Postgres(pool) = &self.0.pools else {
            std::future::pending::<()>().await;
            return Ok(());
        };
        let failed = |error| StoreError::database("listen", error);
        let mut listener = sqlx::postgres::PgListener::connect_with(pool).await.map_err(failed)?;
        listener.listen(event::CHANNEL).await.map_err(failed)?;
        loop {
            let notification = listener.recv().await.map_err(failed)?;
            if let Ok(event) = serde_json::from_str(notification.payload()) {
                self.publish(vec![event]);
            }
        }
    }

    fn pools(&self) -> &Pools {
        &self.0.pools
    }

    fn count_statement(&self) {
        self.0.statements.fetch_add(1, Ordering::Relaxed);
    }

    fn publish(&self, events: Vec<Event>) {
        for event in events {
            // No subscriber is no error.
            let _ = self.0.events.send(event);
        }
    }

    fn may_nudge_sequencer(&self) -> bool {
        let now = SystemClock.now().timestamp_millis();
        let last = self.0.sequencer_nudged.load(Ordering::Relaxed);
        now - last >= SEQUENCER_NUDGE.as_millis() as i64
            && self
                .0
                .sequencer_nudged
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    // apalis reads the machine's clock, so tasks are dated by it and not by a set clock.
    fn push_with(&self, tx: &mut Tx, nudges: &[Nudge]) -> Result<()> {
        let (now, random) = (SystemClock.now(), self.random());
        Ok(tasks::push_with(tx, nudges, now, || random.uuid(now).as_u128())?)
    }
}

/// Applies every pending migration, ours and the task tables', and nothing else.
pub async fn migrate_only(url: &str) -> Result<()> {
    let pools = connect(url, 2).await?;
    migrate::apply(&pools).await?;
    match pools {
        Pools::Sqlite { writer, .. } => writer.close().await,
        Pools::Postgres(pool) => pool.close().await,
    }
    Ok(())
}

/// How many migrations wait to be applied. On SQLite the file is made where it does not exist.
pub async fn pending_migrations(url: &str) -> Result<usize> {
    let pools = connect(url, 2).await?;
    let waiting = migrate::pending(&pools).await;
    match pools {
        Pools::Sqlite { writer, .. } => writer.close().await,
        Pools::Postgres(pool) => pool.close().await,
    }
    waiting
}

async fn connect(url: &str, connections: u32) -> Result<Pools> {
    let connections = connections.clamp(1, 200);
    let failed = |error| StoreError::database("connect", error);
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains('?') {
            return Err(StoreError::Url("a path to a file is required after sqlite:".to_owned()));
        }
        let base = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(30))
            // What savepoints keep aside stays out of the file system.
            .pragma("temp_store", "memory")
            // 16 MiB of log before its pages go into the file: fewer flushes.
            .pragma("wal_autocheckpoint", "4096")
            .statement_cache_capacity(500);
        let pool = |connections, options| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .connect_with(options)
        };
        // 16 MiB of pages: a commit shared by many acts must not spill.
        let writer = Writer::new(
            pool(1, base.clone().pragma("cache_size", "-16384"))
                .await
                .map_err(failed)?,
        );
        let readers = SqlitePoolOptions::new()
            .max_connections(connections.min(8))
            // A file does not hang up.
            .test_before_acquire(false)
            .connect_lazy_with(base.clone().read_only(true).create_if_missing(false));
        // Claims and acknowledgments of tasks are worth no fsync: a lost one costs an empty wake-up.
        let tasks = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .connect_lazy_with(base.synchronous(SqliteSynchronous::Normal));
        return Ok(Pools::Sqlite { writer, readers, tasks });
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let connect: PgConnectOptions = url
            .parse()
            .map_err(|_| StoreError::Url("not a PostgreSQL URL".to_owned()))?;
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(10))
            // Asking a connection whether it lives costs as much as a statement. One that worked a moment ago is not asked.
            .test_before_acquire(false)
            .before_acquire(|conn, meta| {
                Box::pin(async move {
                    if meta.idle_for > TRUSTED {
                        sqlx::Connection::ping(conn).await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(connect.application_name("liaison").statement_cache_capacity(500))
            .await
            .map_err(failed)?;
        return Ok(Pools::Postgres(pool));
    }
    Err(StoreError::Url("unknown scheme".to_owned()))
}
