//! Ledger rows: entries written with their act, and what the sequencer and the proofs need. The tree's arithmetic and
//! the signatures are the `ledger` crate's.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, SecondsFormat, Utc};
use liaison_domain::{
    Actor, Author, EntryId, NoteId, NoteVersionId, OrganizationId, PatientId, PurposeOfUse, RecipientId, ShareId,
    UserId, people::ActorKind,
};
use liaison_ledger::{Entry, Hash, Leaf};
use uuid::Uuid;

use crate::{
    arg::Arg,
    args,
    conn::Conn,
    error::{Result, StoreError},
    row::row,
    sql::sql,
    tx::Tx,
};

pub(crate) mod check;
pub(crate) mod disclosures;
mod filter;
pub(crate) mod search;
pub(crate) mod sorted;
pub use check::{Strays, acknowledgment, checkpoints_from, entry, hash_range, sequenced, strays};
pub use disclosures::{DisclosureFilter, DisclosureRow, disclosures, patient_organization};
pub use filter::{EntryFilter, EntryRow, MAX_ACTIONS};
pub use search::{count, export, search};
pub use sorted::{EntryColumn, SortKey, place, sorted};

/// The further fact that names the guest of a secure link who acted.
pub const GUEST_DETAIL: &str = "guest_id";
/// The further fact that names the session in which somebody acted; a column repeats it.
pub const SESSION_DETAIL: &str = "session_id";
/// The further fact that names the channel of a delivery or endpoint; a column repeats it.
pub const CHANNEL_DETAIL: &str = "channel";

/// One act to be recorded: ids and codes, never PHI.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// The entry's id.
    pub id: EntryId,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Who acted.
    pub actor: Actor,
    /// What was done, such as `share.create`.
    pub action: &'static str,
    /// How it ended: `success`, `denied`, `refused` or `failure`.
    pub outcome: &'static str,
    /// Why.
    pub purpose: PurposeOfUse,
    /// In whose records the act falls.
    pub organization_id: Option<OrganizationId>,
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
    /// Any other object concerned, as its typed id.
    pub object_id: Option<String>,
    /// Further facts, none of them PHI.
    pub detail: BTreeMap<&'static str, String>,
}

impl NewEntry {
    /// An entry about nothing yet.
    pub fn new(id: EntryId, recorded_at: DateTime<Utc>, actor: &Actor, action: &'static str) -> Self {
        Self {
            id,
            recorded_at,
            actor: actor.clone(),
            action,
            outcome: "success",
            purpose: PurposeOfUse::Treatment,
            organization_id: actor.organization_id,
            patient_id: None,
            note_id: None,
            note_version_id: None,
            share_id: None,
            recipient_id: None,
            object_id: None,
            detail: BTreeMap::new(),
        }
    }

    /// The person to whom the act is attributed, where there is one.
    fn user_id(&self) -> Option<UserId> {
        self.actor.author().and_then(Author::user_id)
    }

    /// The canonical bytes that are hashed and kept.
    pub fn leaf(&self) -> Result<Leaf> {
        let text = |id: Option<String>| id;
        let mut detail: BTreeMap<String, String> = self
            .detail
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect();
        if let Some(version) = self.note_version_id {
            detail.insert("note_version_id".to_owned(), version.to_string());
        }
        if let Some(token) = self.actor.token_id {
            detail.insert("token_id".to_owned(), token.to_string());
        }
        if let Some(session) = self.actor.session_id {
            detail.insert(SESSION_DETAIL.to_owned(), session.to_string());
        }
        if let Some(guest) = self.actor.guest {
            detail.insert(GUEST_DETAIL.to_owned(), guest.id.to_string());
        }
        let (object_type, object_id) = match &self.object_id {
            Some(id) => (
                Some(id.split('_').next().unwrap_or("object").to_owned()),
                Some(id.clone()),
            ),
            None => (None, None),
        };
        let entry = Entry {
            id: self.id.to_string(),
            recorded_at: self.recorded_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            actor: liaison_ledger::Actor {
                user_id: self.user_id().map(|id| id.to_string()),
                kind: match self.actor.kind {
                    ActorKind::Person => "person".to_owned(),
                    ActorKind::System => "system".to_owned(),
                    ActorKind::Guest => "guest".to_owned(),
                },
                role: self.actor.roles.first().map(|role| role.as_str().to_owned()),
                organization_id: self.actor.organization_id.map(|id| id.to_string()),
                ..liaison_ledger::Actor::default()
            },
            action: self.action.to_owned(),
            outcome: self.outcome.to_owned(),
            purpose_of_use: self.purpose.as_str().to_owned(),
            patient_id: text(self.patient_id.map(|id| id.to_string())),
            note_id: text(self.note_id.map(|id| id.to_string())),
            share_id: text(self.share_id.map(|id| id.to_string())),
            recipient_id: text(self.recipient_id.map(|id| id.to_string())),
            object_type,
            object_id,
            organization_id: text(self.organization_id.map(|id| id.to_string())),
            request_id: self.actor.request_id.clone(),
            peer: self.actor.peer.clone(),
            detail,
            ..Entry::default()
        };
        Leaf::encode(entry).map_err(|error| StoreError::Encode(format!("ledger entry {}: {error}", self.action)))
    }
}

