//! Exports: many entries with their proofs against one checkpoint, as NDJSON that is written
//! and checked line by line, so that neither side holds it all in memory.

use std::io::{self, BufRead, Read};

use serde::{Deserialize, Serialize};

use crate::Hash;
use crate::canonical::StrictValue;
use crate::checkpoint::{Checkpoint, CheckpointError, VerifierKey};
use crate::encoding::{hash_from_base64, hashes_from_base64, hashes_to_base64, json_line, to_base64};
use crate::leaf::{Leaf, LeafError};
use crate::tree::{self, ProofError, TreeHead};

/// The value of the header's `format`.
pub const EXPORT_FORMAT: &str = "liaison-export@v1";

/// The most bytes one line may have; the longest legal entry stays well below.
pub const MAX_LINE_BYTES: usize = 512 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum Line {
    Header {
        format: String,
        origin: String,
        size: u64,
        root: String,
    },
    Entry {
        index: u64,
        entry: StrictValue,
        leaf: String,
        proof: Vec<String>,
    },
    Checkpoint {
        entries: u64,
        checkpoint: String,
    },
}

/// Writes an export's lines; each ends with a newline.
///
/// ```json
/// {"type":"header","format":"liaison-export@v1","origin":"...","size":8,"root":"base64"}
/// {"type":"entry","index":2,"entry":{"...":"readable"},"leaf":"base64","proof":["base64"]}
/// {"type":"checkpoint","entries":1,"checkpoint":"the signed note"}
/// ```
///
/// Entries stand in rising order of index and may be a selection. The header states the tree
/// every proof leads to, and is worth nothing until the closing line signs that same tree; an
/// export cut short has no closing line and fails.
#[derive(Debug)]
pub struct Exporter {
    checkpoint: Checkpoint,
    last: Option<u64>,
    entries: u64,
}

/// What an export proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedExport {
    /// The signed head of the tree that holds every entry.
    pub checkpoint: Checkpoint,
    /// How many entries the export holds.
    pub entries: u64,
    /// Index of the first and the last entry; `None` for an export without entries.
    pub range: Option<(u64, u64)>,
}

/// Where and why an export proves nothing.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ExportError {
    /// Line number, from 1.
    pub line: u64,
    /// What is wrong there.
    #[source]
    pub problem: ExportProblem,
}

/// What is wrong with a line of an export.
#[derive(Debug, thiserror::Error)]
pub enum ExportProblem {
    /// It could not be read.
    #[error("could not be read: {0}")]
    Io(#[from] io::Error),
    /// Longer than [`MAX_LINE_BYTES`].
    #[error("longer than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// Not a line of an export.
    #[error("not a line of an export: {0}")]
    Malformed(String),
    /// The export does not begin with its header, or has a second one.
    #[error("the header must be the first line, and only the first")]
    HeaderPlace,
    /// A form this program does not know.
    #[error("the format is {found:?}; this program reads {EXPORT_FORMAT:?}")]
    UnknownFormat {
        /// What the header says.
        found: String,
    },
    /// The export of another log.
    #[error("the export is of the log {origin:?}, the key is of {expected:?}")]
    OtherOrigin {
        /// The origin in the header.
        origin: String,
        /// The name of the key.
        expected: String,
    },
    /// A root or proof hash is not one.
    #[error("a hash is not a SHA-256 hash in base64")]
    Hash,
    /// Entries do not stand in rising order.
    #[error("entry {index} stands after entry {previous}: entries must rise and none may repeat")]
    Order {
        /// The index before.
        previous: u64,
        /// The index of this line.
        index: u64,
    },
    /// The leaf, or the readable copy beside it, is wrong.
    #[error(transparent)]
    Leaf(#[from] LeafError),
    /// The proof does not lead to the header's root.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The closing checkpoint is not one of the log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The closing checkpoint signs another tree than the header states.
    #[error("the checkpoint signs another tree than the header states")]
    OtherTree,
    /// Lines were taken out or put in.
    #[error("the closing line counts {stated} entries, the export holds {held}")]
    Count {
        /// What the closing line says.
        stated: u64,
        /// What was read.
        held: u64,
    },
    /// Something follows the closing line.
    #[error("nothing may follow the closing checkpoint")]
    AfterEnd,
    /// There is no closing line.
    #[error("the export ends without its closing checkpoint: it was cut short")]
    CutShort,
}

impl VerifiedExport {
    /// Whether the export holds every entry of the tree, so that nothing was left out.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.entries == self.checkpoint.size()
    }
}

impl Exporter {
    /// Begins an export against `checkpoint`; every proof must be made for its size.
    #[must_use]
    pub fn new(checkpoint: Checkpoint) -> Self {
        Self {
            checkpoint,
            last: None,
            entries: 0,
        }
    }

    /// The first line.
    #[must_use]
    pub fn header(&self) -> String {
        line(&Line::Header {
            format: EXPORT_FORMAT.to_owned(),
            origin: self.checkpoint.origin().to_owned(),
            size: self.checkpoint.size(),
            root: to_base64(&self.checkpoint.root()),
        })
    }

    /// The line of one entry. `proof` is its audit path in the checkpoint's tree.
    ///
    /// # Errors
    ///
    /// [`ExportProblem::Order`], [`ExportProblem::Proof`]: an export that would not verify is
    /// not written.
    pub fn entry(&mut self, index: u64, leaf: &Leaf, proof: &[Hash]) -> Result<String, ExportProblem> {
        check_order(self.last, index)?;
        tree::verify_inclusion(leaf.hash(), index, self.checkpoint.head(), proof)?;
        self.last = Some(index);
        self.entries += 1;
        Ok(line(&Line::Entry {
            index,
            entry: leaf.readable(),
            leaf: leaf.to_base64(),
            proof: hashes_to_base64(proof),
        }))
    }

