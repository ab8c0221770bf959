//! Metrics and health on their own address: the format, what is in it, and what must never be.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::Child,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use liaison_domain::SystemClock;
use liaison_service::directory::CreateToken;
use liaison_testkit::{App, Engine};

use crate::bench::bare;

/// Names of people and patients of the scene, and other things that must stand in no metric.
const CANARIES: [&str; 6] = ["@", "MRN", "notever_", "recipient_", "patient_", "http://"];

struct Process {
    child: Child,
    monitor: String,
    address: Option<String>,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Process {
    fn start(app: &App, command: &str) -> Self {
        Self::start_over(app, &app.database.url, command)
    }

    fn start_over(app: &App, url: &str, command: &str) -> Self {
        let folder = app.database.folder.path();
        let port = free_port();
        let config = format!(
            "[database]\nurl = \"{}\"\n[keys]\nmaster_file = \"{}\"\nledger_file = \"{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [monitor]\nlisten = \"127.0.0.1:{port}\"\n",
            url,
            folder.join("master.key").display(),
            folder.join("ledger.key").display(),
        );
        std::fs::write(folder.join("liaison.toml"), config).unwrap();
        let made = bare(folder, &["keys", "init"]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut child = bare(folder, &[command]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().strip_prefix("listening on http://").map(str::to_owned);
        Self {
            child,
            monitor: format!("127.0.0.1:{port}"),
            address,
        }
    }

    fn until(&self, path: &str, status: &str) -> String {
        let began = Instant::now();
        loop {
            let answer = ask(
                &self.monitor,
                &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
            );
            if answer.starts_with(&format!("HTTP/1.1 {status}")) {
                return answer;
            }
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "{path} is not {status}: {answer}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn metrics(&self) -> String {
        let answer = self.until("/metrics", "200");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.to_ascii_lowercase()
                .contains("content-type: application/openmetrics-text; version=1.0.0"),
            "{head}"
        );
        body.to_owned()
    }
}

/// A line to the database that can be cut.
struct Between {
    url: String,
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Between {
    fn start(url: &str) -> Self {
        let (before, rest) = url.split_once('@').unwrap();
        let (host, database) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{before}@{}/{database}", listener.local_addr().unwrap());
        let open = Arc::new(Mutex::new(Some(Vec::new())));
        let (host, streams) = (host.to_owned(), open.clone());
        std::thread::spawn(move || {
            for from in listener.incoming().map_while(Result::ok) {
                let Some(open) = &mut *streams.lock().unwrap() else {
                    return;
                };
                let to = TcpStream::connect(&host).unwrap();
                for (mut reading, mut writing) in [
                    (from.try_clone().unwrap(), to.try_clone().unwrap()),
                    (to.try_clone().unwrap(), from.try_clone().unwrap()),
                ] {
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut reading, &mut writing);
                        let _ = writing.shutdown(Shutdown::Both);
                    });
                }
                open.extend([from, to]);
            }
        });
        Self { url, open }
    }

    fn cut(&self) {
        for stream in self.open.lock().unwrap().take().into_iter().flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn ask(address: &str, request: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return String::new();
    };
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// The samples of a text by their series, after its format was checked (OpenMetrics 1.0, the parts that we use).
fn read(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with("# EOF\n"), "the text is whole");
    let mut families = BTreeMap::new();
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (what, name, told) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            assert!(matches!(what, "HELP" | "TYPE"), "{line}");
            if what == "TYPE" {
                assert!(
                    families.insert(name.to_owned(), told.to_owned()).is_none(),
                    "{name} is there twice"
                );
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let family = families.keys().find(|family| {
            let end = name.strip_prefix(family.as_str());
            end.is_some_and(|end| ["", "_total", "_bucket", "_sum", "_count", "_info"].contains(&end))
        });
        assert!(family.is_some(), "{name} has no type");
        assert!(name.starts_with("liaison_"), "{name}");
        let value: f64 = value.parse().unwrap();
        assert!(value >= 0.0, "{line}");
        assert!(
            samples.insert(series.to_owned(), value).is_none(),
            "{series} is there twice"
        );
    }
    samples
}

/// A clinic with loops of some days, and a physician's token.
async fn with_scene(engine: Engine) -> (App, String) {
    let app = App::start(engine).await;
    app.clock
        .set(liaison_domain::Clock::now(&SystemClock) - chrono::TimeDelta::days(6));
    let fixture = app.fixture().await;
    app.scene(&fixture).await;
    let token = CreateToken {
        name: "monitor".to_owned(),
        scopes: vec!["read".to_owned()],
        days: 30,
        idempotency_key: None,
    };
    let token = app.service.create_token(&fixture.physician, token).await.unwrap();
    app.service.store().close().await;
    (app, token.secret.unwrap().expose().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_of_a_server_say_how_the_loops_stand_and_name_nobody() {
    let (app, token) = with_scene(Engine::Sqlite).await;
    let server = Process::start(&app, "serve");
    let address = server.address.clone().unwrap();
    assert!(server.until("/readyz", "200").contains("\"workers\":\"alive\""));
    assert!(server.until("/healthz", "200").ends_with("ok\n"));
    for request in [
        "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        "GET /nowhere/patient_secret HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
    ] {
        ask(&address, &request);
    }
    // The name that a client gives its operation is no label; the schema's field is.
    for query in [
        "query patient_secret { board { edges { cursor } } }",
        "query { patient_secret }",
    ] {
        let body = serde_json::json!({ "query": query }).to_string();
        ask(
            &address,
            &format!(
                "POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            ),
        );
    }
    let at_the_door = ask(
        &address,
        "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert!(
        !at_the_door.contains("liaison_"),
        "metrics are asked for on the monitor's address alone"
    );
    let text = server.metrics();
    let samples = read(&text);
    for wanted in [
        "liaison_database_up",
        "liaison_loops_open{urgency=\"routine\"}",
        "liaison_loop_oldest_open_seconds{urgency=\"urgent\"}",
        "liaison_queue_waiting{queue=\"deliver\"}",
        "liaison_worker_up{queue=\"sequence\"}",
        "liaison_deliveries_waiting{channel=\"email\"}",
        "liaison_ledger_entries",
        "liaison_ledger_oldest_pending_seconds",
        "liaison_call_tasks_open",
        "liaison_database_connections_open{pool=\"writer\"}",
        "liaison_http_requests_total{method=\"GET\",route=\"other\",status=\"4xx\"}",
        "liaison_graphql_operations_total{operation=\"board\",outcome=\"ok\"}",
        "liaison_http_request_seconds_count{route=\"/graphql\"}",
    ] {
        assert!(samples.contains_key(wanted), "{wanted}: {text}");
    }
    assert_eq!(samples["liaison_database_up"], 1.0);
    assert!(samples["liaison_ledger_entries"] > 10.0);
    let open: f64 = ["routine", "urgent", "emergent"]
        .iter()
        .map(|urgency| samples[&format!("liaison_loops_open{{urgency=\"{urgency}\"}}")])
        .sum();
    assert!(open >= 2.0, "{text}");
    let oldest = samples
        .iter()
        .filter(|(series, _)| series.starts_with("liaison_loop_oldest"))
        .map(|(_, age)| *age);
    assert!(oldest.fold(0.0, f64::max) > 3_600.0, "{text}");
    for canary in CANARIES {
        assert!(!text.contains(canary), "{canary}: {text}");
    }
    for person in ["Okafor", "Ruiz", "secret"] {
        assert!(!text.contains(person), "{person}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_is_watched_and_its_readiness_is_red_without_the_database() {
    let app = App::start(Engine::Postgres).await;
    app.service.store().close().await;
    let between = Between::start(&app.database.url);
    let worker = Process::start_over(&app, &between.url, "worker");
    assert!(worker.until("/readyz", "200").contains("\"database\":\"answers\""));
    let samples = read(&worker.metrics());
    assert_eq!(samples["liaison_worker_up{queue=\"deliver\"}"], 1.0);
    assert!(samples["liaison_database_connections_most{pool=\"all\"}"] >= 1.0);
    // The database goes away under it.
    between.cut();
    let red = worker.until("/readyz", "503");
    assert!(red.contains("\"ready\":false"), "{red}");
    let samples = read(&worker.metrics());
    assert_eq!(samples["liaison_database_up"], 0.0);
    assert!(
        worker.until("/healthz", "200").ends_with("ok\n"),
        "the process itself lives"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_is_red_while_a_servers_workers_are_gone_and_green_when_they_are_back() {
    let app = App::start(Engine::Postgres).await;
    app.service.store().close().await;
    let server = Process::start(&app, "serve");
    assert!(server.until("/readyz", "200").contains("\"workers\":\"alive\""));
    // Their tables go away under the workers, and the database stays.
    app.database.execute("alter schema apalis rename to elsewhere").await;
    let red = server.until("/readyz", "503");
    assert!(red.contains("\"database\":\"answers\""), "{red}");
    assert!(red.contains("not alive: "), "{red}");
    assert!(server.until("/healthz", "200").ends_with("ok\n"));
    app.database.execute("alter schema elsewhere rename to apalis").await;
    assert!(server.until("/readyz", "200").contains("\"workers\":\"alive\""));
    let restarted = read(&server.metrics())
        .into_iter()
        .filter(|(series, _)| series.starts_with("liaison_worker_restarts"))
        .map(|(_, times)| times)
        .sum::<f64>();
    assert!(restarted >= 1.0);
}
