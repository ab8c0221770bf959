//! Runs one operation: a deadline around it, and a panic inside it turned into an error. What a panic said is
//! left to the process's panic hook, for it may hold anything.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_graphql::{Executor, Request, Response};
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::error::{ErrorCode, Refusal};
use super::request_id::RequestId;

/// Runs a query or mutation.
///
/// It runs as a task of its own, so that the deadline is kept even when a resolver computes without a pause. The
/// task ends with this future: at the deadline, or when the client goes away.
///
/// # Errors
///
/// `TIMEOUT` or `INTERNAL`.
pub(crate) async fn once<S: Executor>(
    schema: S,
    request: Request,
    deadline: Duration,
    id: &RequestId,
) -> Result<Response, Refusal> {
    let mut task = JoinSet::new();
    task.spawn(async move { schema.execute(request).await }.in_current_span());
    match tokio::time::timeout(deadline, task.join_next()).await {
        Ok(Some(Ok(response))) => Ok(response),
        Ok(_) => {
            tracing::error!(request_id = %id, "an operation panicked");
            Err(Refusal::internal())
        }
        Err(_) => {
            tracing::warn!(request_id = %id, "an operation ran into its deadline");
            Err(Refusal::new(
                ErrorCode::Timeout,
                format!(
                    "stopped after {} ms; a mutation may or may not have taken effect, so repeat it with the same idempotencyKey",
                    deadline.as_millis()
                ),
            ))
        }
    }
}

/// Runs a subscription; a panic is the stream's last item.
pub(crate) fn events<S: Executor>(
    schema: &S,
    request: Request,
    id: RequestId,
) -> BoxStream<'static, Result<Response, Refusal>> {
    AssertUnwindSafe(schema.execute_stream(request, None))
        .catch_unwind()
        .map(move |item| {
            item.map_err(|_| {
                tracing::error!(request_id = %id, "a subscription panicked");
                Refusal::internal()
            })
        })
        .boxed()
}

/// Gives a future the deadline, for the look-ups around an operation.
///
/// # Errors
///
/// `UNAVAILABLE` when the deadline passes, `INTERNAL` when it panics.
pub(crate) async fn within<T>(deadline: Duration, work: impl Future<Output = T>) -> Result<T, Refusal> {
    match tokio::time::timeout(deadline, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) => Err(Refusal::internal()),
        Err(_) => Err(Refusal::new(
            ErrorCode::Unavailable,
            "sign-in is not available at the moment; try again",
        )),
    }
}
