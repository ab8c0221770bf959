//! The seam to sign-in: who sends this request, and is the credential still good? The rules themselves
//! (sessions, tokens, throttling) live behind the trait, not here.

use std::net::SocketAddr;

use async_graphql::Data;
use async_trait::async_trait;
use axum::http::HeaderMap;

/// Turns the headers of a request into a [`Session`].
#[async_trait]
pub trait Authenticate: Send + Sync + 'static {
    /// Looks at `Authorization` and `Cookie` and says who is there.
    ///
    /// For a WebSocket, `headers` are those of the handshake without `Cookie`, and with the `authorization` of
    /// the `connection_init` payload. `peer` is the address of the TCP connection, if the server knows it;
    /// whether a forwarding header is to be believed is for the implementation to decide. May return a session
    /// with [`Credential::Anonymous`] where the schema has something for people who have not signed in.
    ///
    /// # Errors
    ///
    /// [`AuthFailure`]: why there is no session. Wrong, expired and revoked credentials must be one and the
    /// same variant, so that the answer tells nobody which it was.
    async fn authenticate(
        &self,
        headers: &HeaderMap,
        peer: Option<SocketAddr>,
    ) -> Result<Box<dyn Session>, AuthFailure>;
}

/// Someone who was authenticated, for the length of one request or one connection.
#[async_trait]
pub trait Session: Send + Sync + 'static {
    /// By what the request was authenticated; decides whether the cross-site check applies.
    fn credential(&self) -> Credential;

    /// Who it is, in a form that is the same for all of their sessions and tokens: their open streams are counted by
    /// it. `None` for nobody, who may hold no stream open.
    fn person(&self) -> Option<String>;

    /// Puts what resolvers need into the data of one operation: the actor, fresh loaders. Called once for each
    /// operation, so many times on a WebSocket.
    fn fill(&self, data: &mut Data);

    /// Whether the credential still holds. Asked before every event of a subscription and at every heartbeat;
    /// at the first `false` the stream is closed.
    async fn still_valid(&self) -> bool;
}

/// By what a request was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// An `Authorization: Bearer` header, which no browser adds by itself.
    Bearer,
    /// A session cookie, which a browser adds to any request: the preflight header is asked for.
    Cookie,
    /// Nothing.
    Anonymous,
}

/// Why there is no session. Each has one fixed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthFailure {
    /// No credential, or one that is wrong, expired or revoked: sign in again. Answers 401.
    #[error("sign in, or send a valid token in the Authorization header")]
    Unauthenticated,
    /// Too many attempts: wait. Answers 429 with `Retry-After`.
    #[error("too many attempts; wait before the next one")]
    Throttled {
        /// Seconds until another attempt makes sense.
        retry_after_seconds: u32,
    },
    /// The credential could not be looked up: try again later. Answers 503.
    #[error("sign-in is not available at the moment; try again")]
    Unavailable,
}
