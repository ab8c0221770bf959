//! Several processes over one database whose channels can hang and whose processes can die: for tests of histories.
//!
//! A process that dies here leaves what it had committed, its leases and its open attempts, and nothing else.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::Poll,
};

use chrono::{DateTime, Utc};
use futures::FutureExt;
use liaison_channels::sinks::CapturedChannel;
use liaison_domain::{ChannelKind, SeededRandom, SetClock};
use liaison_ledger::Signer;
use liaison_service::{
    Result, Service, ServiceOptions, Settings,
    channel::{Channel, Outbound, SendReport},
    work::Worked,
};
use liaison_store::{Engine, MasterSource, Store, StoreOptions};
use tempfile::TempDir;
use tokio::{sync::Notify, task::JoinHandle};

use crate::{App, BASE_URL, Database, START};

const ANSWERS: u8 = 0;
const HANGS_BEFORE: u8 = 1;
const HANGS_AFTER: u8 = 2;
const ANSWERS_LATE: u8 = 3;

/// Where a process dies while it delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dies {
    /// It claimed; nothing left the house.
    BeforeSending,
    /// The message left; its answer was never recorded.
    AfterSending,
}

/// A captured channel that can be made to hang.
struct Hanging {
    inner: Arc<CapturedChannel>,
    mode: Arc<AtomicU8>,
    reached: Arc<Notify>,
    arrive: Arc<Notify>,
}

#[async_trait::async_trait]
impl Channel for Hanging {
    fn kind(&self) -> ChannelKind {
        self.inner.kind()
    }

    async fn send(&self, message: &Outbound) -> SendReport {
        let mode = self.mode.load(Ordering::SeqCst);
        if mode == HANGS_BEFORE {
            self.reached.notify_one();
            std::future::pending::<()>().await;
        }
        let report = self.inner.send(message).await;
        if mode == HANGS_AFTER {
            self.reached.notify_one();
            std::future::pending::<()>().await;
        }
        if mode == ANSWERS_LATE {
            let arrive = self.arrive.notified();
            self.reached.notify_one();
            arrive.await;
        }
        report
    }
}

/// Deliveries whose answers stay away; dropped with their process.
#[derive(Default)]
struct Late(Vec<JoinHandle<Result<Worked>>>);

impl Drop for Late {
    fn drop(&mut self) {
        for work in &self.0 {
            work.abort();
        }
    }
}

/// Two processes over one database.
pub struct Fleet {
    /// The processes.
    pub processes: [Service; 2],
    /// The clock, the captured messages, the database; its service is the first process.
    pub app: App,
    mode: Arc<AtomicU8>,
    reached: Arc<Notify>,
    arrive: Arc<Notify>,
    /// Deliveries of each process whose answers have not come in.
    late: [Late; 2],
    seed: u64,
    births: u64,
}

impl Fleet {
    /// Starts two processes over a fresh database.
    pub async fn start(engine: Engine, seed: u64) -> Self {
        let database = match engine {
            Engine::Sqlite => sqlite(folder()),
            Engine::Postgres => Database::create(engine).await,
        };
        Self::over(database, seed).await
    }

    /// Starts two processes over a copy of a stopped fleet's SQLite database.
    pub async fn copy(of: &Path, seed: u64) -> Self {
        let folder = folder();
        for file in ["liaison.sqlite", "master.key"] {
            std::fs::copy(of.join(file), folder.path().join(file)).expect("the file copies");
        }
        Self::over(sqlite(folder), seed).await
    }

    async fn over(database: Database, seed: u64) -> Self {
        let clock = SetClock::new(START.parse::<DateTime<Utc>>().expect("a time"));
        let email = Arc::new(CapturedChannel::new(ChannelKind::Email));
        let webhook = Arc::new(CapturedChannel::new(ChannelKind::Webhook));
        let mode = Arc::new(AtomicU8::new(ANSWERS));
        let reached = Arc::new(Notify::new());
        let arrive = Arc::new(Notify::new());
        let mut parts = Parts {
            database: &database,
            clock: &clock,
            channels: [&email, &webhook],
            mode: &mode,
            reached: &reached,
            arrive: &arrive,
            seed,
            births: 0,
        };
        let processes = [parts.open().await, parts.open().await];
        let births = parts.births;
        let app = App {
            service: processes[0].clone(),
            clock,
            email,
            webhook,
            database,
            base_url: BASE_URL.parse().expect("a URL"),
        };
        Self {
            processes,
            app,
            mode,
            reached,
            arrive,
            late: Default::default(),
            seed,
            births,
        }
    }

    /// Stops every process: the database's files are whole and may be copied.
    pub async fn stop(&self) {
        for process in &self.processes {
            process.store().close().await;
        }
    }

    /// A process dies and another takes its place: whatever was only in memory is gone.
    pub async fn restart(&mut self, which: usize) {
        self.late[which] = Late::default();
        // What was aborted is gone once it was given its turn.
        tokio::task::yield_now().await;
        self.processes[which].store().close().await;
        let mut parts = Parts {
            database: &self.app.database,
            clock: &self.app.clock,
            channels: [&self.app.email, &self.app.webhook],
            mode: &self.mode,
            reached: &self.reached,
            arrive: &self.arrive,
            seed: self.seed,
            births: self.births,
        };
        let process = parts.open().await;
        self.births = parts.births;
        self.processes[which] = process;
        self.app.service = self.processes[0].clone();
    }

