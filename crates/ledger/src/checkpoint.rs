//! Checkpoints: signed tree heads (C2SP `tlog-checkpoint`, a `signed-note` with Ed25519), who
//! signs them and how they are checked.
//!
//! A log must never sign two heads of which one is not a continuation of the other. So signing
//! asks for the last checkpoint and the proof, and refuses without it. To remember the last
//! checkpoint (best: also somewhere outside the database) is the caller's duty.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use signed_note::{Note, NoteError, StandardVerifier, VerifierList};
use tlog_tiles::tlog;
use zeroize::Zeroizing;

use crate::tree::{self, EMPTY_ROOT, MAX_TREE_SIZE, ProofError, TreeHead};
use crate::{Hash, encoding};

/// The signature type byte of Ed25519 in C2SP `signed-note`.
const ED25519: u8 = 1;

/// A checkpoint whose signature was checked or just made. There is no other kind of this type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    head: TreeHead,
    note: String,
}

/// The public key of a log, known by its *verifier key* text `<name>+<id>+<key>` (C2SP
/// `signed-note`). The name is also the origin of the log's checkpoints.
#[derive(Clone)]
pub struct VerifierKey {
    text: String,
    verifier: StandardVerifier,
}

/// The private key of a log. Its memory is wiped when it is dropped; `Debug` shows only the
/// public key.
pub struct Signer {
    name: String,
    key_id: u32,
    key: SigningKey,
    verifier: VerifierKey,
}

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name cannot stand in a signature line.
    #[error(
        "the log's name {0:?} must not be empty nor hold spaces, control characters or '+'; use a form such as ledger.example.org/liaison"
    )]
    Name(String),
    /// The text is not a verifier key.
    #[error("not a verifier key: expected the log's published <name>+<id>+<key> for Ed25519: {0}")]
    VerifierKey(String),
}

/// Why a text is not a checkpoint of the log one trusts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a signed note.
    #[error("not a signed note (C2SP signed-note): text, an empty line, then signature lines")]
    NotANote,
    /// Signed, but not by this key.
    #[error("the checkpoint is not signed by {key}; check that this is the key of the log it came from")]
    OtherKey {
        /// The verifier key it was checked with.
        key: String,
    },
    /// A signature claims to be by this key and is not.
    #[error("the signature by {key} does not fit: the checkpoint was altered")]
    BadSignature {
        /// The verifier key it was checked with.
        key: String,
    },
    /// Signed, but not in the form of a checkpoint.
    #[error("the signed text is not a checkpoint (C2SP tlog-checkpoint): origin, size, root hash")]
    NotACheckpoint,
    /// Signed by this key on behalf of another log.
    #[error("the checkpoint is of the log {origin:?}, the key is of {expected:?}")]
    OtherOrigin {
        /// The origin in the checkpoint.
        origin: String,
        /// The name of the key.
        expected: String,
    },
}

/// Why the log refuses to sign. Each but `NotAHead` means that the stored tree and the last
/// checkpoint contradict each other: stop, keep both, and find out why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The last checkpoint is of another log.
    #[error("the last checkpoint is of the log {previous:?}, this key signs for {own:?}")]
    OtherOrigin {
        /// Origin of the last checkpoint.
        previous: String,
        /// The name this key signs for.
        own: String,
    },
    /// The proof does not show that the new tree continues the last one; shrunk and forked
    /// trees have their own variants inside.
    #[error("refused to sign: {0}")]
    NotAContinuation(#[from] ProofError),
    /// There is no last checkpoint and yet a proof.
    #[error("refused to sign: a consistency proof was given, but no last checkpoint")]
    ProofWithoutPrevious,
    /// A head no tree can have.
    #[error("refused to sign: no tree has {} leaves and this root", .0.size)]
    NotAHead(TreeHead),
}

impl Checkpoint {
    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Size and root of the tree.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        self.head
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.head.size
    }

    /// The tree's root hash.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.head.root
    }

    /// The signed note, verbatim with every signature: what to store and to publish.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.note
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.note)
    }
}

