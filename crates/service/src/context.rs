//! What every use case stands on: the store, the settings, the ledger's signer, the channels.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use liaison_domain::{
    Actor, ChannelKind, OrganizationId, Random, RetrySchedule,
    access::{Action, Relation, decide},
    ids::TypedId,
};
use liaison_ledger::Signer;
use liaison_store::{Conn, NewEntry, Store, Tx};
use url::Url;

use crate::{
    Result, ServiceError,
    channel::Channel,
    origin::{NoOrigins, Origins},
    seats::{Seats, StreamLimits},
    work::{AtWork, Combine, Ending, Lanes, Retention},
};

/// What an operator can set about the use cases.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where people reach this service: links in mails and webhooks begin with it.
    pub base_url: Url,
    /// Webhook endpoints may be `http`: only for tests and the demo.
    pub allow_http_endpoints: bool,
    /// How long one attempt to deliver may take.
    pub attempt_timeout: Duration,
    /// How long a claimed delivery or timer belongs to its worker; longer than an attempt may take.
    pub lease: Duration,
    /// When to try again, by channel.
    pub retry: BTreeMap<ChannelKind, RetrySchedule>,
    /// The name of this process, unique among the running ones, for leases.
    pub process: String,
    /// Who knows which request is being worked on.
    pub origins: Arc<dyn Origins>,
    /// For how long what outlives its use is kept.
    pub retention: Retention,
    /// How many streams may be open at once in this process.
    pub streams: StreamLimits,
}

impl Settings {
    /// Settings with defaults: attempts of 15 s (Standard Webhooks asks for 15 to 30 s), leases of 60 s.
    pub fn new(base_url: Url, process: impl Into<String>) -> Self {
        Self {
            base_url,
            allow_http_endpoints: false,
            attempt_timeout: Duration::from_secs(15),
            lease: Duration::from_secs(60),
            retry: ChannelKind::ALL
                .iter()
                .map(|&channel| (channel, RetrySchedule::default_for(channel)))
                .collect(),
            process: process.into(),
            origins: Arc::new(NoOrigins),
            retention: Retention::default(),
            streams: StreamLimits::default(),
        }
    }
}

/// What a service is made of.
pub struct ServiceOptions {
    /// The database.
    pub store: Store,
    /// The settings.
    pub settings: Settings,
    /// Signs the ledger's checkpoints.
    pub signer: Signer,
    /// The ways to send.
    pub channels: Vec<Arc<dyn Channel>>,
}

/// The use cases. Cheap to clone; each use case is a method in the file of its name.
#[derive(Clone)]
pub struct Service(
    Arc<ServiceOptions>,
    Arc<crate::directory::FailedSignIns>,
    Lanes,
    Arc<crate::sign_in::Doors>,
    AtWork,
    Combine,
    Ending,
    Seats,
);

impl Service {
    /// A service over its parts.
    pub fn new(options: ServiceOptions) -> Self {
        let seats = Seats::new(options.settings.streams);
        Self(
            Arc::new(options),
            Arc::default(),
            Lanes::default(),
            Arc::default(),
            AtWork::default(),
            Combine::default(),
            Ending::default(),
            seats,
        )
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The ledger's signer.
    pub fn signer(&self) -> &Signer {
        &self.0.signer
    }

    /// The channel of a kind.
    pub fn channel(&self, kind: ChannelKind) -> Option<&Arc<dyn Channel>> {
        self.0.channels.iter().find(|channel| channel.kind() == kind)
    }

    /// When failed sign-ins by token were last written to the ledger.
    pub(crate) fn failed_sign_ins(&self) -> &crate::directory::FailedSignIns {
        &self.1
    }

    /// The sends under way in this process.
    pub(crate) fn lanes(&self) -> &Lanes {
        &self.2
    }

    /// The deliveries that this process is at.
    pub(crate) fn at_work(&self) -> &AtWork {
        &self.4
    }

    /// Who looks for due deliveries in this process.
    pub(crate) fn combine(&self) -> &Combine {
        &self.5
    }

    /// Whether this process is asked to stop.
    pub(crate) fn ending(&self) -> &Ending {
        &self.6
    }

    /// What this process keeps at hand for sign-in.
    pub(crate) fn doors(&self) -> &crate::sign_in::Doors {
        &self.3
    }

    /// The streams that are open in this process.
    pub fn seats(&self) -> &Seats {
        &self.7
    }

    /// Now, by the store's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.0.store.clock().now()
    }

    /// A new id.
    pub fn id<T: TypedId>(&self) -> T {
        let random = self.0.store.random();
        let random: &dyn Random = &*random;
        random.id(self.now())
    }

    /// Begins a write transaction.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        Ok(self.0.store.begin().await?)
    }

    /// A connection for reading.
    pub(crate) async fn read(&self) -> Result<Conn> {
        Ok(self.0.store.read().await?)
    }

    /// A ledger entry of an act by an actor, to be filled in and handed to [`Tx::record`].
    pub(crate) fn entry(&self, actor: &Actor, action: &'static str) -> NewEntry {
        NewEntry::new(self.id(), self.now(), actor, action)
    }

    /// Decides whether the actor may do something; a refusal is written to the ledger in a transaction of its own.
    pub(crate) async fn authorize(&self, actor: &Actor, action: Action, relation: Relation) -> Result<()> {
        let Err(denied) = decide(actor, action, relation) else {
            return Ok(());
        };
        let mut tx = self.begin().await?;
        let mut entry = self.entry(actor, "access.denied");
        entry.outcome = "denied";
        entry.detail.insert("wanted", action.as_str().to_owned());
        entry.detail.insert("relation", relation.as_str().to_owned());
        entry.detail.insert("reason", denied.to_string());
        tx.record(entry);
        tx.commit().await?;
        Err(denied.into())
    }

    /// The organization the actor acts for.
    pub(crate) fn organization(&self, actor: &Actor) -> Result<OrganizationId> {
        actor.organization_id.ok_or(ServiceError::Unauthenticated)
    }
}
