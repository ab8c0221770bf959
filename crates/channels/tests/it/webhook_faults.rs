//! Each way in which a receiver fails, misbehaves or lures, and what is reported.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use liaison_channels::{AddressPolicy, WebhookChannel, WebhookConfig, sinks::WebhookReply};
use liaison_domain::EvidenceLevel;
use liaison_service::channel::{Channel, SendOutcome};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::{PERMANENT, TRANSIENT, Turning, clock, hook_sink, hook_to, local, raw_answer, raw_http, webhooks};

const RECEIVED: SendOutcome = SendOutcome::Delivered(EvidenceLevel::Received);

#[tokio::test]
async fn every_status_is_classified() {
    let sink = hook_sink().await;
    let later = |seconds| SendOutcome::Transient {
        retry_after: Some(Duration::from_secs(seconds)),
    };
    let gone = SendOutcome::Permanent { endpoint_gone: true };
    let reply = WebhookReply::status;
    for (reply, outcome) in [
        (reply(200).body("{\"error\":\"but fine\"}"), RECEIVED),
        (reply(202), RECEIVED),
        (reply(301).header("location", "https://onc.example/new"), PERMANENT),
        (reply(304), PERMANENT),
        (reply(400), PERMANENT),
        (reply(401), PERMANENT),
        (reply(404), PERMANENT),
        (reply(408), TRANSIENT),
        (reply(410), gone),
        (reply(422), PERMANENT),
        (reply(429).header("retry-after", "120"), later(120)),
        (
            reply(429).header("retry-after", "Wed, 04 Mar 2026 12:10:00 GMT"),
            later(600),
        ),
        (
            reply(429).header("retry-after", "Wed, 04 Mar 2026 11:00:00 GMT"),
            later(0),
        ),
        (reply(429).header("retry-after", "whenever"), TRANSIENT),
        (reply(500), TRANSIENT),
        (reply(501), TRANSIENT),
        (reply(502), TRANSIENT),
        (reply(503).header("retry-after", "5").body("down"), later(5)),
        (reply(504), TRANSIENT),
    ] {
        sink.script([Some(reply.clone())]);
        let report = webhooks().send(&hook_to(&sink.url("/hook"))).await;
        assert_eq!(
            (&report.outcome, report.status),
            (&outcome, Some(reply.status)),
            "{reply:?}"
        );
        assert!(
            report.artefact.starts_with(&format!("HTTP {}", reply.status)),
            "{}",
            report.artefact
        );
        assert!(report.artefact.ends_with(&reply.body), "{}", report.artefact);
    }
}

#[tokio::test]
async fn after_the_request_left_silence_is_unknown() {
    let sink = hook_sink().await;
    let mut message = hook_to(&sink.url("/hook"));
    message.timeout = Duration::from_millis(800);
    sink.script([
        Some(WebhookReply::status(200).delayed(Duration::from_secs(30))),
        Some(WebhookReply::close()),
    ]);
    let begun = Instant::now();
    let report = webhooks().send(&message).await;
    assert_eq!((report.outcome, report.status), (SendOutcome::Unknown, None));
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert_eq!(report.artefact, "no answer in time after the request left");

    message.timeout = Duration::from_secs(5);
    let report = webhooks().send(&message).await;
    assert_eq!(report.outcome, SendOutcome::Unknown, "{}", report.artefact);
    assert!(
        report.artefact.starts_with("connection lost after the request left"),
        "{}",
        report.artefact
    );
    // Both had arrived: "unknown" was the truth.
    assert_eq!(sink.events().len(), 2);
    tokio::time::timeout(Duration::from_secs(5), sink.shutdown())
        .await
        .unwrap();
}

