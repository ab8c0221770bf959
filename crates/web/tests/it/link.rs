//! Secure links through the pages: what a mail scanner can do (nothing), and what a person with the code can.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use liaison_domain::{EvidenceLevel, RecipientId};
use liaison_service::channel::{Outbound, OutboundBody};
use liaison_testkit::{App, Fixture, both_engines};

use crate::harness::{Answer, Browser};

/// The text of a mail.
pub(crate) fn text(mail: &Outbound) -> String {
    match &mail.body {
        OutboundBody::Email(body) => format!("{}\n{}", body.subject, body.text),
        OutboundBody::Webhook(body) => body.json.clone(),
    }
}

/// The path of the secure link in the palliative team's newest mail.
pub(crate) fn link_in(mails: &[Outbound], base: &str) -> String {
    let mails = mails.iter().rev().map(text);
    let link = mails.into_iter().find_map(|mail| {
        let (_, rest) = mail.split_once(&format!("{base}/l/"))?;
        Some(format!("/l/{}", rest.split_whitespace().next()?))
    });
    link.expect("a mail with a link")
}

/// The six digits in the newest mail with a code.
pub(crate) fn code_in(mails: &[Outbound]) -> String {
    let mails = mails.iter().rev().map(text);
    let code = mails.into_iter().find_map(|mail| {
        let (_, rest) = mail.split_once("Your code is ")?;
        Some(rest.chars().take(6).collect())
    });
    code.expect("a mail with a code")
}

/// A share to the palliative team, and the path of its link.
pub(crate) async fn shared(app: &App) -> (Fixture, RecipientId, String) {
    let fixture = app.fixture().await;
    let patient = app.patient(&fixture, "A").await;
    let signed = app.sign(&fixture, patient, "A", 0).await;
    app.email.take();
    let shared = app.share_with_both(&fixture, &signed).await;
    app.work().await;
    let mails: Vec<_> = app.email.take();
    let mine: Vec<_> = mails
        .into_iter()
        .filter(|mail| mail.address.starts_with("palliative-team@"))
        .collect();
    let link = link_in(&mine, liaison_testkit::BASE_URL);
    (fixture, shared.recipient_ids[1], link)
}

pub(crate) async fn level(app: &App, fixture: &Fixture, id: RecipientId) -> EvidenceLevel {
    app.service.loops(&fixture.physician, &[id]).await.unwrap()[&id].level
}

/// A cookie of an answer, as the browser sends it back.
pub(crate) fn cookie(answer: &Answer, name: &str) -> String {
    let lines = answer.headers.get_all(header::SET_COOKIE);
    let line = lines
        .iter()
        .filter_map(|line| line.to_str().ok())
        .find(|line| line.starts_with(name))
        .unwrap();
    assert!(
        line.contains("HttpOnly") && line.contains("Secure") && line.contains("SameSite=Lax"),
        "{line}"
    );
    line.split(';').next().unwrap().to_owned()
}

/// Asks for a code by the page and reads it in the mail.
pub(crate) async fn code(app: &App, browser: &mut Browser, link: &str) -> String {
    app.email.take();
    let asked = browser.post_bare(link, &[("address", "0")]).await;
    asked
        .is(200)
        .shows("•••@palliative.example.test")
        .shows("Enter your code");
    browser.cookies = cookie(&asked, "__Host-liaison-challenge");
    app.work().await;
    code_in(&app.email.take())
}

pub(crate) const NAMED: [(&str, &str); 2] = [("name", "Dr. Gesa Visitor"), ("profession", "palliative physician")];

