//! What a mail looks like when it arrives, and what is refused before it leaves.

use std::time::Duration;

use liaison_channels::{
    EmailChannel, SmtpConfigError, SmtpTls,
    sinks::{SmtpSink, SmtpSinkOptions},
};
use liaison_domain::EvidenceLevel;
use liaison_service::channel::{Channel, OutboundBody, Secret, SendOutcome};

use crate::support::{PERMANENT, TRANSIENT, clock, email, hook_to, mail_to, relay};

#[tokio::test]
async fn a_mail_arrives_as_written() {
    let sink = SmtpSink::start(SmtpSinkOptions::default()).await.unwrap();
    let report = email(&sink).send(&mail_to("team@onc.example")).await;
    assert_eq!(report.outcome, SendOutcome::Delivered(EvidenceLevel::Accepted));
    assert_eq!(report.status, Some(250));
    insta::assert_snapshot!("mail_accepted_artefact", report.artefact);

    let mail = &sink.mails()[0];
    assert_eq!(
        (mail.mail_from.as_str(), mail.rcpt_to.as_slice()),
        ("notices@clinic.example", &["team@onc.example".to_owned()][..])
    );
    let OutboundBody::Email(body) = mail_to("team@onc.example").body else {
        unreachable!("a mail")
    };
    assert_eq!(
        (&mail.text, &mail.html, &mail.subject),
        (&body.text, &body.html, &body.subject)
    );
    insta::assert_snapshot!("mail", mail.raw.replace("\r\n", "\n"));
}

#[tokio::test]
async fn an_urgent_mail_bears_priority_and_an_umlaut_survives_in_the_subject() {
    let sink = SmtpSink::start(SmtpSinkOptions::default()).await.unwrap();
    let mut message = mail_to("team@onc.example");
    let OutboundBody::Email(body) = &mut message.body else {
        unreachable!("a mail")
    };
    body.high_priority = true;
    body.subject =
        "Dringend: eine Nachricht für Ihr Team wartet, bitte öffnen Sie sie noch heute vor achtzehn Uhr".to_owned();
    let subject = body.subject.clone();
    email(&sink).send(&message).await;
    let mail = &sink.mails()[0];
    assert_eq!(mail.subject, subject);
    assert_eq!(mail.header("X-Priority"), Some("1 (Highest)"));
    assert_eq!(mail.header("importance"), Some("high"));
    assert_eq!(mail.header("Priority"), Some("urgent"));
    assert!(mail.raw.lines().all(|line| line.is_ascii() && line.len() <= 998));
}

