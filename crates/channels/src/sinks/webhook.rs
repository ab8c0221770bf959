//! A webhook receiver on a loopback port: it verifies signatures by Standard Webhooks, keeps events, and fails on
//! demand.

use std::{
    collections::{HashSet, VecDeque},
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, DefaultBodyLimit, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use liaison_domain::Clock;
use liaison_service::channel::Secret;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    cut::{CuttingListener, Scissors},
    trickle::Trickle,
};

/// Largest event taken, in bytes: Standard Webhooks recommends less than 20 kB.
const MAX_EVENT: usize = 20_000;

/// Settings of the webhook receiver.
pub struct WebhookSinkOptions {
    /// Secrets whose signatures are taken; more can be added by [`WebhookSink::trust`].
    pub secrets: Vec<Secret>,
    /// Judges the age of signatures.
    pub clock: Arc<dyn Clock>,
    /// Most seconds between a signature's time and the clock.
    pub tolerance: i64,
    /// Every how many-th call fails with 503, so that retries show; `None` for never.
    pub fail_every: Option<usize>,
    /// Most events kept; the oldest fall out.
    pub keep: usize,
}

impl WebhookSinkOptions {
    /// No secrets yet, 300 s of tolerance, no failures, 1,000 events.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            secrets: Vec::new(),
            clock,
            tolerance: 300,
            fail_every: None,
            keep: 1_000,
        }
    }
}

/// A scripted answer to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookReply {
    /// Status; the event is kept whatever it is.
    pub status: u16,
    /// Further headers, such as `Retry-After`.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
    /// Wait before the answer.
    pub delay: Duration,
    /// Cut the connection instead of answering.
    pub close: bool,
    /// How often the body is repeated, and the pause before each time; `None` for once, at once.
    pub repeated: Option<(u64, Duration)>,
}

