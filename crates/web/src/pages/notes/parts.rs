//! The form of a note as a flat list of parts that the template writes one after another: groups, fields, lists.

use std::collections::HashMap;

use liaison_clinical::SoftWarning;
use liaison_domain::NoteKind;
use liaison_service::FieldProblem;

use super::{
    fields::{Field, Kind, Layout, Section, document, join, section_of, sections},
    typed::Typed,
};
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

/// How far a section is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Progress {
    /// The section's anchor.
    pub(super) key: &'static str,
    /// Required fields that are filled.
    pub(super) filled: usize,
    /// Required fields.
    pub(super) of: usize,
    /// Values to look at: wrong, or unusual and not confirmed.
    pub(super) look: usize,
}

impl Progress {
    /// In words: `5 of 7 required filled`.
    pub(super) fn words(&self) -> String {
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

/// How far each section is: what a signature still misses, beside what is there. Where nothing was checked, the fields
/// that every signed note has stand for it.
pub(super) fn progress(
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

fn top(kind: NoteKind, section: &'static Section) -> impl Iterator<Item = &'static Field> {
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

/// The whole form.
pub(super) fn form(kind: NoteKind, typed: &Typed, about: &About<'_>) -> Vec<SectionView> {
    let wrong: Vec<&str> = about.problems.iter().map(|problem| problem.path.as_str()).collect();
    sections(kind)
        .iter()
        .zip(progress(kind, typed, about.before_signing, &wrong))
        .map(|(section, progress)| {
            let mut write = Write {
                typed,
                about,
                parts: Vec::new(),
            };
            let fields: Vec<&'static Field> = top(kind, section).collect();
            let mut record = "";
            match fields.as_slice() {
                // One record alone needs no heading beside the section's.
                [
                    Field {
                        name,
                        kind: Kind::Record(inner),
                        ..
                    },
                ] => {
                    record = name;
                    write.fields(inner, name, "");
                }
                several => {
                    for field in several {
                        write.field(field, field.name.to_owned(), "");
                    }
                }
            }
            SectionView {
                key: section.key,
                title: section.title,
                record,
                progress,
                parts: write.parts,
            }
        })
        .collect()
}

struct Write<'a> {
    typed: &'a Typed,
    about: &'a About<'a>,
    parts: Vec<Part>,
}

impl Write<'_> {
    fn fields(&mut self, fields: &'static [Field], prefix: &str, row: &str) {
        for field in fields {
            self.field(field, join(prefix, field.name), row);
        }
    }

    fn problem(&self, path: &str) -> String {
        human(self.about.problems.of(path))
    }

    fn field(&mut self, field: &'static Field, path: String, row: &str) {
        match field.kind {
            Kind::Record(inner) if row.is_empty() => {
                let problem = self.problem(&path);
                self.parts.push(Part::Open {
                    path: path.clone(),
                    label: field.label,
                    problem,
                });
                self.fields(inner, &path, "");
                self.parts.push(Part::Close);
            }
            Kind::Record(inner) => self.fields(inner, &path, row),
            Kind::Rows(inner, Layout::Table) => self.table(field, inner, path),
            Kind::Rows(inner, Layout::Cards) => self.cards(field, inner, path),
            _ => {
                let input = self.input(field, path, row);
                self.parts.push(Part::Field(Box::new(input)));
            }
        }
    }

    fn table(&mut self, field: &'static Field, inner: &'static [Field], path: String) {
        let columns = columns(inner);
        // An empty line is always there to write into; it is left out when it stays empty.
        let count = self.typed.rows(&path).max(1);
        let names: Vec<String> = columns.iter().map(|column| column.label.to_owned()).collect();
        self.parts.push(Part::Table {
            path: path.clone(),
            label: field.label,
            help: field.help.to_owned(),
            columns,
            problem: self.problem(&path),
            count: self.typed.rows(&path),
        });
        for number in 0..count {
            let at = format!("{path}[{number}]");
            self.parts.push(Part::Row {
                path: at.clone(),
                number: number + 1,
            });
            let row = format!("{}, row {}", field.label, number + 1);
            let mut hidden = Vec::new();
            self.cells(inner, &at, &row, &mut hidden);
            self.parts.push(Part::EndRow {
                path: at,
                number: number + 1,
                hidden,
            });
        }
        let (pasted, errors) = match self.about.pasted {
            Some((list, text, errors)) if *list == path => (text.clone(), errors.clone()),
            _ => (String::new(), Vec::new()),
        };
        self.parts.push(Part::EndTable {
            path,
            label: field.label,
            columns: names.join(", "),
            pasted,
            errors,
        });
    }

    fn cells(&mut self, fields: &'static [Field], prefix: &str, row: &str, hidden: &mut Vec<(String, String)>) {
        for field in fields {
            let path = join(prefix, field.name);
            match field.kind {
                Kind::Record(inner) => self.cells(inner, &path, row, hidden),
                _ if field.computed => {
                    let text = self.typed.text(&path);
                    if !text.is_empty() {
                        hidden.push((path.clone(), text.to_owned()));
                    }
                }
                _ => self.field(field, path, row),
            }
        }
    }

    fn cards(&mut self, field: &'static Field, inner: &'static [Field], path: String) {
        let count = self.typed.rows(&path);
        self.parts.push(Part::Cards {
            path: path.clone(),
            label: field.label,
            problem: self.problem(&path),
            count,
        });
        for number in 0..count {
            let at = format!("{path}[{number}]");
            self.parts.push(Part::Card {
                path: at.clone(),
                number: number + 1,
                label: field.label,
            });
            self.fields(inner, &at, "");
            self.parts.push(Part::EndCard {
                path: at,
                number: number + 1,
                label: field.label,
            });
        }
        self.parts.push(Part::EndCards {
            path,
            label: field.label,
        });
    }

    fn input(&self, field: &'static Field, path: String, row: &str) -> Input {
        let value = self.typed.text(&path).to_owned();
        let on = self.typed.all(&path);
        let choices = |words: super::fields::Words| {
            words()
                .into_iter()
                .map(|(word, label)| Choice {
                    value: word,
                    label,
                    on: on.iter().any(|given| given == word),
                })
                .collect()
        };
        let (kind, choices) = match field.kind {
            // Codes and marks that are kept, but say nothing to a person.
            Kind::Text | Kind::Choice(_) if field.computed && field.unit.is_empty() && field.name != "category" => {
                ("hidden", Vec::new())
            }
            _ if field.computed => ("computed", Vec::new()),
            Kind::Long => ("long", Vec::new()),
            Kind::Whole => ("whole", Vec::new()),
            Kind::Number => ("number", Vec::new()),
            Kind::Day => ("day", Vec::new()),
            Kind::Moment => ("moment", Vec::new()),
            Kind::YesNo if row.is_empty() => ("yesno", Vec::new()),
            Kind::YesNo => ("choice", yes_no(&value)),
            Kind::Tick => ("tick", Vec::new()),
            Kind::Choice(words) => ("choice", choices(words)),
            Kind::Ticks(words) => {
                // What is ticked comes first, in its stored order: saving must not look like a change.
                let mut all: Vec<Choice> = choices(words);
                all.sort_by_key(|choice| on.iter().position(|given| given == choice.value).unwrap_or(usize::MAX));
                ("ticks", all)
            }
            Kind::Lines => ("lines", Vec::new()),
            _ => ("text", Vec::new()),
        };
        // In a table an empty cell says enough: the note before had other rows.
        let was = if row.is_empty() || !value.is_empty() {
            self.was(field, &path, &value)
        } else {
            String::new()
        };
        Input {
            label: field.label,
            unit: field.unit,
            help: field.help,
            required: field.required,
            kind,
            choices,
            problem: self.problem(&path),
            unusual: self
                .about
                .unusual
                .iter()
                .filter(|one| one.path == path)
                .cloned()
                .collect(),
            was,
            row: row.to_owned(),
            value,
            path,
        }
    }

    fn was(&self, field: &Field, path: &str, value: &str) -> String {
        let Some(before) = self.about.before.filter(|_| !field.computed) else {
            return String::new();
        };
        let old = before.all(path).join(", ");
        if old.is_empty() || old == self.typed.all(path).join(", ") || old == value {
            return String::new();
        }
        match field.kind {
            Kind::YesNo | Kind::Tick => if old == "true" { "yes" } else { "no" }.to_owned(),
            Kind::Choice(words) | Kind::Ticks(words) => {
                let words = words();
                let label = |word: &String| {
                    words
                        .iter()
                        .find(|(value, _)| value == word)
                        .map_or(word.clone(), |(_, label)| label.clone())
                };
                before.all(path).iter().map(label).collect::<Vec<_>>().join(", ")
            }
            _ => old.replace('\n', "; "),
        }
    }
}

fn yes_no(value: &str) -> Vec<Choice> {
    [("true", "yes"), ("false", "no")]
        .into_iter()
        .map(|(word, label)| Choice {
            value: word,
            label: label.to_owned(),
            on: value == word,
        })
        .collect()
}

/// The columns of a table: what is typed, records inside flattened.
pub(super) fn columns(fields: &'static [Field]) -> Vec<Column> {
    fields
        .iter()
        .flat_map(|field| match field.kind {
            Kind::Record(inner) => columns(inner),
            _ if field.computed => Vec::new(),
            _ => vec![Column {
                label: field.label,
                unit: field.unit,
            }],
        })
        .collect()
}
