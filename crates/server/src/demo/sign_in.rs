//! The people of the demonstration sign in: printed single-use links, a page that makes more of them, and a password for
//! those who must prove again who they are (signing, break-glass).
//!
//! Only the demonstration has these: its people are synthetic and its server listens on this machine.

use std::{fmt::Write, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chrono::TimeDelta;
use liaison_channels::sinks::SmtpSink;
use liaison_service::{
    Service,
    sign_in::{Secret, SetPasswordByLink},
};

use super::{mailbox, people::Who, world::World};

/// How long a printed link is good, by the story's clock.
const PRINTED: TimeDelta = TimeDelta::hours(12);
/// How long a link of the page is good: the browser follows it at once.
const AT_ONCE: TimeDelta = TimeDelta::minutes(1);
/// For whom links are printed: one person of each story, and the auditor.
pub(crate) const PRINTED_FOR: [(&str, Who); 6] = [
    ("physician", Who::Physician),
    ("coordinator", Who::Coordinator),
    ("oncologist", Who::Oncologist),
    ("palliative", Who::PalliativeClinician),
    ("admin", Who::Admin),
    ("auditor", Who::Auditor),
];
/// Who must be able to prove again who they are.
const WITH_PASSWORD: [Who; 2] = [Who::Physician, Who::Admin];
/// The password of those; it opens nothing but this demonstration.
pub(crate) const PASSWORD: &str = "synthetic people only";
/// How long the mail with an invitation is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A sign-in link for each person.
pub(crate) async fn links(service: &Service) -> anyhow::Result<Vec<(&'static str, Who, String)>> {
    let mut links = Vec::new();
    for (part, who) in PRINTED_FOR {
        let issued = service.issue_sign_in_link(who.email(), PRINTED).await?;
        links.push((part, who, issued.url.expose().to_owned()));
    }
    Ok(links)
}

/// Gives the people of [`WITH_PASSWORD`] theirs, by the way that every person goes: an invitation by mail.
pub(crate) async fn passwords(service: &Service, world: &World, sink: &SmtpSink) -> anyhow::Result<()> {
    for who in WITH_PASSWORD {
        let user = world.actor(who)?.user_id.context("a person has an id")?;
        service.invite_person(world.actor(Who::Admin)?, user).await?;
        let token = invitation(sink, who.email()).await?;
        let input = SetPasswordByLink {
            token: Secret::new(token),
            password: Secret::new(PASSWORD),
            peer: None,
            request_id: None,
            user_agent: None,
        };
        service.set_password_by_link(input).await?;
    }
    Ok(())
}

/// The token of the newest invitation to an address.
async fn invitation(sink: &SmtpSink, email: &str) -> anyhow::Result<String> {
    let found = async {
        loop {
            let mails = sink.mails();
            let mine = mails.iter().rev().filter(|mail| mail.to == email);
            let token = mine
                .filter_map(|mail| mail.text.split_once("/welcome/"))
                .find_map(|(_, rest)| rest.split_whitespace().next());
            if let Some(token) = token {
                return token.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found)
        .await
        .with_context(|| format!("no invitation came for {email}"))
}

/// The page `/demo/people`.
pub(crate) fn router(service: Service) -> Router {
    Router::new()
        .route("/demo/people", get(people))
        .route("/demo/people/{part}", post(enter))
        .with_state(Arc::new(service))
}

async fn people() -> Response {
    let mut rows = String::new();
    for (part, who) in PRINTED_FOR {
        // Writing to a string cannot fail.
        let _ = write!(
            rows,
            "<tr><td>{}</td><td>{part}</td><td><form method=\"post\" action=\"/demo/people/{part}\">\
             <button>Sign in</button></form></td></tr>",
            who.name()
        );
    }
    let body = format!(
        "<h1>People</h1><p>All of them are synthetic. Where a page asks again who you are: <code>{PASSWORD}</code></p>\
         <table><thead><tr><th scope=\"col\">Name</th><th scope=\"col\">Part</th><th scope=\"col\">Go</th></tr></thead>\
         <tbody>{rows}</tbody></table>"
    );
    mailbox::page(StatusCode::OK, "People", &body)
}

async fn enter(State(service): State<Arc<Service>>, Path(part): Path<String>) -> Response {
    let Some((_, who)) = PRINTED_FOR.into_iter().find(|(known, _)| *known == part) else {
        return mailbox::page(StatusCode::NOT_FOUND, "Nobody", "<h1>No such person</h1>");
    };
    match service.issue_sign_in_link(who.email(), AT_ONCE).await {
        // The path alone: whoever came by another name of this machine goes on by that name.
        Ok(issued) => {
            let path = url::Url::parse(issued.url.expose()).map(|url| url.path().to_owned());
            Redirect::to(path.as_deref().unwrap_or("/sign-in")).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "no sign-in link");
            mailbox::page(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Not now",
                "<h1>That did not work</h1>",
            )
        }
    }
}
