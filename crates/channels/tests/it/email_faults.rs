//! Each way in which a relay fails, and what is reported: never "failed" where the mail may have arrived.

use std::time::{Duration, Instant};

use liaison_channels::{
    EmailChannel, SmtpTls,
    sinks::{
        SmtpFault::{self, Close, Hang, Reply},
        SmtpSink, SmtpSinkOptions,
        SmtpStage::{AfterDot, Banner, Data, Ehlo, Mail, MidContent, Rcpt},
    },
};
use liaison_domain::EvidenceLevel;
use liaison_service::channel::{Channel, SendOutcome};
use tokio::net::TcpListener;

use crate::support::{PERMANENT, TRANSIENT, clock, email, mail_to, relay};

#[tokio::test]
async fn every_fault_is_classified_and_the_next_mail_passes() {
    let sink = SmtpSink::start(SmtpSinkOptions::default()).await.unwrap();
    let channel = email(&sink);
    let mut table = String::new();
    let faults: &[(SmtpFault, SendOutcome, Option<u16>)] = &[
        // The relay as such is out of order: that says nothing about the mail.
        (Reply(Banner, "554 5.3.2 no service".to_owned()), TRANSIENT, Some(554)),
        (Reply(Banner, "421 4.3.2 busy".to_owned()), TRANSIENT, Some(421)),
        (Close(Banner), TRANSIENT, None),
        (Hang(Banner), TRANSIENT, None),
        (Reply(Ehlo, "550 5.7.1 who are you".to_owned()), TRANSIENT, Some(550)),
        (Close(Ehlo), TRANSIENT, None),
        (Reply(Mail, "451 4.3.0 try again".to_owned()), TRANSIENT, Some(451)),
        (Reply(Mail, "550 5.7.1 sender refused".to_owned()), PERMANENT, Some(550)),
        (Hang(Mail), TRANSIENT, None),
        (Reply(Rcpt, "450 4.2.1 mailbox busy".to_owned()), TRANSIENT, Some(450)),
        (
            Reply(Rcpt, "550-5.1.1 no such\r\n550 5.1.1 person here".to_owned()),
            PERMANENT,
            Some(550),
        ),
        (Close(Rcpt), TRANSIENT, None),
        (Reply(Data, "452 4.3.1 no space".to_owned()), TRANSIENT, Some(452)),
        (
            Reply(Data, "554 5.5.1 no valid recipients".to_owned()),
            PERMANENT,
            Some(554),
        ),
        (Reply(Data, "250 2.0.0 what".to_owned()), TRANSIENT, None),
        (Hang(Data), TRANSIENT, None),
        // From here on the content may have arrived.
        (Close(MidContent), SendOutcome::Unknown, None),
        (Hang(MidContent), SendOutcome::Unknown, None),
        (Reply(AfterDot, "451 4.7.1 greylisted".to_owned()), TRANSIENT, Some(451)),
        (
            Reply(AfterDot, "554 5.7.1 content refused".to_owned()),
            PERMANENT,
            Some(554),
        ),
        (Reply(AfterDot, "421 4.3.2 going down".to_owned()), TRANSIENT, Some(421)),
        (Reply(AfterDot, "354 go on".to_owned()), SendOutcome::Unknown, None),
        (Reply(AfterDot, "nonsense".to_owned()), SendOutcome::Unknown, None),
        (Close(AfterDot), SendOutcome::Unknown, None),
        (Hang(AfterDot), SendOutcome::Unknown, None),
    ];
    for (number, (fault, outcome, status)) in faults.iter().enumerate() {
        // A fresh channel for faults at the connection's begin.
        let fresh = email(&sink);
        let chosen = if matches!(fault, Reply(Banner | Ehlo, _) | Close(Banner | Ehlo) | Hang(Banner)) {
            &fresh
        } else {
            &channel
        };
        sink.script([Some(fault.clone())]);
        let mut message = mail_to("team@onc.example");
        message.message_id = format!("fault{number}");
        if matches!(fault, Hang(_)) {
            message.timeout = Duration::from_millis(600);
        }
        let begun = Instant::now();
        let report = chosen.send(&message).await;
        assert!(
            begun.elapsed() < Duration::from_secs(4),
            "{fault:?} took {:?}",
            begun.elapsed()
        );
        assert_eq!(
            (&report.outcome, &report.status),
            (outcome, status),
            "{fault:?}: {}",
            report.artefact
        );
        table.push_str(&format!("{fault:?} -> {:?} | {}\n", report.outcome, report.artefact));

        message.message_id = format!("after{number}");
        message.timeout = Duration::from_secs(5);
        let next = channel.send(&message).await;
        assert_eq!(
            next.outcome,
            SendOutcome::Delivered(EvidenceLevel::Accepted),
            "after {fault:?}: {}",
            next.artefact
        );
    }
    insta::assert_snapshot!("smtp_faults", table);
    // Those cut or silent after the dot were kept by the server: "unknown" was the truth.
    let kept = sink.mails();
    for (number, (fault, ..)) in faults.iter().enumerate() {
        let arrived = kept
            .iter()
            .any(|mail| mail.message_id == format!("fault{number}@clinic.example"));
        assert_eq!(arrived, matches!(fault, Close(AfterDot) | Hang(AfterDot)), "{fault:?}");
    }
}

