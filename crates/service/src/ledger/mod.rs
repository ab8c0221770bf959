//! The ledger's use cases: giving entries their index, receipts and proofs, exports, the integrity check. What an entry
//! says is decided where the act is; searching entries is `audit`'s.

mod csv;
mod export;
mod kept;
mod receipts;
mod sequence;
mod verify;

pub use csv::{CsvExport, csv_cell};
pub use export::{ExportLedger, LedgerExport};
pub use receipts::{ConsistencyAnswer, EntryReceipt};
pub use sequence::Sequenced;
pub use verify::{LedgerProblem, LedgerReport};

use liaison_ledger::{Checkpoint, Leaf, tree};
use liaison_store::{Conn, ledger as rows};

use crate::{Result, Service, ServiceError};

/// A contradiction, whatever noticed it.
fn broken(what: impl std::fmt::Display) -> ServiceError {
    ServiceError::Ledger(what.to_string())
}

/// A stored leaf; it must be the one of the entry it is kept for.
fn leaf_of(entry: liaison_domain::EntryId, bytes: &[u8]) -> Result<Leaf> {
    let leaf = Leaf::parse(bytes).map_err(|error| broken(format_args!("{entry}: {error}")))?;
    if leaf.entry().id != entry.to_string() {
        return Err(broken(format_args!("{entry}: its leaf is another entry's")));
    }
    Ok(leaf)
}

impl Service {
    /// A stored checkpoint, checked with our own key.
    fn open_checkpoint(&self, row: &rows::CheckpointRow) -> Result<Checkpoint> {
        let checkpoint = self
            .signer()
            .verifier()
            .open(&row.note)
            .map_err(|error| broken(format_args!("the checkpoint of {} entries: {error}", row.tree_size)))?;
        if i64::try_from(checkpoint.size()).ok() != Some(row.tree_size) {
            return Err(broken(format_args!(
                "the checkpoint kept for {} entries is another's",
                row.tree_size
            )));
        }
        Ok(checkpoint)
    }

    /// The audit path of an entry in a checkpoint's tree.
    async fn audit_path(&self, conn: &mut Conn, index: u64, size: u64) -> Result<Vec<liaison_ledger::Hash>> {
        let needs = tree::inclusion_needs(index, size).map_err(broken)?;
        let hashes = rows::hashes(conn, &needs).await?;
        tree::prove_inclusion(index, size, &hashes).map_err(broken)
    }
}
