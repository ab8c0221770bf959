//! The pages of those who keep the house in order: audit, disclosures, deliveries, directory, policies, the ledger.
//!
//! One file per page or small group of pages. What an admin and an auditor may do differs; the use cases decide it, and
//! these pages only leave out the buttons that would be refused.

mod audit;
mod audit_query;
mod break_glass;
mod deliveries;
mod directory;
mod disclosures;
mod endpoints;
mod entry;
mod export;
mod ledger;
mod legal_holds;
mod lines;
mod mis_sends;
mod organization;
mod person;
mod policies;
mod reviews;
mod saw;
mod team;
mod timeliness;
mod words;
mod zip;

use std::collections::HashMap;

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use futures::Stream;
use liaison_domain::{OrganizationId, TeamId, UserId, people::Role};

use crate::{Result, Web, WebError, form::Fields, session::Signed};

pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .merge(audit::routes())
        .merge(saw::routes())
        .merge(entry::routes())
        .merge(export::routes())
        .merge(disclosures::routes())
        .merge(mis_sends::routes())
        .merge(deliveries::routes())
        .merge(endpoints::routes())
        .merge(directory::routes())
        .merge(organization::routes())
        .merge(team::routes())
        .merge(person::routes())
        .merge(policies::routes())
        .merge(timeliness::routes())
        .merge(ledger::routes())
        .merge(reviews::routes())
        .merge(break_glass::routes())
        .merge(legal_holds::routes())
}

/// Names for ids, gathered over a page: one call for people, one for organizations, one for teams.
#[derive(Default)]
struct Names {
    people: HashMap<UserId, String>,
    organizations: HashMap<OrganizationId, String>,
    teams: HashMap<TeamId, String>,
}

impl Names {
    async fn load(
        web: &Web,
        signed: &Signed,
        people: impl IntoIterator<Item = UserId>,
        organizations: impl IntoIterator<Item = OrganizationId>,
        teams: impl IntoIterator<Item = TeamId>,
    ) -> Result<Self> {
        let (people, organizations, teams) = (each(people), each(organizations), each(teams));
        let (service, actor) = (web.service(), &signed.actor);
        let mut names = Self::default();
        if !people.is_empty() {
            let found = service.people_by_ids(actor, &people).await?;
            names.people = found.into_iter().map(|found| (found.id, found.display_name)).collect();
        }
        if !organizations.is_empty() {
            let found = service.organizations_by_ids(actor, &organizations).await?;
            names.organizations = found.into_iter().map(|found| (found.id, found.name)).collect();
        }
        if !teams.is_empty() {
            let found = service.teams_by_ids(actor, &teams).await?;
            names.teams = found.into_iter().map(|found| (found.id, found.name)).collect();
        }
        Ok(names)
    }

    fn person(&self, id: UserId) -> String {
        self.people
            .get(&id)
            .cloned()
            .unwrap_or_else(|| short_id(&id.to_string()))
    }

    fn organization(&self, id: OrganizationId) -> String {
        self.organizations
            .get(&id)
            .cloned()
            .unwrap_or_else(|| short_id(&id.to_string()))
    }

    fn team(&self, id: TeamId) -> String {
        self.teams
            .get(&id)
            .cloned()
            .unwrap_or_else(|| short_id(&id.to_string()))
    }
}

fn each<T: Copy + Ord>(ids: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut ids: Vec<T> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// A typed id short enough for a table: `patient …f3k9zq`. Its last characters are the random ones.
fn short_id(id: &str) -> String {
    match id.rsplit_once('_') {
        Some((kind, rest)) if rest.len() == 26 && rest.is_ascii() => format!("{kind} …{}", &rest[rest.len() - 6..]),
        _ => id.to_owned(),
    }
}

/// The key a form brought.
fn given_key(fields: &Fields) -> Option<String> {
    fields.some("key")
}

fn is_admin(signed: &Signed) -> bool {
    signed.actor.has(Role::Admin)
}

/// A file to be kept, its content as it is made.
fn download<S, B, E>(name: &str, media: &'static str, content: S) -> Result<Response>
where
    S: Stream<Item = std::result::Result<B, E>> + Send + 'static,
    B: Into<axum::body::Bytes> + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let mut response = Response::new(Body::from_stream(content));
    file_headers(&mut response, name, media);
    Ok(response)
}

/// A small file to be kept.
fn file(name: &str, media: &'static str, content: impl Into<Body>) -> Response {
    let mut response = Response::new(content.into());
    file_headers(&mut response, name, media);
    response
}

fn file_headers(response: &mut Response, name: &str, media: &'static str) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    // The names are ours: letters, digits, points and dashes.
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    headers.insert(
        header::CONTENT_DISPOSITION,
        disposition.unwrap_or(HeaderValue::from_static("attachment")),
    );
}

/// The problems of a refused input; other refusals are errors.
fn problems(refused: liaison_service::ServiceError) -> Result<Vec<liaison_service::FieldProblem>> {
    match refused {
        liaison_service::ServiceError::Invalid(problems) => Ok(problems),
        liaison_service::ServiceError::Conflict { code, message } => {
            Ok(vec![liaison_service::FieldProblem::new("form", code, message)])
        }
        other => Err(WebError::Service(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::short_id;

    #[test]
    fn ids_are_shortened_to_their_random_end() {
        assert_eq!(short_id("patient_01kb2m7rzafy8v3t6c0w9dxqe4"), "patient …9dxqe4");
        assert_eq!(short_id("clinic"), "clinic");
        assert_eq!(short_id("a_b"), "a_b");
    }
}
