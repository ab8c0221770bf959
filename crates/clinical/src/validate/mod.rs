//! Every problem and every unusual value of a document at once (content specification 1.3, 1.4, 3 to
//! 6). Nothing is clamped, converted or dropped. Reading JSON is `parse`; this looks at typed content.

mod check;
mod consultation;
mod flags;
mod infusion;
mod medication;
mod monitoring;
mod pain;
mod recovery;
mod screening;

use chrono::NaiveDate;
use serde::Serialize;

use crate::{
    compute::trend,
    content::{NoteContent, consultation::ConsultationNote, infusion::InfusionSummary},
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

impl PriorContext {
    /// What the signed documents of a course say, in order of time, before the one to be checked.
    /// Birth date and signature time are not in documents; set them beside.
    pub fn of_course(consultation: Option<&ConsultationNote>, infusions: &[&InfusionSummary]) -> Self {
        let last = infusions.last();
        let weighed = last.and_then(|last| {
            let infusion = last.infusion.as_ref()?;
            infusion.weight_kg.zip(infusion.date)
        });
        let weighed = weighed.or_else(|| {
            let note = consultation?;
            let vitals = note.medical_screening.as_ref()?.vitals.as_ref()?;
            vitals.weight_kg.zip(note.consult_date)
        });
        Self {
            last_weight_kg: weighed,
            baseline_nrs_average: consultation.and_then(trend::baseline_average),
            previous_infusion: last.map(|last| Box::new((*last).clone())),
            consent_date: consultation.and_then(|note| note.consent.as_ref()?.date),
            ..Self::default()
        }
    }
}

/// The result of a validation.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
#[cfg_attr(feature = "graphql", graphql(name = "ContentValidation"))]
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
