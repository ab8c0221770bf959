//! The ledger's entries as lines of a table: names for ids, words for codes, and the address that filters by each.

use liaison_domain::people::ActorKind;
use liaison_service::audit::{AuditColumn, AuditEntry};

use super::{Names, audit_query::AuditQuery, short_id, words};
use crate::{Result, Web, session::Signed};

/// A value with the address that filters by it.
pub(super) struct Value {
    pub(super) words: String,
    /// The whole code or id.
    pub(super) full: String,
    pub(super) filter: String,
}

/// A head of a column: its name, the address that sorts by it, and how it is sorted now (`true`: ascending).
pub(super) struct Head {
    pub(super) name: &'static str,
    pub(super) href: String,
    pub(super) sorted: Option<bool>,
}

/// The table's columns in their order.
const HEADS: &[(&str, Option<AuditColumn>)] = &[
    ("When", None),
    ("Who", Some(AuditColumn::Person)),
    ("Role", Some(AuditColumn::Role)),
    ("What", Some(AuditColumn::Action)),
    ("Outcome", Some(AuditColumn::Outcome)),
    ("Purpose", Some(AuditColumn::Purpose)),
    ("Patient", Some(AuditColumn::Patient)),
    ("Concerns", Some(AuditColumn::Object)),
    ("From", Some(AuditColumn::Peer)),
    ("Entry", Some(AuditColumn::Index)),
];

/// The heads of a search's columns.
pub(super) fn heads(query: &AuditQuery) -> Vec<Head> {
    let head = |(name, by): (&'static str, Option<AuditColumn>)| Head {
        name,
        href: query.sorted(by),
        sorted: (query.order.by == by).then_some(query.order.ascending),
    };
    HEADS.iter().copied().map(head).collect()
}

/// One entry as a line.
pub(super) struct Line {
    pub(super) at: chrono::DateTime<chrono::Utc>,
    pub(super) action: Value,
    pub(super) outcome: Value,
    pub(super) badge: &'static str,
    /// What was refused, in words, where something was.
    pub(super) reason: Option<String>,
    /// Who, where it was a person with an account; otherwise `by` says who.
    pub(super) person: Option<Value>,
    pub(super) by: String,
    /// For which organization, where it is another than the reader's.
    pub(super) place: Option<String>,
    pub(super) role: Option<Value>,
    pub(super) purpose: Value,
    pub(super) patient: Option<Value>,
    pub(super) objects: Vec<Value>,
    pub(super) peer: Option<Value>,
    pub(super) href: String,
    pub(super) index: Option<u64>,
}

/// Entries as lines, with the names they need: two calls for a page.
pub(super) async fn lines(
    web: &Web,
    signed: &Signed,
    entries: &[AuditEntry],
    query: &AuditQuery,
) -> Result<(Vec<Line>, Names)> {
    let names = names(web, signed, entries, query).await?;
    let lines = entries.iter().map(|entry| line(signed, entry, query, &names)).collect();
    Ok((lines, names))
}

async fn names(web: &Web, signed: &Signed, entries: &[AuditEntry], query: &AuditQuery) -> Result<Names> {
    let people = entries.iter().filter_map(|entry| entry.user_id);
    let objects = entries
        .iter()
        .filter_map(|entry| entry.object_id.as_deref())
        .filter_map(|id| id.parse().ok());
    let asked = query.get("who").parse().ok();
    let organizations = entries.iter().filter_map(|entry| entry.actor_organization_id);
    Names::load(web, signed, people.chain(objects).chain(asked), organizations, []).await
}

/// Who acted, in words.
pub(super) fn who(entry: &AuditEntry, names: &Names) -> String {
    match (entry.user_id, &entry.guest) {
        (_, Some(guest)) => guest.to_string(),
        (Some(user), None) => names.person(user),
        (None, None) => match entry.actor_kind {
            ActorKind::System => "Liaison itself".to_owned(),
            ActorKind::Guest => "Somebody by a secure link".to_owned(),
            ActorKind::Person => "Nobody signed in".to_owned(),
        },
    }
}

/// An object's words: a person's name, else its short id.
pub(super) fn object(id: &str, names: &Names) -> String {
    match id.parse() {
        Ok(user) => names.person(user),
        Err(_) => short_id(id),
    }
}

fn line(signed: &Signed, entry: &AuditEntry, query: &AuditQuery, names: &Names) -> Line {
    let value = |name: &'static str, full: String, words: String| Value {
        filter: query.with(name, &full),
        full,
        words,
    };
    let id = |name: &'static str, full: String| {
        let words = short_id(&full);
        value(name, full, words)
    };
    let (outcome, badge) = words::outcome(&entry.outcome);
    // The two that say most; the entry's own page has them all.
    let other = entry.object_id.as_ref();
    let other = other.map(|full| value("object", full.clone(), object(full, names)));
    let others = [
        ("loop", entry.recipient_id.map(|id| id.to_string())),
        ("share", entry.share_id.map(|id| id.to_string())),
        ("note", entry.note_id.map(|id| id.to_string())),
    ];
    let others = others
        .into_iter()
        .filter_map(|(name, found)| found.map(|found| id(name, found)));
    let objects = other.into_iter().chain(others).take(2).collect();
    let own = entry.actor_organization_id.is_none_or(|id| signed.actor.acts_for(id));
    Line {
        at: entry.recorded_at,
        action: value("action", entry.action.clone(), words::action(&entry.action)),
        outcome: value("outcome", entry.outcome.clone(), outcome.to_owned()),
        badge,
        reason: entry
            .detail
            .get("reason")
            .filter(|_| entry.outcome != "success")
            .cloned(),
        person: entry
            .user_id
            .filter(|_| entry.guest.is_none())
            .map(|user| value("who", user.to_string(), names.person(user))),
        by: who(entry, names),
        place: entry
            .actor_organization_id
            .filter(|_| !own)
            .map(|id| names.organization(id)),
        role: entry.role.as_ref().map(|role| {
            let words = role
                .parse()
                .map_or_else(|_| role.clone(), |role| words::role(role).to_owned());
            value("role", role.clone(), words)
        }),
        purpose: {
            let code = entry.purpose.as_str();
            value("purpose", code.to_owned(), words::purpose(code).to_owned())
        },
        patient: entry.patient_id.map(|patient| id("patient", patient.to_string())),
        objects,
        peer: entry
            .peer
            .as_ref()
            .map(|peer| value("peer", peer.clone(), peer.clone())),
        href: format!("/audit/entries/{}", entry.id),
        index: entry.index,
    }
}
