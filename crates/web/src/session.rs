//! Who is signed in: from the session cookie to [`Signed`], which a handler names as an argument.
//!
//! A page that is asked for without a session leads to the sign-in page and back. A script's request gets 401 instead,
//! so that the page it runs in can ask for the password and keep what was typed.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use liaison_domain::{Actor, people::Role};
use liaison_service::sign_in::{SignedIn, Touch};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{Web, WebError, format::Zone};

/// The session's cookie where people come by https.
pub const COOKIE: &str = "__Host-liaison";
/// The session's cookie on a plain http address, which browsers do not let carry the prefix: tests and the demo.
pub const COOKIE_PLAIN: &str = "liaison";

/// The session's secret out of a request's cookies.
pub fn session_secret(headers: &HeaderMap, https: bool) -> Option<String> {
    cookie(headers, if https { COOKIE } else { COOKIE_PLAIN })
}

/// The value of a cookie. One that comes twice is none: a sibling host may have planted it.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(given, _)| *given == name)
        .map(|(_, value)| value.to_owned());
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// A `Set-Cookie` line for a secret; it lives as long as the browser, and the server decides when it ends.
pub(crate) fn set_cookie(web: &Web, name: Name, secret: &str) -> HeaderValue {
    let secure = if web.https() { "; Secure" } else { "" };
    // The secrets are base64url.
    HeaderValue::from_str(&format!(
        "{}={secret}; Path=/; HttpOnly; SameSite=Lax{secure}",
        name.of(web)
    ))
    .unwrap_or(HeaderValue::from_static(""))
}

/// A `Set-Cookie` line that takes a cookie away.
pub(crate) fn clear_cookie(web: &Web, name: Name) -> HeaderValue {
    let secure = if web.https() { "; Secure" } else { "" };
    HeaderValue::from_str(&format!(
        "{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}",
        name.of(web)
    ))
    .unwrap_or(HeaderValue::from_static(""))
}

/// The cookies that there are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Name {
    /// Of a person with an account.
    Session,
    /// Of somebody who came by a secure link and entered its code.
    Link,
    /// Between the steps of a sign-in: the challenge.
    Challenge,
}

impl Name {
    /// The cookie's name.
    pub(crate) fn of(self, web: &Web) -> &'static str {
        match (self, web.https()) {
            (Self::Session, true) => COOKIE,
            (Self::Session, false) => COOKIE_PLAIN,
            (Self::Link, true) => "__Host-liaison-link",
            (Self::Link, false) => "liaison-link",
            (Self::Challenge, true) => "__Host-liaison-challenge",
            (Self::Challenge, false) => "liaison-challenge",
        }
    }
}

/// A token that a form of this session may bring: a salt, and a hash of it with the secret, which only the cookie's owner
/// can have. The salt is new with every page, so that compressed pages tell nothing of it by their length (BREACH).
pub(crate) fn csrf_token(web: &Web, secret: &str) -> String {
    let store = web.service().store();
    salted(secret, store.random().uuid(web.service().now()).as_bytes())
}

fn salted(secret: &str, salt: &[u8]) -> String {
    let digest = Sha256::new()
        .chain_update(b"liaison form token\0")
        .chain_update(salt)
        .chain_update(secret.as_bytes())
        .finalize();
    URL_SAFE_NO_PAD.encode([salt, digest.as_slice()].concat())
}

/// Whether a form's token is one of the session's.
pub(crate) fn is_csrf_token(secret: &str, given: &str) -> bool {
    let salt = URL_SAFE_NO_PAD
        .decode(given)
        .ok()
        .and_then(|bytes| bytes.get(..16).map(<[u8]>::to_vec));
    salt.is_some_and(|salt| bool::from(salted(secret, &salt).as_bytes().ct_eq(given.as_bytes())))
}

/// Where a request came from, and its id, for the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The network address of the peer.
    pub(crate) peer: Option<String>,
    /// The request's id.
    pub(crate) request_id: Option<String>,
    /// What the browser says it is.
    pub(crate) user_agent: Option<String>,
}

