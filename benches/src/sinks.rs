//! Receivers for the messages: webhook receivers and a mail server of `liaison_channels::sinks`, which can also be
//! taken away for a while without forgetting what they took.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context, Result};
pub use liaison_channels::sinks::{
    Certificate, ReceivedMail, ReceivedWebhook, SmtpFault, SmtpSink, SmtpSinkOptions, SmtpStage, TEST_ROOT, TlsFront,
    WebhookReply, WebhookSink, WebhookSinkOptions,
};
use liaison_domain::SystemClock;
use liaison_service::channel::Secret;

/// As many messages are kept as any run sends.
const KEEP: usize = 1_000_000;

/// One receiver of webhooks on an address that stays the same.
pub struct Hook {
    address: SocketAddr,
    secrets: Vec<Secret>,
    sink: Option<WebhookSink>,
    /// What earlier lives took.
    earlier: Vec<ReceivedWebhook>,
    refused: Vec<String>,
}

impl Hook {
    /// Listens on a free port of 127.0.0.`host`. Sends to one host share a lane, so receivers that are to be hosts of
    /// their own want different numbers.
    pub async fn start(host: u8) -> Result<Self> {
        let mut hook = Self {
            address: SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0)),
            secrets: Vec::new(),
            sink: None,
            earlier: Vec::new(),
            refused: Vec::new(),
        };
        hook.open().await?;
        Ok(hook)
    }

    /// Listens again after [`Hook::close`].
    pub async fn open(&mut self) -> Result<()> {
        let mut options = WebhookSinkOptions::new(Arc::new(SystemClock));
        options.keep = KEEP;
        options.secrets = self.secrets.clone();
        let sink = WebhookSink::start_on(self.address, options)
            .await
            .context("a webhook receiver cannot listen")?;
        self.address = sink.address();
        self.sink = Some(sink);
        Ok(())
    }

    /// Refuses connections from now on.
    pub async fn close(&mut self) {
        if let Some(sink) = self.sink.take() {
            sink.shutdown().await;
            self.earlier.extend(sink.events());
            self.refused.extend(sink.refused());
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL; every path is served.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/liaison", self.address)
    }

    /// Takes signatures of this secret.
    pub fn trust(&mut self, secret: &str) {
        self.secrets.push(Secret::new(secret));
        if let Some(sink) = &self.sink {
            sink.trust(Secret::new(secret));
        }
    }

    /// The next `times` calls are answered so.
    pub fn answer_with(&self, times: usize, reply: &WebhookReply) {
        if let Some(sink) = &self.sink {
            sink.script(std::iter::repeat_n(Some(reply.clone()), times));
        }
    }

    /// What it took, with a good signature, oldest first; repeats and failed ones included.
    #[must_use]
    pub fn events(&self) -> Vec<ReceivedWebhook> {
        let now = self.sink.as_ref().map(WebhookSink::events).unwrap_or_default();
        self.earlier.iter().cloned().chain(now).collect()
    }

    /// Why calls were refused: none has a reason to be.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        let now = self.sink.as_ref().map(WebhookSink::refused).unwrap_or_default();
        self.refused.iter().cloned().chain(now).collect()
    }
}

/// A mail server on an address that stays the same.
pub struct Post {
    address: SocketAddr,
    sink: Option<SmtpSink>,
    earlier: Vec<ReceivedMail>,
}

impl Post {
    /// Listens on a free port.
    pub async fn start() -> Result<Self> {
        let mut post = Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            sink: None,
            earlier: Vec::new(),
        };
        post.open().await?;
        Ok(post)
    }

    /// Listens again after [`Post::close`].
    pub async fn open(&mut self) -> Result<()> {
        let options = SmtpSinkOptions {
            keep: KEEP,
            ..SmtpSinkOptions::default()
        };
        let sink = SmtpSink::start_on(self.address, options)
            .await
            .context("a mail server cannot listen")?;
        self.address = sink.address();
        self.sink = Some(sink);
        Ok(())
    }

    /// Refuses connections from now on.
    pub async fn close(&mut self) {
        if let Some(sink) = self.sink.take() {
            sink.shutdown().await;
            self.earlier.extend(sink.mails());
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `[email]` of the configuration.
    #[must_use]
    pub fn section(&self) -> String {
        format!(
            "[email]\ntransport = \"smtp\"\nhost = \"{}\"\nport = {}\ntls = \"none\"\nfrom = \"noreply@clinic.example.test\"\n\
             connect_timeout_seconds = 2\ncommand_timeout_seconds = 2\n",
            self.address.ip(),
            self.address.port()
        )
    }

    /// What happens to the next `times` mails.
    pub fn fail_with(&self, times: usize, fault: &SmtpFault) {
        if let Some(sink) = &self.sink {
            sink.script(std::iter::repeat_n(Some(fault.clone()), times));
        }
    }

    /// What it took, oldest first, repeats included.
    #[must_use]
    pub fn mails(&self) -> Vec<ReceivedMail> {
        let now = self.sink.as_ref().map(SmtpSink::mails).unwrap_or_default();
        self.earlier.iter().cloned().chain(now).collect()
    }
}
