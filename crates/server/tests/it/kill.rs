//! `kill -9` at any moment: what was answered is there afterwards, a repeat under the same key is the same share, every
//! message arrives, and repeats of a message carry the same id.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use liaison_domain::{ChannelKind, DeliveryState};
use liaison_store::{deliveries, shares};
use liaison_testkit::Engine;

use crate::clinic::{Clinic, deploy, post, share_in};

/// How often the server is killed.
const ROUNDS: u64 = 5;
/// How many clients share at once.
const CLIENTS: u64 = 3;

async fn killed_again_and_again(engine: Engine) {
    let mut clinic = Clinic::new(engine).await;
    let sink = clinic.webhook().await;
    deploy(
        &clinic.app,
        "[http]\nlisten = \"127.0.0.1:0\"\n[webhooks]\nallow = [\"127.0.0.0/8\"]\nallow_http = true\n\
         [work]\nattempt_timeout_seconds = 2\nlease_seconds = 10\nreconcile_seconds = 1\n",
    );
    clinic.app.service.store().close().await;

    let mut accepted: BTreeMap<String, String> = BTreeMap::new();
    for round in 0..ROUNDS {
        let server = clinic.server(&[]);
        let began = Instant::now();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (address, token) = (server.address.clone(), clinic.token.clone());
                let bodies: Vec<_> = (0..200)
                    .map(|number| {
                        let key = format!("{round}-{client}-{number}");
                        let body = clinic.share(&key);
                        (key, body)
                    })
                    .collect();
                std::thread::spawn(move || {
                    let mut answered = Vec::new();
                    for (key, body) in bodies {
                        let Ok(answer) = post(&address, &token, &body) else {
                            break;
                        };
                        answered.push((key, answer));
                    }
                    answered
                })
            })
            .collect();
        // Another moment each time, some while the first shares are under way.
        std::thread::sleep(Duration::from_millis(60 + 110 * round).saturating_sub(began.elapsed()));
        server.kill();
        for client in clients {
            for (key, answer) in client.join().unwrap() {
                let share = share_in(&answer).unwrap_or_else(|| panic!("{answer}"));
                accepted.insert(key, share);
            }
        }
    }
    assert!(
        !accepted.is_empty(),
        "the server was killed before it answered anything"
    );

    let server = clinic.server(&[]);
    for (key, share) in &accepted {
        let again = post(&server.address, &clinic.token, &clinic.share(key)).expect("it answers");
        assert_eq!(
            share_in(&again).as_ref(),
            Some(share),
            "a repeat under the same key is the same share: {again}"
        );
    }
    // Whatever committed without an answer counts too: every delivery to the sink must arrive.
    let waited = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        if sink.distinct() >= accepted.len() || waited.elapsed() > Duration::from_secs(60) {
            break;
        }
    }
    tokio::time::sleep(Duration::from_secs(12)).await;
    server.stop();

    clinic.app.restart().await;
    let mut conn = clinic.app.service.store().read().await.unwrap();
    let stored = shares::by_note(&mut conn, clinic.signed.note_id).await.unwrap();
    let ids: BTreeSet<String> = stored.iter().map(|share| share.id.to_string()).collect();
    for share in accepted.values() {
        assert!(ids.contains(share), "{share} was answered and is lost");
    }
    let share_ids: Vec<_> = stored.iter().map(|share| share.id.uuid()).collect();
    let loops = liaison_store::recipients::of_shares(&mut conn, &share_ids)
        .await
        .unwrap();
    assert_eq!(
        loops.len(),
        stored.len(),
        "each share has its one loop, whole or not at all"
    );
    let loop_ids: Vec<_> = loops.iter().map(|row| row.id.uuid()).collect();
    let sent = deliveries::of_recipients(&mut conn, &loop_ids).await.unwrap();
    let webhooks: Vec<_> = sent.iter().filter(|row| row.channel == ChannelKind::Webhook).collect();
    assert_eq!(webhooks.len(), stored.len());
    let arrived: BTreeSet<String> = sink.events().into_iter().map(|event| event.id).collect();
    for delivery in webhooks {
        assert_eq!(
            delivery.state,
            DeliveryState::Delivered,
            "{} of {}",
            delivery.id,
            delivery.attempts
        );
        assert!(
            arrived.contains(&delivery.message_id),
            "{} never arrived",
            delivery.message_id
        );
    }
    assert_eq!(
        arrived.len(),
        stored.len(),
        "a repeat carries the same id, so there are as many ids as deliveries"
    );
    drop(conn);
    clinic.app.service.store().close().await;
    clinic.ledger_verifies();
}

#[tokio::test]
async fn a_server_killed_at_any_moment_loses_nothing_on_sqlite() {
    killed_again_and_again(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_server_killed_at_any_moment_loses_nothing_on_postgres() {
    killed_again_and_again(Engine::Postgres).await;
}
