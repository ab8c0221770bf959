//! SIGTERM while receivers say nothing: the process ends soon, gives back what it was sending, and the next one sends it
//! again under the same id.

use std::time::{Duration, Instant};

use liaison_channels::sinks::{SmtpFault, SmtpSink, SmtpSinkOptions, SmtpStage, WebhookReply};
use liaison_domain::{AttemptOutcome, DeliveryState};
use liaison_store::deliveries::{self, AttemptRow, DeliveryRow};
use liaison_testkit::Engine;

use crate::clinic::{Clinic, deploy};

/// A stop must have ended the process by then.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// What a stop interrupted must run again by then.
const RESUME_LIMIT: Duration = Duration::from_secs(5);

async fn sent(clinic: &Clinic) -> Vec<(DeliveryRow, Vec<AttemptRow>)> {
    let mut conn = clinic.app.service.store().read().await.unwrap();
    let shares = liaison_store::shares::by_note(&mut conn, clinic.signed.note_id)
        .await
        .unwrap();
    let shares: Vec<_> = shares.iter().map(|share| share.id.uuid()).collect();
    let loops = liaison_store::recipients::of_shares(&mut conn, &shares).await.unwrap();
    let loops: Vec<_> = loops.iter().map(|row| row.id.uuid()).collect();
    let mut sent = Vec::new();
    for delivery in deliveries::of_recipients(&mut conn, &loops).await.unwrap() {
        let attempts = deliveries::attempts_of(&mut conn, &[delivery.id.uuid()]).await.unwrap();
        sent.push((delivery, attempts));
    }
    sent
}

async fn a_stop_gives_back_what_has_no_answer(engine: Engine) {
    let mut clinic = Clinic::new(engine).await;
    let hook = clinic.webhook().await;
    let post = SmtpSink::start(SmtpSinkOptions::default()).await.unwrap();
    deploy(
        &clinic.app,
        &format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n[webhooks]\nallow = [\"127.0.0.0/8\"]\nallow_http = true\n\
             [email]\ntransport = \"smtp\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
             from = \"noreply@clinic.example.test\"\n",
            post.address().port()
        ),
    );
    clinic.app.service.store().close().await;
    let never = Duration::from_secs(3_600);
    hook.script([Some(WebhookReply::status(204).delayed(never))]);
    post.script([Some(SmtpFault::Hang(SmtpStage::AfterDot))]);

    let server = clinic.server(&[]);
    clinic.shared(&server, "while-they-are-silent");
    assert!(hook.wait_for(1, Duration::from_secs(20)).await, "the webhook is called");
    let waited = Instant::now();
    while post.connections() == 0 && waited.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Until the mail's dot.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (took, log) = tokio::task::block_in_place(|| server.stop());
    assert!(took < STOP_LIMIT, "{took:?}: {log}");

    clinic.app.restart().await;
    let before = sent(&clinic).await;
    assert_eq!(before.len(), 2, "a webhook and a mail");
    for (delivery, attempts) in &before {
        assert_eq!(delivery.state, DeliveryState::Pending, "{delivery:?}");
        assert_eq!((&delivery.lease_owner, delivery.lease_until), (&None, None));
        let [only] = &attempts[..] else {
            panic!("one attempt: {attempts:?}")
        };
        assert_eq!(only.outcome, AttemptOutcome::Unknown, "nobody knows whether it arrived");
        assert!(
            only.ended_at.is_some()
                && only
                    .artefact
                    .as_deref()
                    .is_some_and(|told| told.contains("asked to stop"))
        );
    }
    clinic.app.service.store().close().await;

    let began = Instant::now();
    let server = clinic.server(&[]);
    assert!(
        hook.wait_for(2, RESUME_LIMIT).await,
        "the webhook runs again: {:?}",
        began.elapsed()
    );
    assert!(
        post.wait_for(1, RESUME_LIMIT).await,
        "the mail runs again: {:?}",
        began.elapsed()
    );
    // Until the answers are recorded.
    tokio::time::sleep(Duration::from_millis(500)).await;
    tokio::task::block_in_place(|| server.stop());
    clinic.app.restart().await;
    let calls = hook.events();
    assert_eq!(
        (calls.len(), &calls[0].id, &calls[0].body),
        (2, &calls[1].id, &calls[1].body)
    );
    for (delivery, attempts) in sent(&clinic).await {
        assert_eq!(delivery.state, DeliveryState::Delivered, "{delivery:?}");
        let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt.outcome).collect();
        assert_eq!(outcomes, [AttemptOutcome::Unknown, AttemptOutcome::Delivered]);
    }
    clinic.app.service.store().close().await;
    clinic.ledger_verifies();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_gives_back_what_has_no_answer_on_sqlite() {
    a_stop_gives_back_what_has_no_answer(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_gives_back_what_has_no_answer_on_postgres() {
    a_stop_gives_back_what_has_no_answer(Engine::Postgres).await;
}
