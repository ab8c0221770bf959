//! `/audit/reviews`: who examined which period of the audit, and what they found; and `/audit/filters`: searches kept
//! under a name.

use askama::Template;
use axum::{
    Router,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use liaison_domain::SavedFilterId;
use liaison_service::{
    FieldProblem, ServiceError,
    audit::{AuditOrder, AuditReview, SaveAuditFilter, SavedFilter, SignOffAuditReview},
};

use super::{Names, audit_query::AuditQuery, given_key, problems};
use crate::{
    Result, Web,
    form::{Fields, Post, Problems},
    session::Signed,
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/audit/reviews", get(list).post(sign_off))
        .route("/audit/filters", get(filters).post(save))
        .route("/audit/filters/{id}/delete", post(delete))
}

struct Review {
    review: AuditReview,
    by: String,
    /// The search that shows what was looked at.
    href: String,
}

impl Review {
    fn findings(&self) -> &str {
        self.review.findings.reveal().as_str()
    }
}

#[derive(Template)]
#[template(path = "admin/reviews.html")]
struct ReviewsTemplate {
    shell: Shell,
    problems: Problems,
    typed: Fields,
    reviews: Vec<Review>,
    older: Option<String>,
    key: String,
}

async fn list(State(web): State<Web>, signed: Signed, RawQuery(query): RawQuery) -> Result<Response> {
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    page(&web, &signed, fields, Vec::new()).await
}

async fn page(web: &Web, signed: &Signed, fields: Fields, wrong: Vec<FieldProblem>) -> Result<Response> {
    let after = fields.some("after");
    let found = web
        .service()
        .audit_reviews(&signed.actor, Some(30), after.as_deref())
        .await?;
    let people: Vec<_> = found.entries.iter().map(|review| review.signed_by).collect();
    let names = Names::load(web, signed, people, [], []).await?;
    let older = found.entries.last().filter(|_| found.has_more);
    let older = older.map(|last| format!("/audit/reviews?after={}", last.cursor));
    let status = if wrong.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let reviews = found.entries.into_iter().map(|review| Review {
        by: names.person(review.signed_by),
        href: AuditQuery::of(&review.scope, AuditOrder::default(), signed.zone).address(None),
        review,
    });
    let template = ReviewsTemplate {
        reviews: reviews.collect(),
        shell: Shell::new(web, signed, "Reviews of the audit"),
        problems: Problems::new(wrong),
        key: given_key(&fields).unwrap_or_else(|| web.fresh_key()),
        typed: fields,
        older,
    };
    shell::page_with(status, &template)
}

async fn sign_off(State(web): State<Web>, post: Post) -> Result<Response> {
    let (signed, fields) = (&post.signed, &post.fields);
    let (scope, mut wrong) = AuditQuery::read(fields).filter(signed.zone);
    for problem in &mut wrong {
        problem.path = problem.path.replace("filter.", "");
    }
    for name in ["from", "until"] {
        if fields.text(name).is_empty() {
            wrong.push(FieldProblem::required(name));
        }
    }
    let done = match (scope.from, scope.until) {
        (Some(from), Some(until)) if wrong.is_empty() => {
            let input = SignOffAuditReview {
                from,
                until,
                scope,
                findings: fields.text("findings").to_owned(),
                idempotency_key: given_key(fields),
            };
            web.service()
                .sign_off_audit_review(&signed.actor, input)
                .await
                .map(|_| ())
        }
        _ => Err(ServiceError::Invalid(wrong)),
    };
    match done {
        Ok(()) => shell::go("/audit/reviews?done=reviewed"),
        Err(refused @ (ServiceError::Invalid(_) | ServiceError::Conflict { .. })) => {
            let mut wrong = problems(refused)?;
            for problem in &mut wrong {
                problem.path = problem.path.replace("scope.", "");
            }
            page(&web, signed, post.fields.clone(), wrong).await
        }
        Err(other) => Err(other.into()),
    }
}

#[derive(Template)]
#[template(path = "admin/filters.html")]
struct FiltersTemplate {
    shell: Shell,
    problems: Problems,
    query: AuditQuery,
    chips: Vec<super::audit_query::Chip>,
    name: String,
    filters: Vec<(SavedFilter, String)>,
}

async fn filters(State(web): State<Web>, signed: Signed, RawQuery(query): RawQuery) -> Result<Response> {
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    filters_page(&web, &signed, &fields, Vec::new()).await
}

async fn filters_page(web: &Web, signed: &Signed, fields: &Fields, wrong: Vec<FieldProblem>) -> Result<Response> {
    let kept = web.service().saved_audit_filters(&signed.actor).await?;
    let query = AuditQuery::read(fields);
    let names = Names::load(web, signed, query.get("who").parse().ok(), [], []).await?;
    let chips = query.chips(|name, value| match name {
        "who" => Some(names.person(value.parse().ok()?)),
        _ => None,
    });
    let status = if wrong.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let template = FiltersTemplate {
        shell: Shell::new(web, signed, "Kept searches"),
        problems: Problems::new(wrong),
        name: fields.text("name").to_owned(),
        chips,
        query,
        filters: kept
            .into_iter()
            .map(|kept| {
                let href = AuditQuery::of(&kept.filter, kept.order, signed.zone).address(None);
                (kept, href)
            })
            .collect(),
    };
    shell::page_with(status, &template)
}

async fn save(State(web): State<Web>, post: Post) -> Result<Response> {
    let query = AuditQuery::read(&post.fields);
    let (filter, wrong) = query.filter(post.signed.zone);
    let done = match wrong.is_empty() {
        true => {
            let input = SaveAuditFilter {
                name: post.fields.text("name").to_owned(),
                filter,
                order: query.order,
            };
            web.service().save_audit_filter(&post.signed.actor, input).await
        }
        false => Err(ServiceError::Invalid(wrong)),
    };
    match done {
        Ok(_) => shell::go("/audit/filters?done=saved"),
        Err(refused @ (ServiceError::Invalid(_) | ServiceError::Conflict { .. })) => {
            let wrong = problems(refused)?;
            filters_page(&web, &post.signed, &post.fields, wrong).await
        }
        Err(other) => Err(other.into()),
    }
}

async fn delete(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: SavedFilterId = id.parse()?;
    web.service().delete_audit_filter(&post.signed.actor, id).await?;
    shell::go("/audit/filters?done=removed")
}
