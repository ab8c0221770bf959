//! Strangers, wrong roles and bad input over HTTP.

use axum::http::StatusCode;
use liaison_domain::{NoteId, NoteVersionId, PatientId, RecipientId, ShareId};
use liaison_testkit::both_engines;
use serde_json::{Value, json};

use crate::story::{ACKNOWLEDGE, OPEN, SHARE, shared, to_team};
use crate::story_desk::Desk;

fn unknown<T: liaison_domain::ids::TypedId>() -> String {
    T::from_uuid("0190b5a0-0000-7000-8000-000000000001".parse().unwrap()).to_string()
}

both_engines! {
    async fn anothers_ids_answer_like_unknown_ones(app: App) {
        let desk = Desk::new(app).await;
        let (version, recipient, share) = shared(&desk).await;
        let own = "query($id: ID!) { noteVersion(id: $id) { patient { id } note { id } } }";
        let ids = desk.data(&desk.fixture.physician.clone(), own, json!({ "id": version.to_string() })).await;
        let patient = ids["noteVersion"]["patient"]["id"].as_str().unwrap().to_owned();
        let note = ids["noteVersion"]["note"]["id"].as_str().unwrap().to_owned();
        let things = [
            ("patient", patient.clone(), unknown::<PatientId>()),
            ("note", note, unknown::<NoteId>()),
            ("noteVersion", version.to_string(), unknown::<NoteVersionId>()),
            ("share", share, unknown::<ShareId>()),
            ("recipient", recipient.to_string(), unknown::<RecipientId>()),
        ];
        for stranger in [desk.fixture.other_physician.clone(), desk.fixture.outsider.clone()] {
            for (field, theirs, nobodys) in &things {
                for query in [format!("query($id: ID!) {{ {field}(id: $id) {{ id }} }}"),
                    "query($id: ID!) { node(id: $id) { id } }".to_owned()] {
                    let one = desk.ask(&stranger, &query, json!({ "id": theirs })).await;
                    let other = desk.ask(&stranger, &query, json!({ "id": nobodys })).await;
                    assert_eq!(one, other, "{field}");
                    assert!(one["data"][*field].is_null() && one["data"]["node"].is_null(), "{one:#}");
                }
            }
            for mutation in [OPEN] {
                let one = desk.ask(&stranger, mutation, json!({ "id": recipient.to_string() })).await;
                let other = desk.ask(&stranger, mutation, json!({ "id": unknown::<RecipientId>() })).await;
                assert_eq!(one, other);
            }
            let timeline = "query($id: ID!) { patient(id: $id) { timeline { edges { cursor } } } }";
            let one = desk.ask(&stranger, timeline, json!({ "id": patient })).await;
            let other = desk.ask(&stranger, timeline, json!({ "id": unknown::<PatientId>() })).await;
            assert_eq!(one, other);
        }
    }

    async fn roles_are_kept(app: App) {
        let desk = Desk::new(app).await;
        let (version, recipient, _) = shared(&desk).await;
        let fixture = desk.fixture.clone();
        let input = json!({ "input": to_team(version, fixture.palliative_team) });
        for who in [&fixture.coordinator, &fixture.admin, &fixture.auditor, &fixture.oncologist] {
            assert_eq!(desk.code(who, SHARE, input.clone()).await, "FORBIDDEN");
        }
        assert_eq!(desk.code(&fixture.physician, "{ auditEntries { edges { cursor } } }", json!({})).await, "FORBIDDEN");
        assert_eq!(desk.code(&fixture.auditor, "{ board { edges { cursor } } }", json!({})).await, "FORBIDDEN");
        assert_eq!(desk.code(&fixture.oncologist, "{ patients { edges { cursor } } }", json!({})).await, "FORBIDDEN");
        // Another team of another organization cannot open the loop, the clinic itself cannot either.
        for who in [&fixture.palliative, &fixture.physician] {
            assert_eq!(desk.code(who, OPEN, json!({ "id": recipient.to_string() })).await, "NOT_FOUND");
        }
        // A read-only token reads and changes nothing.
        let token = desk.new_token(&fixture.physician, &["read"]).await;
        let body = json!({ "query": SHARE, "variables": input }).to_string();
        let (_, text) = desk.send(Some(&token), body).await;
        assert!(text.contains("FORBIDDEN"), "{text}");
        let (_, text) = desk.send(Some(&token), json!({ "query": "{ viewer { readOnly roles } }" }).to_string()).await;
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["data"]["viewer"]["readOnly"], true);
    }

    async fn bad_input_is_told_by_its_name_and_breaks_nothing(app: App) {
        let desk = Desk::new(app).await;
        let physician = desk.fixture.physician.clone();
        let answer = desk.ask(&physician, "{ patient(id: \"share_zzz\") { id } }", json!({})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
        assert_eq!(answer["errors"][0]["extensions"]["problems"][0]["path"], "id", "{answer:#}");
        for query in [
            "{ patients(first: 0) { edges { cursor } } }",
            "{ patients(first: 101) { edges { cursor } } }",
            "{ patients(after: \"nonsense\") { edges { cursor } } }",
            "{ board(after: \"bm9wZQ\") { edges { cursor } } }",
            "{ inbox(first: -1) { edges { cursor } } }",
            "{ notes(patientId: \"patient_\") { edges { cursor } } }",
        ] {
            assert_eq!(desk.code(&physician, query, json!({})).await, "BAD_USER_INPUT", "{query}");
        }
        // A cursor of another list is none of this one's.
        let organizations = "{ organizations(first: 1) { pageInfo { endCursor hasNextPage } } }";
        let data = desk.data(&physician, organizations, json!({})).await;
        let cursor = &data["organizations"]["pageInfo"]["endCursor"];
        let query = "query($after: String) { notes(after: $after) { edges { cursor } } }";
        assert_eq!(desk.code(&physician, query, json!({ "after": cursor })).await, "BAD_USER_INPUT");
        let query = "query($after: String) { organizations(after: $after) { edges { node { name } } pageInfo { hasPreviousPage } } }";
        let data = desk.data(&physician, query, json!({ "after": cursor })).await;
        assert_eq!(data["organizations"]["pageInfo"]["hasPreviousPage"], true);
        // A mutation names the place of each wrong id in its payload.
        let input = json!({ "input": { "noteVersionId": "x", "recipients": [{ "teamId": "user_1", "duty": "COPY" }] } });
        let data = desk.data(&physician, SHARE, input).await;
        let paths: Vec<_> = data["shareNote"]["problems"].as_array().unwrap().iter()
            .map(|problem| problem["path"].as_str().unwrap().to_owned()).collect();
        assert_eq!(paths, ["noteVersionId", "recipients[0].teamId"]);
        let input = json!({ "input": { "recipientId": "", "noteVersionId": "", "dispositions": [] } });
        let data = desk.data(&physician, ACKNOWLEDGE, input).await;
        assert_eq!(data["acknowledge"]["problems"][0]["code"], "INVALID_ID");
        // Nobody, a wrong token, a huge body, bytes that are no text.
        let query = json!({ "query": "{ viewer { roles } }" }).to_string();
        let (_, text) = desk.send(None, query.clone()).await;
        assert!(text.contains("UNAUTHENTICATED"), "{text}");
        let (status, _) = desk.send(Some("lia_wrong"), query).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        let token = desk.token(&physician).await;
        let (status, _) = desk.send(Some(&token), vec![b' '; 10 * 1024 * 1024]).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        let (status, _) = desk.send(Some(&token), b"{\"query\":\"\xff\xfe\"}".to_vec()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
}
