//! graphql-transport-ws over a real socket, with a client that can also misbehave.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::http_harness::{CANARY, Toy};

pub(crate) struct Client(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::with_headers(address, &[]).await.unwrap()
    }

    async fn with_headers(
        address: SocketAddr,
        headers: &[(&'static str, &'static str)],
    ) -> Result<Self, tungstenite::Error> {
        let mut request = format!("ws://{address}/graphql/ws").into_client_request().unwrap();
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        let (socket, response) = connect_async(request).await?;
        assert!(response.headers().contains_key("x-request-id"));
        Ok(Self(socket))
    }

    /// Connected, signed in and acknowledged.
    pub(crate) async fn ready(address: SocketAddr) -> Self {
        let mut client = Self::sign_in(address, "ana").await;
        assert_eq!(client.hear().await, json!({ "type": "connection_ack" }));
        client
    }

    /// Connected, and with a token sent.
    pub(crate) async fn sign_in(address: SocketAddr, token: &str) -> Self {
        let mut client = Self::connect(address).await;
        client
            .say(json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {token}") } }))
            .await;
        client
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.say_text(&message.to_string()).await;
    }

    async fn say_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn subscribe(&mut self, id: &str, query: &str) {
        self.say(json!({ "id": id, "type": "subscribe", "payload": { "query": query } }))
            .await;
    }

    async fn next(&mut self) -> Message {
        loop {
            let message = tokio::time::timeout(Duration::from_secs(5), self.0.next())
                .await
                .unwrap();
            match message.unwrap().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                other => return other,
            }
        }
    }

    pub(crate) async fn hear(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// The code and reason with which the server closes.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        match self.next().await {
            Message::Close(Some(frame)) => (frame.code.into(), frame.reason.to_string()),
            other => panic!("expected a close frame, got {other:?}"),
        }
    }
}

pub(crate) fn closing(code: u16, reason: &str) -> (u16, String) {
    (code, reason.to_owned())
}

#[tokio::test]
async fn a_subscription_runs_to_its_end() {
    let toy = Toy::new();
    let mut client = Client::ready(toy.listen().await).await;
    client
        .subscribe("a", "subscription { ticks(count: 2, everyMs: 10) }")
        .await;
    assert_eq!(
        client.hear().await,
        json!({ "type": "next", "id": "a", "payload": { "data": { "ticks": 0 } } })
    );
    assert_eq!(
        client.hear().await,
        json!({ "type": "next", "id": "a", "payload": { "data": { "ticks": 1 } } })
    );
    assert_eq!(client.hear().await, json!({ "type": "complete", "id": "a" }));
    toy.until_alive(0).await;
    client
        .subscribe("a", "subscription { ticks(count: 0, everyMs: 0) }")
        .await;
    assert_eq!(
        client.hear().await,
        json!({ "type": "complete", "id": "a" }),
        "an id is free again"
    );
}

#[tokio::test]
async fn operations_run_side_by_side_and_stop_when_told() {
    let toy = Toy::new();
    let mut client = Client::ready(toy.listen().await).await;
    client.subscribe("quiet", "subscription { silence }").await;
    client
        .subscribe("loud", "subscription { ticks(count: 1, everyMs: 1) }")
        .await;
    assert_eq!(client.hear().await["id"], "loud");
    assert_eq!(client.hear().await, json!({ "type": "complete", "id": "loud" }));
    toy.until_alive(1).await;
    client.say(json!({ "type": "complete", "id": "quiet" })).await;
    toy.until_alive(0).await;
    client.say(json!({ "type": "complete", "id": "never-was" })).await;
    client.say(json!({ "type": "ping", "payload": { "x": 1 } })).await;
    assert_eq!(client.hear().await, json!({ "type": "pong" }));
    client.say(json!({ "type": "pong" })).await;
    client.subscribe("quiet", "subscription { silence }").await;
    toy.until_alive(1).await;
    drop(client);
    toy.until_alive(0).await;
}

#[tokio::test]
async fn only_the_one_protocol_is_spoken() {
    let toy = Toy::new();
    let address = toy.listen().await;
    for protocol in ["graphql-ws", "chat"] {
        match Client::with_headers(address, &[("sec-websocket-protocol", protocol)]).await {
            Err(tungstenite::Error::Http(response)) => {
                assert_eq!(response.status(), 400);
                let body = String::from_utf8(response.body().clone().unwrap()).unwrap();
                assert!(body.contains("UPGRADE_REQUIRED"), "{body}");
            }
            _ => panic!("{protocol} was taken"),
        }
    }
    let reply = toy.send(Request::get("/graphql/ws").body(Body::empty()).unwrap()).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (StatusCode::BAD_REQUEST, "UPGRADE_REQUIRED")
    );
}

