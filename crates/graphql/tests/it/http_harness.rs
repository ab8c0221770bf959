//! A small schema, a sign-in that knows two people, and a way to ask: over the router itself, or over a real
//! socket where bytes on the wire matter.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_graphql::{
    Context, Data, ErrorExtensions as _, ID, InputValueError, Object, Scalar, ScalarType, Schema, SimpleObject,
    Subscription, Value,
};
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use futures::Stream;
use futures::stream::unfold;
use liaison_graphql::http::{
    AuthFailure, Authenticate, Credential, GraphQlConfig, GraphQlSettings, MAX_COMPLEXITY, MAX_RECURSIVE_DEPTH,
    RequestId, RequestIds, Session, router,
};
use liaison_service::seats::{Seats, StreamLimits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Stands in requests wherever PHI would; no answer may hold it.
pub(crate) const CANARY: &str = "Zebulon-Quartermain";

/// Who asks, as resolvers see it.
pub(crate) struct Actor(&'static str);

pub(crate) struct Query;

/// A scalar that takes five letters and quotes what it refuses, as careless ones do.
struct Word(String);

#[Scalar]
impl ScalarType for Word {
    fn parse(value: Value) -> Result<Self, InputValueError<Self>> {
        match value {
            Value::String(text) if text.len() == 5 => Ok(Self(text)),
            other => Err(InputValueError::custom(format!("{other} has not five letters"))),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

#[derive(SimpleObject, Default)]
#[graphql(complex)]
struct Node {
    name: String,
}

#[async_graphql::ComplexObject]
impl Node {
    async fn child(&self) -> Node {
        Node::default()
    }
}

#[Object]
impl Query {
    async fn actor(&self, context: &Context<'_>) -> async_graphql::Result<&'static str> {
        Ok(context.data::<Actor>()?.0)
    }

    async fn request_id(&self, context: &Context<'_>) -> async_graphql::Result<String> {
        Ok(context.data::<RequestId>()?.to_string())
    }

    async fn echo(&self, text: String) -> String {
        text
    }

    async fn word(&self, word: Word) -> String {
        word.0
    }

    async fn sum(&self, of: Vec<i32>) -> i32 {
        of.iter().sum()
    }

    async fn node(&self, id: Option<ID>) -> Node {
        Node {
            name: id.map(|id| id.0).unwrap_or_default(),
        }
    }

    #[graphql(complexity = "1000")]
    async fn costly(&self) -> i32 {
        0
    }

    async fn sleep(&self, ms: u64) -> bool {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        true
    }

    /// Computes without a pause.
    async fn spin(&self, ms: u64) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(ms) {
            std::hint::spin_loop();
        }
        true
    }

    async fn boom(&self, text: String) -> bool {
        assert!(text.is_empty(), "panicked over {text}");
        true
    }

    async fn accident(&self, text: String) -> async_graphql::Result<bool> {
        Err(format!("no row for {text}").into())
    }

    async fn stale(&self) -> async_graphql::Result<Option<bool>> {
        Err(async_graphql::Error::new("this note has a newer version").extend_with(|_, e| e.set("code", "STALE")))
    }
}

pub(crate) struct Mutation(Arc<AtomicUsize>);

#[Object]
impl Mutation {
    async fn touch(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// Counts subscriptions that are alive.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Subscriptions that are alive, and texts that were made for them.
pub(crate) struct Events(Arc<AtomicUsize>, Arc<AtomicUsize>);

#[Subscription]
impl Events {
    /// `count` numbers, one every `every_ms`.
    async fn ticks(&self, count: u32, every_ms: u64) -> impl Stream<Item = u32> + use<> {
        let alive = Alive::new(&self.0);
        unfold((0, alive), move |(n, alive)| async move {
            if n == count {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(every_ms)).await;
            Some((n, (n + 1, alive)))
        })
    }

    /// Says nothing, for ever.
    async fn silence(&self) -> impl Stream<Item = u32> + use<> {
        let alive = Alive::new(&self.0);
        unfold(alive, |alive| async move {
            std::future::pending::<()>().await;
            Some((0, alive))
        })
    }

    /// Texts of so many bytes, without an end and without a pause.
    async fn flood(&self, bytes: usize) -> impl Stream<Item = String> + use<> {
        let (alive, made) = (Alive::new(&self.0), Arc::clone(&self.1));
        unfold(alive, move |alive| {
            made.fetch_add(1, Ordering::SeqCst);
            std::future::ready(Some(("x".repeat(bytes), alive)))
        })
    }

    async fn explode(&self, text: String) -> impl Stream<Item = u32> + use<> {
        unfold(0, move |n| {
            let text = text.clone();
            async move {
                assert!(n == 0, "panicked over {text}");
                Some((n, n + 1))
            }
        })
    }
}

pub(crate) type ToySchema = Schema<Query, Mutation, Events>;

/// Knows ana by a token and by a cookie, and ben by a token.
struct Door(Arc<AtomicBool>);

#[async_trait]
impl Authenticate for Door {
    async fn authenticate(&self, headers: &HeaderMap, _: Option<SocketAddr>) -> Result<Box<dyn Session>, AuthFailure> {
        let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
        let credential = match (text(header::AUTHORIZATION), text(header::COOKIE)) {
            (Some("Bearer ana" | "Bearer ben"), _) => Credential::Bearer,
            (Some("Bearer hasty"), _) => return Err(AuthFailure::Throttled { retry_after_seconds: 7 }),
            (Some("Bearer orphan"), _) => return Err(AuthFailure::Unavailable),
            (Some("Bearer hangs"), _) => std::future::pending().await,
            (None, Some("session=ana")) => Credential::Cookie,
            (None, Some("visitor=1")) => Credential::Anonymous,
            _ => return Err(AuthFailure::Unauthenticated),
        };
        let person = match text(header::AUTHORIZATION) {
            Some("Bearer ben") => Some("ben"),
            _ => (credential != Credential::Anonymous).then_some("ana"),
        };
        Ok(Box::new(Pass {
            credential,
            person,
            valid: Arc::clone(&self.0),
        }))
    }
}

struct Pass {
    credential: Credential,
    person: Option<&'static str>,
    valid: Arc<AtomicBool>,
}

#[async_trait]
impl Session for Pass {
    fn credential(&self) -> Credential {
        self.credential
    }

    fn person(&self) -> Option<String> {
        self.person.map(str::to_owned)
    }

    fn fill(&self, data: &mut Data) {
        data.insert(Actor("ana"));
    }

    async fn still_valid(&self) -> bool {
        self.valid.load(Ordering::SeqCst)
    }
}

/// The router, and the strings that tests pull.
pub(crate) struct Toy {
    pub(crate) router: Router,
    /// Mutations that ran.
    pub(crate) touched: Arc<AtomicUsize>,
    /// Subscriptions that run.
    pub(crate) alive: Arc<AtomicUsize>,
    /// Texts that floods made.
    pub(crate) made: Arc<AtomicUsize>,
    /// Streams that are open.
    pub(crate) seats: Seats,
    /// Whether sessions still hold.
    pub(crate) valid: Arc<AtomicBool>,
    pub(crate) shutdown: CancellationToken,
}

impl Toy {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut GraphQlSettings)) -> Self {
        Self::seated(StreamLimits::default(), change)
    }

    /// With room for so many streams.
    pub(crate) fn seated(limits: StreamLimits, change: impl FnOnce(&mut GraphQlSettings)) -> Self {
        let (touched, alive, made) = (Arc::default(), Arc::default(), Arc::default());
        let schema = ToySchema::build(
            Query,
            Mutation(Arc::clone(&touched)),
            Events(Arc::clone(&alive), Arc::clone(&made)),
        )
        .limit_complexity(MAX_COMPLEXITY)
        .limit_recursive_depth(MAX_RECURSIVE_DEPTH)
        .finish();
        let counted = AtomicUsize::new(0);
        let ids = RequestIds::new(move || format!("req-{}", counted.fetch_add(1, Ordering::SeqCst)));
        let mut config = GraphQlConfig::new(ids);
        change(&mut config.settings);
        config.seats = Seats::new(limits);
        let seats = config.seats.clone();
        config.settings.validate().unwrap();
        let shutdown = config.shutdown.clone();
        let valid = Arc::new(AtomicBool::new(true));
        Self {
            router: router(schema, config, Arc::new(Door(Arc::clone(&valid)))),
            touched,
            alive,
            made,
            seats,
            valid,
            shutdown,
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// Posts a body as ana, with her token.
    pub(crate) async fn post(&self, body: impl Into<Body>) -> Reply {
        self.send(post(body)).await
    }

    /// Posts a query as ana.
    pub(crate) async fn query(&self, query: &str) -> Reply {
        self.post(serde_json::json!({ "query": query }).to_string()).await
    }

    /// Serves the router on a port of its own.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = self.router.clone().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        address
    }

    /// Waits until this many subscriptions run.
    pub(crate) async fn until_alive(&self, count: usize) {
        for _ in 0..200 {
            if self.alive.load(Ordering::SeqCst) == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} subscriptions run, not {count}", self.alive.load(Ordering::SeqCst));
    }
}

/// A POST to /graphql with ana's token.
pub(crate) fn post(body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, "Bearer ana")
        .body(body.into())
        .unwrap()
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> String {
        let json = self.json();
        json["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap_or("none")
            .to_owned()
    }

    pub(crate) fn message(&self) -> String {
        self.json()["errors"][0]["message"].as_str().unwrap().to_owned()
    }

    /// Status, media type and body, as a snapshot shows them.
    pub(crate) fn shown(&self) -> String {
        let body = serde_json::to_string_pretty(&self.json()).unwrap();
        format!("{} {}\n{body}\n", self.status, self.header("content-type"))
    }
}

/// Sends bytes over TCP and returns what comes back before `quiet` passes without any.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8], quiet: Duration) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let text = hear(&mut stream, quiet).await;
    (stream, text)
}

/// What arrives before `quiet` passes without anything, for three seconds at most.
pub(crate) async fn hear(stream: &mut TcpStream, quiet: Duration) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3)
        && let Ok(Ok(length)) = tokio::time::timeout(quiet, stream.read(&mut buffer)).await
    {
        if length == 0 {
            break;
        }
        text.extend_from_slice(&buffer[..length]);
    }
    String::from_utf8_lossy(&text).into_owned()
}
