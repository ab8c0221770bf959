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
use liaison_domain::{CareRole, PatientId, Role, UserId};
use liaison_service::{
    FieldProblem, ServiceError,
    directory::{AddresseeId, FindAddressees},
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
    pages::finder::{Finder, is_search, read_key},
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
    find_team: Finder,
    find_scope: Finder,
    roles: Vec<(&'static str, &'static str)>,
    physicians: Vec<(String, String)>,
    typed: Typed,
    problems: Problems,
    key: String,
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

/// The clinic's physicians, who can have agreed to a restriction.
async fn physicians(web: &Web, signed: &Signed) -> Result<Vec<(String, String)>> {
    let (service, actor) = (web.service(), &signed.actor);
    let own = actor.organization_id.ok_or(WebError::NoPage)?;
    let mut places = service.memberships_in(actor, &[own]).await?;
    places.retain(|place| place.roles().contains(&Role::Physician));
    let ids: Vec<UserId> = places.iter().map(|place| place.user_id).collect();
    let people: HashMap<UserId, String> = service
        .people_by_ids(actor, &ids)
        .await?
        .into_iter()
        .filter(|person| !person.disabled)
        .map(|person| (person.id, person.display_name))
        .collect();
    let named = |user: &UserId| Some((user.to_string(), people.get(user)?.clone()));
    Ok(ids.iter().filter_map(named).collect())
}

/// Which of the page's two forms was sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Neither,
    CareTeam,
    Restriction,
}

/// The search of one form. What was picked before stays among the matches, first.
async fn finder(web: &Web, signed: &Signed, fields: &Fields, picked: &str, organizations: bool) -> Result<Finder> {
    let among = FindAddressees {
        organizations,
        teams: true,
        people: true,
        but: signed.actor.organization_id,
        ..FindAddressees::default()
    };
    let mut finder = Finder::of_form(web, &signed.actor, fields, among).await?;
    finder.keep(web, &signed.actor, picked).await?;
    Ok(finder)
}

async fn page(web: &Web, signed: &Signed, id: PatientId, form: Form, fields: &Fields) -> Result<CirclePage> {
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
    let physicians = physicians(web, signed).await?;
    let nothing = Fields::default();
    let of = |which: Form| if form == which { fields } else { &nothing };
    let (team_fields, restriction_fields) = (of(Form::CareTeam), of(Form::Restriction));
    let find_team = finder(web, signed, team_fields, team_fields.text("teamId"), false).await?;
    let find_scope = finder(web, signed, restriction_fields, restriction_fields.text("scope"), true).await?;
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
        find_team,
        find_scope,
        roles: CareRole::ALL
            .iter()
            .map(|role| (role.as_str(), words::care_role(*role)))
            .collect(),
        typed: match form {
            Form::Neither => Typed {
                agreed_by: if signed.has_any(&[Role::Physician]) {
                    own
                } else {
                    String::new()
                },
                ..Typed::default()
            },
            _ => Typed::sent(fields),
        },
        physicians,
        problems: Problems::default(),
        key: web.fresh_key(),
        shell,
    })
}

async fn circle(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    shell::page(&page(&web, &signed, id.parse()?, Form::Neither, &Fields::default()).await?)
}

async fn again(web: &Web, post: &Post, id: PatientId, form: Form, problems: Vec<FieldProblem>) -> Result<Response> {
    let mut page = page(web, &post.signed, id, form, &post.fields).await?;
    page.problems = Problems::new(problems);
    shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

async fn add_entry(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: PatientId = id.parse()?;
    if is_search(&post.fields) {
        return shell::page(&page(&web, &post.signed, id, Form::CareTeam, &post.fields).await?);
    }
    let mut problems = Vec::new();
    let whom = post.fields.text("teamId");
    let (team_id, user_id) = match read_key(whom) {
        Some(AddresseeId::Team(team)) => (Some(team), None),
        Some(AddresseeId::User(user)) => (None, Some(user)),
        _ => (None, None),
    };
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
        _ => return again(&web, &post, id, Form::CareTeam, problems).await,
    };
    match web.service().add_care_team_entry(&post.signed.actor, input).await {
        Ok(_) => shell::go(&format!("/patients/{id}/circle?done=added")),
        Err(ServiceError::Invalid(problems)) => again(&web, &post, id, Form::CareTeam, problems).await,
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
    if is_search(&post.fields) {
        return shell::page(&page(&web, &post.signed, id, Form::Restriction, &post.fields).await?);
    }
    let scope = post.fields.text("scope");
    let found = match scope {
        "everyone" => Some(RestrictionScope::EveryoneButClinic),
        other => read_key(other).map(|id| match id {
            AddresseeId::Organization(id) => RestrictionScope::Organization(id),
            AddresseeId::Team(id) => RestrictionScope::Team(id),
            AddresseeId::User(id) => RestrictionScope::User(id),
        }),
    };
    let Some(scope) = found else {
        return again(
            &web,
            &post,
            id,
            Form::Restriction,
            vec![FieldProblem::required("scope")],
        )
        .await;
    };
    let agreed_by = match post.fields.parse_some::<UserId>("agreedBy") {
        Ok(agreed_by) => agreed_by,
        Err(_) => {
            return again(
                &web,
                &post,
                id,
                Form::Restriction,
                vec![FieldProblem::unknown_id("agreedBy")],
            )
            .await;
        }
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
        Err(ServiceError::Invalid(problems)) => again(&web, &post, id, Form::Restriction, problems).await,
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
