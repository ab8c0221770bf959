//! `/shares/{id}`: the tracker of one share, with its recall and the threads with its recipients. For the clinic that
//! sent it.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use liaison_domain::{RecipientId, Role, ShareId};
use liaison_service::{
    FieldProblem, ServiceError,
    loops::{recall::RecallShare, reply::WriteReply},
};

use super::{
    board::reads_patients,
    names::Wanted,
    refusal, sent_key,
    share_view::{self, Card, Question},
    words,
};
use crate::{
    Result, Web, WebError,
    form::{Post, Problems},
    session::Signed,
    shell::{self, Shell},
    step_up,
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/shares/{id}", get(share))
        .route("/shares/{id}/recall", post(recall))
        .route("/shares/{id}/recipients/{recipient}/reply", post(reply))
}

#[derive(Template)]
#[template(path = "clinic/share.html")]
struct SharePage {
    shell: Shell,
    id: ShareId,
    /// Name and address of the patient's page; absent for roles that do not read patients.
    patient: Option<(String, String)>,
    note: String,
    note_href: String,
    urgency: &'static str,
    urgency_class: &'static str,
    shared_by: String,
    shared_at: DateTime<Utc>,
    recalled: String,
    recall_reason: String,
    superseded: Option<DateTime<Utc>>,
    message: String,
    verbal: String,
    overrides: Vec<(String, String)>,
    questions: Vec<Question>,
    cards: Vec<Card>,
    may_recall: bool,
    ask_password: bool,
    may_write: bool,
    problems: Problems,
    refused: String,
    typed: Typed,
    key: String,
}

/// What stands in the fields.
#[derive(Default)]
struct Typed {
    reason: String,
    /// Of which recipient's thread.
    to: Option<RecipientId>,
    body: String,
}

impl SharePage {
    fn body(&self, to: &RecipientId) -> &str {
        if self.typed.to.as_ref() == Some(to) {
            &self.typed.body
        } else {
            ""
        }
    }
}

async fn page(web: &Web, signed: &Signed, id: ShareId) -> Result<SharePage> {
    let (service, actor) = (web.service(), &signed.actor);
    let view = service.share(actor, id).await?;
    // A recipient's people read their own copy in their inbox.
    if !view.as_clinic {
        return Err(WebError::NoPage);
    }
    let mut wanted = Wanted::default();
    share_view::wants(&view, &mut wanted);
    let names = wanted.load(web, actor).await?;
    let share = &view.share;
    let (mut patient, mut note) = (None, "Note".to_owned());
    if reads_patients(signed) {
        let found = service.patient(actor, share.patient_id).await?;
        patient = Some((
            found.identity.reveal().name.clone(),
            format!("/patients/{}", share.patient_id),
        ));
        let versions = service.versions_by_ids(actor, &[share.note_version_id]).await?;
        if let Some(version) = versions.get(&share.note_version_id) {
            note = format!("{}, version {}", words::kind(version.kind), version.version);
        }
    }
    let shell = Shell::new(web, signed, "Share").live();
    let detail = view
        .detail
        .as_ref()
        .map(|detail| detail.reveal().clone())
        .unwrap_or_default();
    Ok(SharePage {
        id,
        patient,
        note,
        note_href: format!("/versions/{}", share.note_version_id),
        urgency: words::urgency(share.urgency),
        urgency_class: words::urgency_class(share.urgency),
        shared_by: names.person(share.shared_by),
        shared_at: share.shared_at,
        recalled: share.recalled_at.map_or_else(String::new, |at| {
            format!("Recalled by {}, {}", names.some(share.recalled_by), shell.time(&at))
        }),
        recall_reason: view
            .recall_reason
            .as_ref()
            .map_or_else(String::new, |reason| reason.reveal().clone()),
        superseded: share.superseded_at,
        message: detail.message.unwrap_or_default(),
        verbal: detail.verbal.map_or_else(String::new, |call| {
            let back = if call.read_back { "read back" } else { "not read back" };
            let note = call.note.map_or_else(String::new, |note| format!(" {note}"));
            format!("{}, {}, {back}.{note}", call.to, shell.time(&call.at))
        }),
        overrides: detail
            .overrides
            .into_iter()
            .map(|(code, reason)| (crate::format::words(&code), reason))
            .collect(),
        questions: share_view::questions(&view, &names, &shell),
        cards: share_view::cards(&view, &names, &shell),
        may_recall: signed.has_any(&[Role::Physician]) && share.recalled_at.is_none() && share.superseded_at.is_none(),
        ask_password: step_up::asks(web, signed),
        may_write: reads_patients(signed),
        problems: Problems::default(),
        refused: String::new(),
        typed: Typed::default(),
        key: web.fresh_key(),
        shell,
    })
}

async fn share(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    shell::page(&page(&web, &signed, id.parse()?).await?)
}

/// The page again, with what was typed, and why nothing was saved.
async fn again(
    web: &Web,
    signed: &Signed,
    id: ShareId,
    typed: Typed,
    error: ServiceError,
    field: &str,
) -> Result<Response> {
    let (status, problems, refused) = match error {
        ServiceError::Invalid(problems) => {
            let named = problems.into_iter().map(|problem| match problem.path.as_str() {
                "password" => problem,
                _ => FieldProblem::new(field, problem.code.clone(), problem.message),
            });
            (StatusCode::UNPROCESSABLE_ENTITY, named.collect(), String::new())
        }
        other => (StatusCode::CONFLICT, Vec::new(), refusal(other)?),
    };
    let mut page = page(web, signed, id).await?;
    page.typed = typed;
    page.problems = Problems::new(problems);
    page.refused = refused;
    shell::page_with(status, &page)
}

async fn recall(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: ShareId = id.parse()?;
    let reason = post.fields.text("reason").to_owned();
    let input = RecallShare {
        share_id: id,
        reason: reason.clone(),
        idempotency_key: sent_key(&post.fields),
    };
    let done = match step_up::prove(&web, &post.signed, &post.fields).await {
        Ok(()) => web.service().recall_share(&post.signed.actor, input).await,
        Err(refused) => Err(refused),
    };
    match done {
        Ok(_) => shell::go(&format!("/shares/{id}?done=recalled")),
        Err(error) => {
            let typed = Typed {
                reason,
                ..Typed::default()
            };
            again(&web, &post.signed, id, typed, error, "reason").await
        }
    }
}

async fn reply(State(web): State<Web>, Path((id, recipient)): Path<(String, String)>, post: Post) -> Result<Response> {
    let (id, recipient): (ShareId, RecipientId) = (id.parse()?, recipient.parse()?);
    let body = post.fields.text("body").to_owned();
    let input = WriteReply {
        recipient_id: recipient,
        body: body.clone(),
        closes_reply_due: post.fields.has("answers"),
        idempotency_key: sent_key(&post.fields),
    };
    match web.service().reply(&post.signed.actor, input).await {
        Ok(_) => shell::go(&format!("/shares/{id}?done=replied")),
        Err(error) => {
            let typed = Typed {
                to: Some(recipient),
                body,
                ..Typed::default()
            };
            again(&web, &post.signed, id, typed, error, &format!("body-{recipient}")).await
        }
    }
}
