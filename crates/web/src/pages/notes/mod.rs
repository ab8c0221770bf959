//! Pages about notes: beginning and writing them, preview, signature, versions, amendment, withdrawal, and sharing.

mod begin;
mod computed;
mod editor;
pub(super) mod fields;
mod head;
mod note;
mod parts;
mod paste;
mod share;
mod sign;
#[cfg(test)]
mod tests;
mod typed;
mod version;

use axum::{
    Router,
    routing::{get, post},
};

use crate::Web;

pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .route("/patients/{id}/notes/new", get(begin::show).post(begin::begin))
        .route("/notes/{id}", get(note::show))
        .route("/notes/{id}/edit", get(editor::show).post(editor::change))
        .route("/notes/{id}/preview", get(sign::preview))
        .route("/notes/{id}/sign", get(sign::show).post(sign::sign))
        .route("/notes/{id}/amend", post(note::amend))
        .route("/notes/{id}/withdraw", post(note::withdraw))
        .route("/notes/{id}/discard", post(note::discard))
        .route("/versions/{id}", get(version::show))
        .route("/versions/{id}/share", get(share::show).post(share::share))
}
