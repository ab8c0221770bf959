//! The audit search: the ledger's entries by any of their elements, within the actor's organization. Each search is
//! recorded, with the names of the fields it filtered by and the ids it asked about, never with free text.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{
    Actor, EntryId, GuestId, NoteId, NoteVersionId, OrganizationId, PatientId, PurposeOfUse, RecipientId, SessionId,
    ShareId, TokenId, UserId,
    access::{Action, Relation},
    people::ActorKind,
};
use liaison_ledger::Leaf;
pub use liaison_store::ledger::EntryColumn as AuditColumn;
use liaison_store::{
    NewEntry,
    ledger::{self as rows, EntryFilter, EntryRow, GUEST_DETAIL},
};
use serde::{Deserialize, Serialize};

use super::{filter::AuditFilter, page};
use crate::{
    FieldProblem, Result, Service, ServiceError,
    link::GuestName,
    reading::{decode, encode},
};

/// What to look for.
#[derive(Debug, Clone, Default)]
pub struct SearchAudit {
    /// Which entries.
    pub filter: AuditFilter,
    /// How many at most, 1 to 200; 50 when nothing is said.
    pub first: Option<u32>,
    /// After this cursor.
    pub after: Option<String>,
    /// In which order; the newest first when nothing is said.
    pub order: AuditOrder,
    /// Whether to count what fits.
    pub counted: bool,
}

/// In which order entries come. Entries alike in a column stand in the order of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditOrder {
    /// By this column; by time where there is none.
    pub by: Option<AuditColumn>,
    /// The smallest or oldest first.
    #[serde(default)]
    pub ascending: bool,
}

/// Only by time are more entries than these put in order: no index serves the other columns, and each page reads all
/// entries that fit.
pub const MOST_SORTED: u32 = 50_000;

/// Where a page in another order than time's ended: the entry that stood last, and the moment of the first page, so that
/// what is recorded between two pages moves nothing.
#[derive(Serialize, Deserialize)]
struct Place {
    by: AuditColumn,
    ascending: bool,
    id: EntryId,
    until: DateTime<Utc>,
}

/// Counting stops here: an auditor who finds more narrows the filter or exports.
pub const MOST_COUNTED: u32 = 1_000;

/// One act as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The entry.
    pub id: EntryId,
    /// When.
    pub recorded_at: DateTime<Utc>,
    /// What was done, such as `share.create`.
    pub action: String,
    /// `success`, `denied`, `refused` or `failure`.
    pub outcome: String,
    /// Person or system.
    pub actor_kind: ActorKind,
    /// Who.
    pub user_id: Option<UserId>,
    /// The guest of a secure link who acted, as they named themself.
    pub guest: Option<GuestName>,
    /// In which role.
    pub role: Option<String>,
    /// In which session.
    pub session_id: Option<SessionId>,
    /// Over which channel, where it is about a delivery or an endpoint.
    pub channel: Option<String>,
    /// With which API token.
    pub token_id: Option<TokenId>,
    /// For which organization they acted.
    pub actor_organization_id: Option<OrganizationId>,
    /// In whose records it falls.
    pub organization_id: Option<OrganizationId>,
    /// Why.
    pub purpose: PurposeOfUse,
    /// The patient concerned.
    pub patient_id: Option<PatientId>,
    /// The note concerned.
    pub note_id: Option<NoteId>,
    /// The version concerned.
    pub note_version_id: Option<NoteVersionId>,
    /// The share concerned.
    pub share_id: Option<ShareId>,
    /// The loop concerned.
    pub recipient_id: Option<RecipientId>,
    /// Any other object concerned.
    pub object_id: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
    /// From where.
    pub peer: Option<String>,
    /// Further facts, none of them PHI.
    pub detail: BTreeMap<String, String>,
    /// The entry's index in the ledger; `None` while it waits for one.
    pub index: Option<u64>,
    /// Where a page that ends here goes on.
    pub cursor: String,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Whether further ones follow.
    pub has_next: bool,
    /// How many fit in all, at most [`MOST_COUNTED`]; `None` unless it was asked.
    pub count: Option<u64>,
}

impl AuditEntry {
    pub(crate) fn from_row(row: EntryRow) -> Result<Self> {
        let leaf = Leaf::parse(&row.leaf).map_err(|error| ServiceError::Ledger(format!("{}: {error}", row.id)))?;
        let entry = leaf.into_entry();
        Ok(Self {
            id: row.id,
            recorded_at: row.recorded_at,
            action: row.action,
            outcome: row.outcome,
            actor_kind: row.actor_kind,
            user_id: row.user_id,
            guest: None,
            role: row.role,
            session_id: row.session_id,
            channel: row.channel,
            token_id: row.token_id,
            actor_organization_id: row.actor_organization_id,
            organization_id: row.organization_id,
            purpose: row.purpose,
            patient_id: row.patient_id,
            note_id: row.note_id,
            note_version_id: row.note_version_id,
            share_id: row.share_id,
            recipient_id: row.recipient_id,
            object_id: row.object_id,
            request_id: row.request_id,
            peer: row.peer,
            detail: entry.detail,
            index: row.leaf_index.map(i64::unsigned_abs),
            cursor: page::cursor(row.recorded_at, row.id),
        })
    }
}

impl AuditEntry {
    /// The guest of a secure link who acted.
    pub fn guest_id(&self) -> Option<GuestId> {
        self.detail.get(GUEST_DETAIL)?.parse().ok()
    }
}