#[tokio::test]
async fn a_refused_connection_an_unknown_host_and_a_closed_port_are_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut config = relay(address);
    let report = EmailChannel::new(&config, clock())
        .unwrap()
        .send(&mail_to("team@onc.example"))
        .await;
    assert_eq!(report.outcome, TRANSIENT);
    assert!(report.artefact.contains("refused"), "{}", report.artefact);

    config.host = "no-such-host.invalid".to_owned();
    let report = EmailChannel::new(&config, clock())
        .unwrap()
        .send(&mail_to("team@onc.example"))
        .await;
    assert_eq!(report.outcome, TRANSIENT);
}

#[tokio::test]
async fn a_tarpit_costs_no_more_than_the_message_allows() {
    let sink = SmtpSink::start(SmtpSinkOptions::default()).await.unwrap();
    let mut config = relay(sink.address());
    config.pool_size = 1;
    let channel = EmailChannel::new(&config, clock()).unwrap();
    sink.script([Some(Hang(AfterDot))]);
    let mut slow = mail_to("team@onc.example");
    slow.timeout = Duration::from_millis(1_500);
    let mut waiting = mail_to("team@onc.example");
    waiting.timeout = Duration::from_millis(300);
    let begun = Instant::now();
    let (slow, waiting) = tokio::join!(channel.send(&slow), channel.send(&waiting));
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert_eq!(slow.outcome, SendOutcome::Unknown);
    // The other one never got a connection, so it surely did not arrive.
    assert_eq!(waiting.outcome, TRANSIENT);
}

#[tokio::test]
async fn no_mail_leaves_in_the_clear_where_tls_is_required() {
    let sink = SmtpSink::start(SmtpSinkOptions::default()).await.unwrap();
    let mut config = relay(sink.address());
    // STARTTLS is not offered, or was taken away by somebody in between.
    config.tls = SmtpTls::StartTlsRequired;
    let report = EmailChannel::new(&config, clock())
        .unwrap()
        .send(&mail_to("team@onc.example"))
        .await;
    assert_eq!(report.outcome, TRANSIENT);
    assert!(report.artefact.contains("STARTTLS"), "{}", report.artefact);

    config.tls = SmtpTls::Implicit;
    let mut message = mail_to("team@onc.example");
    message.timeout = Duration::from_millis(500);
    let report = EmailChannel::new(&config, clock()).unwrap().send(&message).await;
    assert_eq!(report.outcome, TRANSIENT);
    assert!(sink.mails().is_empty());

    config.tls = SmtpTls::StartTlsOpportunistic;
    let report = EmailChannel::new(&config, clock())
        .unwrap()
        .send(&mail_to("team@onc.example"))
        .await;
    assert_eq!(report.outcome, SendOutcome::Delivered(EvidenceLevel::Accepted));
}

#[tokio::test]
async fn a_connection_the_relay_closed_meanwhile_is_replaced() {
    let sink = SmtpSink::start(SmtpSinkOptions::default()).await.unwrap();
    let address = sink.address();
    let channel = email(&sink);
    channel.send(&mail_to("team@onc.example")).await;
    sink.shutdown().await;
    drop(sink);
    let sink = SmtpSink::start_on(address, SmtpSinkOptions::default()).await.unwrap();
    let report = channel.send(&mail_to("team@onc.example")).await;
    assert_eq!(report.outcome, SendOutcome::Delivered(EvidenceLevel::Accepted));
    assert_eq!(sink.mails().len(), 1);
}