impl Origin {
    /// Out of a request's head. The id is made here: what a client sends is not believed.
    pub(crate) fn of(parts: &Parts, web: &Web) -> Self {
        let store = web.service().store();
        let request_id = store.random().uuid(web.service().now()).to_string();
        // The span of the request, which is made where no page is known yet.
        tracing::Span::current().record("request_id", request_id.as_str());
        Self {
            peer: parts
                .extensions
                .get::<ConnectInfo<SocketAddr>>()
                .map(|peer| peer.0.ip().to_string()),
            request_id: Some(request_id),
            user_agent: parts
                .headers
                .get(header::USER_AGENT)
                .and_then(|agent| agent.to_str().ok())
                .map(|agent| agent.chars().take(200).collect()),
        }
    }
}

impl FromRequestParts<Web> for Origin {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, WebError> {
        Ok(Self::of(parts, web))
    }
}

/// A signed-in person, with both factors proven.
pub(crate) struct Signed {
    /// Whom the use cases act for.
    pub(crate) actor: Actor,
    /// The session as the service knows it.
    pub(crate) session: SignedIn,
    /// The token that forms must bring.
    pub(crate) csrf: String,
    /// The session's secret, against which a form's token is checked.
    pub(crate) secret: String,
    /// The reader's time zone.
    pub(crate) zone: Zone,
    /// The path and query that were asked for.
    pub(crate) here: String,
}

impl Signed {
    /// Whether the person has one of these roles here.
    pub(crate) fn has_any(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.actor.has(*role))
    }
}

/// A signed-in person who may still have to add the second factor: the account pages alone take it.
pub(crate) struct Entering(pub(crate) Signed);

/// A script refreshes what is shown: no activity of the person.
const LIVE: &str = "x-liaison-live";
/// A script asks, and wants 401 where a page would lead to the sign-in.
const SCRIPT: &str = "x-liaison-script";

/// Whether a script asks.
pub(crate) fn by_script(headers: &HeaderMap) -> bool {
    headers.contains_key(SCRIPT) || headers.contains_key(LIVE)
}

/// A page that a script fetches anew is no activity of the person.
fn touch_of(headers: &HeaderMap) -> Touch {
    if headers.contains_key(LIVE) {
        Touch::Nothing
    } else {
        Touch::Activity
    }
}

async fn entering(parts: &mut Parts, web: &Web, touch: Touch) -> Result<Signed, WebError> {
    let here = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let away = || WebError::SignIn {
        next: (parts.method == axum::http::Method::GET).then(|| here.clone()),
        script: by_script(&parts.headers),
    };
    let secret = cookie(&parts.headers, Name::Session.of(web)).ok_or_else(away)?;
    let origin = Origin::of(parts, web);
    let session = web
        .service()
        .session(&secret, origin.peer.as_deref(), origin.request_id.as_deref(), touch)
        .await;
    let session = match session {
        Err(liaison_service::ServiceError::Unauthenticated) => return Err(away()),
        other => other?,
    };
    Ok(Signed {
        actor: session.actor.clone(),
        csrf: csrf_token(web, &secret),
        secret,
        zone: Zone::named(&session.time_zone),
        session,
        here,
    })
}

impl FromRequestParts<Web> for Entering {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, WebError> {
        let touch = touch_of(&parts.headers);
        Ok(Self(entering(parts, web, touch).await?))
    }
}

/// A signed-in person's open stream: browsers open it anew by themselves, so it keeps no session alive.
pub(crate) struct Watching(pub(crate) Signed);

fn with_both_factors(signed: Signed) -> Result<Signed, WebError> {
    if signed.session.has_second_factor {
        Ok(signed)
    } else {
        Err(WebError::SecondFactorNeeded)
    }
}

impl FromRequestParts<Web> for Watching {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, WebError> {
        with_both_factors(entering(parts, web, Touch::Nothing).await?).map(Self)
    }
}

impl FromRequestParts<Web> for Signed {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, WebError> {
        let touch = touch_of(&parts.headers);
        with_both_factors(entering(parts, web, touch).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_one_session_whatever_its_salt() {
        let (one, two) = (salted("secret", &[1; 16]), salted("secret", &[2; 16]));
        assert_ne!(one, two);
        assert!(is_csrf_token("secret", &one) && is_csrf_token("secret", &two));
        for bad in [
            "",
            "AAAA",
            one.trim_end_matches(|_: char| true),
            &one[1..],
            &one.replace('A', "B"),
        ] {
            assert!(!is_csrf_token("secret", bad), "{bad}");
        }
        assert!(!is_csrf_token("other", &one));
    }
}
