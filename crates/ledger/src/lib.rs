//! The tamper-evident ledger: Merkle tree, checkpoints, proofs, receipts, exports and their
//! offline verification.
//!
//! Pure: no clock, no randomness, no database. A caller loads the hashes a function asks for,
//! hands them in and stores what comes back. What the ledger holds are ids and codes, never
//! PHI; which acts are recorded, and when, is decided elsewhere.
//!
//! # Where to begin
//!
//! | to | read |
//! | --- | --- |
//! | record an act | [`Entry`], [`Leaf`] |
//! | grow the tree and prove things about it | [`tree`] |
//! | sign and check a tree head | [`Signer`], [`VerifierKey`], [`Checkpoint`] |
//! | give a recipient a proof to keep | [`Receipt`], [`verify_receipt`] |
//! | give an auditor many entries | [`Exporter`], [`verify_export`] |
//! | show that the log only ever grew | [`ConsistencyProof`], [`verify_consistency`] |
//!
//! # Standards
//!
//! Hashing and proofs: RFC 6962 section 2.1. Numbering of stored hashes: Go's `sumdb/tlog`
//! (Crosby and Wallach). Checkpoints: C2SP `tlog-checkpoint` over C2SP `signed-note` with
//! Ed25519. Proof text: C2SP `tlog-proof`. Leaves: JSON in the form of RFC 8785, without
//! floating-point numbers.

mod canonical;
mod checkpoint;
mod consistency;
mod encoding;
mod entry;
mod export;
mod leaf;
mod receipt;
mod tlog_proof;
pub mod tree;

pub use checkpoint::{Checkpoint, CheckpointError, KeyError, SignError, Signer, VerifierKey};
pub use consistency::{CONSISTENCY_FORMAT, ConsistencyProof, verify_consistency};
pub use entry::{Actor, ENTRY_VERSION, Entry, EntryError};
pub use export::{
    EXPORT_FORMAT, ExportError, ExportProblem, ExportVerifier, Exporter, MAX_LINE_BYTES, VerifiedExport, verify_export,
};
pub use leaf::{Leaf, LeafError, MAX_LEAF_BYTES, leaf_hash};
pub use receipt::{RECEIPT_FORMAT, Receipt, VerifiedReceipt, VerifyError, verify_receipt};
pub use tlog_proof::{MAX_PROOF_HASHES, TLOG_PROOF_HEADER, TlogProof, TlogProofError};
pub use tree::{ProofError, TreeError, TreeHead};

/// A SHA-256 hash: of a leaf, an inner node or a whole tree (RFC 6962 section 2.1).
pub type Hash = [u8; 32];
