//! The worker's sleep, driven by hand: who polls only when woken must be woken for the next heartbeat.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake as OnWake;
use std::time::Instant;

use apalis_core::backend::persistence::State;
use liaison_store::tasks;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::*;

const POLL: Duration = Duration::from_millis(400);

/// Remembers that it was woken.
#[derive(Default)]
struct Bell(AtomicBool);

impl OnWake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A worker's backend with the loop around it that apalis has: nothing happens unless it was woken.
struct Driver {
    backend: TaskBackend,
    worker: WorkerContext,
    bell: Arc<Bell>,
}

impl Driver {
    /// One turn, as apalis's worker takes it.
    fn turn(&mut self) {
        let waker = self.bell.clone().into();
        let mut cx = Context::from_waker(&waker);
        match self.backend.poll_ready(&mut cx, &self.worker) {
            Poll::Pending => return,
            Poll::Ready(ready) => ready.unwrap(),
        }
        assert!(
            self.backend.poll_next(&mut cx, &self.worker).is_pending(),
            "there is no task"
        );
    }

    /// Waits to be woken and takes a turn; whether it was woken in time.
    async fn woken(&mut self, within: Duration) -> bool {
        let began = Instant::now();
        while !self.bell.0.swap(false, Ordering::SeqCst) {
            if began.elapsed() > within {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.turn();
        true
    }

    fn fetches(&mut self) -> bool {
        matches!(self.backend.persisted.state(), State::Fetch(_))
    }

    fn rests(&mut self) -> bool {
        matches!(self.backend.persisted.state(), State::Ready)
    }
}

async fn driver(folder: &std::path::Path) -> (Driver, SqlitePool) {
    let options = SqliteConnectOptions::new()
        .filename(folder.join("tasks.sqlite"))
        .create_if_missing(true);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .unwrap();
    let tasks_pool = TaskPool::Sqlite(pool.clone().into());
    tasks::migrate(&tasks_pool).await.unwrap();
    let backend = TaskBackend::new(Tables {
        pool: tasks_pool,
        queue: Queue::Deliver,
        settings: QueueSettings {
            concurrency: 1,
            timeout: Duration::from_secs(1),
            poll: POLL,
        },
        silence: Duration::from_secs(30),
        wake: Wake::new(),
        slots: Arc::new(Semaphore::new(1)),
        closing: Arc::default(),
        now: Arc::new(|| DateTime::UNIX_EPOCH),
    });
    let driver = Driver {
        backend,
        worker: WorkerContext::new("sleeper"),
        bell: Arc::default(),
    };
    (driver, pool)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_that_fires_during_an_empty_fetch_is_not_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let (mut driver, pool) = driver(folder.path()).await;
    driver.turn();
    while !driver.rests() {
        assert!(driver.woken(Duration::from_secs(5)).await);
    }

    // A fetch begins and gets no connection until its worker's timer has fired.
    let held = pool.acquire().await.unwrap();
    driver.backend.persisted.wake.ring(Queue::Deliver);
    driver.turn();
    assert!(driver.fetches());
    assert!(driver.woken(2 * POLL).await, "the timer fires");
    while driver.woken(2 * POLL).await {}
    assert!(driver.fetches(), "and is heard in the middle of the fetch");

    drop(held);
    while !driver.rests() {
        if !driver.fetches() {
            // The heartbeat was not forgotten: it is under way.
            break;
        }
        assert!(driver.woken(Duration::from_secs(5)).await, "the fetch ends");
    }
    assert!(
        driver.woken(4 * POLL).await,
        "the worker rests, and nothing will ever wake it"
    );
}
