//! The Merkle tree of RFC 6962 section 2.1 over stored hashes, without a store.
//!
//! Every complete subtree's hash is kept under a number: one table `(hash_index, hash)`, the
//! dense numbering of Go's `sumdb/tlog`. Each act comes in two steps. `*_needs` names the
//! stored hashes to load, in rising order and O(log n) of them; the act itself takes them in a
//! map and does the arithmetic. A hash, once stored, never changes and is never removed.
//!
//! ```
//! use std::collections::HashMap;
//! use liaison_ledger::{leaf_hash, tree};
//!
//! let mut table: HashMap<u64, liaison_ledger::Hash> = HashMap::new();
//! let leaves = [leaf_hash(b"first"), leaf_hash(b"second")];
//! let needed = tree::append_needs(0)?; // nothing yet; else: load these from the table
//! assert!(needed.is_empty());
//! let appended = tree::append(0, &leaves, &table)?;
//! table.extend(appended.new_hashes); // insert these
//! let proof = tree::prove_inclusion(1, 2, &table)?;
//! tree::verify_inclusion(leaves[1], 1, appended.head, &proof)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::cell::RefCell;
use std::collections::HashMap;

use tlog_tiles::tlog;
use tlog_tiles::tlog::HashReader;

use crate::Hash;

/// The most leaves a tree may have: 2^52, so that sizes, leaf indexes and stored-hash indexes
/// all fit a database's `bigint` and the exact integers of every JSON reader.
pub const MAX_TREE_SIZE: u64 = 1 << 52;

/// The root of the tree without leaves: SHA-256 of nothing (RFC 6962 section 2.1).
pub const EMPTY_ROOT: Hash = tlog::EMPTY_HASH.0;

/// A tree's size and root: what a checkpoint signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TreeHead {
    /// How many leaves the tree has.
    pub size: u64,
    /// Its RFC 6962 root hash.
    pub root: Hash,
}

impl TreeHead {
    /// The head of the tree without leaves.
    pub const EMPTY: Self = Self {
        size: 0,
        root: EMPTY_ROOT,
    };
}

/// What an append yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The stored hashes to insert, in rising order of index without gaps.
    pub new_hashes: Vec<(u64, Hash)>,
    /// The tree afterwards.
    pub head: TreeHead,
}

