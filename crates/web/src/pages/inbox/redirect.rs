//! Passing a letter on: to a team or a colleague of the own organization, or to a team of another one. For people with an
//! account at `/inbox/…/redirect`, for guests of a secure link at `/link/redirect`.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use liaison_domain::{Actor, RecipientId};
use liaison_service::{
    FieldProblem, ServiceError,
    directory::{AddresseeId, FindAddressees},
    loops::redirect::RedirectShare,
};

use super::{answer::summary, words};
use crate::{
    Result, Web, WebError,
    form::{Fields, Post, Problems},
    pages::finder::{Finder, Match, is_search, read_key},
    session::Signed,
    shell::{self, Shell},
};

#[derive(Template)]
#[template(path = "inbox/redirect.html")]
struct RedirectPage {
    shell: Shell,
    /// The letter's address; the form goes to `redirect` below it.
    base: String,
    key: String,
    /// Whom it is about, and what it is.
    about: String,
    /// The own organization's and the others', in the order of the page.
    targets: Vec<Match>,
    finder: Finder,
    typed: Fields,
    wrong: Vec<(String, String, String)>,
    conflict: String,
}

/// Who passes a letter on, and from which page.
pub(crate) struct Passing<'a> {
    pub(crate) web: &'a Web,
    pub(crate) actor: &'a Actor,
    /// The letter's address.
    pub(crate) base: String,
    pub(crate) id: RecipientId,
}

impl Passing<'_> {
    /// The form, with what was typed.
    pub(crate) async fn form(&self, shell: Shell, typed: Fields) -> Result<Response> {
        shell::page(&self.page(shell, typed, &Problems::default(), String::new()).await?)
    }

    /// Searches, or passes on: `None` when it is done, else the page that comes back.
    pub(crate) async fn send(&self, shell: Shell, fields: Fields) -> Result<Option<Response>> {
        if is_search(&fields) {
            return self.form(shell, fields).await.map(Some);
        }
        let sent = match self.input(&fields) {
            Ok(input) => self.web.service().redirect_share(self.actor, input).await,
            Err(problem) => Err(ServiceError::Invalid(vec![problem])),
        };
        let page = match sent {
            Ok(_) => return Ok(None),
            Err(ServiceError::Invalid(problems)) => {
                let page = self
                    .page(shell, fields, &Problems::new(problems), String::new())
                    .await?;
                shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
            }
            Err(
                error @ (ServiceError::Illegal(_) | ServiceError::Conflict { .. } | ServiceError::IdempotencyKeyReused),
            ) => {
                let words = crate::error::capital(&error.to_string());
                let page = self.page(shell, fields, &Problems::default(), words).await?;
                shell::page_with(StatusCode::CONFLICT, &page)
            }
            Err(other) => return Err(WebError::from(other)),
        };
        page.map(Some)
    }

    fn input(&self, fields: &Fields) -> std::result::Result<RedirectShare, FieldProblem> {
        let (to_team_id, to_user_id) = match read_key(fields.text("to")) {
            Some(AddresseeId::Team(team)) => (Some(team), None),
            Some(AddresseeId::User(user)) => (None, Some(user)),
            _ => return Err(FieldProblem::new("toTeamId", "REQUIRED", "choose to whom it goes")),
        };
        Ok(RedirectShare {
            recipient_id: self.id,
            to_team_id,
            to_user_id,
            // A colleague of one's own organization.
            to_organization_id: self.actor.organization_id.filter(|_| to_user_id.is_some()),
            reason: fields.text("reason").to_owned(),
            idempotency_key: fields.some("key"),
        })
    }

    async fn page(&self, shell: Shell, typed: Fields, problems: &Problems, conflict: String) -> Result<RedirectPage> {
        let service = self.web.service();
        let letter = service.letter(self.actor, self.id).await?;
        let patient = letter.patient.as_ref().map(|patient| patient.reveal().name.clone());
        let kind = words::kind(letter.kind);
        let (mut targets, mut finder) = self.targets(&typed).await?;
        targets.append(&mut finder.matches);
        let row = &letter.of.recipient;
        let own = [
            row.to_team_id.map(|team| format!("team:{team}")),
            row.to_user_id.map(|user| format!("user:{user}")),
        ];
        targets.retain(|target| !own.contains(&Some(target.key.clone())));
        Ok(RedirectPage {
            shell,
            base: self.base.clone(),
            key: self.web.fresh_key(),
            about: patient.map_or_else(|| kind.to_owned(), |patient| format!("{kind}, {patient}")),
            targets,
            finder,
            wrong: summary(problems),
            typed,
            conflict,
        })
    }

    /// Colleagues, and teams anywhere, whose name or organization holds every word of the search: the own organization's
    /// first, the others in pages.
    async fn targets(&self, typed: &Fields) -> Result<(Vec<Match>, Finder)> {
        let (web, actor) = (self.web, self.actor);
        let Some(own) = actor.organization_id else {
            return Ok((Vec::new(), Finder::default()));
        };
        let others = FindAddressees {
            teams: true,
            but: Some(own),
            ..FindAddressees::default()
        };
        let others = Finder::of_form(web, actor, typed, others).await?;
        let ours = FindAddressees {
            teams: true,
            people: true,
            within: Some(own),
            ..FindAddressees::default()
        };
        let mut ours = Finder::load(web, actor, typed.text("find"), None, ours).await?;
        let me = actor.user_id.or(actor.guest.and_then(|guest| guest.user_id));
        let me = me.map(|user| format!("user:{user}"));
        ours.matches.retain(|one| Some(&one.key) != me.as_ref());
        if !others.matches.iter().any(|one| one.key == typed.text("to")) {
            ours.keep(web, actor, typed.text("to")).await?;
        }
        Ok((ours.matches, others))
    }
}

fn passing<'a>(web: &'a Web, signed: &'a Signed, id: RecipientId) -> Passing<'a> {
    Passing {
        web,
        actor: &signed.actor,
        base: format!("/inbox/{id}"),
        id,
    }
}

pub(super) async fn form(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    let shell = Shell::new(&web, &signed, "Pass on");
    passing(&web, &signed, id.parse()?).form(shell, Fields::default()).await
}

pub(super) async fn send(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: RecipientId = id.parse()?;
    let shell = Shell::new(&web, &post.signed, "Pass on");
    match passing(&web, &post.signed, id).send(shell, post.fields).await? {
        Some(again) => Ok(again),
        None => shell::go(&format!("/inbox/{id}?done=redirected")),
    }
}
