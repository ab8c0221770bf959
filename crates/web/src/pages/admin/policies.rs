//! `/policies`: what happens when nobody answers, for each recipient organization and urgency: the steps, to edit, and
//! a preview with real times in the recipient's zone.

use askama::Template;
use axum::{
    Router,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use liaison_domain::{
    OrganizationId, Urgency,
    escalation::{Delay, DelayUnit, MAX_STEPS, Policy, Step, StepKind},
};
use liaison_service::{
    FieldProblem, ServiceError,
    directory::{EscalationPreview, Organization, PolicyInForce, PreviewEscalation, SetPolicy, Team},
};

use super::{Names, given_key, organization::manages, problems};
use crate::{
    Result, Web, WebError,
    form::{Fields, Post, Problems},
    format::Zone,
    session::Signed,
    shell::{self, Shell},
    words,
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/policies", get(overview))
        .route("/policies/{organization}/{urgency}", get(edit))
        .route("/policies/{organization}/{urgency}", post(save))
}

const URGENCIES: [Urgency; 3] = [Urgency::Emergent, Urgency::Urgent, Urgency::Routine];

fn step_words(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Reminder => "Remind the team",
        StepKind::NextPerson => "Tell the next person: whoever covers, else the team's lead, else the line",
        StepKind::CallTask => "A named person at the clinic must telephone",
    }
}

fn delay_words(delay: Delay) -> String {
    match delay.unit {
        DelayUnit::Minutes => {
            format!(
                "{} by the clock",
                crate::format::duration(chrono::TimeDelta::minutes(i64::from(delay.amount)))
            )
        }
        DelayUnit::WorkingMinutes => {
            let time = crate::format::duration(chrono::TimeDelta::minutes(i64::from(delay.amount)));
            format!("{time} of working time")
        }
        DelayUnit::BusinessDays => crate::format::count(i64::from(delay.amount), "business day"),
    }
}

/// One urgency of the overview.
struct Line {
    urgency: &'static str,
    badge: &'static str,
    code: &'static str,
    policy: PolicyInForce,
    within: String,
    steps: Vec<String>,
}

struct Place {
    organization: Organization,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "admin/policies.html")]
struct PoliciesTemplate {
    shell: Shell,
    places: Vec<Place>,
    older: Option<String>,
}

async fn overview(State(web): State<Web>, signed: Signed, RawQuery(query): RawQuery) -> Result<Response> {
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    let (organizations, older) = super::directory::organizations(&web, &signed, &fields, "/policies").await?;
    let ids: Vec<OrganizationId> = organizations.iter().map(|one| one.id).collect();
    let mut set = web.service().policies_of(&signed.actor, &ids).await?;
    let places = organizations.into_iter().map(|organization| {
        let of = URGENCIES.iter().filter_map(|urgency| {
            let found = set
                .iter()
                .position(|policy| policy.organization_id == organization.id && policy.urgency == *urgency)?;
            Some(line(set.swap_remove(found)))
        });
        Place {
            lines: of.collect(),
            organization,
        }
    });
    shell::page(&PoliciesTemplate {
        places: places.collect(),
        shell: Shell::new(&web, &signed, "Policies"),
        older,
    })
}

fn line(policy: PolicyInForce) -> Line {
    let (urgency, badge) = (words::urgency(policy.urgency), words::urgency_class(policy.urgency));
    let steps = policy.policy.steps.iter();
    Line {
        urgency,
        badge,
        code: policy.urgency.as_str(),
        within: delay_words(policy.policy.acknowledge_within),
        steps: steps
            .map(|step| format!("after {}: {}", delay_words(step.after), step_words(step.kind)))
            .collect(),
        policy,
    }
}

/// A step as the form holds it: texts, so that what was typed comes back.
struct Row {
    number: usize,
    amount: String,
    unit: String,
    kind: String,
    same_day: bool,
}

/// One team's preview.
struct Preview {
    team: Team,
    found: EscalationPreview,
    zone: Zone,
    leads: String,
}

impl Preview {
    fn at(&self, at: &chrono::DateTime<chrono::Utc>) -> String {
        self.zone.time(*at)
    }

    fn step(&self, kind: &StepKind) -> &'static str {
        step_words(*kind)
    }
}

#[derive(Template)]
#[template(path = "admin/policy.html")]
struct PolicyTemplate {
    shell: Shell,
    problems: Problems,
    organization: Organization,
    urgency: &'static str,
    badge: &'static str,
    code: &'static str,
    is_default: bool,
    set: Option<String>,
    manages: bool,
    amount: String,
    unit: String,
    same_day: bool,
    rows: Vec<Row>,
    previews: Vec<Preview>,
    shared_at: String,
    key: String,
}

