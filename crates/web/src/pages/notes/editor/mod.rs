//! The editor of a draft: the form, its saving by a button or by the script, and what the author should look at.
//!
//! Everything that was typed is saved: what a field cannot hold is kept beside the note, named at its field, and hinders
//! nothing but the signature.

mod answer;
mod keep;
mod page;
mod rows;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use liaison_domain::NoteId;
use liaison_service::{FieldProblem, ServiceError, notes::NoteRow};

use self::{
    answer::{Answer, answer, said},
    keep::{ToKeep, keep},
    page::{Beside, Overtaken, bare, page},
    rows::rows,
};
pub(super) use self::{
    keep::confirmations,
    page::{ToDo, to_do},
};
use super::{fields::words_of, head::clinic_zone, parts::progress, typed::Typed};
use crate::{
    Result, Web,
    form::Post,
    session::{self, Signed},
    shell,
};

/// `GET /notes/{id}/edit`.
pub(super) async fn show(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    let id = id.parse::<NoteId>()?;
    let draft = match web.service().draft(&signed.actor, id).await {
        // Signed meanwhile, or withdrawn: its page says so.
        Err(ServiceError::Conflict { .. }) => return shell::go(&format!("/notes/{id}")),
        other => other?,
    };
    let zone = clinic_zone(&web, &signed).await?;
    let mut typed = Typed::of(draft.content.reveal(), draft.note.kind, zone);
    typed.lay_over(draft.note.kind, draft.set_aside.reveal());
    let confirmed = draft
        .confirmations
        .reveal()
        .iter()
        .map(|one| format!("{}: {}", words_of(draft.note.kind, &one.path), one.value))
        .collect();
    let state = Beside {
        problems: keep::problems(draft.set_aside.reveal()),
        kept: true,
        before_signing: Some(draft.before_signing.clone()),
        unconfirmed: draft.unconfirmed.reveal(),
        confirmed,
        ..Beside::default()
    };
    let page = page(&web, &signed, &draft.note, draft.note.draft_revision, &typed, state).await?;
    shell::page(&page)
}

/// `POST /notes/{id}/edit`: saves, or changes the rows of a list.
pub(super) async fn change(
    State(web): State<Web>,
    Path(id): Path<String>,
    headers: HeaderMap,
    post: Post,
) -> Result<Response> {
    let id = id.parse::<NoteId>()?;
    let by_script = session::by_script(&headers);
    let signed = &post.signed;
    let note = web.service().note(&signed.actor, id).await?;
    let zone = clinic_zone(&web, signed).await?;
    let mut typed = Typed::read(&post.fields, note.kind);
    let revision = post.fields.parse::<i64>("revision").unwrap_or(0);
    let act = post.fields.text("act").to_owned();
    if let Some((what, list)) = act.split_once(':')
        && let Some(state) = rows(&mut typed, note.kind, what, list, &post.fields, zone)
    {
        let page = page(&web, signed, &note, revision, &typed, state).await?;
        return shell::page(&page);
    }
    let what = ToKeep {
        note_id: id,
        kind: note.kind,
        zone,
        revision,
        typed: &typed,
        confirmations: confirmations(&post.fields),
        key: post.fields.some("key").filter(|_| !by_script),
    };
    match keep(&web, signed, what).await {
        Ok(kept) if by_script => Ok(axum::Json(answer(note.kind, &typed, &kept, zone, &web)).into_response()),
        Ok(kept) => match act.as_str() {
            "sign" => shell::go(&format!("/notes/{id}/sign")),
            "preview" => shell::go(&format!("/notes/{id}/preview")),
            // The page says which values are kept as typed; the other message would say less.
            _ if !kept.aside.is_empty() => shell::go(&format!("/notes/{id}/edit")),
            _ => shell::go(&format!("/notes/{id}/edit?done=saved")),
        },
        Err(ServiceError::Invalid(problems)) => {
            refused(&web, signed, &note, revision, &typed, problems, by_script).await
        }
        Err(ServiceError::Conflict { code, message }) => {
            conflict(&web, signed, id, revision, &typed, (code, message), by_script).await
        }
        Err(other) => Err(other.into()),
    }
}

async fn refused(
    web: &Web,
    signed: &Signed,
    note: &NoteRow,
    revision: i64,
    typed: &Typed,
    problems: Vec<FieldProblem>,
    by_script: bool,
) -> Result<Response> {
    if by_script {
        let bare: Vec<&str> = problems.iter().map(|problem| bare(&problem.path)).collect();
        let answer = Answer {
            state: "wrong",
            revision,
            message: "Not saved: some values cannot be right.".to_owned(),
            sections: said(progress(note.kind, typed, None, &bare)),
            wrong: to_do(note.kind, &problems, typed),
            ..Answer::default()
        };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, axum::Json(answer)).into_response());
    }
    let state = Beside {
        problems,
        ..Beside::default()
    };
    let page = page(web, signed, note, revision, typed, state).await?;
    shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// Somebody else was faster: what was typed stays, and the page says who and when.
async fn conflict(
    web: &Web,
    signed: &Signed,
    id: NoteId,
    revision: i64,
    typed: &Typed,
    (code, message): (&'static str, String),
    by_script: bool,
) -> Result<Response> {
    let note = web.service().note(&signed.actor, id).await?;
    let by = match note.draft_updated_by {
        Some(by) => web
            .service()
            .person_by_id(&signed.actor, by)
            .await?
            .map(|person| person.display_name),
        None => None,
    };
    let by = by.unwrap_or_else(|| "Somebody".to_owned());
    let changed = code == "DRAFT_CHANGED";
    if by_script {
        let at = signed.zone.time(note.updated_at);
        let answer = Answer {
            state: if changed { "overtaken" } else { "gone" },
            revision: note.draft_revision,
            message: if changed {
                format!("Not saved: {by} saved this draft at {at}. What you typed is still here.")
            } else {
                format!("Not saved: {message}.")
            },
            ..Answer::default()
        };
        return Ok((StatusCode::CONFLICT, axum::Json(answer)).into_response());
    }
    if !changed {
        return Err(ServiceError::Conflict { code, message }.into());
    }
    let state = Beside {
        overtaken: Some(Overtaken {
            by,
            at: note.updated_at,
            revision: note.draft_revision,
        }),
        ..Beside::default()
    };
    let page = page(web, signed, &note, revision, typed, state).await?;
    shell::page_with(StatusCode::CONFLICT, &page)
}
