//! What a response reads is in the ledger before the response leaves: one commit for all of it.

use std::sync::Arc;

use async_graphql::{Data, Executor, Request, Response, ServerError, Value};
use futures::stream::BoxStream;
use liaison_service::Service;

use crate::schema::LiaisonSchema;

/// The schema, with the ledger entries of each response's readings in one commit. Events of subscriptions commit theirs
/// themselves.
#[derive(Clone)]
pub struct Recorded {
    schema: LiaisonSchema,
    service: Service,
}

impl Recorded {
    /// The schema over the same service.
    #[must_use]
    pub fn new(schema: LiaisonSchema, service: Service) -> Self {
        Self { schema, service }
    }
}

impl Executor for Recorded {
    async fn execute(&self, request: Request) -> Response {
        match self.service.gathering(self.schema.execute(request)).await {
            Ok(response) => response,
            // What was read stays here. A mutation has taken effect: a repeat with the same key says how it ended.
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "the readings of a response could not be recorded");
                let mut failed = ServerError::new(error.to_string(), None);
                failed
                    .extensions
                    .get_or_insert_default()
                    .set("code", Value::from(error.code()));
                Response::from_errors(vec![failed])
            }
        }
    }

    fn execute_stream(&self, request: Request, session_data: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        Executor::execute_stream(&self.schema, request, session_data)
    }
}
