//! Streams as a weapon: too many of them, those that never sign in, talk without end, or do not listen. What they take is
//! bounded, they are told why they end, and everybody else is answered meanwhile.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures::SinkExt as _;
use liaison_service::seats::StreamLimits;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::http_harness::{Toy, exchange};
use crate::http_sse::subscribe;
use crate::http_ws::{Client, closing};

const QUIET: Duration = Duration::from_millis(300);
const FULL: &str = "Too many streams of yours are open";

/// Asks for an event stream over the router itself, where the answer is what counts.
fn stream(credential: (header::HeaderName, &'static str)) -> Request<Body> {
    Request::post("/graphql/stream")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "text/event-stream")
        .header("graphql-require-preflight", "1")
        .header(credential.0, credential.1)
        .body(Body::from(json!({ "query": "subscription { silence }" }).to_string()))
        .unwrap()
}

/// Waits until so many streams are open.
async fn until_seated(toy: &Toy, count: usize) {
    for _ in 0..300 {
        if toy.seats.taken() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} streams are open, not {count}", toy.seats.taken());
}

#[tokio::test]
async fn one_person_holds_so_many_streams_and_takes_nobody_elses() {
    let toy = Toy::seated(StreamLimits { each: 3, all: 5 }, |_| {});
    let address = toy.listen().await;
    let first = Client::ready(address).await;
    let mut second = Client::ready(address).await;
    let third = subscribe(address, "subscription { silence }").await;
    // By whatever way: sockets, event streams, another credential of the same person.
    assert_eq!(
        Client::sign_in(address, "ana").await.closed().await,
        closing(4429, FULL)
    );
    for credential in [(header::AUTHORIZATION, "Bearer ana"), (header::COOKIE, "session=ana")] {
        let reply = toy.send(stream(credential)).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (StatusCode::TOO_MANY_REQUESTS, "STREAM_LIMIT")
        );
        assert!(reply.message().contains('3'), "{}", reply.message());
    }
    // Another person has what one leaves, and then the process is full: that passes, and is said so.
    let mut others = Vec::new();
    for _ in 0..2 {
        let mut client = Client::sign_in(address, "ben").await;
        assert_eq!(client.hear().await["type"], "connection_ack");
        others.push(client);
    }
    assert_eq!(
        Client::sign_in(address, "ben").await.closed().await,
        closing(1013, "try again later")
    );
    let reply = toy.send(stream((header::AUTHORIZATION, "Bearer ben"))).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE")
    );
    // Those that are open go on, and queries are answered.
    second
        .subscribe("a", "subscription { ticks(count: 1, everyMs: 1) }")
        .await;
    assert_eq!(second.hear().await["payload"]["data"]["ticks"], 0);
    assert_eq!(toy.query("{ actor }").await.json()["data"]["actor"], "ana");
    drop((first, third, others));
    until_seated(&toy, 1).await;
    Client::ready(address).await;
}

#[tokio::test]
async fn a_refused_stream_keeps_no_seat() {
    let toy = Toy::new();
    let address = toy.listen().await;
    for _ in 0..8 {
        let reply = toy.send(stream((header::COOKIE, "visitor=1"))).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED")
        );
        let (_, text) = subscribe(address, "subscription { nothing }").await;
        assert!(text.contains("GRAPHQL_VALIDATION_FAILED"), "{text}");
        assert_eq!(
            Client::sign_in(address, "nobody").await.closed().await,
            closing(4403, "Forbidden")
        );
    }
    until_seated(&toy, 0).await;
}

#[tokio::test]
async fn a_flood_of_sockets_that_never_sign_in_keeps_nobody_out() {
    let toy = Toy::with(|s| s.subscriptions.max_waiting = 4);
    let address = toy.listen().await;
    let mut waiting = Vec::new();
    for _ in 0..24 {
        waiting.push(Client::connect(address).await);
    }
    let begun = Instant::now();
    for mut oldest in waiting.drain(..20) {
        assert_eq!(
            oldest.closed().await,
            closing(4408, "Connection initialisation timeout")
        );
    }
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "long before the time to sign in is over"
    );
    // Whoever signs in does so among them, and makes room again.
    for _ in 0..8 {
        Client::ready(address).await;
    }
    let mut late = waiting.pop().unwrap();
    late.say(json!({ "type": "connection_init", "payload": { "authorization": "Bearer ana" } }))
        .await;
    assert_eq!(
        late.hear().await["type"],
        "connection_ack",
        "those that have room still may"
    );
}

