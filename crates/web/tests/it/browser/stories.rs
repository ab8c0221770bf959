//! The three stories, by the keyboard alone where a person would use it: write-sign-share, notice-open-acknowledge (with
//! an account, by its invitation and a passkey, and by secure link), audit-export-verify.

use std::time::Duration;

use fantoccini::key::Key;
use liaison_domain::{Actor, Disposition, EvidenceLevel, RecipientId};
use liaison_service::{loops::acknowledge::Acknowledge, notes::DraftNote, sign_in::Touch};
use liaison_testkit::{fixture, notes::journey, verify_export};
use serde_json::json;

use super::{screen::Screen, site::Site};
use crate::link::{code_in, link_in, text};

/// The password of who needs one here.
pub(super) const PASSWORD: &str = "a synthetic sentence for tests";

/// The path of an invitation to a person.
pub(super) async fn invitation(site: &Site, actor: &Actor) -> String {
    site.app.email.take();
    site.app
        .service
        .invite_person(&site.world.admin, fixture::user(actor))
        .await
        .unwrap();
    site.app.work().await;
    let mails = site.app.email.take();
    let mark = format!("{}/welcome/", site.base);
    let mail = mails.iter().map(text).find(|mail| mail.contains(&mark)).unwrap();
    let (_, token) = mail.split_once(&mark).unwrap();
    format!("/welcome/{}", token.split_whitespace().next().unwrap())
}

