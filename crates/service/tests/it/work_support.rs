//! What the tests of the workers share: a signed note, shares, rows, and channels that hang on demand.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use liaison_domain::{ChannelKind, DeliveryState, Duty, EvidenceLevel, RecipientId, TeamId, Urgency, UserId};
use liaison_ledger::Signer;
use liaison_service::{
    Service, ServiceOptions, Settings,
    channel::{Channel, Outbound, OutboundBody, SendOutcome, SendReport},
    loops::{NewRecipient, ShareNote, Shared},
};
use liaison_store::{call_tasks, deliveries, ledger, notices, recipients, schedule};
use liaison_testkit::{App, Fixture, Signed, share_of, to_person, to_team};
use tokio::sync::Semaphore;

/// The world with a signed note of journey A, and the clock at a moment.
pub(crate) async fn world(app: &App, at: &str) -> (Fixture, Signed) {
    let fixture = app.fixture().await;
    let patient = app.patient(&fixture, "A").await;
    let signed = app.sign(&fixture, patient, "A", 0).await;
    let at: chrono::DateTime<chrono::Utc> = at.parse().unwrap();
    assert!(at >= app.now(), "the note was signed at {}", app.now());
    app.clock.set(at);
    (fixture, signed)
}

pub(crate) fn team(team: TeamId, duty: Duty) -> NewRecipient {
    NewRecipient { duty, ..to_team(team) }
}

pub(crate) fn person(user: UserId) -> NewRecipient {
    to_person(user)
}

/// Shares with an urgency; a call was made before, so that no voice-first task is mixed in.
pub(crate) async fn share(
    app: &App,
    fixture: &Fixture,
    signed: &Signed,
    urgency: Urgency,
    recipients: Vec<NewRecipient>,
) -> Shared {
    let verbal = liaison_service::loops::VerbalCommunication {
        at: app.now(),
        to: "the ward".to_owned(),
        read_back: true,
        note: None,
    };
    let input = ShareNote {
        urgency: Some(urgency),
        verbal: Some(verbal),
        ..share_of(signed.version_id, recipients)
    };
    app.service
        .share_note(&fixture.physician, input)
        .await
        .expect("a share")
}

/// Shares with the palliative team, which has an e-mail address alone.
pub(crate) async fn share_palliative(app: &App, fixture: &Fixture, signed: &Signed, urgency: Urgency) -> RecipientId {
    let recipients = vec![team(fixture.palliative_team, Duty::Required)];
    share(app, fixture, signed, urgency, recipients).await.recipient_ids[0]
}

pub(crate) async fn row(app: &App, id: RecipientId) -> recipients::RecipientRow {
    recipients::find(&mut app.service.store().read().await.unwrap(), id)
        .await
        .unwrap()
        .unwrap()
}

pub(crate) async fn sent_to(app: &App, id: RecipientId) -> Vec<deliveries::DeliveryRow> {
    deliveries::of_recipients(&mut app.service.store().read().await.unwrap(), &[id.uuid()])
        .await
        .unwrap()
}

pub(crate) async fn attempts(app: &App, delivery: &deliveries::DeliveryRow) -> Vec<deliveries::AttemptRow> {
    deliveries::attempts_of(&mut app.service.store().read().await.unwrap(), &[delivery.id.uuid()])
        .await
        .unwrap()
}

pub(crate) async fn evidence(app: &App, id: RecipientId) -> Vec<recipients::EvidenceRow> {
    recipients::evidence_of(&mut app.service.store().read().await.unwrap(), &[id.uuid()])
        .await
        .unwrap()
}

pub(crate) async fn steps(app: &App, id: RecipientId) -> Vec<schedule::EscalationStepRow> {
    schedule::steps_of(&mut app.service.store().read().await.unwrap(), &[id.uuid()])
        .await
        .unwrap()
}

pub(crate) async fn calls(app: &App, id: RecipientId) -> Vec<call_tasks::CallTaskRow> {
    call_tasks::of_recipients(&mut app.service.store().read().await.unwrap(), &[id.uuid()])
        .await
        .unwrap()
}