#[tokio::test]
async fn sign_in_happens_in_connection_init() {
    let toy = Toy::new();
    let address = toy.listen().await;
    for (payload, expected) in [
        (json!({ "authorization": "Bearer bob" }), closing(4403, "Forbidden")),
        (json!({}), closing(4403, "Forbidden")),
        (Value::Null, closing(4403, "Forbidden")),
        (
            json!({ "authorization": "Bearer hasty" }),
            closing(1013, "try again later"),
        ),
        (json!({ "authorization": 1 }), closing(4400, "Invalid message")),
        (json!({ "authorization": "a\nb" }), closing(4400, "Invalid message")),
    ] {
        let mut client = Client::connect(address).await;
        client
            .say(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(client.closed().await, expected, "{payload}");
    }
    let mut client = Client::connect(address).await;
    client
        .say(json!({ "type": "connection_init", "payload": { "Authorization": "Bearer ana" } }))
        .await;
    assert_eq!(client.hear().await["type"], "connection_ack");
}

#[tokio::test]
async fn a_cookie_opens_nothing() {
    let address = Toy::new().listen().await;
    let mut client = Client::with_headers(address, &[("cookie", "session=ana")])
        .await
        .unwrap();
    client.say(json!({ "type": "connection_init" })).await;
    assert_eq!(client.closed().await, closing(4403, "Forbidden"));
}

#[tokio::test]
async fn the_order_of_the_protocol_is_kept() {
    let address = Toy::new().listen().await;
    let mut hasty = Client::connect(address).await;
    hasty.say(json!({ "type": "ping" })).await;
    assert_eq!(hasty.hear().await, json!({ "type": "pong" }));
    hasty.subscribe("a", "subscription { silence }").await;
    assert_eq!(hasty.closed().await, closing(4401, "Unauthorized"));

    let mut twice = Client::ready(address).await;
    twice.say(json!({ "type": "connection_init" })).await;
    assert_eq!(twice.closed().await, closing(4429, "Too many initialisation requests"));

    let mut double = Client::ready(address).await;
    double.subscribe("a", "subscription { silence }").await;
    double.subscribe("a", "subscription { silence }").await;
    assert_eq!(double.closed().await, closing(4409, "Subscriber already exists"));
}

#[tokio::test]
async fn who_does_not_begin_is_let_go() {
    let toy = Toy::with(|s| s.subscriptions.init_timeout_ms = 150);
    let mut client = Client::connect(toy.listen().await).await;
    assert_eq!(
        client.closed().await,
        closing(4408, "Connection initialisation timeout")
    );
}

#[tokio::test]
async fn what_is_not_a_message_closes_the_connection() {
    let toy = Toy::new();
    let address = toy.listen().await;
    let long = format!(r#"{{"type":"complete","id":"{}"}}"#, "x".repeat(65));
    for text in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"type":"start","id":"a","payload":{}}"#,
        r#"{"type":1}"#,
        r#"{"type":"subscribe","payload":{"query":"subscription { silence }"}}"#,
        r#"{"type":"subscribe","id":"","payload":{"query":"subscription { silence }"}}"#,
        r#"{"type":"subscribe","id":"a"}"#,
        r#"{"type":"subscribe","id":"a","payload":"x"}"#,
        r#"{"type":"complete","id":7}"#,
        long.as_str(),
    ] {
        let mut client = Client::ready(address).await;
        client.say_text(text).await;
        assert_eq!(client.closed().await, closing(4400, "Invalid message"), "{text}");
    }
    let mut client = Client::ready(address).await;
    client.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(client.closed().await, closing(4400, "Invalid message"));
}