sql! {
    INSERT_ENTRIES = "insert into ledger_entry (id, recorded_at, action, outcome, actor_kind, user_id, role,
        token_id, actor_organization_id, organization_id, purpose, patient_id, note_id, note_version_id, share_id,
        recipient_id, object_id, request_id, peer, session_id, channel, leaf) values {rows:22}";
    INSERT_PENDING = "insert into ledger_pending (entry_id, recorded_at) values {rows:2}";
    PENDING = "select p.entry_id, e.leaf from ledger_pending p join ledger_entry e on e.id = p.entry_id
        order by p.recorded_at, p.entry_id limit $1";
    PENDING_COUNT = "select count(*) as a, min(recorded_at) as b from ledger_pending";
    DELETE_PENDING = "delete from ledger_pending where entry_id in ({ids})";
    INSERT_LEAVES = "insert into ledger_leaf (leaf_index, entry_id) values {rows:2}";
    INSERT_HASHES = "insert into ledger_hash (hash_index, hash) values {rows:2}";
    HASHES = "select hash_index as a, hash as b from ledger_hash where hash_index in ({ids})";
    LAST_LEAF = "select max(leaf_index) as a from ledger_leaf";
    INSERT_CHECKPOINT = "insert into ledger_checkpoint (tree_size, note, signed_at) values ($1, $2, $3)";
    LATEST_CHECKPOINT = "select tree_size, note, signed_at from ledger_checkpoint order by tree_size desc limit 1";
    CHECKPOINT_AT = "select tree_size, note, signed_at from ledger_checkpoint where tree_size >= $1
        order by tree_size limit 1";
    CHECKPOINT_OF = "select tree_size, note, signed_at from ledger_checkpoint where tree_size = $1";
    CHECKPOINTS = "select tree_size, note, signed_at from ledger_checkpoint where tree_size < $1
        order by tree_size desc limit $2";
    LOCK_SEQUENCER = "select name as a from ledger_lease where name = 'sequencer' {for_update}";
    LEAF_OF_ENTRY = "select l.leaf_index as a, e.leaf as b from ledger_leaf l join ledger_entry e on e.id = l.entry_id
        where l.entry_id = $1";
    LEAVES_FROM = "select l.leaf_index as a, e.leaf as b from ledger_leaf l join ledger_entry e on e.id = l.entry_id
        where l.leaf_index >= $1 and l.leaf_index < $2 order by l.leaf_index limit $3";
}

row! {
    /// A signed tree head as it is kept.
    pub struct CheckpointRow {
        /// How many leaves it covers.
        tree_size: i64,
        /// The signed note's text (C2SP tlog-checkpoint).
        note: String,
        /// When it was signed.
        signed_at: DateTime<Utc>,
    }
}

row! {
    struct PendingRow {
        entry_id: EntryId,
        leaf: Vec<u8>,
    }
}

/// Writes entries with their act.
pub(crate) async fn insert(tx: &mut Tx, entries: &[NewEntry]) -> Result<()> {
    let mut rows = Vec::with_capacity(entries.len());
    let mut pending = Vec::with_capacity(entries.len());
    for entry in entries {
        let leaf = entry.leaf()?;
        rows.push(args![
            entry.id,
            entry.recorded_at,
            entry.action,
            entry.outcome,
            entry.actor.kind,
            entry.user_id(),
            entry.actor.roles.first().map(|role| role.as_str()),
            entry.actor.token_id,
            entry.actor.organization_id,
            entry.organization_id,
            entry.purpose,
            entry.patient_id,
            entry.note_id,
            entry.note_version_id,
            entry.share_id,
            entry.recipient_id,
            entry.object_id.as_deref(),
            entry.actor.request_id.as_deref(),
            entry.actor.peer.as_deref(),
            entry.actor.session_id,
            entry.detail.get(CHANNEL_DETAIL).map(String::as_str),
            leaf.bytes(),
        ]);
        pending.push(args![entry.id, entry.recorded_at]);
    }
    tx.insert_all(INSERT_ENTRIES, rows).await?;
    tx.insert_all(INSERT_PENDING, pending).await
}

/// Takes the sequencer's lock for this transaction, so that many processes may run and one sequences at a time.
pub async fn lock_sequencer(tx: &mut Tx) -> Result<()> {
    match tx.one::<(String,)>(LOCK_SEQUENCER, args![]).await? {
        Some(_) => Ok(()),
        None => Err(StoreError::Row {
            column: "name",
            message: "ledger_lease lacks its row sequencer".to_owned(),
        }),
    }
}

