//! `/directory`: the organizations, and adding a partner whose directory the clinic keeps.

use askama::Template;
use axum::{
    Router,
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use liaison_domain::OrganizationKind;
use liaison_service::{
    ServiceError,
    directory::{CreateOrganization, ListOrganizations, Organization},
};

use super::{given_key, is_admin, organization::manages, problems, words};
use crate::{
    Result, Web,
    form::{Fields, Post, Problems},
    session::Signed,
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/directory", get(list).post(add))
}

const PAGE: u32 = 40;

#[derive(Template)]
#[template(path = "admin/directory.html")]
struct DirectoryTemplate {
    shell: Shell,
    problems: Problems,
    kind: String,
    organizations: Vec<(Organization, &'static str, bool, bool)>,
    older: Option<String>,
    can_add: bool,
    typed: Fields,
    key: String,
}

/// A page of organizations, and the address of the next.
pub(super) async fn organizations(
    web: &Web,
    signed: &Signed,
    fields: &Fields,
    path: &str,
) -> Result<(Vec<Organization>, Option<String>)> {
    let after = fields.some("after_name").zip(fields.text("after").parse().ok());
    let kind: Option<OrganizationKind> = fields.text("kind").parse().ok();
    let input = ListOrganizations {
        kind,
        after,
        first: PAGE,
    };
    let found = web.service().organizations(&signed.actor, input).await?;
    let more = found.items.last().filter(|_| found.has_next).map(|last| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(kind) = kind {
            query.append_pair("kind", kind.as_str());
        }
        query.append_pair("after_name", &last.name);
        query.append_pair("after", &last.id.to_string());
        format!("{path}?{}", query.finish())
    });
    Ok((found.items, more))
}

async fn list(State(web): State<Web>, signed: Signed, RawQuery(query): RawQuery) -> Result<Response> {
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    page(&web, &signed, &fields, Fields::default(), Problems::default()).await
}

async fn page(web: &Web, signed: &Signed, query: &Fields, typed: Fields, problems: Problems) -> Result<Response> {
    let (found, older) = organizations(web, signed, query, "/directory").await?;
    let status = if problems.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let organizations = found.into_iter().map(|one| {
        let (kind, own, kept) = (
            words::kind(one.kind),
            signed.actor.acts_for(one.id),
            manages(signed, &one),
        );
        (one, kind, own, kept)
    });
    let template = DirectoryTemplate {
        shell: Shell::new(web, signed, "Directory"),
        kind: query.text("kind").to_owned(),
        organizations: organizations.collect(),
        older,
        can_add: is_admin(signed) && signed.actor.is_clinic(),
        key: typed.some("key").unwrap_or_else(|| web.fresh_key()),
        typed,
        problems,
    };
    shell::page_with(status, &template)
}

impl DirectoryTemplate {
    fn kinds(&self) -> Vec<(&'static str, &'static str)> {
        let kinds = OrganizationKind::ALL.iter();
        kinds.map(|kind| (kind.as_str(), words::kind(*kind))).collect()
    }
}

async fn add(State(web): State<Web>, post: Post) -> Result<Response> {
    let fields = &post.fields;
    let mut wrong = Vec::new();
    let kind = crate::form::note(&mut wrong, fields.parse::<OrganizationKind>("kind"));
    if let Some(kind) = kind {
        let input = CreateOrganization {
            name: fields.text("name").to_owned(),
            kind,
            time_zone: fields.text("timeZone").to_owned(),
            phone: fields.some("phone"),
            managed_by: None,
            idempotency_key: given_key(fields),
        };
        match web.service().create_organization(&post.signed.actor, input).await {
            Ok(id) => return shell::go(&format!("/directory/organizations/{id}?done=added")),
            Err(refused @ (ServiceError::Invalid(_) | ServiceError::Conflict { .. })) => wrong = problems(refused)?,
            Err(other) => return Err(other.into()),
        }
    }
    page(
        &web,
        &post.signed,
        &Fields::default(),
        fields.clone(),
        Problems::new(wrong),
    )
    .await
}
