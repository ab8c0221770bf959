//! The recipient's pages: what waits for me, one letter before and after it is opened, my answer, who covers me, and how
//! I am told.
//!
//! Reading and answering stand in `desk`, so that somebody who came by a secure link has the same pages with another
//! frame around them. A GET never opens a letter: opening is a form, because mail scanners follow every link.

mod answer;
mod coverage;
pub(crate) mod desk;
mod list;
mod open;
mod preferences;
pub(crate) mod reading;
pub(crate) mod redirect;
mod words;

use axum::{
    Router,
    routing::{get, post},
};

use crate::Web;

pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .route("/inbox", get(list::inbox))
        .route("/inbox/{id}", get(open::letter))
        .route("/inbox/{id}/print", get(open::print))
        .route("/inbox/{id}/open", post(open::open))
        .route("/inbox/{id}/acknowledge", post(open::acknowledge))
        .route("/inbox/{id}/decline", post(open::decline))
        .route("/inbox/{id}/redirect", get(redirect::form).post(redirect::send))
        .route("/inbox/{id}/accept", post(open::accept))
        .route("/inbox/{id}/reply", post(open::reply))
        .route("/inbox/{id}/receipt", get(open::receipt))
        .route("/coverage", get(coverage::show).post(coverage::add))
        .route("/coverage/{id}/cancel", post(coverage::cancel))
        .route("/account/notices", get(preferences::show).post(preferences::save))
}
