//! The sequencer's round: committed entries get their index, the tree grows, a checkpoint is signed. Any number of
//! processes may call it at any time; one works at a time and the others find nothing left to do.

use liaison_ledger::{Leaf, tree};
use liaison_store::ledger as rows;

use super::{broken, leaf_of};
use crate::{Result, Service};

/// The most entries one checkpoint adds.
const BATCH: u32 = 1_000;

/// The most batches one call works off; the next nudge goes on.
const MOST_BATCHES: u32 = 100;

/// What one call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequenced {
    /// How many entries got their index.
    pub entries: u64,
    /// How many entries the ledger has now.
    pub size: u64,
}

impl Service {
    /// Gives every waiting entry its index and signs a checkpoint for each thousand of them.
    ///
    /// Refuses, and writes nothing, when the stored tree and its last signed checkpoint contradict each other
    /// ([`crate::ServiceError::Ledger`]).
    pub async fn sequence(&self) -> Result<Sequenced> {
        let mut entries = 0;
        let mut batches = 0;
        loop {
            let done = self.sequence_batch().await?;
            entries += done.entries;
            batches += 1;
            if done.entries < u64::from(BATCH) || batches == MOST_BATCHES {
                return Ok(Sequenced {
                    entries,
                    size: done.size,
                });
            }
        }
    }

    async fn sequence_batch(&self) -> Result<Sequenced> {
        let mut tx = self.begin().await?;
        rows::lock_sequencer(&mut tx).await?;
        let previous = match rows::latest_checkpoint(&mut tx).await? {
            Some(row) => Some(self.open_checkpoint(&row)?),
            None => None,
        };
        let size = previous.as_ref().map_or(0, liaison_ledger::Checkpoint::size);
        let stored = rows::stored_size(&mut tx).await?;
        if stored != size {
            return Err(broken(format_args!(
                "{stored} entries have an index, the last checkpoint signs {size}"
            )));
        }
        let pending = rows::pending(&mut tx, BATCH).await?;
        if pending.is_empty() {
            return Ok(Sequenced { entries: 0, size });
        }
        let mut hashes = Vec::with_capacity(pending.len());
        for (entry, bytes) in &pending {
            hashes.push(Leaf::hash(&leaf_of(*entry, bytes)?));
        }
        let mut lookup = rows::hashes(&mut tx, &tree::append_needs(size).map_err(broken)?).await?;
        let grown = tree::append(size, &hashes, &lookup).map_err(broken)?;
        lookup.extend(grown.new_hashes.iter().copied());
        let growth = match previous {
            Some(_) => tree::prove_consistency(size, grown.head.size, &lookup).map_err(broken)?,
            None => Vec::new(),
        };
        // Signing checks the proof against the last checkpoint's root, and so the stored hashes with it.
        let checkpoint = self
            .signer()
            .sign(previous.as_ref(), grown.head, &growth)
            .map_err(broken)?;
        let entries: Vec<_> = pending.into_iter().map(|(entry, _)| entry).collect();
        let signed = (checkpoint.size(), checkpoint.as_str().to_owned(), self.now());
        rows::append(&mut tx, size, &entries, &grown.new_hashes, signed).await?;
        tx.commit().await?;
        Ok(Sequenced {
            entries: entries.len() as u64,
            size: checkpoint.size(),
        })
    }
}
