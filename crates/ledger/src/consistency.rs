//! The proof that a later checkpoint continues an earlier one, as a JSON document for someone
//! who kept the earlier checkpoint and wants to know that nothing was changed since.

use serde::{Deserialize, Serialize};

use crate::Hash;
use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::encoding::{hashes_from_base64, hashes_to_base64, json_document};
use crate::receipt::VerifyError;
use crate::tlog_proof::MAX_PROOF_HASHES;
use crate::tree;

/// The value of a consistency proof's `format`.
pub const CONSISTENCY_FORMAT: &str = "liaison-consistency@v1";

/// A consistency proof (RFC 6962 section 2.1.2) with the sizes it connects.
///
/// ```json
/// { "format": "liaison-consistency@v1", "old_size": 6, "new_size": 8, "hashes": ["base64"] }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// Size of the earlier tree.
    pub old_size: u64,
    /// Size of the later tree.
    pub new_size: u64,
    /// The proof, see [`tree::prove_consistency`].
    pub hashes: Vec<Hash>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    old_size: u64,
    new_size: u64,
    hashes: Vec<String>,
}

impl ConsistencyProof {
    /// The JSON document, indented, with a newline at its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        json_document(&Document {
            format: CONSISTENCY_FORMAT.to_owned(),
            old_size: self.old_size,
            new_size: self.new_size,
            hashes: hashes_to_base64(&self.hashes),
        })
    }

    /// Reads the document; checks nothing about the trees.
    ///
    /// # Errors
    ///
    /// [`VerifyError::Malformed`], [`VerifyError::UnknownFormat`].
    pub fn parse(text: &str) -> Result<Self, VerifyError> {
        let document: Document =
            serde_json::from_str(text).map_err(|error| VerifyError::Malformed(error.to_string()))?;
        if document.format != CONSISTENCY_FORMAT {
            return Err(VerifyError::UnknownFormat {
                found: document.format,
                expected: CONSISTENCY_FORMAT,
            });
        }
        // A consistency proof may be one hash longer than an audit path.
        if document.hashes.len() > MAX_PROOF_HASHES + 1 {
            return Err(VerifyError::Malformed("more hashes than any tree is high".to_owned()));
        }
        let hashes = hashes_from_base64(&document.hashes).map_err(|position| {
            VerifyError::Malformed(format!(
                "hash {} of the proof is not a SHA-256 hash in base64",
                position + 1
            ))
        })?;
        Ok(Self {
            old_size: document.old_size,
            new_size: document.new_size,
            hashes,
        })
    }
}

/// Checks that the checkpoint `new` continues the checkpoint `old` (both as signed notes), with
/// `proof` as JSON document and the log's public key. Returns both checkpoints, old first.
///
/// # Errors
///
/// A [`VerifyError`] that names what is wrong. [`VerifyError::Proof`] with both checkpoints well
/// signed means that the log broke its promise: keep both checkpoints, they are the evidence.
pub fn verify_consistency(
    old: &str,
    new: &str,
    proof: &str,
    key: &VerifierKey,
) -> Result<(Checkpoint, Checkpoint), VerifyError> {
    let open = |which, note| {
        key.open(note)
            .map_err(|source| VerifyError::Checkpoint { which, source })
    };
    let (old, new) = (open("old", old)?, open("new", new)?);
    let proof = ConsistencyProof::parse(proof)?;
    if (proof.old_size, proof.new_size) != (old.size(), new.size()) {
        return Err(VerifyError::OtherSizes {
            proof_old: proof.old_size,
            proof_new: proof.new_size,
            old: old.size(),
            new: new.size(),
        });
    }
    tree::verify_growth(old.head(), new.head(), &proof.hashes)?;
    Ok((old, new))
}