/// A person's notices as `KIND`, oldest first.
pub(crate) async fn notices_of(app: &App, user: UserId) -> Vec<String> {
    let rows = notices::list(&mut app.service.store().read().await.unwrap(), user, None, 100)
        .await
        .unwrap();
    rows.iter().rev().map(|row| row.kind.to_string()).collect()
}

/// How many ledger entries of an action there are.
pub(crate) async fn entries(app: &App, action: &str) -> usize {
    let filter = ledger::EntryFilter {
        actions: vec![action.to_owned()],
        ..Default::default()
    };
    ledger::search(&mut app.service.store().read().await.unwrap(), &filter, 500)
        .await
        .unwrap()
        .len()
}

pub(crate) fn states(rows: &[deliveries::DeliveryRow]) -> Vec<DeliveryState> {
    rows.iter().map(|row| row.state).collect()
}

/// The mails' addressees and subjects, sorted.
pub(crate) fn mails(sent: &[Outbound]) -> Vec<String> {
    let mut found: Vec<String> = sent
        .iter()
        .map(|mail| match &mail.body {
            OutboundBody::Email(body) => format!("{}: {}", mail.address, body.subject),
            OutboundBody::Webhook(body) => format!("{}: {}", mail.address, body.event_type),
        })
        .collect();
    found.sort();
    found
}

/// A channel whose answers wait until they are let through; `hangs` decides which do.
pub(crate) struct Gate {
    kind: ChannelKind,
    hangs: fn(&Outbound) -> bool,
    pub(crate) open: Semaphore,
    pub(crate) seen: Mutex<Vec<Outbound>>,
    under_way: AtomicUsize,
    pub(crate) most: AtomicUsize,
}

impl Gate {
    pub(crate) fn new(kind: ChannelKind, hangs: fn(&Outbound) -> bool) -> Arc<Self> {
        Arc::new(Self {
            kind,
            hangs,
            open: Semaphore::new(0),
            seen: Mutex::default(),
            under_way: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }

    pub(crate) fn seen(&self) -> Vec<Outbound> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until that many messages came.
    pub(crate) async fn until_seen(&self, count: usize) {
        for _ in 0..2_000 {
            if self.seen.lock().unwrap().len() >= count {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("only {} of {count} messages came", self.seen.lock().unwrap().len());
    }
}

#[async_trait::async_trait]
impl Channel for Gate {
    fn kind(&self) -> ChannelKind {
        self.kind
    }

    async fn send(&self, message: &Outbound) -> SendReport {
        self.seen.lock().unwrap().push(message.clone());
        if (self.hangs)(message) {
            let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            self.open.acquire().await.unwrap().forget();
            self.under_way.fetch_sub(1, Ordering::SeqCst);
        }
        SendReport {
            outcome: SendOutcome::Delivered(match self.kind {
                ChannelKind::Email => EvidenceLevel::Accepted,
                ChannelKind::Webhook => EvidenceLevel::Received,
            }),
            status: Some(200),
            artefact: "let through".to_owned(),
        }
    }
}

/// A process over the app's database with other channels.
pub(crate) fn process(app: &App, name: &str, channels: Vec<Arc<dyn Channel>>) -> Service {
    let settings = Settings::new("https://liaison.example".parse().unwrap(), name);
    process_with(app, settings, channels)
}

/// The same with settings of its own.
pub(crate) fn process_with(app: &App, settings: Settings, channels: Vec<Arc<dyn Channel>>) -> Service {
    Service::new(ServiceOptions {
        store: app.service.store().clone(),
        settings,
        signer: Signer::from_seed("liaison.example/ledger", [7; 32].into()).unwrap(),
        channels,
    })
}

pub(crate) fn report(outcome: SendOutcome) -> SendReport {
    SendReport {
        outcome,
        status: Some(503),
        artefact: "scripted".to_owned(),
    }
}
