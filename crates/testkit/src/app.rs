//! The app under test.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use liaison_channels::sinks::CapturedChannel;
use liaison_domain::{ChannelKind, SeededRandom, SetClock};
use liaison_ledger::Signer;
use liaison_service::{Service, ServiceOptions, Settings};
use liaison_store::{Engine, MasterSource, Store, StoreOptions};
use url::Url;

use crate::Database;

/// When the set clock begins: Monday 2026-01-05, 09:00 in Chicago.
pub const START: &str = "2026-01-05T15:00:00Z";

/// The whole app over a database of its own.
pub struct App {
    /// The use cases.
    pub service: Service,
    /// The clock, which stands still until it is moved.
    pub clock: SetClock,
    /// What would have left by e-mail.
    pub email: Arc<CapturedChannel>,
    /// What would have left by webhook.
    pub webhook: Arc<CapturedChannel>,
    /// The database.
    pub database: Database,
    pub(crate) base_url: Url,
}

/// Where the app's pages are said to be, unless a test serves them.
pub const BASE_URL: &str = "https://liaison.example";

impl App {
    /// Starts the app.
    pub async fn start(engine: Engine) -> Self {
        Self::start_at(engine, BASE_URL.parse().expect("a URL")).await
    }

    /// Starts the app with its pages at a base URL: for tests that serve them.
    pub async fn start_at(engine: Engine, base_url: Url) -> Self {
        let database = Database::create(engine).await;
        let clock = SetClock::new(START.parse::<DateTime<Utc>>().expect("a time"));
        let email = Arc::new(CapturedChannel::new(ChannelKind::Email));
        let webhook = Arc::new(CapturedChannel::new(ChannelKind::Webhook));
        let service = open(&database, &clock, &email, &webhook, 1, &base_url).await;
        Self {
            service,
            clock,
            email,
            webhook,
            database,
            base_url,
        }
    }

    /// Stops and starts the app over the same database, as after a crash: whatever was only in memory is gone.
    pub async fn restart(&mut self) {
        self.service.store().close().await;
        self.service = open(
            &self.database,
            &self.clock,
            &self.email,
            &self.webhook,
            self.seed(),
            &self.base_url,
        )
        .await;
    }

    /// A second process over the same database (PostgreSQL) or a second handle (SQLite).
    pub async fn another_process(&self) -> Service {
        open(
            &self.database,
            &self.clock,
            &self.email,
            &self.webhook,
            self.seed() + 1_000_000,
            &self.base_url,
        )
        .await
    }

    fn seed(&self) -> u64 {
        // Ids must not repeat after a restart: seeded by how much was done.
        self.service.store().statements() + 2
    }

    /// Moves the clock.
    pub fn advance(&self, by: TimeDelta) {
        self.clock.advance(by);
    }

    /// The time.
    pub fn now(&self) -> DateTime<Utc> {
        self.service.now()
    }
}

/// The ledger's key in tests and measurements.
pub fn signer() -> Signer {
    Signer::from_seed("liaison.example/ledger", [7; 32].into()).expect("a signer")
}

async fn open(
    database: &Database,
    clock: &SetClock,
    email: &Arc<CapturedChannel>,
    webhook: &Arc<CapturedChannel>,
    seed: u64,
    base_url: &Url,
) -> Service {
    let store = Store::open(StoreOptions {
        url: database.url.clone(),
        migrate: true,
        connections: 4,
        master: MasterSource::File(database.folder.path().join("master.key")),
        clock: Arc::new(clock.clone()),
        random: Arc::new(SeededRandom::new(seed)),
    })
    .await
    .expect("the store opens");
    let mut settings = Settings::new(base_url.clone(), format!("test-{seed}"));
    settings.allow_http_endpoints = true;
    let signer = signer();
    Service::new(ServiceOptions {
        store,
        settings,
        signer,
        channels: vec![email.clone(), webhook.clone()],
    })
}
