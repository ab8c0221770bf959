//! `/account`: how one signs in, and where one is signed in.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use liaison_domain::SessionId;
use liaison_service::sign_in::{ChangePassword, OwnFactors, OwnSession, Secret};

use super::refusal;
use crate::{
    Result, Web,
    form::{EnteringPost, Post},
    session::{Entering, Signed},
    shell::{self, Shell},
    step_up,
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/account", get(account))
        .route("/account/second-factor", get(enrol))
        .route("/account/totp", post(begin_totp))
        .route("/account/totp/confirm", post(confirm_totp))
        .route("/account/totp/remove", post(remove_totp))
        .route("/account/codes", post(new_codes))
        .route("/account/password", post(change_password))
        .route("/account/sessions/{id}/end", post(end_session))
}

#[derive(Template)]
#[template(path = "account/account.html")]
struct AccountPage {
    shell: Shell,
    email: String,
    factors: OwnFactors,
    sessions: Vec<OwnSession>,
    problem: String,
    min: usize,
}

/// A key to be scanned.
struct TotpView {
    key: String,
    qr: String,
}

#[derive(Template)]
#[template(path = "account/enrol.html")]
struct EnrolPage {
    shell: Shell,
    required: bool,
    totp: Option<TotpView>,
    problem: String,
}

#[derive(Template)]
#[template(path = "account/codes.html")]
struct CodesPage {
    shell: Shell,
    codes: Vec<String>,
}

async fn page(web: &Web, signed: &Signed, problem: String) -> Result<AccountPage> {
    Ok(AccountPage {
        shell: Shell::new(web, signed, "Account").with_script("passkey.js"),
        email: signed.session.email.clone(),
        factors: web.service().own_factors(&signed.actor).await?,
        sessions: web.service().own_sessions(&signed.actor).await?,
        problem,
        min: liaison_service::sign_in::MIN_PASSWORD,
    })
}

async fn account(State(web): State<Web>, signed: Signed) -> Result<Response> {
    shell::page(&page(&web, &signed, String::new()).await?)
}

fn enrol_page(web: &Web, signed: &Signed, totp: Option<TotpView>, problem: String) -> EnrolPage {
    EnrolPage {
        shell: Shell::new(web, signed, "Add a second factor").with_script("passkey.js"),
        required: !signed.session.has_second_factor,
        totp,
        problem,
    }
}

async fn enrol(State(web): State<Web>, Entering(signed): Entering) -> Result<Response> {
    shell::page(&enrol_page(&web, &signed, None, String::new()))
}

/// The key in the form that apps scan. The code's own colours are fixed: dark on light in every scheme.
fn qr(uri: &str) -> String {
    let Ok(code) = qrcode::QrCode::new(uri) else {
        return String::new();
    };
    let svg = code
        .render::<qrcode::render::svg::Color<'_>>()
        .min_dimensions(192, 192)
        .build();
    // Inside a page the declaration of XML has no place.
    svg.find("<svg").map_or(String::new(), |at| svg[at..].to_owned())
}

/// As [`step_up::or_again`], except while the first second factor is still to be added.
pub(super) fn fresh(web: &Web, signed: &Signed, next: &str) -> Result<()> {
    if signed.session.has_second_factor {
        step_up::or_again(web, signed, next)
    } else {
        Ok(())
    }
}

async fn begin_totp(State(web): State<Web>, form: EnteringPost) -> Result<Response> {
    fresh(&web, &form.signed, "/account/second-factor")?;
    let begun = web.service().begin_totp(&form.signed.actor).await?;
    let totp = TotpView {
        qr: qr(&begun.uri),
        key: begun.secret_base32,
    };
    shell::page(&enrol_page(&web, &form.signed, Some(totp), String::new()))
}

async fn confirm_totp(State(web): State<Web>, form: EnteringPost) -> Result<Response> {
    let code = Secret::new(form.fields.text("code"));
    match web.service().confirm_totp(&form.signed.actor, &code).await {
        Ok(codes) => codes_page(&web, &form.signed, codes.codes),
        Err(error) => {
            let problem = refusal(&error).ok_or(error)?;
            let page = enrol_page(&web, &form.signed, None, problem);
            shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

pub(super) fn codes_page(web: &Web, signed: &Signed, codes: Vec<String>) -> Result<Response> {
    shell::page(&CodesPage {
        shell: Shell::new(web, signed, "Recovery codes"),
        codes,
    })
}

async fn remove_totp(State(web): State<Web>, form: Post) -> Result<Response> {
    fresh(&web, &form.signed, "/account")?;
    let removed = web.service().remove_totp(&form.signed.actor).await;
    answered(&web, &form.signed, removed, "removed").await
}

async fn new_codes(State(web): State<Web>, form: Post) -> Result<Response> {
    fresh(&web, &form.signed, "/account")?;
    let codes = web.service().new_recovery_codes(&form.signed.actor).await?;
    codes_page(&web, &form.signed, codes.codes)
}

async fn change_password(State(web): State<Web>, form: Post) -> Result<Response> {
    let Post { signed, fields } = form;
    if fields.raw("new") != fields.raw("again") {
        let problem = "The two new passwords do not match. Type the same twice.".to_owned();
        let page = page(&web, &signed, problem).await?;
        return shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let input = ChangePassword {
        old: Secret::new(fields.raw("old").unwrap_or_default()),
        new: Secret::new(fields.raw("new").unwrap_or_default()),
    };
    let changed = web.service().change_password(&signed.actor, input).await;
    answered(&web, &signed, changed, "password").await
}

async fn end_session(State(web): State<Web>, Path(id): Path<String>, form: Post) -> Result<Response> {
    let id: SessionId = id.parse()?;
    let ended = web.service().revoke_session(&form.signed.actor, id).await;
    answered(&web, &form.signed, ended, "revoked").await
}

/// Back to the account: with what was done, or with why it was not.
pub(super) async fn answered(
    web: &Web,
    signed: &Signed,
    done: liaison_service::Result<()>,
    code: &str,
) -> Result<Response> {
    match done {
        Ok(()) => shell::go(&format!("/account?done={code}")),
        Err(error) => {
            let problem = refusal(&error).ok_or(error)?;
            let page = page(web, signed, problem).await?;
            shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}