#[tokio::test]
async fn a_repeat_is_the_same_mail_but_for_its_date() {
    let folder = tempfile::tempdir().unwrap();
    let options = SmtpSinkOptions {
        folder: Some(folder.path().to_owned()),
        ..SmtpSinkOptions::default()
    };
    let sink = SmtpSink::start(options).await.unwrap();
    let clock = clock();
    let channel = EmailChannel::new(&relay(sink.address()), clock.clone()).unwrap();
    for attempt in 1..=2 {
        let mut message = mail_to("team@onc.example");
        message.attempt = attempt;
        channel.send(&message).await;
        clock.advance(chrono::TimeDelta::minutes(5));
    }
    assert!(sink.wait_for(2, Duration::from_secs(1)).await);
    let mails = sink.mails();
    assert_eq!(sink.distinct(), 1);
    assert_eq!(mails[0].message_id, "dlv_01h455vb4pex5vsknk084sn02q@clinic.example");
    assert_ne!(mails[0].raw, mails[1].raw);
    let undated = |raw: &str| {
        raw.lines()
            .filter(|line| !line.starts_with("Date:"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(undated(&mails[0].raw), undated(&mails[1].raw));
    let written =
        std::fs::read_to_string(folder.path().join("dlv_01h455vb4pex5vsknk084sn02q@clinic.example.eml")).unwrap();
    assert_eq!(written, mails[0].raw);
    // One connection serves both.
    assert_eq!(sink.connections(), 1);
}

#[tokio::test]
async fn many_at_once_stay_within_the_pool() {
    let sink = SmtpSink::start(SmtpSinkOptions::default()).await.unwrap();
    let mut config = relay(sink.address());
    config.pool_size = 2;
    let channel = std::sync::Arc::new(EmailChannel::new(&config, clock()).unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..12 {
        let channel = std::sync::Arc::clone(&channel);
        tasks.spawn(async move {
            let mut message = mail_to("team@onc.example");
            message.message_id = format!("m{number}");
            channel.send(&message).await.outcome
        });
    }
    let outcomes = tasks.join_all().await;
    assert!(
        outcomes
            .iter()
            .all(|outcome| *outcome == SendOutcome::Delivered(EvidenceLevel::Accepted))
    );
    assert_eq!(sink.distinct(), 12);
    assert!(sink.connections() <= 2, "{} connections", sink.connections());
    channel.close().await;
    assert_eq!(channel.send(&mail_to("team@onc.example")).await.outcome, TRANSIENT);
    sink.shutdown().await;
}

#[tokio::test]
async fn nothing_can_be_smuggled_into_headers_or_commands() {
    let sink = SmtpSink::start(SmtpSinkOptions::default()).await.unwrap();
    let channel = email(&sink);
    for address in [
        "a@onc.example\r\nRCPT TO:<evil@example.org>",
        "a@onc.example\nBcc: evil@example.org",
        "a@onc.example> SIZE=1",
        "a b@onc.example",
        "a@onc.example, b@onc.example",
        "Name <a@onc.example>",
        "no-at-sign",
        "@onc.example",
        "",
        "ä@onc.example",
        "a@onc.example\0",
    ] {
        let report = channel.send(&mail_to(address)).await;
        assert_eq!(
            (report.outcome, report.status),
            (PERMANENT, None),
            "{address:?}: {}",
            report.artefact
        );
        assert!(report.artefact.contains("address"), "{}", report.artefact);
    }
    for subject in ["a\r\nBcc: evil@example.org", "a\nb", "a\0b"] {
        let mut message = mail_to("team@onc.example");
        let OutboundBody::Email(body) = &mut message.body else {
            unreachable!("a mail")
        };
        subject.clone_into(&mut body.subject);
        let report = channel.send(&message).await;
        assert_eq!(report.outcome, PERMANENT);
        assert!(report.artefact.contains("subject"), "{}", report.artefact);
    }
    for id in ["", "a>\r\nBcc: x@y.example", "a@b", "a b", ".a"] {
        let mut message = mail_to("team@onc.example");
        id.clone_into(&mut message.message_id);
        let report = channel.send(&message).await;
        assert_eq!(report.outcome, PERMANENT);
        assert!(report.artefact.contains("message id"), "{}", report.artefact);
    }
    assert_eq!(channel.send(&hook_to("https://onc.example/")).await.outcome, PERMANENT);
    assert_eq!(sink.connections(), 0);
}

#[tokio::test]
async fn a_relay_that_asks_for_a_password_gets_it() {
    let options = SmtpSinkOptions {
        credentials: Some(("liaison".to_owned(), "s3cret".to_owned())),
        ..SmtpSinkOptions::default()
    };
    let sink = SmtpSink::start(options).await.unwrap();
    let mut config = relay(sink.address());
    let without = EmailChannel::new(&config, clock())
        .unwrap()
        .send(&mail_to("team@onc.example"))
        .await;
    assert_eq!((without.outcome, without.status), (PERMANENT, Some(530)));

    config.username = Some("liaison".to_owned());
    config.password = Some(Secret::new("wrong"));
    let wrong = EmailChannel::new(&config, clock())
        .unwrap()
        .send(&mail_to("team@onc.example"))
        .await;
    // Our own settings are at fault, so the mail waits for them to be mended.
    assert_eq!((wrong.outcome, wrong.status), (TRANSIENT, Some(535)));
    assert!(!wrong.artefact.contains("wrong"));

    config.password = Some(Secret::new("s3cret"));
    let right = EmailChannel::new(&config, clock())
        .unwrap()
        .send(&mail_to("team@onc.example"))
        .await;
    assert_eq!(right.outcome, SendOutcome::Delivered(EvidenceLevel::Accepted));
}

#[tokio::test]
async fn wrong_settings_are_named() {
    let sink = SmtpSink::start(SmtpSinkOptions::default()).await.unwrap();
    let good = relay(sink.address());
    let problem = |change: &dyn Fn(&mut liaison_channels::SmtpConfig)| {
        let mut config = good.clone();
        change(&mut config);
        EmailChannel::new(&config, clock())
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    assert_eq!(problem(&|_| {}), "");
    let problems = [
        problem(&|c| c.host = String::new()),
        problem(&|c| c.host = "two words".to_owned()),
        problem(&|c| c.port = 0),
        problem(&|c| c.username = Some("u".to_owned())),
        problem(&|c| {
            c.host = "mail.example".to_owned();
            c.tls = SmtpTls::StartTlsOpportunistic;
            c.username = Some("u".to_owned());
            c.password = Some(Secret::new("hunter2"));
        }),
        problem(&|c| c.from_address = "nobody".to_owned()),
        problem(&|c| c.from_name = Some("a\r\nBcc: b@c.example".to_owned())),
        problem(&|c| c.message_id_domain = "clinic example".to_owned()),
        problem(&|c| c.helo_name = "-x".to_owned()),
        problem(&|c| c.command_timeout = Duration::ZERO),
        problem(&|c| c.pool_size = 0),
        problem(&|c| c.extra_root_pem = Some("no pem".to_owned())),
    ];
    insta::assert_snapshot!(problems.join("\n"));
    assert!(matches!(
        EmailChannel::new(
            &{
                let mut c = good.clone();
                c.pool_size = 101;
                c
            },
            clock()
        ),
        Err(SmtpConfigError::PoolSize(101))
    ));
}
