//! `GET /graphql/ws`: subscriptions over graphql-transport-ws, and only that protocol.
//!
//! The credential comes in `connection_init`, as `{"authorization": "Bearer ..."}`. Each operation runs as a task
//! of its own, so that a slow or failing one does not hold up the others. The library's own WebSocket type is not
//! used: it takes documents without our limits, replaces an operation when an id is used twice, and lets a panic
//! in one subscription take the connection along.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, ServerError};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use futures::StreamExt as _;
use liaison_service::seats::{NoSeat, Seat};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tracing::Instrument as _;

use super::answer::{self, Answer};
use super::authenticate::{Credential, Session};
use super::error::{ErrorCode, Refusal};
use super::media::Media;
use super::request_id::RequestId;
use super::ws_message::{Close, FromClient, ToClient};
use super::{App, admit, request_body, run};

const PROTOCOL: &str = "graphql-transport-ws";

/// Time a client has to answer our close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Messages before `connection_init`: a few pings.
const BEFORE_INIT: usize = 10;

/// Results made ahead of a slow client, over all its operations.
const AHEAD: usize = 32;

pub(crate) async fn upgrade<S: Executor>(State(app): State<Arc<App<S>>>, request: Request) -> Response {
    let id = RequestId::of(request.extensions());
    let media = Media::for_errors(request.headers());
    let (mut parts, _) = request.into_parts();
    let max = app.config.settings.subscriptions.max_message_bytes;
    let upgrade: Result<_, WebSocketUpgradeRejection> = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade.max_message_size(max).max_frame_size(max).protocols([PROTOCOL]),
        Err(_) => return answer::refused(&not_ours(), &id, media),
    };
    if upgrade.selected_protocol().is_none() {
        return answer::refused(&not_ours(), &id, media);
    }
    let mut headers = parts.headers;
    headers.remove(header::COOKIE);
    let peer = admit::peer(&parts.extensions);
    let span = tracing::info_span!("graphql_ws", request_id = %id);
    upgrade.on_upgrade(move |socket| {
        let connection = Connection { app, id, socket };
        connection.serve(headers, peer).instrument(span)
    })
}

fn not_ours() -> Refusal {
    Refusal::new(
        ErrorCode::UpgradeRequired,
        "this address takes WebSocket handshakes for graphql-transport-ws only",
    )
}

/// Why a connection is over: with a word to the client, or because there is nobody to tell.
enum Over {
    Close(Close),
    Gone,
}

impl From<Close> for Over {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

struct Connection<S> {
    app: Arc<App<S>>,
    id: RequestId,
    socket: WebSocket,
}

impl<S: Executor> Connection<S> {
    async fn serve(mut self, headers: HeaderMap, peer: Option<SocketAddr>) {
        let Err(over) = self.talk(headers, peer).await;
        if let Over::Close(close) = over {
            tracing::debug!(?close, "connection closed");
            if self.send(close.to_message()).await.is_ok() {
                // Unread input would turn the close into a reset, and the client would never see the code.
                let drain = async { while let Some(Ok(_)) = self.socket.recv().await {} };
                let _ = timeout(CLOSE_TIMEOUT, drain).await;
            }
        }
    }

