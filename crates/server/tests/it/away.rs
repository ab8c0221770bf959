//! PostgreSQL is away for some seconds at the worst moment: while the answer of a receiver is to be recorded. Recording
//! goes on until it is back, and the receiver is not called again.

use std::{net::SocketAddr, time::Duration};

use liaison_channels::sinks::WebhookReply;
use liaison_domain::{DeliveryState, ShareId};
use liaison_store::deliveries;
use liaison_testkit::Engine;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::clinic::{Clinic, deploy, post};

/// How long the database is away: longer than the first tries, shorter than recording goes on.
const AWAY: Duration = Duration::from_secs(4);

/// A way to PostgreSQL that can be cut: sessions on it end, and new ones are refused.
struct Way {
    address: SocketAddr,
    open: watch::Sender<bool>,
}

impl Way {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, is_open) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (server, mut is_open) = (server.clone(), is_open.clone());
                tokio::spawn(async move {
                    if !*is_open.borrow() {
                        return;
                    }
                    let mut server = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        _ = is_open.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self { address, open }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_recorded_when_the_database_is_back() {
    let mut clinic = Clinic::new(Engine::Postgres).await;
    let sink = clinic.webhook().await;
    deploy(
        &clinic.app,
        "[http]\nlisten = \"127.0.0.1:0\"\n[webhooks]\nallow = [\"127.0.0.0/8\"]\nallow_http = true\n",
    );
    let mut url = url::Url::parse(&clinic.app.database.url).unwrap();
    let way = Way::to(format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432))).await;
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(way.address.port())).unwrap();
    clinic.app.service.store().close().await;

    let server = clinic.server(&[("LIAISON_DATABASE__URL", url.as_str())]);
    sink.script([Some(WebhookReply::status(204).delayed(Duration::from_millis(800)))]);
    let id: ShareId = clinic.shared(&server, "before-it-goes").parse().unwrap();
    assert!(sink.wait_for(1, Duration::from_secs(20)).await, "the webhook is called");
    way.open.send_replace(false);
    tokio::time::sleep(AWAY).await;
    let meanwhile = tokio::task::block_in_place(|| post(&server.address, &clinic.token, &clinic.share("while-away")));
    assert!(
        meanwhile.as_ref().is_err_and(|told| !told.contains("INTERNAL")),
        "it may pass, and is answered so: {meanwhile:?}"
    );
    way.open.send_replace(true);
    // Longer than recording goes on, and than a queue pauses.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let (_, log) = tokio::task::block_in_place(|| server.stop());

    clinic.app.restart().await;
    let mut conn = clinic.app.service.store().read().await.unwrap();
    let loops = liaison_store::recipients::of_shares(&mut conn, &[id.uuid()])
        .await
        .unwrap();
    let loops: Vec<_> = loops.iter().map(|row| row.id.uuid()).collect();
    let sent = deliveries::of_recipients(&mut conn, &loops).await.unwrap();
    let hook = sent.iter().find(|row| row.address.starts_with("http")).unwrap();
    assert_eq!(
        (hook.state, hook.attempts),
        (DeliveryState::Delivered, 1),
        "{hook:?}: {log}"
    );
    drop(conn);
    assert_eq!(sink.events().len(), 1, "the receiver was not called again");
    clinic.app.service.store().close().await;
    clinic.ledger_verifies();
}
