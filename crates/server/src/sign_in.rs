//! Who sends a GraphQL request: a bearer token where there is one, else the session cookie of the pages.

use std::net::SocketAddr;

use async_trait::async_trait;
use axum::http::{HeaderMap, header};
use liaison_domain::Actor;
use liaison_graphql::{
    ActorSession, BearerAuthenticator,
    http::{AuthFailure, Authenticate, Credential, Session},
};
use liaison_service::{
    Service, ServiceError,
    sign_in::{SignedIn, Touch},
};

/// Bearer tokens and session cookies.
pub(crate) struct Authenticator {
    service: Service,
    bearer: BearerAuthenticator,
    https: bool,
}

impl Authenticator {
    pub(crate) fn new(service: Service) -> Self {
        Self {
            bearer: BearerAuthenticator::new(service.clone()),
            https: service.settings().base_url.scheme() == "https",
            service,
        }
    }
}

/// The actor of a session with both factors proven.
async fn actor(service: &Service, secret: &str, peer: Option<&str>, touch: Touch) -> Result<Actor, AuthFailure> {
    match service.session(secret, peer, None, touch).await {
        Ok(SignedIn {
            actor,
            has_second_factor: true,
            ..
        }) => Ok(actor),
        Ok(_) | Err(ServiceError::Unauthenticated) => Err(AuthFailure::Unauthenticated),
        Err(error) => {
            tracing::error!(code = error.code(), "a session could not be checked");
            Err(AuthFailure::Unavailable)
        }
    }
}

#[async_trait]
impl Authenticate for Authenticator {
    async fn authenticate(
        &self,
        headers: &HeaderMap,
        peer: Option<SocketAddr>,
    ) -> Result<Box<dyn Session>, AuthFailure> {
        let cookie = liaison_web::session_secret(headers, self.https);
        let secret = match cookie {
            Some(secret) if !headers.contains_key(header::AUTHORIZATION) => secret,
            _ => return self.bearer.authenticate(headers, peer).await,
        };
        let peer = peer.map(|peer| peer.ip().to_string());
        let now = actor(&self.service, &secret, peer.as_deref(), Touch::Activity).await?;
        let service = self.service.clone();
        // A stream that is only watched does not keep its session alive.
        let again = move || {
            let (service, secret, peer) = (service.clone(), secret.clone(), peer.clone());
            let found = async move { actor(&service, &secret, peer.as_deref(), Touch::Nothing).await.ok() };
            Box::pin(found) as futures::future::BoxFuture<'static, Option<Actor>>
        };
        Ok(Box::new(ActorSession::new(
            self.service.clone(),
            Credential::Cookie,
            now,
            again,
        )))
    }
}

#[cfg(test)]
mod tests {
    use liaison_service::sign_in::{OpenSession, SignInMethod};
    use liaison_testkit::{App, BASE_URL, both_engines, fixture};

    use super::*;

    async fn ask(app: &App, cookie: Option<&str>) -> Result<Credential, AuthFailure> {
        let mut headers = HeaderMap::new();
        if let Some(secret) = cookie {
            let pair = format!("{}={secret}", liaison_web::COOKIE);
            headers.insert(header::COOKIE, pair.parse().unwrap());
        }
        let authenticator = Authenticator::new(app.service.clone());
        let session = authenticator.authenticate(&headers, None).await?;
        assert!(session.still_valid().await);
        Ok(session.credential())
    }

    both_engines! {
        async fn the_session_of_the_pages_serves_graphql_too(app: App) {
            assert!(BASE_URL.starts_with("https"));
            let world = app.fixture().await;
            let secret = app.session(&world.physician).await;
            assert_eq!(ask(&app, Some(&secret)).await, Ok(Credential::Cookie));
            assert_eq!(ask(&app, None).await, Ok(Credential::Anonymous));
            assert_eq!(ask(&app, Some("nonsense")).await, Err(AuthFailure::Unauthenticated));
            // A password alone opens nothing here either.
            let half = OpenSession {
                user_id: fixture::user(&world.oncologist),
                organization_id: None,
                method: SignInMethod::Password,
                peer: None,
                request_id: None,
                user_agent: None,
            };
            let half = app.service.open_session(half).await.unwrap().secret;
            assert_eq!(ask(&app, Some(&half)).await, Err(AuthFailure::Unauthenticated));
            let signed_in = app.service.session(&secret, None, None, Touch::Nothing).await.unwrap();
            app.service.sign_out(&signed_in.actor).await.unwrap();
            assert_eq!(ask(&app, Some(&secret)).await, Err(AuthFailure::Unauthenticated));
        }
    }
}
