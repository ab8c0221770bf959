//! From the bytes of a body, or the payload of a WebSocket message, to the parts of a GraphQL request.
//! Messages name the place, never what stood there.

use async_graphql::{Request, Variables};
use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures::StreamExt as _;
use serde_json::Value;

use super::error::{ErrorCode, Refusal};
use super::settings::GraphQlSettings;

/// Reads the body, and stops at the first byte too many.
///
/// # Errors
///
/// `PAYLOAD_TOO_LARGE`, `BODY_TIMEOUT`, or `BAD_REQUEST` if the connection broke.
pub(crate) async fn read(headers: &HeaderMap, body: Body, settings: &GraphQlSettings) -> Result<Vec<u8>, Refusal> {
    let max = settings.max_body_bytes;
    let too_large = || {
        Refusal::new(
            ErrorCode::PayloadTooLarge,
            format!("the request body may be at most {max} bytes long"),
        )
    };
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<usize>().ok());
    if announced.is_some_and(|length| length > max) {
        return Err(too_large());
    }
    let reading = async {
        let mut chunks = body.into_data_stream();
        let mut bytes = Vec::with_capacity(announced.unwrap_or(0));
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Refusal::new(ErrorCode::BadRequest, "the request body broke off"))?;
            if bytes.len() + chunk.len() > max {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    tokio::time::timeout(settings.body_timeout(), reading)
        .await
        .unwrap_or_else(|_| {
            Err(Refusal::new(
                ErrorCode::BodyTimeout,
                format!("the request body did not arrive within {} ms", settings.body_timeout_ms),
            ))
        })
}

/// Reads the JSON of one request.
///
/// # Errors
///
/// `BAD_REQUEST` or `BATCH_NOT_SUPPORTED`.
pub(crate) fn parse(bytes: &[u8]) -> Result<Request, Refusal> {
    let bad = |message: &'static str| Refusal::new(ErrorCode::BadRequest, message);
    let text = std::str::from_utf8(bytes).map_err(|_| bad("the request body is not UTF-8"))?;
    let value = serde_json::from_str(text).map_err(|e| {
        Refusal::new(
            ErrorCode::BadRequest,
            format!(
                "the request body is not JSON: look at line {}, column {}",
                e.line(),
                e.column()
            ),
        )
    })?;
    from_value(value)
}

/// Takes the parts of a request (GraphQL over HTTP, section 4.1) from a JSON value. `extensions` may stand there
/// but nothing uses them.
///
/// # Errors
///
/// `BAD_REQUEST` or `BATCH_NOT_SUPPORTED`.
pub(crate) fn from_value(value: Value) -> Result<Request, Refusal> {
    let bad = |message: &'static str| Refusal::new(ErrorCode::BadRequest, message);
    let object = match value {
        Value::Object(object) => object,
        Value::Array(_) => {
            return Err(Refusal::new(
                ErrorCode::BatchNotSupported,
                "an array of requests is not taken; send them one at a time",
            ));
        }
        _ => return Err(bad("the request is not a JSON object")),
    };
    let mut request = None;
    let mut operation_name = None;
    let mut variables = Variables::default();
    for (name, value) in object {
        match (name.as_str(), value) {
            ("query", Value::String(query)) if !query.trim().is_empty() => request = Some(Request::new(query)),
            ("query", Value::String(_)) => return Err(bad("query is empty")),
            ("query", _) => return Err(bad("query is not a string")),
            ("operationName", Value::String(name)) => operation_name = Some(name).filter(|n| !n.is_empty()),
            ("operationName" | "variables" | "extensions", Value::Null) => {}
            ("operationName", _) => return Err(bad("operationName is not a string")),
            ("variables", map @ Value::Object(_)) => variables = Variables::from_json(map),
            ("variables", _) => return Err(bad("variables is not an object")),
            ("extensions", Value::Object(_)) => {}
            ("extensions", _) => return Err(bad("extensions is not an object")),
            _ => {
                return Err(bad(
                    "the request has a field that is not query, operationName, variables or extensions",
                ));
            }
        }
    }
    let mut request = request.ok_or_else(|| bad("query is missing"))?;
    request.operation_name = operation_name;
    request.variables = variables;
    Ok(request)
}