both_engines! {
    async fn a_mail_scanner_that_opens_every_link_and_presses_every_button_proves_nothing(app: App) {
        let (fixture, id, link) = shared(&app).await;
        let before = level(&app, &fixture, id).await;
        let browser = Browser::open(&app);
        for _ in 0..3 {
            let page = browser.get(&link).await;
            page.is(200).shows("Palliative medicine").shows("Example Ketamine Infusion Clinic");
            page.hides("Adaeze").hides("opioid").hides("note_").hides("loop_");
            // As link checkers and browsers that load ahead ask.
            for method in [Method::HEAD, Method::OPTIONS, Method::GET] {
                for (name, value) in [("sec-purpose", "prefetch"), ("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch")] {
                    let request = Request::builder().method(&method).uri(&link).header(name, value);
                    let answer = browser.raw(request.body(Body::empty()).unwrap()).await;
                    assert!(answer.status.as_u16() < 500, "{method} {}", answer.status);
                    answer.hides("opioid").hides("Adaeze");
                    assert!(!answer.headers.contains_key(header::SET_COOKIE));
                }
            }
            let head = Request::head(&link).body(Body::empty()).unwrap();
            browser.raw(head).await.is(200);
        }
        app.work().await;
        assert!(app.email.take().is_empty(), "no look sends a code");
        // Every button there is: the code goes to the directory's address, and stays unknown to the scanner.
        for path in [link.as_str(), "/link/enter", "/link/open", "/link/acknowledge", "/link/decline", "/link/reply",
            "/link/account", "/link/redirect", "/link/leave"] {
            let fields = [("address", "0"), ("code", "123456"), ("disposition", "REVIEWED_NO_CHANGE"), NAMED[0], NAMED[1]];
            // Some press twice, and some ask ahead with every method.
            for _ in 0..2 {
                let answer = browser.post_bare(path, &fields).await;
                answer.hides("opioid");
                assert!(answer.status.as_u16() < 500, "{path}");
            }
            for method in [Method::HEAD, Method::OPTIONS] {
                let request = Request::builder().method(&method).uri(path).header("sec-purpose", "prefetch");
                let answer = browser.raw(request.body(Body::empty()).unwrap()).await;
                assert!(answer.status.as_u16() < 500, "{method} {path}");
            }
        }
        for path in ["/link", "/link/print", "/link/receipt", "/link/redirect"] {
            browser.get(path).await.is(401);
        }
        browser.get(&format!("{link}/inbox")).await.is(303);
        app.work().await;
        assert_eq!(level(&app, &fixture, id).await, before);
        assert!(before < EvidenceLevel::Opened);
    }

    async fn with_the_code_a_person_reads_acknowledges_and_keeps_the_receipt(app: App) {
        let (fixture, id, link) = shared(&app).await;
        let mut browser = Browser::open(&app);
        let digits = code(&app, &mut browser, &link).await;
        // Without a name nothing opens, and what was typed stays.
        let nameless = browser.post_bare("/link/enter", &[("code", &digits), ("profession", "nurse")]).await;
        nameless.is(422).shows("nurse");
        let entered = browser.post_bare("/link/enter", &[("code", &digits), NAMED[0], NAMED[1]]).await;
        entered.is(303);
        assert_eq!(entered.location(), "/link");
        browser.cookies = cookie(&entered, "__Host-liaison-link");
        assert_eq!(level(&app, &fixture, id).await, EvidenceLevel::Opened);

        let letter = browser.get("/link").await;
        letter.is(200).shows("Dr. Gesa Visitor").shows("In short");
        browser.csrf = letter.value("csrf");
        let fields = [("disposition", "REVIEWED_NO_CHANGE"), ("noteVersionId", &letter.value("noteVersionId")), ("key", "once")];
        // Another site cannot answer in their name.
        browser.post_bare("/link/acknowledge", &fields).await.is(403);
        browser.post("/link/acknowledge", &fields).await.is(303);
        assert_eq!(level(&app, &fixture, id).await, EvidenceLevel::Acknowledged);
        app.work().await;
        browser.get("/link").await.is(200).shows("Reviewed");
        let receipt = browser.get("/link/receipt").await;
        receipt.is(200);
        assert_eq!(receipt.headers[header::CONTENT_TYPE], "application/json");
        // Who it was stands on the sender's side with how they were verified.
        let timeline = app.service.loop_timeline(&fixture.physician, id).await.unwrap();
        assert!(timeline.iter().any(|event| event.guest.as_ref().is_some_and(|guest| guest.name == "Dr. Gesa Visitor")));
        // The guest reaches nothing else.
        for path in ["/inbox", "/board", "/account", &format!("/inbox/{id}")] {
            let away = browser.get(path).await;
            assert!(away.location().starts_with("/sign-in"), "{path} {}", away.status);
        }
        let left = browser.post("/link/leave", &[]).await;
        left.is(200);
        browser.get("/link").await.is(401);
    }

    async fn a_code_is_good_for_five_tries_ten_minutes_and_one_use(app: App) {
        let (_, _, link) = shared(&app).await;
        let mut browser = Browser::open(&app);
        let digits = code(&app, &mut browser, &link).await;
        let wrong = if digits == "000000" { "000001" } else { "000000" };
        for _ in 0..5 {
            browser.post_bare("/link/enter", &[("code", wrong), NAMED[0], NAMED[1]]).await.is(422);
        }
        browser.post_bare("/link/enter", &[("code", &digits), NAMED[0], NAMED[1]]).await.is(422);

        let digits = code(&app, &mut browser, &link).await;
        app.advance(chrono::TimeDelta::minutes(11));
        browser.post_bare("/link/enter", &[("code", &digits), NAMED[0], NAMED[1]]).await.is(422);

        let digits = code(&app, &mut browser, &link).await;
        browser.post_bare("/link/enter", &[("code", &digits), NAMED[0], NAMED[1]]).await.is(303);
        browser.post_bare("/link/enter", &[("code", &digits), NAMED[0], NAMED[1]]).await.is(422);
    }

    async fn a_recalled_message_opens_nothing(app: App) {
        let (fixture, id, link) = shared(&app).await;
        let share = app.service.loops(&fixture.physician, &[id]).await.unwrap()[&id].share_id;
        let recall = liaison_service::loops::recall::RecallShare {
            share_id: share,
            reason: "Sent too early.".to_owned(),
            idempotency_key: None,
        };
        app.service.recall_share(&fixture.physician, recall).await.unwrap();
        let browser = Browser::open(&app);
        browser.get(&link).await.is(404).shows("opens nothing any more");
        browser.get("/l/not-a-token").await.is(404).shows("opens nothing any more");
        browser.post_bare(&link, &[("address", "0")]).await.is(404);
    }
}
