//! The closed loop over HTTP: share, inbox, open, acknowledge, board, audit.

use liaison_domain::{NoteVersionId, RecipientId, TeamId};
use liaison_testkit::both_engines;
use serde_json::{Value, json};

use crate::story_desk::Desk;

pub(crate) const SHARE: &str = r"mutation($input: ShareNoteInput!) { shareNote(input: $input) {
    share { id urgency message recipients { id level isOpen toTeam { name } } }
    problems { path code message } } }";

pub(crate) const OPEN: &str = r"mutation($id: ID!) { openShare(input: { recipientId: $id }) {
    recipient { id level openedAt share { message questions { id text } } replies { body } }
    note {
        noteVersionId sha256 version kind signedBy { displayName }
        bottomLine { urgency sentences outcome }
        sections { __typename }
        content { __typename ... on ConsultationNote { consultDate } ... on InfusionSummary { infusion { date } } }
    }
    problems { path code message } } }";

pub(crate) const ACKNOWLEDGE: &str = r"mutation($input: AcknowledgeInput!) { acknowledge(input: $input) {
    acknowledgmentId replyDue
    recipient { level isOpen acknowledgment { dispositions comment by { displayName } } }
    problems { path code message } } }";

pub(crate) fn to_team(version: NoteVersionId, team: TeamId) -> Value {
    json!({
        "noteVersionId": version.to_string(),
        "message": "please have a look",
        "recipients": [{ "teamId": team.to_string(), "duty": "REQUIRED" }],
        "questions": [{ "text": "Does this change your plan?" }],
    })
}

/// A signed note of a patient, shared with the oncology team; the loop.
pub(crate) async fn shared(desk: &Desk) -> (NoteVersionId, RecipientId, String) {
    let patient = desk.app.patient(&desk.fixture, "A").await;
    let signed = desk.app.sign(&desk.fixture, patient, "A", 0).await;
    let input = to_team(signed.version_id, desk.fixture.oncology_team);
    let data = desk
        .data(&desk.fixture.physician, SHARE, json!({ "input": input }))
        .await;
    let share = &data["shareNote"]["share"];
    assert_eq!(data["shareNote"]["problems"], json!([]), "{data:#}");
    let recipient = share["recipients"][0]["id"].as_str().unwrap().parse().unwrap();
    (signed.version_id, recipient, share["id"].as_str().unwrap().to_owned())
}

