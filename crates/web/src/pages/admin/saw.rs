//! `/audit/patients/{id}`: who saw this patient; `/audit/people/{id}`: what this person saw. Denied attempts count.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    Router,
    extract::{Path, RawQuery, State},
    response::Response,
    routing::get,
};
use chrono::{DateTime, Utc};
use liaison_domain::{PatientId, UserId};
use liaison_service::audit::{AuditEntry, AuditFilter, READING_ACTIONS, SearchAudit};

use super::{
    Names,
    audit_query::AuditQuery,
    lines::{Head, Line, heads, lines, who},
    short_id,
};
use crate::{
    Result, Web, WebError,
    form::Fields,
    session::Signed,
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/audit/patients/{id}", get(patient))
        .route("/audit/people/{id}", get(person))
}

/// One person (or patient) of the page's entries, summed up.
pub(super) struct Sum {
    pub(super) name: String,
    pub(super) href: Option<String>,
    pub(super) times: u64,
    pub(super) denied: u64,
    pub(super) last: DateTime<Utc>,
}

#[derive(Template)]
#[template(path = "admin/saw.html")]
struct SawTemplate {
    shell: Shell,
    heading: &'static str,
    /// Whom the page is about: a person's name or a patient's short id.
    about: String,
    id: String,
    of_patient: bool,
    everything: bool,
    /// This page with reading alone, and with every act.
    reading: String,
    all: String,
    search: String,
    disclosures: Option<String>,
    sums: Vec<Sum>,
    lines: Vec<Line>,
    older: Option<String>,
}

impl SawTemplate {
    fn heads(&self) -> Vec<Head> {
        heads(&AuditQuery::default())
    }
}

/// Reading, and what was refused: a denied attempt is looked for beside what was read.
fn actions(everything: bool) -> Vec<String> {
    if everything {
        return Vec::new();
    }
    READING_ACTIONS
        .iter()
        .copied()
        .chain(["access.denied", "break_glass.started", "break_glass.ended"])
        .map(str::to_owned)
        .collect()
}

async fn patient(
    State(web): State<Web>,
    signed: Signed,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let id: PatientId = id.parse()?;
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    let everything = fields.has("all");
    let filter = AuditFilter {
        patient_id: Some(id.to_string()),
        actions: actions(everything),
        ..AuditFilter::default()
    };
    let found = search(&web, &signed, filter, fields.some("after")).await?;
    let query = AuditQuery::read(&Fields::read(format!("patient={id}").as_bytes()));
    let (lines, names) = lines(&web, &signed, &found.entries, &query).await?;
    let here = format!("/audit/patients/{id}");
    shell::page(&SawTemplate {
        shell: Shell::new(&web, &signed, "Who saw this patient").wide(),
        heading: "Who saw this patient",
        about: short_id(&id.to_string()),
        of_patient: true,
        sums: sums(&found.entries, |entry| {
            let href = entry.user_id.map(|user| format!("/audit/people/{user}"));
            Some((who(entry, &names), href))
        }),
        older: older(&here, everything, &found),
        reading: here.clone(),
        all: format!("{here}?all=1"),
        search: query.address(None),
        disclosures: Some(format!("/disclosures?patient={id}")),
        id: id.to_string(),
        everything,
        lines,
    })
}

async fn person(
    State(web): State<Web>,
    signed: Signed,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let id: UserId = id.parse()?;
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    let everything = fields.has("all");
    let filter = AuditFilter {
        user_id: Some(id.to_string()),
        actions: actions(everything),
        ..AuditFilter::default()
    };
    let found = search(&web, &signed, filter, fields.some("after")).await?;
    let query = AuditQuery::read(&Fields::read(format!("who={id}").as_bytes()));
    let (lines, names): (_, Names) = lines(&web, &signed, &found.entries, &query).await?;
    let name = names.people.get(&id).cloned().ok_or(WebError::NoPage)?;
    let here = format!("/audit/people/{id}");
    shell::page(&SawTemplate {
        shell: Shell::new(&web, &signed, "What this person saw").wide(),
        heading: "What this person saw",
        about: name,
        of_patient: false,
        sums: sums(&found.entries, |entry| {
            let patient = entry.patient_id?.to_string();
            Some((short_id(&patient), Some(format!("/audit/patients/{patient}"))))
        }),
        older: older(&here, everything, &found),
        reading: here.clone(),
        all: format!("{here}?all=1"),
        search: query.address(None),
        disclosures: None,
        id: id.to_string(),
        everything,
        lines,
    })
}

async fn search(
    web: &Web,
    signed: &Signed,
    filter: AuditFilter,
    after: Option<String>,
) -> Result<liaison_service::audit::AuditPage> {
    let input = SearchAudit {
        filter,
        first: Some(100),
        after,
        ..SearchAudit::default()
    };
    Ok(web.service().search_audit(&signed.actor, input).await?)
}

fn older(here: &str, everything: bool, found: &liaison_service::audit::AuditPage) -> Option<String> {
    let last = found.entries.last().filter(|_| found.has_next)?;
    let all = if everything { "all=1&" } else { "" };
    Some(format!("{here}?{all}after={}", last.cursor))
}

/// The entries of a page summed up, the latest first.
fn sums(entries: &[AuditEntry], of: impl Fn(&AuditEntry) -> Option<(String, Option<String>)>) -> Vec<Sum> {
    let mut found: BTreeMap<String, Sum> = BTreeMap::new();
    for entry in entries {
        let Some((name, href)) = of(entry) else { continue };
        let sum = found
            .entry(href.clone().unwrap_or_else(|| name.clone()))
            .or_insert(Sum {
                name,
                href,
                times: 0,
                denied: 0,
                last: entry.recorded_at,
            });
        sum.times += 1;
        sum.denied += u64::from(entry.outcome == "denied");
        sum.last = sum.last.max(entry.recorded_at);
    }
    let mut sums: Vec<Sum> = found.into_values().collect();
    sums.sort_by_key(|sum| std::cmp::Reverse(sum.last));
    sums
}
