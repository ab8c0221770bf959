//! How I am told: telephone, time zone, and the hour of the daily summary.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use liaison_service::{FieldProblem, ServiceError, directory::UpdatePerson};

use super::answer::summary;
use crate::{
    Result, Web, WebError,
    form::{Fields, Post, Problems, note},
    session::Signed,
    shell::{self, Shell},
};

#[derive(Template)]
#[template(path = "inbox/preferences.html")]
struct PreferencesPage {
    shell: Shell,
    key: String,
    email: String,
    phone: String,
    time_zone: String,
    /// The hour of the summary; none for no summary.
    hour: Option<u32>,
    hours: Vec<(u32, String)>,
    zones: Vec<&'static str>,
    problems: Problems,
    wrong: Vec<(String, String, String)>,
}

impl PreferencesPage {
    fn wrong_at(&self, path: &str) -> String {
        match self.problems.of(path) {
            "" => String::new(),
            message => crate::error::capital(message),
        }
    }
}

async fn myself(web: &Web, signed: &Signed) -> Result<UpdatePerson> {
    let user_id = signed.actor.user_id.ok_or(WebError::NoPage)?;
    let person = web
        .service()
        .person_by_id(&signed.actor, user_id)
        .await?
        .ok_or(WebError::NoPage)?;
    let contact = person.contact.ok_or(WebError::NoPage)?;
    Ok(UpdatePerson {
        user_id,
        email: contact.email,
        display_name: person.display_name,
        phone: contact.phone,
        time_zone: person.time_zone,
        digest_hour: person.digest_hour,
        idempotency_key: None,
    })
}

fn page(web: &Web, signed: &Signed, shown: UpdatePerson, problems: Problems) -> PreferencesPage {
    PreferencesPage {
        shell: Shell::new(web, signed, "Notices"),
        key: web.fresh_key(),
        email: shown.email,
        phone: shown.phone.unwrap_or_default(),
        time_zone: shown.time_zone,
        hour: shown.digest_hour,
        hours: (0..24).map(|hour| (hour, format!("{hour:02}:00"))).collect(),
        // The zones of the United States, where the clinic and its partners are; any other can be typed.
        zones: vec![
            "America/New_York",
            "America/Chicago",
            "America/Denver",
            "America/Phoenix",
            "America/Los_Angeles",
            "America/Anchorage",
            "Pacific/Honolulu",
            "America/Puerto_Rico",
        ],
        wrong: summary(&problems),
        problems,
    }
}

pub(super) async fn show(State(web): State<Web>, signed: Signed) -> Result<Response> {
    let shown = myself(&web, &signed).await?;
    shell::page(&page(&web, &signed, shown, Problems::default()))
}

fn hour(fields: &Fields) -> std::result::Result<Option<u32>, FieldProblem> {
    fields
        .parse_some("digestHour")
        .map_err(|_| FieldProblem::new("digestHour", "OUT_OF_RANGE", "an hour from 0 to 23, or none"))
}

pub(super) async fn save(State(web): State<Web>, post: Post) -> Result<Response> {
    let (signed, fields) = (post.signed, post.fields);
    let mut problems = Vec::new();
    let digest_hour = note(&mut problems, hour(&fields)).flatten();
    let input = UpdatePerson {
        phone: fields.some("phone"),
        time_zone: fields.text("timeZone").to_owned(),
        digest_hour,
        idempotency_key: fields.some("key"),
        ..myself(&web, &signed).await?
    };
    let sent = if problems.is_empty() {
        web.service().update_person(&signed.actor, input.clone()).await
    } else {
        Err(ServiceError::Invalid(problems))
    };
    match sent {
        Ok(()) => shell::go("/account/notices?done=saved"),
        Err(ServiceError::Invalid(problems)) => {
            let page = page(&web, &signed, input, Problems::new(problems));
            shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(other) => Err(WebError::from(other)),
    }
}
