//! `/disclosures`: the accounting of a patient's disclosures (45 CFR 164.528), to read, print and keep as CSV.

use askama::Template;
use axum::{
    Router,
    extract::{RawQuery, State},
    response::Response,
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use futures::stream;
use liaison_domain::{Actor, PatientId};
use liaison_service::{
    FieldProblem, ServiceError,
    audit::{Disclosure, DisclosureBasis, DisclosurePage, ReadDisclosures},
    ledger::csv_cell,
};

use super::{download, problems, short_id, words};
use crate::{
    Result, Web,
    form::{Fields, Post, Problems},
    format::Zone,
    session::Signed,
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/disclosures", get(read))
        .route("/disclosures/export", post(export))
}

#[derive(Template)]
#[template(path = "admin/disclosures.html")]
struct DisclosuresTemplate {
    shell: Shell,
    problems: Problems,
    patient: String,
    all: bool,
    from: String,
    until: String,
    found: Option<DisclosurePage>,
    by: String,
    older: Option<String>,
}

impl DisclosuresTemplate {
    fn short(&self) -> String {
        short_id(&self.patient)
    }

    fn what(&self, disclosure: &Disclosure) -> String {
        what(disclosure)
    }

    fn why(&self, disclosure: &Disclosure) -> &str {
        words::purpose(disclosure.purpose.as_str())
    }
}

fn what(disclosure: &Disclosure) -> String {
    let kind = crate::words::note_kind(disclosure.note_kind);
    format!("{kind}, version {}", disclosure.version)
}

fn exemption(basis: DisclosureBasis) -> &'static str {
    match basis {
        DisclosureBasis::Treatment => "exempt: for treatment, 164.528(a)(1)(i)",
        DisclosureBasis::MisSend => "reportable: wrong recipient",
    }
}

/// What a form or an address asks for. The patient is an id; days are whole days in the reader's zone.
fn asked(fields: &Fields, zone: Zone) -> Result<ReadDisclosures, Vec<FieldProblem>> {
    let mut wrong = Vec::new();
    let patient = fields
        .parse::<PatientId>("patient")
        .map_err(|problem| wrong.push(problem))
        .ok();
    let mut day = |name: &str, next: bool| {
        let text = fields.text(name);
        let read = text.parse::<chrono::NaiveDate>().ok();
        let read = read.and_then(|day| if next { day.succ_opt() } else { Some(day) });
        let at = read.and_then(|day| zone.start_of(day));
        if !text.is_empty() && at.is_none() {
            wrong.push(FieldProblem::new(name, "UNKNOWN_VALUE", "a day, such as 2026-01-05"));
        }
        at
    };
    let (from, until): (Option<DateTime<Utc>>, _) = (day("from", false), day("until", true));
    match patient {
        Some(patient_id) if wrong.is_empty() => Ok(ReadDisclosures {
            patient_id,
            from,
            until,
            reportable_only: !fields.has("all"),
            first: Some(100),
            after: fields.some("after"),
        }),
        _ => Err(wrong),
    }
}

async fn read(State(web): State<Web>, signed: Signed, RawQuery(query): RawQuery) -> Result<Response> {
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    let given = |name: &str| fields.text(name).to_owned();
    let mut template = DisclosuresTemplate {
        shell: Shell::new(&web, &signed, "Accounting of disclosures").wide(),
        problems: Problems::default(),
        patient: given("patient"),
        all: fields.has("all"),
        from: given("from"),
        until: given("until"),
        found: None,
        by: signed.session.display_name.clone(),
        older: None,
    };
    if template.patient.is_empty() {
        // Somebody who may not audit learns so before anything is typed.
        liaison_domain::access::decide(
            &signed.actor,
            liaison_domain::access::Action::ReadAudit,
            liaison_domain::access::Relation::Own,
        )
        .map_err(ServiceError::from)?;
        return shell::page(&template);
    }
    let found = match asked(&fields, signed.zone) {
        Ok(input) => match web.service().read_disclosures(&signed.actor, input).await {
            Ok(found) => Ok(found),
            Err(ServiceError::NotFound(_)) => {
                let message = "no patient of your organization has this id";
                Err(vec![FieldProblem::new("patient", "UNKNOWN_ID", message)])
            }
            Err(refused) => Err(problems(refused)?),
        },
        Err(wrong) => Err(wrong),
    };
    match found {
        Ok(found) => {
            let last = found.disclosures.last().filter(|_| found.has_next);
            template.older = last.map(|last| {
                let mut query = url::form_urlencoded::Serializer::new(String::new());
                query.append_pair("patient", &template.patient);
                for (name, value) in [("from", &template.from), ("until", &template.until)] {
                    if !value.is_empty() {
                        query.append_pair(name, value);
                    }
                }
                if template.all {
                    query.append_pair("all", "1");
                }
                query.append_pair("after", &last.cursor);
                format!("/disclosures?{}", query.finish())
            });
            template.found = Some(found);
            shell::page(&template)
        }
        Err(wrong) => {
            template.problems = Problems::new(wrong);
            shell::page_with(axum::http::StatusCode::UNPROCESSABLE_ENTITY, &template)
        }
    }
}

struct Csv {
    web: Web,
    actor: Actor,
    zone: Zone,
    /// `None` after the last page.
    next: Option<ReadDisclosures>,
    /// Read before the answer begins, so that a refusal is one.
    first: Option<DisclosurePage>,
}

const HEADER: &str =
    "first_disclosed,last_disclosed,times,recipient,organization,description,purpose,accounting,entry_id\r\n";

async fn export(State(web): State<Web>, post: Post) -> Result<Response> {
    let mut input = asked(&post.fields, post.signed.zone).map_err(ServiceError::Invalid)?;
    input.first = Some(200);
    input.after = None;
    let first = web
        .service()
        .read_disclosures(&post.signed.actor, input.clone())
        .await?;
    let day = post.signed.zone.today(web.service().now()).format("%Y-%m-%d");
    let state = Csv {
        actor: post.signed.actor.clone(),
        zone: post.signed.zone,
        next: Some(input),
        first: Some(first),
        web,
    };
    let rows = stream::try_unfold(state, |mut state| async move {
        Ok::<_, ServiceError>(state.lines().await?.map(|lines| (lines, state)))
    });
    download(
        &format!("liaison-disclosures-{day}.csv"),
        "text/csv; charset=utf-8",
        rows,
    )
}

impl Csv {
    async fn lines(&mut self) -> Result<Option<String>, ServiceError> {
        let Some(mut input) = self.next.take() else {
            return Ok(None);
        };
        let (mut lines, page) = match self.first.take() {
            Some(page) => (HEADER.to_owned(), page),
            None => {
                let page = self.web.service().read_disclosures(&self.actor, input.clone()).await?;
                (String::new(), page)
            }
        };
        for one in &page.disclosures {
            let cells = [
                self.zone.time(one.at),
                self.zone.time(one.last_at),
                one.times.to_string(),
                one.user_name.clone().unwrap_or_else(|| "by a secure link".to_owned()),
                one.organization_name.clone(),
                what(one),
                words::purpose(one.purpose.as_str()).to_owned(),
                exemption(one.basis).to_owned(),
                one.entry_id.to_string(),
            ];
            lines.push_str(&cells.map(|cell| csv_cell(&cell)).join(","));
            lines.push_str("\r\n");
        }
        if let Some(last) = page.disclosures.last().filter(|_| page.has_next) {
            input.after = Some(last.cursor.clone());
            self.next = Some(input);
        }
        Ok(Some(lines))
    }
}