impl WebhookReply {
    /// A status with an empty body.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
            delay: Duration::ZERO,
            close: false,
            repeated: None,
        }
    }

    /// No answer: the event is kept and the connection cut.
    pub fn close() -> Self {
        Self {
            close: true,
            ..Self::status(200)
        }
    }

    /// With a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a body.
    pub fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// With the body so many times, a pause before each: too slow, or without end.
    pub fn repeated(mut self, times: u64, pause: Duration) -> Self {
        self.repeated = Some((times, pause));
        self
    }

    /// After a wait.
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// An event as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedWebhook {
    /// When its body was read, by the receiver's clock.
    pub at: DateTime<Utc>,
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`, in seconds since 1970.
    pub timestamp: i64,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
    /// Status it was answered with, or `None` where the connection was cut.
    pub answered: Option<u16>,
}

/// The running webhook receiver. It stops when it is dropped; [`WebhookSink::shutdown`] also waits for it.
pub struct WebhookSink {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

struct Shared {
    clock: Arc<dyn Clock>,
    tolerance: i64,
    fail_every: Option<usize>,
    keep: usize,
    state: Mutex<Inner>,
    /// Calls ever verified, for those who wait.
    count: watch::Sender<usize>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Inner {
    secrets: Vec<Secret>,
    script: VecDeque<Option<WebhookReply>>,
    events: VecDeque<ReceivedWebhook>,
    refused: Vec<String>,
    calls: usize,
}

impl WebhookSink {
    /// Listens on a free port of 127.0.0.1.
    pub async fn start(options: WebhookSinkOptions) -> io::Result<Self> {
        Self::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), options).await
    }

    /// Listens on `address`, which should be a loopback one.
    pub async fn start_on(address: SocketAddr, options: WebhookSinkOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            clock: options.clock,
            tolerance: options.tolerance,
            fail_every: options.fail_every,
            keep: options.keep,
            state: Mutex::new(Inner {
                secrets: options.secrets,
                ..Inner::default()
            }),
            count: watch::Sender::new(0),
            stop: stop.clone(),
        });
        let sink = Self {
            address: listener.local_addr()?,
            shared: Arc::clone(&shared),
            stop: stop.clone(),
            tasks: TaskTracker::new(),
        };
        let app = Router::new()
            .fallback(receive)
            .layer(DefaultBodyLimit::max(MAX_EVENT))
            .with_state(shared)
            .into_make_service_with_connect_info::<Scissors>();
        sink.tasks.spawn(async move {
            // The server ends by its stop signal only.
            let _ = axum::serve(CuttingListener(listener), app)
                .with_graceful_shutdown(stop.cancelled_owned())
                .await;
        });
        Ok(sink)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL of it; `path` begins with a slash. Every path is served.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Takes signatures of this secret too.
    pub fn trust(&self, secret: Secret) {
        self.shared.lock().secrets.push(secret);
    }

    /// Adds to the script: the answers to the next verified calls that are not yet scripted (`None`: 204).
    pub fn script(&self, replies: impl IntoIterator<Item = Option<WebhookReply>>) {
        self.shared.lock().script.extend(replies);
    }

    /// The kept events with a good signature, oldest first, repeats and failed ones included.
    pub fn events(&self) -> Vec<ReceivedWebhook> {
        self.shared.lock().events.iter().cloned().collect()
    }

    /// How many different ids the kept events bear.
    pub fn distinct(&self) -> usize {
        self.shared
            .lock()
            .events
            .iter()
            .map(|event| event.id.as_str())
            .collect::<HashSet<_>>()
            .len()
    }

    /// Why calls were refused, in order.
    pub fn refused(&self) -> Vec<String> {
        self.shared.lock().refused.clone()
    }

    /// Waits until `count` calls with a good signature came in, ever; whether they did within `patience`.
    pub async fn wait_for(&self, count: usize, patience: Duration) -> bool {
        let mut seen = self.shared.count.subscribe();
        tokio::time::timeout(patience, seen.wait_for(|seen| *seen >= count))
            .await
            .is_ok_and(|seen| seen.is_ok())
    }

    /// Stops listening, ends delays, and waits for open calls.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for WebhookSink {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Checks a call as a receiver should (Standard Webhooks, "verifying"): id, time, signature of one known secret.
    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<(String, i64), String> {
        let header = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.ok_or_else(|| format!("header {name} is missing"))
        };
        let (id, time, signatures) = (
            header(HEADER_WEBHOOK_ID)?,
            header(HEADER_WEBHOOK_TIMESTAMP)?,
            header(HEADER_WEBHOOK_SIGNATURE)?,
        );
        let timestamp: i64 = time.parse().map_err(|_| "the timestamp is not a number".to_owned())?;
        let age = self.clock.now().timestamp().abs_diff(timestamp);
        if age > self.tolerance.unsigned_abs() {
            return Err(format!("the timestamp is {age} s off"));
        }
        let secrets = self.lock().secrets.clone();
        let known = secrets.iter().any(|secret| {
            let expected = Webhook::new(secret.expose()).and_then(|signer| signer.sign(id, timestamp, body));
            expected.is_ok_and(|expected| signatures.split(' ').any(|given| given == expected))
        });
        if known {
            Ok((id.to_owned(), timestamp))
        } else {
            Err("no known secret made this signature".to_owned())
        }
    }

    /// The next answer: scripted, or now and then a failure, or 204.
    fn next_reply(&self) -> WebhookReply {
        let mut inner = self.lock();
        inner.calls += 1;
        let calls = inner.calls;
        let now_and_then = || {
            let fails = self
                .fail_every
                .is_some_and(|every| every > 0 && calls.is_multiple_of(every));
            if fails {
                WebhookReply::status(503).body("out of order now and then")
            } else {
                WebhookReply::status(204)
            }
        };
        inner.script.pop_front().flatten().unwrap_or_else(now_and_then)
    }

    fn keep(&self, event: ReceivedWebhook) {
        {
            let mut inner = self.lock();
            inner.events.push_back(event);
            while inner.events.len() > self.keep {
                inner.events.pop_front();
            }
        }
        self.count.send_modify(|count| *count += 1);
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (id, timestamp) = match shared.verify(&headers, &body) {
        Ok(verified) => verified,
        Err(why) => {
            shared.lock().refused.push(why.clone());
            return (StatusCode::UNAUTHORIZED, why).into_response();
        }
    };
    let reply = shared.next_reply();
    shared.keep(ReceivedWebhook {
        at: shared.clock.now(),
        id,
        timestamp,
        method: method.to_string(),
        path: uri.to_string(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
        answered: (!reply.close).then_some(reply.status),
    });
    shared.stop.run_until_cancelled(tokio::time::sleep(reply.delay)).await;
    if reply.close {
        scissors.cut();
    }
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match reply.repeated {
        None => (status, reply.body).into_response(),
        Some((times, pause)) => {
            let body = Trickle::new(Bytes::from(reply.body), times, pause);
            (status, Body::new(body)).into_response()
        }
    };
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
