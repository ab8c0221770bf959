//! `/legal-holds`: an admin sets and lifts holds on what belongs to a patient, each with a reason; auditors read them. A
//! patient is found by the medical record number, sent by POST, and is named by the id, as everywhere in the audit.

use askama::Template;
use axum::{
    Router,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use liaison_domain::{
    LegalHoldId, PatientId,
    access::{Action, Relation, decide},
};
use liaison_service::{
    FieldProblem, ServiceError,
    patients::{LegalHold, LegalHoldQuery, LiftLegalHold, SetLegalHold},
};

use super::{Names, given_key, problems, short_id};
use crate::{
    Result, Web,
    form::{Fields, Post, Problems},
    session::Signed,
    shell::{self, Shell},
    step_up,
};

/// The address.
const PATH: &str = "/legal-holds";

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/legal-holds", get(show).post(set))
        .route("/legal-holds/find", post(find))
        .route("/legal-holds/{id}/lift", post(lift))
}

struct Hold {
    hold: LegalHold,
    patient: String,
    set_by: String,
    lifted_by: String,
    /// What was typed into its form, when it comes back.
    typed: String,
    /// Whether the problems are its form's.
    here: bool,
}

impl Hold {
    fn reason(&self) -> &str {
        self.hold.reason.reveal()
    }

    /// Tells its password's field from those of the other forms.
    fn password_field(&self) -> String {
        format!("password-{}", self.hold.id)
    }

    fn lift_reason(&self) -> &str {
        self.hold
            .lift_reason
            .as_ref()
            .map_or("", |reason| reason.reveal().as_str())
    }
}

/// Which form has the problems.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Find,
    Set,
    Lift(LegalHoldId),
}

#[derive(Template)]
#[template(path = "admin/legal_holds.html")]
struct LegalHoldsTemplate {
    shell: Shell,
    problems: Problems,
    /// What was typed into the form for setting.
    patient: String,
    reason: String,
    /// The one patient that the page is about.
    of: Option<String>,
    /// Whether setting and lifting is theirs.
    manages: bool,
    /// Who they are was not proven lately enough to set or lift.
    ask_password: bool,
    wrong: Option<Form>,
    key: String,
    which: &'static str,
    holds: Vec<Hold>,
    older: Option<String>,
}

impl LegalHoldsTemplate {
    fn find_is_wrong(&self) -> bool {
        self.wrong == Some(Form::Find)
    }

    /// The patient that the page is about, short.
    fn short(&self) -> String {
        self.of.as_deref().map(short_id).unwrap_or_default()
    }

    /// Fields of the form for setting bear the plain names, unless another form of the page has the problems.
    fn lift_is_wrong(&self) -> bool {
        matches!(self.wrong, Some(Form::Lift(_)))
    }
}

async fn show(State(web): State<Web>, signed: Signed, RawQuery(query): RawQuery) -> Result<Response> {
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    page(&web, &signed, &fields, None).await
}

