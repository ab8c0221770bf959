//! `GET /live`: a stream that says "look again" when something of the person's organization changed. Ids and content
//! never travel here; the page fetches itself anew and replaces the regions marked `data-live`.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use futures::StreamExt;
use liaison_service::sign_in::Touch;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, MissedTickBehavior, interval_at},
};

use crate::{Result, Web, session::Watching};

/// Changes that come close together are told once.
const GATHER: Duration = Duration::from_millis(250);
/// How often a stream asks whether the session still holds.
const STILL_VALID: Duration = Duration::from_secs(20);

pub(crate) fn routes() -> Router<Web> {
    Router::new().route("/live", get(live))
}

async fn live(State(web): State<Web>, Watching(signed): Watching) -> Result<Response> {
    let person = signed.actor.user_id.map(|user| user.to_string()).unwrap_or_default();
    let seat = web.service().seats().take(&person)?;
    let receiver = web.service().store().events();
    let mut check = interval_at(Instant::now() + STILL_VALID, STILL_VALID);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let state = (web, signed, receiver, check, seat);
    let changes = futures::stream::unfold(state, |(web, signed, mut receiver, mut check, seat)| async move {
        loop {
            let heard = tokio::select! {
                () = web.stop().cancelled() => return None,
                heard = receiver.recv() => Some(heard),
                _ = check.tick() => None,
            };
            let ours = match heard {
                Some(Ok(event)) => {
                    let actor = &signed.actor;
                    let organizations = [Some(event.organization_id), event.to_organization_id];
                    if !organizations.contains(&actor.organization_id) && event.user_id != actor.user_id {
                        // Another organization's: not even the session is looked at.
                        continue;
                    }
                    true
                }
                // Some were missed: look again.
                Some(Err(RecvError::Lagged(_))) => true,
                Some(Err(RecvError::Closed)) => return None,
                None => false,
            };
            let session = web.service().session(&signed.secret, None, None, Touch::Nothing).await;
            if session.is_err() {
                return None;
            }
            if ours {
                tokio::time::sleep(GATHER).await;
                while receiver.try_recv().is_ok() {}
                // Browsers drop an event without data.
                let event = Event::default().event("changed").data("look again");
                return Some((event, (web, signed, receiver, check, seat)));
            }
        }
    });
    let stream = changes.map(Ok::<_, Infallible>);
    let mut response = Sse::new(stream)
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
        .into_response();
    // The stream's own `no-cache` would still let it be stored.
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
