//! Subscriptions as server-sent events, read off a real socket.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use serde_json::json;
use tokio::net::TcpStream;

use crate::http_harness::{CANARY, Toy, exchange, hear, post};

const QUIET: Duration = Duration::from_millis(300);

pub(crate) async fn subscribe(address: SocketAddr, query: &str) -> (TcpStream, String) {
    let body = json!({ "query": query }).to_string();
    let request = format!(
        "POST /graphql/stream HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n\
         Authorization: Bearer ana\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(address, request.as_bytes(), QUIET).await
}

/// The events, without headers and chunk sizes.
fn events(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| line.starts_with("event:") || line.starts_with("data:") || line.starts_with(':'))
        .collect()
}

#[tokio::test]
async fn results_come_as_next_and_the_end_as_complete() {
    let toy = Toy::new();
    let (_, text) = subscribe(toy.listen().await, "subscription { ticks(count: 2, everyMs: 10) }").await;
    let head = text.to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{text}");
    assert!(head.contains("content-type: text/event-stream") && head.contains("cache-control: no-store"));
    assert!(head.contains("x-request-id: req-0"));
    assert_eq!(
        events(&text),
        [
            "event: next",
            r#"data: {"data":{"ticks":0}}"#,
            "event: next",
            r#"data: {"data":{"ticks":1}}"#,
            "event: complete",
            "data:",
        ]
    );
    toy.until_alive(0).await;
}

#[tokio::test]
async fn what_is_wrong_with_the_request_is_plain_json() {
    let toy = Toy::new();
    let ask = |body: String, accept: &'static str| {
        let mut request = post(body);
        *request.uri_mut() = "/graphql/stream".parse().unwrap();
        request
            .headers_mut()
            .insert(header::ACCEPT, HeaderValue::from_static(accept));
        request
    };
    let query = |q: &str| json!({ "query": q }).to_string();
    let stream = "text/event-stream";
    for (request, status, code) in [
        (ask(query("{ actor }"), stream), 400, "OPERATION_NOT_SUPPORTED"),
        (ask(query("mutation { touch }"), stream), 400, "OPERATION_NOT_SUPPORTED"),
        (ask(query("subscription { ticks("), stream), 400, "GRAPHQL_PARSE_FAILED"),
        (
            ask(query("subscription { silence }"), "application/json"),
            406,
            "NOT_ACCEPTABLE",
        ),
        (ask("[]".into(), stream), 400, "BATCH_NOT_SUPPORTED"),
    ] {
        let reply = toy.send(request).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (status, code));
    }
    let mut stranger = ask(query("subscription { silence }"), stream);
    stranger.headers_mut().remove(header::AUTHORIZATION);
    assert_eq!(toy.send(stranger).await.status, StatusCode::UNAUTHORIZED);
    let mut by_cookie = ask(query("subscription { silence }"), stream);
    by_cookie.headers_mut().remove(header::AUTHORIZATION);
    by_cookie
        .headers_mut()
        .insert(header::COOKIE, HeaderValue::from_static("session=ana"));
    assert_eq!(toy.send(by_cookie).await.code(), "PREFLIGHT_REQUIRED");
    assert_eq!(
        (toy.touched.load(Ordering::SeqCst), toy.alive.load(Ordering::SeqCst)),
        (0, 0)
    );
}

#[tokio::test]
async fn a_quiet_stream_shows_signs_of_life() {
    let toy = Toy::with(|s| s.subscriptions.heartbeat_ms = 100);
    let (mut stream, mut text) = subscribe(toy.listen().await, "subscription { silence }").await;
    assert_eq!(toy.alive.load(Ordering::SeqCst), 1);
    toy.shutdown.cancel();
    text.push_str(&hear(&mut stream, QUIET).await);
    let comments = events(&text).iter().filter(|line| line.starts_with(':')).count();
    assert!(comments >= 2, "{text}");
    assert!(!text.contains("complete"), "a client should come back after a restart");
    toy.until_alive(0).await;
}

#[tokio::test]
async fn shutdown_ends_a_stream() {
    let toy = Toy::new();
    let (mut stream, text) = subscribe(toy.listen().await, "subscription { silence }").await;
    assert!(text.starts_with("HTTP/1.1 200"));
    toy.shutdown.cancel();
    // The last chunk of the body.
    assert!(hear(&mut stream, QUIET).await.ends_with("0\r\n\r\n"));
    toy.until_alive(0).await;
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_subscription() {
    let toy = Toy::new();
    let (stream, _) = subscribe(toy.listen().await, "subscription { silence }").await;
    toy.until_alive(1).await;
    drop(stream);
    toy.until_alive(0).await;
}

#[tokio::test]
async fn a_revoked_credential_ends_the_stream_before_the_next_event() {
    let toy = Toy::new();
    let (mut stream, _) = subscribe(toy.listen().await, "subscription { ticks(count: 9, everyMs: 500) }").await;
    toy.valid.store(false, Ordering::SeqCst);
    let text = hear(&mut stream, Duration::from_millis(900)).await;
    let events = events(&text);
    assert_eq!(events.len(), 4, "{text}");
    assert!(
        events[1].contains("UNAUTHENTICATED") && !events[1].contains("ticks"),
        "{text}"
    );
    assert_eq!(events[2], "event: complete");
    toy.until_alive(0).await;
}

#[tokio::test]
async fn a_revoked_credential_ends_a_quiet_stream_at_the_heartbeat() {
    let toy = Toy::with(|s| s.subscriptions.heartbeat_ms = 100);
    toy.valid.store(false, Ordering::SeqCst);
    let (_, text) = subscribe(toy.listen().await, "subscription { silence }").await;
    assert!(
        text.contains("UNAUTHENTICATED") && text.contains("event: complete"),
        "{text}"
    );
    toy.until_alive(0).await;
}

#[tokio::test]
async fn faults_in_a_subscription_are_told_by_code() {
    let toy = Toy::new();
    let address = toy.listen().await;
    let (_, text) = subscribe(address, &format!("subscription {{ explode(text: \"{CANARY}\") }}")).await;
    let told = events(&text);
    assert_eq!(told[1], r#"data: {"data":{"explode":0}}"#);
    assert!(
        told[3].contains(r#""code":"INTERNAL""#) && told[3].contains("req-0"),
        "{text}"
    );
    assert_eq!(told[4], "event: complete");
    assert!(!text.contains(CANARY));
    let (_, text) = subscribe(address, "subscription { nothing }").await;
    assert!(events(&text)[1].contains("GRAPHQL_VALIDATION_FAILED"), "{text}");
}
