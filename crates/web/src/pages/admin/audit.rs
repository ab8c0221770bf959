//! `/audit`: the ledger's entries by any of their elements. Each search is itself an entry.

use askama::Template;
use axum::{
    Router,
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use liaison_service::audit::{AuditPage, MOST_COUNTED, SearchAudit};

use super::{
    audit_query::{AuditQuery, Chip},
    lines::{Head, Line, heads, lines},
    problems, words,
};
use crate::{
    Result, Web,
    form::{Fields, Post, Problems},
    session::Signed,
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/audit", get(search))
        .route("/audit/find-patient", post(find_patient))
}

/// The most people a filter lists by name; others are reached by a click on their name in a line.
const MOST_PEOPLE: usize = 300;

#[derive(Template)]
#[template(path = "admin/audit.html")]
struct AuditTemplate {
    shell: Shell,
    problems: Problems,
    query: AuditQuery,
    chips: Vec<Chip>,
    lines: Vec<Line>,
    people: Vec<(String, String)>,
    count: String,
    older: Option<String>,
    from_start: Option<String>,
    mrn_problem: Option<String>,
}

impl AuditTemplate {
    fn actions(&self) -> &'static [(&'static str, &'static [(&'static str, &'static str)])] {
        words::ACTIONS
    }

    /// The person asked for is none of the own organization: the list of names gets them too.
    fn asks_for_another(&self) -> bool {
        let who = self.query.get("who");
        !who.is_empty() && self.people.iter().all(|(id, _)| id != who)
    }

    fn another(&self) -> String {
        let chip = self.chips.iter().find(|chip| chip.name == "Person");
        chip.map(|chip| chip.words.clone()).unwrap_or_default()
    }

    fn roles(&self) -> Vec<(&'static str, &'static str)> {
        let roles = liaison_domain::Role::ALL.iter();
        roles.map(|role| (role.as_str(), words::role(*role))).collect()
    }

    fn heads(&self) -> Vec<Head> {
        heads(&self.query)
    }

    /// Every order: the columns, and what has none.
    fn orders(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("", "Time, newest first"),
            ("oldest", "Time, oldest first"),
            ("person", "Person"),
            ("-person", "Person, backwards"),
            ("organization", "Acting for"),
            ("-organization", "Acting for, backwards"),
            ("role", "Role"),
            ("-role", "Role, backwards"),
            ("action", "Act"),
            ("-action", "Act, backwards"),
            ("purpose", "Purpose"),
            ("-purpose", "Purpose, backwards"),
            ("outcome", "Outcome"),
            ("-outcome", "Outcome, backwards"),
            ("patient", "Patient"),
            ("-patient", "Patient, backwards"),
            ("object", "What it concerns"),
            ("-object", "What it concerns, backwards"),
            ("channel", "Channel"),
            ("-channel", "Channel, backwards"),
            ("session", "Session"),
            ("-session", "Session, backwards"),
            ("request", "Request"),
            ("-request", "Request, backwards"),
            ("peer", "Network address"),
            ("-peer", "Network address, backwards"),
            ("index", "Log index"),
            ("-index", "Log index, backwards"),
        ]
    }

    fn purposes(&self) -> &'static [(&'static str, &'static str)] {
        words::PURPOSES
    }
}

async fn search(State(web): State<Web>, signed: Signed, RawQuery(query): RawQuery) -> Result<Response> {
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    page(&web, &signed, &fields, None).await
}

/// How many fit, in words.
fn counted(page: &AuditPage) -> String {
    match page.count {
        Some(0) => "Nothing fits.".to_owned(),
        Some(count) if count >= u64::from(MOST_COUNTED) => format!("{MOST_COUNTED} entries or more fit."),
        Some(1) => "1 entry fits.".to_owned(),
        Some(count) => format!("{count} entries fit."),
        None => String::new(),
    }
}

async fn page(web: &Web, signed: &Signed, fields: &Fields, mrn_problem: Option<String>) -> Result<Response> {
    let query = AuditQuery::read(fields);
    let (filter, mut wrong) = query.filter(signed.zone);
    let after = fields.some("after");
    let further = after.is_some();
    let input = SearchAudit {
        filter,
        first: Some(40),
        after,
        order: query.order,
        counted: true,
    };
    let found = if wrong.is_empty() {
        match web.service().search_audit(&signed.actor, input).await {
            Ok(found) => found,
            Err(refused) => {
                wrong = problems(refused)?;
                nothing()
            }
        }
    } else {
        nothing()
    };
    let (lines, names) = lines(web, signed, &found.entries, &query).await?;
    let chips = query.chips(|name, value| match name {
        "who" => Some(names.person(value.parse().ok()?)),
        _ => None,
    });
    let last = found.entries.last().filter(|_| found.has_next);
    let refused = !wrong.is_empty();
    let template = AuditTemplate {
        shell: Shell::new(web, signed, "Audit").wide(),
        problems: Problems::new(wrong),
        chips,
        people: people(web, signed).await?,
        count: counted(&found),
        older: last.map(|last| query.address(Some(&last.cursor))),
        from_start: further.then(|| query.address(None)),
        lines,
        query,
        mrn_problem: mrn_problem.clone(),
    };
    if refused || mrn_problem.is_some() {
        shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &template)
    } else {
        shell::page(&template)
    }
}

fn nothing() -> AuditPage {
    AuditPage {
        entries: Vec::new(),
        has_next: false,
        count: None,
    }
}

/// The people of the own organization, for the filter.
pub(super) async fn people(web: &Web, signed: &Signed) -> Result<Vec<(String, String)>> {
    let Some(organization) = signed.actor.organization_id else {
        return Ok(Vec::new());
    };
    let places = web.service().memberships_in(&signed.actor, &[organization]).await?;
    let ids: Vec<_> = places.iter().map(|place| place.user_id).take(MOST_PEOPLE).collect();
    let mut people: Vec<_> = web
        .service()
        .people_by_ids(&signed.actor, &ids)
        .await?
        .into_iter()
        .map(|person| (person.id.to_string(), person.display_name))
        .collect();
    people.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(people)
}

/// From a number, which must not stand in an address, to the patient's page.
async fn find_patient(State(web): State<Web>, post: Post) -> Result<Response> {
    let found = web
        .service()
        .find_audited_patient(&post.signed.actor, post.fields.text("mrn"))
        .await;
    let problem = match found {
        Ok(Some(id)) if post.fields.text("to") == "disclosures" => {
            return shell::go(&format!("/disclosures?patient={id}"));
        }
        Ok(Some(id)) => return shell::go(&format!("/audit/patients/{id}")),
        Ok(None) => "No patient of your organization has this number.".to_owned(),
        Err(refused) => problems(refused)?
            .first()
            .map(|problem| crate::error::capital(&problem.message))
            .unwrap_or_default(),
    };
    page(&web, &post.signed, &Fields::default(), Some(problem)).await
}