impl VerifierKey {
    /// Reads a verifier key; white space around it is ignored.
    ///
    /// # Errors
    ///
    /// [`KeyError::VerifierKey`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let verifier = StandardVerifier::new(text).map_err(|error| KeyError::VerifierKey(error.to_string()))?;
        Ok(Self {
            text: text.to_owned(),
            verifier,
        })
    }

    /// The log's name, which its checkpoints carry as origin.
    #[must_use]
    pub fn name(&self) -> &str {
        signed_note::Verifier::name(&self.verifier)
    }

    /// The verifier key text, to publish.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Checks a checkpoint's signature and form. Signatures by unknown keys (witnesses, older
    /// keys) are ignored, as C2SP `signed-note` demands.
    ///
    /// # Errors
    ///
    /// Any [`CheckpointError`].
    pub fn open(&self, note: &str) -> Result<Checkpoint, CheckpointError> {
        let parsed = Note::from_bytes(note.as_bytes()).map_err(|_| CheckpointError::NotANote)?;
        let known = VerifierList::new(vec![Box::new(self.verifier.clone())]);
        let key = || self.text.clone();
        parsed.verify(&known).map_err(|error| match error {
            NoteError::InvalidSignature { .. } => CheckpointError::BadSignature { key: key() },
            NoteError::UnverifiedNote => CheckpointError::OtherKey { key: key() },
            _ => CheckpointError::NotANote,
        })?;
        let body = tlog_tiles::Checkpoint::from_bytes(parsed.text()).map_err(|_| CheckpointError::NotACheckpoint)?;
        let head = TreeHead {
            size: body.size(),
            root: body.hash().0,
        };
        if !is_possible(head) {
            return Err(CheckpointError::NotACheckpoint);
        }
        if body.origin() != self.name() {
            return Err(CheckpointError::OtherOrigin {
                origin: body.origin().to_owned(),
                expected: self.name().to_owned(),
            });
        }
        Ok(Checkpoint {
            origin: body.origin().to_owned(),
            head,
            note: note.to_owned(),
        })
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VerifierKey({})", self.text)
    }
}

impl Signer {
    /// The signer of the log `name`, which is both key name and origin. `seed` is the Ed25519
    /// private key of RFC 8032, from a secret store or a good random source, and is wiped.
    ///
    /// # Errors
    ///
    /// [`KeyError::Name`].
    pub fn from_seed(name: &str, seed: Zeroizing<[u8; 32]>) -> Result<Self, KeyError> {
        if !signed_note::is_key_name_valid(name) || name.chars().any(char::is_control) {
            return Err(KeyError::Name(name.to_owned()));
        }
        let key = SigningKey::from_bytes(&seed);
        let public = key.verifying_key();
        let key_id = signed_note::key_id(name, &[&[ED25519], public.as_bytes().as_slice()].concat());
        let verifier = VerifierKey::parse(&signed_note::new_ed25519_verifier_key(name, &public))?;
        Ok(Self {
            name: name.to_owned(),
            key_id,
            key,
            verifier,
        })
    }

    /// The public half, to check checkpoints with and to publish.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs a checkpoint for `next`. `previous` is the last checkpoint this log signed, and
    /// `None` (with an empty proof) only for its very first; `consistency` proves that `next`
    /// begins with it, see [`tree::prove_consistency`].
    ///
    /// # Errors
    ///
    /// Any [`SignError`]; nothing was signed then.
    pub fn sign(
        &self,
        previous: Option<&Checkpoint>,
        next: TreeHead,
        consistency: &[Hash],
    ) -> Result<Checkpoint, SignError> {
        if !is_possible(next) {
            return Err(SignError::NotAHead(next));
        }
        match previous {
            Some(previous) if previous.origin != self.name => {
                return Err(SignError::OtherOrigin {
                    previous: previous.origin.clone(),
                    own: self.name.clone(),
                });
            }
            Some(previous) => tree::verify_growth(previous.head, next, consistency)?,
            None if !consistency.is_empty() => return Err(SignError::ProofWithoutPrevious),
            None => {}
        }
        Ok(self.sign_head(next))
    }

    fn sign_head(&self, head: TreeHead) -> Checkpoint {
        let text = format!("{}\n{}\n{}\n", self.name, head.size, tlog::Hash(head.root));
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        let line = encoding::to_base64(&[self.key_id.to_be_bytes().as_slice(), &signature].concat());
        // The form of C2SP signed-note: text, empty line, em dash, key name, id and signature.
        let note = format!("{text}\n\u{2014} {} {line}\n", self.name);
        Checkpoint {
            origin: self.name.clone(),
            head,
            note,
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signer({})", self.verifier)
    }
}

/// A size within the ledger's limit, and the one possible root where there are no leaves.
fn is_possible(head: TreeHead) -> bool {
    head.size <= MAX_TREE_SIZE && (head.size > 0 || head.root == EMPTY_ROOT)
}
