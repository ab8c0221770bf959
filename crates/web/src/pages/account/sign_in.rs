//! `/sign-in` and its steps, and the link that an operator made.

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use liaison_service::{
    ServiceError,
    sign_in::{
        AccountLinkPurpose, LinkTaken, MAX_PASSWORD, MIN_PASSWORD, Proof, SecondFactor, Secret, SessionOpened, SignIn,
        SignInStep,
    },
};
use serde::Deserialize;

use super::{next_path, refusal};
use crate::{
    Result, Web, WebError,
    form::{OpenPost, Post},
    session::{Name, Origin, Signed, clear_cookie, cookie, set_cookie},
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/sign-in", get(ask).post(password))
        .route("/sign-in/second-factor", post(second))
        .route("/sign-in/again", get(ask_again).post(again))
        .route("/sign-in/link/{token}", get(ask_link).post(by_link))
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "account/sign_in.html")]
struct SignInPage {
    shell: Shell,
    next: String,
    email: String,
    problem: String,
}

#[derive(Template)]
#[template(path = "account/second_factor.html")]
struct SecondPage {
    shell: Shell,
    next: String,
    problem: String,
    totp: bool,
    passkey: bool,
}

#[derive(Template)]
#[template(path = "account/again.html")]
struct AgainPage {
    shell: Shell,
    next: String,
    email: String,
    problem: String,
    passkey: bool,
}

/// What a link's page offers.
pub(super) enum LinkPage {
    SignIn,
    Password {
        welcome: bool,
    },
    /// A second factor that an admin took away is added anew.
    SetUp,
    /// The same, for somebody who came without the link.
    LookInMail,
}

#[derive(Template)]
#[template(path = "account/link.html")]
pub(super) struct LinkTemplate {
    pub(super) shell: Shell,
    pub(super) purpose: Option<LinkPage>,
    pub(super) action: String,
    pub(super) problem: String,
    pub(super) min: usize,
    pub(super) max: usize,
}

impl LinkTemplate {
    pub(super) fn new(web: &Web, purpose: Option<LinkPage>, action: String, problem: String) -> Self {
        let title = match purpose {
            Some(LinkPage::SignIn) => "Sign in by link",
            Some(LinkPage::Password { .. }) => "Set a password",
            Some(LinkPage::SetUp | LinkPage::LookInMail) => "Set up anew",
            None => "An old link",
        };
        Self {
            shell: Shell::open(web, title),
            purpose,
            action,
            problem,
            min: MIN_PASSWORD,
            max: MAX_PASSWORD,
        }
    }
}

/// The cookie of a new session, and on.
pub(super) fn enter(web: &Web, opened: &SessionOpened, next: &str) -> Response {
    let to = if opened.has_second_factor {
        next_path(next)
    } else {
        "/account/second-factor".to_owned()
    };
    let mut response = Redirect::to(&to).into_response();
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, set_cookie(web, Name::Session, &opened.secret));
    headers.append(header::SET_COOKIE, clear_cookie(web, Name::Challenge));
    response
}

/// What follows a right first factor.
pub(super) fn step(web: &Web, step: SignInStep, next: String) -> Result<Response> {
    match step {
        SignInStep::Enrol(opened) => Ok(enter(web, &opened, &next)),
        SignInStep::SetUpByLink => shell::page(&LinkTemplate::new(
            web,
            Some(LinkPage::LookInMail),
            String::new(),
            String::new(),
        )),
        SignInStep::SecondFactor {
            challenge,
            passkey,
            totp,
        } => {
            let page = SecondPage {
                shell: Shell::open(web, "Second step").with_script("passkey.js"),
                next,
                problem: String::new(),
                totp,
                passkey,
            };
            let mut response = shell::page(&page)?;
            response
                .headers_mut()
                .append(header::SET_COOKIE, set_cookie(web, Name::Challenge, &challenge));
            Ok(response)
        }
    }
}

async fn ask(State(web): State<Web>, Query(Next { next }): Query<Next>) -> Result<Response> {
    shell::page(&SignInPage {
        shell: Shell::open(&web, "Sign in").with_script("passkey.js"),
        next: next_path(&next),
        email: String::new(),
        problem: String::new(),
    })
}