    /// A process dies while it delivers, and another takes its place. Whether it had anything to send.
    pub async fn die_delivering(&mut self, which: usize, notices: bool, dies: Dies) -> bool {
        let mode = match dies {
            Dies::BeforeSending => HANGS_BEFORE,
            Dies::AfterSending => HANGS_AFTER,
        };
        self.mode.store(mode, Ordering::SeqCst);
        // A wake-up that nobody waited for last time.
        let _ = self.reached.notified().now_or_never();
        let process = self.processes[which].clone();
        let died = tokio::select! {
            // All that was claimed hangs, so this ends only where nothing was due.
            worked = process.deliver_due(notices, 200) => { worked.expect("nothing is sent, so nothing can fail"); false }
            () = self.reached.notified() => {
                // Every other send that was claimed together gets as far as this one.
                tokio::task::yield_now().await;
                true
            }
        };
        self.mode.store(ANSWERS, Ordering::SeqCst);
        self.restart(which).await;
        died
    }

    /// A process delivers, and what the other side answers stays away until [`Self::arrive`]. Whether it had anything to
    /// send.
    ///
    /// # Errors
    /// Those of a delivery that had nothing to send.
    pub async fn deliver_late(&mut self, which: usize, notices: bool) -> Result<bool> {
        self.mode.store(ANSWERS_LATE, Ordering::SeqCst);
        let _ = self.reached.notified().now_or_never();
        let process = self.processes[which].clone();
        let mut work = tokio::spawn(async move { process.deliver_due(notices, 200).await });
        let ended = tokio::select! {
            () = self.reached.notified() => {
                tokio::task::yield_now().await;
                None
            }
            done = &mut work => Some(done),
        };
        self.mode.store(ANSWERS, Ordering::SeqCst);
        if let Some(done) = ended {
            return done.expect("a delivery does not panic").map(|_| false);
        }
        self.late[which].0.push(work);
        Ok(true)
    }

    /// Whether answers stay away: their deliveries, and those beside them, may still be at work.
    pub fn is_waiting(&self) -> bool {
        self.late.iter().any(|late| !late.0.is_empty())
    }

    /// The answers that stayed away come in, however late.
    ///
    /// # Errors
    /// The first of the deliveries that waited for them.
    pub async fn arrive(&mut self) -> Result<()> {
        let mut result = Ok(());
        for late in &mut self.late {
            for work in &mut late.0 {
                let done = loop {
                    // Again: what was only about to wait when it was told last.
                    self.arrive.notify_waiters();
                    tokio::select! {
                        done = &mut *work => break done,
                        () = tokio::time::sleep(std::time::Duration::from_millis(1)) => {}
                    }
                };
                result = result.and(done.expect("a delivery does not panic").map(|_| ()));
            }
            late.0.clear();
        }
        result
    }
}

/// Works until `statements` statements of a store were begun and then for `polls` more steps, and drops the work there:
/// what a process leaves that dies between any two statements. None where it died before it had an answer.
pub async fn cut_short<T>(store: &Store, statements: u64, polls: u32, work: impl Future<Output = T>) -> Option<T> {
    let end = store.statements() + statements;
    let mut left = polls;
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|cx| {
        if store.statements() >= end {
            match left.checked_sub(1) {
                Some(less) => left = less,
                None => return Poll::Ready(None),
            }
        }
        work.as_mut().poll(cx).map(Some)
    })
    .await
}

/// What a new process is opened over.
struct Parts<'a> {
    database: &'a Database,
    clock: &'a SetClock,
    channels: [&'a Arc<CapturedChannel>; 2],
    mode: &'a Arc<AtomicU8>,
    reached: &'a Arc<Notify>,
    arrive: &'a Arc<Notify>,
    seed: u64,
    births: u64,
}

impl Parts<'_> {
    async fn open(&mut self) -> Service {
        self.births += 1;
        // Each birth has randomness of its own: ids and nonces never repeat.
        let seed = self.seed.wrapping_mul(10_000) + self.births;
        let store = Store::open(StoreOptions {
            url: self.database.url.clone(),
            migrate: self.births == 1,
            connections: 2,
            master: MasterSource::File(self.database.folder.path().join("master.key")),
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(SeededRandom::new(seed)),
        })
        .await
        .expect("the store opens");
        let base_url = BASE_URL.parse().expect("a URL");
        let mut settings = Settings::new(base_url, format!("process-{}", self.births));
        settings.allow_http_endpoints = true;
        let signer = Signer::from_seed("liaison.example/ledger", [7; 32].into()).expect("a signer");
        let channel = |inner: &Arc<CapturedChannel>| -> Arc<dyn Channel> {
            Arc::new(Hanging {
                inner: inner.clone(),
                mode: self.mode.clone(),
                reached: self.reached.clone(),
                arrive: self.arrive.clone(),
            })
        };
        Service::new(ServiceOptions {
            store,
            settings,
            signer,
            channels: self.channels.into_iter().map(channel).collect(),
        })
    }
}

/// A folder in memory where there is such a place: histories commit thousands of times.
fn folder() -> TempDir {
    TempDir::new_in("/dev/shm")
        .or_else(|_| TempDir::new())
        .expect("a temporary folder")
}

fn sqlite(folder: TempDir) -> Database {
    Database {
        url: format!("sqlite:{}", folder.path().join("liaison.sqlite").display()),
        folder,
        engine: Engine::Sqlite,
    }
}
