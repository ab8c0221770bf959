//! `/patients/{id}/circle`: who looks after the patient, and with whom the clinic agreed not to share.

use std::collections::HashMap;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use liaison_domain::{CareRole, OrganizationId, PatientId, Role, TeamId, UserId};
use liaison_service::{
    FieldProblem, ServiceError,
    directory::ListOrganizations,
    patients::{AddCareTeamEntry, AddRestriction, RestrictionScope},
};

use super::{
    names::Wanted,
    patient::{Entry, Who, care_team_entry, circle_names, restriction_entry, who},
    sent_key, words,
};
use crate::{
    Result, Web, WebError,
    form::{Fields, Post, Problems, note},
    session::Signed,
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/patients/{id}/circle", get(circle))
        .route("/patients/{id}/care-team", post(add_entry))
        .route("/patients/{id}/care-team/{entry}/end", post(end_entry))
        .route("/patients/{id}/restrictions", post(add_restriction))
        .route("/patients/{id}/restrictions/{restriction}/end", post(end_restriction))
}

#[derive(Template)]
#[template(path = "clinic/circle.html")]
struct CirclePage {
    shell: Shell,
    id: PatientId,
    who: Who,
    care_team: Vec<Entry>,
    restrictions: Vec<Entry>,
    groups: Vec<OptionGroup>,
    roles: Vec<(&'static str, &'static str)>,
    physicians: Vec<(String, String)>,
    typed: Typed,
    problems: Problems,
    key: String,
}

/// An organization with the teams and people in it.
struct OptionGroup {
    id: String,
    name: String,
    teams: Vec<(String, String)>,
    people: Vec<(String, String)>,
}

/// What stands in the fields.
#[derive(Default)]
struct Typed {
    whom: String,
    role: String,
    until: String,
    scope: String,
    detail: String,
    agreed_by: String,
}

impl Typed {
    fn sent(fields: &Fields) -> Self {
        let text = |name: &str| fields.text(name).to_owned();
        Self {
            whom: text("teamId"),
            role: text("careRole"),
            until: text("until"),
            scope: text("scope"),
            detail: text("detail"),
            agreed_by: text("agreedBy"),
        }
    }
}

/// Everybody outside of the clinic, and the clinic's physicians who can have agreed to a restriction.
async fn choices(web: &Web, signed: &Signed) -> Result<(Vec<OptionGroup>, Vec<(String, String)>)> {
    let (service, actor) = (web.service(), &signed.actor);
    let own = actor.organization_id.ok_or(WebError::NoPage)?;
    let listed = service
        .organizations(
            actor,
            ListOrganizations {
                first: 100,
                ..ListOrganizations::default()
            },
        )
        .await?
        .items;
    let mut ids: Vec<OrganizationId> = listed.iter().map(|organization| organization.id).collect();
    let teams = service.teams_of_organizations(actor, &ids).await?;
    if !ids.contains(&own) {
        ids.push(own);
    }
    let places = service.memberships_in(actor, &ids).await?;
    let mut people: Vec<UserId> = places.iter().map(|place| place.user_id).collect();
    people.sort_unstable();
    people.dedup();
    let people: HashMap<UserId, String> = service
        .people_by_ids(actor, &people)
        .await?
        .into_iter()
        .filter(|person| !person.disabled)
        .map(|person| (person.id, person.display_name))
        .collect();
    let named = |wanted: OrganizationId, role: &dyn Fn(&[Role]) -> bool| -> Vec<(String, String)> {
        places
            .iter()
            .filter(|place| place.organization_id == wanted && role(place.roles()))
            .filter_map(|place| Some((place.user_id.to_string(), people.get(&place.user_id)?.clone())))
            .collect()
    };
    let groups = listed
        .iter()
        .filter(|organization| organization.id != own)
        .map(|organization| OptionGroup {
            id: organization.id.to_string(),
            name: organization.name.clone(),
            teams: teams
                .iter()
                .filter(|team| team.organization_id == organization.id)
                .map(|team| (team.id.to_string(), team.name.clone()))
                .collect(),
            people: named(organization.id, &|roles| {
                roles
                    .iter()
                    .any(|role| matches!(role, Role::Clinician | Role::TeamLead | Role::Physician))
            }),
        })
        .collect();
    Ok((groups, named(own, &|roles| roles.contains(&Role::Physician))))
}