async fn password(State(web): State<Web>, form: OpenPost) -> Result<Response> {
    let OpenPost { origin, fields } = form;
    let next = next_path(fields.text("next"));
    let input = SignIn {
        email: fields.text("email").to_owned(),
        password: Secret::new(fields.raw("password").unwrap_or_default()),
        peer: origin.peer,
        request_id: origin.request_id,
        user_agent: origin.user_agent,
    };
    match web.service().sign_in(input).await {
        Ok(next_step) => step(&web, next_step, next),
        Err(error) => {
            let problem = refusal(&error).ok_or(error)?;
            shell::page_with(
                StatusCode::UNPROCESSABLE_ENTITY,
                &SignInPage {
                    shell: Shell::open(&web, "Sign in").with_script("passkey.js"),
                    next,
                    email: fields.text("email").to_owned(),
                    problem,
                },
            )
        }
    }
}

async fn second(State(web): State<Web>, headers: HeaderMap, form: OpenPost) -> Result<Response> {
    let OpenPost { origin, fields } = form;
    let next = next_path(fields.text("next"));
    let Some(challenge) = cookie(&headers, Name::Challenge.of(&web)) else {
        return shell::go("/sign-in");
    };
    let input = SecondFactor {
        challenge,
        code: Secret::new(fields.text("code")),
        peer: origin.peer,
        request_id: origin.request_id,
        user_agent: origin.user_agent,
    };
    match web.service().sign_in_totp(input).await {
        Ok(opened) => Ok(enter(&web, &opened, &next)),
        Err(error) => {
            let problem = refusal(&error).ok_or(error)?;
            shell::page_with(
                StatusCode::UNPROCESSABLE_ENTITY,
                &SecondPage {
                    shell: Shell::open(&web, "Second step").with_script("passkey.js"),
                    next,
                    problem,
                    totp: true,
                    passkey: false,
                },
            )
        }
    }
}

async fn again_page(web: &Web, signed: &Signed, next: String, problem: String) -> Result<AgainPage> {
    let factors = web.service().own_factors(&signed.actor).await?;
    Ok(AgainPage {
        shell: Shell::new(web, signed, "Is it still you?").with_script("passkey.js"),
        next,
        email: signed.session.email.clone(),
        problem,
        passkey: !factors.passkeys.is_empty(),
    })
}

async fn ask_again(State(web): State<Web>, signed: Signed, Query(Next { next }): Query<Next>) -> Result<Response> {
    shell::page(&again_page(&web, &signed, next_path(&next), String::new()).await?)
}

async fn again(State(web): State<Web>, form: Post) -> Result<Response> {
    let Post { signed, fields } = form;
    let next = next_path(fields.text("next"));
    let proof = match super::passkey::finished(&fields) {
        Some(finished) => Proof::Passkey(finished),
        None => Proof::Password(Secret::new(fields.raw("password").unwrap_or_default())),
    };
    match web.service().reauthenticate(&signed.actor, proof).await {
        Ok(()) => shell::go(&next),
        Err(error) => {
            let problem = refusal(&error).ok_or(error)?;
            let page = again_page(&web, &signed, next, problem).await?;
            shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// What a token is good for; `None` alike for an unknown, used and old one.
pub(super) async fn purpose(web: &Web, token: &str) -> Result<Option<AccountLinkPurpose>> {
    match web.service().link_purpose(token).await {
        Ok(purpose) => Ok(Some(purpose)),
        Err(ServiceError::NotFound(_) | ServiceError::Unauthenticated) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn ask_link(State(web): State<Web>, Path(token): Path<String>) -> Result<Response> {
    let good = purpose(&web, &token).await? == Some(AccountLinkPurpose::SignIn);
    let page = LinkTemplate::new(
        &web,
        good.then_some(LinkPage::SignIn),
        format!("/sign-in/link/{token}"),
        String::new(),
    );
    shell::page(&page)
}

async fn by_link(State(web): State<Web>, Path(token): Path<String>, form: OpenPost) -> Result<Response> {
    let Origin {
        peer,
        request_id,
        user_agent,
    } = form.origin;
    let taken = LinkTaken {
        token: Secret::new(token.clone()),
        peer,
        request_id,
        user_agent,
    };
    match web.service().sign_in_by_link(taken).await {
        Ok(opened) => Ok(enter(&web, &opened, "/")),
        Err(ServiceError::NotFound(_) | ServiceError::Unauthenticated) => {
            let page = LinkTemplate::new(&web, None, String::new(), String::new());
            shell::page_with(StatusCode::NOT_FOUND, &page)
        }
        Err(error) => Err(WebError::from(error)),
    }
}
