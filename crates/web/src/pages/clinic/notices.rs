//! `/notices`: what happened for this person, newest first, each leading to where they can act.

use askama::Template;
use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use liaison_domain::{NoticeId, NoticeKind};
use liaison_service::reading::NoticeRow;

use super::{count, names::Wanted, query, words};
use crate::{
    Result, Web,
    form::Post,
    session::Signed,
    shell::{self, Shell},
};

const PAGE: u32 = 40;

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/notices", get(notices))
        .route("/notices/seen", post(seen))
}

#[derive(Template)]
#[template(path = "clinic/notices.html")]
struct NoticesPage {
    shell: Shell,
    notices: Vec<Notice>,
    /// The ids of those that are new.
    new: Vec<NoticeId>,
    /// `3 new notices`.
    counted: String,
    next: Option<String>,
    later: bool,
}

struct Notice {
    words: &'static str,
    urgency_class: &'static str,
    urgency: &'static str,
    from: String,
    href: String,
    at: DateTime<Utc>,
    new: bool,
}

/// Where the person can act on it.
fn href(signed: &Signed, row: &NoticeRow) -> String {
    match (row.kind, row.share_id, row.recipient_id) {
        (NoticeKind::CallTaskAssigned, _, _) => "/calls".to_owned(),
        (NoticeKind::MisSend, _, _) => "/mis-sends".to_owned(),
        (NoticeKind::EndpointDisabled | NoticeKind::Undeliverable, None, _) => "/deliveries".to_owned(),
        (NoticeKind::BreakGlass, _, _) => "/audit/reviews".to_owned(),
        (NoticeKind::AccountRequested, _, _) => "/directory".to_owned(),
        (NoticeKind::HoldRequested, _, _) if signed.actor.is_clinic() && row.patient_id.is_some() => {
            row.patient_id.map_or_else(String::new, |id| format!("/patients/{id}"))
        }
        (_, Some(share), _) if signed.actor.is_clinic() => format!("/shares/{share}"),
        (_, _, Some(recipient)) => format!("/inbox/{recipient}"),
        _ => String::new(),
    }
}

async fn notices(State(web): State<Web>, signed: Signed) -> Result<Response> {
    let after = query(&signed.here, "after");
    let found = web
        .service()
        .notices(&signed.actor, Some(PAGE), after.as_deref())
        .await?;
    let mut wanted = Wanted::default();
    for (row, _) in &found.entries {
        wanted.organization(row.organization_id);
    }
    let names = wanted.load(&web, &signed.actor).await?;
    let next = found
        .entries
        .last()
        .filter(|_| found.has_more)
        .map(|(_, cursor)| format!("/notices?after={cursor}"));
    let new: Vec<NoticeId> = found
        .entries
        .iter()
        .filter(|(row, _)| row.seen_at.is_none())
        .map(|(row, _)| row.id)
        .collect();
    shell::page(&NoticesPage {
        shell: Shell::new(&web, &signed, "Notices").live(),
        counted: count(new.len(), "new notice"),
        new,
        notices: found
            .entries
            .iter()
            .map(|(row, _)| Notice {
                words: words::notice(row.kind),
                urgency_class: words::urgency_class(row.urgency),
                urgency: words::urgency(row.urgency),
                from: names.organization(row.organization_id),
                href: href(&signed, row),
                at: row.created_at,
                new: row.seen_at.is_none(),
            })
            .collect(),
        next,
        later: after.is_some(),
    })
}

async fn seen(State(web): State<Web>, post: Post) -> Result<Response> {
    let ids: Vec<NoticeId> = post.fields.all("notice").filter_map(|id| id.parse().ok()).collect();
    web.service().see_notices(&post.signed.actor, &ids).await?;
    shell::go("/notices")
}
