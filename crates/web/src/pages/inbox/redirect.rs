//! Passing a letter on: to a team or a colleague of the own organization, or to a team of another one.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use liaison_domain::RecipientId;
use liaison_service::{FieldProblem, ServiceError, directory::FindAddressees, loops::redirect::RedirectShare};

use super::{answer::summary, words};
use crate::{
    Result, Web, WebError,
    form::{Fields, Post, Problems, note},
    pages::finder::{Finder, Match, is_search},
    session::Signed,
    shell::{self, Shell},
};

#[derive(Template)]
#[template(path = "inbox/redirect.html")]
struct RedirectPage {
    shell: Shell,
    id: String,
    key: String,
    /// Whom it is about, and what it is.
    about: String,
    /// The own organization's and the others', in the order of the page.
    targets: Vec<Match>,
    finder: Finder,
    typed: Fields,
    wrong: Vec<(String, String, String)>,
    conflict: String,
}

pub(super) async fn form(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    let page = page(&web, &signed, id.parse()?, Fields::default(), Problems::default()).await?;
    shell::page(&page)
}

/// Searches (the button `search`), or passes on.
pub(super) async fn send(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: RecipientId = id.parse()?;
    let fields = post.fields;
    if is_search(&fields) {
        let page = page(&web, &post.signed, id, fields, Problems::default()).await?;
        return shell::page(&page);
    }
    let mut problems = Vec::new();
    let (kind, target) = fields.text("to").split_once(':').unwrap_or_default();
    let given = |name: &str| Fields::read(format!("toTeamId={name}").as_bytes());
    let (to_team_id, to_user_id) = match kind {
        "team" => (note(&mut problems, given(target).parse("toTeamId")), None),
        "user" => (None, note(&mut problems, given(target).parse("toTeamId"))),
        _ => {
            problems.push(FieldProblem::new("toTeamId", "REQUIRED", "choose to whom it goes"));
            (None, None)
        }
    };
    let sent = if problems.is_empty() {
        let input = RedirectShare {
            recipient_id: id,
            to_team_id,
            to_user_id,
            to_organization_id: post.signed.actor.organization_id.filter(|_| to_user_id.is_some()),
            reason: fields.text("reason").to_owned(),
            idempotency_key: fields.some("key"),
        };
        web.service().redirect_share(&post.signed.actor, input).await
    } else {
        Err(ServiceError::Invalid(problems))
    };
    match sent {
        Ok(_) => shell::go(&format!("/inbox/{id}?done=redirected")),
        Err(ServiceError::Invalid(problems)) => {
            let page = page(&web, &post.signed, id, fields, Problems::new(problems)).await?;
            shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(
            error @ (ServiceError::Illegal(_) | ServiceError::Conflict { .. } | ServiceError::IdempotencyKeyReused),
        ) => {
            let mut page = page(&web, &post.signed, id, fields, Problems::default()).await?;
            page.conflict = crate::error::capital(&error.to_string());
            shell::page_with(StatusCode::CONFLICT, &page)
        }
        Err(other) => Err(WebError::from(other)),
    }
}

async fn page(web: &Web, signed: &Signed, id: RecipientId, typed: Fields, problems: Problems) -> Result<RedirectPage> {
    let service = web.service();
    let letter = service.letter(&signed.actor, id).await?;
    let patient = letter.patient.as_ref().map(|patient| patient.reveal().name.clone());
    let kind = words::kind(letter.kind);
    let (mut targets, mut finder) = targets(web, signed, &typed).await?;
    targets.append(&mut finder.matches);
    let row = &letter.of.recipient;
    let own = [
        row.to_team_id.map(|team| format!("team:{team}")),
        row.to_user_id.map(|user| format!("user:{user}")),
    ];
    targets.retain(|target| !own.contains(&Some(target.key.clone())));
    Ok(RedirectPage {
        shell: Shell::new(web, signed, "Pass on"),
        id: id.to_string(),
        key: web.fresh_key(),
        about: patient.map_or_else(|| kind.to_owned(), |patient| format!("{kind}, {patient}")),
        targets,
        finder,
        wrong: summary(&problems),
        typed,
        conflict: String::new(),
    })
}

/// Colleagues, and teams anywhere, whose name or organization holds every word of the search: the own organization's
/// first, the others in pages.
async fn targets(web: &Web, signed: &Signed, typed: &Fields) -> Result<(Vec<Match>, Finder)> {
    let actor = &signed.actor;
    let Some(own) = actor.organization_id else {
        return Ok((Vec::new(), Finder::default()));
    };
    let others = FindAddressees {
        teams: true,
        but: Some(own),
        ..FindAddressees::default()
    };
    let others = Finder::of_form(web, actor, typed, others).await?;
    let ours = FindAddressees {
        teams: true,
        people: true,
        within: Some(own),
        ..FindAddressees::default()
    };
    let mut ours = Finder::load(web, actor, typed.text("find"), None, ours).await?;
    let me = actor.user_id.map(|user| format!("user:{user}"));
    ours.matches.retain(|one| Some(&one.key) != me.as_ref());
    if !others.matches.iter().any(|one| one.key == typed.text("to")) {
        ours.keep(web, actor, typed.text("to")).await?;
    }
    Ok((ours.matches, others))
}
