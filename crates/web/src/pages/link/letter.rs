//! The one letter of somebody who came by a secure link: read and answered at the inbox's desk, with another frame.

use askama::Template;
use axum::{
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use liaison_service::{ServiceError, link::LinkSession};

use crate::{
    Result, Web, WebError,
    form::{Fields, checked_fields},
    format::Zone,
    pages::inbox::{
        desk::{Desk, Sent},
        reading::{Again, Reading},
        redirect::Passing,
    },
    session::{Name, Origin, clear_cookie, cookie, csrf_token},
    shell::{self, Shell},
};

/// Somebody who entered a link's code.
pub(super) struct Linked {
    session: LinkSession,
    secret: String,
    csrf: String,
    zone: Zone,
    origin: Origin,
}

impl FromRequestParts<Web> for Linked {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, WebError> {
        let origin = Origin::of(parts, web);
        let secret = cookie(&parts.headers, Name::Link.of(web)).ok_or(WebError::LinkEnded)?;
        let found = web
            .service()
            .link_session(&secret, origin.peer.as_deref(), origin.request_id.as_deref(), true)
            .await;
        let session = match found {
            Err(ServiceError::Unauthenticated) => return Err(WebError::LinkEnded),
            other => other?,
        };
        Ok(Self {
            csrf: csrf_token(web, &secret),
            zone: Zone::named(session.time_zone),
            session,
            secret,
            origin,
        })
    }
}

/// A form of theirs, with the session's token.
pub(super) struct LinkPost {
    linked: Linked,
    fields: Fields,
}

impl FromRequest<Web> for LinkPost {
    type Rejection = WebError;

    async fn from_request(request: Request, web: &Web) -> Result<Self, WebError> {
        let (mut parts, body) = request.into_parts();
        let linked = Linked::from_request_parts(&mut parts, web).await?;
        let fields = checked_fields(Request::from_parts(parts, body), &linked.secret).await?;
        Ok(Self { linked, fields })
    }
}

#[derive(Template)]
#[template(path = "link/letter.html")]
struct LetterPage {
    shell: Shell,
    reading: Reading,
    /// Who they said they are, and by what it was verified.
    named: String,
    asked: bool,
}

#[derive(Template)]
#[template(path = "inbox/print.html")]
struct PrintPage {
    shell: Shell,
    reading: Reading,
    printed: String,
}

#[derive(Template)]
#[template(path = "link/waits.html")]
struct Waits {
    shell: Shell,
}

#[derive(Template)]
#[template(path = "link/left.html")]
struct Left {
    shell: Shell,
    /// It was passed on, by which the link ended.
    passed: bool,
}

fn desk<'a>(web: &'a Web, linked: &'a Linked) -> Desk<'a> {
    Desk {
        web,
        actor: &linked.session.actor,
        zone: linked.zone,
        csrf: &linked.csrf,
        base: "/link".to_owned(),
    }
}

fn shell_of(web: &Web, linked: &Linked) -> Shell {
    let mut shell = Shell::open(web, "A message for you");
    shell.csrf.clone_from(&linked.csrf);
    shell.zone = linked.zone;
    shell
}

fn framed(web: &Web, linked: &Linked, reading: Reading, asked: bool) -> LetterPage {
    LetterPage {
        shell: shell_of(web, linked),
        reading,
        named: linked.session.named.to_string(),
        asked,
    }
}

pub(super) async fn show(State(web): State<Web>, linked: Linked) -> Result<Response> {
    let id = linked.session.recipient_id;
    let reading = desk(&web, &linked).reading(id, Again::default()).await?;
    shell::page(&framed(&web, &linked, reading, false))
}

pub(super) async fn print(State(web): State<Web>, linked: Linked) -> Result<Response> {
    let id = linked.session.recipient_id;
    let mut reading = desk(&web, &linked).reading(id, Again::default()).await?;
    reading.print = true;
    let shell = shell_of(&web, &linked);
    shell::page(&PrintPage {
        printed: format!("{}, {}", shell.time(&shell.now), linked.session.named),
        shell,
        reading,
    })
}

pub(super) async fn open(State(web): State<Web>, post: LinkPost) -> Result<Response> {
    let id = post.linked.session.recipient_id;
    match desk(&web, &post.linked).open(id).await {
        Ok(()) | Err(WebError::Service(ServiceError::Illegal(_))) => shell::go("/link"),
        Err(error) => Err(error),
    }
}

fn answered(web: &Web, linked: &Linked, sent: Sent) -> Result<Response> {
    match sent {
        Sent::Done => shell::go("/link"),
        Sent::Again(status, reading) => shell::page_with(status, &framed(web, linked, *reading, false)),
    }
}

pub(super) async fn acknowledge(State(web): State<Web>, post: LinkPost) -> Result<Response> {
    let id = post.linked.session.recipient_id;
    let sent = desk(&web, &post.linked).acknowledge(id, &post.fields).await?;
    answered(&web, &post.linked, sent)
}

pub(super) async fn decline(State(web): State<Web>, post: LinkPost) -> Result<Response> {
    let id = post.linked.session.recipient_id;
    match desk(&web, &post.linked).decline(id, &post.fields).await? {
        // The link ended with the decline: nothing of it is left to see.
        Sent::Done => left(&web, false),
        again => answered(&web, &post.linked, again),
    }
}

fn passing<'a>(web: &'a Web, linked: &'a Linked) -> Passing<'a> {
    Passing {
        web,
        actor: &linked.session.actor,
        base: "/link".to_owned(),
        id: linked.session.recipient_id,
    }
}

pub(super) async fn redirect_form(State(web): State<Web>, linked: Linked) -> Result<Response> {
    let shell = shell_of(&web, &linked);
    passing(&web, &linked).form(shell, Fields::default()).await
}

pub(super) async fn redirect(State(web): State<Web>, post: LinkPost) -> Result<Response> {
    let shell = shell_of(&web, &post.linked);
    match passing(&web, &post.linked).send(shell, post.fields).await? {
        Some(again) => Ok(again),
        // The link ended with it: the colleague has one of their own.
        None => left(&web, true),
    }
}

pub(super) async fn reply(State(web): State<Web>, post: LinkPost) -> Result<Response> {
    let id = post.linked.session.recipient_id;
    let sent = desk(&web, &post.linked).reply(id, &post.fields).await?;
    answered(&web, &post.linked, sent)
}

pub(super) async fn receipt(State(web): State<Web>, linked: Linked) -> Result<Response> {
    match desk(&web, &linked).receipt(linked.session.recipient_id).await {
        Err(WebError::Service(ServiceError::Conflict {
            code: "NOT_SEQUENCED_YET",
            ..
        })) => shell::page_with(
            StatusCode::ACCEPTED,
            &Waits {
                shell: shell_of(&web, &linked),
            },
        ),
        other => other,
    }
}

/// Asks for an account: the admins of the recipient's organization are told.
pub(super) async fn account(State(web): State<Web>, post: LinkPost) -> Result<Response> {
    web.service().request_account(&post.linked.session.actor).await?;
    let id = post.linked.session.recipient_id;
    let reading = desk(&web, &post.linked).reading(id, Again::default()).await?;
    shell::page(&framed(&web, &post.linked, reading, true))
}

pub(super) async fn leave(State(web): State<Web>, post: LinkPost) -> Result<Response> {
    let Origin { peer, request_id, .. } = &post.linked.origin;
    web.service()
        .end_link_session(&post.linked.secret, peer.as_deref(), request_id.as_deref())
        .await?;
    left(&web, false)
}

fn left(web: &Web, passed: bool) -> Result<Response> {
    let page = Left {
        shell: Shell::open(web, "Done"),
        passed,
    };
    let mut response = shell::page(&page)?.into_response();
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, clear_cookie(web, Name::Link));
    headers.insert(
        HeaderName::from_static("clear-site-data"),
        HeaderValue::from_static("\"cache\", \"storage\""),
    );
    Ok(response)
}
