//! Setting a password by a link (`/welcome`, `/reset`), asking for such a link, and setting up anew after an admin took a
//! lost second factor away (`/set-up`).

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use liaison_service::{
    ServiceError,
    sign_in::{AccountLinkPurpose, BeginPasswordReset, Secret, SetPasswordByLink, SetUpByLink},
};

use super::{
    refusal,
    sign_in::{LinkPage, LinkTemplate, enter, purpose, step},
};
use crate::{
    Result, Web,
    form::OpenPost,
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/reset", get(ask).post(send))
        .route("/reset/{token}", get(ask_new).post(set_new))
        .route("/welcome/{token}", get(ask_first).post(set_first))
        .route("/set-up/{token}", get(ask_set_up).post(set_up))
}

#[derive(Template)]
#[template(path = "account/reset.html")]
struct ResetPage {
    shell: Shell,
    sent: bool,
    problem: String,
}

impl ResetPage {
    fn new(web: &Web, sent: bool, problem: String) -> Self {
        Self {
            shell: Shell::open(web, "Forgotten password"),
            sent,
            problem,
        }
    }
}

async fn ask(State(web): State<Web>) -> Result<Response> {
    shell::page(&ResetPage::new(&web, false, String::new()))
}

async fn send(State(web): State<Web>, form: OpenPost) -> Result<Response> {
    let input = BeginPasswordReset {
        email: form.fields.text("email").to_owned(),
        peer: form.origin.peer,
        request_id: form.origin.request_id,
    };
    match web.service().begin_password_reset(input).await {
        Ok(()) => shell::page(&ResetPage::new(&web, true, String::new())),
        Err(error) => {
            let problem = refusal(&error).ok_or(error)?;
            shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &ResetPage::new(&web, false, problem))
        }
    }
}

async fn ask_first(State(web): State<Web>, Path(token): Path<String>) -> Result<Response> {
    page(&web, &token, true, String::new()).await
}

async fn ask_new(State(web): State<Web>, Path(token): Path<String>) -> Result<Response> {
    page(&web, &token, false, String::new()).await
}

async fn page(web: &Web, token: &str, welcome: bool, problem: String) -> Result<Response> {
    let wanted = if welcome {
        AccountLinkPurpose::Welcome
    } else {
        AccountLinkPurpose::Reset
    };
    let good = purpose(web, token).await? == Some(wanted);
    let action = format!("/{}/{token}", if welcome { "welcome" } else { "reset" });
    let status = match (good, problem.is_empty()) {
        (true, true) => StatusCode::OK,
        (true, false) => StatusCode::UNPROCESSABLE_ENTITY,
        (false, _) => StatusCode::NOT_FOUND,
    };
    let page = LinkTemplate::new(web, good.then_some(LinkPage::Password { welcome }), action, problem);
    shell::page_with(status, &page)
}

async fn set_first(State(web): State<Web>, Path(token): Path<String>, form: OpenPost) -> Result<Response> {
    set(&web, token, form, true).await
}

async fn set_new(State(web): State<Web>, Path(token): Path<String>, form: OpenPost) -> Result<Response> {
    set(&web, token, form, false).await
}

async fn set(web: &Web, token: String, form: OpenPost, welcome: bool) -> Result<Response> {
    let OpenPost { origin, fields } = form;
    let password = fields.raw("password").unwrap_or_default();
    if Some(password) != fields.raw("again") {
        return page(
            web,
            &token,
            welcome,
            "The two do not match. Type the same twice.".to_owned(),
        )
        .await;
    }
    let input = SetPasswordByLink {
        token: Secret::new(token.clone()),
        peer: origin.peer,
        request_id: origin.request_id,
        user_agent: origin.user_agent,
        password: Secret::new(password),
    };
    match web.service().set_password_by_link(input).await {
        Ok(next) => step(web, next, "/".to_owned()),
        Err(ServiceError::NotFound(_)) => page(web, &token, welcome, String::new()).await,
        Err(error) => {
            let problem = refusal(&error).ok_or(error)?;
            page(web, &token, welcome, problem).await
        }
    }
}

async fn ask_set_up(State(web): State<Web>, Path(token): Path<String>) -> Result<Response> {
    set_up_page(&web, &token, String::new()).await
}

async fn set_up_page(web: &Web, token: &str, problem: String) -> Result<Response> {
    let good = purpose(web, token).await? == Some(AccountLinkPurpose::SetUp);
    let status = match (good, problem.is_empty()) {
        (true, true) => StatusCode::OK,
        (true, false) => StatusCode::UNPROCESSABLE_ENTITY,
        (false, _) => StatusCode::NOT_FOUND,
    };
    let page = LinkTemplate::new(
        web,
        good.then_some(LinkPage::SetUp),
        format!("/set-up/{token}"),
        problem,
    );
    shell::page_with(status, &page)
}

async fn set_up(State(web): State<Web>, Path(token): Path<String>, form: OpenPost) -> Result<Response> {
    let OpenPost { origin, fields } = form;
    let input = SetUpByLink {
        token: Secret::new(token.clone()),
        password: Secret::new(fields.raw("password").unwrap_or_default()),
        peer: origin.peer,
        request_id: origin.request_id,
        user_agent: origin.user_agent,
    };
    match web.service().set_up_by_link(input).await {
        Ok(opened) => Ok(enter(&web, &opened, "/")),
        Err(ServiceError::NotFound(_)) => set_up_page(&web, &token, String::new()).await,
        Err(error) => {
            let problem = refusal(&error).ok_or(error)?;
            set_up_page(&web, &token, problem).await
        }
    }
}
