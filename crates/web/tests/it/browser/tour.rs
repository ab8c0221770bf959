//! Every page, as each person sees it: a picture at both widths, in light and dark, and nothing serious for axe-core.

use liaison_domain::Actor;
use liaison_service::notes::DraftNote;
use liaison_testkit::{fixture, notes::journey};
use serde_json::json;

use super::{
    screen::{Screen, WIDTHS},
    site::Site,
};
use crate::link::link_in;

/// Looks at pages and gathers what is wrong with them.
async fn look(screen: &Screen, pages: &[(&str, String)]) -> Vec<String> {
    let mut flaws = Vec::new();
    for (name, path) in pages {
        for width in WIDTHS {
            for scheme in ["light", "dark"] {
                let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
                screen.devtools("Emulation.setEmulatedMedia", features).await;
                screen.width(width).await;
                screen.go(path).await;
                let status = "return performance.getEntriesByType('navigation')[0].responseStatus;";
                let status = screen.client.execute(status, vec![]).await.unwrap();
                if status != json!(200) {
                    flaws.push(format!("{name} ({path}): status {status}"));
                }
                let tag = if scheme == "dark" {
                    format!("{name}-dark")
                } else {
                    (*name).to_owned()
                };
                screen.picture(&tag, width).await;
                for flaw in screen.flaws().await {
                    flaws.push(format!("{name} ({path}) at {width}, {scheme}: {flaw}"));
                }
            }
        }
    }
    flaws
}

/// Looks at pages as one person.
async fn tour(site: &Site, actor: &Actor, pages: &[(&str, String)]) -> Vec<String> {
    let secret = site.app.session(actor).await;
    let screen = Screen::signed_in(site, &secret).await;
    let flaws = look(&screen, pages).await;
    screen.client.close().await.unwrap();
    flaws
}

fn page(name: &'static str, path: impl Into<String>) -> (&'static str, String) {
    (name, path.into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_serious_before_the_sign_in() {
    let site = Site::serve().await;
    let mails = site.app.email.take();
    let link = link_in(&mails, &site.base);
    let screen = Screen::open(&site).await;
    let pages = [
        page("sign-in", "/sign-in"),
        page("forgotten", "/reset"),
        page("link", link),
    ];
    let flaws = look(&screen, &pages).await;
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_serious_on_the_clinics_pages() {
    let site = Site::serve().await;
    let (world, scene) = (&site.world, &site.scene);
    let patient = scene.patients[0];
    let version = site
        .app
        .service
        .loops(&world.physician, &scene.opened.recipient_ids)
        .await
        .unwrap()[&scene.opened.recipient_ids[0]]
        .note_version_id;
    let draft = DraftNote {
        patient_id: patient,
        content: journey("A").documents.last().unwrap().content.clone(),
        confirmations: Vec::new(),
        idempotency_key: None,
    };
    let draft = site
        .app
        .service
        .draft_note(&world.physician, draft)
        .await
        .unwrap()
        .note_id;
    let calls = site
        .app
        .service
        .call_list(&world.physician, Default::default())
        .await
        .unwrap();
    let call = calls.entries.first().expect("the scene has calls").task.id;
    let pages = [
        page("board", "/board"),
        page("patients", "/patients"),
        page("patient-new", "/patients/new"),
        page("patient", format!("/patients/{patient}")),
        page("patient-edit", format!("/patients/{patient}/edit")),
        page("circle", format!("/patients/{patient}/circle")),
        page("share", format!("/shares/{}", scene.call_asked.share_id)),
        page("calls", "/calls"),
        page("call", format!("/calls/{call}")),
        page("notices", "/notices"),
        page("note-new", format!("/patients/{patient}/notes/new")),
        page("editor", format!("/notes/{draft}/edit")),
        page("preview", format!("/notes/{draft}/preview")),
        page("sign", format!("/notes/{draft}/sign")),
        page("note", format!("/notes/{draft}")),
        page("version", format!("/versions/{version}")),
        page("share-dialog", format!("/versions/{version}/share")),
        page("account", "/account"),
        page("second-factor", "/account/second-factor"),
    ];
    let flaws = tour(&site, &world.physician, &pages).await;
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_serious_on_the_recipients_pages() {
    let site = Site::serve().await;
    let (opened, unopened) = (site.scene.opened.recipient_ids[0], site.scene.unopened.recipient_ids[0]);
    let answered = site.scene.call_asked.recipient_ids[0];
    let pages = [
        page("inbox", "/inbox"),
        page("inbox-done", "/inbox?show=done"),
        page("letter-closed", format!("/inbox/{unopened}")),
        page("letter", format!("/inbox/{opened}")),
        page("letter-answered", format!("/inbox/{answered}")),
        page("letter-print", format!("/inbox/{opened}/print")),
        page("redirect", format!("/inbox/{opened}/redirect")),
        page("coverage", "/coverage"),
        page("reach", "/account/notices"),
    ];
    let flaws = tour(&site, &site.world.oncologist, &pages).await;
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_serious_on_the_pages_of_admins_and_auditors() {
    let site = Site::serve().await;
    let (world, patient) = (&site.world, site.scene.patients[0]);
    let person = fixture::user(&world.oncologist);
    let hold = liaison_service::patients::SetLegalHold {
        patient_id: patient,
        reason: "Counsel asked, in this synthetic scene.".to_owned(),
        idempotency_key: None,
    };
    site.app.service.set_legal_hold(&world.admin, hold).await.unwrap();
    let pages = [
        page("audit", "/audit"),
        page("audit-patient", format!("/audit/patients/{patient}")),
        page("audit-person", format!("/audit/people/{person}")),
        page("audit-filters", "/audit/filters"),
        page("audit-reviews", "/audit/reviews"),
        page("disclosures", format!("/disclosures?patient={patient}")),
        page("mis-sends", "/mis-sends"),
        page("deliveries", "/deliveries"),
        page("endpoint", format!("/directory/endpoints/{}", world.oncology_webhook)),
        page("directory", "/directory"),
        page("organization", format!("/directory/organizations/{}", world.oncology)),
        page("team", format!("/directory/teams/{}", world.oncology_team)),
        page("person", format!("/directory/people/{person}")),
        page("policies", "/policies"),
        page("policy", format!("/policies/{}/URGENT", world.oncology)),
        page("timeliness", "/timeliness"),
        page("ledger", "/ledger"),
        page("legal-holds", "/legal-holds"),
        page("break-glass", "/break-glass"),
    ];
    let flaws = tour(&site, &world.admin, &pages).await;
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}
