//! The collector which the checks of each section write into, with the few questions all of them ask:
//! is it inside its limit, is it there, is the flood gate shut.

use serde_json::Value;

use super::{Mode, PriorContext, Validation};
use crate::{
    codes::{self, Icd10Fault},
    content::{NoteContent, shared::CodedConcept},
    decimal::Decimal,
    limits::{self, Verdict},
    problem::{Problem, SoftWarning},
    units,
};

/// Most rows of a monitoring series.
const MOST_ROWS: usize = 1_000;
/// Most entries of any other list.
const MOST_ENTRIES: usize = 200;
/// Most characters of a text.
const MOST_CHARACTERS: usize = 20_000;

/// Collects problems and warnings. Warnings of the data set's own checks come first, in its order;
/// further ones follow.
pub(super) struct Check<'a> {
    pub(super) mode: Mode,
    pub(super) prior: &'a PriorContext,
    problems: Vec<Problem>,
    soft: Vec<SoftWarning>,
    further: Vec<SoftWarning>,
}

impl<'a> Check<'a> {
    pub(super) fn new(mode: Mode, prior: &'a PriorContext) -> Self {
        Self {
            mode,
            prior,
            problems: Vec::new(),
            soft: Vec::new(),
            further: Vec::new(),
        }
    }

    pub(super) fn finish(mut self) -> Validation {
        self.soft.append(&mut self.further);
        Validation {
            problems: self.problems,
            soft: self.soft,
        }
    }

    /// A hard problem if `broken`.
    pub(super) fn hard(&mut self, broken: bool, path: &str, code: &'static str, message: &str) {
        if broken {
            self.problems.push(Problem::hard(path, code, message));
        }
    }

    /// A hard problem that says what is allowed.
    pub(super) fn hard_allowing(&mut self, broken: bool, path: &str, code: &'static str, message: &str, allowed: &str) {
        if broken {
            self.problems.push(Problem::hard(path, code, message).allowing(allowed));
        }
    }

    /// At signature, a required item must be there.
    pub(super) fn required(&mut self, there: bool, path: &str, what: &str) {
        if !there && self.mode == Mode::Sign {
            self.problems
                .push(Problem::missing(path, format!("{what} is required to sign.")));
        }
    }

    /// A required text must be more than blanks.
    pub(super) fn required_text(&mut self, text: Option<&String>, path: &str, what: &str) {
        self.required(text.is_some_and(|text| !text.trim().is_empty()), path, what);
    }

    /// Checks a value against the limit of that name. `path` is the data set's name for a warning;
    /// `field` is the exact place.
    pub(super) fn limit(&mut self, name: &str, value: Option<impl Into<Decimal>>, path: &str, field: &str) {
        if let Some(warning) = self.judge(name, value.map(Into::into), path, field) {
            self.soft.push(warning);
        }
    }

    /// As `limit`, for values of which the data set's own checks say nothing.
    pub(super) fn further_limit(&mut self, name: &str, value: Option<impl Into<Decimal>>, field: &str) {
        if let Some(warning) = self.judge(name, value.map(Into::into), field, field) {
            self.further.push(warning);
        }
    }

    fn judge(&mut self, name: &str, value: Option<Decimal>, path: &str, field: &str) -> Option<SoftWarning> {
        let value = value?;
        let limit = limits::limit(name)?;
        match limit.judge(value) {
            Verdict::Usual => None,
            Verdict::Unusual => Some(SoftWarning {
                path: path.to_owned(),
                value,
                limit: name.to_owned(),
                field: field.to_owned(),
                usual: limit.usual(),
            }),
            Verdict::Impossible => {
                let allowed = limit.allowed();
                self.problems.push(Problem {
                    path: field.to_owned(),
                    code: "outside_hard_limit",
                    message: format!(
                        "{value} is outside of what can be entered ({allowed}). Check the number and its unit."
                    ),
                    limit: Some(name.to_owned()),
                    allowed: Some(allowed),
                    severity: crate::problem::Severity::Hard,
                });
                None
            }
        }
    }

