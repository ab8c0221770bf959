//! `/mis-sends`: notes that went to somebody they were not for. An admin looks at each case and closes it with what was
//! found.

use askama::Template;
use axum::{
    Router,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use liaison_domain::MisSendId;
use liaison_service::{
    ServiceError,
    loops::mis_send::{CloseMisSend, MisSendCase, MisSendQuery},
};

use super::{Names, given_key, problems, short_id};
use crate::{
    Result, Web,
    form::{Fields, Post, Problems},
    session::Signed,
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/mis-sends", get(list))
        .route("/mis-sends/{id}/close", post(close))
}

struct Case {
    case: MisSendCase,
    reported_by: String,
    closed_by: Option<String>,
    patient: String,
    /// What was typed into its form, when it comes back.
    typed: String,
}

#[derive(Template)]
#[template(path = "admin/mis_sends.html")]
struct MisSendsTemplate {
    shell: Shell,
    problems: Problems,
    which: String,
    cases: Vec<Case>,
    key: String,
    older: Option<String>,
    /// Whose form has the problems.
    wrong: Option<MisSendId>,
}

impl MisSendsTemplate {
    fn here(&self, case: &Case) -> bool {
        self.wrong == Some(case.case.row.id)
    }
}

async fn list(State(web): State<Web>, signed: Signed, RawQuery(query): RawQuery) -> Result<Response> {
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    page(&web, &signed, &fields, None).await
}

async fn page(
    web: &Web,
    signed: &Signed,
    fields: &Fields,
    refused: Option<(MisSendId, String, Vec<liaison_service::FieldProblem>)>,
) -> Result<Response> {
    let which = match fields.text("which") {
        "closed" => "closed",
        "all" => "all",
        _ => "open",
    };
    let query = MisSendQuery {
        open: match which {
            "closed" => Some(false),
            "all" => None,
            _ => Some(true),
        },
        first: Some(30),
        after: fields.some("after"),
    };
    let found = web.service().mis_sends(&signed.actor, query).await?;
    let people = found
        .entries
        .iter()
        .flat_map(|case| [case.row.reported_by, case.row.closed_by]);
    let people: Vec<_> = people.flatten().collect();
    let names = Names::load(web, signed, people, [], []).await?;
    let older = found.entries.last().filter(|_| found.has_more);
    let older = older.map(|last| format!("/mis-sends?which={which}&after={}", last.cursor));
    let status = if refused.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let (wrong, typed, wrongs) = refused.map_or((None, String::new(), Vec::new()), |(id, typed, wrongs)| {
        (Some(id), typed, wrongs)
    });
    let cases = found.entries.into_iter().map(|case| Case {
        reported_by: match case.row.reported_by {
            Some(user) => names.person(user),
            None => "Somebody by a secure link".to_owned(),
        },
        closed_by: case.row.closed_by.map(|user| names.person(user)),
        patient: short_id(&case.row.patient_id.to_string()),
        typed: if wrong == Some(case.row.id) {
            typed.clone()
        } else {
            String::new()
        },
        case,
    });
    let template = MisSendsTemplate {
        shell: Shell::new(web, signed, "Mis-sends").live(),
        problems: Problems::new(wrongs),
        which: which.to_owned(),
        cases: cases.collect(),
        key: web.fresh_key(),
        older,
        wrong,
    };
    shell::page_with(status, &template)
}

async fn close(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: MisSendId = id.parse()?;
    let input = CloseMisSend {
        mis_send_id: id,
        finding: post.fields.text("finding").to_owned(),
        idempotency_key: given_key(&post.fields),
    };
    match web.service().close_mis_send(&post.signed.actor, input).await {
        Ok(_) => shell::go("/mis-sends?done=closed"),
        Err(refused @ (ServiceError::Invalid(_) | ServiceError::Conflict { .. })) => {
            let wrong = problems(refused)?;
            let typed = post.fields.text("finding").to_owned();
            page(&web, &post.signed, &Fields::default(), Some((id, typed, wrong))).await
        }
        Err(other) => Err(other.into()),
    }
}

impl Case {
    fn finding(&self) -> Option<&str> {
        self.case.finding.as_ref().map(|finding| finding.reveal().as_str())
    }
}
