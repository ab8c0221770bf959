//! The auditor's filters over the ledger, each element of an entry; keyset paging, newest first.

use chrono::{DateTime, Utc};
use liaison_domain::{
    EntryId, NoteId, NoteVersionId, OrganizationId, PatientId, PurposeOfUse, RecipientId, ShareId, TokenId, UserId,
    people::ActorKind,
};

use crate::{
    args,
    conn::Conn,
    error::Result,
    row::row,
    sql::sql,
};

/// What to look for. Every field that is set must fit.
#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    /// Entries of this organization's records, or by its people.
    pub organization_id: Option<OrganizationId>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
    /// By this person.
    pub user_id: Option<UserId>,
    /// About this patient.
    pub patient_id: Option<PatientId>,
    /// About this note.
    pub note_id: Option<NoteId>,
    /// About this share.
    pub share_id: Option<ShareId>,
    /// About this loop.
    pub recipient_id: Option<RecipientId>,
    /// This act, such as `share.create`.
    pub action: Option<String>,
    /// With this outcome.
    pub outcome: Option<String>,
    /// For this purpose.
    pub purpose: Option<PurposeOfUse>,
    /// In this request.
    pub request_id: Option<String>,
    /// From this network address.
    pub peer: Option<String>,
    /// About this other object.
    pub object_id: Option<String>,
    /// After this entry (its time and id), in the order of the answer.
    pub after: Option<(DateTime<Utc>, EntryId)>,
}

row! {
    /// An entry as the audit shows it.
    pub struct EntryRow {
        /// Its id.
        id: EntryId,
        /// When it was recorded.
        recorded_at: DateTime<Utc>,
        /// What was done.
        action: String,
        /// How it ended.
        outcome: String,
        /// Person or system.
        actor_kind: ActorKind,
        /// Who.
        user_id: Option<UserId>,
        /// With which API token.
        token_id: Option<TokenId>,
        /// For which organization the actor acted.
        actor_organization_id: Option<OrganizationId>,
        /// In whose records it falls.
        organization_id: Option<OrganizationId>,
        /// Why.
        purpose: PurposeOfUse,
        /// The patient.
        patient_id: Option<PatientId>,
        /// The note.
        note_id: Option<NoteId>,
        /// The version.
        note_version_id: Option<NoteVersionId>,
        /// The share.
        share_id: Option<ShareId>,
        /// The loop.
        recipient_id: Option<RecipientId>,
        /// Another object.
        object_id: Option<String>,
        /// The request.
        request_id: Option<String>,
        /// From where.
        peer: Option<String>,
        /// The canonical bytes.
        leaf: Vec<u8>,
        /// Its index, once sequenced.
        leaf_index: Option<i64>,
    }
}

sql! {
    SEARCH = "select e.id, e.recorded_at, e.action, e.outcome, e.actor_kind, e.user_id, e.token_id,
            e.actor_organization_id, e.organization_id, e.purpose, e.patient_id, e.note_id, e.note_version_id,
            e.share_id, e.recipient_id, e.object_id, e.request_id, e.peer, e.leaf, l.leaf_index
        from ledger_entry e left join ledger_leaf l on l.entry_id = e.id
        where (e.organization_id = $1 or e.actor_organization_id = $1 or $1 is null)
            and (e.recorded_at >= $2 or $2 is null) and (e.recorded_at < $3 or $3 is null)
            and (e.user_id = $4 or $4 is null) and (e.patient_id = $5 or $5 is null)
            and (e.note_id = $6 or $6 is null) and (e.share_id = $7 or $7 is null)
            and (e.recipient_id = $8 or $8 is null) and (e.action = $9 or $9 is null)
            and (e.outcome = $10 or $10 is null) and (e.purpose = $11 or $11 is null)
            and (e.request_id = $12 or $12 is null) and (e.peer = $13 or $13 is null)
            and (e.object_id = $14 or $14 is null)
            and (e.recorded_at < $15 or (e.recorded_at = $15 and e.id < $16) or $15 is null)
        order by e.recorded_at desc, e.id desc limit $17";
}

/// Entries that fit, newest first.
pub async fn search(conn: &mut Conn, filter: &EntryFilter, limit: u32) -> Result<Vec<EntryRow>> {
    conn.all(
        SEARCH,
        args![
            filter.organization_id,
            filter.from,
            filter.until,
            filter.user_id,
            filter.patient_id,
            filter.note_id,
            filter.share_id,
            filter.recipient_id,
            filter.action.as_deref(),
            filter.outcome.as_deref(),
            filter.purpose,
            filter.request_id.as_deref(),
            filter.peer.as_deref(),
            filter.object_id.as_deref(),
            filter.after.map(|(at, _)| at),
            filter.after.map(|(_, id)| id),
            limit,
        ],
    )
    .await
}
