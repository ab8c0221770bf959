//! The audit in the schema: the ledger's entries, disclosures, timeliness, proofs. Every look is itself recorded.

pub(crate) mod disclosures;
pub(crate) mod entries;
pub(crate) mod proofs;
pub(crate) mod timeliness;
