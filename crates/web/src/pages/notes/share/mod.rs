//! The share dialog: who gets a signed version, what is asked of them, what the checks before release find, and sending.

mod page;
mod typed;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use liaison_domain::NoteVersionId;
use liaison_service::{ServiceError, notes::ReleasedNote};

use self::{
    page::page,
    typed::{Question, Typed, input, proposed, row},
};
use crate::{
    Result, Web,
    form::{Fields, Post},
    session::Signed,
    shell,
};

/// `GET /versions/{id}/share`.
pub(in crate::pages::notes) async fn show(
    State(web): State<Web>,
    signed: Signed,
    Path(id): Path<String>,
) -> Result<Response> {
    let id = id.parse::<NoteVersionId>()?;
    // Asked first: who may not share sees no note here either.
    let note = may_share(&web, &signed, id).await?;
    let typed = proposed(&web, &signed, &note).await?;
    shell::page(&page(&web, &signed, &note, typed, &Fields::default(), Vec::new()).await?)
}

async fn may_share(web: &Web, signed: &Signed, id: NoteVersionId) -> Result<ReleasedNote> {
    match web.service().release_checks(&signed.actor, id, &[]).await {
        // No recipient was named: the version itself can be shared.
        Ok(_) | Err(ServiceError::Invalid(_)) => Ok(web.service().note_version(&signed.actor, id).await?),
        Err(other) => Err(other.into()),
    }
}

/// `POST /versions/{id}/share`: sends, or adds a recipient or a question to the dialog.
pub(in crate::pages::notes) async fn share(
    State(web): State<Web>,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response> {
    let id = id.parse::<NoteVersionId>()?;
    let signed = &post.signed;
    let mut typed = Typed::read(&post.fields);
    let act = post.fields.text("act");
    let added = act
        .strip_prefix("add:")
        .or_else(|| (act == "add").then(|| post.fields.text("add")));
    if act != "send" {
        let note = may_share(&web, signed, id).await?;
        if act == "question" {
            typed.questions.push(Question {
                role: String::new(),
                text: String::new(),
                by: String::new(),
                problem: String::new(),
            });
        } else if let Some(key) = added
            && let Some(new) = row(key)
        {
            match typed.rows.iter_mut().find(|known| known.key == key) {
                Some(known) => known.on = true,
                None => typed.rows.push(new),
            }
        }
        return shell::page(&page(&web, signed, &note, typed, &post.fields, Vec::new()).await?);
    }
    let (input, problems) = input(id, &typed, signed);
    let refused = if problems.is_empty() {
        match web.service().share_note(&signed.actor, input).await {
            Ok(shared) => return shell::go(&format!("/shares/{}?done=shared", shared.share_id)),
            Err(ServiceError::Invalid(problems)) => problems,
            Err(other) => return Err(other.into()),
        }
    } else {
        problems
    };
    let note = may_share(&web, signed, id).await?;
    let page = page(&web, signed, &note, typed, &post.fields, refused).await?;
    shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}
