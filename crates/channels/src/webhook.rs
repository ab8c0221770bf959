//! Webhooks by Standard Webhooks: a signed HTTP call of ids and links, to a URL of the directory.
//!
//! The call can be aimed only at allowed addresses, follows no redirect, uses no proxy, opens a new connection each
//! time (so that each try is resolved and judged anew) and reads at most 4 kB of the answer.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use http_body::{Body, Frame, SizeHint};
use liaison_domain::{ChannelKind, Clock, EvidenceLevel, Random};
use liaison_service::channel::{Channel, Outbound, OutboundBody, Secret, SendOutcome, SendReport};
use reqwest::{
    Client, Response,
    header::{CONTENT_TYPE, LOCATION, RETRY_AFTER},
    redirect::Policy,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};
use tokio::time::{Instant, timeout_at};

use crate::{
    AddressPolicy, AddressRefused, Lookup, SystemLookup,
    artefact::{causes, deadline, log, refused, report},
    check_webhook_url,
    resolver::GuardedResolver,
    retry_after::retry_after,
};

/// Most of an answer's body that is read, in bytes.
const MAX_ANSWER: usize = 4_096;
/// Longest wait for an answer's body: its status has said what matters.
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);
/// Most header lines of an answer.
const MAX_ANSWER_HEADERS: usize = 64;
/// Secret lengths that Standard Webhooks allows, in bytes.
const SECRET_LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// Settings of outbound webhooks.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// Which addresses may be called, and whether plain `http` may be.
    pub addresses: AddressPolicy,
    /// Longest time to resolve, connect and agree on TLS.
    pub connect_timeout: Duration,
    /// Root certificates to trust beside the public ones, as PEM.
    pub extra_root_pem: Option<String>,
}

impl Default for WebhookConfig {
    /// Public addresses over `https`; 5 s to connect.
    fn default() -> Self {
        Self {
            addresses: AddressPolicy::default(),
            connect_timeout: Duration::from_secs(5),
            extra_root_pem: None,
        }
    }
}

/// What is wrong with the settings of outbound webhooks.
#[derive(Debug, thiserror::Error)]
pub enum WebhookConfigError {
    /// A time-out of nothing.
    #[error("the time to connect for webhooks must be longer than 0 s")]
    Timeout,
    /// Unreadable certificates.
    #[error("the extra root certificates for webhooks cannot be used; give certificates in PEM form: {0}")]
    Certificate(String),
    /// TLS cannot be set up.
    #[error("TLS for webhooks cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The client cannot be made.
    #[error("the webhook client cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
}

/// Sends signed webhooks.
pub struct WebhookChannel {
    clock: Arc<dyn Clock>,
    addresses: AddressPolicy,
    client: Client,
}

impl WebhookChannel {
    /// Webhooks with the operating system's name resolution. The clock stamps the tries.
    pub fn new(config: &WebhookConfig, clock: Arc<dyn Clock>) -> Result<Self, WebhookConfigError> {
        Self::with_lookup(config, clock, Arc::new(SystemLookup))
    }

    /// The same with another name resolution; what it finds is judged by the same policy.
    pub fn with_lookup(
        config: &WebhookConfig,
        clock: Arc<dyn Clock>,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, WebhookConfigError> {
        if config.connect_timeout.is_zero() {
            return Err(WebhookConfigError::Timeout);
        }
        let resolver = GuardedResolver {
            policy: config.addresses.clone(),
            lookup,
        };
        let client = Client::builder()
            .tls_backend_preconfigured(tls(config.extra_root_pem.as_deref())?)
            .dns_resolver(resolver)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .https_only(!config.addresses.allow_http)
            .http1_only()
            .http1_max_headers(MAX_ANSWER_HEADERS)
            .pool_max_idle_per_host(0)
            .connect_timeout(config.connect_timeout)
            .user_agent(concat!("Liaison/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            clock,
            addresses: config.addresses.clone(),
            client,
        })
    }

    async fn call(
        &self,
        message: &Outbound,
        url: url::Url,
        signature: String,
        timestamp: i64,
        json: &str,
    ) -> SendReport {
        let deadline = deadline(message);
        let begun = Arc::new(AtomicBool::new(false));
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(HEADER_WEBHOOK_ID, &message.message_id)
            .header(HEADER_WEBHOOK_TIMESTAMP, timestamp)
            .header(HEADER_WEBHOOK_SIGNATURE, signature)
            .body(reqwest::Body::wrap(Watched {
                inner: json.to_owned(),
                begun: Arc::clone(&begun),
            }));
        match timeout_at(deadline, request.send()).await {
            Ok(Ok(response)) => self.judge(response, deadline).await,
            Ok(Err(error)) => failed(&error.without_url(), begun.load(Ordering::SeqCst)),
            Err(_) if begun.load(Ordering::SeqCst) => {
                report(SendOutcome::Unknown, None, "no answer in time after the request left")
            }
            Err(_) => report(
                SendOutcome::Transient { retry_after: None },
                None,
                "no connection in time",
            ),
        }
    }

    /// What an answer means for the delivery (RFC 9110 section 15; Standard Webhooks for 3xx and 410).
    async fn judge(&self, mut response: Response, deadline: Instant) -> SendReport {
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let outcome = match status {
            200..=299 => SendOutcome::Delivered(EvidenceLevel::Received),
            410 => SendOutcome::Permanent { endpoint_gone: true },
            408 | 429 | 500..=599 => SendOutcome::Transient {
                retry_after: header(RETRY_AFTER).and_then(|value| retry_after(value, self.clock.now())),
            },
            _ => SendOutcome::Permanent { endpoint_gone: false },
        };
        let mut words = format!("HTTP {status} ");
        if let (300..=399, Some(location)) = (status, header(LOCATION)) {
            words.push_str(&format!("redirect to {location} not followed "));
        }
        let body = first_bytes(&mut response, deadline.min(Instant::now() + ANSWER_PATIENCE)).await;
        words.push_str(&String::from_utf8_lossy(&body));
        report(outcome, Some(status), &words)
    }
}

#[async_trait::async_trait]
impl Channel for WebhookChannel {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Webhook
    }

