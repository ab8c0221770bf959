//! Who carries a note and how: ids, clock, people, roles, the evidence ladder and its state machine, escalation and
//! retry policy, access rules.
//!
//! Pure: no I/O, no async, no clock or randomness but through a parameter. Read this crate and `clinical` first.

pub mod access;
pub mod calendar;
pub mod clock;
pub mod delivery;
pub mod disposition;
pub mod escalation;
pub mod evidence;
pub mod ids;
pub mod people;
pub mod phi;
pub mod random;
pub mod sign_in;
pub mod terms;

pub use clock::{Clock, SetClock, SystemClock};
pub use delivery::{AttemptOutcome, DeadReason, DeliveryState, RetrySchedule};
pub use disposition::{Decline, Disposition};
pub use evidence::{EvidenceLevel, Illegal, LoopEvent, LoopState, Outcome};
pub use ids::*;
pub use liaison_clinical::Urgency;
pub use people::{Actor, Author, Guest, Role};
pub use phi::Phi;
pub use random::{Random, SeededRandom, SystemRandom};
pub use sign_in::{AccountLinkPurpose, FactorResetReason, Recognized, SessionEnd, SignInChange, SignInMethod};
pub use terms::*;
