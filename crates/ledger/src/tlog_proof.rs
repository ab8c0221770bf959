//! The text form of a proof that one entry is in the log (C2SP `tlog-proof`): index, audit
//! path and checkpoint in a few lines of text, readable by tools that know nothing of Liaison.

use std::fmt;

use crate::Hash;
use crate::checkpoint::{Checkpoint, CheckpointError, VerifierKey};
use crate::encoding::{decimal, from_base64, hash_from_base64, to_base64};
use crate::tree::{self, ProofError};

/// The first line of the text form.
pub const TLOG_PROOF_HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The most hashes a proof may hold: the height of a tree with 2^63 leaves.
pub const MAX_PROOF_HASHES: usize = 63;

/// A proof as parsed. Nothing in it is checked before [`TlogProof::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Extra data, which no signature covers. Liaison writes none; proofs from elsewhere may
    /// hold some.
    pub extra: Option<Vec<u8>>,
    /// The entry's zero-based place in the log.
    pub index: u64,
    /// The audit path, the leaf's sibling first (RFC 6962 section 2.1.1).
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, verbatim.
    pub checkpoint: String,
}

/// Why a text is not a proof, or proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// The first line is another.
    #[error("proof line 1 is not {TLOG_PROOF_HEADER}")]
    Header,
    /// The extra line is not base64.
    #[error("proof line 2: the extra data is not standard base64")]
    Extra,
    /// There is no index line, or its number is not a plain decimal.
    #[error("proof line {line}: expected 'index' and a decimal number without leading zeroes")]
    Index {
        /// Line number, from 1.
        line: usize,
    },
    /// A line of the path is not a hash.
    #[error("proof line {line}: expected a SHA-256 hash in base64 or the empty line before the checkpoint")]
    Hash {
        /// Line number, from 1.
        line: usize,
    },
    /// More hashes than any tree is high.
    #[error("the proof holds more than {MAX_PROOF_HASHES} hashes")]
    TooManyHashes,
    /// The text ends before the checkpoint.
    #[error("the proof has no empty line followed by a checkpoint")]
    NoCheckpoint,
    /// The checkpoint is not one of the log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The path does not lead to the root.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl TlogProof {
    /// A proof in the tree of `checkpoint`, without extra data.
    #[must_use]
    pub fn new(index: u64, hashes: Vec<Hash>, checkpoint: &Checkpoint) -> Self {
        Self {
            extra: None,
            index,
            hashes,
            checkpoint: checkpoint.as_str().to_owned(),
        }
    }

    /// Reads the text form.
    ///
    /// # Errors
    ///
    /// Any [`TlogProofError`] but `Checkpoint` and `Proof`, naming the line.
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        let (head, checkpoint) = text.split_once("\n\n").ok_or(TlogProofError::NoCheckpoint)?;
        let mut lines = head.split('\n').zip(1..).peekable();
        if lines.next().map(|(line, _)| line) != Some(TLOG_PROOF_HEADER) {
            return Err(TlogProofError::Header);
        }
        let extra = lines
            .next_if(|(line, _)| line.starts_with("extra "))
            .map(|(line, _)| from_base64(&line["extra ".len()..]).ok_or(TlogProofError::Extra))
            .transpose()?;
        let (line, number) = lines.next().unwrap_or(("", 2));
        let index = line
            .strip_prefix("index ")
            .and_then(decimal)
            .ok_or(TlogProofError::Index { line: number })?;
        let mut hashes = Vec::new();
        for (line, number) in lines {
            if hashes.len() == MAX_PROOF_HASHES {
                return Err(TlogProofError::TooManyHashes);
            }
            hashes.push(hash_from_base64(line).ok_or(TlogProofError::Hash { line: number })?);
        }
        Ok(Self {
            extra,
            index,
            hashes,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// Checks that the leaf with this hash is in the log which `key` signs for.
    ///
    /// # Errors
    ///
    /// [`TlogProofError::Checkpoint`], [`TlogProofError::Proof`].
    pub fn verify(&self, leaf_hash: Hash, key: &VerifierKey) -> Result<Checkpoint, TlogProofError> {
        let checkpoint = key.open(&self.checkpoint)?;
        tree::verify_inclusion(leaf_hash, self.index, checkpoint.head(), &self.hashes)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{TLOG_PROOF_HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(formatter, "extra {}", to_base64(extra))?;
        }
        writeln!(formatter, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(formatter, "{}", to_base64(hash))?;
        }
        write!(formatter, "\n{}", self.checkpoint)
    }
}
