//! One id for each request: taken from `x-request-id` where it has a sane form, else made. It goes back in
//! `x-request-id` and in `extensions.requestId` of every error, so that a person can quote it and we can find it.

use std::fmt;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Id of one HTTP request or WebSocket connection; resolvers find it in the request's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id as it stands in the header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A client's id is taken if it is 8 to 64 letters, digits, `-` or `_`: nothing that could forge a log line.
    fn from_client(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(X_REQUEST_ID)?.to_str().ok()?;
        let sane = (8..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        sane.then(|| Self(text.into()))
    }

    /// The id which [`assign`] gave.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_else(|| Self("".into()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes ids for requests which bring none. The source of randomness is the caller's.
#[derive(Clone)]
pub struct RequestIds(Arc<dyn Fn() -> String + Send + Sync>);

impl RequestIds {
    /// Ids from this function: unique, and of visible ASCII.
    pub fn new(make: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }
}

impl fmt::Debug for RequestIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestIds")
    }
}

/// Middleware that gives each request its id and each answer its header.
pub(crate) async fn assign(State(ids): State<RequestIds>, mut request: Request, next: Next) -> Response {
    let id = RequestId::from_client(request.headers()).unwrap_or_else(|| RequestId((ids.0)().into()));
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}
