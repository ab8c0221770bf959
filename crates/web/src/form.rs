//! What a form brings: its fields in their order, read by a signed-in person's handler with the session's token checked.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::header,
};
use liaison_service::FieldProblem;

use crate::{
    Web, WebError,
    session::{Entering, Origin, Signed, is_csrf_token},
};

/// The longest form, in bytes: a note with a long monitoring table fits many times.
const LONGEST: usize = 1 << 20;

/// The fields of a form, in the order of the page. A name may come several times.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded` (WHATWG URL, section 5).
    pub(crate) fn read(body: &[u8]) -> Self {
        Self(
            url::form_urlencoded::parse(body)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// The text of a field, trimmed; empty where it is missing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.raw(name).unwrap_or_default().trim()
    }

    /// The text of a field, trimmed, unless it is empty.
    pub(crate) fn some(&self, name: &str) -> Option<String> {
        let text = self.text(name);
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A field exactly as it was sent: for passwords.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every value of a name, trimmed, without the empty ones.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(given, _)| given == name)
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// Whether a box is ticked or a button of this name was pressed.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
    }

    /// Every field in its order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Reads a field as an id, a term or a number: `UNKNOWN_VALUE` names the field and what is allowed.
    pub(crate) fn parse<T>(&self, name: &str) -> std::result::Result<T, FieldProblem>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        match self.text(name) {
            "" => Err(FieldProblem::required(name)),
            text => text
                .parse()
                .map_err(|error: T::Err| FieldProblem::new(name, "UNKNOWN_VALUE", error.to_string())),
        }
    }

    /// The same for a field that may be empty.
    pub(crate) fn parse_some<T>(&self, name: &str) -> std::result::Result<Option<T>, FieldProblem>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        if self.text(name).is_empty() {
            Ok(None)
        } else {
            self.parse(name).map(Some)
        }
    }
}

async fn fields(request: Request) -> Result<Fields, WebError> {
    let form = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|given| given.to_str().ok())
        .is_some_and(|given| given.starts_with("application/x-www-form-urlencoded"));
    if !form {
        return Err(WebError::NotAForm);
    }
    let body: Bytes = axum::body::to_bytes(request.into_body(), LONGEST)
        .await
        .map_err(|_| WebError::TooLong)?;
    Ok(Fields::read(&body))
}

/// A form of a signed-in person: its `csrf` field (or the `x-csrf` header of a script) is the session's.
pub(crate) struct Post {
    /// Who sent it.
    pub(crate) signed: Signed,
    /// What they sent.
    pub(crate) fields: Fields,
}

/// The same while the second factor is still to be added.
pub(crate) struct EnteringPost {
    /// Who sent it.
    pub(crate) signed: Signed,
    /// What they sent.
    pub(crate) fields: Fields,
}

/// A form of somebody who is not signed in; the browser vouched for its origin.
pub(crate) struct OpenPost {
    /// Where it came from.
    pub(crate) origin: Origin,
    /// What they sent.
    pub(crate) fields: Fields,
}

/// The fields of a form that brings a session's token, in itself or in the `x-csrf` header.
pub(crate) async fn checked_fields(request: Request, secret: &str) -> Result<Fields, WebError> {
    let by_header = request
        .headers()
        .get("x-csrf")
        .and_then(|given| given.to_str().ok())
        .is_some_and(|given| is_csrf_token(secret, given));
    let fields = fields(request).await?;
    if by_header || is_csrf_token(secret, fields.text("csrf")) {
        Ok(fields)
    } else {
        Err(WebError::CrossSite)
    }
}

impl FromRequest<Web> for Post {
    type Rejection = WebError;

    async fn from_request(request: Request, web: &Web) -> Result<Self, WebError> {
        let (mut parts, body) = request.into_parts();
        let signed = Signed::from_request_parts(&mut parts, web).await?;
        let fields = checked_fields(Request::from_parts(parts, body), &signed.secret).await?;
        Ok(Self { signed, fields })
    }
}

impl FromRequest<Web> for EnteringPost {
    type Rejection = WebError;

    async fn from_request(request: Request, web: &Web) -> Result<Self, WebError> {
        let (mut parts, body) = request.into_parts();
        let Entering(signed) = Entering::from_request_parts(&mut parts, web).await?;
        let fields = checked_fields(Request::from_parts(parts, body), &signed.secret).await?;
        Ok(Self { signed, fields })
    }
}

impl FromRequest<Web> for OpenPost {
    type Rejection = WebError;

    async fn from_request(request: Request, web: &Web) -> Result<Self, WebError> {
        let (parts, body) = request.into_parts();
        let origin = Origin::of(&parts, web);
        let fields = fields(Request::from_parts(parts, body)).await?;
        Ok(Self { origin, fields })
    }
}

/// The problems of a form, for the fields that have them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Problems(Vec<FieldProblem>);

impl Problems {
    /// The problems of a refused input.
    pub(crate) fn new(problems: Vec<FieldProblem>) -> Self {
        Self(problems)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, for the summary at the top of a form.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &FieldProblem> {
        self.0.iter()
    }

    /// What is wrong with a field; empty where nothing is.
    pub(crate) fn of(&self, path: &str) -> &str {
        self.0
            .iter()
            .find(|problem| problem.path == path)
            .map_or("", |problem| problem.message.as_str())
    }
}

/// Keeps the value of a field that could be read and notes the problem of one that could not.
pub(crate) fn note<T>(problems: &mut Vec<FieldProblem>, read: std::result::Result<T, FieldProblem>) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_repeat() {
        let fields = Fields::read(b"a=1&b=%20two+words%20&a=3&empty=");
        assert_eq!(fields.text("b"), "two words");
        assert_eq!(fields.raw("b"), Some(" two words "));
        assert_eq!(fields.all("a").collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(fields.some("empty"), None);
        assert!(fields.has("empty") && !fields.has("missing"));
        assert_eq!(fields.parse::<u32>("a").unwrap(), 1);
        assert_eq!(fields.parse::<u32>("b").unwrap_err().path, "b");
        assert_eq!(fields.parse::<u32>("empty").unwrap_err().code, "REQUIRED");
        assert_eq!(fields.parse_some::<u32>("empty").unwrap(), None);
    }
}