    async fn talk(&mut self, headers: HeaderMap, peer: Option<SocketAddr>) -> Result<std::convert::Infallible, Over> {
        let shutdown = self.app.config.shutdown.clone();
        let patience = self.app.config.settings.subscriptions.init_timeout();
        let waits = self.app.waiting.enter();
        let (session, _seat) = tokio::select! {
            () = shutdown.cancelled() => return Err(Close::GOING_AWAY.into()),
            () = waits.crowded_out() => return Err(Close::INIT_TIMEOUT.into()),
            opened = timeout(patience, self.open(headers, peer)) => opened.unwrap_or(Err(Close::INIT_TIMEOUT.into()))?,
        };
        drop(waits);
        let (sender, mut results) = mpsc::channel(AHEAD);
        let mut operations = Operations::new(sender);
        let period = self.app.config.settings.subscriptions.heartbeat();
        let mut heartbeat = interval_at(Instant::now() + period, period);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut silent_beats, mut messages) = (0, 0);
        let most = self.app.config.settings.subscriptions.max_messages;
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Err(Close::GOING_AWAY.into()),
                _ = heartbeat.tick() => {
                    silent_beats += 1;
                    messages = 0;
                    if silent_beats > 2 {
                        return Err(Close::SILENT.into());
                    }
                    self.check(session.as_ref()).await?;
                    self.send(Message::Ping(Vec::new().into())).await?;
                }
                message = receive(&mut self.socket) => {
                    silent_beats = 0;
                    messages += 1;
                    if messages > most {
                        return Err(Close::TOO_MANY_MESSAGES.into());
                    }
                    self.handle(message?, session.as_ref(), &mut operations).await?;
                }
                Some(result) = results.recv() => {
                    if operations.takes(&result) {
                        self.check(session.as_ref()).await?;
                        self.forward(&result).await?;
                    }
                }
                Some(_) = operations.tasks.join_next(), if !operations.tasks.is_empty() => {}
            }
        }
    }

    /// Waits for `connection_init` and answers it.
    async fn open(
        &mut self,
        mut headers: HeaderMap,
        peer: Option<SocketAddr>,
    ) -> Result<(Box<dyn Session>, Seat), Over> {
        let mut messages = 0;
        let payload = loop {
            messages += 1;
            if messages > BEFORE_INIT {
                return Err(Close::TOO_MANY_MESSAGES.into());
            }
            match receive(&mut self.socket).await? {
                Some(FromClient::ConnectionInit { payload }) => break payload,
                Some(FromClient::Subscribe { .. }) => return Err(Close::UNAUTHORIZED.into()),
                Some(FromClient::Ping) => self.say(&ToClient::Pong).await?,
                Some(FromClient::Pong | FromClient::Complete { .. }) | None => {}
            }
        };
        if let Some(authorization) = authorization(&payload)? {
            headers.insert(header::AUTHORIZATION, authorization);
        }
        let session = admit::session(&self.app, &headers, peer)
            .await
            .map_err(|refusal| match refusal.code {
                ErrorCode::Unauthenticated => Close::FORBIDDEN,
                ErrorCode::Internal => Close::INTERNAL,
                _ => Close::UNAVAILABLE,
            })?;
        if session.credential() == Credential::Cookie {
            return Err(Close::FORBIDDEN.into());
        }
        let person = session.person().ok_or(Close::FORBIDDEN)?;
        let seat = self.app.config.seats.take(&person).map_err(|why| match why {
            NoSeat::Person(_) => Close::TOO_MANY_STREAMS,
            NoSeat::Process => Close::UNAVAILABLE,
        })?;
        self.say(&ToClient::ConnectionAck).await?;
        Ok((session, seat))
    }

    async fn handle(
        &mut self,
        message: Option<FromClient>,
        session: &dyn Session,
        operations: &mut Operations,
    ) -> Result<(), Over> {
        match message {
            None | Some(FromClient::Pong) => Ok(()),
            Some(FromClient::Ping) => self.say(&ToClient::Pong).await,
            Some(FromClient::ConnectionInit { .. }) => Err(Close::TOO_MANY_INITS.into()),
            Some(FromClient::Complete { id }) => {
                operations.stop(&id);
                Ok(())
            }
            Some(FromClient::Subscribe { id, .. }) if operations.running.contains_key(&id) => {
                Err(Close::DUPLICATE_ID.into())
            }
            Some(FromClient::Subscribe { id, payload }) => {
                self.check(session).await?;
                match self.start(&id, payload, session, operations) {
                    Ok(()) => Ok(()),
                    Err(refusal) => {
                        let errors = [refusal.to_error(&self.id)];
                        self.say(&ToClient::Error {
                            id: &id,
                            payload: &errors,
                        })
                        .await
                    }
                }
            }
        }
    }

    fn start(
        &self,
        id: &str,
        payload: Map<String, Value>,
        session: &dyn Session,
        operations: &mut Operations,
    ) -> Result<(), Refusal> {
        let settings = &self.app.config.settings;
        let max = settings.subscriptions.max_operations;
        if operations.running.len() >= max {
            return Err(Refusal::new(
                ErrorCode::OperationLimit,
                format!("at most {max} operations may run at once on one connection"),
            ));
        }
        let request = request_body::from_value(Value::Object(payload))?;
        let (request, kind) = admit::check_document(&self.app, request)?;
        if kind != OperationType::Subscription {
            return Err(Refusal::new(
                ErrorCode::OperationNotSupported,
                "only subscriptions run here; send queries and mutations to POST /graphql",
            ));
        }
        let request = admit::prepare(session, request, self.id.clone());
        let events = run::events(&self.app.schema, request, self.id.clone());
        let (request_id, names) = (self.id.clone(), settings.introspection);
        operations.start(id, move |tag, sender| async move {
            let mut events = events;
            while let Some(event) = events.next().await {
                let outcome = match event {
                    Ok(response) => Answer::of(response, &request_id, names).into(),
                    Err(refusal) => Outcome::Failed(vec![refusal.to_error(&request_id)]),
                };
                let last = matches!(outcome, Outcome::Failed(_));
                if sender
                    .send(Tagged {
                        tag: tag.clone(),
                        outcome,
                    })
                    .await
                    .is_err()
                    || last
                {
                    return;
                }
            }
            let outcome = Outcome::Complete;
            let _ = sender.send(Tagged { tag, outcome }).await;
        });
        Ok(())
    }

    async fn forward(&mut self, result: &Tagged) -> Result<(), Over> {
        let id = &result.tag.id;
        let message = match &result.outcome {
            Outcome::Next(answer) => ToClient::Next { id, payload: answer },
            Outcome::Failed(errors) => ToClient::Error { id, payload: errors },
            Outcome::Complete => ToClient::Complete { id },
        };
        self.say(&message).await
    }

    async fn check(&mut self, session: &dyn Session) -> Result<(), Over> {
        if admit::still_valid(&self.app, session).await {
            Ok(())
        } else {
            Err(Close::FORBIDDEN.into())
        }
    }

    async fn say(&mut self, message: &ToClient<'_>) -> Result<(), Over> {
        self.send(message.to_message()?).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Over> {
        let patience = self.app.config.settings.subscriptions.send_timeout();
        match timeout(patience, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Over::Gone),
        }
    }
}

