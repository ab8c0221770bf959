//! Putting the parts together: store, service, channels, background work. Reads top to bottom; decides nothing else.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use liaison_channels::{EmailChannel, WebhookChannel};
use liaison_domain::{Clock, Random, SystemClock, SystemRandom};
use liaison_jobs::{QueueSettings, Runtime, ServiceHandler, Sources};
use liaison_service::{Service, ServiceOptions, Settings, channel::Channel};
use liaison_store::{Store, StoreOptions, presence::Presence, tasks::Queue};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, EngineUrl},
    key_files,
    metrics::{Metered, Metrics},
    no_mail::NoMail,
    telemetry::SpanOrigins,
};

/// How long closing one thing may take at the end.
const FAREWELL: Duration = Duration::from_secs(1);
/// Between two tries to take this process's name again.
const NAME_AGAIN: Duration = Duration::from_millis(250);

/// An open database with the use cases over it.
pub(crate) struct Parts {
    pub(crate) service: Service,
    pub(crate) metrics: Metrics,
    email: Option<Arc<EmailChannel>>,
}

/// The operating system's random source.
pub(crate) fn random() -> Arc<dyn Random> {
    Arc::new(SystemRandom)
}

/// Opens everything: keys, database (with its migrations where that is allowed), channels, service.
pub(crate) async fn open(config: &Config) -> anyhow::Result<Parts> {
    open_with_clock(config, Arc::new(SystemClock)).await
}

/// The same by another clock, for the demonstration.
pub(crate) async fn open_with_clock(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<Parts> {
    let random = random();
    if let EngineUrl::Sqlite(path) = config.database.engine()
        && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    }
    key_files::ready(config, &*random)?;
    let signer = key_files::signer(config)?;
    let store = Store::open(StoreOptions {
        url: config.database.url(),
        migrate: config.database.migrate(),
        connections: config.database.connections,
        master: key_files::master(config),
        clock: clock.clone(),
        random,
    })
    .await
    .with_context(|| format!("the database {} cannot be opened", config.database.engine().shown()))?;
    let email = match config.email.smtp().map_err(anyhow::Error::msg)? {
        Some(smtp) => Some(Arc::new(EmailChannel::new(&smtp, clock.clone())?)),
        None => None,
    };
    let webhooks = config.webhooks.channel().map_err(anyhow::Error::msg)?;
    let metrics = Metrics::new(clock.now());
    let mut channels: Vec<Arc<dyn Channel>> = vec![Arc::new(WebhookChannel::new(&webhooks, clock)?)];
    match &email {
        Some(email) => channels.push(email.clone()),
        None => channels.push(Arc::new(NoMail)),
    }
    let settings = settings(config, &store)?;
    let channels = channels
        .into_iter()
        .map(|channel| Arc::new(Metered::new(channel, metrics.clone())) as Arc<dyn Channel>)
        .collect();
    Ok(Parts {
        metrics,
        service: Service::new(ServiceOptions {
            store,
            settings,
            signer,
            channels,
        }),
        email,
    })
}

/// What the use cases are told of the configuration.
pub(crate) fn settings(config: &Config, store: &Store) -> anyhow::Result<Settings> {
    let base_url = config.http.base_url().context("http.base_url is missing")?.clone();
    let random = store.random();
    let process = format!(
        "{}/{}/{:08x}",
        host(),
        std::process::id(),
        u32::from_le_bytes(random.bytes())
    );
    let mut settings = Settings::new(base_url, process);
    settings.allow_http_endpoints = config.webhooks.allow_http;
    settings.attempt_timeout = config.work.attempt_timeout();
    settings.lease = config.work.lease();
    settings.retry = config.work.retry();
    settings.origins = Arc::new(SpanOrigins);
    settings.retention = config.retention.periods();
    settings.streams = config.http.streams();
    Ok(settings)
}

/// The name of this machine, for leases and the names of workers.
fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

impl Parts {
    /// The background work of this process, to be run. `role` is the first part of its workers' names.
    pub(crate) fn runtime(&self, config: &Config, role: &str, stop: CancellationToken) -> anyhow::Result<Runtime> {
        let store = self.service.store();
        let work = &config.work;
        let mut settings = liaison_jobs::Settings::new(role, format!("{}-{}", host(), std::process::id()));
        settings.grace = work.grace();
        settings.reconcile_every = work.reconcile_every();
        settings.prune = config.retention.periods().tasks();
        for (queue, concurrency) in [
            (Queue::Deliver, work.deliver_concurrency),
            (Queue::Escalate, work.escalate_concurrency),
            (Queue::Notify, work.notify_concurrency),
        ] {
            let changed = QueueSettings {
                concurrency,
                ..settings.queue(queue)
            };
            settings = settings.with_queue(queue, changed);
        }
        let (clock, random) = (store.clock(), store.random());
        let ids = clock.clone();
        let sources = Sources {
            id: Arc::new(move || random.uuid(ids.now()).as_u128()),
            now: Arc::new(move || clock.now()),
        };
        let handler = Arc::new(ServiceHandler::new(self.service.clone()));
        Ok(Runtime::new(
            settings,
            store.task_pool(),
            store.wake().clone(),
            handler,
            sources,
            stop,
        )?)
    }

    /// Takes this process's name, before it claims anything: others take up what it holds once the name is free.
    pub(crate) async fn be_present(&self) -> anyhow::Result<Presence> {
        Ok(self
            .service
            .store()
            .be_present(&self.service.settings().process)
            .await?)
    }

    /// Holds the name for as long as this is polled, and takes it again when its session was lost.
    pub(crate) async fn stay_present(&self, mut presence: Presence) -> std::convert::Infallible {
        loop {
            let mut error = presence.lost().await;
            presence = loop {
                tracing::warn!(%error, "this process's name is not held; taking it again");
                tokio::time::sleep(NAME_AGAIN).await;
                match self.service.store().be_present(&self.service.settings().process).await {
                    Ok(presence) => break presence,
                    Err(again) => error = again,
                }
            };
        }
    }

    /// Hears other processes' events on PostgreSQL until `stop`, again and again; on SQLite there are none.
    pub(crate) async fn hear_other_processes(&self, stop: CancellationToken) {
        let (first, longest) = (Duration::from_millis(250), Duration::from_secs(5));
        let mut pause = first;
        loop {
            let began = std::time::Instant::now();
            let Some(Err(error)) = stop.run_until_cancelled(self.service.store().listen()).await else {
                return;
            };
            // A connection that held for a while was a good one.
            pause = if began.elapsed() > longest {
                first
            } else {
                (pause * 2).min(longest)
            };
            tracing::warn!(%error, ?pause, "not hearing other processes' events; listening again after a pause");
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    /// Says farewell to the mail relay and closes the database; where they do not answer, without waiting for long.
    pub(crate) async fn close(self) {
        if let Some(email) = &self.email
            && tokio::time::timeout(FAREWELL, email.close()).await.is_err()
        {
            tracing::warn!("the mail relay did not take the farewell");
        }
        if tokio::time::timeout(FAREWELL, self.service.store().close())
            .await
            .is_err()
        {
            tracing::warn!("the database was not closed in time; every commit that was answered is in it");
        }
    }
}
