//! What weighs most asks again who it is, and keeps what was typed; a lost second factor is reset by a form.

use axum::http::header;
use chrono::TimeDelta;
use liaison_domain::Actor;
use liaison_service::sign_in::{Secret, SetPasswordByLink};
use liaison_testkit::{App, both_engines, fixture::user};

use crate::{admin::recorded, harness::Browser, inbox::shared, link::text};

const PASSWORD: &str = "four little boats adrift";

/// The path of the newest mailed link of a kind.
async fn mailed(app: &App, kind: &str) -> String {
    app.work().await;
    let mails = app.email.take();
    let mark = format!("{}/{kind}/", liaison_testkit::BASE_URL);
    let found = mails.iter().rev().map(text).find_map(|mail| {
        let (_, rest) = mail.split_once(&mark)?;
        Some(format!("/{kind}/{}", rest.split_whitespace().next()?))
    });
    found.expect("a mail with a link")
}

/// Gives somebody a password, by an invitation.
async fn with_password(app: &App, actor: &Actor) {
    app.service.invite_person(&Actor::system(), user(actor)).await.unwrap();
    let path = mailed(app, "welcome").await;
    let input = SetPasswordByLink {
        token: Secret::new(path.rsplit('/').next().unwrap()),
        password: Secret::new(PASSWORD),
        peer: None,
        request_id: None,
        user_agent: None,
    };
    app.service.set_password_by_link(input).await.unwrap();
}

/// A form of which the password is missing, wrong, and right.
async fn asks(browser: &Browser, path: &str, fields: &[(&str, &str)], kept: &str, error: &str) {
    let id = format!("id=\"{error}\"");
    browser.post(path, fields).await.is(422).shows(kept).shows(&id);
    let with = |password| {
        let mut fields = fields.to_vec();
        fields.push(("password", password));
        fields
    };
    let wrong = browser.post(path, &with("not the password at all")).await;
    wrong.is(422).shows(kept).shows(&id).hides("not the password at all");
    browser.post(path, &with(PASSWORD)).await.is(303);
}

