//! What auditors and quality people ask of the records: who did what, what left the clinic, how soon recipients answer.
//! Every look is itself recorded. Proofs are `ledger`'s.

mod disclosures;
mod filter;
mod page;
mod search;
mod timeliness;

pub use disclosures::{Disclosure, DisclosureBasis, DisclosurePage, ReadDisclosures};
pub use filter::{AuditFilter, AuditView, READING_ACTIONS};
pub use page::MAX_PAGE;
pub use search::{AuditEntry, AuditPage, SearchAudit};
pub use timeliness::{ReadTimeliness, Timeliness, TimelinessReport};
