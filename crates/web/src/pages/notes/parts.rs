//! The form of a note as a flat list of parts that the template writes one after another: groups, fields, lists.

mod progress;
mod write;

use liaison_clinical::SoftWarning;
use liaison_service::FieldProblem;

pub(super) use self::{
    progress::{Progress, progress},
    write::form,
};
use super::typed::Typed;
use crate::form::Problems;

/// One choice of a field.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) label: String,
    pub(super) on: bool,
}

/// An unusual value that the author may confirm.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Unusual {
    /// What a ticked box sends: limit, value, path.
    pub(super) key: String,
    /// Where the page shows it.
    pub(super) path: String,
    /// What is usual.
    pub(super) message: String,
}

/// One field of the form.
pub(super) struct Input {
    pub(super) path: String,
    pub(super) label: &'static str,
    pub(super) unit: &'static str,
    pub(super) help: &'static str,
    pub(super) required: bool,
    /// `text`, `long`, `whole`, `number`, `day`, `moment`, `yesno`, `tick`, `choice`, `ticks`, `lines` or `computed`.
    pub(super) kind: &'static str,
    pub(super) value: String,
    pub(super) choices: Vec<Choice>,
    pub(super) problem: String,
    pub(super) unusual: Vec<Unusual>,
    /// What the note before says, where it says something else; empty where it does not.
    pub(super) was: String,
    /// The list's heading and the entry's number, for a field inside a table; empty elsewhere.
    pub(super) row: String,
}

impl Input {
    /// Whether the field takes the whole width.
    pub(super) fn wide(&self) -> bool {
        matches!(self.kind, "long" | "lines" | "ticks")
    }

    /// The input's `type`.
    pub(super) fn of_type(&self) -> &'static str {
        match self.kind {
            "day" => "date",
            // A moment with seconds or another offset stays a text: the browser's field would drop them.
            "moment" if self.value.len() <= 16 => "datetime-local",
            _ => "text",
        }
    }
}

/// A column of a table.
pub(super) struct Column {
    pub(super) label: &'static str,
    pub(super) unit: &'static str,
}

/// A part of the form.
pub(super) enum Part {
    Open {
        path: String,
        label: &'static str,
        unit: &'static str,
        problem: String,
    },
    Close,
    Field(Box<Input>),
    Table {
        path: String,
        label: &'static str,
        help: String,
        columns: Vec<Column>,
        problem: String,
        count: usize,
    },
    Row {
        path: String,
        number: usize,
    },
    EndRow {
        path: String,
        number: usize,
        hidden: Vec<(String, String)>,
    },
    EndTable {
        path: String,
        label: &'static str,
        columns: String,
        pasted: String,
        errors: Vec<String>,
    },
    Cards {
        path: String,
        label: &'static str,
        problem: String,
        count: usize,
    },
    Card {
        path: String,
        number: usize,
        label: &'static str,
    },
    EndCard {
        path: String,
        number: usize,
        label: &'static str,
    },
    EndCards {
        path: String,
        label: &'static str,
    },
}

/// A section with its state and its parts.
pub(super) struct SectionView {
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    /// The record that the section is, where it is one: a problem with it as a whole leads here.
    pub(super) record: &'static str,
    pub(super) progress: Progress,
    pub(super) parts: Vec<Part>,
}

/// What is known about the values of a form when it is written.
pub(super) struct About<'a> {
    /// What cannot be saved or read.
    pub(super) problems: &'a Problems,
    /// What a signature would still ask; none where the values as typed were not checked.
    pub(super) before_signing: Option<&'a [FieldProblem]>,
    /// Unusual values nobody confirmed.
    pub(super) unusual: &'a [Unusual],
    /// The form of the note before, to mark what changed.
    pub(super) before: Option<&'a Typed>,
    /// What was pasted and could not be read: the list, the text, the errors.
    pub(super) pasted: Option<&'a (String, String, Vec<String>)>,
}

/// The unusual values of a saved draft, as the page shows them.
pub(super) fn unusual(warnings: &[SoftWarning], typed: &Typed) -> Vec<Unusual> {
    let mut all: Vec<Unusual> = Vec::new();
    for warning in warnings {
        let field = if warning.field.is_empty() {
            &warning.path
        } else {
            &warning.field
        };
        let one = Unusual {
            key: format!("{} {} {}", warning.limit, warning.value, warning.path),
            path: typed.in_page(field),
            message: format!("{} is unusual (usual: {})", warning.value, human(&warning.usual)),
        };
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all
}

/// Units as people write them, in a message that has them as codes.
pub(super) fn human(message: &str) -> String {
    message
        .replace("mm[Hg]", "mmHg")
        .replace("{MME}/d", "MME/day")
        .replace("/{1.73_m2}", "/1.73 m2")
        .replace("{score}", "")
        .replace(" Cel", " degrees C")
        .replace("10*3/uL", "x10^3/uL")
}