    /// A hard range that is not in the table of limits.
    pub(super) fn range(&mut self, value: Option<i32>, low: i32, high: i32, path: &str) {
        let outside = value.is_some_and(|value| value < low || value > high);
        let allowed = format!("{low} to {high}");
        self.hard_allowing(
            outside,
            path,
            "outside_hard_limit",
            &format!("The value must be {allowed}."),
            &allowed,
        );
    }

    /// A soft warning by its own name.
    pub(super) fn warn(&mut self, unusual: bool, path: &str, value: impl Into<Decimal>, name: &str, usual: &str) {
        if unusual {
            self.further.push(SoftWarning {
                path: path.to_owned(),
                value: value.into(),
                limit: name.to_owned(),
                field: path.to_owned(),
                usual: usual.to_owned(),
            });
        }
    }

    /// Negative amounts are never right.
    pub(super) fn not_negative(&mut self, value: Option<Decimal>, path: &str) {
        self.hard(
            value.is_some_and(|value| value < Decimal::ZERO),
            path,
            "negative",
            "An amount cannot be negative.",
        );
    }

    /// A unit must be one of the known UCUM codes.
    pub(super) fn unit(&mut self, unit: Option<&String>, path: &str) {
        let Some(unit) = unit.filter(|unit| units::human(unit).is_none()) else {
            return;
        };
        let hint = units::suggestion(unit)
            .map(|code| format!(" Write {code}."))
            .unwrap_or_default();
        self.hard_allowing(
            true,
            path,
            "unknown_unit",
            &format!("This is not a UCUM unit used here.{hint}"),
            "mg, g, ug, mg/d, ug/h, mL, ...",
        );
    }

    /// An ICD-10-CM code must have the right shape and be billable as far as is known.
    pub(super) fn icd10cm(&mut self, concept: Option<&CodedConcept>, path: &str) {
        let Some(concept) = concept else { return };
        let path = format!("{path}.code");
        self.hard_allowing(
            concept.system.as_deref().is_some_and(|system| system != codes::ICD10CM),
            &path,
            "wrong_code_system",
            "This must be an ICD-10-CM code.",
            codes::ICD10CM,
        );
        match concept.code.as_deref().and_then(codes::check_icd10cm) {
            Some(Icd10Fault::Shape) => {
                self.hard_allowing(
                    true,
                    &path,
                    "not_icd10cm",
                    "This does not look like an ICD-10-CM code.",
                    "such as C50.912",
                );
            }
            Some(Icd10Fault::NotBillable) => {
                self.hard_allowing(
                    true,
                    &path,
                    "not_billable",
                    "This is a category; use the longer code which says more.",
                    "a billable leaf such as C50.912",
                );
            }
            None => {}
        }
    }

    /// Refuses documents that are too large to be a note. False if one list is flooded.
    pub(super) fn bounds(&mut self, content: &NoteContent) -> bool {
        if let Some(summary) = content.as_infusion().filter(|s| s.monitoring.len() > MOST_ROWS) {
            let message = format!(
                "{} monitoring rows are too many; thin the export, keeping the peaks.",
                summary.monitoring.len()
            );
            self.hard_allowing(true, "monitoring", "too_many", &message, "at most 1000 rows");
            return false;
        }
        let Ok(value) = serde_json::to_value(content) else {
            return false;
        };
        let before = self.problems.len();
        self.bounds_of(&value, "");
        self.problems.len() == before
    }

    fn bounds_of(&mut self, value: &Value, path: &str) {
        match value {
            Value::String(text) if text.len() > MOST_CHARACTERS && text.chars().count() > MOST_CHARACTERS => {
                self.hard_allowing(
                    true,
                    path,
                    "too_long",
                    "This text is too long.",
                    "at most 20000 characters",
                );
            }
            Value::Array(list) => {
                if list.len() > MOST_ENTRIES && path != "monitoring" {
                    let message = format!("{} entries are too many.", list.len());
                    self.hard_allowing(true, path, "too_many", &message, "at most 200 entries");
                    return;
                }
                for (index, inner) in list.iter().enumerate() {
                    self.bounds_of(inner, &format!("{path}[{index}]"));
                }
            }
            Value::Object(object) => {
                for (key, inner) in object {
                    let inner_path = if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    };
                    self.bounds_of(inner, &inner_path);
                }
            }
            _ => {}
        }
    }
}
