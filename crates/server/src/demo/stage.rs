//! The stage: the folder with keys and database, the local mailbox and webhook receiver, and the server's own wiring
//! over them with the story's clock.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use liaison_channels::sinks::{SmtpFault, SmtpSink, SmtpSinkOptions, SmtpStage, WebhookSink, WebhookSinkOptions};
use liaison_service::Service;
use tokio::net::TcpListener;

use super::clock::StoryClock;
use crate::{
    config::{self, Config},
    telemetry,
    wiring::{self, Parts},
};

/// Every how many-th webhook fails.
const WEBHOOK_FAILS: usize = 7;
/// The most mails and webhooks that are kept in memory.
const KEEP: usize = 10_000;

/// Everything the story plays on.
pub(crate) struct Stage {
    /// Where everything lies.
    pub(crate) folder: PathBuf,
    /// The configuration, which also stands in the folder.
    pub(crate) config: Config,
    /// The wired parts.
    pub(crate) parts: Parts,
    /// The use cases.
    pub(crate) service: Service,
    /// The clock of everything.
    pub(crate) clock: StoryClock,
    /// The mail server.
    pub(crate) mailbox: Arc<SmtpSink>,
    /// The other side's webhook receiver.
    pub(crate) receiver: WebhookSink,
    /// Where HTTP will be served.
    pub(crate) address: SocketAddr,
    /// The socket for it, held from the start: links in mails name its port.
    pub(crate) listener: TcpListener,
}

impl Stage {
    /// Sets everything up in a fresh folder.
    pub(crate) async fn open(folder: PathBuf, listen: SocketAddr, clock: StoryClock) -> anyhow::Result<Self> {
        let folder = folder
            .canonicalize()
            .with_context(|| format!("the folder {}", folder.display()))?;
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}: give a free port with --listen 127.0.0.1:PORT"))?;
        let address = listener.local_addr()?;
        let options = SmtpSinkOptions {
            keep: KEEP,
            folder: Some(folder.join("mail")),
            credentials: None,
        };
        let mailbox = SmtpSink::start(options).await.context("the local mailbox")?;
        // Two mails are put off, so that a retry shows; the addressees come back to it later.
        let later = || {
            Some(SmtpFault::Reply(
                SmtpStage::Data,
                "451 4.3.0 try again later".to_owned(),
            ))
        };
        mailbox.script([None, later(), None, None, None, None, later()]);
        let mut options = WebhookSinkOptions::new(Arc::new(clock.clone()));
        options.fail_every = Some(WEBHOOK_FAILS);
        options.keep = KEEP;
        let receiver = WebhookSink::start(options)
            .await
            .context("the local webhook receiver")?;
        let text = configuration(&folder, address, mailbox.address());
        let file = folder.join("liaison.toml");
        std::fs::write(&file, &text).with_context(|| format!("{}", file.display()))?;
        // Nothing of the environment: the demonstration must not touch what a variable may point to.
        let config = config::parse(Some((file, text)), [])?;
        telemetry::start(&config.log)?;
        let parts = wiring::open_with_clock(&config, Arc::new(clock.clone())).await?;
        let service = parts.service.clone();
        let mailbox = Arc::new(mailbox);
        Ok(Self {
            folder,
            config,
            parts,
            service,
            clock,
            mailbox,
            receiver,
            address,
            listener,
        })
    }
}

/// How the person before this machine reaches the demonstration. Browsers give passkeys to names, not to IP addresses, and
/// `localhost` always is this machine (RFC 6761, section 6.3).
pub(crate) fn base(http: SocketAddr) -> String {
    if http.ip().is_loopback() {
        format!("http://localhost:{}", http.port())
    } else {
        format!("http://{http}")
    }
}

fn configuration(folder: &Path, http: SocketAddr, smtp: SocketAddr) -> String {
    // A JSON string is a TOML string.
    let path = |name: &str| serde_json::Value::from(folder.join(name).display().to_string());
    let database = serde_json::Value::from(format!("sqlite:{}", folder.join("liaison.sqlite").display()));
    format!(
        "# The demonstration's configuration. Its mailbox and webhook receiver live only as long as the demonstration.\n\
         [database]\nurl = {database}\n\n[keys]\nmaster_file = {}\nledger_file = {}\n\n\
         [http]\nlisten = \"{http}\"\nbase_url = \"{}\"\n\n[graphql]\ngraphiql = true\nintrospection = true\n\n\
         [email]\ntransport = \"smtp\"\nhost = \"{}\"\nport = {}\ntls = \"none\"\nfrom = \"liaison@clinic.example.test\"\n\n\
         [webhooks]\nallow_http = true\nallow = [\"127.0.0.0/8\"]\n\n[log]\nfilter = \"warn\"\n",
        path("master.key"),
        path("ledger.key"),
        base(http),
        smtp.ip(),
        smtp.port(),
    )
}
