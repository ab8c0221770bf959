//! Lists with all their edges take as many statements for fifty rows as for one, but for a few: loads of one kind that
//! come at nearly the same moment share a statement or do not, as time will have it. One edge that loads by itself would
//! cost forty-nine more.

use liaison_domain::Actor;
use liaison_service::loops::ShareNote;
use liaison_testkit::{Signed, both_engines, to_team};
use serde_json::{Value, json};

use crate::story_desk::Desk;

const LOOP: &str = "recipient { id level share { id message questions { text answeredBy { displayName } }
        sharedBy { displayName } recipients { id } }
    organization { name } toOrganization { name managedBy { name } } toTeam { name organization { name } }
    toPerson { displayName } sharedBy { displayName memberships { roles } }
    evidence { level by { displayName } } deliveries { channel endpoint { address } attempts { number } }
    steps { kind } callTasks { owner { displayName } } acknowledgment { comment by { displayName } }
    decline { reason } replies { body author { displayName } } redirectedTo { id } }";

/// Statements that a load may take more by the chance of the moment; far fewer than one for each row.
const CHANCE: u64 = 20;

async fn share(desk: &Desk, signed: &Signed) {
    let input = ShareNote {
        note_version_id: signed.version_id,
        recipients: vec![to_team(desk.fixture.oncology_team)],
        urgency: None,
        questions: Vec::new(),
        message: Some("a word".to_owned()),
        verbal: None,
        overrides: Vec::new(),
        idempotency_key: None,
    };
    desk.app
        .service
        .share_note(&desk.fixture.physician, input)
        .await
        .unwrap();
}

/// How many rows came, and how many statements it took.
async fn measured(desk: &Desk, actor: &Actor, query: &str, list: &str, variables: &Value) -> (usize, u64) {
    // The token is made before. A first look writes that the loops stand in the inbox; the next one only reads.
    desk.data(actor, query, variables.clone()).await;
    let before = desk.app.service.store().statements();
    let data = desk.data(actor, query, variables.clone()).await;
    let used = desk.app.service.store().statements() - before;
    let rows = data.pointer(list).and_then(Value::as_array).map_or(0, Vec::len);
    (rows, used)
}

both_engines! {
    async fn board_and_inbox_cost_the_same_for_one_row_and_for_fifty(app: App) {
        let desk = Desk::new(app).await;
        let patient = desk.app.patient(&desk.fixture, "A").await;
        let signed = desk.app.sign(&desk.fixture, patient, "A", 0).await;
        let board = format!("{{ board(first: 50) {{ edges {{ node {{ patient {{ name }} nextOwner {{ displayName }} {LOOP} }} }} }} }}");
        let inbox = format!("{{ inbox(first: 50) {{ edges {{ node {{ patient {{ name }} {LOOP} }} }} }} }}");
        let (physician, oncologist) = (desk.fixture.physician.clone(), desk.fixture.oncologist.clone());
        let mut counts = Vec::new();
        let mut shared = 0;
        for wanted in [1, 10, 50] {
            while shared < wanted {
                share(&desk, &signed).await;
                shared += 1;
            }
            let one = measured(&desk, &physician, &board, "/board/edges", &json!({})).await;
            let other = measured(&desk, &oncologist, &inbox, "/inbox/edges", &json!({})).await;
            assert_eq!((one.0, other.0), (wanted, wanted));
            counts.push((one.1, other.1));
        }
        for later in &counts[1..] {
            assert!(later.0 <= counts[0].0 + CHANCE && later.1 <= counts[0].1 + CHANCE, "{counts:?}");
        }
    }

    async fn a_timeline_costs_the_same_for_one_item_and_for_more(app: App) {
        let desk = Desk::new(app).await;
        let patient = desk.app.patient(&desk.fixture, "A").await;
        let query = "query($id: ID!) { patient(id: $id) { name timeline(first: 50) { edges { node { occurredAt kind status
            note { id status author { displayName } latestVersion { version } patient { name } }
            noteVersion { sha256 signedBy { displayName } note { id } } by { displayName } } } } } }";
        let variables = json!({ "id": patient.to_string() });
        let physician = desk.fixture.physician.clone();
        let mut counts = Vec::new();
        for number in 0..3 {
            desk.app.sign(&desk.fixture, patient, "A", number).await;
            let (rows, used) = measured(&desk, &physician, query, "/patient/timeline/edges", &variables).await;
            assert_eq!(rows, number + 1);
            counts.push(used);
        }
        // Nine edges: two items more would cost eighteen more.
        assert!(counts.iter().all(|used| *used <= counts[0] + 4), "{counts:?}");
    }
}
