//! Holds: the clinic accepts that infusions stand still, and a physician lets them go on.

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::post,
};
use chrono::NaiveDate;
use liaison_domain::{Disposition, HoldId};
use liaison_service::loops::hold::{ChangeHold, Hold};

use super::{
    names::{Names, Wanted},
    sent_key,
};
use crate::{Result, Web, form::Post, format, shell};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/holds/{id}/accept", post(accept))
        .route("/holds/{id}/lift", post(lift))
}

/// A hold as the patient's page shows it.
pub(super) struct HoldView {
    pub(super) id: HoldId,
    /// `Infusions are on hold` and why.
    pub(super) heading: &'static str,
    /// Who asked, when, until when.
    pub(super) said: String,
    pub(super) reason: String,
    /// Who accepted and when; empty while nobody did.
    pub(super) accepted: String,
    pub(super) waits: bool,
}

fn heading(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::PatientDeceased => "Reported: the patient died. The series stands still.",
        Disposition::HospiceEnrolled => "Reported: the patient is in hospice. The series stands still.",
        _ => "Infusions are on hold.",
    }
}

/// Notes whose names the holds need.
pub(super) fn wants(holds: &[Hold], wanted: &mut Wanted) {
    for hold in holds {
        wanted.person(hold.row.requested_by);
        wanted.person(hold.row.accepted_by);
    }
}

/// The holds in force, oldest first.
pub(super) fn in_force(holds: &[Hold], names: &Names, zone: format::Zone) -> Vec<HoldView> {
    holds
        .iter()
        .filter(|hold| hold.in_force)
        .map(|hold| {
            let row = &hold.row;
            let who = row
                .requested_by
                .map_or_else(|| "A recipient by the secure link".to_owned(), |id| names.person(id));
            let until = row.until_date.map_or_else(
                || "until it is lifted".to_owned(),
                |day: NaiveDate| format!("until {}", format::date(day)),
            );
            HoldView {
                id: row.id,
                heading: heading(row.disposition),
                said: format!("{who} asked for it on {}, {until}.", zone.time(row.requested_at)),
                reason: hold
                    .reason
                    .as_ref()
                    .map_or_else(String::new, |reason| reason.reveal().clone()),
                accepted: row.accepted_at.map_or_else(String::new, |at| {
                    format!("Accepted by {} on {}.", names.some(row.accepted_by), zone.time(at))
                }),
                waits: row.accepted_at.is_none(),
            }
        })
        .collect()
}

fn input(id: &str, post: &Post) -> Result<ChangeHold> {
    Ok(ChangeHold {
        hold_id: id.parse()?,
        idempotency_key: sent_key(&post.fields),
    })
}

async fn accept(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let changed = web
        .service()
        .accept_hold(&post.signed.actor, input(&id, &post)?)
        .await?;
    shell::go(&format!("/patients/{}?done=accepted", changed.patient_id))
}

async fn lift(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let changed = web.service().lift_hold(&post.signed.actor, input(&id, &post)?).await?;
    shell::go(&format!("/patients/{}?done=lifted", changed.patient_id))
}
