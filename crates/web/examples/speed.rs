//! How long each page takes and how many bytes it has, with 10,000 loops in the database.
//!
//! `cargo run --release -p liaison-web --example speed [sqlite|postgres]` builds the database in a temporary folder,
//! asks for each page 101 times over a connection on this machine, and prints the median, the 99th percentile and the
//! size. PostgreSQL needs `LIAISON_TEST_POSTGRES_URL`. The figures depend on the machine: compare within one run.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for people, which stops when it cannot work"
)]

use std::{net::SocketAddr, time::Instant};

use liaison_domain::Actor;
use liaison_testkit::{App, Engine, Fixture, notes::journey};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

/// 400 patients with 13 shares each to 2 recipients: 10,400 loops.
const PATIENTS: usize = 400;
const SHARES: usize = 13;
const ROUNDS: usize = 101;

#[tokio::main]
async fn main() {
    let engine = match std::env::args().nth(1).as_deref() {
        Some("postgres") => Engine::Postgres,
        _ => Engine::Sqlite,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = App::start_at(engine, format!("http://{address}").parse().unwrap()).await;
    let world = app.fixture().await;
    let scene = app.scene(&world).await;
    let loops = fill(&app, &world).await;
    println!("{engine:?}: {loops} loops more than the scene");
    let router = liaison_web::router(app.service.clone(), CancellationToken::new());
    tokio::spawn(async move {
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
            .await
            .unwrap();
    });
    let (opened, share) = (scene.opened.recipient_ids[0], scene.unopened.share_id);
    let patient = scene.patients[0];
    let pages: Vec<(&Actor, String)> = vec![
        (&world.physician, "/board".into()),
        (&world.physician, "/patients".into()),
        (&world.physician, format!("/patients/{patient}")),
        (&world.physician, format!("/shares/{share}")),
        (&world.physician, "/calls".into()),
        (&world.physician, "/notices".into()),
        (&world.oncologist, "/inbox".into()),
        (&world.oncologist, format!("/inbox/{opened}")),
        (&world.admin, "/audit".into()),
        (&world.admin, "/deliveries".into()),
        (&world.admin, "/directory".into()),
        (&world.admin, "/timeliness".into()),
    ];
    println!("{:<60} {:>9} {:>9} {:>8}", "page", "median ms", "p99 ms", "bytes");
    for (actor, path) in pages {
        let secret = app.session(actor).await;
        let mut times = Vec::new();
        let mut bytes = 0;
        let mut stream = TcpStream::connect(address).await.unwrap();
        for _ in 0..ROUNDS {
            let began = Instant::now();
            bytes = get(&mut stream, &path, &secret).await;
            times.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "{path:<60} {:>9.2} {:>9.2} {bytes:>8}",
            times[ROUNDS / 2],
            times[ROUNDS - 2]
        );
    }
}

/// Shares notes until there are 10,000 loops; a tenth stays open.
async fn fill(app: &App, world: &Fixture) -> usize {
    let content = journey("A").documents[0].content.clone();
    for number in 0..PATIENTS {
        let patient = app.patient_numbered(world, "A", number).await;
        for share in 0..SHARES {
            let signed = app.sign_content(world, patient, content.clone()).await;
            let shared = app.share_with_both(world, &signed).await;
            if !(number * SHARES + share).is_multiple_of(10) {
                app.acknowledge_all(world, &shared, &signed).await;
            }
        }
    }
    PATIENTS * SHARES * 2
}

/// Gets a page; its length in bytes, head and body. Fails unless the answer is 200.
async fn get(stream: &mut TcpStream, path: &str, secret: &str) -> usize {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\ncookie: liaison={secret}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "{path}: the connection ended");
        answer.extend_from_slice(&buffer[..read]);
        if let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&answer[..head]).to_lowercase();
            assert!(text.starts_with("http/1.1 200"), "{path}: {text}");
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .unwrap();
            let whole = head + 4 + length.parse::<usize>().unwrap();
            if answer.len() >= whole {
                return whole;
            }
        }
    }
}