both_engines! {
    async fn taking_back_asks_again_who_it_is_and_keeps_what_was_typed(app: App) {
        let f = app.fixture().await;
        let (signed, share) = shared(&app, &f).await;
        with_password(&app, &f.physician).await;
        let browser = Browser::signed_in(&app, &f.physician).await;
        let at = format!("/shares/{}", share.share_id);
        browser.get(&at).await.is(200).hides("f-password");
        app.advance(TimeDelta::minutes(6));
        browser.get(&at).await.is(200).shows("f-password");
        let fields = [("key", "k"), ("reason", "Wrong patient named.")];
        asks(&browser, &format!("{at}/recall"), &fields, "Wrong patient named.", "e-password").await;
        assert_eq!(recorded(&app, &f, "share.recall").await, 1);

        // The proof is good for five minutes, also for what comes next.
        let page = browser.get(&format!("/versions/{}", signed.version_id)).await;
        let note = page.body.split("/notes/").nth(1).unwrap().split(['"', '/']).next().unwrap().to_owned();
        app.advance(TimeDelta::minutes(6));
        let fields = [("key", "w"), ("reason", "Entered for another person.")];
        asks(&browser, &format!("/notes/{note}/withdraw"), &fields, "Entered for another person.", "e-password").await;
    }

    async fn an_address_and_roles_are_changed_after_a_proof(app: App) {
        let f = app.fixture().await;
        with_password(&app, &f.admin).await;
        let admin = Browser::signed_in(&app, &f.admin).await;
        app.advance(TimeDelta::minutes(6));
        let path = format!("/directory/people/{}", user(&f.coordinator));
        let page = admin.get(&path).await;
        page.is(200).shows("Change the person");
        let email = page.value("email");
        let named = |email: &str| {
            let fields = [("displayName", "Cora Renamed"), ("email", email), ("timeZone", "America/Chicago")];
            fields.map(|(name, value)| (name, value.to_owned()))
        };
        let same = named(&email);
        let same: Vec<_> = same.iter().map(|(name, value)| (*name, value.as_str())).collect();
        admin.post(&path, &same).await.is(303);
        let other = named("cora.renamed@clinic.example.test");
        let other: Vec<_> = other.iter().map(|(name, value)| (*name, value.as_str())).collect();
        asks(&admin, &path, &other, "value=\"cora.renamed@clinic.example.test\"", "e-password-person").await;

        app.advance(TimeDelta::minutes(6));
        let page = admin.get(&path).await;
        let place = page.body.split(&format!("{path}/places/")).nth(1).unwrap().split('"').next().unwrap().to_owned();
        let fields = [("roles", "AUDITOR"), ("key", "r")];
        let kept = "value=\"AUDITOR\" checked";
        asks(&admin, &format!("{path}/places/{place}"), &fields, kept, &format!("e-password-{place}")).await;
        assert_eq!(recorded(&app, &f, "membership.roles").await, 1);
        admin.get(&path).await.shows("Auditor");
    }

    async fn a_lost_factor_is_reset_by_a_form_and_set_up_anew_by_the_mailed_link(app: App) {
        let f = app.fixture().await;
        for actor in [&f.admin, &f.physician] {
            with_password(&app, actor).await;
        }
        let theirs = Browser::signed_in(&app, &f.physician).await;
        let admin = Browser::signed_in(&app, &f.admin).await;
        app.advance(TimeDelta::minutes(6));
        let path = format!("/directory/people/{}", user(&f.physician));
        admin.get(&path).await.is(200).shows("Reset a lost second factor");
        let act = format!("{path}/factors");
        admin.post(&act, &[("recognized", "IN_PERSON")]).await.is(422)
            .shows("id=\"e-reason\"").shows("id=\"e-password-factors\"").shows("value=\"IN_PERSON\" required checked");
        let fields = [("reason", "DEVICE_LOST"), ("recognized", "TELEPHONED")];
        admin.post_bare(&act, &fields).await.is(403);
        asks(&admin, &act, &fields, "value=\"TELEPHONED\" required checked", "e-password-factors").await;
        theirs.get("/account").await.is(303);
        admin.get(&format!("{path}?done=factors")).await.shows("The link to set up anew is on its way");
        assert_eq!(recorded(&app, &f, "second_factor.reset").await, 1);

        // Not one's own, not another organization's, not by another role.
        let own = format!("/directory/people/{}", user(&f.admin));
        admin.get(&own).await.is(200).hides("Reset a lost second factor");
        admin.post(&format!("{own}/factors"), &fields).await.is(422).shows("another admin does this for you");
        admin.post(&format!("/directory/people/{}/factors", user(&f.outsider)), &fields).await.is(404);
        let coordinator = Browser::signed_in(&app, &f.coordinator).await;
        coordinator.get(&path).await.is(200).hides("Reset a lost second factor");
        coordinator.post(&act, &fields).await.is(403);

        // The password alone leads to the mail; looking at the link changes nothing.
        let visitor = Browser::open(&app);
        let email = "imogen.sampleton@clinic.example.test";
        let step = visitor.post_bare("/sign-in", &[("email", email), ("password", PASSWORD)]).await;
        step.is(200).shows("Open the link in your mail");
        assert!(!step.headers.contains_key(header::SET_COOKIE));
        let link = mailed(&app, "set-up").await;
        for _ in 0..3 {
            visitor.get(&link).await.is(200).shows("Set up your second factor anew");
        }
        visitor.post_bare(&link, &[("password", "not the password at all")]).await.is(422).shows("not your password");
        let entered = visitor.post_bare(&link, &[("password", PASSWORD)]).await;
        assert_eq!(entered.is(303).location(), "/account/second-factor");
        visitor.post_bare(&link, &[("password", PASSWORD)]).await.is(404).shows("not good any more");
        visitor.get("/set-up/nonsense").await.is(404);
    }
}
