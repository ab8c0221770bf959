//! Passkeys (WebAuthn level 2): the server's question goes to the page's script, whose answer comes back in a form.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use liaison_domain::PasskeyId;
use liaison_service::sign_in::{FinishPasskey, FinishPasskeySignIn, PasskeyCeremony, PasskeyFinished};
use serde_json::{Value, json};

use super::{
    own::{answered, codes_page, fresh},
    refusal,
    sign_in::enter,
};
use crate::{
    Result, Web,
    form::{EnteringPost, Fields, OpenPost, Post},
    session::{Name, cookie},
    shell,
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/sign-in/passkey/begin", post(begin_sign_in))
        .route("/sign-in/passkey", post(finish_sign_in))
        .route("/sign-in/again/passkey/begin", post(begin_again))
        .route("/account/passkeys/begin", post(begin))
        .route("/account/passkeys", post(finish))
        .route("/account/passkeys/{id}/remove", post(remove))
}

/// The question for the script, or in words why there is none.
fn question(begun: liaison_service::Result<PasskeyCeremony>) -> Result<Response> {
    match begun {
        Ok(begun) => Ok(Json(json!({"ceremony": begun.ceremony, "options": begun.options})).into_response()),
        Err(error) => {
            let problem = refusal(&error).ok_or(error)?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"problem": problem}))).into_response())
        }
    }
}

fn credential(fields: &Fields) -> Option<Value> {
    serde_json::from_str(fields.text("credential")).ok()
}

/// A passkey's answer in a form that may bring a password instead.
pub(super) fn finished(fields: &Fields) -> Option<PasskeyFinished> {
    Some(PasskeyFinished {
        ceremony: fields.some("ceremony")?,
        credential: credential(fields)?,
    })
}

async fn begin_sign_in(State(web): State<Web>, headers: HeaderMap, form: OpenPost) -> Result<Response> {
    let challenge = form
        .fields
        .has("second")
        .then(|| cookie(&headers, Name::Challenge.of(&web)))
        .flatten();
    let (peer, request) = (form.origin.peer.as_deref(), form.origin.request_id.as_deref());
    question(
        web.service()
            .begin_passkey_sign_in(challenge.as_deref(), peer, request)
            .await,
    )
}

async fn finish_sign_in(State(web): State<Web>, form: OpenPost) -> Result<Response> {
    let OpenPost { origin, fields } = form;
    let input = FinishPasskeySignIn {
        ceremony: fields.text("ceremony").to_owned(),
        credential: credential(&fields).unwrap_or(Value::Null),
        peer: origin.peer,
        request_id: origin.request_id,
        user_agent: origin.user_agent,
    };
    match web.service().finish_passkey_sign_in(input).await {
        Ok(opened) => Ok(enter(&web, &opened, fields.text("next"))),
        Err(error) => match refusal(&error) {
            Some(_) => shell::go("/sign-in"),
            None => Err(error.into()),
        },
    }
}

async fn begin_again(State(web): State<Web>, form: Post) -> Result<Response> {
    question(web.service().begin_passkey_reauthentication(&form.signed.actor).await)
}

async fn begin(State(web): State<Web>, form: EnteringPost) -> Result<Response> {
    if fresh(&web, &form.signed, "/account/second-factor").is_err() {
        let again = "/sign-in/again?next=%2Faccount%2Fsecond-factor";
        return Ok((StatusCode::FORBIDDEN, Json(json!({"go": again}))).into_response());
    }
    question(web.service().begin_passkey(&form.signed.actor).await)
}

async fn finish(State(web): State<Web>, form: EnteringPost) -> Result<Response> {
    let EnteringPost { signed, fields } = form;
    let input = FinishPasskey {
        ceremony: fields.text("ceremony").to_owned(),
        name: fields.text("name").to_owned(),
        credential: credential(&fields).unwrap_or(Value::Null),
    };
    match web.service().finish_passkey(&signed.actor, input).await {
        Ok(added) => match added.recovery_codes {
            Some(codes) => codes_page(&web, &signed, codes.codes),
            None => shell::go("/account?done=added"),
        },
        Err(error) => Err(error.into()),
    }
}

async fn remove(State(web): State<Web>, Path(id): Path<String>, form: Post) -> Result<Response> {
    let id: PasskeyId = id.parse()?;
    fresh(&web, &form.signed, "/account")?;
    let removed = web.service().remove_passkey(&form.signed.actor, id).await;
    answered(&web, &form.signed, removed, "removed").await
}
