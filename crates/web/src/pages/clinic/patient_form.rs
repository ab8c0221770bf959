//! Registers a patient, and corrects who a patient is.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use chrono::NaiveDate;
use liaison_domain::{OrganizationId, PatientId};
use liaison_service::{
    FieldProblem, ServiceError,
    directory::ListOrganizations,
    patients::{AdministrativeGender, OtherMrn, PatientIdentity, RegisterPatient, UpdatePatient},
};

use super::sent_key;
use crate::{
    Result, Web,
    form::{Fields, Post, Problems, note},
    session::Signed,
    shell::{self, Shell},
};

/// The most numbers of other organizations that the form reads.
const MAX_OTHERS: usize = 20;

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/patients/new", get(blank).post(register))
        .route("/patients/{id}/edit", get(edit).post(correct))
}

#[derive(Template)]
#[template(path = "clinic/patient_form.html")]
struct FormPage {
    shell: Shell,
    /// Absent for a new patient.
    id: Option<PatientId>,
    typed: Typed,
    organizations: Vec<(String, String)>,
    genders: [(&'static str, &'static str); 4],
    problems: Problems,
    key: String,
}

/// What stands in the fields.
#[derive(Default)]
struct Typed {
    name: String,
    mrn: String,
    birth_date: String,
    gender: String,
    others: Vec<Other>,
}

struct Other {
    at: usize,
    organization: String,
    mrn: String,
}

const GENDERS: [(&str, &str); 4] = [
    ("female", "Female"),
    ("male", "Male"),
    ("other", "Other"),
    ("unknown", "Unknown"),
];

fn other_field(at: usize, part: &str) -> String {
    format!("otherMrns[{at}].{part}")
}

impl Typed {
    fn of(identity: &PatientIdentity) -> Self {
        let mut others: Vec<Other> = identity
            .other_mrns
            .iter()
            .enumerate()
            .map(|(at, other)| Other {
                at,
                organization: other.organization_id.to_string(),
                mrn: other.mrn.clone(),
            })
            .collect();
        others.push(empty_other(others.len()));
        Self {
            name: identity.name.clone(),
            mrn: identity.mrn.clone(),
            birth_date: identity.birth_date.to_string(),
            gender: identity.administrative_gender.as_str().to_owned(),
            others,
        }
    }

    fn sent(fields: &Fields) -> Self {
        let mut others: Vec<Other> = (0..MAX_OTHERS)
            .map(|at| Other {
                at,
                organization: fields.text(&other_field(at, "organizationId")).to_owned(),
                mrn: fields.text(&other_field(at, "mrn")).to_owned(),
            })
            .take_while(|other| fields.has(&other_field(other.at, "mrn")))
            .collect();
        if others.last().is_none_or(|last| !last.mrn.is_empty()) {
            others.push(empty_other(others.len()));
        }
        Self {
            name: fields.text("name").to_owned(),
            mrn: fields.text("mrn").to_owned(),
            birth_date: fields.text("birthDate").to_owned(),
            gender: fields.text("administrativeGender").to_owned(),
            others,
        }
    }
}

fn empty_other(at: usize) -> Other {
    Other {
        at,
        organization: String::new(),
        mrn: String::new(),
    }
}

/// Reads the identity; every problem of reading at once.
fn identity(fields: &Fields) -> std::result::Result<PatientIdentity, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let birth_date = note(
        &mut problems,
        fields
            .parse::<NaiveDate>("birthDate")
            .map_err(|problem| match problem.code.as_ref() {
                "REQUIRED" => problem,
                _ => FieldProblem::new(
                    "birthDate",
                    "UNKNOWN_VALUE",
                    "write a day as year-month-day, such as 1961-04-09",
                ),
            }),
    );
    let gender = note(
        &mut problems,
        fields
            .parse::<String>("administrativeGender")
            .and_then(|code| code.parse::<AdministrativeGender>()),
    );
    let mut other_mrns = Vec::new();
    for at in 0..MAX_OTHERS {
        let mrn = fields.text(&other_field(at, "mrn"));
        let named = other_field(at, "organizationId");
        match (mrn.is_empty(), fields.text(&named).is_empty()) {
            (true, true) => {}
            (false, true) => problems.push(FieldProblem::new(named, "REQUIRED", "say whose number this is")),
            _ => {
                let organization = fields
                    .parse::<OrganizationId>(&named)
                    .map_err(|_| FieldProblem::unknown_id(named.clone()));
                if let Some(organization_id) = note(&mut problems, organization) {
                    other_mrns.push(OtherMrn {
                        organization_id,
                        mrn: mrn.to_owned(),
                    });
                }
            }
        }
    }
    match (birth_date, gender) {
        (Some(birth_date), Some(administrative_gender)) if problems.is_empty() => Ok(PatientIdentity {
            mrn: fields.text("mrn").to_owned(),
            name: fields.text("name").to_owned(),
            birth_date,
            administrative_gender,
            other_mrns,
        }),
        _ => {
            for name in ["name", "mrn"] {
                if fields.text(name).is_empty() {
                    problems.push(FieldProblem::required(name));
                }
            }
            Err(problems)
        }
    }
}