const UNITS: [(&str, &str); 3] = [
    ("MINUTES", "minutes by the clock"),
    ("WORKING_MINUTES", "minutes of working time"),
    ("BUSINESS_DAYS", "business days"),
];
const KINDS: [(&str, &str); 3] = [
    ("REMINDER", "Remind the team"),
    ("NEXT_PERSON", "Tell the next person"),
    ("CALL_TASK", "Call task for the clinic"),
];
/// Empty rows at the end of the form, for new steps.
const SPARE: usize = 2;
/// The most teams a preview is made for.
const MOST_TEAMS: usize = 8;

impl PolicyTemplate {
    fn units(&self) -> [(&'static str, &'static str); 3] {
        UNITS
    }

    fn kinds(&self) -> [(&'static str, &'static str); 3] {
        KINDS
    }
}

fn rows_of(policy: &Policy) -> Vec<Row> {
    let steps = policy.steps.iter().map(|step| Row {
        number: 0,
        amount: step.after.amount.to_string(),
        unit: step.after.unit.to_string(),
        kind: step.kind.to_string(),
        same_day: step.same_day,
    });
    spared(steps.collect())
}

fn spared(mut rows: Vec<Row>) -> Vec<Row> {
    for _ in 0..SPARE.min(MAX_STEPS.saturating_sub(rows.len())) {
        rows.push(Row {
            number: 0,
            amount: String::new(),
            unit: "MINUTES".to_owned(),
            kind: "REMINDER".to_owned(),
            same_day: false,
        });
    }
    for (number, row) in rows.iter_mut().enumerate() {
        row.number = number;
    }
    rows
}

async fn in_force(web: &Web, signed: &Signed, path: &(String, String)) -> Result<(Organization, PolicyInForce)> {
    let id: OrganizationId = path.0.parse()?;
    let urgency = URGENCIES
        .iter()
        .find(|urgency| urgency.as_str().eq_ignore_ascii_case(&path.1))
        .ok_or(WebError::NoPage)?;
    let organization = web
        .service()
        .organization_by_id(&signed.actor, id)
        .await?
        .ok_or(WebError::NoPage)?;
    let found = web.service().policies_of(&signed.actor, &[id]).await?;
    let found = found.into_iter().find(|policy| policy.urgency == *urgency);
    Ok((organization, found.ok_or(WebError::NoPage)?))
}

async fn edit(
    State(web): State<Web>,
    signed: Signed,
    Path(path): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    let (organization, policy) = in_force(&web, &signed, &path).await?;
    let rows = rows_of(&policy.policy);
    let template = form(&web, &signed, organization, policy, fields.text("shared")).await?;
    shell::page(&PolicyTemplate { rows, ..template })
}

/// The page of a policy as it is in force, without its steps' rows.
async fn form(
    web: &Web,
    signed: &Signed,
    organization: Organization,
    policy: PolicyInForce,
    shared: &str,
) -> Result<PolicyTemplate> {
    let (urgency, badge) = (words::urgency(policy.urgency), words::urgency_class(policy.urgency));
    let zone = Zone::named(&organization.time_zone);
    let shared_at = zone.read(shared).unwrap_or_else(|| web.service().now());
    let previews = previews(web, signed, organization.id, policy.urgency, shared_at).await?;
    let by = Names::load(web, signed, policy.updated_by, [], []).await?;
    let shell = Shell::new(web, signed, "Policy");
    Ok(PolicyTemplate {
        problems: Problems::default(),
        urgency,
        badge,
        code: policy.urgency.as_str(),
        is_default: policy.is_default,
        set: policy.updated_at.map(|at| {
            let by = policy
                .updated_by
                .map_or_else(|| "the operator".to_owned(), |user| by.person(user));
            format!("Set by {by}, {}", shell.time(&at))
        }),
        manages: manages(signed, &organization),
        amount: policy.policy.acknowledge_within.amount.to_string(),
        unit: policy.policy.acknowledge_within.unit.to_string(),
        same_day: policy.policy.acknowledge_same_day,
        rows: Vec::new(),
        previews,
        shared_at: zone.input(shared_at),
        key: web.fresh_key(),
        organization,
        shell,
    })
}