/// Committed entries without an index, oldest first: id and leaf bytes.
pub async fn pending(conn: &mut Conn, limit: u32) -> Result<Vec<(EntryId, Vec<u8>)>> {
    let rows: Vec<PendingRow> = conn.all(PENDING, args![limit]).await?;
    Ok(rows.into_iter().map(|row| (row.entry_id, row.leaf)).collect())
}

/// How many entries wait for the sequencer, and since when the oldest does.
pub async fn pending_count(conn: &mut Conn) -> Result<(i64, Option<DateTime<Utc>>)> {
    Ok(conn.one(PENDING_COUNT, args![]).await?.unwrap_or((0, None)))
}

/// The stored hashes with the given indexes; those that are not stored are left out.
pub async fn hashes(conn: &mut Conn, indexes: &[u64]) -> Result<HashMap<u64, Hash>> {
    let mut indexes: Vec<i64> = indexes.iter().map(|&index| signed(index)).collect();
    indexes.sort_unstable();
    indexes.dedup();
    let rows: Vec<(i64, Vec<u8>)> = conn.all_among(HASHES, args![], &indexes).await?;
    rows.into_iter()
        .map(|(index, bytes)| Ok((index.unsigned_abs(), hash_from(bytes)?)))
        .collect()
}

fn hash_from(bytes: Vec<u8>) -> Result<Hash> {
    bytes.try_into().map_err(|_| StoreError::Row {
        column: "hash",
        message: "a hash has 32 bytes".to_owned(),
    })
}

/// How many leaves the stored indexes say there are: the highest and one.
pub async fn stored_size(conn: &mut Conn) -> Result<u64> {
    let last: Option<(Option<i64>,)> = conn.one(LAST_LEAF, args![]).await?;
    Ok(last
        .and_then(|(index,)| index)
        .map_or(0, |index| index.unsigned_abs() + 1))
}

/// Gives entries their indexes from `first` on, adds the tree's new hashes and the checkpoint.
pub async fn append(
    tx: &mut Tx,
    first: u64,
    entries: &[EntryId],
    new_hashes: &[(u64, Hash)],
    checkpoint: (u64, String, DateTime<Utc>),
) -> Result<()> {
    let leaves: Vec<Vec<Arg>> = entries
        .iter()
        .zip(first..)
        .map(|(entry, index)| args![signed(index), *entry])
        .collect();
    tx.insert_all(INSERT_LEAVES, leaves).await?;
    let hashes = new_hashes
        .iter()
        .map(|(index, hash)| args![signed(*index), *hash])
        .collect();
    tx.insert_all(INSERT_HASHES, hashes).await?;
    let ids: Vec<Uuid> = entries.iter().map(|entry| entry.uuid()).collect();
    let removed = tx.execute_in(DELETE_PENDING, args![], &ids).await?;
    if removed != ids.len() as u64 {
        let expected = ids.len() as u64;
        return Err(StoreError::Affected {
            statement: DELETE_PENDING.name,
            affected: removed,
            expected,
        });
    }
    let (size, note, at) = checkpoint;
    tx.change_one(INSERT_CHECKPOINT, args![signed(size), note, at]).await
}

/// The newest checkpoint.
pub async fn latest_checkpoint(conn: &mut Conn) -> Result<Option<CheckpointRow>> {
    conn.one(LATEST_CHECKPOINT, args![]).await
}

/// The first checkpoint that covers at least `size` leaves.
pub async fn checkpoint_covering(conn: &mut Conn, size: u64) -> Result<Option<CheckpointRow>> {
    conn.one(CHECKPOINT_AT, args![signed(size)]).await
}

/// The checkpoint of exactly `size` leaves.
pub async fn checkpoint_of(conn: &mut Conn, size: u64) -> Result<Option<CheckpointRow>> {
    conn.one(CHECKPOINT_OF, args![signed(size)]).await
}

/// Checkpoints, newest first, below a size.
pub async fn checkpoints(conn: &mut Conn, below: u64, limit: u32) -> Result<Vec<CheckpointRow>> {
    conn.all(CHECKPOINTS, args![signed(below), limit]).await
}

/// An entry's index and leaf bytes; `None` while it waits for the sequencer.
pub async fn leaf_of(conn: &mut Conn, entry: EntryId) -> Result<Option<(u64, Vec<u8>)>> {
    let row: Option<(i64, Vec<u8>)> = conn.one(LEAF_OF_ENTRY, args![entry]).await?;
    Ok(row.map(|(index, leaf)| (index.unsigned_abs(), leaf)))
}

/// Leaves with indexes in `from..until`, at most `limit`.
pub async fn leaves(conn: &mut Conn, from: u64, until: u64, limit: u32) -> Result<Vec<(u64, Vec<u8>)>> {
    let rows: Vec<(i64, Vec<u8>)> = conn.all(LEAVES_FROM, args![signed(from), signed(until), limit]).await?;
    Ok(rows
        .into_iter()
        .map(|(index, leaf)| (index.unsigned_abs(), leaf))
        .collect())
}

fn signed(index: u64) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}
