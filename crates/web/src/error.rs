//! What a person sees when a page cannot be shown: what happened, and what they can do. Never PHI, never a cause.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use liaison_service::{ServiceError, seats::NoSeat};

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Sign in first, then back to where the person wanted to go.
    #[error("sign in first")]
    SignIn {
        /// The path that was asked for.
        next: Option<String>,
        /// Whether a script asked.
        script: bool,
    },
    /// The second factor must be added before anything else.
    #[error("add a second factor first")]
    SecondFactorNeeded,
    /// Prove again who you are, then back.
    #[error("prove again who you are")]
    StepUp {
        /// The path to go on with.
        next: String,
    },
    /// The session of a secure link has ended.
    #[error("your time here has ended; open the link in your message again")]
    LinkEnded,
    /// Another site, or a page of an earlier session, sent this.
    #[error("this form is out of date; load the page again")]
    CrossSite,
    /// Not a form.
    #[error("send a form (application/x-www-form-urlencoded)")]
    NotAForm,
    /// A form of more than a megabyte.
    #[error("this is too long")]
    TooLong,
    /// No further stream of changes.
    #[error(transparent)]
    TooManyStreams(#[from] NoSeat),
    /// There is no such page.
    #[error("there is no such page")]
    NoPage,
    /// The use case refused.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A page could not be written.
    #[error("something broke here; it was logged")]
    Render(#[from] askama::Error),
}

impl From<liaison_domain::InvalidId> for WebError {
    /// An address with an id that is none is an address of nothing.
    fn from(_: liaison_domain::InvalidId) -> Self {
        Self::NoPage
    }
}

/// The answer to an address that leads nowhere.
pub(crate) async fn no_such_page() -> WebError {
    WebError::NoPage
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    css: &'a str,
    icon: &'a str,
    heading: &'a str,
    message: String,
    code: &'a str,
}

impl WebError {
    fn status(&self) -> StatusCode {
        match self {
            Self::SignIn { .. } | Self::LinkEnded => StatusCode::UNAUTHORIZED,
            Self::SecondFactorNeeded | Self::StepUp { .. } => StatusCode::SEE_OTHER,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::NotAForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooManyStreams(NoSeat::Person(_)) => StatusCode::TOO_MANY_REQUESTS,
            Self::TooManyStreams(NoSeat::Process) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoPage => StatusCode::NOT_FOUND,
            Self::Render(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Service(error) => match error {
                ServiceError::NotFound(_) => StatusCode::NOT_FOUND,
                ServiceError::Forbidden => StatusCode::FORBIDDEN,
                ServiceError::Unauthenticated => StatusCode::UNAUTHORIZED,
                ServiceError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
                ServiceError::Illegal(_) | ServiceError::Conflict { .. } | ServiceError::IdempotencyKeyReused => {
                    StatusCode::CONFLICT
                }
                ServiceError::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                ServiceError::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }

    fn heading(&self, status: StatusCode) -> &'static str {
        match status {
            StatusCode::UNAUTHORIZED if matches!(self, Self::LinkEnded) => "Please open the link again",
            StatusCode::UNAUTHORIZED => "Sign in first",
            StatusCode::NOT_FOUND => "There is nothing here",
            StatusCode::FORBIDDEN if matches!(self, Self::CrossSite) => "This page is out of date",
            StatusCode::FORBIDDEN => "Not for your role",
            StatusCode::CONFLICT => "This changed meanwhile",
            StatusCode::UNPROCESSABLE_ENTITY => "Something is missing or wrong",
            StatusCode::TOO_MANY_REQUESTS => "Please wait",
            StatusCode::SERVICE_UNAVAILABLE => "Not available right now",
            StatusCode::INTERNAL_SERVER_ERROR => "Something broke",
            _ => "This cannot be done",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NoPage | Self::Service(ServiceError::NotFound(_)) => {
                "It does not exist, or it is not yours to see. A link from a message may have been recalled.".to_owned()
            }
            other => capital(&other.to_string()),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::SignIn { .. } | Self::LinkEnded => "UNAUTHENTICATED",
            Self::SecondFactorNeeded => "SECOND_FACTOR_NEEDED",
            Self::StepUp { .. } => "STEP_UP_NEEDED",
            Self::CrossSite => "CROSS_SITE",
            Self::TooManyStreams(_) => "STREAM_LIMIT",
            Self::NotAForm => "NOT_A_FORM",
            Self::TooLong => "TOO_LONG",
            Self::NoPage => "NOT_FOUND",
            Self::Render(_) => "INTERNAL",
            Self::Service(error) => error.code(),
        }
    }
}

/// A sentence begins with a capital and ends with a full stop.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let sentence: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(chars)
        .collect();
    if sentence.ends_with(['.', '?', '!']) {
        sentence
    } else {
        format!("{sentence}.")
    }
}

fn to_sign_in(path: &str, next: Option<&str>) -> Response {
    let query = next.filter(|next| *next != "/").map_or_else(String::new, |next| {
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        format!("?next={next}")
    });
    Redirect::to(&format!("{path}{query}")).into_response()
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        match &self {
            Self::SignIn { next, script: false } => return to_sign_in("/sign-in", next.as_deref()),
            Self::SecondFactorNeeded => return Redirect::to("/account/second-factor").into_response(),
            Self::StepUp { next } => return to_sign_in("/sign-in/again", Some(next)),
            Self::Service(ServiceError::Internal(cause)) => tracing::error!(error = %cause, "a page failed"),
            Self::Render(cause) => tracing::error!(error = %cause, "a page could not be written"),
            _ => {}
        }
        let status = self.status();
        let page = ErrorPage {
            css: crate::assets::path("app.css"),
            icon: crate::assets::path("icon.svg"),
            heading: self.heading(status),
            message: self.message(),
            code: self.code(),
        };
        let body = page.render().unwrap_or_else(|_| self.message());
        let mut response = (status, Html(body)).into_response();
        let wait = match &self {
            Self::Service(ServiceError::Unavailable) => Some(5),
            Self::Service(ServiceError::Throttled { retry_after }) => Some(retry_after.as_secs().max(1)),
            _ => None,
        };
        if let Some(seconds) = wait {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