async fn previews(
    web: &Web,
    signed: &Signed,
    organization: OrganizationId,
    urgency: Urgency,
    shared_at: chrono::DateTime<chrono::Utc>,
) -> Result<Vec<Preview>> {
    let teams = web
        .service()
        .teams_of_organizations(&signed.actor, &[organization])
        .await?;
    let mut found = Vec::new();
    for team in teams.into_iter().filter(|team| team.active).take(MOST_TEAMS) {
        let input = PreviewEscalation {
            team_id: team.id,
            urgency,
            shared_at: Some(shared_at),
        };
        found.push((web.service().preview_escalation(&signed.actor, input).await?, team));
    }
    let leads: Vec<_> = found.iter().flat_map(|(preview, _)| preview.leads.clone()).collect();
    let names = Names::load(web, signed, leads, [], []).await?;
    let preview = |(found, team): (EscalationPreview, Team)| {
        let leads: Vec<String> = found.leads.iter().map(|lead| names.person(*lead)).collect();
        Preview {
            zone: Zone::named(team.calendar().time_zone.name()),
            leads: leads.join(", "),
            team,
            found,
        }
    };
    Ok(found.into_iter().map(preview).collect())
}

/// The steps as the form brings them; rows without an amount are none.
fn typed(fields: &Fields) -> Vec<Row> {
    let text = |name: String| fields.text(&name).to_owned();
    let rows = (0..MAX_STEPS)
        .filter(|number| fields.has(&format!("amount{number}")))
        .map(|number| Row {
            number,
            amount: text(format!("amount{number}")),
            unit: text(format!("unit{number}")),
            kind: text(format!("kind{number}")),
            same_day: fields.has(&format!("same{number}")),
        });
    rows.filter(|row| !row.amount.is_empty()).collect()
}

fn read(fields: &Fields, rows: &[Row]) -> Result<Policy, Vec<FieldProblem>> {
    let mut wrong = Vec::new();
    let mut delay = |path: String, amount: &str, unit: &str| {
        let amount = amount.parse::<u32>().map_err(|_| {
            wrong.push(FieldProblem::new(path.clone(), "UNKNOWN_VALUE", "a whole number"));
        });
        let unit = unit.parse::<DelayUnit>().map_err(|error| {
            wrong.push(FieldProblem::new(path, "UNKNOWN_VALUE", error.to_string()));
        });
        Some(Delay {
            amount: amount.ok()?,
            unit: unit.ok()?,
        })
    };
    let within = delay(
        "policy.acknowledgeWithin.amount".to_owned(),
        fields.text("amount"),
        fields.text("unit"),
    );
    let mut steps = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let after = delay(format!("policy.steps[{number}].after.amount"), &row.amount, &row.unit);
        let kind = row.kind.parse::<StepKind>().ok();
        if let (Some(after), Some(kind)) = (after, kind) {
            steps.push(Step {
                after,
                kind,
                same_day: row.same_day,
            });
        }
    }
    match within {
        Some(acknowledge_within) if wrong.is_empty() => Ok(Policy {
            acknowledge_within,
            acknowledge_same_day: fields.has("same"),
            steps,
        }),
        _ => Err(wrong),
    }
}

async fn save(State(web): State<Web>, Path(path): Path<(String, String)>, post: Post) -> Result<Response> {
    let (signed, fields) = (&post.signed, &post.fields);
    let (organization, policy) = in_force(&web, signed, &path).await?;
    let rows = typed(fields);
    let wanted = if fields.has("reset") {
        Ok(None)
    } else {
        read(fields, &rows).map(Some)
    };
    let refused = match wanted {
        Ok(wanted) => {
            let input = SetPolicy {
                organization_id: organization.id,
                urgency: policy.urgency,
                policy: wanted,
                idempotency_key: given_key(fields),
            };
            match web.service().set_policy(&signed.actor, input).await {
                Ok(_) => return shell::go(&format!("/policies/{}/{}?done=saved", path.0, path.1)),
                Err(refused @ (ServiceError::Invalid(_) | ServiceError::Conflict { .. })) => problems(refused)?,
                Err(other) => return Err(other.into()),
            }
        }
        Err(wrong) => wrong,
    };
    let template = form(&web, signed, organization, policy, "").await?;
    let template = PolicyTemplate {
        problems: Problems::new(refused),
        amount: fields.text("amount").to_owned(),
        unit: fields.text("unit").to_owned(),
        same_day: fields.has("same"),
        rows: spared(rows),
        key: given_key(fields).unwrap_or_default(),
        ..template
    };
    shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &template)
}