#[tokio::test]
async fn before_the_request_left_it_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let report = webhooks().send(&hook_to(&format!("http://{address}/"))).await;
    assert_eq!(report.outcome, TRANSIENT);
    assert!(report.artefact.contains("refused"), "{}", report.artefact);
    // The path of an endpoint can hold a token of the receiver's.
    assert!(!report.artefact.contains("http://"), "{}", report.artefact);

    let report = webhooks().send(&hook_to("https://no-such-host.invalid/hook")).await;
    assert_eq!(report.outcome, TRANSIENT);

    // Accepts, and never speaks TLS.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut message = hook_to(&format!("https://{}/", listener.local_addr().unwrap()));
    message.timeout = Duration::from_millis(300);
    let report = webhooks().send(&message).await;
    assert_eq!(
        (report.outcome, report.artefact.as_str()),
        (TRANSIENT, "no connection in time")
    );
}

#[tokio::test]
async fn answers_that_are_no_http_or_too_much_are_unknown() {
    let many = "x-filler: 1\r\n".repeat(200);
    let huge = format!("x-filler: {}\r\n", "a".repeat(1_000_000));
    let answers = [
        "SSH-2.0-OpenSSH_9.6\r\n".to_owned(),
        String::new(),
        "HTTP/1.1 20".to_owned(),
        format!("HTTP/1.1 200 OK\r\n{many}content-length: 0\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\n{huge}content-length: 0\r\n\r\n"),
    ];
    for answer in answers {
        let shown: String = answer.chars().take(40).collect();
        let url = raw_http(move |mut stream| async move {
            let _ = stream.write_all(answer.as_bytes()).await;
        })
        .await;
        let report = webhooks().send(&hook_to(&url)).await;
        assert_eq!(report.outcome, SendOutcome::Unknown, "{shown:?}: {}", report.artefact);
    }
}

#[tokio::test]
async fn a_status_stands_however_its_body_ends() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ] {
        let report = webhooks().send(&hook_to(&raw_answer(answer).await)).await;
        assert_eq!(
            (report.outcome, report.status),
            (RECEIVED, Some(200)),
            "{answer:?}: {}",
            report.artefact
        );
    }
}