    /// The last line, after which nothing may follow.
    #[must_use]
    pub fn closing(self) -> String {
        line(&Line::Checkpoint {
            entries: self.entries,
            checkpoint: self.checkpoint.as_str().to_owned(),
        })
    }
}

/// Checks an export line by line, for callers who receive it in pieces. [`verify_export`] is
/// the same over a reader.
#[derive(Debug)]
pub struct ExportVerifier<'k> {
    key: &'k VerifierKey,
    line: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Start,
    Open {
        head: TreeHead,
        entries: u64,
        range: Option<(u64, u64)>,
    },
    Closed(VerifiedExport),
}

impl<'k> ExportVerifier<'k> {
    /// Begins with the log's public key.
    #[must_use]
    pub fn new(key: &'k VerifierKey) -> Self {
        Self {
            key,
            line: 0,
            state: State::Start,
        }
    }

    /// Takes the next line, with or without its newline.
    ///
    /// # Errors
    ///
    /// What is wrong with this line. The export proves nothing then; do not go on.
    pub fn line(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.line += 1;
        self.take(bytes).map_err(|problem| self.error(problem))
    }

    /// Ends the export.
    ///
    /// # Errors
    ///
    /// [`ExportProblem::CutShort`] if the closing line has not come.
    pub fn finish(self) -> Result<VerifiedExport, ExportError> {
        match self.state {
            State::Closed(export) => Ok(export),
            _ => Err(ExportError {
                line: self.line + 1,
                problem: ExportProblem::CutShort,
            }),
        }
    }

    fn error(&self, problem: ExportProblem) -> ExportError {
        ExportError {
            line: self.line,
            problem,
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), ExportProblem> {
        if bytes.len() > MAX_LINE_BYTES {
            return Err(ExportProblem::TooLong);
        }
        if matches!(self.state, State::Closed(_)) {
            return Err(ExportProblem::AfterEnd);
        }
        let line: Line = serde_json::from_slice(bytes).map_err(|error| ExportProblem::Malformed(error.to_string()))?;
        match (&mut self.state, line) {
            (
                State::Start,
                Line::Header {
                    format,
                    origin,
                    size,
                    root,
                },
            ) => {
                let head = read_header(self.key, format, origin, size, &root)?;
                self.state = State::Open {
                    head,
                    entries: 0,
                    range: None,
                };
            }
            (
                State::Open { head, entries, range },
                Line::Entry {
                    index,
                    entry,
                    leaf,
                    proof,
                },
            ) => {
                check_order(range.map(|(_, last)| last), index)?;
                let leaf = Leaf::from_base64(&leaf, &entry)?;
                let proof = hashes_from_base64(&proof).map_err(|_| ExportProblem::Hash)?;
                tree::verify_inclusion(leaf.hash(), index, *head, &proof)?;
                *entries += 1;
                *range = Some((range.map_or(index, |(first, _)| first), index));
            }
            (
                State::Open {
                    head,
                    entries: held,
                    range,
                },
                Line::Checkpoint { entries, checkpoint },
            ) => {
                let checkpoint = self.key.open(&checkpoint)?;
                if checkpoint.head() != *head {
                    return Err(ExportProblem::OtherTree);
                }
                if entries != *held {
                    return Err(ExportProblem::Count {
                        stated: entries,
                        held: *held,
                    });
                }
                let range = *range;
                self.state = State::Closed(VerifiedExport {
                    checkpoint,
                    entries,
                    range,
                });
            }
            _ => return Err(ExportProblem::HeaderPlace),
        }
        Ok(())
    }
}

/// Checks an export with nothing but the log's public key, in memory bounded by
/// [`MAX_LINE_BYTES`].
///
/// # Errors
///
/// The first line that is wrong, and what is wrong with it.
pub fn verify_export<R: BufRead>(mut reader: R, key: &VerifierKey) -> Result<VerifiedExport, ExportError> {
    let mut verifier = ExportVerifier::new(key);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        // Two more than allowed: room for the newline, and for seeing that it is too long.
        let read = (&mut reader)
            .take(MAX_LINE_BYTES as u64 + 2)
            .read_until(b'\n', &mut bytes);
        match read {
            Ok(0) => return verifier.finish(),
            Ok(_) => verifier.line(bytes.strip_suffix(b"\n").unwrap_or(&bytes))?,
            Err(error) => {
                return Err(ExportError {
                    line: verifier.line + 1,
                    problem: ExportProblem::Io(error),
                });
            }
        }
    }
}

fn read_header(
    key: &VerifierKey,
    format: String,
    origin: String,
    size: u64,
    root: &str,
) -> Result<TreeHead, ExportProblem> {
    if format != EXPORT_FORMAT {
        return Err(ExportProblem::UnknownFormat { found: format });
    }
    if origin != key.name() {
        return Err(ExportProblem::OtherOrigin {
            origin,
            expected: key.name().to_owned(),
        });
    }
    let root = hash_from_base64(root).ok_or(ExportProblem::Hash)?;
    Ok(TreeHead { size, root })
}

fn check_order(previous: Option<u64>, index: u64) -> Result<(), ExportProblem> {
    match previous {
        Some(previous) if index <= previous => Err(ExportProblem::Order { previous, index }),
        _ => Ok(()),
    }
}

fn line(line: &Line) -> String {
    let mut text = json_line(line);
    text.push('\n');
    text
}
