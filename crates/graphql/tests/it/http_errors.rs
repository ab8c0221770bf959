//! What goes wrong while a query runs, and what is said of it: a code and an id, never a value.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::json;

use crate::http_harness::{CANARY, Toy};

#[tokio::test]
async fn error_bodies_read_like_this() {
    let toy = Toy::with(|s| s.deadline_ms = 200);
    let mut shown = String::new();
    let mut show = |title: &str, reply: crate::http_harness::Reply| {
        assert!(!reply.body.contains(CANARY), "{title}: {}", reply.body);
        shown.push_str(&format!("## {title}\n{}\n", reply.shown()));
    };
    for (title, query) in [
        ("a syntax error", format!("{{ echo(text: {CANARY}!) }}")),
        ("an unknown field", "{ actor nothing }".to_owned()),
        (
            "a limit",
            "{ a: actor b: actor c: actor d: actor e: actor f: actor g: actor h: actor i: actor j: actor k: actor }"
                .to_owned(),
        ),
        ("a literal of the wrong type", format!("{{ sum(of: \"{CANARY}\") }}")),
        (
            "a value the scalar does not take",
            format!("{{ word(word: \"{CANARY}\") }}"),
        ),
        ("a panic", format!("{{ actor boom(text: \"{CANARY}\") }}")),
        ("a resolver's accident", format!("{{ accident(text: \"{CANARY}\") }}")),
        ("a resolver's own error", "{ stale actor }".to_owned()),
        ("the deadline", "{ sleep(ms: 5000) }".to_owned()),
    ] {
        show(title, toy.query(&query).await);
    }
    let variables = |query: &str, variables| toy.post(json!({ "query": query, "variables": variables }).to_string());
    let wrong = variables("query ($of: [Int!]!) { sum(of: $of) }", json!({ "of": [CANARY] })).await;
    show("a variable of the wrong type", wrong);
    let missing = variables("query ($of: [Int!]!) { sum(of: $of) }", json!({ "other": CANARY })).await;
    show("a variable that is missing", missing);
    insta::assert_snapshot!(shown);
}

#[tokio::test]
async fn values_stay_out_of_errors_with_introspection_on_too() {
    let toy = Toy::with(|s| s.introspection = true);
    for query in [
        format!("{{ sum(of: \"{CANARY}\") }}"),
        format!("{{ word(word: \"{CANARY}\") }}"),
        format!("query ($w: Word = \"{CANARY}\") {{ word(word: $w) }}"),
        format!("query ($n: Int = \"{CANARY}\") {{ sum(of: [$n]) }}"),
        format!("{{ echo(text: \"{CANARY}\") @skip(if: \"{CANARY}\") }}"),
        format!("{{ echo(text: \"{CANARY}\", text: \"{CANARY}\") }}"),
        format!("{{ echo(text: \"{CANARY}\") echo(text: \"other\") }}"),
    ] {
        let reply = toy.query(&query).await;
        assert!(reply.json().get("errors").is_some(), "{query}: {}", reply.body);
        assert!(!reply.body.contains(CANARY), "{query}: {}", reply.body);
        assert_ne!(reply.code(), "none");
    }
}

#[tokio::test]
async fn a_panic_is_a_fault_of_ours_and_the_next_request_is_served() {
    let toy = Toy::new();
    let reply = toy.query("{ boom(text: \"x\") }").await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL")
    );
    assert_eq!(
        reply.json()["errors"][0]["extensions"]["requestId"],
        reply.header("x-request-id")
    );
    assert!(reply.json().get("data").is_none());
    assert_eq!(toy.query("{ actor }").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_deadline_ends_a_slow_query() {
    let toy = Toy::with(|s| s.deadline_ms = 100);
    let start = Instant::now();
    let reply = toy.query("{ sleep(ms: 10000) }").await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (StatusCode::GATEWAY_TIMEOUT, "TIMEOUT")
    );
    assert!(start.elapsed() < Duration::from_secs(3));
    assert!(reply.message().contains("100 ms") && reply.message().contains("idempotencyKey"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deadline_holds_for_a_resolver_that_never_pauses() {
    let toy = Toy::with(|s| s.deadline_ms = 100);
    let start = Instant::now();
    let reply = toy.query("{ spin(ms: 2000) }").await;
    assert_eq!(reply.code(), "TIMEOUT");
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
}
