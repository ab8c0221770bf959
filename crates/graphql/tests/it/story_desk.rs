//! The real schema over the real use cases, asked over HTTP with bearer tokens.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use liaison_domain::{Actor, UserId};
use liaison_graphql::http::{Authenticate as _, GraphQlConfig, RequestIds, router};
use liaison_graphql::{BearerAuthenticator, LiaisonSchema, schema};
use liaison_service::Service;
use liaison_service::directory::CreateToken;
use liaison_testkit::{App, Fixture, Hall};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

/// The app behind its router, with a token for whoever asks.
pub(crate) struct Desk {
    pub(crate) app: App,
    pub(crate) fixture: Fixture,
    pub(crate) schema: LiaisonSchema,
    router: Router,
    tokens: tokio::sync::Mutex<HashMap<UserId, String>>,
}

pub(crate) fn open(service: &Service) -> (LiaisonSchema, Router) {
    let config = GraphQlConfig::new(RequestIds::new(|| "request-of-the-test".to_owned()));
    let schema = schema(service.clone(), &config.settings);
    let authenticate = Arc::new(BearerAuthenticator::new(service.clone()));
    (schema.clone(), router(schema, config, authenticate))
}

impl Desk {
    pub(crate) async fn new(app: App) -> Self {
        let fixture = app.fixture().await;
        Self::over(app, fixture)
    }

    /// In the hall, with the tokens of its visitors.
    pub(crate) async fn in_hall(app: App, hall: &Hall) -> Self {
        let desk = Self::over(app, hall.fixture.clone());
        let tokens = hall.visitors.iter().filter_map(|visitor| {
            let user = visitor.actor.user_id?;
            Some((user, visitor.token.clone()))
        });
        desk.tokens.lock().await.extend(tokens);
        desk
    }

    fn over(app: App, fixture: Fixture) -> Self {
        let (schema, router) = open(&app.service);
        Self {
            app,
            fixture,
            schema,
            router,
            tokens: tokio::sync::Mutex::default(),
        }
    }

    /// Serves the router on a port of its own.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = self.router.clone().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        address
    }

    /// A token that may read and write.
    pub(crate) async fn token(&self, actor: &Actor) -> String {
        let mut tokens = self.tokens.lock().await;
        let user = actor.user_id.unwrap();
        if let Some(token) = tokens.get(&user) {
            return token.clone();
        }
        let token = self.new_token(actor, &["read", "write"]).await;
        tokens.insert(user, token.clone());
        token
    }

    pub(crate) async fn new_token(&self, actor: &Actor, scopes: &[&str]) -> String {
        let input = CreateToken {
            name: "test".to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            // Some tests let weeks pass.
            days: 365,
            idempotency_key: None,
        };
        let created = self.app.service.create_token(actor, input).await.unwrap();
        created.secret.unwrap().expose().to_owned()
    }

    /// Sends bytes with a token, or without.
    pub(crate) async fn send(&self, token: Option<&str>, body: impl Into<Body>) -> (StatusCode, String) {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri("/graphql")
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let response = self
            .router
            .clone()
            .oneshot(request.body(body.into()).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// Asks as somebody; the whole answer.
    pub(crate) async fn ask(&self, actor: &Actor, query: &str, variables: Value) -> Value {
        let token = self.token(actor).await;
        let body = json!({ "query": query, "variables": variables }).to_string();
        let (_, text) = self.send(Some(&token), body).await;
        serde_json::from_str(&text).unwrap()
    }

    /// Asks as somebody for whom it must work; the data.
    pub(crate) async fn data(&self, actor: &Actor, query: &str, variables: Value) -> Value {
        let answer = self.ask(actor, query, variables).await;
        assert!(answer["errors"].is_null(), "{answer:#}");
        answer["data"].clone()
    }

    /// The code of the error with which somebody is answered.
    pub(crate) async fn code(&self, actor: &Actor, query: &str, variables: Value) -> String {
        let answer = self.ask(actor, query, variables).await;
        answer["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap_or("none")
            .to_owned()
    }

    /// A request of somebody, as the handler prepares it, for the schema itself.
    pub(crate) async fn request(&self, actor: &Actor, query: &str) -> async_graphql::Request {
        self.request_if_known(actor, query).await.unwrap()
    }

    /// The same, where their token still opens anything.
    pub(crate) async fn request_if_known(&self, actor: &Actor, query: &str) -> Option<async_graphql::Request> {
        let mut headers = HeaderMap::new();
        let token = format!("Bearer {}", self.token(actor).await);
        headers.insert(header::AUTHORIZATION, token.parse().unwrap());
        let authenticator = BearerAuthenticator::new(self.app.service.clone());
        let session = authenticator.authenticate(&headers, None).await.ok()?;
        let mut request = async_graphql::Request::new(query);
        session.fill(&mut request.data);
        Some(request)
    }
}
