//! Collects what is wrong with an input, all of it at once.

use crate::{FieldProblem, Result, ServiceError};

/// The longest name, in characters.
pub(crate) const MAX_NAME: usize = 200;
/// The longest free text, in characters.
pub(crate) const MAX_TEXT: usize = 20_000;

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Checks(Vec<FieldProblem>);

impl Checks {
    /// Adds a problem.
    pub(crate) fn add(&mut self, problem: FieldProblem) {
        self.0.push(problem);
    }

    /// Adds a problem by its parts.
    pub(crate) fn problem(&mut self, path: impl Into<String>, code: &str, message: impl Into<String>) {
        self.0.push(FieldProblem::new(path, code, message));
    }

    /// A required line of text: trimmed, 1 to `max` characters, no control characters.
    pub(crate) fn line(&mut self, path: &str, text: &str, max: usize) -> String {
        let text = text.trim();
        if text.is_empty() {
            self.add(FieldProblem::required(path));
        } else if text.chars().count() > max {
            self.problem(path, "TOO_LONG", format!("at most {max} characters"));
        } else if text.chars().any(char::is_control) {
            self.problem(path, "CONTROL_CHARACTER", "no line breaks or control characters");
        }
        text.to_owned()
    }

    /// A required free text: as a line, but with line breaks and tabs.
    pub(crate) fn text(&mut self, path: &str, text: &str) -> String {
        let text = text.trim();
        if text.is_empty() {
            self.add(FieldProblem::required(path));
        } else if text.chars().count() > MAX_TEXT {
            self.problem(path, "TOO_LONG", format!("at most {MAX_TEXT} characters"));
        } else if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            self.problem(
                path,
                "CONTROL_CHARACTER",
                "no control characters but line breaks and tabs",
            );
        }
        text.to_owned()
    }

    /// A free text that may be absent; blanks alone count as absent.
    pub(crate) fn optional_text(&mut self, path: &str, text: Option<&str>) -> Option<String> {
        let text = text.filter(|text| !text.trim().is_empty())?;
        Some(self.text(path, text))
    }

    /// Whether nothing was wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems found.
    pub(crate) fn into_problems(self) -> Vec<FieldProblem> {
        self.0
    }

    /// Ends the check: every problem, or none.
    pub(crate) fn finish(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ServiceError::Invalid(self.0))
        }
    }
}
