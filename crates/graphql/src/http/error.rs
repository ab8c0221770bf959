//! The codes this handler puts in `extensions.code`, and the refusals that carry them.

use std::borrow::Cow;

use async_graphql::{ErrorExtensionValues, Pos, ServerError};
use axum::http::StatusCode;
use liaison_service::seats::NoSeat;

use super::authenticate::AuthFailure;
use super::media::Media;
use super::request_id::RequestId;

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $status:expr;)+) => {
        /// `extensions.code` of an error that the handler itself answers; the schema has its own codes beside these.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode { $($(#[doc = $doc])+ $name,)+ }

        impl ErrorCode {
            /// Every code, for documentation and tests.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code as clients see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The HTTP status; `None` for a well-formed request whose document was refused, where the media
            /// type decides.
            const fn fixed_status(self) -> Option<StatusCode> {
                match self { $(Self::$name => $status,)+ }
            }
        }
    };
}

error_codes! {
    /// The body is not the JSON object that a GraphQL request is.
    BadRequest = "BAD_REQUEST", Some(StatusCode::BAD_REQUEST);
    /// The body is an array; requests are sent one at a time.
    BatchNotSupported = "BATCH_NOT_SUPPORTED", Some(StatusCode::BAD_REQUEST);
    /// The body is larger than allowed.
    PayloadTooLarge = "PAYLOAD_TOO_LARGE", Some(StatusCode::PAYLOAD_TOO_LARGE);
    /// The body took too long to arrive.
    BodyTimeout = "BODY_TIMEOUT", Some(StatusCode::REQUEST_TIMEOUT);
    /// `Content-Type` is not `application/json`.
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", Some(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    /// `Accept` allows none of the media types this address answers in.
    NotAcceptable = "NOT_ACCEPTABLE", Some(StatusCode::NOT_ACCEPTABLE);
    /// The HTTP method is not taken at this address.
    MethodNotAllowed = "METHOD_NOT_ALLOWED", Some(StatusCode::METHOD_NOT_ALLOWED);
    /// Not a WebSocket handshake for `graphql-transport-ws`.
    UpgradeRequired = "UPGRADE_REQUIRED", Some(StatusCode::BAD_REQUEST);
    /// A cookie authenticated the request and the preflight header is missing.
    PreflightRequired = "PREFLIGHT_REQUIRED", Some(StatusCode::FORBIDDEN);
    /// No valid credential.
    Unauthenticated = "UNAUTHENTICATED", Some(StatusCode::UNAUTHORIZED);
    /// Too many attempts to authenticate.
    Throttled = "THROTTLED", Some(StatusCode::TOO_MANY_REQUESTS);
    /// Something this server needs does not answer.
    Unavailable = "UNAVAILABLE", Some(StatusCode::SERVICE_UNAVAILABLE);
    /// The deadline passed.
    Timeout = "TIMEOUT", Some(StatusCode::GATEWAY_TIMEOUT);
    /// A fault of this server.
    Internal = "INTERNAL", Some(StatusCode::INTERNAL_SERVER_ERROR);
    /// The query text is not a GraphQL document.
    ParseFailed = "GRAPHQL_PARSE_FAILED", None;
    /// The document does not fit the schema.
    ValidationFailed = "GRAPHQL_VALIDATION_FAILED", None;
    /// An argument or variable has a value that its type does not take.
    BadUserInput = "BAD_USER_INPUT", None;
    /// Several operations and no `operationName`.
    OperationNameRequired = "OPERATION_NAME_REQUIRED", None;
    /// No operation of that name.
    OperationNotFound = "OPERATION_NOT_FOUND", None;
    /// This transport does not run this kind of operation.
    OperationNotSupported = "OPERATION_NOT_SUPPORTED", None;
    /// The query text is too long.
    QuerySizeLimit = "QUERY_SIZE_LIMIT", None;
    /// Too many tokens.
    TokenLimit = "TOKEN_LIMIT", None;
    /// Too many open braces, brackets or parentheses.
    NestingLimit = "NESTING_LIMIT", None;
    /// Fields nested too deep.
    DepthLimit = "DEPTH_LIMIT", None;
    /// Too many fields.
    FieldLimit = "FIELD_LIMIT", None;
    /// Too many aliases.
    AliasLimit = "ALIAS_LIMIT", None;
    /// Too many fields at the root.
    RootFieldLimit = "ROOT_FIELD_LIMIT", None;
    /// Too many directives at one place.
    DirectiveLimit = "DIRECTIVE_LIMIT", None;
    /// Too many fragments.
    FragmentLimit = "FRAGMENT_LIMIT", None;
    /// A fragment that contains itself.
    FragmentCycle = "FRAGMENT_CYCLE", None;
    /// Introspection is switched off.
    IntrospectionDisabled = "INTROSPECTION_DISABLED", None;
    /// Introspection that goes round in circles.
    IntrospectionDepthLimit = "INTROSPECTION_DEPTH_LIMIT", None;
    /// The schema finds the operation too costly.
    ComplexityLimit = "COMPLEXITY_LIMIT", None;
    /// Too many streams of this person are open.
    StreamLimit = "STREAM_LIMIT", Some(StatusCode::TOO_MANY_REQUESTS);
    /// Too many operations at once on one WebSocket.
    OperationLimit = "OPERATION_LIMIT", None;
}

impl ErrorCode {
    /// The status for this code in an answer of this media type. A refused document is 400 in
    /// `application/graphql-response+json` and 200 in `application/json`, where old clients read any other
    /// status as a broken line (GraphQL over HTTP, section 6.4).
    pub(crate) fn status(self, media: Media) -> StatusCode {
        self.fixed_status().unwrap_or(media.document_error_status())
    }
}

/// A request that is answered without, or in place of, a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) message: Cow<'static, str>,
    pub(crate) location: Option<Pos>,
    pub(crate) retry_after_seconds: Option<u32>,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            location: None,
            retry_after_seconds: None,
        }
    }

    pub(crate) fn at(mut self, location: Pos) -> Self {
        self.location = Some(location);
        self
    }

    pub(crate) fn internal() -> Self {
        Self::new(ErrorCode::Internal, INTERNAL_MESSAGE)
    }

    pub(crate) fn to_error(&self, id: &RequestId) -> ServerError {
        coded(ServerError::new(self.message.clone(), self.location), self.code, id)
    }
}

/// All that is said of a fault on our side.
pub(crate) const INTERNAL_MESSAGE: &str = "something went wrong here; quote the request id if you report it";

/// Puts the code and the request id on an error.
pub(crate) fn coded(mut error: ServerError, code: ErrorCode, id: &RequestId) -> ServerError {
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    extensions.set("code", code.as_str());
    extensions.set("requestId", id.as_str());
    error
}

impl From<NoSeat> for Refusal {
    fn from(why: NoSeat) -> Self {
        let code = match why {
            NoSeat::Person(_) => ErrorCode::StreamLimit,
            NoSeat::Process => ErrorCode::Unavailable,
        };
        Self::new(code, why.to_string())
    }
}

impl From<AuthFailure> for Refusal {
    fn from(failure: AuthFailure) -> Self {
        let (code, retry_after_seconds) = match failure {
            AuthFailure::Unauthenticated => (ErrorCode::Unauthenticated, None),
            AuthFailure::Throttled { retry_after_seconds } => (ErrorCode::Throttled, Some(retry_after_seconds)),
            AuthFailure::Unavailable => (ErrorCode::Unavailable, None),
        };
        Self {
            retry_after_seconds,
            ..Self::new(code, failure.to_string())
        }
    }
}
