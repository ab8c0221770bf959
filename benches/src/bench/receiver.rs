//! A receiver of webhooks that notes when each came, and can hang. It checks no signature: `chaos` and the tests do.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

/// One host's receiver.
#[derive(Clone)]
pub(super) struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<HashMap<String, Seen>>,
    count: AtomicU64,
    hangs: AtomicBool,
}

enum Seen {
    At(Instant),
    Awaited(oneshot::Sender<Instant>),
}

impl Receiver {
    /// Listens on 127.0.0.`host`.
    pub(super) async fn start(host: u8) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, host), 0))
            .await
            .context("a receiver cannot listen")?;
        let receiver = Self {
            address: listener.local_addr()?,
            shared: Arc::default(),
        };
        let shared = receiver.shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                tokio::spawn(async move { serve(stream, &shared).await.ok() });
            }
        });
        Ok(receiver)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/liaison", self.address)
    }

    /// From now on it takes calls and answers none; or answers again.
    pub(super) fn hang(&self, hangs: bool) {
        self.shared.hangs.store(hangs, Ordering::SeqCst);
    }

    /// How many calls it has answered.
    pub(super) fn count(&self) -> u64 {
        self.shared.count.load(Ordering::Relaxed)
    }

    /// When the webhook about a loop came; waits for it for at most 30 s.
    pub(super) async fn came(&self, recipient: &str) -> Result<Instant> {
        let awaited = {
            let mut seen = self.shared.seen();
            match seen.remove(recipient) {
                Some(Seen::At(at)) => return Ok(at),
                Some(Seen::Awaited(_)) | None => {
                    let (sender, receiver) = oneshot::channel();
                    seen.insert(recipient.to_owned(), Seen::Awaited(sender));
                    receiver
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), awaited)
            .await
            .context("no webhook came within 30 s")?
            .context("the receiver is gone")
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, recipient: &str) {
        let now = Instant::now();
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut seen = self.seen();
        match seen.remove(recipient) {
            Some(Seen::Awaited(sender)) => drop(sender.send(now)),
            // The first time counts.
            Some(Seen::At(at)) => drop(seen.insert(recipient.to_owned(), Seen::At(at))),
            None => drop(seen.insert(recipient.to_owned(), Seen::At(now))),
        }
    }
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

async fn serve(mut stream: TcpStream, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut held: Vec<u8> = Vec::new();
    let mut buffer = vec![0; 8_192];
    loop {
        while let Some((body, whole)) = request(&held) {
            let text = String::from_utf8_lossy(&held[body..whole]).into_owned();
            if shared.hangs.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_secs(60)).await;
                return Ok(());
            }
            if let Some(recipient) = field(&text, "\"recipient_id\":\"") {
                shared.note(recipient);
            }
            stream.write_all(ANSWER).await?;
            held.drain(..whole);
        }
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        held.extend_from_slice(&buffer[..read]);
    }
}

/// Where a whole request's body begins and ends.
fn request(held: &[u8]) -> Option<(usize, usize)> {
    let body = held.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&held[..body]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"))?;
    let whole = body + length.trim().parse::<usize>().ok()?;
    (held.len() >= whole).then_some((body, whole))
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let from = text.find(name)? + name.len();
    let length = text[from..].find('"')?;
    Some(&text[from..from + length])
}
