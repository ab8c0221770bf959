//! `/calls`: the telephone calls that the clinic owes, and the record of one: whom to call, what to say, what they read
//! back.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use liaison_domain::{CallTaskId, CallTaskStatus, Disposition, Role, Urgency, UserId};
use liaison_service::{
    FieldProblem, ServiceError,
    loops::call_task::CompleteCallTask,
    reading::{CallListQuery, RecipientRow},
};

use super::{
    names::{Names, Wanted},
    query, refusal, sent_key, words,
};
use crate::{
    Result, Web, WebError,
    form::{Fields, Post, Problems, note},
    format,
    session::Signed,
    shell::{self, Shell},
};

const PAGE: u32 = 40;

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/calls", get(calls))
        .route("/calls/{id}", get(call))
        .route("/calls/{id}/complete", post(complete))
        .route("/calls/{id}/assign", post(assign))
}

#[derive(Template)]
#[template(path = "clinic/calls.html")]
struct CallsPage {
    shell: Shell,
    mine: bool,
    done: bool,
    calls: Vec<CallLine>,
    next: Option<String>,
    later: bool,
}

struct CallLine {
    href: String,
    patient: String,
    to: String,
    reason: &'static str,
    urgency: &'static str,
    urgency_class: &'static str,
    phone: String,
    owner: String,
    due: DateTime<Utc>,
    overdue: bool,
    state: String,
}

fn state(
    status: CallTaskStatus,
    completed_at: Option<DateTime<Utc>>,
    read_back: Option<bool>,
    shell: &Shell,
) -> String {
    match (status, completed_at) {
        (CallTaskStatus::Open, _) => String::new(),
        (CallTaskStatus::Cancelled, _) => "No longer needed".to_owned(),
        (CallTaskStatus::Completed, at) => {
            let back = if read_back == Some(true) {
                "read back"
            } else {
                "not read back"
            };
            format!(
                "Made{}, {back}",
                at.map_or_else(String::new, |at| format!(" {}", shell.short(&at)))
            )
        }
    }
}

fn to(row: Option<&RecipientRow>, names: &Names) -> String {
    row.map_or_else(String::new, |row| names.recipient(row))
}

async fn calls(State(web): State<Web>, signed: Signed) -> Result<Response> {
    let here = &signed.here;
    let mine = query(here, "show").as_deref() == Some("mine");
    let done = query(here, "show").as_deref() == Some("done");
    let after = query(here, "after");
    let later = after.is_some();
    let found = web
        .service()
        .call_list(
            &signed.actor,
            CallListQuery {
                mine,
                status: Some(if done {
                    CallTaskStatus::Completed
                } else {
                    CallTaskStatus::Open
                }),
                first: Some(PAGE),
                after,
            },
        )
        .await?;
    let mut wanted = Wanted::default();
    for entry in &found.entries {
        wanted.person(entry.task.owner_id);
        if let Some(row) = &entry.recipient {
            wanted.recipient(row);
        }
    }
    let names = wanted.load(&web, &signed.actor).await?;
    let shell = Shell::new(&web, &signed, "Calls").live().wide();
    let show = if mine {
        "mine"
    } else if done {
        "done"
    } else {
        ""
    };
    let next = found
        .entries
        .last()
        .filter(|_| found.has_more)
        .map(|last| format!("/calls?show={show}&after={}", last.cursor));
    let lines = found.entries.iter().map(|entry| {
        let task = &entry.task;
        let urgency = entry.recipient.as_ref().map_or(Urgency::Routine, |row| row.urgency);
        CallLine {
            href: format!("/calls/{}", task.id),
            patient: entry
                .patient
                .as_ref()
                .map_or_else(String::new, |identity| identity.reveal().name.clone()),
            to: to(entry.recipient.as_ref(), &names),
            reason: words::call_reason(task.reason),
            urgency: words::urgency(urgency),
            urgency_class: words::urgency_class(urgency),
            phone: task.phone.clone().unwrap_or_default(),
            owner: names.person(task.owner_id),
            due: task.due_at,
            overdue: entry.overdue,
            state: state(task.status, task.completed_at, task.read_back, &shell),
        }
    });
    shell::page(&CallsPage {
        mine,
        done,
        calls: lines.collect(),
        next,
        later,
        shell,
    })
}

