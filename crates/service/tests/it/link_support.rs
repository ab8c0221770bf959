//! What the tests of secure links share: a mail's link, a code, a guest.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use liaison_domain::{RecipientId, Urgency};
use liaison_service::{
    Result, ServiceError,
    channel::{Outbound, OutboundBody},
    link::{CodeSent, EnterLinkCode, LinkOpened, LinkSession, SendLinkCode},
};
use liaison_testkit::{App, Fixture, Signed};

use crate::work_support::{share_palliative, world};

pub(crate) fn text(mail: &Outbound) -> String {
    match &mail.body {
        OutboundBody::Email(body) => format!("{}\n{}", body.subject, body.text),
        OutboundBody::Webhook(body) => body.json.clone(),
    }
}

/// The token of the secure link in a mail.
pub(crate) fn token_in(mail: &Outbound) -> Option<String> {
    let text = text(mail);
    let (_, rest) = text.split_once("https://liaison.example/l/")?;
    Some(rest.split_whitespace().next()?.to_owned())
}

/// The world, a loop of the palliative team, and the token of its first mail.
pub(crate) async fn with_link(app: &App) -> (Fixture, Signed, RecipientId, String) {
    let (fixture, signed) = world(app, "2026-05-14T15:00:00Z").await;
    app.email.take();
    let id = share_palliative(app, &fixture, &signed, Urgency::Routine).await;
    app.work().await;
    let token = app.email.take().iter().find_map(token_in).unwrap();
    (fixture, signed, id, token)
}

pub(crate) fn ask(token: &str) -> SendLinkCode {
    SendLinkCode {
        token: token.to_owned(),
        address: 0,
        peer: Some("192.0.2.7".to_owned()),
        request_id: Some("request-1".to_owned()),
    }
}

/// Asks for a code and reads the mail that brings it.
pub(crate) async fn code(app: &App, token: &str) -> (CodeSent, String) {
    app.email.take();
    let sent = app.service.send_link_code(ask(token)).await.unwrap();
    app.work().await;
    let mails = app.email.take();
    let mail = mails
        .iter()
        .map(text)
        .find(|text| text.starts_with("Your code for Liaison"))
        .unwrap();
    let (_, rest) = mail.split_once("Your code is ").unwrap();
    (sent, rest.chars().take(6).collect())
}

pub(crate) fn enter(sent: &CodeSent, code: &str) -> EnterLinkCode {
    EnterLinkCode {
        challenge: sent.challenge.clone(),
        code: code.to_owned(),
        name: "Dr. Gesa Visitor".to_owned(),
        profession: "palliative physician".to_owned(),
        work_email: Some("gesa.visitor@palliative.example.test".to_owned()),
        phone: None,
        peer: Some("192.0.2.7".to_owned()),
        request_id: Some("request-2".to_owned()),
    }
}

pub(crate) async fn session(app: &App, opened: &LinkOpened) -> Result<LinkSession> {
    let secret = opened.secret.expose();
    app.service
        .link_session(secret, Some("192.0.2.7"), Some("request-3"), true)
        .await
}

/// A guest of a link, all the way.
pub(crate) async fn guest(app: &App, token: &str) -> (LinkOpened, LinkSession) {
    let (sent, digits) = code(app, token).await;
    let opened = app.service.enter_link_code(enter(&sent, &digits)).await.unwrap();
    let session = session(app, &opened).await.unwrap();
    (opened, session)
}

/// Another code than this one.
pub(crate) fn other(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

pub(crate) fn code_of<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> &'static str {
    result.expect_err("refused").code()
}
