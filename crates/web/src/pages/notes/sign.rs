//! Preview and signature: the note as its readers will get it, what a signature still asks, and the act of signing.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
};
use liaison_clinical::Urgency;
use liaison_domain::{CareRole, NoteId, PatientId, people::Role};
use liaison_service::{
    FieldProblem, ServiceError,
    notes::{Draft, SignAmendment, SignNote},
};

use super::{
    editor::{ToDo, confirmations, to_do},
    head::{PatientHead, clinic, kind_words, look_alikes},
    parts::{Unusual, unusual},
    typed::Typed,
};
use crate::{
    Result, Web,
    form::{Fields, Post, Problems},
    pages::shown::{Changes, FirstScreen, Narrative, Phone, asked_of},
    session::Signed,
    shell::{self, Shell},
    step_up,
};

/// An unusual value to be confirmed when signing.
struct Confirm {
    place: String,
    one: Unusual,
    on: bool,
}

/// What was typed into the form of a signature.
#[derive(Default)]
struct Given {
    reason: String,
    raised: String,
    confirmed: Vec<String>,
}

#[derive(Template)]
#[template(path = "notes/sign.html")]
struct SignPage {
    shell: Shell,
    patient: PatientHead,
    alikes: Vec<PatientHead>,
    note_id: NoteId,
    kind: &'static str,
    /// The version that an amendment follows; 0 for a first signature.
    amends: i64,
    revision: i64,
    /// In whose place it is read, in words: `an oncologist`.
    reader: &'static str,
    /// In whose place it can be read: code, words, whether it is.
    readers: Vec<(&'static str, String, bool)>,
    urgency: &'static str,
    tone: &'static str,
    first: FirstScreen,
    narrative: Narrative,
    missing: Vec<ToDo>,
    confirm: Vec<Confirm>,
    changes: Changes,
    levels: Vec<(&'static str, String)>,
    given: Given,
    key: String,
    ask_password: bool,
    physician: bool,
    /// The page shows the note only.
    preview: bool,
    problems: Problems,
}

/// In whose place the note is read; a word that is none of the roles says nothing.
#[derive(serde::Deserialize)]
pub(super) struct ReadAs {
    #[serde(default, rename = "as")]
    role: String,
}

/// `GET /notes/{id}/preview`.
pub(super) async fn preview(
    State(web): State<Web>,
    signed: Signed,
    Path(id): Path<String>,
    Query(read): Query<ReadAs>,
) -> Result<Response> {
    of_draft(&web, &signed, id.parse()?, true, &read).await
}

/// `GET /notes/{id}/sign`.
pub(super) async fn show(
    State(web): State<Web>,
    signed: Signed,
    Path(id): Path<String>,
    Query(read): Query<ReadAs>,
) -> Result<Response> {
    of_draft(&web, &signed, id.parse()?, false, &read).await
}

async fn of_draft(web: &Web, signed: &Signed, id: NoteId, preview: bool, read: &ReadAs) -> Result<Response> {
    let draft = match web.service().draft(&signed.actor, id).await {
        Err(ServiceError::Conflict { .. }) => return shell::go(&format!("/notes/{id}")),
        other => other?,
    };
    let reader = read.role.parse().ok();
    let page = page(
        web,
        signed,
        &draft,
        (preview, reader),
        Given::default(),
        Problems::default(),
    )
    .await?;
    shell::page(&page)
}

async fn page(
    web: &Web,
    signed: &Signed,
    draft: &Draft,
    (preview, reader): (bool, Option<CareRole>),
    given: Given,
    problems: Problems,
) -> Result<SignPage> {
    let (service, note) = (web.service(), &draft.note);
    let kind = note.kind;
    let as_stored = Typed::default();
    let missing: Vec<FieldProblem> = draft
        .before_signing
        .iter()
        .filter(|problem| problem.code != "SOFT_LIMIT")
        .cloned()
        .collect();
    let changes = if note.version > 0 {
        let versions = service.versions_of_note(&signed.actor, note.id).await?;
        match versions.first() {
            Some(latest) => {
                let before = service.note_version(&signed.actor, latest.id).await?;
                Changes::between(kind, before.content.reveal(), draft.content.reveal())
            }
            None => Changes::default(),
        }
    } else {
        Changes::default()
    };
    let level = draft.urgency.reveal().level;
    let reader = match reader {
        Some(reader) => reader,
        None => first_reader(web, signed, note.patient_id).await?,
    };
    let line = draft.bottom_line.reveal();
    let phone = Phone::of(&clinic(web, signed).await?);
    let asked = asked_of(line, reader, signed.zone);
    Ok(SignPage {
        shell: Shell::new(web, signed, if preview { "Preview" } else { "Sign" }),
        patient: PatientHead::load(web, signed, note.patient_id).await?,
        alikes: look_alikes(web, signed, note.patient_id).await?,
        note_id: note.id,
        kind: kind_words(kind),
        amends: note.version,
        revision: note.draft_revision,
        reader: in_place_of(reader),
        readers: CareRole::ALL
            .iter()
            .map(|role| (role.as_str(), crate::format::words(role.as_str()), *role == reader))
            .collect(),
        urgency: crate::words::urgency(level),
        tone: crate::words::urgency_class(level),
        first: FirstScreen::of_recipient(line, kind, asked, String::new(), phone),
        narrative: Narrative::new(draft.sections.reveal()),
        missing: to_do(kind, &missing, &as_stored),
        confirm: unusual(draft.unconfirmed.reveal(), &as_stored)
            .into_iter()
            .map(|one| Confirm {
                place: super::fields::words_of(kind, &one.path),
                on: given.confirmed.contains(&one.key),
                one,
            })
            .collect(),
        changes,
        levels: Urgency::ALL
            .iter()
            .filter(|higher| **higher > level)
            .map(|higher| (higher.as_str(), crate::format::words(higher.as_str())))
            .collect(),
        given,
        key: web.fresh_key(),
        ask_password: step_up::asks(web, signed),
        physician: signed.actor.has(Role::Physician),
        preview,
        problems,
    })
}

/// In whose place a note is read at first: the first of the care team who treats the cancer or the pain.
async fn first_reader(web: &Web, signed: &Signed, patient: PatientId) -> Result<CareRole> {
    let service = web.service();
    let team = service.care_team(&signed.actor, patient, service.now()).await?;
    let treats = |role: &CareRole| matches!(role, CareRole::Oncologist | CareRole::PalliativeClinician);
    let first = team.iter().map(|entry| entry.care_role).find(treats);
    Ok(first.unwrap_or(CareRole::Oncologist))
}

fn in_place_of(role: CareRole) -> &'static str {
    match role {
        CareRole::Oncologist => "an oncologist",
        CareRole::PalliativeClinician => "a palliative clinician",
        CareRole::PrimaryCare => "a primary care physician",
        CareRole::Other => "another recipient",
    }
}

/// `POST /notes/{id}/sign`.
pub(super) async fn sign(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id = id.parse::<NoteId>()?;
    let (signed, fields) = (&post.signed, &post.fields);
    match act(&web, signed, id, fields).await {
        Ok(version) => shell::go(&format!("/versions/{version}/share?done=signed")),
        Err(ServiceError::Invalid(problems)) => {
            let draft = web.service().draft(&signed.actor, id).await?;
            // What the page lists anyway as missing or to be confirmed is not said twice.
            let other: Vec<FieldProblem> = problems
                .into_iter()
                .filter(|problem| !problem.path.starts_with("content."))
                .collect();
            let mut all = other;
            if all.is_empty() {
                all.push(FieldProblem::new(
                    "content",
                    "NOT_READY",
                    "something is still missing or not confirmed, see above",
                ));
            }
            let given = Given {
                reason: fields.text("reason").to_owned(),
                raised: fields.text("raisedUrgency").to_owned(),
                confirmed: fields.all("confirm").map(str::to_owned).collect(),
            };
            let page = page(&web, signed, &draft, (false, None), given, Problems::new(all)).await?;
            shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(other) => Err(other.into()),
    }
}

async fn act(
    web: &Web,
    signed: &Signed,
    id: NoteId,
    fields: &Fields,
) -> liaison_service::Result<liaison_domain::NoteVersionId> {
    let (service, actor) = (web.service(), &signed.actor);
    let note = service.note(actor, id).await?;
    if !actor.has(Role::Physician) {
        return Err(ServiceError::Forbidden);
    }
    step_up::prove(web, signed, fields).await?;
    let raised = match fields.text("raisedUrgency") {
        "" => None,
        word => Urgency::ALL.iter().copied().find(|level| level.as_str() == word),
    };
    let sign = SignNote {
        note_id: id,
        expected_revision: fields.parse("revision").unwrap_or(0),
        raised_urgency: raised,
        confirmations: confirmations(fields),
        idempotency_key: fields.some("key"),
    };
    // A repeat of a first signature comes when the note has its version already: it is still that signature.
    let signed = if fields.text("amends") == "0" || (note.version == 0 && !fields.has("reason")) {
        service.sign_note(actor, sign).await?
    } else {
        let reason = fields.text("reason").to_owned();
        service.sign_amendment(actor, SignAmendment { sign, reason }).await?
    };
    Ok(signed.version_id)
}
