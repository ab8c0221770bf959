//! What the tests of running processes share: a clinic with a signed note and a token over it, the binary as a server, and
//! a request to it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use liaison_channels::sinks::{WebhookSink, WebhookSinkOptions};
use liaison_domain::{ChannelKind, Clock, NoteVersionId, SystemClock, TeamId};
use liaison_service::{
    channel::Secret,
    directory::{CreateEndpoint, CreateToken, EndpointOwner},
};
use liaison_testkit::{App, Engine, Fixture, Signed};
use serde_json::{Value, json};

use crate::bench::bare;

const SHARE: &str = "mutation($i:ShareNoteInput!){shareNote(input:$i){share{id} problems{path message}}}";
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A clinic with a signed note, and a physician's token.
pub(crate) struct Clinic {
    pub(crate) app: App,
    pub(crate) fixture: Fixture,
    pub(crate) signed: Signed,
    pub(crate) token: String,
}

impl Clinic {
    /// Makes one, by the real clock.
    pub(crate) async fn new(engine: Engine) -> Self {
        let app = App::start(engine).await;
        app.clock.set(SystemClock.now());
        let fixture = app.fixture().await;
        let patient = app.patient(&fixture, "A").await;
        let signed = app.sign(&fixture, patient, "A", 0).await;
        let token = CreateToken {
            name: "server".to_owned(),
            scopes: vec!["read".to_owned(), "write".to_owned()],
            days: 30,
            idempotency_key: None,
        };
        let token = app.service.create_token(&fixture.physician, token).await.unwrap();
        let token = token.secret.unwrap().expose().to_owned();
        Self {
            app,
            fixture,
            signed,
            token,
        }
    }

    /// Gives the palliative team a webhook and listens there.
    pub(crate) async fn webhook(&self) -> WebhookSink {
        let sink = WebhookSink::start(WebhookSinkOptions::new(Arc::new(SystemClock)))
            .await
            .unwrap();
        self.webhook_at(sink.url("/liaison"), &sink).await;
        sink
    }

    /// The same with another address before the receiver.
    pub(crate) async fn webhook_at(&self, address: String, sink: &WebhookSink) {
        let endpoint = CreateEndpoint {
            owner: EndpointOwner::Team(self.fixture.palliative_team),
            channel: ChannelKind::Webhook,
            address,
            idempotency_key: None,
        };
        let created = self
            .app
            .service
            .create_endpoint(&self.fixture.admin, endpoint)
            .await
            .unwrap();
        sink.trust(Secret::new(created.secret.unwrap().expose()));
    }

    /// Where the configuration stands.
    pub(crate) fn folder(&self) -> &Path {
        self.app.database.folder.path()
    }

    /// Starts a server over [`deploy`]'s configuration.
    pub(crate) fn server(&self, more: &[(&str, &str)]) -> Server {
        Server::start(bare(self.folder(), &["serve"]).envs(more.iter().copied()))
    }

    /// A share with the palliative team, under a key.
    pub(crate) fn share(&self, key: &str) -> Value {
        share(self.signed.version_id, self.fixture.palliative_team, key)
    }

    /// Shares; the share's id.
    pub(crate) fn shared(&self, server: &Server, key: &str) -> String {
        let answer = post(&server.address, &self.token, &self.share(key)).unwrap();
        share_in(&answer).unwrap_or_else(|| panic!("{answer}"))
    }

    /// Holds the ledger of the closed database against itself, by the binary.
    pub(crate) fn ledger_verifies(&self) {
        let checked = bare(self.folder(), &["ledger", "verify", "--database"])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{told}");
    }
}

/// A share of a note's version with a team, under a key.
pub(crate) fn share(version: NoteVersionId, team: TeamId, key: &str) -> Value {
    json!({"query": SHARE, "variables": {"i": {
        "noteVersionId": version.to_string(),
        "recipients": [{"teamId": team.to_string(), "duty": "REQUIRED"}],
        "idempotencyKey": key,
    }}})
}

/// The share that was made, as the answer tells.
pub(crate) fn share_in(answer: &Value) -> Option<String> {
    answer["data"]["shareNote"]["share"]["id"].as_str().map(str::to_owned)
}

/// Writes a configuration for an app's database (`sections` follows `[keys]`) and makes the keys that are not there.
pub(crate) fn deploy(app: &App, sections: &str) {
    let folder = app.database.folder.path();
    let config = format!(
        "[database]\nurl = \"{}\"\nmigrate = true\nconnections = 5\n[keys]\nmaster_file = \"{}\"\nledger_file = \"{}\"\n{sections}",
        app.database.url,
        folder.join("master.key").display(),
        folder.join("ledger.key").display(),
    );
    std::fs::write(folder.join("liaison.toml"), config).unwrap();
    let made = bare(folder, &["keys", "init"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// A server; dropped, it is killed.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    log: Option<JoinHandle<String>>,
}

impl Server {
    /// Starts the command and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            child.kill().ok();
            child.wait().ok();
            panic!("{line}{}", log.join().unwrap());
        };
        Self {
            address: address.to_owned(),
            child,
            log: Some(log),
        }
    }

    /// Sends it a signal by its name, such as `-TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Ends it by SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, which it must do well; how long that took, and all its lines.
    pub(crate) fn stop(mut self) -> (Duration, String) {
        let began = Instant::now();
        self.signal("-TERM");
        let status = self.child.wait().unwrap();
        let took = began.elapsed();
        let log = self.log.take().unwrap().join().unwrap();
        assert!(status.success(), "{status}: {log}");
        (took, log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Posts a GraphQL request once: the answer, or why there is none.
pub(crate) fn post(address: &str, token: &str, body: &Value) -> Result<Value, String> {
    let body = body.to_string();
    let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .map_err(|error| error.to_string())?;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    if !answer.starts_with("HTTP/1.1 200") {
        return Err(format!("answered: {answer}"));
    }
    let (_, text) = answer.split_once("\r\n\r\n").ok_or("no body")?;
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match value.get("errors") {
        Some(errors) => Err(errors.to_string()),
        None => Ok(value),
    }
}
