//! What was typed into a draft and is no possible value of its field: kept beside the content, under the same seal, so
//! that one slip of the hand costs nothing of the rest. A signature refuses it by name; a signed version never holds it.

use std::collections::HashSet;

use liaison_clinical::NoteContent;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{FieldProblem, patients::Checks};

/// The most fields of a draft that can be set aside.
const MOST: usize = 500;
/// The longest path, in characters.
const LONGEST_PATH: usize = 200;
/// The longest text, in characters: that of a field.
const LONGEST_TEXT: usize = 20_000;
/// The longest explanation, in characters.
const LONGEST_PROBLEM: usize = 1_000;
/// The most bytes of all texts together.
const MAX_BYTES: usize = 262_144;

/// A text that its field cannot hold, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// The field, such as `monitoring[3].sbp`; 1 to 200 characters.
    pub path: String,
    /// What was typed; 1 to 20,000 characters.
    pub text: String,
    /// What is wrong with it, for people; 1 to 1,000 characters.
    pub problem: String,
}

/// What stands beside a draft from now on: what is given, or (`None`) what stood there and has no value in the content.
///
/// # Errors
/// Every text that cannot be kept, under `setAside[n].`.
pub(super) fn from_now_on(
    given: Option<&[SetAside]>,
    earlier: Vec<SetAside>,
    content: &NoteContent,
) -> crate::Result<Vec<SetAside>> {
    let Some(given) = given else {
        let content = serde_json::to_value(content).unwrap_or_default();
        return Ok(earlier.into_iter().filter(|one| !says(&content, &one.path)).collect());
    };
    let mut checks = Checks::default();
    let mut paths = HashSet::new();
    for (index, one) in given.iter().enumerate() {
        let texts = [
            ("path", &one.path, LONGEST_PATH),
            ("text", &one.text, LONGEST_TEXT),
            ("problem", &one.problem, LONGEST_PROBLEM),
        ];
        for (name, text, longest) in texts {
            if text.trim().is_empty() || text.chars().count() > longest {
                checks.add(FieldProblem::new(
                    format!("setAside[{index}].{name}"),
                    "OUT_OF_RANGE",
                    format!("1 to {longest} characters"),
                ));
            }
        }
        if !paths.insert(one.path.as_str()) {
            checks.add(FieldProblem::new(
                format!("setAside[{index}].path"),
                "DUPLICATE",
                "this field is there twice",
            ));
        }
    }
    if given.len() > MOST || given.iter().map(|one| one.text.len()).sum::<usize>() > MAX_BYTES {
        checks.add(FieldProblem::new(
            "setAside",
            "TOO_LARGE",
            format!("at most {MOST} fields and 256 KiB of text can be kept beside a draft"),
        ));
    }
    checks.finish()?;
    Ok(given.to_vec())
}

/// Adds to what a signature refuses: each field that was set aside, in the place of "is missing" for the same field.
pub(super) fn refuse(problems: &mut Vec<FieldProblem>, set_aside: &[SetAside]) {
    let path = |one: &SetAside| format!("content.{}", one.path);
    problems.retain(|problem| problem.code != "REQUIRED" || !set_aside.iter().any(|one| path(one) == problem.path));
    problems.extend(set_aside.iter().map(|one| {
        let message = format!(
            "{} What was typed is kept, but is not in the note: correct it or clear it.",
            one.problem
        );
        FieldProblem::new(path(one), "SET_ASIDE", message)
    }));
}

/// Whether a content has a value at a path.
fn says(content: &Value, path: &str) -> bool {
    let mut here = content;
    for step in path.split('.') {
        let (name, index) = step.split_once('[').unwrap_or((step, ""));
        let index = index.trim_end_matches(']').parse::<usize>().ok();
        let next = here.get(name).and_then(|value| match index {
            Some(index) => value.get(index),
            None => Some(value),
        });
        match next {
            Some(value) => here = value,
            None => return false,
        }
    }
    !here.is_null()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_followed_through_lists() {
        let content = serde_json::json!({"monitoring": [{"sbp": 120}, {"sbp": null}]});
        assert!(says(&content, "monitoring[0].sbp"));
        assert!(!says(&content, "monitoring[1].sbp"));
        assert!(!says(&content, "monitoring[2].sbp"));
        assert!(!says(&content, "infusion.weight_kg"));
    }

    #[test]
    fn a_text_takes_the_place_of_the_missing_value() {
        let mut problems = vec![
            FieldProblem::new("content.infusion.weight_kg", "REQUIRED", "the weight is missing"),
            FieldProblem::new("content.infusion.date", "REQUIRED", "the date is missing"),
        ];
        let aside = [SetAside {
            path: "infusion.weight_kg".to_owned(),
            text: "68,5x".to_owned(),
            problem: "Write a number with a point, such as 0.5.".to_owned(),
        }];
        refuse(&mut problems, &aside);
        let named: Vec<_> = problems
            .iter()
            .map(|one| (one.path.as_str(), one.code.as_str()))
            .collect();
        assert_eq!(
            named,
            [
                ("content.infusion.date", "REQUIRED"),
                ("content.infusion.weight_kg", "SET_ASIDE")
            ]
        );
    }
}