async fn level(site: &Site, id: RecipientId) -> EvidenceLevel {
    let found = site.app.service.loops(&site.world.physician, &[id]).await.unwrap();
    found[&id].level
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_physician_writes_signs_and_shares_by_the_keyboard() {
    let site = Site::serve().await;
    let physician = &site.world.physician;
    // The physician has a password: it is the signature.
    let welcome = invitation(&site, physician).await;
    let screen = Screen::open(&site).await;
    screen.go(&welcome).await;
    screen.fill("#f-password", PASSWORD).await;
    screen.fill("#f-again", PASSWORD).await;
    screen.key(Key::Enter).await;
    screen.wait_for("Add a second factor").await;

    // Yesterday's draft of the coordinator: an infusion, all but the signature.
    let content = journey("A").documents.last().unwrap().content.clone();
    let draft = DraftNote {
        patient_id: site.scene.patients[0],
        content,
        confirmations: Vec::new(),
        idempotency_key: None,
    };
    let saved = site
        .app
        .service
        .draft_note(&site.world.coordinator, draft)
        .await
        .unwrap();

    let secret = site.app.session(physician).await;
    let screen = Screen::signed_in(&site, &secret).await;
    screen.go(&format!("/notes/{}/edit", saved.note_id)).await;
    screen.wait_for("Infusion").await;
    // A change is saved by itself, without a button.
    let mark = "Walked to the door alone before leaving.";
    let script = "const field = [...document.querySelectorAll('#note textarea')].find((one) => one.name && !one.name.startsWith('paste'));
        field.id = field.id || 'first-text'; return field.id;";
    let field = screen.client.execute(script, vec![]).await.unwrap();
    let field = format!("[id='{}']", field.as_str().unwrap());
    screen.fill(&field, mark).await;
    let mut kept = String::new();
    for _ in 0..100 {
        let draft = site
            .app
            .service
            .draft(&site.world.coordinator, saved.note_id)
            .await
            .unwrap();
        kept = serde_json::to_string(draft.content.reveal()).unwrap();
        if kept.contains(mark) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(kept.contains(mark), "{}", screen.text().await);

    // After six minutes the signature asks again who signs.
    site.app.advance(chrono::TimeDelta::minutes(6));
    screen.tab_to("button[value=sign]").await;
    screen.key(Key::Enter).await;
    screen.wait_for("Signature").await;
    let boxes = "for (const box of document.querySelectorAll('input[name=confirm]:not(:checked)')) box.click();";
    screen.client.execute(boxes, vec![]).await.unwrap();
    screen.fill("#f-password", "not the password").await;
    screen.key(Key::Enter).await;
    screen.wait_for("this is not your password").await;
    screen.client.execute(boxes, vec![]).await.unwrap();
    screen.fill("#f-password", PASSWORD).await;
    screen.key(Key::Enter).await;
    screen.wait_for("Signed. The note is frozen").await;

    // On to the share dialog, with the care team proposed.
    screen.wait_for("What they will read first").await;
    screen.wait_for("Placeholder Cancer Center").await;
    screen.tab_to("button[value=send]").await;
    screen.key(Key::Enter).await;
    screen.wait_for("Shared. You see below").await;
    assert!(screen.path().await.starts_with("/shares/"), "{}", screen.path().await);
    screen.wait_for("Breast and thoracic oncology").await;
    screen.wait_for("Palliative medicine").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invited_oncologist_adds_a_passkey_opens_and_acknowledges_by_keys() {
    let site = Site::serve().await;
    let loops = &site.scene.unopened.recipient_ids;
    let welcome = invitation(&site, &site.world.oncologist).await;
    let screen = Screen::open(&site).await;
    screen.devtools("WebAuthn.enable", json!({})).await;
    let device = json!({"options": {"protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
        "hasUserVerification": true, "isUserVerified": true, "automaticPresenceSimulation": true}});
    screen.devtools("WebAuthn.addVirtualAuthenticator", device).await;

    screen.go(&welcome).await;
    screen.fill("#f-password", PASSWORD).await;
    screen.fill("#f-again", PASSWORD).await;
    screen.key(Key::Enter).await;
    screen.wait_for("Add a second factor").await;
    // Nothing else is open yet.
    screen.go("/inbox").await;
    screen.wait_for("Add a second factor").await;
    screen.tab_to("[data-passkey=add]").await;
    screen.key(Key::Enter).await;
    screen.wait_for("recovery codes").await;
    assert!(screen.has("#codes li:nth-child(10)").await);

    // Out, and in again by the passkey alone.
    screen.go("/account").await;
    screen
        .client
        .execute(
            "document.querySelector('form[action=\"/sign-out\"]').requestSubmit();",
            vec![],
        )
        .await
        .unwrap();
    screen.wait_for("Sign in").await;
    screen.go(&format!("/inbox/{}", loops[0])).await;
    screen.wait_for("I forgot my password").await;
    screen.tab_to("[data-passkey=sign-in]").await;
    screen.key(Key::Enter).await;
    screen.wait_for("Not opened by you yet").await;
    assert!(
        level(&site, loops[0]).await < EvidenceLevel::Opened,
        "a GET opens nothing"
    );

    // Open, choose, acknowledge: one key each.
    screen.press("o").await;
    screen.wait_for("In short").await;
    assert_eq!(level(&site, loops[0]).await, EvidenceLevel::Opened);
    screen.press("1").await;
    screen.press("a").await;
    screen.wait_for("Acknowledged. The clinic is told").await;
    assert_eq!(level(&site, loops[0]).await, EvidenceLevel::Acknowledged);
    // The other recipient's loop is untouched.
    assert!(level(&site, loops[1]).await < EvidenceLevel::Opened);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_robot_that_presses_every_button_proves_nothing_and_a_person_with_the_code_acknowledges() {
    let site = Site::serve().await;
    site.app.email.take();
    let signed = site.app.sign(&site.world, site.scene.patients[2], "D", 0).await;
    let shared = site.app.share_with_both(&site.world, &signed).await;
    site.app.work().await;
    let mut mails = site.app.email.take();
    mails.retain(|mail| mail.address.starts_with("palliative-team@"));
    let link = link_in(&mails, &site.base);
    let id = shared.recipient_ids[1];

    // Follows every link and presses every button that it finds, one after the other.
    let screen = Screen::open(&site).await;
    for number in 0..12 {
        screen.go(&link).await;
        let press = "const all = [...document.querySelectorAll('main a, main button')];
            const one = all[arguments[0]]; if (one) { one.click(); one.click(); } return Boolean(one);";
        screen.client.execute(press, vec![json!(number)]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        // The page that comes may have buttons too: all are pressed with what stands there.
        let submit = "for (const form of document.querySelectorAll('form')) { form.noValidate = true; form.requestSubmit(); break; }";
        screen.client.execute(submit, vec![]).await.unwrap();
    }
    // It asks with every method, ahead of time, and sends what it found twice, without a code.
    screen.go(&link).await;
    let more = "const done = arguments[arguments.length - 1];
        const form = {'content-type': 'application/x-www-form-urlencoded'};
        const asks = [];
        for (const path of [location.pathname, '/link', '/link/enter', '/link/open', '/link/acknowledge', '/link/redirect', '/link/account']) {
            for (const method of ['HEAD', 'OPTIONS', 'GET']) asks.push([path, {method}]);
            for (let twice = 0; twice < 2; twice += 1)
                asks.push([path, {method: 'POST', headers: form, body: 'address=0&code=&name=Robot&profession=Robot&disposition=REVIEWED_NO_CHANGE'}]);
        }
        Promise.all(asks.map(([path, how]) => fetch(path, how).then((answer) => answer.status)))
            .then((all) => done(all.every((status) => status < 500)), (error) => done(String(error)));";
    let asked = screen.client.execute_async(more, vec![]).await.unwrap();
    assert_eq!(asked, json!(true), "no answer is a fault of ours");
    site.app.work().await;
    assert!(level(&site, id).await < EvidenceLevel::Opened);

    // The robot used up the hour's codes: a person comes an hour later.
    site.app.advance(chrono::TimeDelta::minutes(61));
    site.app.email.take();
    screen.go(&link).await;
    screen.tab_to("main button.primary").await;
    screen.key(Key::Enter).await;
    screen.wait_for("Enter your code").await;
    site.app.work().await;
    let code = code_in(&site.app.email.take());
    screen.fill("#f-code", &code).await;
    screen.fill("#f-name", "Dr. Gesa Visitor").await;
    screen.fill("#f-profession", "palliative physician").await;
    screen.key(Key::Enter).await;
    screen.wait_for("In short").await;
    screen.press("1").await;
    screen.press("a").await;
    screen.wait_for("Dr. Gesa Visitor").await;
    for _ in 0..50 {
        if level(&site, id).await == EvidenceLevel::Acknowledged {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(level(&site, id).await, EvidenceLevel::Acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_finds_exports_and_the_export_verifies_offline() {
    let site = Site::serve().await;
    site.app.work().await;
    let secret = site.app.session(&site.world.auditor).await;
    let screen = Screen::signed_in(&site, &secret).await;
    let folder = tempfile::tempdir().unwrap();
    let allow = json!({"behavior": "allow", "downloadPath": folder.path()});
    screen.devtools("Browser.setDownloadBehavior", allow).await;
    screen.go(&format!("/audit?patient={}", site.scene.patients[0])).await;
    screen.wait_for("This search is itself recorded").await;
    site.app.work().await;
    screen.tab_to("button[value=ndjson]").await;
    screen.key(Key::Enter).await;
    let file = loop {
        let found = std::fs::read_dir(folder.path()).unwrap().flatten().find(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().ends_with(".ndjson")
        });
        if let Some(found) = found {
            break found.path();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let export = std::fs::read(&file).unwrap();
    let key = site.app.service.signer().verifier();
    let proven = verify_export(export.as_slice(), key).unwrap();
    assert!(proven.entries > 10, "{}", proven.entries);
    // One byte changed, and it proves nothing.
    let at = export.len() / 2;
    let mut broken = export.clone();
    broken[at] ^= 1;
    assert!(verify_export(broken.as_slice(), key).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_keeps_what_was_typed_and_the_board_follows_by_itself() {
    let site = Site::serve().await;
    let physician = &site.world.physician;
    let secret = site.app.session(physician).await;
    // Twelve hours but a few seconds, used all the time.
    for _ in 0..51 {
        site.app.advance(chrono::TimeDelta::minutes(14));
        let used = site.app.service.session(&secret, None, None, Touch::Activity).await;
        used.unwrap();
    }
    site.app.advance(chrono::TimeDelta::seconds(353));
    let screen = Screen::signed_in(&site, &secret).await;
    screen.go(&format!("/shares/{}", site.scene.call_asked.share_id)).await;
    screen.wait_for("Your session ends in two minutes").await;
    let aside = "document.querySelector('dialog[open]').close();
        document.querySelector('textarea[name=body]').closest('details').open = true;";
    screen.client.execute(aside, vec![]).await.unwrap();
    let words = "We phone you today at four.";
    screen.fill("textarea[name=body]", words).await;
    site.app.advance(chrono::TimeDelta::minutes(2));
    screen.wait_for("Your session has ended").await;
    let typed = "return document.querySelector('textarea[name=body]').value;";
    assert_eq!(screen.client.execute(typed, vec![]).await.unwrap(), json!(words));
    // Signed in again, in another tab: this page goes on with the new session.
    let again = site.app.session(physician).await;
    let cookie = json!({"name": liaison_web::COOKIE_PLAIN, "value": again, "url": site.base, "httpOnly": true});
    screen.devtools("Network.setCookie", cookie).await;
    let press = "document.querySelector('dialog[open] .actions button').click();";
    screen.client.execute(press, vec![]).await.unwrap();
    let send = "const field = document.querySelector('textarea[name=body]');
        if (document.querySelector('dialog[open]')) return false;
        field.form.requestSubmit(); return true;";
    for _ in 0..50 {
        if screen.client.execute(send, vec![]).await.unwrap() == json!(true) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    screen.wait_for("Your reply was sent").await;
    screen.wait_for(words).await;

    // The board shows an acknowledgment that comes meanwhile, without a reload.
    screen.go("/board").await;
    screen.wait_for("Opened by Dr. Oncor Fabricato").await;
    let mark = "window.stays = true;";
    screen.client.execute(mark, vec![]).await.unwrap();
    let recipient = site.scene.opened.recipient_ids[0];
    let version = site.app.service.loops(physician, &[recipient]).await.unwrap()[&recipient].note_version_id;
    let reviewed = Acknowledge {
        recipient_id: Some(recipient),
        note_version_id: Some(version),
        dispositions: vec![Disposition::ReviewedNoChange],
        ..Acknowledge::default()
    };
    site.app
        .service
        .acknowledge(&site.world.oncologist, reviewed)
        .await
        .unwrap();
    let gone = "return window.stays && !document.body.innerText.includes('Opened by Dr. Oncor Fabricato');";
    for _ in 0..100 {
        if screen.client.execute(gone, vec![]).await.unwrap() == json!(true) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the board did not follow:\n{}", screen.text().await);
}
