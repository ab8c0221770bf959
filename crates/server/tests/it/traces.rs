//! Traces and lines of a share over GraphQL and of the job that sends it: together, complete, and without a word of what
//! people wrote; and a collector that is away or silent, which nobody waits for.

use std::{
    io::Read,
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use liaison_channels::sinks::WebhookSink;
use liaison_testkit::{Engine, notes::journey};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value as Any},
    trace::v1::Span,
};
use prost::Message as _;
use serde_json::{Value, json};

use crate::clinic::{Clinic, Server, deploy};

const SHARE: &str = "mutation Zwanenburg($i:ShareNoteInput!){shareNote(input:$i){share{id} problems{path message}}}";
/// Words that people wrote, into each place of a share that takes text, and into what a client may choose.
const WRITTEN: [&str; 3] = ["Zwanenburg", "Quastenflosser", "Xylophagou"];

/// A clinic with a signed note, a team with a webhook, and the server over it.
struct World {
    clinic: Clinic,
    sink: WebhookSink,
    body: Value,
    canaries: Vec<String>,
}

impl World {
    async fn new(engine: Engine, telemetry: &str) -> Self {
        let clinic = Clinic::new(engine).await;
        let sink = clinic.webhook().await;
        deploy(
            &clinic.app,
            &format!(
                "[http]\nlisten = \"127.0.0.1:0\"\n[webhooks]\nallow = [\"127.0.0.0/8\"]\nallow_http = true\n\
                 [log]\nformat = \"json\"\nfilter = \"info,sqlx=warn,liaison=debug,liaison_service=debug,\
                 liaison_store=debug,liaison_graphql=debug,liaison_jobs=debug,liaison_channels=debug,liaison_web=debug\"\n\
                 [telemetry]\nservice_name = \"clinic-under-test\"\n{telemetry}\n"
            ),
        );
        clinic.app.service.store().close().await;

        let patient = journey("A").header.patient;
        let mut canaries = vec![
            patient.mrn.to_string(),
            clinic.token.clone(),
            "h4rdly-guessed".to_owned(),
        ];
        canaries.extend(patient.name.split(' ').map(str::to_owned));
        canaries.extend(WRITTEN.map(str::to_owned));
        let body = json!({"query": SHARE, "variables": {"i": {
            "noteVersionId": clinic.signed.version_id.to_string(),
            "recipients": [{"teamId": clinic.fixture.palliative_team.to_string(), "duty": "REQUIRED"}],
            "message": "Quastenflosser before the scan",
            "questions": [{"text": "Does Xylophagou stand?"}],
        }}});
        Self {
            clinic,
            sink,
            body,
            canaries,
        }
    }

