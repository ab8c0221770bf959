//! A note: its versions with what each changed, who was sent which of them, and the acts on it: amend, withdraw, discard.

use std::collections::HashMap;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use chrono::{DateTime, Utc};
use liaison_domain::{
    EvidenceLevel, NoteId, NoteStatus, NoteVersionId, Outcome, ShareId, TeamId, UserId, people::Role,
};
use liaison_service::{
    ServiceError,
    notes::{AmendNote, DiscardDraft, NoteRow, WithdrawNote},
};

use super::head::{PatientHead, kind_words};
use crate::{
    Result, Web,
    form::{Post, Problems},
    format::words,
    pages::shown::Changes,
    session::Signed,
    shell::{self, Shell},
    step_up,
};

struct Version {
    id: NoteVersionId,
    number: u32,
    signed_by: String,
    signed_at: DateTime<Utc>,
    urgency: String,
    tone: &'static str,
    withdrawn: bool,
    newest: bool,
    sent: Vec<Sent>,
}

struct Sent {
    share: ShareId,
    to: String,
    at: DateTime<Utc>,
    state: String,
    duty: &'static str,
}

#[derive(Template)]
#[template(path = "notes/note.html")]
struct NotePage {
    shell: Shell,
    patient: PatientHead,
    note: NoteRow,
    kind: &'static str,
    status: &'static str,
    versions: Vec<Version>,
    reason: String,
    changes: Changes,
    physician: bool,
    key: String,
    problems: Problems,
    withdraw_reason: String,
    ask_password: bool,
    drafted_by: String,
}

/// How far a loop came, in words.
fn state(level: EvidenceLevel, outcome: Option<Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Failed) => "Could not be delivered",
        Some(Outcome::Declined) => "Declined",
        Some(Outcome::Redirected) => "Passed on to a colleague",
        Some(Outcome::Recalled) if level >= EvidenceLevel::Opened => "Recalled, after it was opened",
        Some(Outcome::Recalled) => "Recalled, unopened",
        Some(Outcome::Superseded) if level >= EvidenceLevel::Opened => "Opened; a newer version took its place",
        Some(Outcome::Superseded) => "Replaced by a newer version, unopened",
        None => match level {
            EvidenceLevel::Queued => "On its way",
            EvidenceLevel::Accepted => "Taken for delivery",
            EvidenceLevel::Received => "Received by their system",
            EvidenceLevel::Placed => "In their inbox",
            EvidenceLevel::Opened => "Opened, not acknowledged",
            EvidenceLevel::Acknowledged => "Acknowledged",
        },
    }
}

/// `GET /notes/{id}`.
pub(super) async fn show(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    let page = page(&web, &signed, id.parse()?, Problems::default(), String::new()).await?;
    shell::page(&page)
}

