//! Writes the parts of the form one after another: each field with its value, its choices, and what is beside it.

use chrono::NaiveDateTime;
use liaison_domain::NoteKind;

use super::{
    About, Choice, Column, Input, Part, SectionView, human,
    progress::{progress, top},
};
use crate::{
    format::date,
    pages::notes::{
        fields::{Field, Kind, Layout, join, sections},
        typed::Typed,
    },
};

/// The whole form.
pub(in crate::pages::notes) fn form(kind: NoteKind, typed: &Typed, about: &About<'_>) -> Vec<SectionView> {
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
                    unit: field.unit,
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
        let choices = |words: crate::pages::notes::fields::Words| {
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
            Kind::Day => old.parse().map_or(old, date),
            Kind::Moment => NaiveDateTime::parse_from_str(&old, "%Y-%m-%dT%H:%M")
                .map_or(old, |at| at.format("%-d %b %Y, %H:%M").to_string()),
            _ if !field.unit.is_empty() => format!("{old} {}", field.unit),
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
fn columns(fields: &'static [Field]) -> Vec<Column> {
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
