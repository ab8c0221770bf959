//! Passing a letter on: to a team or a colleague of the own organization, or to a team of another one.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use liaison_domain::RecipientId;
use liaison_service::{FieldProblem, ServiceError, directory::ListOrganizations, loops::redirect::RedirectShare};

use super::{answer::summary, words};
use crate::{
    Result, Web, WebError,
    form::{Fields, Post, Problems, note},
    session::Signed,
    shell::{self, Shell},
};

/// How many targets stand on the page: more are found by a longer search.
const SHOWN: usize = 40;

struct Target {
    /// `team:…` or `user:…`.
    value: String,
    name: String,
    place: String,
}

#[derive(Template)]
#[template(path = "inbox/redirect.html")]
struct RedirectPage {
    shell: Shell,
    id: String,
    key: String,
    /// Whom it is about, and what it is.
    about: String,
    search: String,
    targets: Vec<Target>,
    more: bool,
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
    if fields.has("search") {
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
    let search = typed.text("q").to_owned();
    let mut targets = targets(web, signed, &search).await?;
    let row = &letter.of.recipient;
    let own = [
        row.to_team_id.map(|team| format!("team:{team}")),
        row.to_user_id.map(|user| format!("user:{user}")),
    ];
    targets.retain(|target| !own.contains(&Some(target.value.clone())));
    let more = targets.len() > SHOWN;
    targets.truncate(SHOWN);
    Ok(RedirectPage {
        shell: Shell::new(web, signed, "Pass on"),
        id: id.to_string(),
        key: web.fresh_key(),
        about: patient.map_or_else(|| kind.to_owned(), |patient| format!("{kind}, {patient}")),
        search,
        targets,
        more,
        wrong: summary(&problems),
        typed,
        conflict: String::new(),
    })
}

/// Colleagues and teams whose name or place holds every word of the search; the own organization first.
async fn targets(web: &Web, signed: &Signed, search: &str) -> Result<Vec<Target>> {
    let (service, actor) = (web.service(), &signed.actor);
    let Some(own) = actor.organization_id else {
        return Ok(Vec::new());
    };
    let first = ListOrganizations {
        kind: None,
        after: None,
        first: 100,
    };
    let mut organizations = service.organizations(actor, first).await?.items;
    if !organizations.iter().any(|organization| organization.id == own) {
        organizations.extend(service.organization_by_id(actor, own).await?);
    }
    let ids: Vec<_> = organizations.iter().map(|organization| organization.id).collect();
    let place = |id| {
        organizations
            .iter()
            .find(|organization| organization.id == id)
            .map(|organization| organization.name.clone())
            .unwrap_or_default()
    };
    let teams = service.teams_of_organizations(actor, &ids).await?;
    let people: Vec<_> = service
        .memberships_in(actor, &[own])
        .await?
        .iter()
        .map(|place| place.user_id)
        .collect();
    let people = service.people_by_ids(actor, &people).await?;
    let team = |team: &liaison_service::directory::Team| Target {
        value: format!("team:{}", team.id),
        name: team.name.clone(),
        place: place(team.organization_id),
    };
    let (ours, others): (Vec<_>, Vec<_>) = teams
        .iter()
        .filter(|team| team.active)
        .partition(|team| team.organization_id == own);
    let mut found: Vec<Target> = ours.into_iter().map(team).collect();
    found.extend(
        people
            .iter()
            .filter(|person| !person.disabled && Some(person.id) != actor.user_id)
            .map(|person| Target {
                value: format!("user:{}", person.id),
                name: person.display_name.clone(),
                place: place(own),
            }),
    );
    found.extend(others.into_iter().map(team));
    let wanted: Vec<String> = search.split_whitespace().map(str::to_lowercase).collect();
    found.retain(|target| {
        let text = format!("{} {}", target.name, target.place).to_lowercase();
        wanted.iter().all(|word| text.contains(word))
    });
    Ok(found)
}
