//! Starting, answering, stopping.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command},
    time::{Duration, Instant},
};

use liaison_testkit::Engine;

use crate::bench::{Bench, Ran};

struct Server {
    child: Child,
    address: String,
}

impl Server {
    #[expect(clippy::print_stdout, reason = "a measure to look at, not to hold")]
    fn start(bench: &Bench) -> Self {
        let began = Instant::now();
        let mut child = bench.command(&["serve"]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            let mut err = String::new();
            child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
            panic!("{line}{err}");
        };
        println!("{}: listening after {:?}", bench.database.engine, began.elapsed());
        Self {
            address: address.to_owned(),
            child,
        }
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    }

    fn until_ready(&self) -> String {
        for _ in 0..100 {
            let answer = self.get("/readyz");
            if answer.starts_with("HTTP/1.1 200") {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("not ready: {}", self.get("/readyz"))
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    fn ended(mut self, at_most: Duration) -> (i32, String) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let mut err = String::new();
                self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
                return (status.code().unwrap_or(-1), err);
            }
            if began.elapsed() > at_most {
                self.child.kill().unwrap();
                panic!("still running after {at_most:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[tokio::test]
async fn it_starts_answers_and_stops_when_asked() {
    for (engine, name) in [(Engine::Sqlite, "-TERM"), (Engine::Postgres, "-INT")] {
        let bench = Bench::new(engine).await;
        bench.with_people();
        let token = bench.good(&["token", "create", "--user", "ana@clinic.example", "--name", "x"]);
        let server = Server::start(&bench);
        let alive = server.get("/healthz");
        assert!(alive.starts_with("HTTP/1.1 200") && alive.ends_with("ok\n"), "{alive}");
        let ready = server.until_ready();
        assert!(
            ready.contains("\"database\":\"answers\"") && ready.contains("\"workers\":\"alive\""),
            "{ready}"
        );
        let body = "{\"query\":\"{ __typename }\"}";
        let answer = server.ask(&format!(
            "POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            token.trim(),
            body.len()
        ));
        assert!(answer.contains("\"__typename\":\"Query\""), "{answer}");
        // The workers give the acts of before their place in the ledger.
        for _ in 0..100 {
            if server.get("/readyz").contains("\"waiting\":0") {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(server.get("/readyz").contains("\"waiting\":0"));
        server.signal(name);
        let (code, err) = server.ended(Duration::from_secs(15));
        assert_eq!(code, 0, "{err}");
        assert!(err.contains("stopped") && !err.contains(token.trim()), "{err}");
    }
}

#[tokio::test]
async fn a_server_does_not_stop_for_an_idle_connection() {
    let bench = Bench::new(Engine::Sqlite).await;
    let server = Server::start(&bench);
    let mut idle = TcpStream::connect(&server.address).unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut first = [0; 16];
    idle.read_exact(&mut first).unwrap();
    server.signal("-TERM");
    let (code, err) = server.ended(Duration::from_secs(15));
    assert_eq!(code, 0, "{err}");
}

#[tokio::test]
async fn pending_migrations_are_refused_where_they_are_not_allowed() {
    let bench = Bench::new(Engine::Sqlite).await;
    let run = || {
        Ran::from(
            bench
                .command(&["serve"])
                .env("LIAISON_DATABASE__MIGRATE", "false")
                .output()
                .unwrap(),
        )
    };
    let ran = run();
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(
        ran.err.contains("pending migrations; run `liaison migrate`"),
        "{}",
        ran.err
    );
}

#[tokio::test]
async fn workers_apart_need_postgresql() {
    let sqlite = Bench::new(Engine::Sqlite).await;
    for args in [&["worker"][..], &["serve", "--no-workers"]] {
        let ran = sqlite.run(args);
        assert_eq!(ran.code, 2, "{args:?}");
        assert!(ran.err.contains("SQLite"), "{}", ran.err);
    }
    let postgres = Bench::new(Engine::Postgres).await;
    let mut child = postgres.command(&["worker"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line.trim(), "working");
    let server = Server {
        child,
        address: String::new(),
    };
    server.signal("-TERM");
    assert_eq!(server.ended(Duration::from_secs(15)).0, 0);
}

#[tokio::test]
async fn a_port_in_use_is_told() {
    let bench = Bench::new(Engine::Sqlite).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = Ran::from(
        bench
            .command(&["serve"])
            .env("LIAISON_HTTP__LISTEN", &address)
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains(&address) && ran.err.contains("another server"),
        "{}",
        ran.err
    );
}