async fn page(web: &Web, signed: &Signed, id: Option<PatientId>, typed: Typed, key: String) -> Result<FormPage> {
    let own = signed.actor.organization_id;
    let listed = web
        .service()
        .organizations(
            &signed.actor,
            ListOrganizations {
                first: 100,
                ..ListOrganizations::default()
            },
        )
        .await?;
    Ok(FormPage {
        shell: Shell::new(
            web,
            signed,
            if id.is_some() {
                "Correct a patient"
            } else {
                "Register a patient"
            },
        ),
        id,
        typed,
        organizations: listed
            .items
            .into_iter()
            .filter(|organization| Some(organization.id) != own)
            .map(|organization| (organization.id.to_string(), organization.name))
            .collect(),
        genders: GENDERS,
        problems: Problems::default(),
        key,
    })
}

async fn blank(State(web): State<Web>, signed: Signed) -> Result<Response> {
    if !super::board::reads_patients(&signed) {
        return Err(ServiceError::Forbidden.into());
    }
    let typed = Typed {
        others: vec![empty_other(0)],
        ..Typed::default()
    };
    shell::page(&page(&web, &signed, None, typed, web.fresh_key()).await?)
}

async fn edit(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    let id: PatientId = id.parse()?;
    let patient = web.service().patient(&signed.actor, id).await?;
    // Emergency access reads and changes nothing.
    if !super::board::reads_patients(&signed) {
        return Err(ServiceError::Forbidden.into());
    }
    let typed = Typed::of(patient.identity.reveal());
    shell::page(&page(&web, &signed, Some(id), typed, web.fresh_key()).await?)
}

/// Shows the form again with everything that was typed.
async fn again(
    web: &Web,
    post: &Post,
    id: Option<PatientId>,
    status: StatusCode,
    problems: Vec<FieldProblem>,
) -> Result<Response> {
    // A new key: what is sent next differs from what was sent under the old one.
    let mut page = page(web, &post.signed, id, Typed::sent(&post.fields), web.fresh_key()).await?;
    page.problems = Problems::new(problems);
    shell::page_with(status, &page)
}

async fn refused(web: &Web, post: &Post, id: Option<PatientId>, error: ServiceError) -> Result<Response> {
    match error {
        ServiceError::Invalid(problems) => again(web, post, id, StatusCode::UNPROCESSABLE_ENTITY, problems).await,
        ServiceError::Conflict { code, message } => {
            let problem = FieldProblem::new("mrn", code, message);
            again(web, post, id, StatusCode::CONFLICT, vec![problem]).await
        }
        other => Err(other.into()),
    }
}

async fn register(State(web): State<Web>, post: Post) -> Result<Response> {
    let identity = match identity(&post.fields) {
        Ok(identity) => identity,
        Err(problems) => return again(&web, &post, None, StatusCode::UNPROCESSABLE_ENTITY, problems).await,
    };
    let input = RegisterPatient {
        identity,
        idempotency_key: sent_key(&post.fields),
    };
    match web.service().register_patient(&post.signed.actor, input).await {
        Ok(registered) => shell::go(&format!("/patients/{}?done=added", registered.patient_id)),
        Err(error) => refused(&web, &post, None, error).await,
    }
}

async fn correct(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: PatientId = id.parse()?;
    let identity = match identity(&post.fields) {
        Ok(identity) => identity,
        Err(problems) => return again(&web, &post, Some(id), StatusCode::UNPROCESSABLE_ENTITY, problems).await,
    };
    let input = UpdatePatient {
        patient_id: id,
        identity,
        idempotency_key: sent_key(&post.fields),
    };
    match web.service().update_patient(&post.signed.actor, input).await {
        Ok(_) => shell::go(&format!("/patients/{id}?done=saved")),
        Err(error) => refused(&web, &post, Some(id), error).await,
    }
}
