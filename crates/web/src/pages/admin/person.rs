//! `/directory/people/{id}`: a person with their places, roles and teams; changing, inviting and disabling them.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use liaison_domain::{MembershipId, Role, UserId};
use liaison_service::{
    FieldProblem, ServiceError,
    directory::{Organization, Person, SetRoles, UpdatePerson},
};

use super::{
    Names, given_key,
    organization::{all, manages, role_words},
    problems, words,
};
use crate::{
    Result, Web, WebError,
    form::{Fields, Post, Problems},
    session::Signed,
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/directory/people/{id}", get(show).post(update))
        .route("/directory/people/{id}/switch", post(switch))
        .route("/directory/people/{id}/invite", post(invite))
        .route("/directory/people/{id}/places/{place}", post(place))
}

struct Place {
    id: MembershipId,
    organization: Organization,
    roles: Vec<Role>,
    words: String,
    manages: bool,
}

impl Place {
    fn has(&self, role: &Role) -> bool {
        self.roles.contains(role)
    }
}

#[derive(Template)]
#[template(path = "admin/person.html")]
struct PersonTemplate {
    shell: Shell,
    problems: Problems,
    typed: Option<Fields>,
    person: Person,
    places: Vec<Place>,
    teams: Vec<(String, String, bool)>,
    /// Whether somebody may change the person as an admin of a place of theirs.
    manages: bool,
    themself: bool,
    audits: bool,
    key: String,
}

impl PersonTemplate {
    fn roles(&self) -> Vec<(Role, &'static str, &'static str, &'static str)> {
        let roles = Role::ALL.iter();
        roles
            .map(|role| (*role, role.as_str(), words::role(*role), words::role_hint(*role)))
            .collect()
    }

    fn text<'a>(&'a self, name: &str, stands: &'a str) -> &'a str {
        self.typed.as_ref().map_or(stands, |typed| typed.text(name))
    }

    fn phone(&self) -> &str {
        self.person
            .contact
            .as_ref()
            .and_then(|contact| contact.phone.as_deref())
            .unwrap_or_default()
    }

    fn email(&self) -> &str {
        self.person
            .contact
            .as_ref()
            .map_or("", |contact| contact.email.as_str())
    }
}

async fn show(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    page(&web, &signed, id.parse()?, None, Vec::new()).await
}

async fn page(
    web: &Web,
    signed: &Signed,
    id: UserId,
    typed: Option<Fields>,
    wrong: Vec<FieldProblem>,
) -> Result<Response> {
    let (service, actor) = (web.service(), &signed.actor);
    let person = service.person_by_id(actor, id).await?.ok_or(WebError::NoPage)?;
    let memberships = service.memberships_of(actor, &[id]).await?;
    let ids: Vec<_> = memberships.iter().map(|place| place.organization_id).collect();
    let organizations = service.organizations_by_ids(actor, &ids).await?;
    let places: Vec<Place> = memberships
        .iter()
        .filter_map(|place| {
            let organization = organizations
                .iter()
                .find(|one| one.id == place.organization_id)?
                .clone();
            Some(Place {
                id: place.id,
                roles: place.roles().to_vec(),
                words: role_words(place.roles()),
                manages: manages(signed, &organization),
                organization,
            })
        })
        .collect();
    let in_teams = service.teams_of_people(actor, &[id]).await?;
    let names = Names::load(
        web,
        signed,
        [],
        [],
        in_teams.iter().map(|place| place.team_id).collect::<Vec<_>>(),
    )
    .await?;
    let status = if wrong.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let template = PersonTemplate {
        shell: Shell::new(web, signed, "Person"),
        problems: Problems::new(wrong),
        manages: places.iter().any(|place| place.manages),
        themself: actor.user_id == Some(id),
        audits: signed.has_any(&[Role::Admin, Role::Auditor]),
        key: typed
            .as_ref()
            .and_then(|typed| typed.some("key"))
            .unwrap_or_else(|| web.fresh_key()),
        typed,
        teams: in_teams
            .iter()
            .map(|place| (place.team_id.to_string(), names.team(place.team_id), place.is_lead))
            .collect(),
        person,
        places,
    };
    shell::page_with(status, &template)
}

async fn settle(
    web: &Web,
    post: Post,
    id: UserId,
    done: Result<(), ServiceError>,
    code: &str,
    keep: bool,
) -> Result<Response> {
    match done {
        Ok(()) => shell::go(&format!("/directory/people/{id}?done={code}")),
        Err(refused @ (ServiceError::Invalid(_) | ServiceError::Conflict { .. })) => {
            let wrong = problems(refused)?;
            let typed = keep.then_some(post.fields);
            page(web, &post.signed, id, typed, wrong).await
        }
        Err(other) => Err(other.into()),
    }
}

async fn update(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: UserId = id.parse()?;
    let fields = &post.fields;
    // The digest's hour is the person's own; whoever does not see it must not take it away.
    let stands = web
        .service()
        .person_by_id(&post.signed.actor, id)
        .await?
        .ok_or(WebError::NoPage)?;
    let input = UpdatePerson {
        user_id: id,
        email: fields.text("email").to_owned(),
        display_name: fields.text("displayName").to_owned(),
        phone: fields.some("phone"),
        time_zone: fields.text("timeZone").to_owned(),
        digest_hour: stands.digest_hour,
        idempotency_key: given_key(fields),
    };
    let done = web.service().update_person(&post.signed.actor, input).await;
    settle(&web, post, id, done, "saved", true).await
}

async fn switch(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: UserId = id.parse()?;
    let disable = post.fields.text("to") == "off";
    let done = web.service().set_person_disabled(&post.signed.actor, id, disable).await;
    settle(&web, post, id, done, "saved", false).await
}

async fn invite(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: UserId = id.parse()?;
    let done = web.service().invite_person(&post.signed.actor, id).await.map(|_| ());
    settle(&web, post, id, done, "invited", false).await
}

async fn place(State(web): State<Web>, Path((id, place)): Path<(String, String)>, post: Post) -> Result<Response> {
    let (id, place): (UserId, MembershipId) = (id.parse()?, place.parse()?);
    let fields = &post.fields;
    if fields.text("act") == "end" {
        let done = web.service().end_membership(&post.signed.actor, place).await;
        return settle(&web, post, id, done, "ended", false).await;
    }
    let mut wrong = Vec::new();
    let input = SetRoles {
        membership_id: place,
        roles: all(fields, "roles", &mut wrong),
        idempotency_key: given_key(fields),
    };
    let done = match wrong.is_empty() {
        true => web.service().set_roles(&post.signed.actor, input).await,
        false => Err(ServiceError::Invalid(wrong)),
    };
    settle(&web, post, id, done, "saved", false).await
}
