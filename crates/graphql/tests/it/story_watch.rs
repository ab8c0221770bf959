//! Subscriptions: who is told what, in this process and across two.

use std::time::Duration;

use futures::StreamExt as _;
use liaison_testkit::{Engine, both_engines, share_of};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::story::{SHARE, to_team};
use crate::story_desk::Desk;

const PATIENCE: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_millis(500);

async fn next(stream: &mut (impl futures::Stream<Item = async_graphql::Response> + Unpin)) -> Value {
    let response = timeout(PATIENCE, stream.next()).await.unwrap().unwrap();
    assert_eq!(response.errors, []);
    serde_json::to_value(&response.data).unwrap()
}

both_engines! {
    async fn the_inbox_and_the_board_hear_of_a_share_and_strangers_do_not(app: App) {
        let desk = Desk::new(app).await;
        let patient = desk.app.patient(&desk.fixture, "A").await;
        let signed = desk.app.sign(&desk.fixture, patient, "A", 0).await;
        let fixture = desk.fixture.clone();
        let inbox = "subscription { inboxChanged { kind recipientId patientId } }";
        let board = "subscription { boardChanged { kind shareId recipientId } }";
        let mut mine = desk.schema.execute_stream(desk.request(&fixture.oncologist, inbox).await).boxed();
        let mut others = desk.schema.execute_stream(desk.request(&fixture.palliative, inbox).await).boxed();
        let mut clinic = desk.schema.execute_stream(desk.request(&fixture.physician, board).await).boxed();
        let mut stranger = desk.schema.execute_stream(desk.request(&fixture.other_physician, board).await).boxed();
        // A stream begins to listen when it is first asked.
        for stream in [&mut mine, &mut others, &mut clinic, &mut stranger] {
            assert!(timeout(SILENCE, stream.next()).await.is_err());
        }
        // Across processes on PostgreSQL: this process hears through the database.
        let service = desk.app.service.clone();
        let listening = tokio::spawn(async move { service.store().listen().await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        let recipient = if desk.app.database.engine == Engine::Postgres {
            let other = desk.app.another_process().await;
            let input = share_of(signed.version_id, vec![liaison_testkit::to_team(fixture.oncology_team)]);
            other.share_note(&fixture.physician, input).await.unwrap().recipient_ids[0].to_string()
        } else {
            let input = json!({ "input": to_team(signed.version_id, fixture.oncology_team) });
            let data = desk.data(&fixture.physician, SHARE, input).await;
            data["shareNote"]["share"]["recipients"][0]["id"].as_str().unwrap().to_owned()
        };
        let told = next(&mut mine).await;
        assert_eq!(told["inboxChanged"], json!({ "kind": "CHANGED", "recipientId": recipient, "patientId": null }));
        let told = next(&mut clinic).await;
        assert_eq!(told["boardChanged"]["recipientId"], recipient);
        for stream in [&mut others, &mut stranger] {
            assert!(timeout(SILENCE, stream.next()).await.is_err(), "told of somebody else's loop");
        }
        listening.abort();
    }

    async fn anothers_share_cannot_be_watched(app: App) {
        let desk = Desk::new(app).await;
        let (_, _, share) = crate::story::shared(&desk).await;
        let query = format!("subscription {{ shareChanged(id: \"{share}\") {{ kind }} }}");
        let stranger = desk.fixture.outsider.clone();
        let mut stream = desk.schema.execute_stream(desk.request(&stranger, &query).await).boxed();
        let answer = timeout(PATIENCE, stream.next()).await.unwrap().unwrap();
        assert_eq!(answer.errors.len(), 1);
        let code = answer.errors[0].extensions.as_ref().and_then(|extensions| extensions.get("code")).cloned();
        assert_eq!(code, Some(async_graphql::Value::from("NOT_FOUND")));
    }
}
