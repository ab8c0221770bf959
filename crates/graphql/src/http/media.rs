//! Media types: what a request is written in, and which of our two answers it asks for.

use axum::http::{HeaderMap, StatusCode, header};

use super::error::{ErrorCode, Refusal};

/// The two media types of GraphQL over HTTP. They differ in the status of a document that was not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// `application/graphql-response+json`
    GraphQlResponse,
    /// `application/json`
    Json,
}

impl Media {
    /// The value of `Content-Type`.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::GraphQlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }

    pub(crate) const fn document_error_status(self) -> StatusCode {
        match self {
            Self::GraphQlResponse => StatusCode::BAD_REQUEST,
            Self::Json => StatusCode::OK,
        }
    }

    /// The media type the client likes best; between equals, and without an `Accept`, the newer one, as the draft
    /// asks of servers since 2025.
    ///
    /// # Errors
    ///
    /// `NOT_ACCEPTABLE` if it takes neither.
    pub(crate) fn negotiate(headers: &HeaderMap) -> Result<Self, Refusal> {
        let accept = Accept::of(headers);
        let newer = accept.weight("application", "graphql-response+json");
        let older = accept.weight("application", "json");
        match (newer, older) {
            (0, 0) => Err(Refusal::new(
                ErrorCode::NotAcceptable,
                "accept application/graphql-response+json or application/json",
            )),
            _ if newer >= older => Ok(Self::GraphQlResponse),
            _ => Ok(Self::Json),
        }
    }

    /// The media type for an error that is sent whatever the client accepts.
    pub(crate) fn for_errors(headers: &HeaderMap) -> Self {
        Self::negotiate(headers).unwrap_or(Self::Json)
    }
}

/// Checks that the client takes `text/event-stream`.
pub(crate) fn accepts_event_stream(headers: &HeaderMap) -> Result<(), Refusal> {
    if Accept::of(headers).weight("text", "event-stream") == 0 {
        return Err(Refusal::new(ErrorCode::NotAcceptable, "accept text/event-stream"));
    }
    Ok(())
}

/// Whether the client names `text/html`, which browsers do and programs do not.
pub(crate) fn asks_for_html(headers: &HeaderMap) -> bool {
    Accept::of(headers)
        .ranges
        .iter()
        .any(|r| r.is("text", "html") && r.weight > 0)
}

/// Checks that the body is announced as JSON in UTF-8.
pub(crate) fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let refusal = || {
        Refusal::new(
            ErrorCode::UnsupportedMediaType,
            "send the request as application/json in UTF-8",
        )
    };
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(refusal());
    };
    let mut parts = value.to_str().map_err(|_| refusal())?.split(';').map(str::trim);
    if !parts.next().is_some_and(|t| t.eq_ignore_ascii_case("application/json")) {
        return Err(refusal());
    }
    let utf8 = parts.filter(|p| !p.is_empty()).all(|parameter| {
        parameter.split_once('=').is_none_or(|(name, value)| {
            !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
    });
    if utf8 { Ok(()) } else { Err(refusal()) }
}

/// One element of `Accept` (RFC 9110 section 12.5.1), with its weight in thousandths.
struct Range {
    kind: String,
    subtype: String,
    weight: u16,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut weight = 1000;
        for parameter in parts {
            if let Some((name, value)) = parameter.split_once('=')
                && name.trim().eq_ignore_ascii_case("q")
            {
                weight = weight_of(value.trim())?;
            }
        }
        Some(Self {
            kind: kind.to_ascii_lowercase(),
            subtype: subtype.to_ascii_lowercase(),
            weight,
        })
    }

    fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind == kind && self.subtype == subtype
    }
}

fn weight_of(text: &str) -> Option<u16> {
    let value: f32 = text.parse().ok()?;
    (0.0..=1.0).contains(&value).then_some((value * 1000.0) as u16)
}

struct Accept {
    ranges: Vec<Range>,
    given: bool,
}

impl Accept {
    fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT);
        Self {
            given: values.iter().next().is_some(),
            ranges: values
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .filter_map(Range::parse)
                .collect(),
        }
    }

    /// Weight of a media type in thousandths; the most specific range that covers it decides.
    fn weight(&self, kind: &str, subtype: &str) -> u16 {
        if !self.given {
            return 1000;
        }
        [(kind, subtype), (kind, "*"), ("*", "*")]
            .iter()
            .find_map(|(k, s)| self.ranges.iter().find(|range| range.is(k, s)))
            .map_or(0, |range| range.weight)
    }
}
