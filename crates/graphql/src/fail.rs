//! What goes wrong, and how it is said: a problem in a mutation's payload, or an error with `extensions.code`.
//!
//! Problems are what a person can mend: a field, a state, a conflict, a reused key. Errors are the rest: who asks is
//! unknown or not allowed, the thing is not there (or not theirs: the two look alike), or something is broken.

use std::sync::Arc;

use async_graphql::{Context, Error, ErrorExtensions as _, Result, SimpleObject, Value};
use liaison_service::{FieldProblem, ServiceError};

use crate::http::RequestId;

/// What is wrong with an input, or what stands against an act. Shows no PHI.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub(crate) struct Problem {
    /// The input's field it is about, such as `recipients[1].teamId`; absent when it is about the act as a whole.
    path: Option<String>,
    /// A stable code, such as `REQUIRED`, `OUT_OF_RANGE`, `UNKNOWN_ID`, `ALREADY_ACKNOWLEDGED`.
    code: String,
    /// What is wrong and what can be done, in English.
    message: String,
}

impl From<FieldProblem> for Problem {
    fn from(problem: FieldProblem) -> Self {
        Self {
            path: Some(problem.path),
            code: problem.code,
            message: problem.message,
        }
    }
}

/// The problems that an error comes down to, or the error itself where nobody can mend it from outside.
fn problems(error: ServiceError) -> Result<Vec<Problem>, ServiceError> {
    match error {
        ServiceError::Invalid(problems) => Ok(problems.into_iter().map(Problem::from).collect()),
        ServiceError::Illegal(_) | ServiceError::Conflict { .. } => Ok(vec![Problem {
            path: None,
            code: error.code().to_owned(),
            message: error.to_string(),
        }]),
        ServiceError::IdempotencyKeyReused => Ok(vec![Problem {
            path: Some("idempotencyKey".to_owned()),
            code: error.code().to_owned(),
            message: error.to_string(),
        }]),
        other => Err(other),
    }
}

/// An error of a query, or one of a mutation that is no problem. A broken thing is logged with the request's id, and
/// its cause stays in the log.
pub(crate) fn refusal(ctx: &Context<'_>, error: &ServiceError) -> Error {
    if let ServiceError::Internal(_) | ServiceError::Ledger(_) = error {
        let request_id = ctx.data_opt::<RequestId>().map_or("none", RequestId::as_str);
        let cause: &dyn std::error::Error = error;
        let cause = cause.source().map_or_else(|| error.to_string(), ToString::to_string);
        tracing::error!(request_id, cause, "a resolver failed");
    }
    let code = match error {
        ServiceError::Invalid(_) => "BAD_USER_INPUT",
        other => other.code(),
    };
    Error::new(error.to_string()).extend_with(|_, extensions| {
        extensions.set("code", code);
        if let ServiceError::Invalid(problems) = error {
            let said = problems.iter().map(|problem| {
                Value::from_json(serde_json::json!({
                    "path": problem.path, "code": problem.code, "message": problem.message,
                }))
                .unwrap_or_default()
            });
            extensions.set("problems", Value::List(said.collect()));
        }
    })
}

/// Turns the service's errors into GraphQL's.
pub(crate) trait OrRefuse<T> {
    /// The value, or the [`refusal`].
    fn or_refuse(self, ctx: &Context<'_>) -> Result<T>;
}

impl<T> OrRefuse<T> for Result<T, ServiceError> {
    fn or_refuse(self, ctx: &Context<'_>) -> Result<T> {
        self.map_err(|error| refusal(ctx, &error))
    }
}

impl<T> OrRefuse<T> for Result<T, Arc<ServiceError>> {
    fn or_refuse(self, ctx: &Context<'_>) -> Result<T> {
        self.map_err(|error| refusal(ctx, &error))
    }
}

/// What a mutation came to: done, or problems.
pub(crate) type Settled<T> = Result<T, Vec<Problem>>;

/// Parts what a person can mend from what they cannot.
pub(crate) fn settle<T>(ctx: &Context<'_>, result: Result<T, ServiceError>) -> Result<Settled<T>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => match problems(error) {
            Ok(problems) => Ok(Err(problems)),
            Err(error) => Err(refusal(ctx, &error)),
        },
    }
}

/// A row that another row refers to must be there; its absence is a fault of ours.
pub(crate) fn present<T>(ctx: &Context<'_>, found: Option<T>, what: &'static str) -> Result<T> {
    found.ok_or_else(|| {
        let request_id = ctx.data_opt::<RequestId>().map_or("none", RequestId::as_str);
        tracing::error!(request_id, what, "a row that is referred to cannot be loaded");
        Error::new("something broke here; it was logged").extend_with(|_, e| e.set("code", "INTERNAL"))
    })
}

/// Declares a mutation's payload: what came of the act, absent when there are problems, and the problems.
macro_rules! payload {
    ($(#[$meta:meta])* $name:ident { $($(#[$fmeta:meta])* $field:ident : $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Default, async_graphql::SimpleObject)]
        pub(crate) struct $name {
            $($(#[$fmeta])* pub(crate) $field: Option<$ty>,)*
            /// What was wrong with the input or stood against the act; empty when it was done.
            pub(crate) problems: Vec<$crate::fail::Problem>,
        }

        impl From<Vec<$crate::fail::Problem>> for $name {
            fn from(problems: Vec<$crate::fail::Problem>) -> Self {
                Self { problems, ..Self::default() }
            }
        }
    };
}
pub(crate) use payload;
