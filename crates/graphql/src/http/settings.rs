//! Sizes, times and switches of the GraphQL handler, with their defaults and their bounds.

use std::time::Duration;

use serde::Deserialize;

/// Settings of the handler. Every value has a default; [`GraphQlSettings::validate`] checks the bounds.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct GraphQlSettings {
    /// Serve the GraphiQL page at `GET /graphql`. Off by default: the page loads its scripts from unpkg.com.
    pub graphiql: bool,
    /// Answer `__schema` and `__type`, and name types and fields in validation messages. Off by default.
    pub introspection: bool,
    /// Largest request body, in bytes. Default 262,144 (256 kB).
    pub max_body_bytes: usize,
    /// Time for the body to arrive, in milliseconds. Default 10,000.
    pub body_timeout_ms: u64,
    /// Time for one query or mutation, and for one authentication, in milliseconds. Default 5,000.
    pub deadline_ms: u64,
    /// Bounds on the document.
    pub limits: DocumentLimits,
    /// Bounds on subscriptions.
    pub subscriptions: SubscriptionSettings,
}

impl Default for GraphQlSettings {
    fn default() -> Self {
        Self {
            graphiql: false,
            introspection: false,
            max_body_bytes: 256 * 1024,
            body_timeout_ms: 10_000,
            deadline_ms: 5_000,
            limits: DocumentLimits::default(),
            subscriptions: SubscriptionSettings::default(),
        }
    }
}

/// Bounds on a GraphQL document. Fragments count as often as they are spread, and a document with several
/// operations is measured as a whole, because validation walks all of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct DocumentLimits {
    /// Length of the query text in bytes. Default 20,000.
    pub max_query_bytes: usize,
    /// Names, values and punctuators in the text. Default 5,000.
    pub max_tokens: usize,
    /// Open braces, brackets and parentheses at one place, 4 to 64. Default 40. The parser recurses on them and
    /// would exhaust its stack, so this is counted before it runs.
    pub max_nesting: usize,
    /// Levels of fields; `{ a { b } }` has two. Default 15, as note content is deep.
    pub max_depth: usize,
    /// Fields selected in all. Default 2,000.
    pub max_fields: usize,
    /// Fields under an alias. Default 20.
    pub max_aliases: usize,
    /// Fields at the root of an operation. Default 10.
    pub max_root_fields: usize,
    /// Directives at one place. Default 5.
    pub max_directives: usize,
    /// Fragment definitions. Default 100.
    pub max_fragments: usize,
}

impl Default for DocumentLimits {
    fn default() -> Self {
        Self {
            max_query_bytes: 20_000,
            max_tokens: 5_000,
            max_nesting: 40,
            max_depth: 15,
            max_fields: 2_000,
            max_aliases: 20,
            max_root_fields: 10,
            max_directives: 5,
            max_fragments: 100,
        }
    }
}

/// Bounds on subscriptions over WebSocket and server-sent events.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct SubscriptionSettings {
    /// Time from the handshake to `connection_init`, in milliseconds. Default 10,000.
    pub init_timeout_ms: u64,
    /// Time between signs of life, in milliseconds. Default 15,000. At each, the credential is checked again; a
    /// WebSocket that stays silent through two of them is closed.
    pub heartbeat_ms: u64,
    /// Operations running at once on one WebSocket. Default 20.
    pub max_operations: usize,
    /// Largest WebSocket message from a client, in bytes. Default 65,536 (64 kB).
    pub max_message_bytes: usize,
    /// Messages that one WebSocket may send between two heartbeats, pings among them. Default 600.
    pub max_messages: usize,
    /// Time a client has to take one message or event, in milliseconds. Default 10,000; then it counts as gone.
    pub send_timeout_ms: u64,
    /// WebSockets that have not signed in yet. Default 200; one more lets the one go that waits longest.
    pub max_waiting: usize,
}

impl Default for SubscriptionSettings {
    fn default() -> Self {
        Self {
            init_timeout_ms: 10_000,
            heartbeat_ms: 15_000,
            max_operations: 20,
            max_message_bytes: 64 * 1024,
            max_messages: 600,
            send_timeout_ms: 10_000,
            max_waiting: 200,
        }
    }
}

/// A setting outside its bounds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("graphql.{name} is {value}: choose a value from {min} to {max}")]
pub struct SettingsError {
    /// Name of the setting below `graphql`.
    pub name: &'static str,
    /// The value that was given.
    pub value: u64,
    /// Smallest value allowed.
    pub min: u64,
    /// Largest value allowed.
    pub max: u64,
}

impl GraphQlSettings {
    /// Checks that every number lies within its bounds.
    ///
    /// # Errors
    ///
    /// Names the first setting that does not, and what it may be.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let (limits, subscriptions) = (&self.limits, &self.subscriptions);
        let size = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let bounds = [
            ("max_body_bytes", size(self.max_body_bytes), 1_024, 16 * 1024 * 1024),
            ("body_timeout_ms", self.body_timeout_ms, 100, 120_000),
            ("deadline_ms", self.deadline_ms, 10, 120_000),
            ("limits.max_query_bytes", size(limits.max_query_bytes), 100, 1_000_000),
            ("limits.max_tokens", size(limits.max_tokens), 10, 100_000),
            ("limits.max_nesting", size(limits.max_nesting), 4, 64),
            ("limits.max_depth", size(limits.max_depth), 1, 32),
            ("limits.max_fields", size(limits.max_fields), 1, 100_000),
            ("limits.max_aliases", size(limits.max_aliases), 0, 1_000),
            ("limits.max_root_fields", size(limits.max_root_fields), 1, 1_000),
            ("limits.max_directives", size(limits.max_directives), 0, 100),
            ("limits.max_fragments", size(limits.max_fragments), 0, 500),
            (
                "subscriptions.init_timeout_ms",
                subscriptions.init_timeout_ms,
                100,
                60_000,
            ),
            ("subscriptions.heartbeat_ms", subscriptions.heartbeat_ms, 100, 120_000),
            (
                "subscriptions.max_operations",
                size(subscriptions.max_operations),
                1,
                1_000,
            ),
            (
                "subscriptions.max_message_bytes",
                size(subscriptions.max_message_bytes),
                1_024,
                1_048_576,
            ),
            (
                "subscriptions.max_messages",
                size(subscriptions.max_messages),
                10,
                1_000_000,
            ),
            (
                "subscriptions.send_timeout_ms",
                subscriptions.send_timeout_ms,
                100,
                120_000,
            ),
            ("subscriptions.max_waiting", size(subscriptions.max_waiting), 1, 100_000),
        ];
        for (name, value, min, max) in bounds {
            if !(min..=max).contains(&value) {
                return Err(SettingsError { name, value, min, max });
            }
        }
        Ok(())
    }

    pub(crate) fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    pub(crate) fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }
}

impl SubscriptionSettings {
    pub(crate) fn init_timeout(&self) -> Duration {
        Duration::from_millis(self.init_timeout_ms)
    }

    pub(crate) fn send_timeout(&self) -> Duration {
        Duration::from_millis(self.send_timeout_ms)
    }

    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms)
    }
}
