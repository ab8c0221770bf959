//! Coverage: when I am away and who covers me, and whom I cover.

use std::collections::HashMap;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use liaison_domain::{OrganizationId, Role, UserId};
use liaison_service::{
    FieldProblem, ServiceError,
    directory::{Coverage, CreateCoverage, READERS},
};

use super::answer::summary;
use crate::{
    Result, Web, WebError,
    form::{Fields, Post, Problems, note},
    session::Signed,
    shell::{self, Shell},
};

struct Entry {
    id: String,
    /// Who is away, or who covers.
    who: String,
    covers: String,
    from: String,
    until: String,
    now: bool,
    may_cancel: bool,
}

struct Choice {
    id: String,
    name: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "inbox/coverage.html")]
struct CoveragePage {
    shell: Shell,
    key: String,
    /// When the reader is away.
    mine: Vec<Entry>,
    /// Whom the reader covers.
    covered: Vec<Entry>,
    /// The others of the organization, for those who may enter theirs.
    others: Vec<Entry>,
    /// Who can cover.
    people: Vec<Choice>,
    /// Who can be away: more than the reader only for team leads and admins.
    absent: Vec<Choice>,
    for_others: bool,
    typed: Fields,
    problems: Problems,
    wrong: Vec<(String, String, String)>,
    conflict: String,
}

impl CoveragePage {
    fn wrong_at(&self, path: &str) -> String {
        match self.problems.of(path) {
            "" => String::new(),
            message => crate::error::capital(message),
        }
    }
}

pub(super) async fn show(State(web): State<Web>, signed: Signed) -> Result<Response> {
    shell::page(&page(&web, &signed, Fields::default(), Problems::default()).await?)
}

pub(super) async fn add(State(web): State<Web>, post: Post) -> Result<Response> {
    let (signed, fields) = (post.signed, post.fields);
    let mut problems = Vec::new();
    let moment = |name: &str| {
        let text = fields.text(name);
        let needed = || FieldProblem::new(name, "REQUIRED", "give a date and a time, such as 2026-01-05 14:30");
        signed.zone.read(text).ok_or_else(needed)
    };
    let absent = match fields.text("absentUserId") {
        "" => signed.actor.user_id,
        _ => note(&mut problems, fields.parse("absentUserId")),
    };
    let covering = fields
        .parse("coveringUserId")
        .map_err(|_| FieldProblem::new("coveringUserId", "REQUIRED", "choose who covers"));
    let covering = note(&mut problems, covering);
    let from = note(&mut problems, moment("from"));
    let until = note(&mut problems, moment("until"));
    let sent = match (absent, covering, from, until) {
        (Some(absent_user_id), Some(covering_user_id), Some(from), Some(until)) => {
            let input = CreateCoverage {
                absent_user_id,
                covering_user_id,
                from,
                until,
                idempotency_key: fields.some("key"),
            };
            web.service().create_coverage(&signed.actor, input).await
        }
        _ => Err(ServiceError::Invalid(problems)),
    };
    match sent {
        Ok(_) => shell::go("/coverage?done=saved"),
        Err(ServiceError::Invalid(problems)) => {
            let page = page(&web, &signed, fields, Problems::new(problems)).await?;
            shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error @ (ServiceError::Conflict { .. } | ServiceError::IdempotencyKeyReused)) => {
            let mut page = page(&web, &signed, fields, Problems::default()).await?;
            page.conflict = crate::error::capital(&error.to_string());
            shell::page_with(StatusCode::CONFLICT, &page)
        }
        Err(other) => Err(WebError::from(other)),
    }
}

pub(super) async fn cancel(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    web.service().cancel_coverage(&post.signed.actor, id.parse()?).await?;
    shell::go("/coverage?done=ended")
}

async fn page(web: &Web, signed: &Signed, typed: Fields, problems: Problems) -> Result<CoveragePage> {
    let (service, actor) = (web.service(), &signed.actor);
    let own: OrganizationId = actor.organization_id.ok_or(WebError::NoPage)?;
    let me = actor.user_id.ok_or(WebError::NoPage)?;
    let coverages = service.coverages(actor, own).await?;
    let places = service.memberships_in(actor, &[own]).await?;
    let mut ids: Vec<UserId> = places.iter().map(|place| place.user_id).collect();
    let roles: HashMap<UserId, &[Role]> = places.iter().map(|place| (place.user_id, place.roles())).collect();
    ids.extend(
        coverages
            .iter()
            .flat_map(|row| [row.absent_user_id, row.covering_user_id]),
    );
    ids.sort_unstable();
    ids.dedup();
    let people = service.people_by_ids(actor, &ids).await?;
    let names: HashMap<UserId, String> = people
        .iter()
        .map(|person| (person.id, person.display_name.clone()))
        .collect();
    let for_others = signed.has_any(&[Role::TeamLead, Role::Admin]);
    let shell = Shell::new(web, signed, "Coverage");
    let name = |id: UserId| match names.get(&id) {
        _ if id == me => "You".to_owned(),
        Some(name) => name.clone(),
        None => "Somebody".to_owned(),
    };
    let entry = |row: &Coverage| Entry {
        id: row.id.to_string(),
        who: name(row.absent_user_id),
        covers: name(row.covering_user_id),
        from: shell.time(&row.from_at),
        until: shell.time(&row.until_at),
        now: row.from_at <= shell.now,
        may_cancel: for_others || row.absent_user_id == me,
    };
    // Who left the organization stands in older entries, and cannot be chosen. Who reads no letters cannot cover
    // for who does.
    let reads = |id: &UserId| {
        roles
            .get(id)
            .is_some_and(|roles| roles.iter().any(|role| READERS.contains(role)))
    };
    let readers_alone = !for_others && reads(&me);
    let choice = |field: &str, but: Option<UserId>| {
        let covers = field == "coveringUserId";
        let mut choices: Vec<Choice> = people
            .iter()
            .filter(|person| !person.disabled && Some(person.id) != but && roles.contains_key(&person.id))
            .filter(|person| !covers || !readers_alone || reads(&person.id))
            .map(|person| Choice {
                id: person.id.to_string(),
                name: person.display_name.clone(),
                chosen: typed.text(field) == person.id.to_string(),
            })
            .collect();
        choices.sort_by(|a, b| a.name.cmp(&b.name));
        choices
    };
    let among = |wanted: &dyn Fn(&Coverage) -> bool| coverages.iter().filter(|row| wanted(row)).map(entry).collect();
    Ok(CoveragePage {
        key: web.fresh_key(),
        mine: among(&|row| row.absent_user_id == me),
        covered: among(&|row| row.covering_user_id == me),
        others: among(&|row| for_others && row.absent_user_id != me && row.covering_user_id != me),
        people: choice("coveringUserId", (!for_others).then_some(me)),
        absent: choice("absentUserId", Some(me)),
        for_others,
        wrong: summary(&problems),
        typed,
        problems,
        conflict: String::new(),
        shell,
    })
}
