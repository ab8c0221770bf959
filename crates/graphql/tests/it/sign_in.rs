//! Guests of secure links are named where people are, and a second factor is reset by a session alone.

use liaison_domain::Disposition;
use liaison_service::{
    channel::OutboundBody,
    link::{EnterLinkCode, SendLinkCode},
    loops::acknowledge::Acknowledge,
};
use liaison_testkit::{App, both_engines, fixture::user};
use serde_json::{Value, json};

use crate::story_desk::Desk;

const NAMED: &str = "Dr. Gesa Visitor (palliative physician), named themself; code to p•••@palliative.example.test";

/// The texts of the mails since the last look.
async fn mails(app: &App) -> Vec<String> {
    app.work().await;
    let bodies = app.email.take().into_iter().map(|mail| mail.body);
    bodies
        .filter_map(|body| match body {
            OutboundBody::Email(mail) => Some(mail.text),
            OutboundBody::Webhook(_) => None,
        })
        .collect()
}

fn after<'a>(texts: &'a [String], mark: &str) -> &'a str {
    let rest = texts.iter().find_map(|text| Some(text.split_once(mark)?.1));
    rest.unwrap().split_whitespace().next().unwrap()
}

both_engines! {
    async fn a_guest_is_named_where_people_are_and_not_in_the_ledger(app: App) {
        let desk = Desk::new(app).await;
        let (app, f) = (&desk.app, &desk.fixture);
        let patient = app.patient(f, "A").await;
        let signed = app.sign(f, patient, "A", 0).await;
        app.email.take();
        let shared = app.share_with_both(f, &signed).await;
        app.work().await;
        let mine: Vec<String> = app
            .email
            .take()
            .into_iter()
            .filter(|mail| mail.address.starts_with("palliative-team@"))
            .filter_map(|mail| match mail.body {
                OutboundBody::Email(mail) => Some(mail.text),
                OutboundBody::Webhook(_) => None,
            })
            .collect();
        let token = after(&mine, "/l/").to_owned();
        let ask = SendLinkCode { token, address: 0, peer: None, request_id: None };
        let sent = app.service.send_link_code(ask).await.unwrap();
        let code = after(&mails(app).await, "Your code is ").trim_end_matches('.').to_owned();
        let enter = EnterLinkCode {
            challenge: sent.challenge,
            code,
            name: "Dr. Gesa Visitor".to_owned(),
            profession: "palliative physician".to_owned(),
            work_email: None,
            phone: None,
            peer: None,
            request_id: None,
        };
        let opened = app.service.enter_link_code(enter).await.unwrap();
        let guest = app.service.link_session(opened.secret.expose(), None, None, true).await.unwrap().actor;
        let id = shared.recipient_ids[1];
        app.service.open_share(&guest, id).await.unwrap();
        let answer = Acknowledge {
            recipient_id: Some(id),
            note_version_id: Some(signed.version_id),
            dispositions: vec![Disposition::ReviewedNoChange],
            ..Acknowledge::default()
        };
        app.service.acknowledge(&guest, answer).await.unwrap();

        let query = "query($id: ID!) { recipient(id: $id) { acknowledgment { by { id } guestName }
            evidence { level by { id } guestName } timeline { kind who { id } guestName } } }";
        let data = desk.data(&f.physician, query, json!({ "id": id.to_string() })).await;
        let found = &data["recipient"];
        assert_eq!(found["acknowledgment"], json!({ "by": null, "guestName": NAMED }));
        let of_level = |level: &str| {
            let mut all = found["evidence"].as_array().unwrap().iter();
            let one = all.rfind(|fact| fact["level"] == level).unwrap();
            one["guestName"].clone()
        };
        assert_eq!((of_level("OPENED"), of_level("ACKNOWLEDGED")), (json!(NAMED), json!(NAMED)), "{found:#}");
        assert_eq!(of_level("ACCEPTED"), Value::Null);
        let events = found["timeline"].as_array().unwrap();
        assert!(events.iter().any(|event| event["kind"] == "ACKNOWLEDGED" && event["guestName"] == NAMED), "{found:#}");
        // Nobody else learns of it, and the ledger holds the guest's id alone.
        let others = desk.ask(&f.outsider, query, json!({ "id": id.to_string() })).await;
        assert!(others["data"]["recipient"].is_null() && !others.to_string().contains("Gesa"), "{others:#}");
        let audit = "{ auditEntries(first: 100) { edges { node { action details { name value } } } } }";
        let audit = desk.data(&f.auditor, audit, json!({})).await;
        assert!(audit.to_string().contains("acknowledgment.create") && !audit.to_string().contains("Gesa"), "{audit:#}");
    }

    async fn a_token_resets_no_second_factor(app: App) {
        let desk = Desk::new(app).await;
        let f = &desk.fixture;
        let reset = "mutation($u: ID!) { resetSecondFactor(input: {userId: $u, reason: DEVICE_LOST,
            recognized: IN_PERSON}) { person { id } linkExpiresAt sessionsEnded problems { code } } }";
        let whose = |actor| json!({ "u": user(actor).to_string() });
        assert_eq!(desk.code(&f.admin, reset, whose(&f.physician)).await, "FORBIDDEN");
        assert_eq!(desk.code(&f.admin, reset, whose(&f.outsider)).await, "NOT_FOUND");
        assert_eq!(desk.code(&f.physician, reset, whose(&f.coordinator)).await, "FORBIDDEN");
        let own = desk.data(&f.admin, reset, whose(&f.admin)).await;
        assert_eq!(own["resetSecondFactor"]["problems"][0]["code"], "OWN_FACTORS", "{own:#}");
    }
}
