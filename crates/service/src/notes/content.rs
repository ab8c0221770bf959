//! What a draft or a version holds, how it is checked and sealed. The clinical rules themselves are the `clinical`
//! crate's.

use chrono::{DateTime, Utc};
use liaison_clinical::{
    Decimal, Difference, Mode, NoteContent, PriorContext, Problem, SoftConfirmation, SoftWarning, canonical_json,
    unconfirmed, validate,
};
use liaison_domain::{NoteId, NoteVersionId, UserId};
use liaison_store::Place;
use serde::{Deserialize, Serialize};

use super::set_aside::SetAside;
use crate::FieldProblem;

/// The longest content, in bytes of its canonical form.
const MAX_BYTES: usize = 1_048_576;

/// "I looked, the value is right": confirms one unusual value of the content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfirmUnusual {
    /// The warning's path, such as `monitoring[5].sbp`.
    pub path: String,
    /// The warning's limit, such as `sbp`.
    pub limit: String,
    /// The value that was looked at.
    pub value: Decimal,
}

/// What became of a saved draft.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftSaved {
    /// The note.
    pub note_id: NoteId,
    /// The draft's revision: give it as `expected_revision` with the next change.
    pub revision: i64,
    /// Unusual values that nobody confirmed yet.
    pub unconfirmed: Vec<SoftWarning>,
    /// What a signature would refuse now.
    pub before_signing: Vec<FieldProblem>,
}

/// A draft as it is sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DraftRecord {
    /// What the note says so far.
    pub(crate) content: NoteContent,
    /// Who confirmed which unusual value.
    pub(crate) confirmations: Vec<SoftConfirmation>,
    /// What was typed and is no possible value: beside the content, never signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) set_aside: Vec<SetAside>,
}

/// One field that an amendment changed. Values are JSON texts without quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Where, such as `monitoring[3].sbp`.
    pub path: String,
    /// Value in the version before; absent if the field is new.
    pub before: Option<String>,
    /// Value in this version; absent if the field was removed.
    pub after: Option<String>,
}

/// What an amendment changed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The physician's reason.
    pub reason: String,
    /// Every field that changed.
    pub fields: Vec<FieldChange>,
}

impl From<Difference> for FieldChange {
    fn from(difference: Difference) -> Self {
        Self {
            path: difference.path,
            before: difference.before,
            after: difference.after,
        }
    }
}

/// What a check of a content found.
pub(super) struct Checked {
    /// What is wrong.
    pub(super) problems: Vec<FieldProblem>,
    /// Every unusual value.
    pub(super) soft: Vec<SoftWarning>,
    /// The confirmations that hold, earlier ones and new ones.
    pub(super) confirmations: Vec<SoftConfirmation>,
}

impl Checked {
    /// The unusual values that nobody confirmed.
    pub(super) fn unconfirmed(&self) -> Vec<SoftWarning> {
        unconfirmed(&self.soft, &self.confirmations)
            .into_iter()
            .cloned()
            .collect()
    }

    /// The unconfirmed values as problems that say how to confirm them.
    pub(super) fn soft_problems(&self) -> Vec<FieldProblem> {
        self.unconfirmed().iter().map(soft_problem).collect()
    }
}

/// Checks a content for a draft or a signature, with the confirmations given for it before and now.
pub(super) fn check(
    content: &NoteContent,
    mode: Mode,
    prior: &PriorContext,
    earlier: &[SoftConfirmation],
    given: &[ConfirmUnusual],
    by: Option<UserId>,
    now: DateTime<Utc>,
) -> Checked {
    let result = validate(content, mode, prior);
    let mut problems: Vec<FieldProblem> = result
        .problems
        .iter()
        .map(|problem| field_problem(problem, "content"))
        .collect();
    if problems.is_empty() && canonical_json(content).len() > MAX_BYTES {
        problems.push(FieldProblem::new("content", "TOO_LARGE", "a note holds at most 1 MiB"));
    }
    // A confirmation of a value that has changed since says nothing any more.
    let holds = |path: &str, limit: &str, value: Decimal| {
        result
            .soft
            .iter()
            .any(|warning| warning.path == path && warning.limit == limit && warning.value == value)
    };
    let mut confirmations: Vec<SoftConfirmation> = earlier
        .iter()
        .filter(|old| holds(&old.path, &old.limit, old.value))
        .cloned()
        .collect();
    for (index, new) in given.iter().enumerate() {
        let known = confirmations
            .iter()
            .any(|old| old.path == new.path && old.limit == new.limit && old.value == new.value);
        match by {
            Some(by) if holds(&new.path, &new.limit, new.value) => {
                if !known {
                    confirmations.push(SoftConfirmation {
                        path: new.path.clone(),
                        limit: new.limit.clone(),
                        value: new.value,
                        confirmed_by: by.to_string(),
                        confirmed_at: now,
                    });
                }
            }
            _ => problems.push(FieldProblem::new(
                format!("confirmations[{index}]"),
                "NOTHING_TO_CONFIRM",
                "the content has no unusual value with this path, limit and value; look at it again",
            )),
        }
    }
    Checked {
        problems,
        soft: result.soft,
        confirmations,
    }
}

/// A clinical problem as a field problem under a path.
pub(super) fn field_problem(problem: &Problem, under: &str) -> FieldProblem {
    let path = match (under.is_empty(), problem.path.is_empty()) {
        (_, true) => under.to_owned(),
        (true, false) => problem.path.clone(),
        (false, false) => format!("{under}.{}", problem.path),
    };
    let message = match &problem.allowed {
        Some(allowed) if !problem.message.contains(allowed.as_str()) => {
            format!("{} Allowed: {allowed}.", problem.message)
        }
        _ => problem.message.clone(),
    };
    FieldProblem::new(path, problem.code.to_uppercase(), message)
}

fn soft_problem(warning: &SoftWarning) -> FieldProblem {
    let field = if warning.field.is_empty() {
        &warning.path
    } else {
        &warning.field
    };
    FieldProblem::new(
        format!("content.{field}"),
        "SOFT_LIMIT",
        format!(
            "{} is unusual (limit {}, usual: {}); correct it, or confirm it with confirmations: {{path: \"{}\", limit: \
             \"{}\", value: \"{}\"}}",
            warning.value, warning.limit, warning.usual, warning.path, warning.limit, warning.value
        ),
    )
}

/// Where a draft is sealed.
pub(super) fn draft_place(note: NoteId) -> Place {
    Place::new("note", "draft_sealed", note.uuid())
}

/// Where a column of a version is sealed.
pub(super) fn version_place(column: &'static str, version: NoteVersionId) -> Place {
    Place::new("note_version", column, version.uuid())
}
