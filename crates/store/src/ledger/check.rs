//! What the integrity check reads: leaves, hashes and checkpoints in their order, and entries that fell out of the
//! bookkeeping. It reads in pieces, so that a ledger of any size fits in memory.

use liaison_ledger::Hash;

use super::{
    CheckpointRow,
    filter::{EntryRow, entry_columns},
    hash_from, signed,
};
use crate::{args, conn::Conn, error::Result, row::row, sql::Sql};

macro_rules! statements {
    ($($name:ident = $($part:expr),+;)*) => {
        $(const $name: Sql = Sql {
            name: concat!(module_path!(), "::", stringify!($name)),
            sqlite: concat!($($part),+),
            postgres: concat!($($part),+),
        };)*
        /// This module's statements.
        pub(crate) const STATEMENTS: &[Sql] = &[$($name),*];
    };
}

statements! {
    SEQUENCED = entry_columns!(), "l.leaf_index >= $1 and l.leaf_index < $2 order by l.leaf_index";
    ENTRY = entry_columns!(), "e.id = $1";
    ACKNOWLEDGMENT = entry_columns!(), "e.recipient_id = $1 and e.action = 'acknowledgment.create'
        and e.outcome = 'success' order by e.recorded_at, e.id limit 1";
    HASH_RANGE = "select hash_index as a, hash as b from ledger_hash where hash_index >= $1 and hash_index < $2
        order by hash_index";
    CHECKPOINTS_FROM = "select tree_size, note, signed_at from ledger_checkpoint where tree_size > $1
        order by tree_size limit $2";
    STRAYS = "select
        (select count(*) from ledger_entry e where not exists (select 1 from ledger_leaf l where l.entry_id = e.id)
            and not exists (select 1 from ledger_pending p where p.entry_id = e.id)) as lost,
        (select count(*) from ledger_leaf l where not exists (select 1 from ledger_entry e where e.id = l.entry_id))
            as without_entry,
        (select count(*) from ledger_pending p join ledger_leaf l on l.entry_id = p.entry_id) as twice,
        (select count(*) from ledger_pending p
            where not exists (select 1 from ledger_entry e where e.id = p.entry_id)) as pending_without_entry,
        (select count(*) from ledger_pending) as pending";
}

row! {
    /// Entries that are not where they should be; in a sound ledger all but `pending` are 0.
    pub struct Strays {
        /// Entries with no index that do not wait for one.
        lost: i64,
        /// Indexes whose entry is gone.
        without_entry: i64,
        /// Entries that have an index and still wait for one.
        twice: i64,
        /// Waiting entries that are gone.
        pending_without_entry: i64,
        /// Entries that wait for the sequencer.
        pending: i64,
    }
}

/// Entries with indexes in `from..until`, in order.
pub async fn sequenced(conn: &mut Conn, from: u64, until: u64) -> Result<Vec<EntryRow>> {
    conn.all(SEQUENCED, args![signed(from), signed(until)]).await
}

/// An entry.
pub async fn entry(conn: &mut Conn, id: liaison_domain::EntryId) -> Result<Option<EntryRow>> {
    conn.one(ENTRY, args![id]).await
}

/// The entry of a loop's acknowledgment.
pub async fn acknowledgment(conn: &mut Conn, recipient: liaison_domain::RecipientId) -> Result<Option<EntryRow>> {
    conn.one(ACKNOWLEDGMENT, args![recipient]).await
}

/// Stored hashes with indexes in `from..until`, in order.
pub async fn hash_range(conn: &mut Conn, from: u64, until: u64) -> Result<Vec<(u64, Hash)>> {
    let rows: Vec<(i64, Vec<u8>)> = conn.all(HASH_RANGE, args![signed(from), signed(until)]).await?;
    rows.into_iter()
        .map(|(index, bytes)| Ok((index.unsigned_abs(), hash_from(bytes)?)))
        .collect()
}

/// Checkpoints of more than `size` leaves, smallest first.
pub async fn checkpoints_from(conn: &mut Conn, size: u64, limit: u32) -> Result<Vec<CheckpointRow>> {
    conn.all(CHECKPOINTS_FROM, args![signed(size), limit]).await
}

/// Entries that are not where they should be.
pub async fn strays(conn: &mut Conn) -> Result<Strays> {
    conn.one(STRAYS, args![]).await?.ok_or_else(|| crate::StoreError::Row {
        column: "pending",
        message: "the database answered without a row".to_owned(),
    })
}