#[derive(Template)]
#[template(path = "clinic/call.html")]
struct CallPage {
    shell: Shell,
    id: CallTaskId,
    patient_name: String,
    patient_facts: String,
    patient_href: String,
    share_href: String,
    to: String,
    reason: &'static str,
    urgency: &'static str,
    urgency_class: &'static str,
    owner: String,
    due: DateTime<Utc>,
    phone: String,
    /// The number without what a telephone does not dial.
    dial: String,
    sentences: Vec<String>,
    reasons: Vec<String>,
    asked: Vec<String>,
    open: bool,
    /// What came of it, where it is not open.
    made: String,
    spoken_with: String,
    noted: String,
    /// Whether a disposition still closes the loop.
    loop_open: bool,
    dispositions: Vec<Choice>,
    colleagues: Vec<(String, String)>,
    typed: Typed,
    problems: Problems,
    refused: String,
    key: String,
}

struct Choice {
    code: &'static str,
    label: &'static str,
    needs_note: bool,
    chosen: bool,
}

/// What stands in the fields.
#[derive(Default)]
struct Typed {
    spoken_with: String,
    role: String,
    at: String,
    read_back: String,
    note: String,
    dispositions: Vec<String>,
}

impl Typed {
    fn sent(fields: &Fields) -> Self {
        let text = |name: &str| fields.text(name).to_owned();
        Self {
            spoken_with: text("spokenWith"),
            role: text("role"),
            at: text("at"),
            read_back: text("readBack"),
            note: text("note"),
            dispositions: fields.all("dispositions").map(str::to_owned).collect(),
        }
    }
}

/// The clinic's people who make calls.
async fn colleagues(web: &Web, signed: &Signed) -> Result<Vec<UserId>> {
    let organization = signed.actor.organization_id.ok_or(WebError::NoPage)?;
    let places = web.service().memberships_in(&signed.actor, &[organization]).await?;
    Ok(places
        .iter()
        .filter(|place| {
            place
                .roles()
                .iter()
                .any(|role| matches!(role, Role::Physician | Role::Coordinator))
        })
        .map(|place| place.user_id)
        .collect())
}

async fn page(web: &Web, signed: &Signed, id: CallTaskId) -> Result<CallPage> {
    let found = web.service().call(&signed.actor, id).await?;
    let (task, row) = (&found.task, &found.recipient);
    let people = colleagues(web, signed).await?;
    let mut wanted = Wanted::default();
    wanted.recipient(row);
    wanted.person(task.owner_id);
    wanted.person(task.completed_by);
    for person in &people {
        wanted.person(*person);
    }
    let names = wanted.load(web, &signed.actor).await?;
    let shell = Shell::new(web, signed, "Call");
    let line = found.bottom_line.reveal();
    let phone = task.phone.clone().unwrap_or_default();
    let identity = found.patient.as_ref().map(|identity| identity.reveal());
    let detail = found
        .detail
        .as_ref()
        .map(|detail| detail.reveal().clone())
        .unwrap_or_default();
    let made = state(task.status, task.completed_at, task.read_back, &shell);
    let made = match task.completed_by {
        Some(by) => format!("{made}, by {}", names.person(by)),
        None => made,
    };
    Ok(CallPage {
        id,
        patient_name: identity.map_or_else(String::new, |identity| identity.name.clone()),
        patient_facts: identity.map_or_else(String::new, |identity| {
            format!("born {}, MRN {}", format::date(identity.birth_date), identity.mrn)
        }),
        patient_href: format!("/patients/{}", task.patient_id),
        share_href: format!("/shares/{}", task.share_id),
        to: names.recipient(row),
        reason: words::call_reason(task.reason),
        urgency: words::urgency(row.urgency),
        urgency_class: words::urgency_class(row.urgency),
        owner: names.person(task.owner_id),
        due: task.due_at,
        dial: phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect(),
        phone,
        sentences: line.sentences.clone(),
        reasons: line.reasons.clone(),
        asked: line.asked.iter().map(|asked| asked.text.clone()).collect(),
        open: task.status == CallTaskStatus::Open,
        made,
        spoken_with: detail.spoken_with,
        noted: detail.note.unwrap_or_default(),
        loop_open: row.is_open,
        dispositions: choices(&[]),
        colleagues: people
            .iter()
            .filter(|person| **person != task.owner_id)
            .map(|person| (person.to_string(), names.person(*person)))
            .collect(),
        typed: Typed {
            at: signed.zone.input(shell.now),
            ..Typed::default()
        },
        problems: Problems::default(),
        refused: String::new(),
        key: web.fresh_key(),
        shell,
    })
}

