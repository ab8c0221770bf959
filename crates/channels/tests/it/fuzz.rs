//! What receivers answer, bent: HTTP servers and mail relays that speak garbage over real sockets. Each try ends in its time
//! with an outcome that fits what was said, reads no more than an answer needs, and writes nothing of it into the log. The
//! corpus stands beside this file.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use liaison_channels::{EmailChannel, SmtpConfig, SmtpTls};
use liaison_domain::EvidenceLevel;
use liaison_service::channel::{Channel, Outbound, Secret, SendOutcome, SendReport};
use liaison_testkit::fuzz;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::support::{TRANSIENT, clock, hook_to, mail_to, read_request, relay, webhooks};

/// Stands in the answers of the corpus; the log may not hold it.
const CANARY: &str = "Zqreply";
/// Between the answers of a relay: one of them follows each of our commands.
const NEXT: u8 = 0x1e;
/// How long a try may take.
const TIMEOUT: Duration = Duration::from_millis(400);
/// How long a relay waits for a command before it says the next thing all the same.
const TURN: Duration = Duration::from_millis(50);
/// What a try may take beyond that: an answer's body is waited for 2 s at most, and the machine may be busy.
const BEYOND: Duration = Duration::from_secs(5);

fn corpus(of: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/fuzz").join(of);
    fuzz::corpus(&folder)
}

/// The log of one thread, at every level of every crate.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn begin(&self) -> tracing::subscriber::DefaultGuard {
        let lines = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || lines.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    /// Looks through what was written since the last look.
    #[track_caller]
    fn is_dark(&self) -> usize {
        let lines = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8_lossy(&lines);
        assert!(!text.contains(CANARY), "the log holds a receiver's words: {text}");
        text.lines().count()
    }
}

/// What every report must keep to, whatever was said.
#[track_caller]
fn fits(message: &Outbound, report: &SendReport, took: Duration) {
    assert!(took < message.timeout + BEYOND, "{took:?}: {report:?}");
    assert!(report.artefact.chars().count() <= 1_000, "{report:?}");
    assert!(!report.artefact.chars().any(char::is_control), "{report:?}");
    let status = report.status;
    let fits = match report.outcome {
        SendOutcome::Delivered(_) => matches!(status, Some(200..=299)),
        SendOutcome::Unknown => status.is_none(),
        SendOutcome::Permanent { endpoint_gone } => status.is_some() && (!endpoint_gone || status == Some(410)),
        SendOutcome::Transient { .. } => !matches!(status, Some(200..=399)),
    };
    assert!(fits, "{report:?}");
}

#[tokio::test]
async fn bent_answers_of_webhooks_have_an_outcome() {
    let log = Log::default();
    let _guard = log.begin();
    let channel = webhooks();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut message = hook_to(&format!("http://{}/hook", listener.local_addr().unwrap()));
    message.timeout = TIMEOUT;
    let (mut turn, mut logged, mut delivered) = (0_usize, 0, 0);
    fuzz::fuzz_bytes("webhooks", &corpus("http"), 400, async |input| {
        turn += 1;
        // In pieces of a few bytes or all at once; one connection in sixteen stays open until the client leaves.
        let (piece, stays) = ([1, 7, 1_024, usize::MAX][turn % 4], turn % 16 == 3);
        let answers = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            say(&mut stream, input, piece).await;
            if !stays {
                let _ = stream.shutdown().await;
            }
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        };
        let begun = Instant::now();
        let (report, ()) = tokio::join!(channel.send(&message), answers);
        fits(&message, &report, begun.elapsed());
        // The request left, whatever came back: "not sent" would be a claim that nobody can make.
        assert!(
            report.status.is_some() || report.outcome == SendOutcome::Unknown,
            "{report:?}"
        );
        let said = String::from_utf8_lossy(&input[..input.len().min(100_000)]);
        if let Some(status) = report.status {
            assert!(said.contains(&status.to_string()), "{report:?}");
        }
        delivered += usize::from(matches!(
            report.outcome,
            SendOutcome::Delivered(EvidenceLevel::Received)
        ));
        logged += log.is_dark();
    })
    .await;
    assert!(delivered > 0 && logged > 0, "{delivered} delivered, {logged} lines");
}

/// Writes a text in pieces of a size, of which the first few leave by themselves.
async fn say(stream: &mut TcpStream, text: &[u8], piece: usize) {
    let _ = stream.set_nodelay(true);
    let mut pieces = text.chunks(piece);
    for piece in pieces.by_ref().take(40) {
        if stream.write_all(piece).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    let rest: Vec<u8> = pieces.flatten().copied().collect();
    let _ = stream.write_all(&rest).await;
}

/// A relay that gives one answer after another, each behind a command of the client's, and then ends.
async fn answer_by_script(listener: &TcpListener, script: &[u8], piece: usize) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    let mut content = false;
    for answer in script.split(|byte| *byte == NEXT) {
        say(stream.get_mut(), answer, piece).await;
        loop {
            let mut line = Vec::new();
            let command = stream.read_until(b'\n', &mut line);
            match tokio::time::timeout(TURN, command).await {
                Ok(Ok(1..)) => {}
                Ok(_) => return,
                // A relay that speaks out of turn.
                Err(_) => break,
            }
            if content && line == b".\r\n" {
                content = false;
                break;
            }
            if !content {
                content = line.eq_ignore_ascii_case(b"DATA\r\n");
                break;
            }
        }
    }
    let _ = stream.get_mut().shutdown().await;
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
}