#[tokio::test]
async fn who_talks_without_end_is_let_go() {
    let toy = Toy::with(|s| s.subscriptions.max_messages = 50);
    let address = toy.listen().await;
    let many = closing(4429, "Too many messages");
    // Pings of the protocol and of the socket, and operations that end as soon as they begin.
    let mut pings = Client::ready(address).await;
    for _ in 0..51 {
        pings.0.feed(Message::text(r#"{"type":"ping"}"#)).await.unwrap();
    }
    pings.0.flush().await.unwrap();
    for _ in 0..50 {
        assert_eq!(pings.hear().await["type"], "pong");
    }
    assert_eq!(pings.closed().await, many);

    let mut frames = Client::ready(address).await;
    for _ in 0..51 {
        frames.0.feed(Message::Ping(vec![7; 125].into())).await.unwrap();
    }
    frames.0.flush().await.unwrap();
    assert_eq!(frames.closed().await, many);

    let mut churn = Client::ready(address).await;
    for n in 0..26 {
        let id = n.to_string();
        churn.subscribe(&id, "subscription { silence }").await;
        churn.say(json!({ "type": "complete", "id": id })).await;
    }
    assert_eq!(churn.closed().await, many);
    toy.until_alive(0).await;

    // Before it signed in, a client has less to say.
    let mut early = Client::connect(address).await;
    for _ in 0..11 {
        early.say(json!({ "type": "ping" })).await;
    }
    for _ in 0..10 {
        assert_eq!(early.hear().await["type"], "pong");
    }
    assert_eq!(early.closed().await, many);
    until_seated(&toy, 0).await;
}

#[tokio::test]
async fn frames_without_end_are_not_gathered() {
    let toy = Toy::new();
    let address = toy.listen().await;
    // One message in many frames, of which none is the last.
    let mut pieces = Client::ready(address).await;
    let piece = |code| Message::Frame(Frame::message(vec![b'{'; 1_024], OpCode::Data(code), false));
    pieces.0.send(piece(Data::Text)).await.unwrap();
    for _ in 0..64 {
        if pieces.0.send(piece(Data::Continue)).await.is_err() {
            break;
        }
    }
    assert_eq!(pieces.closed().await, closing(1009, "the message is too big"));
    // A frame that says it is longer than any memory.
    let handshake = format!(
        "GET /graphql/ws HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n\r\n"
    );
    let mut bytes = handshake.into_bytes();
    bytes.extend([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]);
    let (_, text) = exchange(address, &bytes, QUIET).await;
    assert!(
        text.starts_with("HTTP/1.1 101") && text.contains("the message is too big"),
        "{text:?}"
    );
    until_seated(&toy, 0).await;
}

#[tokio::test]
async fn who_does_not_listen_is_not_waited_for() {
    let toy = Toy::with(|s| s.subscriptions.send_timeout_ms = 300);
    let address = toy.listen().await;
    let flood = "subscription { flood(bytes: 20000) }";
    let mut deaf = Client::ready(address).await;
    deaf.subscribe("a", flood).await;
    deaf.subscribe("b", flood).await;
    let body = json!({ "query": flood }).to_string();
    let head = format!(
        "POST /graphql/stream HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer ana\r\naccept: text/event-stream\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut events = TcpStream::connect(address).await.unwrap();
    events.write_all(head.as_bytes()).await.unwrap();
    while toy.made.load(Ordering::SeqCst) < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Everybody else is answered while they are stuck.
    for _ in 0..20 {
        let begun = Instant::now();
        assert_eq!(toy.query("{ actor }").await.json()["data"]["actor"], "ana");
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
    let mut other = Client::sign_in(address, "ben").await;
    assert_eq!(other.hear().await["type"], "connection_ack");
    // The sockets are let go, and so is the event stream's subscription; its connection is its client's to close.
    until_seated(&toy, 2).await;
    toy.until_alive(0).await;
    let made = toy.made.load(Ordering::SeqCst) * 20_000;
    // What the kernel's buffers took beside the few that are made ahead.
    assert!(made < 60_000_000, "{made} bytes were made for nobody");
    drop((deaf, events, other));
    until_seated(&toy, 0).await;
}

#[tokio::test]
async fn two_thousand_fields_are_the_breadth_of_a_document() {
    let toy = Toy::with(|s| {
        s.limits.max_fields = 50;
        s.limits.max_aliases = 100;
    });
    let wide = |count: usize| format!("{{ node {{ {} }} }}", "name ".repeat(count - 1));
    assert!(toy.query(&wide(50)).await.json().get("errors").is_none());
    let reply = toy.query(&wide(51)).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (StatusCode::BAD_REQUEST, "FIELD_LIMIT")
    );
    // Spread again and again, each counts.
    let spread = format!(
        "{{ node {{ {} }} }} fragment f on Node {{ {} }}",
        "...f ".repeat(10),
        "name ".repeat(6)
    );
    assert_eq!(toy.query(&spread).await.code(), "FIELD_LIMIT");
    let whole = Toy::new();
    assert_eq!(whole.query(&wide(2_001)).await.code(), "FIELD_LIMIT");
}
