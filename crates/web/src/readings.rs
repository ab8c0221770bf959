//! What a page reads is in the ledger before the page leaves: one commit for all of it.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{Web, WebError};

/// Makes the page, commits the ledger entries of what it read, and only then lets it leave.
pub(crate) async fn in_one_commit(State(web): State<Web>, request: Request, next: Next) -> Response {
    match web.service().gathering(next.run(request)).await {
        Ok(response) => response,
        Err(error) => WebError::from(error).into_response(),
    }
}
