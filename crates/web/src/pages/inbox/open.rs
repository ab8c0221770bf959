//! One letter of a signed-in person: read, open, answer, decline, take on, write, keep the receipt, print.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use liaison_domain::RecipientId;
use liaison_service::ServiceError;

use super::{
    desk::{Desk, Sent},
    reading::{Again, Reading},
    words,
};
use crate::{
    Result, Web, WebError,
    form::Post,
    session::Signed,
    shell::{self, Shell},
};

#[derive(Template)]
#[template(path = "inbox/letter.html")]
struct LetterPage {
    shell: Shell,
    reading: Reading,
}

#[derive(Template)]
#[template(path = "inbox/print.html")]
struct PrintPage {
    shell: Shell,
    reading: Reading,
    printed: String,
}

#[derive(Template)]
#[template(path = "inbox/receipt_waits.html")]
struct ReceiptWaits {
    shell: Shell,
    id: String,
}

fn desk<'a>(web: &'a Web, signed: &'a Signed, id: RecipientId) -> Desk<'a> {
    Desk {
        web,
        actor: &signed.actor,
        zone: signed.zone,
        csrf: &signed.csrf,
        base: words::address(id),
    }
}

/// The title names no patient: the browser's history keeps it.
fn shell_of(web: &Web, signed: &Signed) -> Shell {
    Shell::new(web, signed, "Letter")
}

pub(super) async fn letter(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    let id = id.parse()?;
    let reading = desk(&web, &signed, id).reading(id, Again::default()).await?;
    shell::page(&LetterPage {
        shell: shell_of(&web, &signed),
        reading,
    })
}

pub(super) async fn print(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    let id = id.parse()?;
    let mut reading = desk(&web, &signed, id).reading(id, Again::default()).await?;
    reading.print = true;
    let shell = shell_of(&web, &signed);
    shell::page(&PrintPage {
        printed: format!("{}, {}", shell.time(&shell.now), signed.session.display_name),
        shell,
        reading,
    })
}

pub(super) async fn open(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: RecipientId = id.parse()?;
    match desk(&web, &post.signed, id).open(id).await {
        // It was taken back or replaced meanwhile: the page says so.
        Ok(()) | Err(WebError::Service(ServiceError::Illegal(_))) => shell::go(&words::address(id)),
        Err(error) => Err(error),
    }
}

fn answered(web: &Web, signed: &Signed, sent: Sent, done: &str) -> Result<Response> {
    match sent {
        Sent::Done => shell::go(done),
        Sent::Again(status, reading) => again(web, signed, status, *reading),
    }
}

fn again(web: &Web, signed: &Signed, status: StatusCode, reading: Reading) -> Result<Response> {
    let page = LetterPage {
        shell: shell_of(web, signed),
        reading,
    };
    shell::page_with(status, &page)
}

pub(super) async fn acknowledge(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id = id.parse()?;
    let sent = desk(&web, &post.signed, id).acknowledge(id, &post.fields).await?;
    answered(&web, &post.signed, sent, &format!("/inbox/{id}?done=acknowledged"))
}

pub(super) async fn decline(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id = id.parse()?;
    let sent = desk(&web, &post.signed, id).decline(id, &post.fields).await?;
    answered(&web, &post.signed, sent, "/inbox?done=declined")
}

pub(super) async fn reply(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id = id.parse()?;
    let sent = desk(&web, &post.signed, id).reply(id, &post.fields).await?;
    answered(&web, &post.signed, sent, &format!("/inbox/{id}?done=replied"))
}

pub(super) async fn accept(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: RecipientId = id.parse()?;
    web.service().accept_redirect(&post.signed.actor, id).await?;
    shell::go(&format!("/inbox/{id}?done=accepted"))
}

pub(super) async fn receipt(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    let id: RecipientId = id.parse()?;
    match desk(&web, &signed, id).receipt(id).await {
        Err(WebError::Service(ServiceError::Conflict {
            code: "NOT_SEQUENCED_YET",
            ..
        })) => shell::page_with(
            StatusCode::ACCEPTED,
            &ReceiptWaits {
                shell: Shell::new(&web, &signed, "Receipt"),
                id: id.to_string(),
            },
        ),
        other => other,
    }
}
