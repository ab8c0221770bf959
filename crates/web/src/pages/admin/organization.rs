//! `/directory/organizations/{id}`: an organization's teams, people, absences; changing it, adding teams and people.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use liaison_domain::{CareRole, OrganizationId, Role, TeamId, UserId, calendar::Calendar, people::Role as AnyRole};
use liaison_service::{
    FieldProblem, Result as Done, ServiceError,
    directory::{
        AddPerson, CreateTeam, Organization, OrganizationChoice, Person, Team, TeamSettings, UpdateOrganization,
    },
};

use super::{given_key, problems, words};
use crate::{
    Result, Web, WebError,
    form::{Fields, Post, Problems},
    session::Signed,
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/directory/organizations/{id}", get(show).post(update))
        .route("/directory/organizations/{id}/teams", post(add_team))
        .route("/directory/organizations/{id}/people", post(add_person))
}

/// Whether the page offers to change an organization's directory; the use cases decide.
pub(super) fn manages(signed: &Signed, organization: &Organization) -> bool {
    let keeps = signed.actor.is_clinic()
        && organization
            .managed_by
            .is_some_and(|clinic| signed.actor.acts_for(clinic));
    signed.actor.has(AnyRole::Admin) && (keeps || signed.actor.acts_for(organization.id))
}

/// A person with their place, in words.
struct Member {
    person: Person,
    roles: String,
    teams: String,
}

/// One absence.
struct Absence {
    absent: String,
    covering: String,
    from: chrono::DateTime<chrono::Utc>,
    until: chrono::DateTime<chrono::Utc>,
}

#[derive(Template)]
#[template(path = "admin/organization.html")]
struct OrganizationTemplate {
    shell: Shell,
    problems: Problems,
    /// Whose problems: `organization`, `team` or `person`.
    form: &'static str,
    typed: Fields,
    organization: Organization,
    kind: &'static str,
    kept_by: Option<String>,
    own: bool,
    manages: bool,
    teams: Vec<(Team, &'static str, usize, usize)>,
    members: Vec<Member>,
    absences: Vec<Absence>,
    key: String,
}

impl OrganizationTemplate {
    fn care_roles(&self) -> Vec<(&'static str, &'static str)> {
        CareRole::ALL
            .iter()
            .map(|role| (role.as_str(), words::care_role(*role)))
            .collect()
    }

    fn roles(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let roles = Role::ALL.iter();
        roles
            .map(|role| (role.as_str(), words::role(*role), words::role_hint(*role)))
            .collect()
    }

    /// What was typed into a form, or what stands.
    fn text<'a>(&'a self, form: &str, name: &str, stands: &'a str) -> &'a str {
        if self.form == form {
            self.typed.text(name)
        } else {
            stands
        }
    }

    fn ticked(&self, form: &str, name: &str, value: &str) -> bool {
        self.form == form && self.typed.all(name).any(|given| given == value)
    }

