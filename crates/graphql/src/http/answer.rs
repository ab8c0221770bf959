//! What goes back: cleans a schema's response of anything that was not meant for the client, and writes it.

use std::collections::BTreeMap;

use async_graphql::{Response as GraphQlResponse, ServerError, Value};
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use super::error::{ErrorCode, INTERNAL_MESSAGE, Refusal, coded};
use super::media::Media;
use super::request_id::RequestId;

/// A response as GraphQL (October 2021, section 7.1) has it: errors first, and no `data` at all when the
/// document was not run.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<ServerError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: BTreeMap<String, Value>,
}

impl Answer {
    /// Cleans a response. `names` says whether validation messages may name types and fields, which is
    /// introspection by another door.
    pub(crate) fn of(response: GraphQlResponse, id: &RequestId, names: bool) -> Self {
        let not_run = response.data == Value::Null
            && !response.errors.is_empty()
            && response.errors.iter().all(|error| error.path.is_empty());
        Self {
            errors: response
                .errors
                .into_iter()
                .map(|error| clean(error, id, names))
                .collect(),
            data: (!not_run).then_some(response.data),
            extensions: response.extensions,
        }
    }

    pub(crate) fn refused(refusal: &Refusal, id: &RequestId) -> Self {
        Self {
            errors: vec![refusal.to_error(id)],
            data: None,
            extensions: BTreeMap::new(),
        }
    }

    /// Whether validation, or something else before execution, turned the document down.
    pub(crate) fn not_run(&self) -> bool {
        self.data.is_none()
    }

    /// The answer as JSON; an answer that cannot be written is a fault and is answered as one.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| {
            format!(r#"{{"errors":[{{"message":"{INTERNAL_MESSAGE}","extensions":{{"code":"INTERNAL"}}}}]}}"#)
        })
    }

    pub(crate) fn into_http(self, media: Media) -> Response {
        let status = if self.not_run() {
            media.document_error_status()
        } else {
            StatusCode::OK
        };
        http(status, media, self.to_json())
    }
}

/// Gives an error its code and the request id. One that already has a code was written for the client and keeps
/// its text. The rest comes from the library or from a resolver's accident, and both may quote values.
fn clean(mut error: ServerError, id: &RequestId, names: bool) -> ServerError {
    if error.extensions.as_ref().is_some_and(|e| e.get("code").is_some()) {
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("requestId", id.as_str());
        return error;
    }
    error.extensions = None;
    let message = error.message.as_str();
    let (code, text) = if message == "Query is too complex." {
        (
            ErrorCode::ComplexityLimit,
            Some("the operation is too costly; select fewer fields or smaller pages"),
        )
    } else if message == "Query is nested too deep." || message.starts_with("The recursion depth of the query") {
        (ErrorCode::DepthLimit, Some("fields and fragments are nested too deep"))
    } else if is_about_a_value(message) {
        let text = "an argument or variable here has no value, or one that its type does not take";
        (ErrorCode::BadUserInput, Some(text))
    } else if error.path.is_empty() {
        let text = "the query does not fit the schema at this place";
        (ErrorCode::ValidationFailed, (!names).then_some(text))
    } else {
        tracing::error!(request_id = %id, "a resolver failed with an error that has no code");
        (ErrorCode::Internal, Some(INTERNAL_MESSAGE))
    };
    if let Some(text) = text {
        error.message = text.to_owned();
    }
    coded(error, code, id)
}

/// Whether the library found fault with a value, which it then quotes.
fn is_about_a_value(message: &str) -> bool {
    [
        "Invalid value for",
        "Invalid default value for",
        "Failed to parse",
        "Expected input type",
    ]
    .iter()
    .any(|start| message.starts_with(start))
        || (message.starts_with("Variable ") && message.ends_with(" is not defined."))
}

/// The answer to a refused request.
pub(crate) fn refused(refusal: &Refusal, id: &RequestId, media: Media) -> Response {
    tracing::debug!(request_id = %id, code = refusal.code.as_str(), "request refused");
    let mut response = http(
        refusal.code.status(media),
        media,
        Answer::refused(refusal, id).to_json(),
    );
    let headers = response.headers_mut();
    if refusal.code == ErrorCode::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = refusal.retry_after_seconds {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn http(status: StatusCode, media: Media, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media.content_type()));
    protect(headers);
    response
}

/// Answers hold PHI: no cache keeps them (ASVS 14.3.2), no browser guesses another type.
pub(crate) fn protect(headers: &mut axum::http::HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