#[tokio::test]
async fn a_slow_drip_holds_no_worker() {
    let url = raw_http(|mut stream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 503 Down\r\ncontent-length: 1000\r\n\r\n")
            .await;
        while stream.write_all(b"z").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let mut message = hook_to(&url);
    message.timeout = Duration::from_secs(30);
    let begun = Instant::now();
    let report = webhooks().send(&message).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!((report.outcome, report.status), (TRANSIENT, Some(503)));
    assert!(report.artefact.starts_with("HTTP 503 zz"), "{}", report.artefact);

    // The head itself drips: nothing is known by the end.
    let url = raw_http(|mut stream| async move {
        for byte in b"HTTP/1.1 200 OK\r\n".iter().cycle() {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let mut message = hook_to(&url);
    message.timeout = Duration::from_millis(800);
    assert_eq!(webhooks().send(&message).await.outcome, SendOutcome::Unknown);
}

#[tokio::test]
async fn a_huge_body_is_not_read() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let url = raw_http(move |mut stream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 500 Oops\r\ncontent-length: 10000000000\r\n\r\n")
            .await;
        let block = vec![b'y'; 65_536];
        while stream.write_all(&block).await.is_ok() {
            counter.fetch_add(block.len(), Ordering::SeqCst);
        }
    })
    .await;
    let begun = Instant::now();
    let report = webhooks().send(&hook_to(&url)).await;
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert_eq!((report.outcome, report.status), (TRANSIENT, Some(500)));
    assert_eq!(report.artefact.chars().count(), 1_000);
    // What the kernel's buffers took, not 10 GB.
    assert!(sent.load(Ordering::SeqCst) < 50_000_000, "{sent:?}");
}

#[tokio::test]
async fn an_answer_cannot_dress_up_the_log() {
    let url = raw_answer(
        "HTTP/1.1 400 Bad\r\ncontent-length: 34\r\n\r\n\x1b[2J\r\nERROR\t\u{202e}x\0\x07 <script>y\u{feff}\r\n",
    )
    .await;
    let report = webhooks().send(&hook_to(&url)).await;
    assert_eq!(report.artefact, "HTTP 400 [2J ERROR x <script>y");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = hook_sink().await;
    for location in [
        target.url("/hook"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let sink = hook_sink().await;
        sink.script([Some(WebhookReply::status(307).header("location", &location))]);
        let report = webhooks().send(&hook_to(&sink.url("/hook"))).await;
        assert_eq!((report.outcome, report.status), (PERMANENT, Some(307)));
        assert_eq!(report.artefact, format!("HTTP 307 redirect to {location} not followed"));
        assert_eq!(sink.events().len(), 1);
    }
    assert!(target.events().is_empty() && target.refused().is_empty());
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_after_resolution() {
    let sink = hook_sink().await;
    let url = format!("http://hooks.onc.example:{}/hook", sink.address().port());
    let closed = WebhookConfig {
        addresses: AddressPolicy {
            allow: Vec::new(),
            allow_http: true,
        },
        ..WebhookConfig::default()
    };
    for inside in [
        &["127.0.0.1"][..],
        &["169.254.169.254"],
        &["::ffff:127.0.0.1"],
        &["fd00::1", "10.0.0.1"],
    ] {
        let channel = WebhookChannel::with_lookup(&closed, clock(), Turning::of(&[inside])).unwrap();
        let report = channel.send(&hook_to(&url)).await;
        assert_eq!(report.outcome, PERMANENT, "{}", report.artefact);
        assert!(
            report.artefact.starts_with(&format!(
                "hooks.onc.example resolves to {}, which may not be called",
                inside[0]
            )),
            "{}",
            report.artefact
        );
    }
    // The system's own resolver is judged too.
    let channel = WebhookChannel::new(&closed, clock()).unwrap();
    let report = channel
        .send(&hook_to(&format!("http://localhost:{}/hook", sink.address().port())))
        .await;
    assert_eq!(report.outcome, PERMANENT, "{}", report.artefact);
    assert!(report.artefact.contains("loopback"), "{}", report.artefact);
    let report = channel.send(&hook_to(&sink.url("/hook"))).await;
    assert!(
        report.artefact.contains("may not be called: loopback"),
        "{}",
        report.artefact
    );
    assert!(sink.events().is_empty() && sink.refused().is_empty());
}

#[tokio::test]
async fn a_name_that_turns_inside_later_is_refused_then() {
    let sink = hook_sink().await;
    let url = format!("http://hooks.onc.example:{}/hook", sink.address().port());
    let lookup = Turning::of(&[&["127.0.0.1"], &["10.0.0.1"], &[], &["10.0.0.1", "127.0.0.1"]]);
    let channel = WebhookChannel::with_lookup(&local(), clock(), lookup).unwrap();
    assert_eq!(channel.send(&hook_to(&url)).await.outcome, RECEIVED);
    assert_eq!(channel.send(&hook_to(&url)).await.outcome, PERMANENT);
    // No address at all is a matter of the name service, and may pass.
    assert_eq!(channel.send(&hook_to(&url)).await.outcome, TRANSIENT);
    // Among several, only the allowed are tried.
    assert_eq!(channel.send(&hook_to(&url)).await.outcome, RECEIVED);
    assert_eq!(sink.events().len(), 2);
}

#[tokio::test]
async fn plain_http_needs_leave() {
    let sink = hook_sink().await;
    let mut config = local();
    config.addresses.allow_http = false;
    let report = WebhookChannel::new(&config, clock())
        .unwrap()
        .send(&hook_to(&sink.url("/hook")))
        .await;
    assert_eq!(report.outcome, PERMANENT);
    assert!(report.artefact.contains("use https"), "{}", report.artefact);
}

#[tokio::test]
async fn a_reset_before_the_answer_is_unknown() {
    let url = raw_http(|mut stream| async move {
        let _ = stream.read(&mut [0; 0]).await;
        // Dropping with unread data pending makes the kernel send a reset.
        drop(stream);
    })
    .await;
    let report = webhooks().send(&hook_to(&url)).await;
    assert_eq!(report.outcome, SendOutcome::Unknown, "{}", report.artefact);
}
