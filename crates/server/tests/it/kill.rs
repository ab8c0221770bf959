//! `kill -9` at any moment: what was answered is there afterwards, a repeat under the same key is the same share, every
//! message arrives, and repeats of a message carry the same id.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use liaison_channels::sinks::{WebhookSink, WebhookSinkOptions};
use liaison_domain::{ChannelKind, Clock, DeliveryState, SystemClock};
use liaison_service::{
    channel::Secret,
    directory::{CreateEndpoint, CreateToken, EndpointOwner},
};
use liaison_store::{deliveries, shares};
use liaison_testkit::{App, Engine};
use serde_json::{Value, json};

use crate::bench::bare;

/// How often the server is killed.
const ROUNDS: u64 = 5;
/// How many clients share at once.
const CLIENTS: u64 = 3;

const SHARE: &str = "mutation($i:ShareNoteInput!){shareNote(input:$i){share{id} problems{path message}}}";

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(app: &App) -> Self {
        let folder = app.database.folder.path();
        let mut command = bare(folder, &["--config", "liaison.toml", "serve"]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("listening on http://")
            .expect("it listens")
            .to_owned();
        Self { child, address }
    }

    fn kill(mut self) {
        // `Child::kill` is SIGKILL on Unix.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn stop(mut self) {
        let sent = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        assert!(self.child.wait().unwrap().success());
    }
}

