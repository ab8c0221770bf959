//! Sign-in and sessions on both engines.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod at_rest;
mod authenticator;
mod change;
mod doors;
mod factor_reset;
mod links;
mod own;
mod passkeys;
mod sessions;
mod throttling;

use chrono::TimeDelta;
use liaison_domain::{Actor, UserId};
use liaison_service::{
    ServiceError,
    channel::OutboundBody,
    sign_in::{SecondFactor, Secret, SessionOpened, SetPasswordByLink, SignIn, SignInStep, SignedIn, TotpBegun, Touch},
};
use liaison_store::{directory::person, ledger};
use liaison_testkit::{App, fixture::user};
use totp_rs::{Algorithm, Builder};

pub(crate) const PASSWORD: &str = "four little boats adrift";
pub(crate) const PEER: &str = "192.0.2.17";

/// A person who has set everything up.
pub(crate) struct Known {
    pub(crate) user_id: UserId,
    pub(crate) email: String,
    pub(crate) totp: Vec<u8>,
    pub(crate) codes: Vec<String>,
    /// The session in which they did.
    pub(crate) session: SessionOpened,
}

pub(crate) async fn email_of(app: &App, who: &Actor) -> String {
    let mut conn = app.service.store().read().await.unwrap();
    person::find(&mut conn, user(who)).await.unwrap().unwrap().email
}

/// The newest mail to somebody that carries a link with a token: that link.
pub(crate) async fn mailed_link(app: &App, email: &str) -> String {
    app.work().await;
    let mails = app.email.take();
    let mine = mails.iter().rev().filter(|mail| mail.address == email);
    let links = mine.filter_map(|mail| {
        let OutboundBody::Email(body) = &mail.body else {
            return None;
        };
        let opens = |line: &&str| line.starts_with("https://") && line.rsplit('/').next().unwrap().len() == 43;
        body.text.lines().find(opens).map(str::to_owned)
    });
    links.into_iter().next().expect("a mail with a link")
}

/// The mails about changes that somebody got since the last look, as text, by their subjects.
pub(crate) async fn told(app: &App, email: &str) -> Vec<(String, String)> {
    app.work().await;
    let mails = app.email.take();
    let mine = mails.iter().filter(|mail| mail.address == email);
    let texts = mine.filter_map(|mail| match &mail.body {
        OutboundBody::Email(body) => Some((body.subject.clone(), body.text.clone())),
        OutboundBody::Webhook(_) => None,
    });
    texts.filter(|(subject, _)| subject.starts_with("Liaison: ")).collect()
}

pub(crate) fn token(link: &str) -> Secret {
    Secret::new(link.rsplit('/').next().unwrap())
}

pub(crate) fn by_link(token: &Secret, password: &str) -> SetPasswordByLink {
    SetPasswordByLink {
        token: token.clone(),
        password: Secret::new(password),
        peer: Some(PEER.to_owned()),
        request_id: None,
        user_agent: Some("Browser 1".to_owned()),
    }
}

pub(crate) fn typed(email: &str, password: &str) -> SignIn {
    typed_from(email, password, PEER)
}

pub(crate) fn typed_from(email: &str, password: &str, peer: &str) -> SignIn {
    SignIn {
        email: email.to_owned(),
        password: Secret::new(password),
        peer: Some(peer.to_owned()),
        request_id: Some("request-1".to_owned()),
        user_agent: Some("Browser 1".to_owned()),
    }
}

pub(crate) fn second(challenge: &str, code: &str) -> SecondFactor {
    SecondFactor {
        challenge: challenge.to_owned(),
        code: Secret::new(code),
        peer: Some(PEER.to_owned()),
        request_id: None,
        user_agent: Some("Browser 1".to_owned()),
    }
}

fn from_base32(text: &str) -> Vec<u8> {
    let bits: Vec<u8> = text
        .bytes()
        .map(|b| if b.is_ascii_digit() { b - b'2' + 26 } else { b - b'A' })
        .flat_map(|five| (0..5).rev().map(move |at| five >> at & 1))
        .collect();
    bits.chunks_exact(8)
        .map(|byte| byte.iter().fold(0, |all, bit| all << 1 | bit))
        .collect()
}