    fn share(&self, server: &Server, request_id: &str) {
        use std::io::Write as _;
        let body = self.body.to_string();
        let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
        let head = format!(
            "POST /graphql?patient=Zwanenburg HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nX-Request-Id: {request_id}\r\n\
             Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.clinic.token,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let json: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert!(json["data"]["shareNote"]["share"]["id"].is_string(), "{answer}");
    }

    async fn until_arrived(&self, count: usize) {
        let began = Instant::now();
        while self.sink.distinct() < count {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "delivery {count} did not arrive"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn tells_nothing(&self, what: &str, text: &str) {
        for canary in &self.canaries {
            assert!(!text.contains(canary), "{canary} stands in {what}: {text}");
        }
    }
}

/// What a collector was sent.
#[derive(Clone, Default)]
struct Taken(Arc<Mutex<Vec<(HeaderMap, Bytes)>>>);

async fn collector() -> (String, Taken) {
    let taken = Taken::default();
    let take = async |State(taken): State<Taken>, headers: HeaderMap, body: Bytes| {
        taken.0.lock().unwrap().push((headers, body));
    };
    let router = Router::new()
        .route("/otlp/v1/traces", post(take))
        .with_state(taken.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/otlp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, taken)
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.clone()?.value? {
        Any::StringValue(text) => Some(text),
        Any::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

async fn one_trace_and_no_word(engine: Engine) {
    let (url, taken) = collector().await;
    let world = World::new(
        engine,
        &format!("otlp_endpoint = \"{url}\"\notlp_headers = \"x-key=h4rdly-guessed\""),
    )
    .await;
    let server = world.clinic.server(&[]);
    world.share(&server, "request-of-the-test");
    world.until_arrived(1).await;
    let (_, log) = server.stop();

    let mut spans: Vec<Span> = Vec::new();
    for (headers, body) in taken.0.lock().unwrap().iter() {
        assert_eq!(headers["x-key"], "h4rdly-guessed");
        assert_eq!(headers["content-type"], "application/x-protobuf");
        world.tells_nothing("a span", &String::from_utf8_lossy(body));
        for resource in ExportTraceServiceRequest::decode(body.clone()).unwrap().resource_spans {
            let attributes = resource.resource.unwrap().attributes;
            assert_eq!(text(&attributes, "service.name").as_deref(), Some("clinic-under-test"));
            spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    let of_the_share = |name: &str| {
        spans
            .iter()
            .find(|span| {
                let request_id = text(&span.attributes, "request_id");
                span.name == name && request_id.as_deref() == Some("request-of-the-test")
            })
            .unwrap_or_else(|| panic!("no {name} in {spans:#?}"))
    };
    let graphql = of_the_share("graphql");
    assert_eq!(text(&graphql.attributes, "operation").as_deref(), Some("shareNote"));
    let http = spans
        .iter()
        .find(|span| span.span_id == graphql.parent_span_id)
        .unwrap();
    let told = ["method", "route", "status"].map(|key| text(&http.attributes, key).unwrap_or_default());
    assert_eq!(told, ["POST", "/graphql", "200"]);
    assert!(http.parent_span_id.is_empty(), "a client's trace is not joined");
    // The webhook's delivery is of the request's trace, under its use case, and linked to the job that worked on it.
    let delivery = spans
        .iter()
        .find(|span| span.name == "delivery" && text(&span.attributes, "channel").as_deref() == Some("WEBHOOK"))
        .unwrap_or_else(|| panic!("no delivery in {spans:#?}"));
    assert_eq!(of_the_share("delivery").trace_id, graphql.trace_id);
    assert_eq!(
        (&delivery.trace_id, &delivery.parent_span_id),
        (&graphql.trace_id, &graphql.span_id)
    );
    assert_eq!(text(&delivery.attributes, "outcome").as_deref(), Some("delivered"));
    let job = spans
        .iter()
        .find(|span| delivery.links.iter().any(|link| link.span_id == span.span_id))
        .unwrap_or_else(|| panic!("no job in {spans:#?}"));
    assert_eq!(
        (job.name.as_str(), text(&job.attributes, "queue").as_deref()),
        ("job", Some("deliver"))
    );
    assert!(spans.iter().all(|span| span.events.is_empty()));

    // The job's lines name the request, and no line has a word of it.
    let line = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| line["message"] == "an attempt ended" && line["span"]["channel"] == "WEBHOOK")
        .unwrap_or_else(|| panic!("no line of the attempt: {log}"));
    assert_eq!(line["span"]["request_id"], "request-of-the-test", "{line}");
    world.tells_nothing("the log", &log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_and_its_delivery_are_one_trace_without_a_word_of_it_on_sqlite() {
    one_trace_and_no_word(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_and_its_delivery_are_one_trace_without_a_word_of_it_on_postgres() {
    one_trace_and_no_word(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_or_silent_slows_and_stops_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let world = World::new(Engine::Sqlite, &format!("otlp_endpoint = \"http://{address}\"")).await;
    // Connections are taken by the system, and nobody ever answers.
    let server = world.clinic.server(&[]);
    world.share(&server, "while-silent");
    world.until_arrived(1).await;
    let (took, log) = server.stop();
    assert!(took < Duration::from_secs(10), "{took:?}: {log}");
    assert!(log.contains("the last spans did not reach the collector"), "{log}");

    drop(listener);
    let server = world.clinic.server(&[]);
    for number in 2..=3 {
        world.share(&server, &format!("while-away-{number}"));
        world.until_arrived(number).await;
        // Longer than between two batches.
        tokio::time::sleep(Duration::from_millis(2_500)).await;
    }
    let (took, log) = server.stop();
    assert!(took < Duration::from_secs(10), "{took:?}: {log}");
    assert_eq!(log.matches("the collector takes no spans").count(), 1, "{log}");
    world.tells_nothing("the log", &log);
}