fn bent_cursor() -> FieldProblem {
    FieldProblem::new(
        "after",
        "INVALID_CURSOR",
        "not a cursor of this list in this order; begin without one",
    )
}

impl Service {
    /// Searches the ledger, for admins and auditors.
    pub async fn search_audit(&self, actor: &Actor, input: SearchAudit) -> Result<AuditPage> {
        self.authorize(actor, Action::ReadAudit, Relation::Own).await?;
        let (mut filter, mut problems) = input.filter.read(self.audit_scope(actor)?);
        let after = input.after.as_deref();
        let (first, position) = match input.order.by {
            None => page::read(input.first, after, &mut problems),
            Some(_) => (page::read(input.first, None, &mut problems).0, None),
        };
        let place: Option<Place> = match input.order.by {
            Some(_) => decode(after, &mut problems),
            None => None,
        };
        if place
            .as_ref()
            .is_some_and(|place| Some(place.by) != input.order.by || place.ascending != input.order.ascending)
        {
            problems.push(bent_cursor());
        }
        if !problems.is_empty() {
            return Err(ServiceError::Invalid(problems));
        }
        filter.after = position;
        filter.oldest_first = input.order.ascending;
        // The entry of this very moment is in the past of no half-open interval that ends now.
        let moment = place
            .as_ref()
            .map_or_else(|| self.now() + TimeDelta::microseconds(1), |place| place.until);
        if input.order.by.is_some() {
            filter.until = Some(filter.until.map_or(moment, |until| until.min(moment)));
        }
        let mut conn = self.read().await?;
        let most = match input.order.by {
            Some(_) => MOST_SORTED + 1,
            None => MOST_COUNTED,
        };
        let count = match input.counted || input.order.by.is_some() {
            true => Some(rows::count(&mut conn, &filter, most).await?),
            false => None,
        };
        let mut found = match input.order.by {
            None => rows::search(&mut conn, &filter, first + 1).await?,
            Some(_) if count > Some(u64::from(MOST_SORTED)) => {
                let message = format!(
                    "more than {MOST_SORTED} entries fit: narrow the filter, for example its time, or sort by time"
                );
                return Err(ServiceError::invalid("orderBy", "TOO_MANY", message));
            }
            Some(column) => {
                let after = match &place {
                    None => None,
                    Some(place) => Some(
                        rows::place(&mut conn, column, place.id, filter.organization_id)
                            .await?
                            .ok_or_else(|| ServiceError::Invalid(vec![bent_cursor()]))?,
                    ),
                };
                rows::sorted(
                    &mut conn,
                    &filter,
                    column,
                    input.order.ascending,
                    after.as_ref(),
                    first + 1,
                )
                .await?
            }
        };
        let count = count
            .filter(|_| input.counted)
            .map(|count| count.min(u64::from(MOST_COUNTED)));
        let has_next = found.len() > first as usize;
        found.truncate(first as usize);
        let mut entries: Vec<AuditEntry> = found.into_iter().map(AuditEntry::from_row).collect::<Result<_>>()?;
        let named = self
            .guests_named(&mut conn, entries.iter().map(AuditEntry::guest_id))
            .await?;
        drop(conn);
        for entry in &mut entries {
            entry.guest = entry.guest_id().and_then(|guest| named.get(&guest).cloned());
            if let Some(by) = input.order.by {
                entry.cursor = encode(&Place {
                    by,
                    ascending: input.order.ascending,
                    id: entry.id,
                    until: moment,
                });
            }
        }
        let mut detail = vec![("found", entries.len().to_string())];
        if let Some(by) = input.order.by {
            detail.push(("order", by.as_str().to_owned()));
        }
        if input.after.is_some() {
            detail.push(("page", "further".to_owned()));
        }
        let entry = self.look_entry(actor, "audit.search", &input.filter, &filter, detail);
        self.record_readings(vec![entry]).await?;
        Ok(AuditPage {
            entries,
            has_next,
            count,
        })
    }

    /// To which organization a look at the records is bounded: the actor's; all of them for the operator's commands.
    pub(crate) fn audit_scope(&self, actor: &Actor) -> Result<Option<OrganizationId>> {
        match actor.kind {
            ActorKind::System => Ok(None),
            ActorKind::Person | ActorKind::Guest => self.organization(actor).map(Some),
        }
    }

    /// Records a look at the records at once.
    pub(crate) async fn record_audit(
        &self,
        actor: &Actor,
        action: &'static str,
        given: &AuditFilter,
        filter: &EntryFilter,
        detail: Vec<(&'static str, String)>,
    ) -> Result<EntryId> {
        let mut tx = self.begin().await?;
        let id = tx.record(self.look_entry(actor, action, given, filter, detail));
        tx.commit().await?;
        Ok(id)
    }

    /// The ledger entry of a look at the records: the ids it asked about and the names of its fields.
    fn look_entry(
        &self,
        actor: &Actor,
        action: &'static str,
        given: &AuditFilter,
        filter: &EntryFilter,
        detail: Vec<(&'static str, String)>,
    ) -> NewEntry {
        let mut entry = self.entry(actor, action);
        entry.purpose = PurposeOfUse::Operations;
        entry.patient_id = filter.patient_id;
        entry.note_id = filter.note_id;
        entry.share_id = filter.share_id;
        entry.recipient_id = filter.recipient_id;
        entry.object_id = filter.user_id.map(|user| user.to_string());
        entry.detail.insert("fields", given.fields());
        entry.detail.extend(detail);
        entry
    }
}
