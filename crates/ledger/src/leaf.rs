//! The bytes of an entry as the tree commits to them.
//!
//! A leaf is written once, stored verbatim and hashed as stored; nothing is ever serialized
//! again to be hashed. Reading a leaf back is strict, so that bytes which read as an entry are
//! exactly the bytes which that entry would be written as.

use serde_json::Value;

use crate::canonical::{self, StrictValue};
use crate::encoding::{from_base64, to_base64};
use crate::entry::{ENTRY_VERSION, Entry, EntryError};
use crate::{Hash, tree};

/// The most bytes a leaf may have: what the length prefix of a C2SP `tlog-tiles` entry bundle
/// can say.
pub const MAX_LEAF_BYTES: usize = 65_535;

/// The hash of a leaf's bytes: SHA-256 of `0x00` and the bytes (RFC 6962 section 2.1).
#[must_use]
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    tree::record_hash(bytes)
}

/// An entry together with its canonical bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    entry: Entry,
    bytes: Vec<u8>,
}

/// Why something is not a leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// More than [`MAX_LEAF_BYTES`] bytes.
    #[error("a leaf may have {MAX_LEAF_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// Not base64 in the one spelling allowed.
    #[error("the leaf is not standard base64")]
    NotBase64,
    /// Not JSON of the strict kind allowed.
    #[error("the leaf is not JSON as the ledger writes it: {0}")]
    NotJson(String),
    /// Written in a form this program does not know.
    #[error("the leaf's version is {found}; this program reads version {ENTRY_VERSION}")]
    UnknownVersion {
        /// What stands as `v`, as JSON, or `missing`.
        found: String,
    },
    /// A field is missing, unknown or of the wrong kind.
    #[error("the leaf's fields are not those of an entry: {0}")]
    Fields(String),
    /// A field's content breaks a rule.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The same entry would be written with other bytes.
    #[error("the leaf is not in canonical form (RFC 8785)")]
    NotCanonical,
    /// The readable copy beside a leaf says something else than the leaf.
    #[error("the readable copy of the entry differs from the leaf that was logged")]
    CopyDiffers,
}

impl Leaf {
    /// Writes an entry as a leaf.
    ///
    /// # Errors
    ///
    /// [`LeafError::Entry`] if a field breaks its rule, [`LeafError::TooLong`].
    pub fn encode(entry: Entry) -> Result<Self, LeafError> {
        entry.check()?;
        let bytes = canonical_form(&entry)?;
        if bytes.len() > MAX_LEAF_BYTES {
            return Err(LeafError::TooLong(bytes.len()));
        }
        Ok(Self { entry, bytes })
    }

    /// Reads a leaf from the bytes stored for it.
    ///
    /// # Errors
    ///
    /// Any [`LeafError`] but `NotBase64` and `CopyDiffers`.
    pub fn parse(bytes: &[u8]) -> Result<Self, LeafError> {
        if bytes.len() > MAX_LEAF_BYTES {
            return Err(LeafError::TooLong(bytes.len()));
        }
        let mut value = canonical::parse(bytes).map_err(|error| LeafError::NotJson(error.to_string()))?;
        let version = value.as_object_mut().and_then(|members| members.remove("v"));
        if version.as_ref().and_then(Value::as_u64) != Some(ENTRY_VERSION) {
            let found = version.map_or_else(|| "missing".to_owned(), |found| found.to_string());
            return Err(LeafError::UnknownVersion { found });
        }
        let entry: Entry = serde_json::from_value(value).map_err(|error| LeafError::Fields(error.to_string()))?;
        entry.check()?;
        if canonical_form(&entry)? != bytes {
            return Err(LeafError::NotCanonical);
        }
        Ok(Self {
            entry,
            bytes: bytes.to_vec(),
        })
    }

    /// What the entry says.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The bytes to store and to hash.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The leaf's hash, see [`leaf_hash`].
    #[must_use]
    pub fn hash(&self) -> Hash {
        leaf_hash(&self.bytes)
    }

    /// The entry alone, for callers done with the bytes.
    #[must_use]
    pub fn into_entry(self) -> Entry {
        self.entry
    }

    pub(crate) fn to_base64(&self) -> String {
        to_base64(&self.bytes)
    }

    /// The readable copy that stands beside the base64 in receipts and exports.
    pub(crate) fn readable(&self) -> StrictValue {
        // From the bytes, not the entry: so the members stand in canonical order whatever
        // features of serde_json are switched on.
        StrictValue(canonical::parse(&self.bytes).expect("a leaf's bytes are strict JSON"))
    }

    /// Reads a leaf from base64 and checks that the readable copy says the same.
    pub(crate) fn from_base64(text: &str, copy: &StrictValue) -> Result<Self, LeafError> {
        let leaf = Self::parse(&from_base64(text).ok_or(LeafError::NotBase64)?)?;
        if canonical::canonical_bytes(&copy.0).as_deref() != Some(leaf.bytes()) {
            return Err(LeafError::CopyDiffers);
        }
        Ok(leaf)
    }
}

fn versioned(entry: &Entry) -> Value {
    let mut value = serde_json::to_value(entry).expect("an entry is strings and integers");
    if let Some(members) = value.as_object_mut() {
        members.insert("v".to_owned(), ENTRY_VERSION.into());
    }
    value
}

fn canonical_form(entry: &Entry) -> Result<Vec<u8>, LeafError> {
    canonical::canonical_bytes(&versioned(entry)).ok_or(LeafError::NotCanonical)
}
