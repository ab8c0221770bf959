//! Signing in and out through the pages; the rules themselves are the service's and are tested there.

use axum::http::header;
use liaison_testkit::both_engines;

use crate::harness::Browser;

both_engines! {
    async fn a_wrong_password_and_an_unknown_address_answer_alike(app: App) {
        app.fixture().await;
        let browser = Browser::open(&app);
        let mut bodies = Vec::new();
        for email in ["imogen.sampleton@clinic.example.test", "nobody@clinic.example.test"] {
            let fields = [("email", email), ("password", "not the password at all"), ("next", "/board")];
            let answer = browser.post_bare("/sign-in", &fields).await;
            answer.is(422).shows("That does not match").shows(email).hides("not the password at all");
            assert!(!answer.headers.contains_key(header::SET_COOKIE));
            bodies.push(answer.body.replace(email, "somebody"));
        }
        assert_eq!(bodies[0], bodies[1]);
    }

    async fn signing_out_ends_the_session_and_clears_the_browser(app: App) {
        let fixture = app.fixture().await;
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        let out = browser.post("/sign-out", &[]).await;
        out.is(303);
        assert_eq!(out.headers["clear-site-data"], "\"cache\", \"storage\"");
        assert_eq!(browser.get("/account").await.location(), "/sign-in?next=%2Faccount");
    }

    async fn another_session_is_ended_from_the_account_page(app: App) {
        let fixture = app.fixture().await;
        let here = Browser::signed_in(&app, &fixture.physician).await;
        let there = Browser::signed_in(&app, &fixture.physician).await;
        let page = here.get("/account").await;
        let other = page
            .body
            .split("<tr>")
            .find(|row| row.contains("/account/sessions/") && !row.contains("This one"))
            .unwrap();
        let path = other.split("action=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        // Not with another person's session.
        let stranger = Browser::signed_in(&app, &fixture.oncologist).await;
        stranger.post(&path, &[]).await.is(404);
        there.get("/account").await.is(200);
        here.post(&path, &[]).await.is(303);
        there.get("/account").await.is(303);
        here.get("/account").await.is(200);
    }

    async fn a_link_that_is_no_more_says_so_and_a_get_takes_none(app: App) {
        let fixture = app.fixture().await;
        let browser = Browser::open(&app);
        for path in ["/welcome/nonsense", "/reset/nonsense"] {
            browser.get(path).await.is(404).shows("not good any more");
        }
        let email = "oncor.fabricato@cancer.example.test";
        let issued = app.service.issue_sign_in_link(email, chrono::TimeDelta::minutes(15)).await.unwrap();
        let path = issued.url.expose().strip_prefix(liaison_testkit::BASE_URL).unwrap().to_owned();
        for _ in 0..3 {
            browser.get(&path).await.is(200).shows("It works once");
        }
        let entered = browser.post_bare(&path, &[]).await;
        entered.is(303);
        assert!(entered.headers.contains_key(header::SET_COOKIE));
        browser.post_bare(&path, &[]).await.is(404).shows("not good any more");
        drop(fixture);
    }
}