async fn page(web: &Web, signed: &Signed, id: NoteId, problems: Problems, withdraw_reason: String) -> Result<NotePage> {
    let (service, actor) = (web.service(), &signed.actor);
    let note = service.note(actor, id).await?;
    let rows = service.versions_of_note(actor, id).await?;
    let shares = service.shares_of_note(actor, id).await?;
    let share_ids: Vec<ShareId> = shares.iter().map(|share| share.id).collect();
    let mut loops = service.recipients_of_shares(actor, &share_ids).await?;
    let all = || loops.values().flatten();
    let teams: Vec<TeamId> = all().filter_map(|row| row.to_team_id).collect();
    let mut people: Vec<UserId> = all().filter_map(|row| row.to_user_id).collect();
    people.extend(rows.iter().map(|row| row.signed_by));
    people.extend(note.draft_updated_by);
    let teams: HashMap<TeamId, String> = service
        .teams_by_ids(actor, &teams)
        .await?
        .into_iter()
        .map(|team| (team.id, team.name))
        .collect();
    let people: HashMap<UserId, String> = service
        .people_by_ids(actor, &people)
        .await?
        .into_iter()
        .map(|person| (person.id, person.display_name))
        .collect();
    let name = |id: UserId| people.get(&id).cloned().unwrap_or_default();

    let mut sent: HashMap<NoteVersionId, Vec<Sent>> = HashMap::new();
    for share in &shares {
        for row in loops.remove(&share.id).unwrap_or_default() {
            let team = row.to_team_id.and_then(|team| teams.get(&team).cloned());
            sent.entry(share.note_version_id).or_default().push(Sent {
                share: share.id,
                to: team.or(row.to_user_id.map(name)).unwrap_or_default(),
                at: row.shared_at,
                state: state(row.level, row.outcome).to_owned(),
                duty: if row.duty.is_required() {
                    "must acknowledge"
                } else {
                    "copy"
                },
            });
        }
    }
    let (mut reason, mut changes) = (String::new(), Changes::default());
    if let Some(newest) = rows.first().filter(|newest| newest.version > 1) {
        let opened = service.note_version(actor, newest.id).await?;
        if let Some(change) = &opened.change {
            reason.clone_from(&change.reveal().reason);
            changes = Changes::of(note.kind, change.reveal());
        }
    }
    let versions = rows
        .iter()
        .map(|row| Version {
            id: row.id,
            number: row.version,
            signed_by: name(row.signed_by),
            signed_at: row.signed_at,
            urgency: words(row.urgency.as_str()),
            tone: crate::words::urgency_class(row.urgency),
            withdrawn: row.withdrawn_at.is_some(),
            newest: i64::from(row.version) == note.version,
            sent: sent.remove(&row.id).unwrap_or_default(),
        })
        .collect();
    Ok(NotePage {
        shell: Shell::new(web, signed, kind_words(note.kind)),
        patient: PatientHead::load(web, signed, note.patient_id).await?,
        kind: kind_words(note.kind),
        status: match note.status {
            NoteStatus::Preliminary => "Draft",
            NoteStatus::Final => "Signed",
            NoteStatus::Amended => "Signed and amended",
            NoteStatus::EnteredInError => "Withdrawn as entered in error",
        },
        versions,
        reason,
        changes,
        physician: actor.has(Role::Physician),
        key: web.fresh_key(),
        problems,
        withdraw_reason,
        ask_password: step_up::asks(web, signed),
        drafted_by: note.draft_updated_by.map(name).unwrap_or_default(),
        note,
    })
}

/// `POST /notes/{id}/amend`: opens a draft made from the newest version.
pub(super) async fn amend(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let note_id = id.parse::<NoteId>()?;
    let input = AmendNote {
        note_id,
        idempotency_key: post.fields.some("key"),
    };
    match web.service().amend_note(&post.signed.actor, input).await {
        // Somebody opened it already: it is the same draft.
        Ok(_) | Err(ServiceError::Conflict { code: "DRAFT_OPEN", .. }) => shell::go(&format!("/notes/{note_id}/edit")),
        Err(other) => Err(other.into()),
    }
}

/// `POST /notes/{id}/withdraw`: the note was entered in error.
pub(super) async fn withdraw(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let note_id = id.parse::<NoteId>()?;
    let signed = &post.signed;
    if let Err(problem) = step_up::prove(&web, signed, &post.fields).await {
        let ServiceError::Invalid(problems) = problem else {
            return Err(problem.into());
        };
        let reason = post.fields.text("reason").to_owned();
        let page = page(&web, signed, note_id, Problems::new(problems), reason).await?;
        return shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let reason = post.fields.text("reason").to_owned();
    let input = WithdrawNote {
        note_id,
        reason: reason.clone(),
        idempotency_key: post.fields.some("key"),
    };
    match web.service().withdraw_note(&signed.actor, input).await {
        Ok(_) => shell::go(&format!("/notes/{note_id}?done=withdrawn")),
        Err(ServiceError::Invalid(problems)) => {
            let page = page(&web, signed, note_id, Problems::new(problems), reason).await?;
            shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(other) => Err(other.into()),
    }
}

/// `POST /notes/{id}/discard`: drops the draft.
pub(super) async fn discard(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let note_id = id.parse::<NoteId>()?;
    let note = web.service().note(&post.signed.actor, note_id).await?;
    let input = DiscardDraft {
        note_id,
        expected_revision: post.fields.parse("revision").unwrap_or(0),
    };
    web.service().discard_draft(&post.signed.actor, input).await?;
    // A note that was never signed is gone with its draft.
    if note.version == 0 {
        shell::go(&format!("/patients/{}?done=discarded", note.patient_id))
    } else {
        shell::go(&format!("/notes/{note_id}?done=discarded"))
    }
}
