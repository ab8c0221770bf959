//! `GET /live`: a stream that says "look again" when something of the person's organization changed. Ids and content
//! never travel here; the page fetches itself anew and replaces the regions marked `data-live`.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use futures::StreamExt;
use liaison_service::sign_in::Touch;
use tokio::sync::broadcast::error::RecvError;

use crate::{
    Result, Web,
    session::{self, Name, Signed},
};

/// Changes that come close together are told once.
const GATHER: Duration = Duration::from_millis(250);
/// How often a silent stream asks whether the session still holds.
const STILL_VALID: Duration = Duration::from_secs(20);

pub(crate) fn routes() -> Router<Web> {
    Router::new().route("/live", get(live))
}

async fn live(State(web): State<Web>, signed: Signed, headers: HeaderMap) -> Result<Response> {
    let Some(secret) = session::cookie(&headers, Name::Session.of(&web)) else {
        return Ok(axum::http::StatusCode::UNAUTHORIZED.into_response());
    };
    let receiver = web.service().store().events();
    let state = (web, signed, secret, receiver);
    let changes = futures::stream::unfold(state, |(web, signed, secret, mut receiver)| async move {
        loop {
            let heard = tokio::select! {
                () = web.stop().cancelled() => return None,
                heard = receiver.recv() => Some(heard),
                () = tokio::time::sleep(STILL_VALID) => None,
            };
            let ours = match heard {
                Some(Ok(event)) => {
                    Some(event.organization_id) == signed.actor.organization_id
                        || event.to_organization_id == signed.actor.organization_id
                        || event.user_id == signed.actor.user_id
                }
                // Some were missed: look again.
                Some(Err(RecvError::Lagged(_))) => true,
                Some(Err(RecvError::Closed)) => return None,
                None => false,
            };
            let valid = web.service().session(&secret, None, None, Touch::Nothing).await.is_ok();
            if !valid {
                return None;
            }
            if ours {
                tokio::time::sleep(GATHER).await;
                while receiver.try_recv().is_ok() {}
                // Browsers drop an event without data.
                return Some((
                    Event::default().event("changed").data("look again"),
                    (web, signed, secret, receiver),
                ));
            }
        }
    });
    let stream = changes.map(Ok::<_, Infallible>);
    Ok(Sse::new(stream)
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
        .into_response())
}
