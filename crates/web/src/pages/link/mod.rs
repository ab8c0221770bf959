//! Secure links, for recipients without an account: `/l/{token}` shows a door and nothing behind it; a code sent to the
//! directory's own address opens it; `/link` is the one letter, read and answered as in the inbox.
//!
//! No GET here changes anything, and no form without the code either: mail scanners open links and press buttons.

mod door;
mod letter;

use axum::{
    Router,
    routing::{get, post},
};

use crate::Web;

pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .route("/l/{token}", get(door::show).post(door::send))
        .route("/l/{token}/inbox", get(door::to_inbox))
        .route("/link/enter", post(door::enter))
        .route("/link", get(letter::show))
        .route("/link/print", get(letter::print))
        .route("/link/open", post(letter::open))
        .route("/link/acknowledge", post(letter::acknowledge))
        .route("/link/decline", post(letter::decline))
        .route("/link/redirect", get(letter::redirect_form).post(letter::redirect))
        .route("/link/reply", post(letter::reply))
        .route("/link/receipt", get(letter::receipt))
        .route("/link/account", post(letter::account))
        .route("/link/leave", post(letter::leave))
}