/// The code that an app shows for a secret now.
pub(crate) fn code(app: &App, secret: &[u8]) -> String {
    let totp = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(30)
        .with_secret(<[u8; 20]>::try_from(secret).unwrap())
        .build()
        .unwrap();
    totp.generate(u64::try_from(app.now().timestamp()).unwrap()).to_string()
}

pub(crate) async fn session(app: &App, opened: &SessionOpened) -> SignedIn {
    app.service
        .session(&opened.secret, Some(PEER), Some("request-2"), Touch::Activity)
        .await
        .expect("a session")
}

/// What the service says to a session's secret.
pub(crate) async fn is_good(app: &App, opened: &SessionOpened) -> bool {
    match app.service.session(&opened.secret, None, None, Touch::Nothing).await {
        Ok(_) => true,
        Err(ServiceError::Unauthenticated) => false,
        Err(other) => panic!("{other}"),
    }
}

/// Invites somebody, who sets a password: the session that is good for adding a second factor.
pub(crate) async fn invited(app: &App, who: &Actor) -> (String, SessionOpened) {
    let email = email_of(app, who).await;
    app.service.invite_person(&Actor::system(), user(who)).await.unwrap();
    let link = mailed_link(app, &email).await;
    assert!(link.starts_with("https://liaison.example/welcome/"), "{link}");
    let step = app.service.set_password_by_link(by_link(&token(&link), PASSWORD)).await;
    let SignInStep::Enrol(opened) = step.unwrap() else {
        panic!("no second factor yet")
    };
    (email, opened)
}

pub(crate) async fn begin_totp(app: &App, opened: &SessionOpened) -> (TotpBegun, Vec<u8>) {
    let begun = app.service.begin_totp(&session(app, opened).await.actor).await.unwrap();
    let secret = from_base32(&begun.secret_base32);
    assert_eq!(secret.len(), 20);
    (begun, secret)
}

/// A person with password, one-time codes and recovery codes.
pub(crate) async fn enrolled(app: &App, who: &Actor) -> Known {
    let (email, opened) = invited(app, who).await;
    let (_, totp) = begin_totp(app, &opened).await;
    let actor = session(app, &opened).await.actor;
    let codes = app
        .service
        .confirm_totp(&actor, &Secret::new(code(app, &totp)))
        .await
        .unwrap();
    // The first code was taken: the next one comes half a minute later.
    app.advance(TimeDelta::seconds(30));
    Known {
        user_id: user(who),
        email,
        totp,
        codes: codes.codes,
        session: opened,
    }
}

pub(crate) async fn challenge(app: &App, known: &Known) -> String {
    match app.service.sign_in(typed(&known.email, PASSWORD)).await.unwrap() {
        SignInStep::SecondFactor { challenge, .. } => challenge,
        other => panic!("there is a second factor: {other:?}"),
    }
}

/// Signs in by password and one-time code; half a minute goes by, so that the next code is another.
pub(crate) async fn signed_in(app: &App, known: &Known) -> SessionOpened {
    let challenge = challenge(app, known).await;
    let opened = app
        .service
        .sign_in_totp(second(&challenge, &code(app, &known.totp)))
        .await
        .unwrap();
    app.advance(TimeDelta::seconds(30));
    opened
}

/// The ledger's entries of an action, newest first.
pub(crate) async fn entries(app: &App, action: &str) -> Vec<ledger::EntryRow> {
    let mut conn = app.service.store().read().await.unwrap();
    let filter = ledger::EntryFilter {
        actions: vec![action.to_owned()],
        ..Default::default()
    };
    ledger::search(&mut conn, &filter, 500).await.unwrap()
}

/// A further fact of an entry.
pub(crate) fn fact(entry: &ledger::EntryRow, name: &str) -> Option<String> {
    let leaf: serde_json::Value = serde_json::from_slice(&entry.leaf).unwrap();
    Some(leaf["detail"][name].as_str()?.to_owned())
}

pub(crate) fn problem<T: std::fmt::Debug>(answer: Result<T, ServiceError>) -> String {
    match answer {
        Err(ServiceError::Invalid(problems)) => problems[0].code.clone(),
        Err(other) => other.code().to_owned(),
        Ok(done) => panic!("{done:?}"),
    }
}