/// Posts a GraphQL request; nothing where the server went away before it answered whole.
fn post(address: &str, token: &str, body: &Value) -> Option<Value> {
    let body = body.to_string();
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

async fn killed_again_and_again(engine: Engine) {
    let app = App::start(engine).await;
    app.clock.set(SystemClock.now());
    let fixture = app.fixture().await;
    let patient = app.patient(&fixture, "A").await;
    let signed = app.sign(&fixture, patient, "A", 0).await;
    let sink = WebhookSink::start(WebhookSinkOptions::new(Arc::new(SystemClock)))
        .await
        .unwrap();
    let endpoint = CreateEndpoint {
        owner: EndpointOwner::Team(fixture.palliative_team),
        channel: ChannelKind::Webhook,
        address: sink.url("/liaison"),
        idempotency_key: None,
    };
    let created = app
        .service
        .create_endpoint(&fixture.admin, endpoint)
        .await
        .expect("an endpoint");
    sink.trust(Secret::new(created.secret.expect("a webhook has a secret").expose()));
    let token = CreateToken {
        name: "kill".to_owned(),
        scopes: vec!["read".to_owned(), "write".to_owned()],
        days: 30,
        idempotency_key: None,
    };
    let token = app
        .service
        .create_token(&fixture.physician, token)
        .await
        .expect("a token");
    let token = token.secret.expect("shown once").expose().to_owned();
    let folder = app.database.folder.path();
    let config = format!(
        "[database]\nurl = \"{}\"\nmigrate = true\n[keys]\nmaster_file = \"{}\"\nledger_file = \"{}\"\n\
         [http]\nlisten = \"127.0.0.1:0\"\n[webhooks]\nallow = [\"127.0.0.0/8\"]\nallow_http = true\n\
         [work]\nattempt_timeout_seconds = 2\nlease_seconds = 10\nreconcile_seconds = 1\n",
        app.database.url,
        folder.join("master.key").display(),
        folder.join("ledger.key").display(),
    );
    std::fs::write(folder.join("liaison.toml"), config).unwrap();
    app.service.store().close().await;
    let made = bare(folder, &["--config", "liaison.toml", "keys", "init"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let request = |key: &str| {
        json!({"query": SHARE, "variables": {"i": {
            "noteVersionId": signed.version_id.to_string(),
            "recipients": [{"teamId": fixture.palliative_team.to_string(), "duty": "REQUIRED"}],
            "idempotencyKey": key,
        }}})
    };
    let share_in = |answer: &Value| answer["data"]["shareNote"]["share"]["id"].as_str().map(str::to_owned);
    let mut accepted: BTreeMap<String, String> = BTreeMap::new();
    for round in 0..ROUNDS {
        let server = Server::start(&app);
        let began = Instant::now();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (address, token) = (server.address.clone(), token.clone());
                let bodies: Vec<_> = (0..200)
                    .map(|number| {
                        (
                            format!("{round}-{client}-{number}"),
                            request(&format!("{round}-{client}-{number}")),
                        )
                    })
                    .collect();
                std::thread::spawn(move || {
                    let mut answered = Vec::new();
                    for (key, body) in bodies {
                        let Some(answer) = post(&address, &token, &body) else {
                            break;
                        };
                        answered.push((key, answer));
                    }
                    answered
                })
            })
            .collect();
        // Another moment each time, some while the first shares are under way.
        std::thread::sleep(Duration::from_millis(60 + 110 * round).saturating_sub(began.elapsed()));
        server.kill();
        for client in clients {
            for (key, answer) in client.join().unwrap() {
                let share = share_in(&answer).unwrap_or_else(|| panic!("{answer}"));
                accepted.insert(key, share);
            }
        }
    }
    assert!(
        !accepted.is_empty(),
        "the server was killed before it answered anything"
    );

    let server = Server::start(&app);
    for (key, share) in &accepted {
        let again = post(&server.address, &token, &request(key)).expect("it answers");
        assert_eq!(
            share_in(&again).as_ref(),
            Some(share),
            "a repeat under the same key is the same share: {again}"
        );
    }
    // Whatever committed without an answer counts too: every delivery to the sink must arrive.
    let waited = Instant::now();
    let mut app = app;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        if sink.distinct() >= accepted.len() || waited.elapsed() > Duration::from_secs(60) {
            break;
        }
    }
    tokio::time::sleep(Duration::from_secs(12)).await;
    server.stop();

    app.restart().await;
    let mut conn = app.service.store().read().await.unwrap();
    let stored = shares::by_note(&mut conn, signed.note_id).await.unwrap();
    let ids: BTreeSet<String> = stored.iter().map(|share| share.id.to_string()).collect();
    for share in accepted.values() {
        assert!(ids.contains(share), "{share} was answered and is lost");
    }
    let share_ids: Vec<_> = stored.iter().map(|share| share.id.uuid()).collect();
    let loops = liaison_store::recipients::of_shares(&mut conn, &share_ids)
        .await
        .unwrap();
    assert_eq!(
        loops.len(),
        stored.len(),
        "each share has its one loop, whole or not at all"
    );
    let loop_ids: Vec<_> = loops.iter().map(|row| row.id.uuid()).collect();
    let sent = deliveries::of_recipients(&mut conn, &loop_ids).await.unwrap();
    let webhooks: Vec<_> = sent.iter().filter(|row| row.channel == ChannelKind::Webhook).collect();
    assert_eq!(webhooks.len(), stored.len());
    let arrived: BTreeSet<String> = sink.events().into_iter().map(|event| event.id).collect();
    for delivery in webhooks {
        assert_eq!(
            delivery.state,
            DeliveryState::Delivered,
            "{} of {}",
            delivery.id,
            delivery.attempts
        );
        assert!(
            arrived.contains(&delivery.message_id),
            "{} never arrived",
            delivery.message_id
        );
    }
    assert_eq!(
        arrived.len(),
        stored.len(),
        "a repeat carries the same id, so there are as many ids as deliveries"
    );
    drop(conn);
    app.service.store().close().await;
    let checked = bare(
        folder_of(&app),
        &["--config", "liaison.toml", "ledger", "verify", "--database"],
    )
    .output()
    .unwrap();
    let told = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{told}");
}

fn folder_of(app: &App) -> &std::path::Path {
    app.database.folder.path()
}

#[tokio::test]
async fn a_server_killed_at_any_moment_loses_nothing_on_sqlite() {
    killed_again_and_again(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_server_killed_at_any_moment_loses_nothing_on_postgres() {
    killed_again_and_again(Engine::Postgres).await;
}
