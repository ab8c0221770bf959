//! The pages, one folder for each area of work.

mod account;
mod admin;
mod clinic;
mod finder;
mod home;
mod inbox;
mod link;
mod notes;
mod shown;

use axum::Router;

use crate::Web;

/// Every page's route.
pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .merge(account::routes())
        .merge(admin::routes())
        .merge(clinic::routes())
        .merge(home::routes())
        .merge(inbox::routes())
        .merge(link::routes())
        .merge(notes::routes())
}
