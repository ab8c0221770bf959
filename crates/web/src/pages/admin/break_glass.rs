//! `/break-glass`: an admin opens one patient's record in an emergency, with a reason, for an hour at most; others judge
//! each case.

use askama::Template;
use axum::{
    Router,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use liaison_domain::{
    BreakGlassId, BreakGlassVerdict, PatientId,
    access::{Action, Relation, decide},
};
use liaison_service::{
    FieldProblem, ServiceError,
    audit::{BeginBreakGlass, BreakGlassCase, BreakGlassQuery, ReviewBreakGlass},
};

use super::{Names, problems, short_id};
use crate::{
    Result, Web,
    form::{Fields, Post, Problems},
    session::Signed,
    shell::{self, Shell},
    step_up,
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/break-glass", get(show).post(begin))
        .route("/break-glass/{id}/end", post(end))
        .route("/break-glass/{id}/review", post(review))
}

struct Case {
    case: BreakGlassCase,
    by: String,
    reviewer: Option<String>,
    patient: String,
    own: bool,
}

impl Case {
    fn reason(&self) -> &str {
        self.case.reason.as_ref().map_or("", |reason| reason.reveal().as_str())
    }

    fn finding(&self) -> &str {
        self.case
            .finding
            .as_ref()
            .map_or("", |finding| finding.reveal().as_str())
    }

    fn justified(&self) -> bool {
        self.case.verdict == Some(BreakGlassVerdict::Justified)
    }
}

#[derive(Template)]
#[template(path = "admin/break_glass.html")]
struct BreakGlassTemplate {
    shell: Shell,
    problems: Problems,
    typed: Fields,
    may_begin: bool,
    may_review: bool,
    /// Who they are was not proven lately enough to begin.
    ask_password: bool,
    active: Vec<Case>,
    cases: Vec<Case>,
    which: &'static str,
    older: Option<String>,
    audits: bool,
}

fn may(signed: &Signed, action: Action) -> bool {
    decide(&signed.actor, action, Relation::Own).is_ok()
}

async fn show(State(web): State<Web>, signed: Signed, RawQuery(query): RawQuery) -> Result<Response> {
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    page(&web, &signed, fields, Vec::new()).await
}

async fn page(web: &Web, signed: &Signed, fields: Fields, wrong: Vec<FieldProblem>) -> Result<Response> {
    let (may_begin, may_review) = (may(signed, Action::BreakGlass), may(signed, Action::ReviewBreakGlass));
    if !may_begin && !may_review {
        return Err(ServiceError::Forbidden.into());
    }
    let which = if fields.text("which") == "all" { "all" } else { "open" };
    let active = web.service().active_break_glass(&signed.actor).await?;
    let (cases, more) = if may_review {
        let query = BreakGlassQuery {
            open: (which == "open").then_some(true),
            first: Some(30),
            after: fields.some("after"),
        };
        let found = web.service().break_glass_cases(&signed.actor, query).await?;
        (found.entries, found.has_more)
    } else {
        (Vec::new(), false)
    };
    let older = cases.last().filter(|_| more);
    let older = older.map(|last| format!("/break-glass?which={which}&after={}", last.cursor));
    let people: Vec<_> = active
        .iter()
        .chain(&cases)
        .flat_map(|case| [Some(case.user_id), case.reviewed.map(|(user, _)| user)])
        .flatten()
        .collect();
    let names = Names::load(web, signed, people, [], []).await?;
    let shown = |case: BreakGlassCase| Case {
        by: names.person(case.user_id),
        reviewer: case.reviewed.map(|(user, _)| names.person(user)),
        patient: short_id(&case.patient_id.to_string()),
        own: signed.actor.user_id == Some(case.user_id),
        case,
    };
    let status = if wrong.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let template = BreakGlassTemplate {
        shell: Shell::new(web, signed, "Emergency access"),
        problems: Problems::new(wrong),
        ask_password: step_up::asks(web, signed),
        active: active.into_iter().map(shown).collect(),
        cases: cases.into_iter().map(shown).collect(),
        typed: fields,
        may_begin,
        may_review,
        which,
        older,
        audits: may(signed, Action::ReadAudit),
    };
    shell::page_with(status, &template)
}

async fn begin(State(web): State<Web>, post: Post) -> Result<Response> {
    let (signed, fields) = (&post.signed, &post.fields);
    let done = match (
        step_up::prove(&web, signed, fields).await,
        fields.parse::<PatientId>("patientId"),
    ) {
        // What was typed stays on the page.
        (Err(refused), _) => Err(refused),
        (Ok(()), Ok(patient_id)) => {
            let input = BeginBreakGlass {
                patient_id,
                reason: fields.text("reason").to_owned(),
            };
            web.service().begin_break_glass(&signed.actor, input).await.map(|_| ())
        }
        (Ok(()), Err(problem)) => Err(ServiceError::Invalid(vec![problem])),
    };
    let done = match done {
        Err(ServiceError::NotFound("patient")) => {
            let message = "no patient of your organization has this id";
            Err(ServiceError::invalid("patientId", "UNKNOWN_ID", message))
        }
        other => other,
    };
    settle(&web, post, done, "saved").await
}

async fn end(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: BreakGlassId = id.parse()?;
    web.service().end_break_glass(&post.signed.actor, id).await?;
    shell::go("/break-glass?done=ended")
}

async fn review(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let break_glass_id: BreakGlassId = id.parse()?;
    let done = match post.fields.parse::<BreakGlassVerdict>("verdict") {
        Ok(verdict) => {
            let input = ReviewBreakGlass {
                break_glass_id,
                verdict,
                finding: post.fields.text("finding").to_owned(),
            };
            web.service().review_break_glass(&post.signed.actor, input).await
        }
        Err(problem) => Err(ServiceError::Invalid(vec![problem])),
    };
    settle(&web, post, done, "reviewed").await
}

async fn settle(web: &Web, post: Post, done: Result<(), ServiceError>, code: &str) -> Result<Response> {
    match done {
        Ok(()) => shell::go(&format!("/break-glass?done={code}")),
        Err(refused @ (ServiceError::Invalid(_) | ServiceError::Conflict { .. })) => {
            let wrong = problems(refused)?;
            page(web, &post.signed, post.fields, wrong).await
        }
        Err(other) => Err(other.into()),
    }
}
