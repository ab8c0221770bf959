//! What is wrong with a document, or needs a second look. Problems block a signature (or the
//! reading of outside input); soft warnings need a named person's confirmation.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;

words! {
    /// How bad a problem is.
    pub enum Severity {
        /// The value is wrong or impossible: refused in drafts that are saved as checked, and at signature.
        Hard = "hard",
        /// A required item is absent: refused at signature.
        Missing = "missing",
    }
}

/// Something wrong in a document, with the place, the rule and what would be accepted.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
#[cfg_attr(feature = "graphql", graphql(name = "ContentProblem"))]
pub struct Problem {
    /// Where, such as `monitoring[3].sbp`.
    pub path: String,
    /// Stable word for programs, such as `outside_hard_limit`.
    pub code: &'static str,
    /// One sentence for a person: what is wrong and what to do. Carries no value but numbers.
    pub message: String,
    /// Name of the limit, when one was broken.
    pub limit: Option<String>,
    /// What is accepted, such as `40 to 300 mm[Hg]`.
    pub allowed: Option<String>,
    /// How bad.
    pub severity: Severity,
}

impl Problem {
    /// A hard problem at `path`.
    pub fn hard(path: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            code,
            message: message.into(),
            limit: None,
            allowed: None,
            severity: Severity::Hard,
        }
    }

    /// A required item which is absent.
    pub fn missing(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            code: "required",
            message: message.into(),
            limit: None,
            allowed: None,
            severity: Severity::Missing,
        }
    }

    /// The same problem, saying what is accepted.
    #[must_use]
    pub fn allowing(mut self, allowed: impl Into<String>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }
}

/// A value inside the hard limits but unusual: the author confirms it by name (1.4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
pub struct SoftWarning {
    /// Name of the place, as the data set spells it (`rate`, `labs.ALT`, `monitoring[5].sbp`).
    pub path: String,
    /// The value.
    pub value: Decimal,
    /// Name of the limit or check.
    pub limit: String,
    /// Exact place of the value in the document, for a form to point at.
    #[serde(default)]
    pub field: String,
    /// What is usual, such as `90 to 179 mm[Hg]`, or what to look at.
    #[serde(default)]
    pub usual: String,
}

impl SoftWarning {
    /// The confirmation of this very value by a person at a time.
    pub fn confirm(&self, confirmed_by: impl Into<String>, confirmed_at: DateTime<Utc>) -> SoftConfirmation {
        SoftConfirmation {
            path: self.path.clone(),
            limit: self.limit.clone(),
            value: self.value,
            confirmed_by: confirmed_by.into(),
            confirmed_at,
        }
    }
}

/// "I looked, the value is right": who confirmed which unusual value, when (1.4). It holds for that
/// value only: a later change asks again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
pub struct SoftConfirmation {
    /// Path of the warning.
    pub path: String,
    /// Limit of the warning.
    pub limit: String,
    /// The value which was confirmed.
    pub value: Decimal,
    /// Identifier of the person.
    pub confirmed_by: String,
    /// When.
    pub confirmed_at: DateTime<Utc>,
}

/// The confirmations stored beside a draft or a signed version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confirmations(pub Vec<SoftConfirmation>);

/// The warnings which nobody confirmed with their present value, in order.
pub fn unconfirmed<'w>(warnings: &'w [SoftWarning], confirmations: &[SoftConfirmation]) -> Vec<&'w SoftWarning> {
    // Two warnings may share path, limit and value (two rate segments); one confirmation covers both.
    warnings
        .iter()
        .filter(|w| {
            !confirmations
                .iter()
                .any(|c| c.path == w.path && c.limit == w.limit && c.value == w.value)
        })
        .collect()
}