/// Why the tree cannot be worked on. These are faults of the caller or of the stored table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A hash which the `*_needs` function named was not handed in.
    #[error("stored hash {0} is missing: load every hash the matching needs function names")]
    MissingHash(u64),
    /// Beyond [`MAX_TREE_SIZE`].
    #[error("a tree of {0} leaves is more than this ledger can hold")]
    TooLarge(u64),
    /// There is no such leaf.
    #[error("leaf {index} is not in a tree of {size} leaves")]
    NoSuchLeaf {
        /// The index asked for.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// A consistency proof leads from the smaller tree to the larger.
    #[error("the earlier tree ({old} leaves) is larger than the later one ({new} leaves)")]
    OldLarger {
        /// Size of the earlier tree.
        old: u64,
        /// Size of the later tree.
        new: u64,
    },
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index lies outside the tree.
    #[error("the entry's index {index} lies outside the tree of {size} leaves")]
    OutsideTree {
        /// The index claimed.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// The hashes do not lead to the root.
    #[error("the inclusion proof does not lead from this entry to the signed root")]
    Inclusion,
    /// The log would have shrunk.
    #[error("the later tree ({new} leaves) is smaller than the earlier one ({old} leaves)")]
    Shrunk {
        /// Size of the earlier tree.
        old: u64,
        /// Size of the later tree.
        new: u64,
    },
    /// Two different trees of one size.
    #[error("two different trees of {0} leaves: the log was forked or rewritten")]
    Forked(u64),
    /// The hashes do not show that the later tree begins with the earlier one.
    #[error("the consistency proof does not show that the tree of {new} leaves begins with the tree of {old} leaves")]
    Consistency {
        /// Size of the earlier tree.
        old: u64,
        /// Size of the later tree.
        new: u64,
    },
}

/// The stored hashes [`append`] needs for a tree of `size` leaves: at most one for each bit
/// of `size`, whatever the batch's length.
///
/// # Errors
///
/// [`TreeError::TooLarge`].
pub fn append_needs(size: u64) -> Result<Vec<u64>, TreeError> {
    root_needs(size)
}

/// Appends a batch of leaf hashes to a tree of `size` leaves.
///
/// `lookup` extended by the `new_hashes` also suffices to prove consistency from `size` to
/// the new size, without another load.
///
/// # Errors
///
/// [`TreeError::MissingHash`], [`TreeError::TooLarge`].
pub fn append(size: u64, leaf_hashes: &[Hash], lookup: &HashMap<u64, Hash>) -> Result<Appended, TreeError> {
    let added = leaf_hashes.len() as u64;
    let new_size = within_limit(size.saturating_add(added))?;
    all_present(&append_needs(size)?, lookup)?;
    let mut grown = Grown {
        lookup,
        first: tlog::stored_hash_count(size),
        new: Vec::new(),
    };
    for (index, leaf) in (size..new_size).zip(leaf_hashes) {
        let hashes =
            tlog::stored_hashes_for_record_hash(index, tlog::Hash(*leaf), &grown).map_err(|_| grown.first_missing())?;
        grown.new.extend(hashes);
    }
    let root = tlog::tree_hash(new_size, &grown).map_err(|_| grown.first_missing())?;
    let new_hashes = (grown.first..).zip(grown.new.iter().map(|hash| hash.0)).collect();
    Ok(Appended {
        new_hashes,
        head: TreeHead {
            size: new_size,
            root: root.0,
        },
    })
}

/// The stored hashes [`root`] needs.
///
/// # Errors
///
/// [`TreeError::TooLarge`].
pub fn root_needs(size: u64) -> Result<Vec<u64>, TreeError> {
    within_limit(size)?;
    Ok(record_needs(|reader| tlog::tree_hash(size, reader).map(drop)))
}

/// The head of the tree at `size` leaves.
///
/// # Errors
///
/// [`TreeError::MissingHash`], [`TreeError::TooLarge`].
pub fn root(size: u64, lookup: &HashMap<u64, Hash>) -> Result<TreeHead, TreeError> {
    let needs = root_needs(size)?;
    let root = read(&needs, lookup, |reader| tlog::tree_hash(size, reader))?;
    Ok(TreeHead { size, root: root.0 })
}

/// The stored hashes [`prove_inclusion`] needs.
///
/// # Errors
///
/// [`TreeError::NoSuchLeaf`], [`TreeError::TooLarge`].
pub fn inclusion_needs(index: u64, size: u64) -> Result<Vec<u64>, TreeError> {
    within_limit(size)?;
    if index >= size {
        return Err(TreeError::NoSuchLeaf { index, size });
    }
    Ok(record_needs(|reader| tlog::prove_record(size, index, reader).map(drop)))
}

/// The audit path of the leaf at `index` in the tree of `size` leaves, sibling first
/// (RFC 6962 section 2.1.1).
///
/// # Errors
///
/// [`TreeError::MissingHash`], [`TreeError::NoSuchLeaf`], [`TreeError::TooLarge`].
pub fn prove_inclusion(index: u64, size: u64, lookup: &HashMap<u64, Hash>) -> Result<Vec<Hash>, TreeError> {
    let needs = inclusion_needs(index, size)?;
    let path = read(&needs, lookup, |reader| tlog::prove_record(size, index, reader))?;
    Ok(path.into_iter().map(|hash| hash.0).collect())
}

/// The stored hashes [`prove_consistency`] needs.
///
/// # Errors
///
/// [`TreeError::OldLarger`], [`TreeError::TooLarge`].
pub fn consistency_needs(old: u64, new: u64) -> Result<Vec<u64>, TreeError> {
    within_limit(new)?;
    if old > new {
        return Err(TreeError::OldLarger { old, new });
    }
    if old == 0 {
        return Ok(Vec::new());
    }
    Ok(record_needs(|reader| tlog::prove_tree(new, old, reader).map(drop)))
}

/// The proof that the tree of `new` leaves begins with the tree of `old` leaves (RFC 6962
/// section 2.1.2). Empty where `old` is 0 or equals `new`.
///
/// # Errors
///
/// [`TreeError::MissingHash`], [`TreeError::OldLarger`], [`TreeError::TooLarge`].
pub fn prove_consistency(old: u64, new: u64, lookup: &HashMap<u64, Hash>) -> Result<Vec<Hash>, TreeError> {
    let needs = consistency_needs(old, new)?;
    if old == 0 {
        return Ok(Vec::new());
    }
    let proof = read(&needs, lookup, |reader| tlog::prove_tree(new, old, reader))?;
    Ok(proof.into_iter().map(|hash| hash.0).collect())
}

/// Checks that the leaf with this hash stands at `index` in the tree with this head.
///
/// # Errors
///
/// [`ProofError::OutsideTree`], [`ProofError::Inclusion`].
pub fn verify_inclusion(leaf_hash: Hash, index: u64, head: TreeHead, proof: &[Hash]) -> Result<(), ProofError> {
    if index >= head.size {
        return Err(ProofError::OutsideTree { index, size: head.size });
    }
    let path = proof_hashes(proof).ok_or(ProofError::Inclusion)?;
    tlog::check_record(&path, head.size, tlog::Hash(head.root), index, tlog::Hash(leaf_hash))
        .map_err(|_| ProofError::Inclusion)
}

/// Checks that the tree `new` begins with the tree `old`: that nothing was changed or removed.
///
/// # Errors
///
/// [`ProofError::Shrunk`], [`ProofError::Forked`], [`ProofError::Consistency`].
pub fn verify_growth(old: TreeHead, new: TreeHead, proof: &[Hash]) -> Result<(), ProofError> {
    let inconsistent = ProofError::Consistency {
        old: old.size,
        new: new.size,
    };
    if new.size < old.size {
        return Err(ProofError::Shrunk {
            old: old.size,
            new: new.size,
        });
    }
    if new.size == old.size && new.root != old.root {
        return Err(ProofError::Forked(old.size));
    }
    if old.size == 0 {
        // RFC 6962 has no proof from the empty tree, with which every tree begins.
        let trivial = proof.is_empty() && old.root == EMPTY_ROOT;
        return if trivial { Ok(()) } else { Err(inconsistent) };
    }
    let path = proof_hashes(proof).ok_or(inconsistent)?;
    tlog::check_tree(&path, new.size, tlog::Hash(new.root), old.size, tlog::Hash(old.root)).map_err(|_| inconsistent)
}

/// SHA-256 of `0x00` and the leaf's bytes.
pub(crate) fn record_hash(bytes: &[u8]) -> Hash {
    tlog::record_hash(bytes).0
}

fn within_limit(size: u64) -> Result<u64, TreeError> {
    if size > MAX_TREE_SIZE {
        Err(TreeError::TooLarge(size))
    } else {
        Ok(size)
    }
}

/// No proof in a tree of 64-bit size is longer than 64 hashes; the check keeps a hostile proof
/// from costing more than a real one.
fn proof_hashes(proof: &[Hash]) -> Option<Vec<tlog::Hash>> {
    (proof.len() <= 64).then(|| proof.iter().map(|hash| tlog::Hash(*hash)).collect())
}

fn all_present(needs: &[u64], lookup: &HashMap<u64, Hash>) -> Result<(), TreeError> {
    match needs.iter().find(|index| !lookup.contains_key(index)) {
        Some(index) => Err(TreeError::MissingHash(*index)),
        None => Ok(()),
    }
}

/// Runs `act` over hashes known to be complete.
fn read<T>(
    needs: &[u64],
    lookup: &HashMap<u64, Hash>,
    act: impl FnOnce(&Grown<'_>) -> Result<T, tlog::Error>,
) -> Result<T, TreeError> {
    all_present(needs, lookup)?;
    let reader = Grown {
        lookup,
        first: u64::MAX,
        new: Vec::new(),
    };
    act(&reader).map_err(|_| reader.first_missing())
}

/// Asks an act which hashes it would read, by giving it zeroes.
fn record_needs(act: impl FnOnce(&Recorder) -> Result<(), tlog::Error>) -> Vec<u64> {
    let recorder = Recorder::default();
    // With zeroes for hashes only the result is meaningless, and it is dropped.
    let _meaningless = act(&recorder);
    recorder.asked.into_inner()
}

#[derive(Default)]
struct Recorder {
    asked: RefCell<Vec<u64>>,
}

impl HashReader for Recorder {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        self.asked.borrow_mut().extend_from_slice(indexes);
        Ok(vec![tlog::Hash::default(); indexes.len()])
    }
}

/// The loaded hashes, and behind them those the batch has added so far.
struct Grown<'a> {
    lookup: &'a HashMap<u64, Hash>,
    first: u64,
    new: Vec<tlog::Hash>,
}

impl Grown<'_> {
    fn get(&self, index: u64) -> Option<tlog::Hash> {
        match index.checked_sub(self.first) {
            Some(offset) => self.new.get(usize::try_from(offset).ok()?).copied(),
            None => self.lookup.get(&index).map(|hash| tlog::Hash(*hash)),
        }
    }

    /// Every needed hash was checked to be there, so a failed read can only mean that the
    /// numbering broke at the seam between stored and new hashes.
    fn first_missing(&self) -> TreeError {
        TreeError::MissingHash(self.first)
    }
}

impl HashReader for Grown<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        indexes
            .iter()
            .map(|index| self.get(*index).ok_or(tlog::Error::IndexesNotInTree))
            .collect()
    }
}
