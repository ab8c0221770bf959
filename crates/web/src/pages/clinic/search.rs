//! `/patients`: finds a patient by the beginning of the name or by the number. What is looked for travels in a form and
//! never in the address.

use askama::Template;
use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use liaison_domain::PatientId;
use liaison_service::{
    FieldProblem, ServiceError,
    patients::{Patient, PatientPage, SearchPatients},
};

use super::count;
use crate::{
    Result, Web,
    form::{Post, Problems},
    format,
    session::Signed,
    shell::{self, Shell},
};

const PAGE: u32 = 30;

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/patients", get(form).post(search))
}

#[derive(Template)]
#[template(path = "clinic/search.html")]
struct SearchPage {
    shell: Shell,
    wanted: String,
    problems: Problems,
    /// Absent before a search.
    found: Option<Vec<Found>>,
    /// `3 patients`.
    counted: String,
    /// Go on after this one.
    more: Option<PatientId>,
}

/// A patient in the list.
struct Found {
    id: PatientId,
    name: String,
    birth_date: String,
    gender: &'static str,
    mrn: String,
}

fn found(patient: &Patient) -> Found {
    let identity = patient.identity.reveal();
    Found {
        id: patient.id,
        name: identity.name.clone(),
        birth_date: format::date(identity.birth_date),
        gender: identity.administrative_gender.as_str(),
        mrn: identity.mrn.clone(),
    }
}

async fn form(State(web): State<Web>, signed: Signed) -> Result<Response> {
    if !super::board::reads_patients(&signed) {
        return Err(ServiceError::Forbidden.into());
    }
    shell::page(&SearchPage {
        shell: Shell::new(&web, &signed, "Patients"),
        wanted: String::new(),
        problems: Problems::default(),
        found: None,
        counted: String::new(),
        more: None,
    })
}

async fn search(State(web): State<Web>, post: Post) -> Result<Response> {
    let wanted = post.fields.text("wanted").to_owned();
    let after = post.fields.parse_some::<PatientId>("after").ok().flatten();
    let mut page = SearchPage {
        shell: Shell::new(&web, &post.signed, "Patients"),
        wanted: wanted.clone(),
        problems: Problems::default(),
        found: None,
        counted: String::new(),
        more: None,
    };
    match look(&web, &post.signed, &wanted, after).await {
        Ok(answer) => {
            page.more = answer.patients.last().filter(|_| answer.has_more).map(|last| last.id);
            page.counted = count(answer.patients.len(), "patient");
            page.found = Some(answer.patients.iter().map(found).collect());
            shell::page(&page)
        }
        Err(ServiceError::Invalid(problems)) => {
            let problems = problems
                .into_iter()
                .map(|problem| FieldProblem::new("wanted", problem.code.clone(), problem.message));
            page.problems = Problems::new(problems.collect());
            shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(other) => Err(other.into()),
    }
}

/// A text with a digit is a number first: names have none.
async fn look(
    web: &Web,
    signed: &Signed,
    wanted: &str,
    after: Option<PatientId>,
) -> std::result::Result<PatientPage, ServiceError> {
    let by = |mrn: Option<&str>, name: Option<&str>| SearchPatients {
        mrn: mrn.map(str::to_owned),
        name: name.map(str::to_owned),
        after,
        limit: PAGE,
    };
    let service = web.service();
    let search = match wanted {
        "" => by(None, None),
        number if number.chars().any(|c| c.is_ascii_digit()) => by(Some(number), None),
        name => by(None, Some(name)),
    };
    service.search_patients(&signed.actor, search).await
}