async fn page(web: &Web, signed: &Signed, id: PatientId) -> Result<CirclePage> {
    let (service, actor) = (web.service(), &signed.actor);
    let patient = service.patient(actor, id).await?;
    let team = service.care_team(actor, id, service.now()).await?;
    let mut restrictions = service.restrictions(actor, id).await?;
    restrictions.retain(|restriction| restriction.row.ended_at.is_none());
    let mut wanted = Wanted::default();
    circle_names(&team, &restrictions, &mut wanted);
    for other in &patient.identity.reveal().other_mrns {
        wanted.organization(other.organization_id);
    }
    let names = wanted.load(web, actor).await?;
    let (groups, physicians) = choices(web, signed).await?;
    let shell = Shell::new(web, signed, "Care team and restrictions");
    let own = actor.user_id.map_or_else(String::new, |user| user.to_string());
    Ok(CirclePage {
        id,
        who: who(patient.identity.reveal(), &names, signed.zone.today(shell.now)),
        care_team: team.iter().map(|row| care_team_entry(row, &names, &shell)).collect(),
        restrictions: restrictions
            .iter()
            .map(|restriction| restriction_entry(restriction, &names, &shell))
            .collect(),
        groups,
        roles: CareRole::ALL
            .iter()
            .map(|role| (role.as_str(), words::care_role(*role)))
            .collect(),
        typed: Typed {
            agreed_by: if signed.has_any(&[Role::Physician]) {
                own
            } else {
                String::new()
            },
            ..Typed::default()
        },
        physicians,
        problems: Problems::default(),
        key: web.fresh_key(),
        shell,
    })
}

async fn circle(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    shell::page(&page(&web, &signed, id.parse()?).await?)
}

async fn again(web: &Web, post: &Post, id: PatientId, problems: Vec<FieldProblem>) -> Result<Response> {
    let mut page = page(web, &post.signed, id).await?;
    page.typed = Typed::sent(&post.fields);
    page.problems = Problems::new(problems);
    shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// `team:<id>`, `user:<id>`, `organization:<id>`: the id after the kind.
fn chosen<T: std::str::FromStr>(value: &str, kind: &str) -> Option<T> {
    value.strip_prefix(kind)?.strip_prefix(':')?.parse().ok()
}

async fn add_entry(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: PatientId = id.parse()?;
    let mut problems = Vec::new();
    let whom = post.fields.text("teamId");
    let (team_id, user_id) = (chosen::<TeamId>(whom, "team"), chosen::<UserId>(whom, "user"));
    if team_id.is_none() && user_id.is_none() {
        problems.push(FieldProblem::required("teamId"));
    }
    let care_role = note(&mut problems, post.fields.parse::<CareRole>("careRole"));
    let until = match post.fields.text("until") {
        "" => None,
        day => {
            let last = day.parse().ok().and_then(|day: chrono::NaiveDate| day.succ_opt());
            let end = last.and_then(|day| post.signed.zone.start_of(day));
            if end.is_none() {
                problems.push(FieldProblem::new(
                    "until",
                    "UNKNOWN_VALUE",
                    "write a day as year-month-day",
                ));
            }
            end
        }
    };
    let input = match care_role {
        Some(care_role) if problems.is_empty() => AddCareTeamEntry {
            patient_id: id,
            team_id,
            user_id,
            care_role,
            from: None,
            until,
            idempotency_key: sent_key(&post.fields),
        },
        _ => return again(&web, &post, id, problems).await,
    };
    match web.service().add_care_team_entry(&post.signed.actor, input).await {
        Ok(_) => shell::go(&format!("/patients/{id}/circle?done=added")),
        Err(ServiceError::Invalid(problems)) => again(&web, &post, id, problems).await,
        Err(other) => Err(other.into()),
    }
}

async fn end_entry(State(web): State<Web>, Path((id, entry)): Path<(String, String)>, post: Post) -> Result<Response> {
    let id: PatientId = id.parse()?;
    web.service()
        .end_care_team_entry(&post.signed.actor, entry.parse()?)
        .await?;
    shell::go(&format!("/patients/{id}/circle?done=ended"))
}

async fn add_restriction(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: PatientId = id.parse()?;
    let scope = post.fields.text("scope");
    let found = match scope {
        "everyone" => Some(RestrictionScope::EveryoneButClinic),
        other => chosen(other, "organization")
            .map(RestrictionScope::Organization)
            .or_else(|| chosen(other, "team").map(RestrictionScope::Team))
            .or_else(|| chosen(other, "user").map(RestrictionScope::User)),
    };
    let Some(scope) = found else {
        return again(&web, &post, id, vec![FieldProblem::required("scope")]).await;
    };
    let agreed_by = match post.fields.parse_some::<UserId>("agreedBy") {
        Ok(agreed_by) => agreed_by,
        Err(_) => return again(&web, &post, id, vec![FieldProblem::unknown_id("agreedBy")]).await,
    };
    let input = AddRestriction {
        patient_id: id,
        scope,
        detail: post.fields.some("detail"),
        agreed_by,
        agreed_at: None,
        idempotency_key: sent_key(&post.fields),
    };
    match web.service().add_restriction(&post.signed.actor, input).await {
        Ok(_) => shell::go(&format!("/patients/{id}/circle?done=added")),
        Err(ServiceError::Invalid(problems)) => again(&web, &post, id, problems).await,
        Err(other) => Err(other.into()),
    }
}

async fn end_restriction(
    State(web): State<Web>,
    Path((id, restriction)): Path<(String, String)>,
    post: Post,
) -> Result<Response> {
    let id: PatientId = id.parse()?;
    web.service()
        .end_restriction(&post.signed.actor, restriction.parse()?)
        .await?;
    shell::go(&format!("/patients/{id}/circle?done=ended"))
}
