//! What a use case answers when it cannot do what was asked. Messages say what the person can do, and hold no PHI.

use liaison_domain::{Illegal, InvalidId, UnknownTerm, access::Denied};
use liaison_store::StoreError;

/// What is wrong with one field of an input.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FieldProblem {
    /// The input's path, such as `recipients[1].teamId` or `content.monitoring[3].sbp`.
    pub path: String,
    /// A stable code, such as `REQUIRED`, `OUT_OF_RANGE`, `UNKNOWN_ID`.
    pub code: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl FieldProblem {
    /// A problem.
    pub fn new(path: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            code: code.into(),
            message: message.into(),
        }
    }

    /// A field that must be given.
    pub fn required(path: impl Into<String>) -> Self {
        Self::new(path, "REQUIRED", "this is required")
    }

    /// An id that is unknown, or another organization's: the two look alike from outside.
    pub fn unknown_id(path: impl Into<String>) -> Self {
        Self::new(path, "UNKNOWN_ID", "there is no such thing here")
    }
}

/// Why a use case did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// There is no such thing, or it is not the actor's: the two look alike.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The actor's role does not allow it.
    #[error("your role does not allow this")]
    Forbidden,
    /// No valid sign-in.
    #[error("sign in first")]
    Unauthenticated,
    /// Too many failed tries, by this account or from this network address.
    #[error("too many tries; wait {} before the next one", wait(.retry_after))]
    Throttled {
        /// How long to wait.
        retry_after: std::time::Duration,
    },
    /// The input has problems; all of them at once.
    #[error("{}", list(.0))]
    Invalid(Vec<FieldProblem>),
    /// The loop's state does not allow it.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// The thing's state does not allow it, or somebody else was faster.
    #[error("{message}")]
    Conflict {
        /// A stable code, such as `DRAFT_CHANGED`.
        code: &'static str,
        /// What the person can do.
        message: String,
    },
    /// The idempotency key was used before for another request.
    #[error("this idempotencyKey was used for another request; use a new one")]
    IdempotencyKeyReused,
    /// The database cannot be reached: try again.
    #[error("the service is not available right now; try again")]
    Unavailable,
    /// The ledger contradicts itself or its signed checkpoints. Holds no PHI.
    #[error("the ledger does not hold together ({0}); keep a copy of the database and run `liaison ledger verify`")]
    Ledger(String),
    /// A broken thing. The cause goes to the log, never to the answer.
    #[error("something broke here; it was logged")]
    Internal(#[source] StoreError),
}

fn list(problems: &[FieldProblem]) -> String {
    problems
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect::<Vec<_>>()
        .join("; ")
}

/// A time to wait, as people say it: rounded up to whole seconds, minutes or hours.
fn wait(time: &std::time::Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let (count, unit) = match seconds {
        0..=119 => (seconds.max(1), "second"),
        120..=7_199 => (seconds.div_ceil(60), "minute"),
        _ => (seconds.div_ceil(3_600), "hour"),
    };
    let many = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{many}")
}

impl ServiceError {
    /// A stable code for `extensions.code`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "NOT_FOUND",
            Self::Forbidden => "FORBIDDEN",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Throttled { .. } => "THROTTLED",
            Self::Invalid(_) => "INVALID",
            Self::Illegal(illegal) => match illegal {
                Illegal::AlreadyAcknowledged => "ALREADY_ACKNOWLEDGED",
                Illegal::NotOpened => "NOT_OPENED",
                Illegal::Recalled => "RECALLED",
                Illegal::Superseded => "SUPERSEDED",
                Illegal::Declined => "DECLINED",
                Illegal::Redirected => "REDIRECTED",
                Illegal::NoReplyDue => "NO_REPLY_DUE",
                Illegal::NotByEvidence => "NOT_BY_EVIDENCE",
            },
            Self::Conflict { code, .. } => code,
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Ledger(_) => "LEDGER_BROKEN",
            Self::Internal(_) => "INTERNAL",
        }
    }

    /// One problem with the input.
    pub fn invalid(path: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldProblem::new(path, code, message)])
    }

    /// A conflict with the present state.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict {
            code,
            message: message.into(),
        }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database { unavailable: true, .. } => Self::Unavailable,
            // The same request was under way at this moment: whoever committed first answers both.
            error if error.is_repeat() => {
                Self::conflict("IN_PROGRESS", "the same request is being worked on; try again")
            }
            StoreError::Affected { .. } => Self::conflict(
                "CHANGED_MEANWHILE",
                "somebody else changed this at the same moment; look again",
            ),
            other => Self::Internal(other),
        }
    }
}

impl From<Denied> for ServiceError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NoRelation => Self::NotFound("this"),
            Denied::Role | Denied::ClinicOnly | Denied::ReadOnlyToken => Self::Forbidden,
        }
    }
}

impl From<InvalidId> for ServiceError {
    fn from(error: InvalidId) -> Self {
        Self::invalid("id", "INVALID_ID", error.to_string())
    }
}

impl From<UnknownTerm> for ServiceError {
    fn from(error: UnknownTerm) -> Self {
        Self::invalid("value", "UNKNOWN_VALUE", error.to_string())
    }
}
