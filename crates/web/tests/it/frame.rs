//! The frame around every page: who gets in, what every answer carries, what another site cannot do.

use axum::{
    body::Body,
    http::{Request, header},
};
use liaison_testkit::both_engines;

use crate::harness::Browser;

both_engines! {
    async fn without_a_session_a_page_leads_to_the_sign_in_and_back(app: App) {
        let browser = Browser::open(&app);
        let answer = browser.get("/board?urgency=EMERGENT").await;
        answer.is(303);
        assert_eq!(answer.location(), "/sign-in?next=%2Fboard%3Furgency%3DEMERGENT");
        // A script is told instead, so that its page can keep what was typed.
        let request = Request::get("/board").header("x-liaison-script", "1").body(Body::empty()).unwrap();
        browser.raw(request).await.is(401);
    }

    async fn every_answer_carries_the_policy_and_is_not_stored(app: App) {
        let fixture = app.fixture().await;
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        for path in ["/account", "/no-such-page", "/sign-in"] {
            let answer = browser.get(path).await;
            assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store", "{path}");
            let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none';"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
            assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(answer.headers[header::REFERRER_POLICY], "no-referrer");
            assert!(answer.headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
            answer.hides("style=").hides(" onclick=");
        }
        browser.get("/no-such-page").await.is(404);
    }

    async fn a_form_of_another_site_or_session_is_refused(app: App) {
        let fixture = app.fixture().await;
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        let other = Browser::signed_in(&app, &fixture.coordinator).await;
        // Without the token, and with another session's.
        browser.post_bare("/sign-out", &[]).await.is(403).shows("CROSS_SITE");
        browser.post_bare("/sign-out", &[("csrf", &other.csrf)]).await.is(403);
        // With the token, but sent by another site.
        for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
            let request = Request::post("/sign-out")
                .header(header::COOKIE, &browser.cookies)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(name, value)
                .body(Body::from(format!("csrf={}", browser.csrf)))
                .unwrap();
            browser.raw(request).await.is(403);
        }
        browser.get("/account").await.is(200);
    }
}
