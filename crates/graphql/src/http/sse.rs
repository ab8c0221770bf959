//! `POST /graphql/stream`: one subscription as server-sent events, after graphql-sse in distinct connections mode.
//!
//! `event: next` carries a result, `event: complete` says that there will be none after it. At shutdown the stream
//! just ends, which tells a client to connect again. What is wrong with the request itself is answered as plain
//! JSON with a status, before any stream begins.

use std::convert::Infallible;
use std::sync::Arc;

use async_graphql::Executor;
use async_graphql::parser::types::OperationType;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use futures::StreamExt as _;
use futures::stream::{BoxStream, poll_fn};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::Instrument as _;

use super::admit::{self, Admitted};
use super::answer::{self, Answer};
use super::authenticate::{AuthFailure, Session};
use super::error::{ErrorCode, Refusal};
use super::media::{self, Media};
use super::request_id::RequestId;
use super::{App, run};

/// Events made ahead of a slow client; beyond that the subscription waits.
const AHEAD: usize = 16;

pub(crate) async fn stream<S: Executor>(State(app): State<Arc<App<S>>>, request: Request) -> Response {
    let id = RequestId::of(request.extensions());
    match open(&app, request, &id).await {
        Ok(response) => response,
        Err(refusal) => answer::refused(&refusal, &id, Media::GraphQlResponse),
    }
}

async fn open<S: Executor>(app: &Arc<App<S>>, request: Request, id: &RequestId) -> Result<Response, Refusal> {
    media::accepts_event_stream(request.headers())?;
    let Admitted { session, request, kind } = admit::admit(app, request).await?;
    if kind != OperationType::Subscription {
        return Err(Refusal::new(
            ErrorCode::OperationNotSupported,
            "only subscriptions are streamed; send queries and mutations to POST /graphql",
        ));
    }
    let person = session.person().ok_or(AuthFailure::Unauthenticated)?;
    let seat = app.config.seats.take(&person)?;
    let results = run::events(&app.schema, request, id.clone());
    let (sender, mut receiver) = mpsc::channel(AHEAD);
    let source = Source {
        app: Arc::clone(app),
        session,
        id: id.clone(),
        sender,
    };
    let span = tracing::info_span!("graphql_stream", request_id = %id);
    tokio::spawn(source.pump(results).instrument(span));
    let events = poll_fn(move |context| {
        // Taken for as long as the connection has the body, however slowly it is read.
        let _held = &seat;
        receiver.poll_recv(context)
    });
    let mut response = Response::new(Body::from_stream(events.map(Ok::<_, Infallible>)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer::protect(headers);
    // Keeps nginx, and proxies which follow it, from holding events back.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    Ok(response)
}

/// The stream has ended: the client is gone, or the server is about to be.
struct Ended;

struct Source<S> {
    app: Arc<App<S>>,
    session: Box<dyn Session>,
    id: RequestId,
    sender: mpsc::Sender<String>,
}

impl<S: Executor> Source<S> {
    async fn pump(self, mut results: BoxStream<'static, Result<async_graphql::Response, Refusal>>) {
        let period = self.app.config.settings.subscriptions.heartbeat();
        let mut heartbeat = interval_at(Instant::now() + period, period);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                biased;
                () = self.app.config.shutdown.cancelled() => Err(Ended),
                () = self.sender.closed() => Err(Ended),
                _ = heartbeat.tick() => self.beat().await,
                result = results.next() => self.forward(result).await,
            };
            if step.is_err() {
                return;
            }
        }
    }

    async fn beat(&self) -> Result<(), Ended> {
        self.check().await?;
        self.send(":\n\n".to_owned()).await
    }

    async fn forward(&self, result: Option<Result<async_graphql::Response, Refusal>>) -> Result<(), Ended> {
        match result {
            Some(Ok(response)) => {
                self.check().await?;
                let names = self.app.config.settings.introspection;
                self.send(next(&Answer::of(response, &self.id, names))).await
            }
            Some(Err(refusal)) => self.finish(Some(&refusal)).await,
            None => self.finish(None).await,
        }
    }

    /// Ends the stream with `UNAUTHENTICATED` once the credential does not hold any more.
    async fn check(&self) -> Result<(), Ended> {
        if admit::still_valid(&self.app, self.session.as_ref()).await {
            return Ok(());
        }
        self.finish(Some(&AuthFailure::Unauthenticated.into())).await
    }

    async fn finish(&self, refusal: Option<&Refusal>) -> Result<(), Ended> {
        if let Some(refusal) = refusal {
            self.send(next(&Answer::refused(refusal, &self.id))).await?;
        }
        // With an empty data line, as a browser drops an event that has none.
        self.send("event: complete\ndata:\n\n".to_owned()).await?;
        Err(Ended)
    }

    /// A client that takes nothing for so long is gone: its subscription ends here, whatever becomes of the connection.
    async fn send(&self, event: String) -> Result<(), Ended> {
        tokio::select! {
            () = tokio::time::sleep(self.app.config.settings.subscriptions.send_timeout()) => Err(Ended),
            sent = self.sender.send(event) => sent.map_err(|_| Ended),
            () = self.app.config.shutdown.cancelled() => Err(Ended),
        }
    }
}

/// One line of data is enough: JSON as we write it has no line ends.
fn next(answer: &Answer) -> String {
    format!("event: next\ndata: {}\n\n", answer.to_json())
}
