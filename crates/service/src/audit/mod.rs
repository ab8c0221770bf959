//! What auditors and quality people ask of the records: who did what, what left the clinic, how soon recipients answer.
//! Every look is itself recorded. Proofs are `ledger`'s.

mod break_glass;
mod disclosures;
mod filter;
mod find_patient;
mod page;
mod read_entry;
mod review;
mod saved_filter;
mod search;
mod timeliness;

pub use break_glass::{
    BREAK_GLASS_LIFE, BeginBreakGlass, BreakGlassCase, BreakGlassPage, BreakGlassQuery, MIN_REASON, ReviewBreakGlass,
};
pub use disclosures::{Disclosure, DisclosureBasis, DisclosurePage, ReadDisclosures};
pub use filter::{AuditFilter, AuditView, READING_ACTIONS};
pub use page::MAX_PAGE;
pub use review::{AuditReview, AuditReviewPage, AuditReviewSigned, SignOffAuditReview};
pub use saved_filter::{MAX_SAVED_FILTERS, SaveAuditFilter, SavedFilter};
pub use search::{AuditColumn, AuditEntry, AuditOrder, AuditPage, MOST_COUNTED, MOST_SORTED, SearchAudit};
pub use timeliness::{ReadTimeliness, Timeliness, TimelinessReport};

pub(crate) use break_glass::mark as mark_break_glass;
