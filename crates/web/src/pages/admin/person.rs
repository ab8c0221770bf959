//! `/directory/people/{id}`: a person with their places, roles and teams; changing, inviting and disabling them, and
//! taking a lost second factor away.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use liaison_domain::{FactorResetReason, MembershipId, Recognized, Role, UserId};
use liaison_service::{
    FieldProblem, ServiceError,
    directory::{Organization, Person, SetRoles, UpdatePerson},
    sign_in::ResetFactors,
};

use super::{
    Names, given_key,
    organization::{all, manages, role_words},
    problems, words,
};
use crate::{
    Result, Web, WebError,
    form::{Fields, Post, Problems, note},
    session::Signed,
    shell::{self, Shell},
    step_up,
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/directory/people/{id}", get(show).post(update))
        .route("/directory/people/{id}/switch", post(switch))
        .route("/directory/people/{id}/invite", post(invite))
        .route("/directory/people/{id}/factors", post(factors))
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
    /// The form that changes it.
    fn form(&self) -> String {
        self.id.to_string()
    }
}

#[derive(Template)]
#[template(path = "admin/person.html")]
struct PersonTemplate {
    shell: Shell,
    problems: Problems,
    /// What was typed into a form that came back, and into which: `person`, `factors`, or a place's id.
    typed: Option<(String, Fields)>,
    /// Who they are was not proven lately enough for what weighs most.
    ask_password: bool,
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

    /// What was typed into a form that came back.
    fn typed(&self, form: &str) -> Option<&Fields> {
        let (of, fields) = self.typed.as_ref()?;
        (of == form).then_some(fields)
    }

    fn text<'a>(&'a self, name: &str, stands: &'a str) -> &'a str {
        self.typed("person").map_or(stands, |typed| typed.text(name))
    }

    fn has(&self, place: &Place, role: &Role) -> bool {
        match self.typed(&place.form()) {
            Some(typed) => typed.all("roles").any(|given| given == role.as_str()),
            None => place.roles.contains(role),
        }
    }

    fn chosen(&self, name: &str, value: &str) -> bool {
        self.typed("factors").is_some_and(|typed| typed.text(name) == value)
    }

    fn reasons(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        FactorResetReason::ALL
            .iter()
            .map(|reason| (reason.as_str(), words::factor_reset_reason(*reason)))
    }

    fn ways(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        Recognized::ALL
            .iter()
            .map(|way| (way.as_str(), words::recognized(*way)))
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
    typed: Option<(String, Fields)>,
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
            .and_then(|(_, typed)| typed.some("key"))
            .unwrap_or_else(|| web.fresh_key()),
        typed,
        ask_password: step_up::asks(web, signed),
        teams: in_teams
            .iter()
            .map(|place| (place.team_id.to_string(), names.team(place.team_id), place.is_lead))
            .collect(),
        person,
        places,
    };
    shell::page_with(status, &template)
}

/// Which form was sent, so that what was typed comes back in it: `person`, `factors`, or a place's id.
async fn settle(
    web: &Web,
    post: Post,
    id: UserId,
    done: Result<(), ServiceError>,
    code: &str,
    form: Option<&str>,
) -> Result<Response> {
    match done {
        Ok(()) => shell::go(&format!("/directory/people/{id}?done={code}")),
        Err(refused @ (ServiceError::Invalid(_) | ServiceError::Conflict { .. })) => {
            let mut wrong = problems(refused)?;
            // The page has several forms that ask for the password.
            for problem in wrong.iter_mut().filter(|problem| problem.path == "password") {
                problem.path = format!("password-{}", form.unwrap_or_default());
            }
            let typed = form.map(|form| (form.to_owned(), post.fields));
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
    // Whoever changes the address takes over the sign-in.
    let same = |contact: &liaison_service::directory::Contact| contact.email.eq_ignore_ascii_case(&input.email);
    let proven = match stands.contact.as_ref().is_some_and(same) {
        true => Ok(()),
        false => step_up::prove(&web, &post.signed, fields).await,
    };
    let done = match proven {
        Ok(()) => web.service().update_person(&post.signed.actor, input).await,
        Err(refused) => Err(refused),
    };
    settle(&web, post, id, done, "saved", Some("person")).await
}

async fn switch(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: UserId = id.parse()?;
    let disable = post.fields.text("to") == "off";
    let done = web.service().set_person_disabled(&post.signed.actor, id, disable).await;
    settle(&web, post, id, done, "saved", None).await
}

async fn invite(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: UserId = id.parse()?;
    let done = web.service().invite_person(&post.signed.actor, id).await.map(|_| ());
    settle(&web, post, id, done, "invited", None).await
}

/// Takes a lost second factor away.
async fn factors(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: UserId = id.parse()?;
    let mut wrong = Vec::new();
    let reason = note(&mut wrong, post.fields.parse::<FactorResetReason>("reason"));
    let recognized = note(&mut wrong, post.fields.parse::<Recognized>("recognized"));
    let done = match (
        step_up::prove(&web, &post.signed, &post.fields).await,
        reason,
        recognized,
    ) {
        (Ok(()), Some(reason), Some(recognized)) => {
            let input = ResetFactors {
                user_id: id,
                reason,
                recognized,
            };
            web.service().reset_factors(&post.signed.actor, input).await.map(|_| ())
        }
        (Err(ServiceError::Invalid(refused)), ..) => {
            wrong.extend(refused);
            Err(ServiceError::Invalid(wrong))
        }
        (Err(refused), ..) => Err(refused),
        (Ok(()), ..) => Err(ServiceError::Invalid(wrong)),
    };
    settle(&web, post, id, done, "factors", Some("factors")).await
}

async fn place(State(web): State<Web>, Path((id, place)): Path<(String, String)>, post: Post) -> Result<Response> {
    let (id, place): (UserId, MembershipId) = (id.parse()?, place.parse()?);
    let form = place.to_string();
    if let Err(refused) = step_up::prove(&web, &post.signed, &post.fields).await {
        return settle(&web, post, id, Err(refused), "saved", Some(&form)).await;
    }
    let fields = &post.fields;
    if fields.text("act") == "end" {
        let done = web.service().end_membership(&post.signed.actor, place).await;
        return settle(&web, post, id, done, "ended", Some(&form)).await;
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
    settle(&web, post, id, done, "saved", Some(&form)).await
}