both_engines! {
    async fn the_loop_closes_and_the_board_and_the_audit_say_so(app: App) {
        let desk = Desk::new(app).await;
        let (version, recipient, share) = shared(&desk).await;
        let (physician, oncologist) = (desk.fixture.physician.clone(), desk.fixture.oncologist.clone());

        let inbox = "{ inbox { edges { node { patient { name birthDate } minutesLeft
            recipient { id level urgency dueAt organization { name } sharedBy { displayName } share { message } } } } } }";
        let data = desk.data(&oncologist, inbox, json!({})).await;
        let line = &data["inbox"]["edges"][0]["node"];
        assert_eq!(line["recipient"]["id"], recipient.to_string());
        assert!(line["patient"]["name"].as_str().is_some_and(|name| !name.is_empty()), "{data:#}");
        // The words of the share are for who opened it.
        assert_eq!(line["recipient"]["share"]["message"], Value::Null);

        let early = json!({ "input": { "recipientId": recipient.to_string(), "noteVersionId": version.to_string(),
            "dispositions": ["REVIEWED_NO_CHANGE"] } });
        let data = desk.data(&oncologist, ACKNOWLEDGE, early.clone()).await;
        assert_eq!(data["acknowledge"]["problems"][0]["code"], "NOT_OPENED");
        assert_eq!(data["acknowledge"]["recipient"], Value::Null);

        let data = desk.data(&oncologist, OPEN, json!({ "id": recipient.to_string() })).await;
        let opened = &data["openShare"];
        assert_eq!(opened["recipient"]["level"], "OPENED", "{data:#}");
        assert_eq!(opened["note"]["noteVersionId"], version.to_string());
        assert_eq!(opened["note"]["sha256"].as_str().unwrap().len(), 64);
        assert_eq!(opened["recipient"]["share"]["message"], "please have a look");
        assert_eq!(opened["recipient"]["share"]["questions"][0]["text"], "Does this change your plan?");
        assert!(!opened["note"]["bottomLine"]["sentences"].as_array().unwrap().is_empty());

        let both = json!({ "input": { "recipientId": recipient.to_string(), "noteVersionId": version.to_string(),
            "dispositions": ["REVIEWED_NO_CHANGE", "REQUEST_CALL"] } });
        let data = desk.data(&oncologist, ACKNOWLEDGE, both).await;
        assert_eq!(data["acknowledge"]["problems"][0]["path"], "dispositions");

        let data = desk.data(&oncologist, ACKNOWLEDGE, early.clone()).await;
        assert_eq!(data["acknowledge"]["problems"], json!([]), "{data:#}");
        assert_eq!(data["acknowledge"]["recipient"]["level"], "ACKNOWLEDGED");
        assert_eq!(data["acknowledge"]["recipient"]["isOpen"], false);
        let again = desk.data(&oncologist, ACKNOWLEDGE, early).await;
        assert_eq!(again["acknowledge"]["problems"][0]["code"], "ALREADY_ACKNOWLEDGED");
        assert_eq!(again["acknowledge"]["acknowledgmentId"], Value::Null);

        let board = "{ board(filter: { only: ALL }) { edges { node { patient { name } isOverdue
            recipient { level acknowledgment { dispositions by { displayName } } } } } } }";
        let data = desk.data(&physician, board, json!({})).await;
        let line = &data["board"]["edges"][0]["node"];
        assert_eq!(line["recipient"]["level"], "ACKNOWLEDGED", "{data:#}");
        assert_eq!(line["recipient"]["acknowledgment"]["dispositions"], json!(["REVIEWED_NO_CHANGE"]));

        let tracker = "query($id: ID!) { share(id: $id) { recipients { timeline { kind codes who { displayName } }
            evidence { level source } deliveries { channel state attempts { number } } } } }";
        let data = desk.data(&physician, tracker, json!({ "id": share })).await;
        let kinds = data["share"]["recipients"][0]["timeline"].as_array().unwrap();
        assert!(kinds.iter().any(|event| event["kind"] == "ACKNOWLEDGED"), "{data:#}");
        assert!(!data["share"]["recipients"][0]["deliveries"].as_array().unwrap().is_empty());

        let audit = "query($id: ID!) { auditEntries(filter: { recipientId: $id }) { edges { node {
            action outcome requestId person { displayName } details { name value } } } } }";
        let data = desk.data(&desk.fixture.auditor.clone(), audit, json!({ "id": recipient.to_string() })).await;
        let actions: Vec<&str> = data["auditEntries"]["edges"].as_array().unwrap().iter()
            .map(|edge| edge["node"]["action"].as_str().unwrap()).collect();
        assert!(actions.contains(&"share.open") && actions.contains(&"acknowledgment.create"), "{actions:?}");
        let requests = data["auditEntries"]["edges"].as_array().unwrap();
        assert!(requests.iter().any(|edge| edge["node"]["requestId"] == "request-of-the-test"), "{data:#}");

        let disclosures = "query($id: ID!) { disclosures(patientId: $id) { edges { node { times personName basis } } } }";
        let patient = json!({ "id": desk.data(&physician, "{ patients { edges { node { id } } } }", json!({})).await
            ["patients"]["edges"][0]["node"]["id"] });
        let data = desk.data(&desk.fixture.auditor.clone(), disclosures, patient).await;
        assert_eq!(data["disclosures"]["edges"][0]["node"]["basis"], "TREATMENT", "{data:#}");
    }

    async fn a_repeat_with_the_same_key_is_one_share_and_another_request_under_it_is_a_problem(app: App) {
        let desk = Desk::new(app).await;
        let patient = desk.app.patient(&desk.fixture, "A").await;
        let signed = desk.app.sign(&desk.fixture, patient, "A", 0).await;
        let mut input = to_team(signed.version_id, desk.fixture.oncology_team);
        input["idempotencyKey"] = json!("once");
        let physician = desk.fixture.physician.clone();
        let first = desk.data(&physician, SHARE, json!({ "input": input })).await;
        let again = desk.data(&physician, SHARE, json!({ "input": input })).await;
        assert_eq!(first["shareNote"]["share"]["id"], again["shareNote"]["share"]["id"]);
        input["message"] = json!("another");
        let other = desk.data(&physician, SHARE, json!({ "input": input })).await;
        assert_eq!(other["shareNote"]["problems"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(other["shareNote"]["problems"][0]["path"], "idempotencyKey");
    }
}