    fn wrong(&self, form: &str, path: &str) -> &str {
        if self.form == form { self.problems.of(path) } else { "" }
    }
}

pub(super) fn role_words(roles: &[Role]) -> String {
    roles
        .iter()
        .map(|role| words::role(*role))
        .collect::<Vec<_>>()
        .join(", ")
}

async fn show(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    page(&web, &signed, id.parse()?, "", Fields::default(), Vec::new()).await
}

async fn page(
    web: &Web,
    signed: &Signed,
    id: OrganizationId,
    form: &'static str,
    typed: Fields,
    wrong: Vec<FieldProblem>,
) -> Result<Response> {
    let (service, actor) = (web.service(), &signed.actor);
    let organization = service.organization_by_id(actor, id).await?.ok_or(WebError::NoPage)?;
    let kept_by = match organization.managed_by {
        Some(clinic) => service
            .organization_by_id(actor, clinic)
            .await?
            .map(|clinic| clinic.name),
        None => None,
    };
    let teams = service.teams_of_organizations(actor, &[id]).await?;
    let ids: Vec<TeamId> = teams.iter().map(|team| team.id).collect();
    let in_teams = service.members_of_teams(actor, &ids).await?;
    let endpoints = service.endpoints_of_teams(actor, &ids).await?;
    let places = service.memberships_in(actor, &[id]).await?;
    let coverages = service.coverages(actor, id).await?;
    let away = coverages
        .iter()
        .flat_map(|one| [one.absent_user_id, one.covering_user_id]);
    let people: Vec<UserId> = super::each(places.iter().map(|place| place.user_id).chain(away));
    let people = service.people_by_ids(actor, &people).await?;
    let name = |id: UserId| {
        let found = people.iter().find(|person| person.id == id);
        found.map_or_else(|| "Somebody".to_owned(), |person| person.display_name.clone())
    };
    let members = places.iter().filter_map(|place| {
        let person = people.iter().find(|person| person.id == place.user_id)?.clone();
        let of = in_teams.iter().filter(|member| member.user_id == person.id);
        let of: Vec<String> = of
            .filter_map(|member| {
                let team = teams.iter().find(|team| team.id == member.team_id)?;
                Some(if member.is_lead {
                    format!("{} (lead)", team.name)
                } else {
                    team.name.clone()
                })
            })
            .collect();
        Some(Member {
            roles: role_words(place.roles()),
            teams: of.join(", "),
            person,
        })
    });
    let members = members.collect();
    let absences = coverages.iter().map(|one| Absence {
        absent: name(one.absent_user_id),
        covering: name(one.covering_user_id),
        from: one.from_at,
        until: one.until_at,
    });
    let absences = absences.collect();
    let status = if wrong.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let template = OrganizationTemplate {
        shell: Shell::new(web, signed, "Organization"),
        problems: Problems::new(wrong),
        form,
        key: typed.some("key").unwrap_or_else(|| web.fresh_key()),
        typed,
        kind: words::kind(organization.kind),
        kept_by,
        own: actor.acts_for(id),
        manages: manages(signed, &organization),
        teams: teams
            .into_iter()
            .map(|team| {
                let people = in_teams.iter().filter(|member| member.team_id == team.id).count();
                let ways = endpoints
                    .iter()
                    .filter(|endpoint| endpoint.team_id == Some(team.id))
                    .filter(|endpoint| endpoint.status == liaison_domain::EndpointStatus::Active)
                    .count();
                let part = words::care_role(team.care_role);
                (team, part, people, ways)
            })
            .collect(),
        members,
        absences,
        organization,
    };
    shell::page_with(status, &template)
}

/// The page again with the problems of one of its forms, or on to where the result stands.
async fn settle<T>(
    web: &Web,
    post: Post,
    id: OrganizationId,
    form: &'static str,
    done: Done<T>,
    to: impl FnOnce(T) -> String,
) -> Result<Response> {
    match done {
        Ok(value) => shell::go(&to(value)),
        Err(refused @ (ServiceError::Invalid(_) | ServiceError::Conflict { .. })) => {
            let wrong = problems(refused)?;
            page(web, &post.signed, id, form, post.fields, wrong).await
        }
        Err(other) => Err(other.into()),
    }
}

async fn update(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: OrganizationId = id.parse()?;
    let input = UpdateOrganization {
        organization_id: id,
        name: post.fields.text("name").to_owned(),
        time_zone: post.fields.text("timeZone").to_owned(),
        phone: post.fields.some("phone"),
        idempotency_key: given_key(&post.fields),
    };
    let done = web.service().update_organization(&post.signed.actor, input).await;
    settle(&web, post, id, "organization", done, |_| {
        format!("/directory/organizations/{id}?done=saved")
    })
    .await
}

async fn add_team(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: OrganizationId = id.parse()?;
    let organization = web
        .service()
        .organization_by_id(&post.signed.actor, id)
        .await?
        .ok_or(WebError::NoPage)?;
    let zone = organization.time_zone.parse().unwrap_or(chrono_tz::Tz::UTC);
    let done = match post.fields.parse::<CareRole>("careRole") {
        Ok(care_role) => {
            let input = CreateTeam {
                organization_id: id,
                settings: TeamSettings {
                    name: post.fields.text("name").to_owned(),
                    care_role,
                    calendar: Calendar::office_hours(zone),
                    phone: post.fields.some("phone"),
                },
                idempotency_key: given_key(&post.fields),
            };
            web.service().create_team(&post.signed.actor, input).await
        }
        Err(problem) => Err(ServiceError::Invalid(vec![problem])),
    };
    settle(&web, post, id, "team", done, |team| {
        format!("/directory/teams/{team}?done=added")
    })
    .await
}

async fn add_person(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: OrganizationId = id.parse()?;
    let fields = &post.fields;
    let mut wrong = Vec::new();
    let input = AddPerson {
        organization: OrganizationChoice::Existing(id),
        email: fields.text("email").to_owned(),
        display_name: fields.text("displayName").to_owned(),
        phone: fields.some("phone"),
        time_zone: fields.some("timeZone"),
        digest_hour: None,
        roles: all(fields, "roles", &mut wrong),
        teams: all(fields, "teams", &mut wrong),
        idempotency_key: given_key(fields),
    };
    let done = match wrong.is_empty() {
        true => web.service().add_person(&post.signed.actor, input).await,
        false => Err(ServiceError::Invalid(wrong)),
    };
    settle(&web, post, id, "person", done, |added| {
        format!("/directory/people/{}?done=added", added.user_id)
    })
    .await
}

/// Every value of a name, read.
pub(super) fn all<T>(fields: &Fields, name: &str, wrong: &mut Vec<FieldProblem>) -> Vec<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let values = fields.all(name).map(str::parse);
    values
        .filter_map(|value: Result<T, T::Err>| {
            value
                .map_err(|error| wrong.push(FieldProblem::new(name, "UNKNOWN_VALUE", error.to_string())))
                .ok()
        })
        .collect()
}
