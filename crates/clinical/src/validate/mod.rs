//! Every problem and every unusual value of a document at once (content specification 1.3, 1.4, 3 to
//! 6). Nothing is clamped, converted or dropped. Reading JSON is `parse`; this looks at typed content.

mod check;
mod consultation;
mod flags;
mod infusion;
mod monitoring;
mod recovery;
mod screening;

use chrono::NaiveDate;
use serde::Serialize;

use crate::{
    content::{NoteContent, infusion::InfusionSummary},
    decimal::Decimal,
    problem::{Problem, SoftWarning},
};
use check::Check;

/// How strict to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Only values which are there are checked.
    Draft,
    /// Everything a signature requires must be there too.
    Sign,
}

/// What earlier documents of the patient say. Everything may be absent; checks that need it are then
/// left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PriorContext {
    /// Last weight in kg and its day, for the pound-kilogram check.
    pub last_weight_kg: Option<(Decimal, NaiveDate)>,
    /// 24 h average of pain at the consultation, frozen for the series.
    pub baseline_nrs_average: Option<i32>,
    /// The last infusion, for the final response to it.
    pub previous_infusion: Option<Box<InfusionSummary>>,
    /// Day on which the patient consented.
    pub consent_date: Option<NaiveDate>,
    /// When the document is or was signed; discharge must not be after it.
    pub signed_at: Option<chrono::DateTime<chrono::FixedOffset>>,
    /// Birth date, for the age limits.
    pub birth_date: Option<NaiveDate>,
    /// Days from which relief counts as sustained; 7 if absent.
    pub sustain_days: Option<i32>,
}

/// The result of a validation.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Validation {
    /// What is wrong or missing.
    pub problems: Vec<Problem>,
    /// What is unusual and must be confirmed by name.
    pub soft: Vec<SoftWarning>,
}

impl Validation {
    /// No problem, though there may be warnings to confirm.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Checks a document. Never panics, whatever the content.
pub fn validate(content: &NoteContent, mode: Mode, prior: &PriorContext) -> Validation {
    let mut check = Check::new(mode, prior);
    // A flood is refused before it is looked at row by row.
    if !check.bounds(content) {
        return check.finish();
    }
    flags::check(&mut check, content);
    match content {
        NoteContent::ConsultationNote(note) => consultation::check(&mut check, note),
        NoteContent::InfusionSummary(summary) => infusion::check(&mut check, summary),
    }
    check.finish()
}