    async fn send(&self, message: &Outbound) -> SendReport {
        let report = self.try_once(message).await;
        log(message, &report);
        report
    }
}

impl WebhookChannel {
    async fn try_once(&self, message: &Outbound) -> SendReport {
        let OutboundBody::Webhook(body) = &message.body else {
            return refused("this is not a webhook; its endpoint and its body differ in kind");
        };
        if !is_webhook_id(&message.message_id) {
            return refused("the message id does not fit a webhook-id: 1 to 200 letters, digits, \"_\" or \"-\"");
        }
        let url = match check_webhook_url(&message.address, &self.addresses) {
            Ok(url) => url,
            Err(problem) => return refused(&problem.to_string()),
        };
        let signer = match message.secret.as_ref().map(signer) {
            Some(Ok(signer)) => signer,
            Some(Err(why)) => return refused(why),
            None => return refused("the endpoint has no signing secret; make a new one"),
        };
        let timestamp = self.clock.now().timestamp();
        match signer.sign(&message.message_id, timestamp, body.json.as_bytes()) {
            Ok(signature) => self.call(message, url, signature, timestamp, &body.json).await,
            Err(error) => refused(&format!("the webhook cannot be signed: {error}")),
        }
    }
}

/// A new signing secret: `whsec_` and 32 random bytes in base64 (Standard Webhooks, symmetric keys).
pub fn new_webhook_secret(random: &dyn Random) -> Secret {
    let mut key = [0; 32];
    random.fill(&mut key);
    Secret::new(format!("whsec_{}", STANDARD.encode(key)))
}

/// Reads a secret. The reason given when it cannot be used never repeats it.
fn signer(secret: &Secret) -> Result<Webhook, &'static str> {
    const UNREADABLE: &str = "the endpoint's signing secret is not \"whsec_\" followed by base64; make a new one";
    let encoded = secret.expose().strip_prefix("whsec_").ok_or(UNREADABLE)?;
    let key = STANDARD.decode(encoded).map_err(|_| UNREADABLE)?;
    if !SECRET_LENGTHS.contains(&key.len()) {
        return Err("the endpoint's signing secret is not 24 to 64 bytes long; make a new one");
    }
    Webhook::from_bytes(key).map_err(|_| UNREADABLE)
}

/// A full stop separates the signed parts, so an id must not hold one.
fn is_webhook_id(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// TLS with ring, the public roots and the extra ones.
pub(crate) fn tls(extra_root_pem: Option<&str>) -> Result<ClientConfig, WebhookConfigError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(pem) = extra_root_pem {
        let unusable = |why: &dyn std::fmt::Display| WebhookConfigError::Certificate(why.to_string());
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| unusable(&error))?;
            roots.add(certificate).map_err(|error| unusable(&error))?;
        }
        if roots.len() == before {
            return Err(unusable(&"no certificate inside"));
        }
    }
    Ok(
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}

/// What a failed call means: before the request left nothing can have arrived, from then on nobody knows.
fn failed(error: &reqwest::Error, begun: bool) -> SendReport {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(address) = error.downcast_ref::<AddressRefused>() {
            return refused(&address.to_string());
        }
        cause = error.source();
    }
    if error.is_builder() {
        return refused(&causes(error));
    }
    if begun {
        return report(
            SendOutcome::Unknown,
            None,
            &format!("connection lost after the request left: {}", causes(error)),
        );
    }
    report(
        SendOutcome::Transient { retry_after: None },
        None,
        &format!("no connection: {}", causes(error)),
    )
}

/// The first [`MAX_ANSWER`] bytes of the answer, or as many as came until `limit`.
async fn first_bytes(response: &mut Response, limit: Instant) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_ANSWER {
        match timeout_at(limit, response.chunk()).await {
            Ok(Ok(Some(chunk))) => bytes.extend_from_slice(&chunk),
            // The end, a cut or the limit: the status stands either way.
            Ok(Ok(None) | Err(_)) | Err(_) => break,
        }
    }
    bytes.truncate(MAX_ANSWER);
    bytes
}

/// A request body that notes when it is first asked for: until then, no byte of the request has left.
struct Watched {
    inner: String,
    begun: Arc<AtomicBool>,
}

impl Body for Watched {
    type Data = <String as Body>::Data;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Infallible>>> {
        self.begun.store(true, Ordering::SeqCst);
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
