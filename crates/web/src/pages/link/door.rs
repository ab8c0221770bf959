//! The door: who sent something to whom, where the code can go, and the code with the person's name.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use liaison_service::{
    FieldProblem, ServiceError,
    link::{EnterLinkCode, LinkAddress, LinkNotice, SendLinkCode},
};

use crate::{
    Result, Web, WebError,
    form::{Fields, OpenPost, Problems},
    session::{Name, Signed, clear_cookie, cookie, set_cookie},
    shell::{self, Shell},
};

#[derive(Template)]
#[template(path = "link/door.html")]
struct DoorPage {
    shell: Shell,
    token: String,
    /// `None`: unknown, ended, revoked or expired, all alike.
    door: Option<(LinkNotice, Vec<LinkAddress>)>,
    signed_in: bool,
    problem: String,
}

#[derive(Template)]
#[template(path = "link/code.html")]
struct CodePage {
    shell: Shell,
    /// Where the code went; empty after a wrong one.
    masked: String,
    token: String,
    fields: Fields,
    problems: Problems,
    problem: String,
}

async fn page(web: &Web, token: String, signed_in: bool, problem: String) -> Result<Response> {
    let found = match web.service().link_notice(&token).await {
        Ok(notice) => Some((notice, web.service().link_addresses(&token).await?)),
        Err(ServiceError::NotFound(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let status = match (&found, problem.is_empty()) {
        (None, _) => StatusCode::NOT_FOUND,
        (Some(_), true) => StatusCode::OK,
        (Some(_), false) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let page = DoorPage {
        shell: Shell::open(web, "A message for you"),
        token,
        door: found,
        signed_in,
        problem,
    };
    shell::page_with(status, &page)
}

pub(super) async fn show(
    State(web): State<Web>,
    Path(token): Path<String>,
    signed: std::result::Result<Signed, WebError>,
) -> Result<Response> {
    page(&web, token, signed.is_ok(), String::new()).await
}

/// For somebody with an account: to the letter in their inbox.
pub(super) async fn to_inbox(State(web): State<Web>, Path(token): Path<String>, _: Signed) -> Result<Response> {
    let id = web.service().link_target(&token).await?;
    shell::go(&format!("/inbox/{id}"))
}

/// Sends the code.
pub(super) async fn send(State(web): State<Web>, Path(token): Path<String>, form: OpenPost) -> Result<Response> {
    let OpenPost { origin, fields } = form;
    let Ok(address) = fields.parse::<usize>("address") else {
        return page(&web, token, false, "Choose where the code goes.".to_owned()).await;
    };
    let input = SendLinkCode {
        token: token.clone(),
        address,
        peer: origin.peer,
        request_id: origin.request_id,
    };
    match web.service().send_link_code(input).await {
        Ok(sent) => {
            let page = CodePage {
                shell: Shell::open(&web, "Your code"),
                masked: sent.masked,
                token,
                fields: Fields::default(),
                problems: Problems::default(),
                problem: String::new(),
            };
            let mut response = shell::page(&page)?;
            response
                .headers_mut()
                .append(header::SET_COOKIE, set_cookie(&web, Name::Challenge, &sent.challenge));
            Ok(response)
        }
        Err(error @ (ServiceError::Throttled { .. } | ServiceError::Conflict { .. } | ServiceError::Invalid(_))) => {
            page(&web, token, false, crate::error::capital(&error.to_string())).await
        }
        Err(ServiceError::NotFound(_)) => page(&web, token, false, String::new()).await,
        Err(error) => Err(error.into()),
    }
}

/// The code and the person's name: the session that reaches this one letter, which is opened by it.
pub(super) async fn enter(State(web): State<Web>, headers: HeaderMap, form: OpenPost) -> Result<Response> {
    let OpenPost { origin, fields } = form;
    let (peer, request_id) = (origin.peer.clone(), origin.request_id.clone());
    let input = EnterLinkCode {
        challenge: cookie(&headers, Name::Challenge.of(&web)).unwrap_or_default(),
        code: fields.text("code").to_owned(),
        name: fields.text("name").to_owned(),
        profession: fields.text("profession").to_owned(),
        work_email: fields.some("work_email"),
        phone: fields.some("phone"),
        peer: origin.peer,
        request_id: origin.request_id,
    };
    let (problems, problem): (Vec<FieldProblem>, String) = match web.service().enter_link_code(input).await {
        Ok(opened) => {
            // The form said "show me the message": the letter is opened by it.
            let secret = opened.secret.expose();
            let session = web
                .service()
                .link_session(secret, peer.as_deref(), request_id.as_deref(), true)
                .await?;
            match web.service().open_share(&session.actor, session.recipient_id).await {
                // Taken back or replaced at this very moment: the letter's page says so.
                Ok(_) | Err(ServiceError::Illegal(_)) => {}
                Err(error) => return Err(error.into()),
            }
            let mut response = Redirect::to("/link").into_response();
            let answer = response.headers_mut();
            answer.append(header::SET_COOKIE, set_cookie(&web, Name::Link, secret));
            answer.append(header::SET_COOKIE, clear_cookie(&web, Name::Challenge));
            return Ok(response);
        }
        Err(ServiceError::Invalid(problems)) => (problems, String::new()),
        Err(ServiceError::Unauthenticated | ServiceError::NotFound(_)) => (
            Vec::new(),
            "That code does not match, or it is too old or used. Look again, or ask for a new one.".to_owned(),
        ),
        Err(error @ (ServiceError::Throttled { .. } | ServiceError::Conflict { .. })) => {
            (Vec::new(), crate::error::capital(&error.to_string()))
        }
        Err(error) => return Err(error.into()),
    };
    let page = CodePage {
        shell: Shell::open(&web, "Your code"),
        masked: String::new(),
        token: fields.text("token").to_owned(),
        problems: Problems::new(problems),
        problem,
        fields,
    };
    shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}
