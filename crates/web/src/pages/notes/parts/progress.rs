//! How far each section of the form is, counted in required fields, and what in it is to be looked at.

use std::collections::HashMap;

use liaison_domain::NoteKind;
use liaison_service::FieldProblem;

use crate::pages::notes::{
    fields::{Field, Kind, Section, document, join, section_of, sections},
    typed::Typed,
};

/// How far a section is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(in crate::pages::notes) struct Progress {
    /// The section's anchor.
    pub(in crate::pages::notes) key: &'static str,
    /// Required fields that are filled.
    pub(in crate::pages::notes) filled: usize,
    /// Required fields.
    pub(in crate::pages::notes) of: usize,
    /// Values to look at: wrong, or unusual and not confirmed.
    pub(in crate::pages::notes) look: usize,
}

impl Progress {
    /// In words: `5 of 7 required filled`.
    pub(in crate::pages::notes) fn words(&self) -> String {
        let required = match self.of {
            0 => "Nothing required".to_owned(),
            of if of == self.filled => "Complete".to_owned(),
            of => format!("{} of {of} required filled", self.filled),
        };
        match self.look {
            0 => required,
            1 => format!("{required}; 1 value to look at"),
            more => format!("{required}; {more} values to look at"),
        }
    }
}

/// How far each section is: what a signature still misses, beside what is there. Where nothing was checked, the fields
/// that every signed note has stand for it.
pub(in crate::pages::notes) fn progress(
    kind: NoteKind,
    typed: &Typed,
    before_signing: Option<&[FieldProblem]>,
    wrong: &[&str],
) -> Vec<Progress> {
    let mut missing: HashMap<&str, usize> = HashMap::new();
    let mut look: HashMap<&str, usize> = HashMap::new();
    for problem in before_signing.unwrap_or_default() {
        let path = problem.path.strip_prefix("content.").unwrap_or(&problem.path);
        let Some(section) = section_of(kind, path) else {
            continue;
        };
        let counter = if problem.code == "REQUIRED" {
            &mut missing
        } else {
            &mut look
        };
        *counter.entry(section.key).or_default() += 1;
    }
    for path in wrong {
        // A text that is kept beside the note stands in both lists.
        let counted = before_signing
            .unwrap_or_default()
            .iter()
            .any(|problem| problem.code == "SET_ASIDE" && problem.path.strip_prefix("content.") == Some(*path));
        if counted {
            continue;
        }
        if let Some(section) = section_of(kind, path) {
            *look.entry(section.key).or_default() += 1;
        }
    }
    sections(kind)
        .iter()
        .map(|section| {
            let (mut filled, mut empty) = (0, 0);
            for field in top(kind, section) {
                required(typed, std::slice::from_ref(field), "", &mut filled, &mut empty);
            }
            let missing = match before_signing {
                Some(_) => missing.get(section.key).copied().unwrap_or(0),
                None => empty,
            };
            Progress {
                key: section.key,
                filled,
                of: filled + missing,
                look: look.get(section.key).copied().unwrap_or(0),
            }
        })
        .collect()
}

pub(super) fn top(kind: NoteKind, section: &'static Section) -> impl Iterator<Item = &'static Field> {
    section
        .names
        .iter()
        .filter_map(move |name| document(kind).iter().find(|field| field.name == *name))
}

/// Counts the fields that every signed note has: those that are filled, and those that are not.
fn required(typed: &Typed, fields: &[Field], prefix: &str, filled: &mut usize, empty: &mut usize) {
    for field in fields {
        let path = join(prefix, field.name);
        match field.kind {
            Kind::Record(inner) => required(typed, inner, &path, filled, empty),
            _ if !field.required => {}
            _ if typed.is_filled(&path) => *filled += 1,
            _ => *empty += 1,
        }
    }
}