async fn page(
    web: &Web,
    signed: &Signed,
    fields: &Fields,
    refused: Option<(Form, Vec<FieldProblem>)>,
) -> Result<Response> {
    let of = fields.parse_some::<PatientId>("patient").ok().flatten();
    let (which, standing) = match fields.text("which") {
        "lifted" => ("lifted", Some(false)),
        // Of one patient, the whole history.
        "all" => ("all", None),
        "" if of.is_some() => ("all", None),
        _ => ("standing", Some(true)),
    };
    let query = LegalHoldQuery {
        patient_id: of,
        standing,
        first: Some(30),
        after: fields.some("after"),
    };
    let found = web.service().legal_holds(&signed.actor, query).await?;
    let of = of.map(|id| id.to_string());
    let about = of.as_ref().map_or_else(String::new, |id| format!("&patient={id}"));
    let older = found.entries.last().filter(|_| found.has_more);
    let older = older.map(|last| format!("{PATH}?which={which}{about}&after={}", last.cursor));
    let people: Vec<_> = found
        .entries
        .iter()
        .flat_map(|hold| [Some(hold.set_by), hold.lifted_by])
        .flatten()
        .collect();
    let names = Names::load(web, signed, people, [], []).await?;
    let (wrong, wrongs) = refused.unzip();
    let holds = found
        .entries
        .into_iter()
        .map(|hold| {
            let here = wrong == Some(Form::Lift(hold.id));
            Hold {
                patient: short_id(&hold.patient_id.to_string()),
                set_by: names.person(hold.set_by),
                lifted_by: hold.lifted_by.map(|user| names.person(user)).unwrap_or_default(),
                typed: if here {
                    fields.text("reason").to_owned()
                } else {
                    String::new()
                },
                here,
                hold,
            }
        })
        .collect();
    let set_again = wrong == Some(Form::Set);
    let template = LegalHoldsTemplate {
        shell: Shell::new(web, signed, "Legal holds"),
        problems: Problems::new(wrongs.unwrap_or_default()),
        patient: match (&of, set_again) {
            (_, true) => fields.text("patientId").to_owned(),
            (of, false) => of.clone().unwrap_or_default(),
        },
        reason: if set_again {
            fields.text("reason").to_owned()
        } else {
            String::new()
        },
        of,
        manages: decide(&signed.actor, Action::ManageLegalHolds, Relation::Own).is_ok(),
        ask_password: step_up::asks(web, signed),
        key: web.fresh_key(),
        which,
        holds,
        older,
        wrong,
    };
    let status = match wrong {
        None => StatusCode::OK,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    shell::page_with(status, &template)
}

/// From a number, which must not stand in an address, to the patient's holds.
async fn find(State(web): State<Web>, post: Post) -> Result<Response> {
    let mrn = post.fields.text("mrn");
    let wrong = match web.service().find_audited_patient(&post.signed.actor, mrn).await {
        Ok(Some(id)) => return shell::go(&format!("{PATH}?patient={id}")),
        Ok(None) => {
            let message = "no patient of your organization has this number";
            vec![FieldProblem::new("mrn", "UNKNOWN_VALUE", message)]
        }
        Err(refused) => problems(refused)?,
    };
    page(&web, &post.signed, &Fields::default(), Some((Form::Find, wrong))).await
}

async fn set(State(web): State<Web>, post: Post) -> Result<Response> {
    let (signed, fields) = (&post.signed, &post.fields);
    let done = match (
        step_up::prove(&web, signed, fields).await,
        fields.parse::<PatientId>("patientId"),
    ) {
        // What was typed stays on the page.
        (Err(refused), _) => Err(refused),
        (Ok(()), Err(problem)) => Err(ServiceError::Invalid(vec![problem])),
        (Ok(()), Ok(patient_id)) => {
            let input = SetLegalHold {
                patient_id,
                reason: fields.text("reason").to_owned(),
                idempotency_key: given_key(fields),
            };
            web.service().set_legal_hold(&signed.actor, input).await.map(|_| ())
        }
    };
    match done {
        Ok(()) => shell::go(&format!("{PATH}?done=held")),
        Err(ServiceError::NotFound("patient")) => {
            let message = "no patient of your organization has this id";
            let wrong = vec![FieldProblem::new("patientId", "UNKNOWN_ID", message)];
            page(&web, signed, fields, Some((Form::Set, wrong))).await
        }
        Err(refused @ (ServiceError::Invalid(_) | ServiceError::Conflict { .. })) => {
            let wrong = problems(refused)?;
            page(&web, signed, fields, Some((Form::Set, wrong))).await
        }
        Err(other) => Err(other.into()),
    }
}

async fn lift(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let legal_hold_id: LegalHoldId = id.parse()?;
    let (signed, fields) = (&post.signed, &post.fields);
    let done = match step_up::prove(&web, signed, fields).await {
        Err(refused) => Err(refused),
        Ok(()) => {
            let input = LiftLegalHold {
                legal_hold_id,
                reason: fields.text("reason").to_owned(),
                idempotency_key: given_key(fields),
            };
            web.service().lift_legal_hold(&signed.actor, input).await
        }
    };
    match done {
        Ok(lifted) if lifted.still_held => shell::go(&format!("{PATH}?which=lifted&done=still-held")),
        Ok(_) => shell::go(&format!("{PATH}?which=lifted&done=freed")),
        Err(refused @ (ServiceError::Invalid(_) | ServiceError::Conflict { .. })) => {
            let wrong = problems(refused)?;
            page(&web, signed, fields, Some((Form::Lift(legal_hold_id), wrong))).await
        }
        Err(other) => Err(other.into()),
    }
}
