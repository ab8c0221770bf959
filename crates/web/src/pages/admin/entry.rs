//! `/audit/entries/{id}`: one entry of the ledger in full, its log index, and its receipt to keep.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use liaison_domain::EntryId;
use liaison_service::{ServiceError, audit::AuditEntry};

use super::{Names, file, lines, short_id, words};
use crate::{
    Result, Web,
    session::Signed,
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/audit/entries/{id}", get(entry))
        .route("/audit/entries/{id}/receipt", get(receipt))
        .route("/audit/entries/{id}/proof", get(proof))
}

/// An id with the page it leads to.
struct Link {
    name: &'static str,
    id: String,
    href: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/entry.html")]
struct EntryTemplate {
    shell: Shell,
    entry: AuditEntry,
    action: String,
    outcome: &'static str,
    badge: &'static str,
    who: String,
    who_href: Option<String>,
    acting_for: Option<String>,
    records_of: Option<String>,
    purpose: String,
    links: Vec<Link>,
    details: Vec<(String, String)>,
    /// The checkpoint that proves it; `None` while it waits for one.
    proven: Option<u64>,
}

async fn entry(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    let id: EntryId = id.parse()?;
    let entry = web.service().audit_entry(&signed.actor, id).await?;
    let proven = match web.service().entry_receipt(&signed.actor, id).await {
        Ok(receipt) => Some(receipt.tree_size),
        Err(ServiceError::Conflict { .. }) => None,
        Err(other) => return Err(other.into()),
    };
    let object = entry.object_id.as_deref().and_then(|id| id.parse().ok());
    let organizations = [entry.organization_id, entry.actor_organization_id];
    let people = entry.user_id.into_iter().chain(object);
    let names = Names::load(&web, &signed, people, organizations.into_iter().flatten(), []).await?;
    let filtered = |name: &str, id: &str| Some(format!("/audit?{name}={id}"));
    let mut links = Vec::new();
    if let Some(id) = entry.patient_id {
        let href = Some(format!("/audit/patients/{id}"));
        links.push(Link {
            name: "Patient",
            id: id.to_string(),
            href,
        });
    }
    for (name, query, id) in [
        ("Note", "note", entry.note_id.map(|id| id.to_string())),
        ("Share", "share", entry.share_id.map(|id| id.to_string())),
        ("Recipient", "loop", entry.recipient_id.map(|id| id.to_string())),
        ("Object", "object", entry.object_id.clone()),
        ("Request", "request", entry.request_id.clone()),
        ("Network address", "peer", entry.peer.clone()),
    ] {
        if let Some(id) = id {
            let href = filtered(
                query,
                &url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>(),
            );
            links.push(Link { name, id, href });
        }
    }
    for (name, id) in [
        ("Note version", entry.note_version_id.map(|id| id.to_string())),
        ("API token", entry.token_id.map(|id| id.to_string())),
    ] {
        links.extend(id.map(|id| Link { name, id, href: None }));
    }
    let (outcome, badge) = words::outcome(&entry.outcome);
    shell::page(&EntryTemplate {
        shell: Shell::new(&web, &signed, "Entry of the ledger"),
        action: words::action(&entry.action),
        outcome,
        badge,
        who: lines::who(&entry, &names),
        who_href: entry.user_id.map(|id| format!("/audit/people/{id}")),
        acting_for: entry.actor_organization_id.map(|id| names.organization(id)),
        records_of: entry.organization_id.map(|id| names.organization(id)),
        purpose: words::purpose(entry.purpose.as_str()).to_owned(),
        links,
        details: entry
            .detail
            .iter()
            .map(|(name, value)| (crate::format::words(name), lines::object(value, &names)))
            .collect(),
        proven,
        entry,
    })
}

async fn receipt(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    let receipt = web.service().entry_receipt(&signed.actor, id.parse()?).await?;
    let name = format!("liaison-receipt-{}.json", receipt.index);
    Ok(file(&name, "application/json", receipt.json))
}

async fn proof(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    let receipt = web.service().entry_receipt(&signed.actor, id.parse()?).await?;
    let name = format!("liaison-{}.tlog-proof", receipt.index);
    Ok(file(&name, "text/plain; charset=utf-8", receipt.tlog_proof))
}

impl Link {
    fn short(&self) -> String {
        short_id(&self.id)
    }
}