#[tokio::test]
async fn a_message_may_have_64_kb() {
    let toy = Toy::new();
    let address = toy.listen().await;
    let ping = |size: usize| format!(r#"{{"type":"ping","payload":{{"x":"{}"}}}}"#, "x".repeat(size - 34));
    let mut client = Client::ready(address).await;
    assert_eq!(ping(65_536).len(), 65_536);
    client.say_text(&ping(65_536)).await;
    assert_eq!(client.hear().await, json!({ "type": "pong" }));
    client.say_text(&ping(65_537)).await;
    assert_eq!(client.closed().await, closing(1009, "the message is too big"));
}

#[tokio::test]
async fn documents_meet_the_same_limits_and_the_connection_lives_on() {
    let toy = Toy::new();
    let mut client = Client::ready(toy.listen().await).await;
    let deep = format!("subscription {{ a {} }}", "{ a ".repeat(30) + &"}".repeat(30));
    for (query, code) in [
        ("{ actor }", "OPERATION_NOT_SUPPORTED"),
        ("mutation { touch }", "OPERATION_NOT_SUPPORTED"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { __schema { types { name } } }", "INTROSPECTION_DISABLED"),
        (deep.as_str(), "DEPTH_LIMIT"),
        ("", "BAD_REQUEST"),
    ] {
        client.subscribe("a", query).await;
        let message = client.hear().await;
        assert_eq!(
            (message["type"].as_str(), message["id"].as_str()),
            (Some("error"), Some("a"))
        );
        assert_eq!(message["payload"][0]["extensions"]["code"], code, "{query}");
        assert_eq!(message["payload"][0]["extensions"]["requestId"], "req-0");
    }
    assert_eq!(
        (toy.touched.load(Ordering::SeqCst), toy.alive.load(Ordering::SeqCst)),
        (0, 0)
    );
}

#[tokio::test]
async fn twenty_operations_run_at_once() {
    let toy = Toy::new();
    let mut client = Client::ready(toy.listen().await).await;
    for n in 0..20 {
        client.subscribe(&n.to_string(), "subscription { silence }").await;
    }
    toy.until_alive(20).await;
    client.subscribe("one more", "subscription { silence }").await;
    let message = client.hear().await;
    assert_eq!(message["payload"][0]["extensions"]["code"], "OPERATION_LIMIT");
    assert!(message["payload"][0]["message"].as_str().unwrap().contains("20"));
    client.say(json!({ "type": "complete", "id": "0" })).await;
    client
        .subscribe("one more", "subscription { ticks(count: 0, everyMs: 0) }")
        .await;
    assert_eq!(client.hear().await, json!({ "type": "complete", "id": "one more" }));
}

#[tokio::test]
async fn a_panic_ends_one_operation_only() {
    let toy = Toy::new();
    let mut client = Client::ready(toy.listen().await).await;
    client
        .subscribe("a", &format!("subscription {{ explode(text: \"{CANARY}\") }}"))
        .await;
    assert_eq!(client.hear().await["payload"], json!({ "data": { "explode": 0 } }));
    let message = client.hear().await;
    assert_eq!(
        (message["type"].as_str(), message["id"].as_str()),
        (Some("error"), Some("a"))
    );
    assert_eq!(message["payload"][0]["extensions"]["code"], "INTERNAL");
    assert!(!message.to_string().contains(CANARY));
    client
        .subscribe("b", "subscription { ticks(count: 0, everyMs: 0) }")
        .await;
    assert_eq!(client.hear().await, json!({ "type": "complete", "id": "b" }));
}

#[tokio::test]
async fn shutdown_closes_connections_in_every_state() {
    let toy = Toy::new();
    let address = toy.listen().await;
    let mut waiting = Client::connect(address).await;
    let mut running = Client::ready(address).await;
    running.subscribe("a", "subscription { silence }").await;
    toy.until_alive(1).await;
    toy.shutdown.cancel();
    let expected = closing(1001, "the server is restarting; connect again");
    assert_eq!(waiting.closed().await, expected);
    assert_eq!(running.closed().await, expected);
    toy.until_alive(0).await;
}

#[tokio::test]
async fn a_revoked_credential_closes_the_connection_before_the_next_event() {
    let toy = Toy::new();
    let mut client = Client::ready(toy.listen().await).await;
    client
        .subscribe("a", "subscription { ticks(count: 9, everyMs: 200) }")
        .await;
    assert_eq!(client.hear().await["payload"]["data"]["ticks"], 0);
    toy.valid.store(false, Ordering::SeqCst);
    assert_eq!(client.closed().await, closing(4403, "Forbidden"));
    toy.until_alive(0).await;
}

#[tokio::test]
async fn a_revoked_credential_closes_a_quiet_connection_at_the_heartbeat() {
    let toy = Toy::with(|s| s.subscriptions.heartbeat_ms = 150);
    let mut client = Client::ready(toy.listen().await).await;
    toy.valid.store(false, Ordering::SeqCst);
    assert_eq!(client.closed().await, closing(4403, "Forbidden"));
}

#[tokio::test]
async fn a_client_that_shows_no_sign_of_life_is_let_go() {
    let toy = Toy::with(|s| s.subscriptions.heartbeat_ms = 100);
    let address = toy.listen().await;
    let mut client = Client::ready(address).await;
    client.subscribe("a", "subscription { silence }").await;
    toy.until_alive(1).await;
    // The library answers pings only while it is read from.
    toy.until_alive(0).await;
    assert_eq!(client.closed().await, closing(1001, "no sign of life"));

    let mut lively = Client::ready(address).await;
    let quiet = tokio::time::timeout(Duration::from_millis(700), lively.next()).await;
    assert!(quiet.is_err(), "one that answers pings stays: {quiet:?}");
}
