//! The whole way: a share's nudge wakes a worker, the service sends, and a killed process costs delay alone.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::TimeDelta;
use liaison_domain::{ChannelKind, Duty, EvidenceLevel, RecipientId};
use liaison_jobs::{Runtime, ServiceHandler, Settings, Sources};
use liaison_ledger::Signer;
use liaison_service::{
    Service, ServiceOptions,
    channel::{Channel, Outbound, SendReport},
    loops::{NewRecipient, Shared},
};
use liaison_store::recipients;
use liaison_testkit::{App, Engine, Fixture, Signed, share_of, to_team};
use tokio_util::sync::CancellationToken;

use crate::bed::{Running, next_id, now};

/// Starts a runtime over a service, as the server does.
fn start(service: &Service, host: &str) -> Running {
    let stop = CancellationToken::new();
    let mut settings = Settings::new("test", host);
    settings.reconcile_every = Duration::from_millis(200);
    let runtime = Runtime::new(
        settings,
        service.store().task_pool(),
        service.store().wake().clone(),
        Arc::new(ServiceHandler::new(service.clone())),
        Sources {
            id: Arc::new(next_id),
            now: Arc::new(now),
        },
        stop.clone(),
    )
    .unwrap();
    let health = runtime.health();
    let ended = tokio::spawn(runtime.run());
    Running { health, stop, ended }
}

async fn share(app: &App, fixture: &Fixture, signed: &Signed) -> Shared {
    let copy = NewRecipient {
        duty: Duty::Copy,
        ..to_team(fixture.palliative_team)
    };
    let input = share_of(signed.version_id, vec![copy]);
    app.service.share_note(&fixture.physician, input).await.unwrap()
}

async fn world(engine: Engine) -> (App, Fixture, Signed) {
    let app = App::start(engine).await;
    let fixture = app.fixture().await;
    let patient = app.patient(&fixture, "A").await;
    let signed = app.sign(&fixture, patient, "A", 0).await;
    (app, fixture, signed)
}

async fn level(app: &App, id: RecipientId) -> EvidenceLevel {
    let mut conn = app.service.store().read().await.unwrap();
    recipients::find(&mut conn, id).await.unwrap().unwrap().level
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !done().await {
        assert!(began.elapsed() < Duration::from_secs(20), "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}

async fn a_share_is_a_mail_within_two_seconds(engine: Engine) {
    let (app, fixture, signed) = world(engine).await;
    let running = start(&app.service, "one");
    until("the start", async || running.health.all_alive()).await;
    let id = share(&app, &fixture, &signed).await.recipient_ids[0];
    let took = until("the evidence", async || {
        level(&app, id).await == EvidenceLevel::Accepted
    })
    .await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(app.email.sent().len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_is_a_mail_within_two_seconds_on_sqlite() {
    a_share_is_a_mail_within_two_seconds(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_is_a_mail_within_two_seconds_on_postgres() {
    a_share_is_a_mail_within_two_seconds(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_send_each_delivery_once() {
    let (app, fixture, signed) = world(Engine::Postgres).await;
    let other = app.another_process().await;
    let both = [start(&app.service, "one"), start(&other, "two")];
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.extend(share(&app, &fixture, &signed).await.recipient_ids);
    }
    for id in ids {
        until("the evidence", async || {
            level(&app, id).await == EvidenceLevel::Accepted
        })
        .await;
    }
    for running in both {
        running.stop().await;
    }
    let mut sent: Vec<String> = app.email.sent().into_iter().map(|mail| mail.message_id).collect();
    assert_eq!(sent.len(), 20);
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), 20);
    other.store().close().await;
}

/// Takes a message and never answers.
#[derive(Default)]
struct Stuck(Mutex<Vec<String>>);

#[async_trait]
impl Channel for Stuck {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Email
    }

    async fn send(&self, message: &Outbound) -> SendReport {
        self.0.lock().unwrap().push(message.message_id.clone());
        std::future::pending().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_was_sending_is_sent_again_under_the_same_id() {
    let (app, fixture, signed) = world(Engine::Postgres).await;
    let other = app.another_process().await;
    let stuck = Arc::new(Stuck::default());
    let doomed = Service::new(ServiceOptions {
        store: other.store().clone(),
        settings: other.settings().clone(),
        signer: Signer::from_seed("liaison.example/ledger", [7; 32].into()).unwrap(),
        channels: vec![stuck.clone()],
    });
    let id = share(&app, &fixture, &signed).await.recipient_ids[0];
    let sending = tokio::spawn(async move { doomed.deliver_due(false, 10).await });
    until("the first try", async || stuck.0.lock().unwrap().len() == 1).await;
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());

    let running = start(&app.service, "one");
    until("the start", async || running.health.all_alive()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(app.email.sent().len(), 0, "the lease still holds");
    app.advance(TimeDelta::seconds(61));
    until("the second try", async || {
        level(&app, id).await == EvidenceLevel::Accepted
    })
    .await;
    let first = stuck.0.lock().unwrap()[0].clone();
    let again: Vec<String> = app.email.sent().into_iter().map(|mail| mail.message_id).collect();
    assert_eq!(again, [first]);
    running.stop().await;
    other.store().close().await;
}