/// The next message; `None` for a control frame, which says no more than that the client is alive.
async fn receive(socket: &mut WebSocket) -> Result<Option<FromClient>, Over> {
    match socket.recv().await {
        Some(Ok(Message::Text(text))) => FromClient::parse(&text).map(Some).ok_or(Close::BAD_MESSAGE.into()),
        Some(Ok(Message::Binary(_))) => Err(Close::BAD_MESSAGE.into()),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Close(_))) | None => Err(Over::Gone),
        // The library's error type is not part of axum's interface, so its text has to tell.
        Some(Err(error)) if error.to_string().starts_with("Space limit exceeded") => Err(Close::TOO_BIG.into()),
        Some(Err(_)) => Err(Over::Gone),
    }
}

/// The credential in a `connection_init` payload; header names have no case, and clients write both.
fn authorization(payload: &Map<String, Value>) -> Result<Option<HeaderValue>, Close> {
    let found = payload
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    match found {
        None => Ok(None),
        Some((_, Value::String(text))) => HeaderValue::from_str(text).map(Some).map_err(|_| Close::BAD_MESSAGE),
        Some(_) => Err(Close::BAD_MESSAGE),
    }
}

/// An operation's id, and a number that tells it from an earlier one of the same id.
#[derive(Clone, PartialEq, Eq)]
struct Tag {
    id: String,
    number: u64,
}

struct Tagged {
    tag: Tag,
    outcome: Outcome,
}

enum Outcome {
    Next(Answer),
    Failed(Vec<ServerError>),
    Complete,
}

impl From<Answer> for Outcome {
    /// A document that validation turned down ends its operation.
    fn from(answer: Answer) -> Self {
        if answer.not_run() {
            Self::Failed(answer.errors)
        } else {
            Self::Next(answer)
        }
    }
}

/// The operations of one connection; dropping them stops them.
struct Operations {
    running: HashMap<String, (u64, AbortHandle)>,
    tasks: JoinSet<()>,
    sender: mpsc::Sender<Tagged>,
    started: u64,
}

impl Operations {
    fn new(sender: mpsc::Sender<Tagged>) -> Self {
        Self {
            running: HashMap::new(),
            tasks: JoinSet::new(),
            sender,
            started: 0,
        }
    }

    fn start<F>(&mut self, id: &str, work: impl FnOnce(Tag, mpsc::Sender<Tagged>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.started += 1;
        let tag = Tag {
            id: id.to_owned(),
            number: self.started,
        };
        let task = work(tag, self.sender.clone()).in_current_span();
        let handle = self.tasks.spawn(task);
        self.running.insert(id.to_owned(), (self.started, handle));
    }

    fn stop(&mut self, id: &str) {
        if let Some((_, handle)) = self.running.remove(id) {
            handle.abort();
        }
    }

    /// Whether a result belongs to an operation that still runs; takes note of its end.
    fn takes(&mut self, result: &Tagged) -> bool {
        let Some(&(number, _)) = self.running.get(&result.tag.id) else {
            return false;
        };
        if number != result.tag.number {
            return false;
        }
        if !matches!(result.outcome, Outcome::Next(_)) {
            self.running.remove(&result.tag.id);
        }
        true
    }
}
