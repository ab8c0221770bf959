//! A tab that is closed while a note is written: what was typed is there when the author comes back, also what no field
//! can hold.

use std::time::Duration;

use liaison_service::notes::{Draft, DraftNote};
use liaison_testkit::notes::journey;

use super::{screen::Screen, site::Site};

const WEIGHT: &str = "[id='f-infusion.weight_kg']";
const HISTORY: &str = "[id='f-pre_infusion_check.interval_history']";

async fn value(screen: &Screen, css: &str) -> String {
    screen.find(css).await.prop("value").await.unwrap().unwrap_or_default()
}

async fn until(site: &Site, note: liaison_domain::NoteId, holds: impl Fn(&Draft) -> bool) -> bool {
    for _ in 0..100 {
        let draft = site.app.service.draft(&site.world.physician, note).await.unwrap();
        if holds(&draft) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_tab_loses_nothing_of_a_draft() {
    let site = Site::serve().await;
    let physician = &site.world.physician;
    let draft = DraftNote {
        patient_id: site.scene.patients[0],
        content: journey("A").documents.last().unwrap().content.clone(),
        confirmations: Vec::new(),
        idempotency_key: None,
    };
    let saved = site.app.service.draft_note(physician, draft).await.unwrap();
    let path = format!("/notes/{}/edit", saved.note_id);
    let secret = site.app.session(physician).await;
    let screen = Screen::signed_in(&site, &secret).await;
    let first = screen.client.window().await.unwrap();
    let second = screen.client.new_window(true).await.unwrap();
    screen.client.switch_to_window(second.handle).await.unwrap();
    screen.go(&path).await;
    screen.wait_for("Infusion and dose").await;

    // A slip of the hand in one field, and more in another: both are saved, and the field says what is wrong with it.
    screen.fill(WEIGHT, "68,5x").await;
    screen.wait_for("1 value kept as typed").await;
    screen.wait_for("Write a number with a point").await;
    // Closed before the next save was due.
    screen.fill(HISTORY, "Slept through four nights.").await;
    screen.client.close_window().await.unwrap();
    screen.client.switch_to_window(first).await.unwrap();
    let kept = until(&site, saved.note_id, |draft| {
        let history = draft.content.reveal().as_infusion().and_then(|summary| {
            let check = summary.pre_infusion_check.as_ref()?;
            check.interval_history.clone()
        });
        let aside: Vec<&str> = draft.set_aside.reveal().iter().map(|one| one.text.as_str()).collect();
        history.as_deref() == Some("Slept through four nights.") && aside == ["68,5x"]
    });
    assert!(kept.await, "what was typed last did not arrive");

    // Back again: as it was left.
    screen.go(&path).await;
    screen.wait_for("Saved, but not all of it is in the note.").await;
    assert_eq!(value(&screen, WEIGHT).await, "68,5x");
    assert_eq!(value(&screen, HISTORY).await, "Slept through four nights.");
    screen.fill(WEIGHT, "68.5").await;
    let mended = until(&site, saved.note_id, |draft| draft.set_aside.reveal().is_empty());
    assert!(mended.await, "{}", screen.text().await);
}