#[tokio::test]
async fn bent_answers_of_relays_have_an_outcome() {
    let log = Log::default();
    let _guard = log.begin();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut message = mail_to("team@onc.example");
    message.timeout = TIMEOUT;
    let (mut turn, mut logged, mut delivered) = (0_usize, 0, 0);
    fuzz::fuzz_bytes("relays", &corpus("smtp"), 400, async |input| {
        turn += 1;
        let piece = [1, 7, 1_024, usize::MAX][turn % 4];
        let mut config = relay(address);
        if turn % 3 == 0 {
            config.username = Some("liaison".to_owned());
            config.password = Some(Secret::new("s3cret"));
        }
        if turn % 5 == 0 {
            config.tls = [
                SmtpTls::StartTlsRequired,
                SmtpTls::StartTlsOpportunistic,
                SmtpTls::Implicit,
            ][turn % 3];
        }
        let channel = EmailChannel::new(&config, clock()).unwrap();
        let begun = Instant::now();
        let report = tokio::select! {
            report = channel.send(&message) => report,
            () = async {
                answer_by_script(&listener, input, piece).await;
                std::future::pending().await
            } => unreachable!("a relay has no last word"),
        };
        fits(&message, &report, begun.elapsed());
        if matches!(report.outcome, SendOutcome::Permanent { .. }) {
            assert!(matches!(report.status, Some(500..=599)), "{report:?}");
        }
        delivered += usize::from(matches!(
            report.outcome,
            SendOutcome::Delivered(EvidenceLevel::Accepted)
        ));
        logged += log.is_dark();
    })
    .await;
    assert!(delivered > 0 && logged > 0, "{delivered} delivered, {logged} lines");
}

/// Sends one mail to a relay that says `first`, and then `rest` for as long as somebody takes it; what was taken of it.
async fn without_end(
    first: &'static [u8],
    rest: &'static [u8],
    config: impl FnOnce(SmtpConfig) -> SmtpConfig,
) -> (SendReport, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = config(relay(listener.local_addr().unwrap()));
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let says = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut answers = first.split(|byte| *byte == NEXT).filter(|answer| !answer.is_empty());
        for answer in answers.by_ref() {
            stream.get_mut().write_all(answer).await.unwrap();
            stream.read_until(b'\n', &mut Vec::new()).await.unwrap();
        }
        let block = rest.repeat(65_536 / rest.len());
        while stream.get_mut().write_all(&block).await.is_ok() {
            counter.fetch_add(block.len(), Ordering::SeqCst);
        }
    });
    let channel = EmailChannel::new(&config, clock()).unwrap();
    let mut message = mail_to("team@onc.example");
    message.timeout = Duration::from_secs(4);
    let begun = Instant::now();
    let report = channel.send(&message).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    drop(channel);
    says.await.unwrap();
    (report, taken.load(Ordering::SeqCst))
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_read_on() {
    let session: &[u8] = b"220 relay\r\n";
    let greeted: &[u8] = b"220 relay\r\n\x1e250 relay\r\n";
    for (first, rest) in [
        // A line that never ends, as greeting and as an answer; and lines of which none is the last.
        (&b""[..], &b"2"[..]),
        (session, b"250-x"),
        (session, b"250-x\r\n"),
        (greeted, b"5"),
        (greeted, b"\0"),
    ] {
        let (report, taken) = without_end(first, rest, |config| config).await;
        assert_eq!(
            (&report.outcome, report.status),
            (&TRANSIENT, None),
            "{}",
            report.artefact
        );
        // What the kernel's buffers took beside.
        assert!(taken < 20_000_000, "{taken} bytes were taken");
    }
    let tls = |tls| move |config| SmtpConfig { tls, ..config };
    let starts: &[u8] = b"220 relay\r\n\x1e250-relay\r\n250 STARTTLS\r\n\x1e220 go\r\n";
    for (first, rest, kind) in [
        (starts, &b"\x16\x03\x03\x40\x00\x02"[..], SmtpTls::StartTlsRequired),
        (b"", b"\x17", SmtpTls::Implicit),
    ] {
        let (report, taken) = without_end(first, rest, tls(kind)).await;
        assert_eq!(
            (&report.outcome, report.status),
            (&TRANSIENT, None),
            "{}",
            report.artefact
        );
        assert!(taken < 20_000_000, "{taken} bytes were taken");
    }
}

/// CVE-2011-0411 from the client's side: whoever stands between writes answers into the last plain packet, and they would
/// count as the relay's, said over TLS.
#[tokio::test]
async fn what_was_said_before_tls_is_no_answer_within_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = SmtpConfig {
        tls: SmtpTls::StartTlsRequired,
        ..relay(listener.local_addr().unwrap())
    };
    let script = b"220 relay\r\n\x1e250-relay\r\n250 STARTTLS\r\n\x1e220 go\r\n250 evil\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n";
    let channel = EmailChannel::new(&config, clock()).unwrap();
    let message = mail_to("team@onc.example");
    let (report, ()) = tokio::join!(channel.send(&message), answer_by_script(&listener, script, usize::MAX));
    assert_eq!(
        (&report.outcome, report.status),
        (&TRANSIENT, None),
        "{}",
        report.artefact
    );
    // TLS itself read it, and found no TLS.
    assert!(report.artefact.contains("corrupt message"), "{}", report.artefact);
}
