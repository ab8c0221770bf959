//! The clinic's own work: the board of loops, patients, the tracker of a share, the telephone calls owed, and notices.

mod board;
mod calls;
mod circle;
mod holds;
mod known;
mod names;
mod notices;
mod patient;
mod patient_form;
mod search;
mod share;
mod share_view;
mod words;

use axum::Router;
use liaison_service::ServiceError;

use crate::{Result, Web, WebError, error::capital, form::Fields, format};

/// The pages of this area.
pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .merge(board::routes())
        .merge(search::routes())
        .merge(patient_form::routes())
        .merge(patient::routes())
        .merge(circle::routes())
        .merge(holds::routes())
        .merge(share::routes())
        .merge(calls::routes())
        .merge(notices::routes())
}

/// What a refused act says on the page it came from; what is not for that page goes on as an error.
fn refusal(error: ServiceError) -> Result<String> {
    match error {
        ServiceError::Conflict { .. } | ServiceError::Illegal(_) | ServiceError::IdempotencyKeyReused => {
            Ok(capital(&error.to_string()))
        }
        other => Err(WebError::Service(other)),
    }
}

/// The key of a form that was sent.
fn sent_key(fields: &Fields) -> Option<String> {
    fields.some("key")
}

/// How many of something a page shows.
fn count(number: usize, noun: &str) -> String {
    format::count(i64::try_from(number).unwrap_or(i64::MAX), noun)
}

/// A value of the query.
fn query(here: &str, name: &str) -> Option<String> {
    let query = here.split_once('?')?.1;
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(given, value)| given == name && !value.is_empty())
        .map(|(_, value)| value.into_owned())
}
