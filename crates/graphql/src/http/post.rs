//! `POST /graphql`: one query or mutation.

use std::sync::Arc;

use async_graphql::Executor;
use async_graphql::parser::types::OperationType;
use axum::extract::{Request, State};
use axum::response::Response;
use tracing::Instrument as _;

use super::answer::{self, Answer};
use super::error::{ErrorCode, Refusal};
use super::media::Media;
use super::operation::{Operation, root_of};
use super::request_id::RequestId;
use super::{App, admit, run};

pub(crate) async fn run<S: Executor>(State(app): State<Arc<App<S>>>, request: Request) -> Response {
    let id = RequestId::of(request.extensions());
    let media = match Media::negotiate(request.headers()) {
        Ok(media) => media,
        Err(refusal) => return answer::refused(&refusal, &id, Media::Json),
    };
    let span = tracing::info_span!("graphql", request_id = %id, operation = tracing::field::Empty);
    match answered(&app, request, &id).instrument(span.clone()).await {
        Ok((answer, operation)) => {
            let mut response = answer.into_http(media);
            if let Some(operation) = operation {
                span.record("operation", operation.root.as_str());
                response.extensions_mut().insert(operation);
            }
            response
        }
        Err(refusal) => answer::refused(&refusal, &id, media),
    }
}

/// The answer, and what ran where something did.
async fn answered<S: Executor>(
    app: &App<S>,
    request: Request,
    id: &RequestId,
) -> Result<(Answer, Option<Operation>), Refusal> {
    let mut admitted = admit::admit(app, request).await?;
    if admitted.kind == OperationType::Subscription {
        return Err(Refusal::new(
            ErrorCode::OperationNotSupported,
            "a subscription runs over GET /graphql/ws or POST /graphql/stream",
        ));
    }
    let settings = &app.config.settings;
    let root = root_of(&mut admitted.request);
    let response = run::once(app.schema.clone(), admitted.request, settings.deadline(), id).await?;
    let answer = Answer::of(response, id, settings.introspection);
    let ran = root.filter(|_| !answer.not_run());
    let ok = answer.errors.is_empty();
    Ok((answer, ran.map(|root| Operation { root, ok })))
}
