//! `/`: leads each person to where their day begins.

use axum::{Router, response::Response, routing::get};

use crate::{Result, Web, session::Signed, shell};

pub(crate) fn routes() -> Router<Web> {
    Router::new().route("/", get(home))
}

async fn home(signed: Signed) -> Result<Response> {
    shell::go(shell::home(&signed))
}
