//! What a note says: content types, units, limits, validation, computed values. Pure: no input or
//! output, no clock, no randomness. Not for who may see a note or how it travels (the domain).
//!
//! Start with [`NoteContent`], then [`validate()`], then [`bottom_line()`]. Section numbers in comments
//! are those of the clinical content specification.

#[macro_use]
mod macros;

pub mod bottom_line;
pub mod canonical;
pub mod codes;
pub mod compute;
pub mod content;
pub mod data;
pub mod decimal;
pub mod differences;
pub mod interactions;
pub mod journey;
pub mod limits;
pub mod narrative;
pub mod parse;
pub mod partial_date;
pub mod problem;
mod text;
pub mod units;
pub mod urgency;
pub mod validate;

pub use bottom_line::{BottomLine, BottomLineContext, bottom_line};
pub use canonical::canonical_json;
pub use compute::{
    mme::MmeTotal,
    trend::{Trend, TrendInput, trend},
};
#[cfg(feature = "graphql")]
pub use content::NoteContentInput;
pub use content::{
    DocumentType, NoteContent,
    consultation::ConsultationNote,
    infusion::InfusionSummary,
    shared::{AddresseeRole, FlagCode, Urgency},
};
pub use data::journeys;
pub use decimal::Decimal;
pub use differences::{Difference, differences};
pub use journey::{Journey, parse_journey};
pub use narrative::{Section, narrative, narrative_with};
pub use parse::{content_from_journey_document, content_from_json};
pub use partial_date::PartialDate;
pub use problem::{Confirmations, Problem, Severity, SoftConfirmation, SoftWarning, unconfirmed};
pub use urgency::{RaisedFlag, UrgencyAssessment, assess};
pub use validate::{Mode, PriorContext, Validation, validate};
