//! The messages of graphql-transport-ws, and the codes with which a connection is closed.

use async_graphql::ServerError;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes};
use serde::Serialize;
use serde_json::{Map, Value};

use super::answer::Answer;

/// Longest id of an operation, in bytes.
const MAX_ID_BYTES: usize = 64;

/// A message from the client.
#[derive(Debug, PartialEq)]
pub(crate) enum FromClient {
    ConnectionInit { payload: Map<String, Value> },
    Subscribe { id: String, payload: Map<String, Value> },
    Complete { id: String },
    Ping,
    Pong,
}

impl FromClient {
    /// Reads a message; `None` if it is not one of the protocol.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Ok(Value::Object(mut message)) = serde_json::from_str(text) else {
            return None;
        };
        let kind = message.remove("type")?;
        let id = match message.remove("id") {
            Some(Value::String(id)) if (1..=MAX_ID_BYTES).contains(&id.len()) => Some(id),
            _ => None,
        };
        let payload = match message.remove("payload") {
            Some(Value::Object(payload)) => Some(payload),
            None | Some(Value::Null) => None,
            Some(_) => return None,
        };
        match kind.as_str()? {
            "connection_init" => Some(Self::ConnectionInit {
                payload: payload.unwrap_or_default(),
            }),
            "subscribe" => Some(Self::Subscribe {
                id: id?,
                payload: payload?,
            }),
            "complete" => Some(Self::Complete { id: id? }),
            "ping" => Some(Self::Ping),
            "pong" => Some(Self::Pong),
            _ => None,
        }
    }
}

/// A message to the client.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ToClient<'a> {
    ConnectionAck,
    Pong,
    Next { id: &'a str, payload: &'a Answer },
    Error { id: &'a str, payload: &'a [ServerError] },
    Complete { id: &'a str },
}

impl ToClient<'_> {
    pub(crate) fn to_message(&self) -> Result<Message, Close> {
        serde_json::to_string(self)
            .map(|text| Message::Text(text.into()))
            .map_err(|_| Close::INTERNAL)
    }
}

/// How a connection ends. Codes from 4400 on are the protocol's own; the reasons are fixed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Close {
    code: u16,
    reason: &'static str,
}

impl Close {
    pub(crate) const GOING_AWAY: Self = Self::new(1001, "the server is restarting; connect again");
    pub(crate) const TOO_BIG: Self = Self::new(1009, "the message is too big");
    pub(crate) const SILENT: Self = Self::new(1001, "no sign of life");
    pub(crate) const BAD_MESSAGE: Self = Self::new(4400, "Invalid message");
    pub(crate) const UNAUTHORIZED: Self = Self::new(4401, "Unauthorized");
    pub(crate) const FORBIDDEN: Self = Self::new(4403, "Forbidden");
    pub(crate) const INIT_TIMEOUT: Self = Self::new(4408, "Connection initialisation timeout");
    pub(crate) const DUPLICATE_ID: Self = Self::new(4409, "Subscriber already exists");
    pub(crate) const TOO_MANY_INITS: Self = Self::new(4429, "Too many initialisation requests");
    pub(crate) const TOO_MANY_STREAMS: Self = Self::new(4429, "Too many streams of yours are open");
    pub(crate) const TOO_MANY_MESSAGES: Self = Self::new(4429, "Too many messages");
    pub(crate) const INTERNAL: Self = Self::new(4500, "Internal server error");
    pub(crate) const UNAVAILABLE: Self = Self::new(1013, "try again later");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }

    pub(crate) fn to_message(self) -> Message {
        Message::Close(Some(CloseFrame {
            code: self.code,
            reason: Utf8Bytes::from_static(self.reason),
        }))
    }
}