/// What can be decided by telephone: questions are answered in writing.
fn choices(chosen: &[String]) -> Vec<Choice> {
    Disposition::ALL
        .iter()
        .filter(|code| **code != Disposition::AnswerQuestions)
        .map(|code| Choice {
            code: code.as_str(),
            label: words::disposition(*code),
            needs_note: code.needs_comment(),
            chosen: chosen.iter().any(|one| one == code.as_str()),
        })
        .collect()
}

async fn call(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    shell::page(&page(&web, &signed, id.parse()?).await?)
}

async fn again(web: &Web, post: &Post, id: CallTaskId, error: ServiceError) -> Result<Response> {
    let (status, problems, refused) = match error {
        ServiceError::Invalid(problems) => (StatusCode::UNPROCESSABLE_ENTITY, problems, String::new()),
        other => (StatusCode::CONFLICT, Vec::new(), refusal(other)?),
    };
    let mut page = page(web, &post.signed, id).await?;
    page.typed = Typed::sent(&post.fields);
    page.dispositions = choices(&page.typed.dispositions);
    page.problems = Problems::new(problems);
    page.refused = refused;
    shell::page_with(status, &page)
}

/// Reads the record of a call; every problem of reading at once.
fn record(id: CallTaskId, post: &Post) -> std::result::Result<CompleteCallTask, Vec<FieldProblem>> {
    let fields = &post.fields;
    let mut problems = Vec::new();
    let at = post.signed.zone.read(fields.text("at"));
    if at.is_none() {
        problems.push(FieldProblem::new(
            "at",
            "UNKNOWN_VALUE",
            "write the day and the time of the call",
        ));
    }
    let read_back = match fields.text("readBack") {
        "yes" => Some(true),
        "no" => Some(false),
        _ => {
            problems.push(FieldProblem::new(
                "readBack",
                "REQUIRED",
                "say whether they read it back",
            ));
            None
        }
    };
    let mut dispositions = Vec::new();
    for code in fields.all("dispositions") {
        let parsed = code
            .parse::<Disposition>()
            .map_err(|error| FieldProblem::new("dispositions", "UNKNOWN_VALUE", error.to_string()));
        dispositions.extend(note(&mut problems, parsed));
    }
    match (at, read_back) {
        (Some(at), Some(read_back)) if problems.is_empty() => {
            let name = fields.text("spokenWith");
            let role = fields.text("role");
            Ok(CompleteCallTask {
                call_task_id: id,
                spoken_with: if role.is_empty() || name.is_empty() {
                    name.to_owned()
                } else {
                    format!("{name}, {role}")
                },
                spoken_with_user_id: None,
                at,
                read_back,
                dispositions,
                note: fields.some("note"),
                idempotency_key: sent_key(fields),
            })
        }
        _ => {
            if fields.text("spokenWith").is_empty() {
                problems.push(FieldProblem::required("spokenWith"));
            }
            Err(problems)
        }
    }
}

async fn complete(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: CallTaskId = id.parse()?;
    let input = match record(id, &post) {
        Ok(input) => input,
        Err(problems) => return again(&web, &post, id, ServiceError::Invalid(problems)).await,
    };
    match web.service().complete_call_task(&post.signed.actor, input).await {
        Ok(_) => shell::go("/calls?done=called"),
        Err(error) => again(&web, &post, id, error).await,
    }
}

async fn assign(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: CallTaskId = id.parse()?;
    let owner = match post.fields.parse::<UserId>("ownerId") {
        Ok(owner) => owner,
        Err(problem) => return again(&web, &post, id, ServiceError::Invalid(vec![problem])).await,
    };
    match web.service().assign_call_task(&post.signed.actor, id, owner).await {
        Ok(()) => shell::go(&format!("/calls/{id}?done=assigned")),
        Err(error) => again(&web, &post, id, error).await,
    }
}
