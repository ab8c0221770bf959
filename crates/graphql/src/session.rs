//! Who asks: from a bearer token to the actor and the loaders of one operation. The rules of tokens are the service's.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, Data, Result};
use async_trait::async_trait;
use axum::http::{HeaderMap, header};
use futures::future::BoxFuture;
use liaison_domain::Actor;
use liaison_service::{Service, ServiceError};

use crate::fail::refusal;
use crate::http::{AuthFailure, Authenticate, Credential, RequestId, Session};
use crate::load::Loads;

/// Signs requests in by their `Authorization: Bearer` token. A request without that header is let through as nobody:
/// every field of the schema then answers `UNAUTHENTICATED`.
pub struct BearerAuthenticator {
    service: Service,
}

impl BearerAuthenticator {
    /// An authenticator over the service's tokens.
    #[must_use]
    pub fn new(service: Service) -> Self {
        Self { service }
    }
}

#[async_trait]
impl Authenticate for BearerAuthenticator {
    async fn authenticate(
        &self,
        headers: &HeaderMap,
        peer: Option<SocketAddr>,
    ) -> Result<Box<dyn Session>, AuthFailure> {
        let Some(authorization) = headers.get(header::AUTHORIZATION) else {
            return Ok(Box::new(Nobody));
        };
        let token = authorization
            .to_str()
            .ok()
            .and_then(bearer)
            .ok_or(AuthFailure::Unauthenticated)?;
        let peer = peer.map(|peer| peer.ip().to_string());
        let actor = by_token(&self.service, token, peer.as_deref()).await?;
        let (service, token) = (self.service.clone(), token.to_owned());
        let again = move || -> BoxFuture<'static, Option<Actor>> {
            let (service, token, peer) = (service.clone(), token.clone(), peer.clone());
            Box::pin(async move { by_token(&service, &token, peer.as_deref()).await.ok() })
        };
        Ok(Box::new(ActorSession::new(
            self.service.clone(),
            Credential::Bearer,
            actor,
            again,
        )))
    }
}

/// The token of an `Authorization` header; the scheme's case does not matter (RFC 9110, section 11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

async fn by_token(service: &Service, token: &str, peer: Option<&str>) -> Result<Actor, AuthFailure> {
    service
        .authenticate_token(token, peer, None)
        .await
        .map_err(|error| match error {
            ServiceError::Unauthenticated | ServiceError::Forbidden => AuthFailure::Unauthenticated,
            other => {
                tracing::error!(code = other.code(), "a token could not be checked");
                AuthFailure::Unavailable
            }
        })
}

/// Nobody.
struct Nobody;

#[async_trait]
impl Session for Nobody {
    fn credential(&self) -> Credential {
        Credential::Anonymous
    }

    fn person(&self) -> Option<String> {
        None
    }

    fn fill(&self, _: &mut Data) {}

    async fn still_valid(&self) -> bool {
        true
    }
}

/// Looks up again who the bearer of a credential is; `None` when it is good no more.
type Again = dyn Fn() -> BoxFuture<'static, Option<Actor>> + Send + Sync;

/// An actor for the length of a request or a connection, by whatever credential. The pages' sign-in makes one from its
/// cookie.
pub struct ActorSession {
    service: Service,
    credential: Credential,
    actor: Actor,
    again: Box<Again>,
}

impl ActorSession {
    /// A session; `again` looks the actor up anew, and ends the session when roles, teams or rights changed meanwhile:
    /// a stream must not go on with yesterday's.
    pub fn new(
        service: Service,
        credential: Credential,
        actor: Actor,
        again: impl Fn() -> BoxFuture<'static, Option<Actor>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            service,
            credential,
            actor,
            again: Box::new(again),
        }
    }
}

#[async_trait]
impl Session for ActorSession {
    fn credential(&self) -> Credential {
        self.credential
    }

    fn person(&self) -> Option<String> {
        // What acts without a person counts as its organization.
        let organization = self.actor.organization_id.map(|id| id.to_string());
        self.actor.user_id.map(|id| id.to_string()).or(organization)
    }

    fn fill(&self, data: &mut Data) {
        data.insert(Caller {
            service: self.service.clone(),
            actor: self.actor.clone(),
            ready: OnceLock::new(),
        });
    }

    async fn still_valid(&self) -> bool {
        (self.again)().await.is_some_and(|now| same_rights(&now, &self.actor))
    }
}

fn same_rights(now: &Actor, before: &Actor) -> bool {
    let mut teams = (now.teams.clone(), before.teams.clone());
    teams.0.sort_unstable();
    teams.1.sort_unstable();
    let mut roles = (now.roles.clone(), before.roles.clone());
    roles.0.sort_unstable();
    roles.1.sort_unstable();
    now.user_id == before.user_id
        && now.organization_id == before.organization_id
        && now.organization_kind == before.organization_kind
        && now.read_only == before.read_only
        && teams.0 == teams.1
        && roles.0 == roles.1
}

/// The actor as the session knows them, and what one operation makes of it once its request id is known.
struct Caller {
    service: Service,
    actor: Actor,
    ready: OnceLock<Arc<Asking>>,
}

/// What a resolver works with.
pub(crate) struct Asking {
    /// The use cases.
    pub(crate) service: Service,
    /// Who asks, with the request's id.
    pub(crate) actor: Actor,
    /// Loads by sets of ids. Keeps nothing between levels of a query, so that an answer after a mutation, or a late
    /// event of a subscription, is never an old one.
    pub(crate) load: DataLoader<Loads>,
}

/// Who asks.
///
/// # Errors
///
/// `UNAUTHENTICATED` when nobody signed in.
pub(crate) fn asking<'a>(ctx: &Context<'a>) -> Result<&'a Arc<Asking>> {
    let Some(caller) = ctx.data_opt::<Caller>() else {
        return Err(refusal(ctx, &ServiceError::Unauthenticated));
    };
    Ok(caller.ready.get_or_init(|| {
        let mut actor = caller.actor.clone();
        actor.request_id = ctx.data_opt::<RequestId>().map(ToString::to_string);
        let loads = Loads {
            service: caller.service.clone(),
            actor: actor.clone(),
        };
        Arc::new(Asking {
            service: caller.service.clone(),
            actor,
            load: DataLoader::new(loads, tokio::spawn),
        })
    }))
}
