//! What a webhook looks like when it arrives, and what is refused before it leaves.

use std::time::Duration;

use liaison_channels::{
    WebhookChannel, WebhookConfig, new_webhook_secret,
    sinks::{WebhookSink, WebhookSinkOptions},
};
use liaison_domain::{EvidenceLevel, SeededRandom, SystemRandom};
use liaison_service::channel::{Channel, OutboundBody, Secret, SendOutcome};

use crate::support::{PERMANENT, SECRET, TRANSIENT, clock, hook_sink, hook_to, local, mail_to, webhooks};

#[tokio::test]
async fn a_signed_event_arrives_as_written() {
    let sink = hook_sink().await;
    let message = hook_to(&sink.url("/teams/7?x=1"));
    let report = webhooks().send(&message).await;
    assert_eq!(
        (report.outcome, report.status),
        (SendOutcome::Delivered(EvidenceLevel::Received), Some(204))
    );
    assert_eq!(report.artefact, "HTTP 204");
    let event = &sink.events()[0];
    let headers: Vec<String> = event
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.replace(&sink.address().to_string(), "<sink>")))
        .collect();
    insta::assert_snapshot!(
        "webhook",
        format!(
            "{} {}\n{}\n\n{}",
            event.method,
            event.path,
            headers.join("\n"),
            event.body
        )
    );
    sink.shutdown().await;
}

#[tokio::test]
async fn a_repeat_bears_the_same_id_and_body_and_its_own_time() {
    let clock = clock();
    let options = WebhookSinkOptions {
        secrets: vec![Secret::new(SECRET)],
        fail_every: Some(2),
        ..WebhookSinkOptions::new(clock.clone())
    };
    let sink = WebhookSink::start(options).await.unwrap();
    let channel = WebhookChannel::new(&local(), clock.clone()).unwrap();
    let mut statuses = Vec::new();
    for attempt in 1..=4 {
        let mut message = hook_to(&sink.url("/hook"));
        message.attempt = attempt;
        statuses.push(channel.send(&message).await.status);
        clock.advance(chrono::TimeDelta::seconds(90));
    }
    assert_eq!(statuses, [Some(204), Some(503), Some(204), Some(503)]);
    assert!(sink.wait_for(4, Duration::from_secs(1)).await);
    let events = sink.events();
    assert_eq!(sink.distinct(), 1);
    assert!(
        events
            .iter()
            .all(|event| event.id == "dlv_01h455vb4pex5vsknk084sn02q" && event.body == events[0].body)
    );
    assert_eq!(events[3].timestamp - events[0].timestamp, 270);
}

#[tokio::test]
async fn the_receiver_refuses_a_strange_secret_and_an_old_signature() {
    let sink = hook_sink().await;
    let mut message = hook_to(&sink.url("/hook"));
    message.secret = Some(new_webhook_secret(&SystemRandom));
    let report = webhooks().send(&message).await;
    assert_eq!((report.outcome, report.status), (PERMANENT, Some(401)));
    assert_eq!(report.artefact, "HTTP 401 no known secret made this signature");

    sink.trust(message.secret.clone().unwrap());
    assert_eq!(
        webhooks().send(&message).await.outcome,
        SendOutcome::Delivered(EvidenceLevel::Received)
    );

    let late = clock();
    late.advance(chrono::TimeDelta::hours(1));
    let report = WebhookChannel::new(&local(), late).unwrap().send(&message).await;
    assert_eq!(
        (report.outcome, report.artefact.as_str()),
        (PERMANENT, "HTTP 401 the timestamp is 3600 s off")
    );
    assert_eq!(sink.refused().len(), 2);
    assert_eq!(sink.events().len(), 1);
}

#[tokio::test]
async fn unusable_secrets_and_ids_are_refused_without_being_repeated() {
    let sink = hook_sink().await;
    for secret in [
        None,
        Some(""),
        Some("c2hvcnQ="),
        Some("whsec_c2hvcnQ="),
        Some("whsec_!!not-base64!!"),
    ] {
        let mut message = hook_to(&sink.url("/hook"));
        message.secret = secret.map(Secret::new);
        let report = webhooks().send(&message).await;
        assert_eq!((report.outcome, report.status), (PERMANENT, None));
        assert!(report.artefact.contains("signing secret"), "{}", report.artefact);
        assert!(secret.is_none_or(|secret| secret.is_empty() || !report.artefact.contains(secret)));
    }
    for id in ["", "a.b", "a\r\nx: y", "ä"] {
        let mut message = hook_to(&sink.url("/hook"));
        id.clone_into(&mut message.message_id);
        let report = webhooks().send(&message).await;
        assert_eq!(report.outcome, PERMANENT);
        assert!(report.artefact.contains("message id"), "{}", report.artefact);
    }
    assert_eq!(webhooks().send(&mail_to("a@onc.example")).await.outcome, PERMANENT);
    assert!(sink.events().is_empty() && sink.refused().is_empty());
}

#[tokio::test]
async fn a_body_is_signed_to_its_last_byte() {
    let sink = hook_sink().await;
    let mut message = hook_to(&sink.url("/hook"));
    let OutboundBody::Webhook(body) = &mut message.body else {
        unreachable!("a webhook")
    };
    body.json = "{\"a\":\"ü\\n\"}\n".to_owned();
    assert_eq!(webhooks().send(&message).await.status, Some(204));
    assert_eq!(sink.events()[0].body, "{\"a\":\"ü\\n\"}\n");
}

#[test]
fn a_new_secret_has_the_standard_form() {
    let secret = new_webhook_secret(&SeededRandom::new(7));
    assert_eq!(secret.expose(), new_webhook_secret(&SeededRandom::new(7)).expose());
    assert_ne!(secret.expose(), new_webhook_secret(&SeededRandom::new(8)).expose());
    assert_eq!(secret.expose().len(), "whsec_".len() + 44);
    assert!(secret.expose().starts_with("whsec_"));
    assert!(!format!("{secret:?}").contains("whsec"));
}

#[test]
fn wrong_settings_are_named() {
    for (config, word) in [
        (
            WebhookConfig {
                connect_timeout: Duration::ZERO,
                ..local()
            },
            "longer than 0 s",
        ),
        (
            WebhookConfig {
                extra_root_pem: Some("no pem".to_owned()),
                ..local()
            },
            "no certificate inside",
        ),
        (
            WebhookConfig {
                extra_root_pem: Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned()),
                ..local()
            },
            "PEM form",
        ),
    ] {
        let told = WebhookChannel::new(&config, clock()).err().unwrap().to_string();
        assert!(told.contains(word), "{told}");
    }
}

#[tokio::test]
async fn a_stopped_receiver_is_a_matter_of_later() {
    let sink = hook_sink().await;
    let url = sink.url("/hook");
    sink.shutdown().await;
    assert_eq!(webhooks().send(&hook_to(&url)).await.outcome, TRANSIENT);
}
