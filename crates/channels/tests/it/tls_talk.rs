//! TLS for real: the right certificate, one that has ended, one for another host, one that nobody vouches for.

use std::net::SocketAddr;

use liaison_channels::{
    EmailChannel, SmtpConfig, SmtpTls, WebhookChannel, WebhookConfig,
    sinks::{Certificate, SmtpSink, SmtpSinkOptions, TEST_ROOT},
};
use liaison_domain::EvidenceLevel;
use liaison_service::channel::{Channel, Secret, SendOutcome, SendReport};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{TRANSIENT, Turning, clock, hook_sink, hook_to, local, mail_to, relay};

/// Ends TLS in front of a plain server; with `starttls` only after the SMTP command of that name.
async fn front(certificate: Certificate, behind: SocketAddr, starttls: bool) -> SocketAddr {
    let acceptor = certificate.acceptor().unwrap();
    // On every loopback address, so that it can be called by one that its certificate does not bear.
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(behind).await.unwrap();
            if starttls {
                client.write_all(b"220 front.invalid ESMTP\r\n").await.unwrap();
                line(&mut client).await;
                client
                    .write_all(b"250-front.invalid\r\n250 STARTTLS\r\n")
                    .await
                    .unwrap();
                line(&mut client).await;
                client.write_all(b"220 2.0.0 Go ahead\r\n").await.unwrap();
                // The greeting has been given.
                line(&mut server).await;
            }
            if let Ok(mut client) = acceptor.accept(client).await {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            }
        }
    });
    address
}

async fn line(stream: &mut TcpStream) {
    while stream.read_u8().await.unwrap_or(b'\n') != b'\n' {}
}

fn secured(address: SocketAddr, tls: SmtpTls) -> SmtpConfig {
    SmtpConfig {
        host: "localhost".to_owned(),
        tls,
        extra_root_pem: Some(TEST_ROOT.to_owned()),
        username: Some("liaison".to_owned()),
        password: Some(Secret::new("s3cret")),
        ..relay(address)
    }
}

async fn mail(config: &SmtpConfig) -> SendReport {
    EmailChannel::new(config, clock())
        .unwrap()
        .send(&mail_to("team@onc.example"))
        .await
}

#[tokio::test]
async fn a_mail_leaves_over_tls_and_only_to_the_right_relay() {
    let credentials = Some(("liaison".to_owned(), "s3cret".to_owned()));
    let sink = SmtpSink::start(SmtpSinkOptions {
        credentials,
        ..SmtpSinkOptions::default()
    })
    .await
    .unwrap();
    for (tls, starttls) in [
        (SmtpTls::Implicit, false),
        (SmtpTls::StartTlsRequired, true),
        (SmtpTls::StartTlsOpportunistic, true),
    ] {
        let good = front(Certificate::Good, sink.address(), starttls).await;
        let expired = front(Certificate::Expired, sink.address(), starttls).await;
        let before = sink.mails().len();
        let config = secured(good, tls);
        // "localhost" stays on this machine, so even the opportunistic kind may sign in.
        let report = mail(&config).await;
        assert_eq!(
            report.outcome,
            SendOutcome::Delivered(EvidenceLevel::Accepted),
            "{tls:?}: {}",
            report.artefact
        );

        let strange_host = SmtpConfig {
            host: "127.0.0.2".to_owned(),
            ..config.clone()
        };
        let unknown_root = SmtpConfig {
            extra_root_pem: None,
            ..config
        };
        for (bad, word) in [
            (secured(expired, tls), "expired"),
            (unknown_root, "UnknownIssuer"),
            (strange_host, "not valid for name"),
        ] {
            let report = mail(&bad).await;
            assert_eq!(
                (&report.outcome, report.status),
                (&TRANSIENT, None),
                "{tls:?}: {}",
                report.artefact
            );
            assert!(report.artefact.contains(word), "{tls:?}: {}", report.artefact);
        }
        assert_eq!(sink.mails().len(), before + 1);
    }
}

#[tokio::test]
async fn a_webhook_leaves_over_tls_and_only_to_the_right_host() {
    let sink = hook_sink().await;
    let trusting = WebhookConfig {
        extra_root_pem: Some(TEST_ROOT.to_owned()),
        ..local()
    };
    let call = async |config: &WebhookConfig, host: &str, address: SocketAddr| {
        let url = format!("https://{host}:{}/hook", address.port());
        let lookup = Turning::of(&[&["127.0.0.1"]]);
        WebhookChannel::with_lookup(config, clock(), lookup)
            .unwrap()
            .send(&hook_to(&url))
            .await
    };
    let good = front(Certificate::Good, sink.address(), false).await;
    let report = call(&trusting, "localhost", good).await;
    assert_eq!(
        report.outcome,
        SendOutcome::Delivered(EvidenceLevel::Received),
        "{}",
        report.artefact
    );
    assert_eq!(sink.events().len(), 1);

    let expired = front(Certificate::Expired, sink.address(), false).await;
    let elsewhere = front(Certificate::Elsewhere, sink.address(), false).await;
    let stranger = front(Certificate::Stranger, sink.address(), false).await;
    for (report, word) in [
        (call(&trusting, "localhost", expired).await, "expired"),
        (call(&trusting, "hooks.onc.example", good).await, "not valid for name"),
        (call(&local(), "localhost", good).await, "UnknownIssuer"),
        (call(&trusting, "localhost", elsewhere).await, "not valid for name"),
        (call(&trusting, "localhost", stranger).await, "UnknownIssuer"),
    ] {
        assert_eq!(
            (&report.outcome, report.status),
            (&TRANSIENT, None),
            "{}",
            report.artefact
        );
        assert!(report.artefact.contains(word), "{}", report.artefact);
    }
    assert_eq!(sink.events().len(), 1);
}
