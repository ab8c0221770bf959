//! A browser without a screen: signs a person in, gets pages, sends forms with the session's token.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use liaison_domain::Actor;
use liaison_testkit::App;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// What came back.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: String,
}

impl Answer {
    /// Where a redirect leads; empty where it is none.
    pub(crate) fn location(&self) -> &str {
        self.headers
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Fails unless the body holds the text.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> &Self {
        assert!(self.body.contains(text), "no {text:?} in {}", self.body);
        self
    }

    /// Fails if the body holds the text.
    #[track_caller]
    pub(crate) fn hides(&self, text: &str) -> &Self {
        assert!(!self.body.contains(text), "{text:?} stands in {}", self.body);
        self
    }

    /// Fails unless the status is this.
    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{} {}", self.location(), self.body);
        self
    }

    /// The value of the first hidden or text field of a name.
    pub(crate) fn value(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\"");
        let tag = self
            .body
            .split('<')
            .find(|tag| tag.contains(&mark) && tag.contains("value=\""))
            .unwrap_or_else(|| panic!("no field {name} in {}", self.body));
        let value = tag.split("value=\"").nth(1).unwrap().split('"').next().unwrap();
        value.replace("&#38;", "&").replace("&#34;", "\"")
    }
}

/// A person in front of the pages.
pub(crate) struct Browser {
    router: Router,
    /// The `Cookie` header.
    pub(crate) cookies: String,
    /// The session's form token; empty where nobody is signed in.
    pub(crate) csrf: String,
}

impl Browser {
    /// Nobody is signed in.
    pub(crate) fn open(app: &App) -> Self {
        Self {
            router: liaison_web::router(app.service.clone(), CancellationToken::new()),
            cookies: String::new(),
            csrf: String::new(),
        }
    }

    /// Signed in as the actor's person, for the actor's organization.
    pub(crate) async fn signed_in(app: &App, actor: &Actor) -> Self {
        let mut browser = Self::open(app);
        let secret = app.session(actor).await;
        browser.cookies = format!("{}={secret}", liaison_web::COOKIE);
        let account = browser.get("/account").await;
        account.is(200);
        browser.csrf = account.value("csrf");
        browser
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 10 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// Gets a page.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header(header::COOKIE, &self.cookies);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Sends a form, with the session's token.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut fields = fields.to_vec();
        fields.push(("csrf", &self.csrf));
        self.post_bare(path, &fields).await
    }

    /// Sends exactly these fields, as a form of our own pages would.
    pub(crate) async fn post_bare(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url_encode(fields);
        let request = Request::post(path)
            .header(header::COOKIE, &self.cookies)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Sends any request.
    pub(crate) async fn raw(&self, request: Request<Body>) -> Answer {
        self.send(request).await
    }
}

/// `application/x-www-form-urlencoded`.
pub(crate) fn url_encode(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect()
    };
    fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}
