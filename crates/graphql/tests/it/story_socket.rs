//! Subscriptions of the real schema over a real socket: nobody holds one, and who is no longer let in hears no more.

use std::time::Duration;

use liaison_service::sign_in::Touch;
use liaison_testkit::both_engines;
use serde_json::json;

use crate::http_ws::{Client, closing};
use crate::story_desk::Desk;

const BOARD: &str = "subscription { boardChanged { kind shareId } }";

both_engines! {
    async fn nobody_holds_a_socket_and_a_revoked_token_hears_no_more(app: App) {
        let desk = Desk::new(app).await;
        let address = desk.listen().await;
        let mut nobody = Client::connect(address).await;
        nobody.say(json!({ "type": "connection_init" })).await;
        assert_eq!(nobody.closed().await, closing(4403, "Forbidden"));

        // On PostgreSQL a process hears of changes through the database, its own too.
        let service = desk.app.service.clone();
        let listening = tokio::spawn(async move { service.store().listen().await });
        let patient = desk.app.patient(&desk.fixture, "A").await;
        let signed = desk.app.sign(&desk.fixture, patient, "A", 0).await;
        let physician = desk.fixture.physician.clone();
        let token = desk.token(&physician).await;
        let mut client = Client::sign_in(address, &token).await;
        assert_eq!(client.hear().await["type"], "connection_ack");
        client.subscribe("board", BOARD).await;
        // Until the subscription listens: a share of before is not told.
        tokio::time::sleep(Duration::from_millis(300)).await;
        desk.app.share(&desk.fixture, &signed, &[desk.fixture.oncology_team]).await;
        assert_eq!(client.hear().await["payload"]["data"]["boardChanged"]["kind"], "CHANGED");

        let tokens = desk.app.service.own_tokens(&physician).await.unwrap();
        desk.app.service.revoke_token(&physician, tokens[0].id).await.unwrap();
        desk.app.share(&desk.fixture, &signed, &[desk.fixture.palliative_team]).await;
        assert_eq!(client.closed().await, closing(4403, "Forbidden"));
        let secret = desk.app.session(&physician).await;
        assert!(desk.app.service.session(&secret, None, None, Touch::Nothing).await.is_ok(), "the token alone has ended");
        listening.abort();
    }
}
