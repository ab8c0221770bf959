//! The pages as a person asks them, each answer searched before it is looked at.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use liaison_domain::{Actor, PatientId};
use liaison_testkit::App;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::search::{BORN, CANARY, dark};

/// The pages, and what may not be in their answers.
pub(super) struct Doors {
    router: Router,
    pub(super) asked: usize,
}

pub(super) struct Told {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) body: String,
}

impl Told {
    fn location(&self) -> &str {
        let location = self.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        location.unwrap_or_default()
    }
}

/// Somebody with a session.
pub(super) struct Person {
    cookie: String,
    csrf: String,
}

impl Doors {
    pub(super) fn open(app: &App) -> Self {
        let router = liaison_web::router(app.service.clone(), CancellationToken::new());
        Self { router, asked: 0 }
    }

    async fn send(&mut self, what: &str, request: Request<Body>) -> Told {
        self.asked += 1;
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 64 << 20).await.unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        for (name, value) in &parts.headers {
            dark(&format!("the header {name} of {what}"), value.as_bytes());
        }
        assert!(!parts.status.is_server_error(), "{what}: {body}");
        // A page with a form shows what was typed to who typed it; a page that says no shows nothing.
        if parts.status.is_client_error() && !matches!(parts.status.as_u16(), 409 | 422) {
            dark(&format!("the refusal of {what}"), body.as_bytes());
        }
        if let Some((_, rest)) = body.split_once("<title>") {
            let (title, _) = rest.split_once("</title>").unwrap();
            dark(&format!("the title of {what}"), title.as_bytes());
        }
        Told {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub(super) async fn person(&mut self, app: &App, actor: &Actor) -> Person {
        let mut person = Person {
            cookie: format!("{}={}", liaison_web::COOKIE, app.session(actor).await),
            csrf: String::new(),
        };
        let page = self.get(&person, "/account").await;
        let (_, rest) = page.body.split_once("name=\"csrf\" value=\"").unwrap();
        person.csrf = rest.split('"').next().unwrap().to_owned();
        person
    }

    pub(super) async fn get(&mut self, who: &Person, path: &str) -> Told {
        let request = Request::get(path).header(header::COOKIE, &who.cookie);
        self.send(&format!("GET {path}"), request.body(Body::empty()).unwrap())
            .await
    }

    pub(super) async fn post(&mut self, who: &Person, path: &str, fields: &[(&str, &str)]) -> Told {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields).append_pair("csrf", &who.csrf);
        let request = Request::post(path)
            .header(header::COOKIE, &who.cookie)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(
            &format!("POST {path}"),
            request.body(Body::from(form.finish())).unwrap(),
        )
        .await
    }

    /// Posts what must work; where it leads.
    pub(super) async fn did(&mut self, who: &Person, path: &str, fields: &[(&str, &str)]) -> String {
        let told = self.post(who, path, fields).await;
        assert_eq!(told.status, StatusCode::SEE_OTHER, "{path}: {}", told.body);
        told.location().to_owned()
    }
}

/// Requests that are wrong in each way there is, with canaries in the wrong places.
pub(super) async fn bad_input(doors: &mut Doors, who: &Person, patient: PatientId) {
    let c = CANARY;
    for path in [
        format!("/patients/{c}"),
        format!("/patients/patient_{c}"),
        format!("/inbox/{c}"),
        format!("/notes/{c}/edit"),
        format!("/l/{c}"),
        format!("/reset/{c}"),
        format!("/{c}/{c}"),
        format!("/board?urgency={c}&after={c}"),
        format!("/audit?patientId={c}&after={c}&action={c}"),
        format!("/sign-in?next={c}"),
    ] {
        let told = doors.get(who, &path).await;
        if told.status != StatusCode::OK {
            dark(&format!("the answer to {path}"), told.body.as_bytes());
        }
    }
    for (path, fields) in [
        ("/patients/new".to_owned(), [("name", c), ("birthDate", c)]),
        ("/patients".to_owned(), [("wanted", c), ("after", c)]),
        (
            format!("/patients/{patient}/care-team"),
            [("teamId", c), ("careRole", c)],
        ),
        (
            format!("/patients/{patient}/restrictions"),
            [("scope", c), ("detail", c)],
        ),
        (format!("/patients/{patient}/edit"), [("mrn", c), ("birthDate", BORN)]),
        ("/break-glass".to_owned(), [("patientId", c), ("reason", c)]),
        ("/legal-holds".to_owned(), [("patientId", c), ("reason", c)]),
        ("/legal-holds/find".to_owned(), [("mrn", c), ("x", c)]),
        ("/coverage".to_owned(), [("absentUserId", c), ("from", c)]),
        ("/sign-in".to_owned(), [("email", c), ("password", c)]),
        ("/reset".to_owned(), [("email", c), ("x", c)]),
        (format!("/nowhere/{c}"), [("email", c), ("x", c)]),
    ] {
        doors.post(who, &path, &fields).await;
        let foreign = Person {
            cookie: who.cookie.clone(),
            csrf: c.to_owned(),
        };
        doors.post(&foreign, &path, &fields).await;
    }
}
