//! Receipts: one entry and the proof that it was logged, in one JSON document which a recipient
//! can keep for years and check with nothing but the log's public key.

use serde::{Deserialize, Serialize};

use crate::Hash;
use crate::canonical::StrictValue;
use crate::checkpoint::{Checkpoint, CheckpointError, VerifierKey};
use crate::encoding::json_document;
use crate::entry::Entry;
use crate::leaf::{Leaf, LeafError};
use crate::tlog_proof::{TlogProof, TlogProofError};
use crate::tree::ProofError;

/// The value of a receipt's `format`.
pub const RECEIPT_FORMAT: &str = "liaison-receipt@v1";

/// An entry with its proof.
///
/// ```json
/// {
///   "format": "liaison-receipt@v1",
///   "entry":  { "...": "the entry, readable; must equal the leaf" },
///   "leaf":   "base64 of the bytes the log committed to",
///   "proof":  "the text of a C2SP tlog-proof: index, audit path, signed checkpoint"
/// }
/// ```
///
/// `proof` alone, saved as a `.tlog-proof` file, together with the decoded `leaf` can be checked
/// by any tool for that format. The key is not in the document on purpose: a proof that brings
/// its own key proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The entry and its bytes.
    pub leaf: Leaf,
    /// The proof that they were logged.
    pub proof: TlogProof,
}

/// What a receipt proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedReceipt {
    /// What was recorded.
    pub entry: Entry,
    /// Its zero-based place in the log.
    pub index: u64,
    /// The hash of its bytes.
    pub leaf_hash: Hash,
    /// The signed head of the tree that holds it.
    pub checkpoint: Checkpoint,
}

/// Why a receipt or a consistency proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not a document of the expected form.
    #[error("not a document of this kind: {0}")]
    Malformed(String),
    /// A form this program does not know.
    #[error("the format is {found:?}; this program reads {expected:?}")]
    UnknownFormat {
        /// What the document says.
        found: String,
        /// What is expected.
        expected: &'static str,
    },
    /// The leaf, or the readable copy beside it, is wrong.
    #[error(transparent)]
    Leaf(#[from] LeafError),
    /// A receipt's proof is malformed or proves nothing.
    #[error(transparent)]
    TlogProof(#[from] TlogProofError),
    /// One of the two checkpoints is not of the log.
    #[error("the {which} checkpoint: {source}")]
    Checkpoint {
        /// `old` or `new`.
        which: &'static str,
        /// What is wrong.
        source: CheckpointError,
    },
    /// A consistency proof made for other checkpoints.
    #[error("the proof leads from {proof_old} to {proof_new} leaves, the checkpoints from {old} to {new}")]
    OtherSizes {
        /// The smaller size in the proof.
        proof_old: u64,
        /// The larger size in the proof.
        proof_new: u64,
        /// Size of the old checkpoint.
        old: u64,
        /// Size of the new checkpoint.
        new: u64,
    },
    /// A consistency proof does not hold.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    entry: StrictValue,
    leaf: String,
    proof: String,
}

impl Receipt {
    /// The JSON document, indented, with a newline at its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        json_document(&Document {
            format: RECEIPT_FORMAT.to_owned(),
            entry: self.leaf.readable(),
            leaf: self.leaf.to_base64(),
            proof: self.proof.to_string(),
        })
    }

    /// Reads the document; checks that the readable copy equals the leaf, but no proof.
    ///
    /// # Errors
    ///
    /// [`VerifyError::Malformed`], [`VerifyError::UnknownFormat`], [`VerifyError::Leaf`],
    /// [`VerifyError::TlogProof`].
    pub fn parse(text: &str) -> Result<Self, VerifyError> {
        let document: Document =
            serde_json::from_str(text).map_err(|error| VerifyError::Malformed(error.to_string()))?;
        if document.format != RECEIPT_FORMAT {
            return Err(VerifyError::UnknownFormat {
                found: document.format,
                expected: RECEIPT_FORMAT,
            });
        }
        Ok(Self {
            leaf: Leaf::from_base64(&document.leaf, &document.entry)?,
            proof: TlogProof::parse(&document.proof)?,
        })
    }

    /// Checks the proof.
    ///
    /// # Errors
    ///
    /// [`VerifyError::TlogProof`].
    pub fn verify(self, key: &VerifierKey) -> Result<VerifiedReceipt, VerifyError> {
        let leaf_hash = self.leaf.hash();
        let checkpoint = self.proof.verify(leaf_hash, key)?;
        Ok(VerifiedReceipt {
            entry: self.leaf.into_entry(),
            index: self.proof.index,
            leaf_hash,
            checkpoint,
        })
    }
}

/// Checks a receipt with nothing but the log's public key.
///
/// # Errors
///
/// A [`VerifyError`] that names what is wrong; the receipt proves nothing then.
pub fn verify_receipt(text: &str, key: &VerifierKey) -> Result<VerifiedReceipt, VerifyError> {
    Receipt::parse(text)?.verify(key)
}
