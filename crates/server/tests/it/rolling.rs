//! Three servers on one PostgreSQL behind a proxy that asks each whether it is ready: each is restarted in turn under
//! load, and no request fails and no share is lost.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use liaison_domain::ShareId;
use liaison_store::shares;
use liaison_testkit::{App, Engine};
use serde_json::json;

use crate::{
    bench::bare,
    clinic::{Clinic, deploy, post, share, share_in},
};

/// Between two questions of the proxy; `http.drain_seconds` is many of them.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const SHARERS: usize = 2;
const READERS: usize = 2;

/// One server in its place: its address stays the same over restarts.
struct Slot {
    child: Child,
    port: u16,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start(app: &App, port: u16) -> Child {
    let mut command = bare(app.database.folder.path(), &["--config", "liaison.toml", "serve"]);
    command.env("LIAISON_HTTP__LISTEN", format!("127.0.0.1:{port}"));
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.starts_with("listening on http://"), "{line}");
    child
}

impl Drop for Slot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status of `/readyz` of the server at a port; nothing where nobody answers.
fn readiness(port: u16) -> Option<u16> {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(3))).ok()?;
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

fn until_ready(port: u16) {
    let began = Instant::now();
    while readiness(port) != Some(200) {
        assert!(began.elapsed() < Duration::from_secs(30), "{port} is not ready");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A round-robin proxy. It tries no request twice: what the chosen server does not answer has failed.
struct Proxy {
    address: String,
    ready: Arc<[AtomicBool]>,
    taken: Arc<[AtomicUsize]>,
}

impl Proxy {
    fn start(ports: Vec<u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let ready: Arc<[AtomicBool]> = ports.iter().map(|_| AtomicBool::new(false)).collect();
        let taken: Arc<[AtomicUsize]> = ports.iter().map(|_| AtomicUsize::new(0)).collect();
        for (which, port) in ports.iter().copied().enumerate() {
            let ready = ready.clone();
            std::thread::spawn(move || {
                loop {
                    ready[which].store(readiness(port) == Some(200), Ordering::SeqCst);
                    std::thread::sleep(LOOK_EVERY);
                }
            });
        }
        let proxy = Self {
            address,
            ready: ready.clone(),
            taken: taken.clone(),
        };
        std::thread::spawn(move || {
            let mut next = 0;
            for client in listener.incoming().map_while(Result::ok) {
                let Some(which) = (0..ports.len())
                    .map(|step| (next + step) % ports.len())
                    .find(|which| ready[*which].load(Ordering::SeqCst))
                else {
                    // Nobody is ready: the client hears nothing, which its test counts as a failure.
                    continue;
                };
                next = which + 1;
                let Ok(server) = TcpStream::connect(("127.0.0.1", ports[which])) else {
                    continue;
                };
                taken[which].fetch_add(1, Ordering::SeqCst);
                for (mut from, mut to) in [
                    (client.try_clone().unwrap(), server.try_clone().unwrap()),
                    (server, client),
                ] {
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
            }
        });
        proxy
    }

    fn is_ready(&self, which: usize) -> bool {
        self.ready[which].load(Ordering::SeqCst)
    }
}

/// What the clients met.
#[derive(Default)]
struct Met {
    shares: BTreeMap<String, String>,
    reads: usize,
    failures: Vec<String>,
}

fn clients(proxy: &Proxy, clinic: &Clinic, stop: &Arc<AtomicBool>, met: &Arc<Mutex<Met>>) -> Vec<JoinHandle<()>> {
    (0..SHARERS + READERS)
        .map(|client| {
            let (address, token) = (proxy.address.clone(), clinic.token.clone());
            let (version, team) = (clinic.signed.version_id, clinic.fixture.palliative_team);
            let (stop, met) = (stop.clone(), met.clone());
            std::thread::spawn(move || {
                let mut number = 0;
                while !stop.load(Ordering::SeqCst) {
                    number += 1;
                    let key = format!("rolling-{client}-{number}");
                    let outcome = match client < SHARERS {
                        true => post(&address, &token, &share(version, team, &key)),
                        false => post(&address, &token, &json!({"query": "{ board { edges { cursor } } }"})),
                    };
                    let mut met = met.lock().unwrap();
                    match outcome {
                        Err(why) => met.failures.push(format!("{key}: {why}")),
                        Ok(_) if client >= SHARERS => met.reads += 1,
                        Ok(answer) => match share_in(&answer) {
                            Some(id) => drop(met.shares.insert(key, id)),
                            None => met.failures.push(format!("{key}: {answer}")),
                        },
                    }
                    drop(met);
                    std::thread::sleep(Duration::from_millis(40));
                }
            })
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_restart_in_turn_and_no_request_fails() {
    let clinic = Clinic::new(Engine::Postgres).await;
    let (app, token) = (&clinic.app, clinic.token.clone());
    deploy(app, "[http]\ndrain_seconds = 2\n");

    let mut slots: Vec<Slot> = (0..3)
        .map(|_| {
            let port = free_port();
            Slot {
                child: start(app, port),
                port,
            }
        })
        .collect();
    let proxy = Proxy::start(slots.iter().map(|slot| slot.port).collect());
    for (which, slot) in slots.iter().enumerate() {
        until_ready(slot.port);
        while !proxy.is_ready(which) {
            std::thread::sleep(LOOK_EVERY);
        }
    }

    let (stop, met) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Met::default())));
    let running = clients(&proxy, &clinic, &stop, &met);
    std::thread::sleep(Duration::from_secs(1));

    for (which, slot) in slots.iter_mut().enumerate() {
        let asked = Instant::now();
        let sent = Command::new("kill")
            .args(["-TERM", &slot.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        // It is red, by its own word, while it still takes connections.
        while readiness(slot.port) == Some(200) {
            assert!(
                asked.elapsed() < Duration::from_secs(1),
                "SIGTERM did not make it unready"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(readiness(slot.port), Some(503), "it accepts while it drains");
        let red = asked.elapsed();
        let status = slot.child.wait().unwrap();
        let ended = asked.elapsed();
        assert!(status.success(), "{status}");
        assert!(
            ended >= Duration::from_secs(2) && ended < Duration::from_secs(15),
            "{ended:?}"
        );
        let before = proxy.taken[which].load(Ordering::SeqCst);
        slot.child = start(app, slot.port);
        until_ready(slot.port);
        let back = Instant::now();
        while proxy.taken[which].load(Ordering::SeqCst) <= before {
            assert!(
                back.elapsed() < Duration::from_secs(10),
                "the proxy does not use it again"
            );
            std::thread::sleep(LOOK_EVERY);
        }
        println!(
            "server {which}: red after {red:?}, ended after {ended:?}, back after {:?}",
            asked.elapsed()
        );
    }
    std::thread::sleep(Duration::from_secs(1));
    stop.store(true, Ordering::SeqCst);
    for client in running {
        client.join().unwrap();
    }
    let met = std::mem::take(&mut *met.lock().unwrap());
    println!(
        "{} shares, {} reads, {} failures",
        met.shares.len(),
        met.reads,
        met.failures.len()
    );
    assert!(met.failures.is_empty(), "{:#?}", met.failures);
    assert!(met.shares.len() > 20 && met.reads > 20, "there was no load");

    // Each answered share is there, once, and a repeat under its key is the same one.
    let ids: Vec<_> = met
        .shares
        .values()
        .map(|id| id.parse::<ShareId>().unwrap().uuid())
        .collect();
    let mut conn = app.service.store().read().await.unwrap();
    let there = shares::by_ids(&mut conn, &ids).await.unwrap();
    assert_eq!(there.len(), ids.len(), "a share that was answered is lost");
    drop(conn);
    let (key, id) = met.shares.iter().next_back().unwrap();
    let again = post(&proxy.address, &token, &clinic.share(key)).unwrap();
    assert_eq!(share_in(&again).as_ref(), Some(id));
}
