//! `POST /graphql` on the wire: methods, media types, sizes, shapes, credentials, ids.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use futures::StreamExt as _;
use serde_json::json;

use crate::http_harness::{CANARY, Toy, exchange, hear, post};

const NEWER: &str = "application/graphql-response+json; charset=utf-8";
const OLDER: &str = "application/json; charset=utf-8";

fn with(name: &'static str, value: &'static str, body: &str) -> Request<Body> {
    let mut request = post(body.to_owned());
    request.headers_mut().insert(name, HeaderValue::from_static(value));
    request
}

fn without(name: &str, body: &str) -> Request<Body> {
    let mut request = post(body.to_owned());
    request.headers_mut().remove(name);
    request
}

const ACTOR: &str = r#"{"query":"{ actor }"}"#;

#[tokio::test]
async fn a_query_runs_as_the_person_who_sent_it() {
    let reply = Toy::new().post(ACTOR).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.header("content-type"), NEWER);
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.body, r#"{"data":{"actor":"ana"}}"#);
}

#[tokio::test]
async fn fields_come_back_in_the_order_asked() {
    let reply = Toy::new().query("{ z: echo(text: \"1\") a: echo(text: \"2\") }").await;
    assert_eq!(reply.body, r#"{"data":{"z":"1","a":"2"}}"#);
}

#[tokio::test]
async fn variables_and_operation_name_are_heeded() {
    let toy = Toy::new();
    let query = "query A($t: String!) { echo(text: $t) } query B { actor }";
    let run = |name: serde_json::Value| {
        toy.post(
            json!({ "query": query, "operationName": name, "variables": { "t": "x" }, "extensions": {} }).to_string(),
        )
    };
    assert_eq!(run(json!("A")).await.body, r#"{"data":{"echo":"x"}}"#);
    assert_eq!(run(json!("B")).await.body, r#"{"data":{"actor":"ana"}}"#);
    assert_eq!(run(json!(null)).await.code(), "OPERATION_NAME_REQUIRED");
    assert_eq!(run(json!("C")).await.code(), "OPERATION_NOT_FOUND");
    let single = json!({ "query": "{ actor }", "operationName": "A", "variables": null }).to_string();
    assert_eq!(toy.post(single).await.code(), "OPERATION_NOT_FOUND");
    let only = json!({ "query": "query A { actor }" }).to_string();
    assert_eq!(toy.post(only).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_mutation_runs_over_post_and_never_over_get() {
    let toy = Toy::new();
    assert_eq!(toy.query("mutation { touch }").await.body, r#"{"data":{"touch":1}}"#);
    for graphiql in [false, true] {
        let toy = Toy::with(|s| s.graphiql = graphiql);
        let get = Request::get("/graphql?query=mutation%7Btouch%7D")
            .header(header::AUTHORIZATION, "Bearer ana")
            .header(header::ACCEPT, "application/json")
            .body(Body::empty())
            .unwrap();
        let reply = toy.send(get).await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(toy.touched.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn other_methods_are_refused_with_what_is_allowed() {
    let toy = Toy::new();
    for (method, path, allow) in [
        (Method::GET, "/graphql", "POST"),
        (Method::PUT, "/graphql", "POST"),
        (Method::OPTIONS, "/graphql", "POST"),
        (Method::HEAD, "/graphql", "POST"),
        (Method::GET, "/graphql/stream", "POST"),
        (Method::POST, "/graphql/ws", "GET"),
    ] {
        let head = method == Method::HEAD;
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let reply = toy.send(request).await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(reply.header("allow"), allow);
        assert!(!reply.header("x-request-id").is_empty());
        assert!(reply.headers.get("access-control-allow-origin").is_none());
        assert!(head || reply.code() == "METHOD_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn graphiql_is_served_to_browsers_where_it_is_switched_on() {
    let get = || {
        Request::get("/graphql")
            .header(header::ACCEPT, "text/html,*/*;q=0.8")
            .body(Body::empty())
            .unwrap()
    };
    let reply = Toy::with(|s| s.graphiql = true).send(get()).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(reply.header("content-type").starts_with("text/html"));
    assert!(
        reply
            .header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    assert!(reply.body.contains("graphiql@3.9.0") && reply.body.contains("/graphql/ws"));
    assert!(
        reply.body.contains("graphql-require-preflight"),
        "its own queries pass the cross-site check"
    );
    assert_eq!(Toy::new().send(get()).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn only_json_in_utf8_is_read() {
    let toy = Toy::new();
    for good in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=\"UTF-8\"",
    ] {
        assert_eq!(
            toy.send(with("content-type", good, ACTOR)).await.status,
            StatusCode::OK,
            "{good}"
        );
    }
    for bad in [
        "application/json; charset=latin1",
        "text/plain",
        "application/graphql",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
    ] {
        let reply = toy.send(with("content-type", bad, ACTOR)).await;
        assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{bad}");
        assert_eq!(reply.code(), "UNSUPPORTED_MEDIA_TYPE");
    }
    assert_eq!(
        toy.send(without("content-type", ACTOR)).await.code(),
        "UNSUPPORTED_MEDIA_TYPE"
    );
    let mut twice = post(ACTOR);
    twice
        .headers_mut()
        .append(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    assert_eq!(toy.send(twice).await.code(), "UNSUPPORTED_MEDIA_TYPE");
}

#[tokio::test]
async fn the_answer_is_in_the_media_type_that_is_liked_best() {
    let toy = Toy::new();
    for (accept, expected) in [
        ("*/*", NEWER),
        ("application/*", NEWER),
        ("application/json", OLDER),
        ("APPLICATION/JSON", OLDER),
        ("application/graphql-response+json", NEWER),
        ("application/json, application/graphql-response+json", NEWER),
        ("application/json, application/graphql-response+json;q=0.9", OLDER),
        ("application/graphql-response+json;q=0, */*", OLDER),
        ("text/html, application/json;q=0.1", OLDER),
        ("nonsense, application/json", OLDER),
    ] {
        let reply = toy.send(with("accept", accept, ACTOR)).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (StatusCode::OK, expected),
            "{accept}"
        );
    }
    assert_eq!(toy.send(without("accept", ACTOR)).await.header("content-type"), NEWER);
    for accept in [
        "text/html",
        "application/xml",
        "application/json;q=0",
        "application/json;q=7",
        "",
    ] {
        let reply = toy.send(with("accept", accept, ACTOR)).await;
        assert_eq!(reply.status, StatusCode::NOT_ACCEPTABLE, "{accept}");
        assert_eq!(
            (reply.code().as_str(), reply.header("content-type")),
            ("NOT_ACCEPTABLE", OLDER)
        );
    }
}

#[tokio::test]
async fn the_status_of_a_refused_document_follows_the_media_type() {
    let toy = Toy::new();
    for document in ["{", "{ nothing }", "{ __schema { types { name } } }"] {
        let body = json!({ "query": document }).to_string();
        let newer = toy
            .send(with("accept", "application/graphql-response+json", &body))
            .await;
        let older = toy.send(with("accept", "application/json", &body)).await;
        assert_eq!(
            (newer.status, older.status),
            (StatusCode::BAD_REQUEST, StatusCode::OK),
            "{document}"
        );
        assert!(
            newer.json().get("data").is_none() && older.json().get("data").is_none(),
            "{document}"
        );
    }
    let partly = json!({ "query": "{ stale actor }" }).to_string();
    let reply = toy
        .send(with("accept", "application/graphql-response+json", &partly))
        .await;
    assert_eq!(reply.status, StatusCode::OK, "it ran, so there is data");
    assert_eq!(reply.json()["data"]["actor"], "ana");
    let malformed = toy.send(with("accept", "application/json", "{")).await;
    assert_eq!(malformed.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_not_a_request_is_refused() {
    let toy = Toy::new();
    let cases: &[(&str, &str)] = &[
        ("", "the request body is not JSON: look at line 1, column 0"),
        ("{\"query\":", "the request body is not JSON: look at line 1, column 9"),
        ("[]", "an array of requests is not taken; send them one at a time"),
        (
            r#"[{"query":"{ actor }"}]"#,
            "an array of requests is not taken; send them one at a time",
        ),
        ("null", "the request is not a JSON object"),
        ("\"{ actor }\"", "the request is not a JSON object"),
        ("{}", "query is missing"),
        (r#"{"variables":{}}"#, "query is missing"),
        (r#"{"query":""}"#, "query is empty"),
        (r#"{"query":null}"#, "query is not a string"),
        (r#"{"query":["{ actor }"]}"#, "query is not a string"),
        (
            r#"{"query":"{ actor }","operationName":1}"#,
            "operationName is not a string",
        ),
        (r#"{"query":"{ actor }","variables":[]}"#, "variables is not an object"),
        (
            r#"{"query":"{ actor }","variables":"{}"}"#,
            "variables is not an object",
        ),
        (r#"{"query":"{ actor }","extensions":1}"#, "extensions is not an object"),
        (
            r#"{"query":"{ actor }","Zebulon-Quartermain":1}"#,
            "the request has a field that is not query, operationName, variables or extensions",
        ),
    ];
    for (body, message) in cases {
        let reply = toy.post(*body).await;
        assert_eq!(
            (reply.status, reply.message().as_str()),
            (StatusCode::BAD_REQUEST, *message),
            "{body}"
        );
        assert!(!reply.body.contains(CANARY));
    }
    let reply = toy.post(&b"{\"query\":\"\xff\"}"[..]).await;
    assert_eq!(
        (reply.code(), reply.message()),
        ("BAD_REQUEST".into(), "the request body is not UTF-8".into())
    );
    let deep = format!(r#"{{"query":"{{ actor }}","variables":{{"v":{}}}}}"#, "[".repeat(5000));
    assert_eq!(toy.post(deep).await.code(), "BAD_REQUEST");
    assert_eq!(toy.post("[]").await.code(), "BATCH_NOT_SUPPORTED");
}

#[tokio::test]
async fn a_body_may_have_256_kb_and_not_a_byte_more() {
    let toy = Toy::new();
    let max = 256 * 1024;
    let fill = max - r#"{"query":"{ actor }","variables":{"v":""}}"#.len();
    let body = |n: usize| format!(r#"{{"query":"{{ actor }}","variables":{{"v":"{}"}}}}"#, "x".repeat(n));
    assert_eq!(body(fill).len(), max);
    assert_eq!(toy.post(body(fill)).await.status, StatusCode::OK);
    let reply = toy.post(body(fill + 1)).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE")
    );
    assert!(reply.message().contains("262144"));
    // Without Content-Length, the bytes are counted as they come.
    let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 8192])).take(64);
    assert_eq!(toy.post(Body::from_stream(chunks)).await.code(), "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn ten_megabytes_are_refused_before_they_are_read() {
    let address = Toy::new().listen().await;
    let head = "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer ana\r\n\
        Content-Length: 10485760\r\n\r\n{";
    let (_stream, answer) = exchange(address, head.as_bytes(), Duration::from_millis(500)).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("PAYLOAD_TOO_LARGE"));
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up() {
    let address = Toy::with(|s| s.body_timeout_ms = 200).listen().await;
    let head = "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer ana\r\n\
        Content-Length: 100\r\n\r\n{";
    let (mut stream, mut answer) = exchange(address, head.as_bytes(), Duration::from_millis(600)).await;
    answer.push_str(&hear(&mut stream, Duration::from_millis(100)).await);
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains("BODY_TIMEOUT"),
        "{answer}"
    );
}

#[tokio::test]
async fn without_a_valid_credential_there_is_one_answer() {
    let toy = Toy::new();
    let missing = toy.send(without("authorization", ACTOR)).await;
    let wrong = toy.send(with("authorization", "Bearer bob", ACTOR)).await;
    for reply in [&missing, &wrong] {
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        assert_eq!(reply.header("www-authenticate"), "Bearer");
        assert_eq!(reply.code(), "UNAUTHENTICATED");
    }
    assert_eq!(
        missing.body.replace("req-0", "req-1"),
        wrong.body,
        "the same but for the request id"
    );
    // Known before a byte of the body is parsed.
    assert_eq!(
        toy.send(without("authorization", "{")).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn sign_in_that_throttles_fails_or_hangs_says_so() {
    let toy = Toy::with(|s| s.deadline_ms = 100);
    let throttled = toy.send(with("authorization", "Bearer hasty", ACTOR)).await;
    assert_eq!(
        (throttled.status, throttled.header("retry-after")),
        (StatusCode::TOO_MANY_REQUESTS, "7")
    );
    assert_eq!(throttled.code(), "THROTTLED");
    for down in ["Bearer orphan", "Bearer hangs"] {
        let reply = toy.send(with("authorization", down, ACTOR)).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE")
        );
    }
}

#[tokio::test]
async fn a_cookie_needs_the_preflight_header_and_a_token_does_not() {
    let toy = Toy::new();
    let by_cookie = |cookie: &'static str, preflight: bool| {
        let mut request = without("authorization", r#"{"query":"mutation { touch }"}"#);
        request
            .headers_mut()
            .insert(header::COOKIE, HeaderValue::from_static(cookie));
        if preflight {
            request
                .headers_mut()
                .insert("GraphQL-Require-Preflight", HeaderValue::from_static("1"));
        }
        toy.send(request)
    };
    let reply = by_cookie("session=ana", false).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (StatusCode::FORBIDDEN, "PREFLIGHT_REQUIRED")
    );
    assert_eq!(toy.touched.load(Ordering::SeqCst), 0, "nothing ran");
    assert_eq!(by_cookie("session=ana", true).await.status, StatusCode::OK);
    assert_eq!(by_cookie("visitor=1", false).await.status, StatusCode::OK);
    assert_eq!(toy.query("mutation { touch }").await.status, StatusCode::OK);
    assert_eq!(toy.touched.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_request_id_of_sane_form_is_kept_and_another_replaced() {
    let toy = Toy::new();
    let body = r#"{"query":"{ requestId }"}"#;
    let kept = toy.send(with("x-request-id", "0198c1a2-7e00_Ab", body)).await;
    assert_eq!(kept.header("x-request-id"), "0198c1a2-7e00_Ab");
    assert_eq!(kept.json()["data"]["requestId"], "0198c1a2-7e00_Ab");
    let long = "x".repeat(65);
    for bad in ["short", "with space", "a;drop=table", "<script>alert(1)", long.as_str()] {
        let mut request = post(body);
        request
            .headers_mut()
            .insert("x-request-id", HeaderValue::from_str(bad).unwrap());
        let reply = toy.send(request).await;
        assert!(reply.header("x-request-id").starts_with("req-"), "{bad}");
        assert_eq!(reply.json()["data"]["requestId"], reply.header("x-request-id"));
    }
    let refused = toy.send(with("x-request-id", "0198c1a2-7e00", "{")).await;
    assert_eq!(refused.json()["errors"][0]["extensions"]["requestId"], "0198c1a2-7e00");
}

#[tokio::test]
async fn a_subscription_is_sent_elsewhere() {
    let reply = Toy::new().query("subscription { ticks(count: 1, everyMs: 1) }").await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (StatusCode::BAD_REQUEST, "OPERATION_NOT_SUPPORTED")
    );
    assert!(reply.message().contains("/graphql/stream"));
}
