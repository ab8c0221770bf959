//! Signing in by the keyboard alone: password and one-time code, a recovery code, and going to another organization.

use chrono::TimeDelta;
use fantoccini::{Locator, key::Key};
use liaison_domain::Role;
use liaison_service::directory::{AddPerson, OrganizationChoice};

use super::{
    screen::Screen,
    site::Site,
    stories::{PASSWORD, invitation},
};
use crate::{link::text, link_account::totp};

/// Goes to a field by Tab and types.
async fn type_into(screen: &Screen, css: &str, words: &str) {
    screen.find(css).await;
    screen.tab_to(css).await;
    screen.press(words).await;
}

/// Goes to a button by Tab and presses it.
async fn press_on(screen: &Screen, css: &str) {
    screen.find(css).await;
    screen.tab_to(css).await;
    screen.key(Key::Enter).await;
}

async fn sign_out(screen: &Screen) {
    press_on(screen, "details.me summary").await;
    press_on(screen, "form[action='/sign-out'] button").await;
    screen.wait_for("I forgot my password").await;
}

/// The address and the password; the second step is on the screen then.
async fn first_step(screen: &Screen, email: &str) {
    screen.go("/sign-in").await;
    type_into(screen, "#f-email", email).await;
    type_into(screen, "#f-password", PASSWORD).await;
    screen.key(Key::Enter).await;
    screen.wait_for("Code from your authenticator app").await;
}

async fn second_step(screen: &Screen, code: &str) {
    type_into(screen, "#f-code", code).await;
    screen.key(Key::Enter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_with_a_one_time_code_and_with_a_recovery_code_by_the_keyboard() {
    let site = Site::serve().await;
    let email = "imogen.sampleton@clinic.example.test";
    let welcome = invitation(&site, &site.world.physician).await;
    let screen = Screen::open(&site).await;
    screen.go(&welcome).await;
    type_into(&screen, "#f-password", PASSWORD).await;
    type_into(&screen, "#f-again", PASSWORD).await;
    screen.key(Key::Enter).await;
    screen.wait_for("Add a second factor").await;

    // The app gets the key that the page shows.
    press_on(&screen, "form[action='/account/totp'] button").await;
    let key = screen.find(".card p code").await.text().await.unwrap();
    second_step(&screen, &totp(&site.app, &key)).await;
    screen.wait_for("recovery codes").await;
    screen.find("#codes li:nth-child(10)").await;
    let mut codes = Vec::new();
    for line in screen.client.find_all(Locator::Css("#codes li")).await.unwrap() {
        codes.push(line.text().await.unwrap());
    }
    assert_eq!(codes.len(), 10, "{codes:?}");
    sign_out(&screen).await;

    // A code works once: the one of a moment ago is refused, the next one opens.
    first_step(&screen, email).await;
    second_step(&screen, &totp(&site.app, &key)).await;
    screen.wait_for("This code is not right, or was used before").await;
    site.app.advance(TimeDelta::seconds(30));
    second_step(&screen, &totp(&site.app, &key)).await;
    screen.find("a[href='/board'][aria-current=page]").await;
    assert_eq!(screen.path().await, "/board");
    sign_out(&screen).await;

    // A recovery code once, and then never again.
    site.app.work().await;
    site.app.email.take();
    first_step(&screen, email).await;
    second_step(&screen, &codes[0]).await;
    screen.find("a[href='/board'][aria-current=page]").await;
    site.app.work().await;
    let told = site.app.email.take();
    assert!(
        told.iter()
            .map(text)
            .any(|mail| mail.contains("a recovery code was used"))
    );
    sign_out(&screen).await;
    first_step(&screen, email).await;
    for _ in 0..2 {
        second_step(&screen, &codes[0]).await;
        screen.wait_for("This code is not right, or was used before").await;
    }
    assert!(screen.path().await.starts_with("/sign-in"));
    second_step(&screen, &codes[1]).await;
    screen.find("a[href='/board'][aria-current=page]").await;
    screen.go("/account").await;
    screen.wait_for("8 left").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_places_in_two_organizations_goes_from_one_to_the_other_by_the_keyboard() {
    let site = Site::serve().await;
    let world = &site.world;
    // The clinic's physician helps out at the cancer center.
    let there = AddPerson {
        organization: OrganizationChoice::Existing(world.oncology),
        email: "imogen.sampleton@clinic.example.test".to_owned(),
        display_name: "Dr. Imogen Sampleton".to_owned(),
        phone: None,
        time_zone: None,
        digest_hour: None,
        roles: vec![Role::Clinician],
        teams: vec![world.oncology_team],
        idempotency_key: None,
    };
    site.app.service.add_person(&world.system, there).await.unwrap();
    let secret = site.app.session(&world.physician).await;
    let screen = Screen::signed_in(&site, &secret).await;
    screen.go("/board").await;
    screen.wait_for("Breast and thoracic oncology").await;
    screen.wait_for("Palliative medicine").await;
    screen.go("/inbox").await;
    screen.wait_for("Inbox").await;
    let unopened = site.scene.unopened.recipient_ids[0];
    let waits = format!("a[href='/inbox/{unopened}']");
    assert!(!screen.has(&waits).await, "that letter is the cancer center's");

    // To the other place: its inbox, and nothing of the clinic's board.
    screen.go("/board").await;
    press_on(&screen, "details.me summary").await;
    press_on(&screen, "button[name=organization]:not([aria-current])").await;
    screen.wait_for("Placeholder Cancer Center").await;
    screen.go("/inbox").await;
    screen.find(&waits).await;
    screen.go("/board").await;
    screen.wait_for("Not for your role").await;
    assert!(!screen.has("main table").await);

    // And back.
    screen.go("/inbox").await;
    press_on(&screen, "details.me summary").await;
    press_on(&screen, "button[name=organization]:not([aria-current])").await;
    screen.wait_for("Palliative medicine").await;
    screen.go("/inbox").await;
    screen.wait_for("Inbox").await;
    assert!(!screen.has(&waits).await);
}
