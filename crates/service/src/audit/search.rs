//! The audit search: the ledger's entries by any of their elements, within the actor's organization. Each search is
//! recorded, with the names of the fields it filtered by and the ids it asked about, never with free text.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use liaison_domain::{
    Actor, EntryId, GuestId, NoteId, NoteVersionId, OrganizationId, PatientId, PurposeOfUse, RecipientId, ShareId,
    TokenId, UserId,
    access::{Action, Relation},
    people::ActorKind,
};
use liaison_ledger::Leaf;
use liaison_store::ledger::{self as rows, EntryFilter, EntryRow, GUEST_DETAIL};

use super::{filter::AuditFilter, page};
use crate::{Result, Service, ServiceError, link::GuestName};

/// What to look for.
#[derive(Debug, Clone, Default)]
pub struct SearchAudit {
    /// Which entries.
    pub filter: AuditFilter,
    /// How many at most, 1 to 200; 50 when nothing is said.
    pub first: Option<u32>,
    /// After this cursor.
    pub after: Option<String>,
    /// The oldest first instead of the newest.
    pub oldest_first: bool,
    /// Whether to count what fits.
    pub counted: bool,
}

/// Counting stops here: an auditor who finds more narrows the filter or exports.
pub const MOST_COUNTED: u32 = 10_000;

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
            role: entry.actor.role,
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

impl Service {
    /// Searches the ledger, for admins and auditors.
    pub async fn search_audit(&self, actor: &Actor, input: SearchAudit) -> Result<AuditPage> {
        self.authorize(actor, Action::ReadAudit, Relation::Own).await?;
        let (mut filter, mut problems) = input.filter.read(self.audit_scope(actor)?);
        let (first, position) = page::read(input.first, input.after.as_deref(), &mut problems);
        if !problems.is_empty() {
            return Err(ServiceError::Invalid(problems));
        }
        filter.after = position;
        filter.oldest_first = input.oldest_first;
        let mut conn = self.read().await?;
        let count = match input.counted {
            true => Some(rows::count(&mut conn, &filter, MOST_COUNTED).await?),
            false => None,
        };
        let mut found = rows::search(&mut conn, &filter, first + 1).await?;
        let has_next = found.len() > first as usize;
        found.truncate(first as usize);
        let mut entries: Vec<AuditEntry> = found.into_iter().map(AuditEntry::from_row).collect::<Result<_>>()?;
        let named = self
            .guests_named(&mut conn, entries.iter().map(AuditEntry::guest_id))
            .await?;
        drop(conn);
        for entry in &mut entries {
            entry.guest = entry.guest_id().and_then(|guest| named.get(&guest).cloned());
        }
        let mut detail = vec![("found", entries.len().to_string())];
        if input.after.is_some() {
            detail.push(("page", "further".to_owned()));
        }
        self.record_audit(actor, "audit.search", &input.filter, &filter, detail)
            .await?;
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

    /// Records a look at the records: the ids it asked about and the names of its fields.
    pub(crate) async fn record_audit(
        &self,
        actor: &Actor,
        action: &'static str,
        given: &AuditFilter,
        filter: &EntryFilter,
        detail: Vec<(&'static str, String)>,
    ) -> Result<EntryId> {
        let mut entry = self.entry(actor, action);
        entry.purpose = PurposeOfUse::Operations;
        entry.patient_id = filter.patient_id;
        entry.note_id = filter.note_id;
        entry.share_id = filter.share_id;
        entry.recipient_id = filter.recipient_id;
        entry.object_id = filter.user_id.map(|user| user.to_string());
        entry.detail.insert("fields", given.fields());
        entry.detail.extend(detail);
        let mut tx = self.begin().await?;
        let id = tx.record(entry);
        tx.commit().await?;
        Ok(id)
    }
}
