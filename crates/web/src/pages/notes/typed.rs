//! What a person typed into the form of a note, as texts by path: made from a content, read from a form, and turned back
//! into a content. One and the same walk over the tables of `fields` does all three.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate};
use liaison_clinical::{Decimal, NoteContent, PartialDate, Problem, content_from_json};
use liaison_domain::NoteKind;
use liaison_service::{FieldProblem, notes::SetAside};
use serde_json::{Map, Value, json};

use super::fields::{Field, Kind, document, field_at, join};
use crate::{form::Fields, format::Zone};

/// More entries of one list are not read: no note has them, and a flood must not cost.
const MOST_ROWS: usize = 1_000;

/// The texts of a form by path, with the number of entries of each list.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Typed {
    values: BTreeMap<String, Vec<String>>,
    rows: BTreeMap<String, usize>,
    /// Entries that stand in the page under another number, because empty ones are left out: ours, the page's.
    moved: Vec<(String, String)>,
}

impl Typed {
    /// The first text of a path; empty where nothing was typed.
    pub(super) fn text(&self, path: &str) -> &str {
        self.values
            .get(path)
            .and_then(|all| all.first())
            .map_or("", String::as_str)
    }

    /// Every text of a path.
    pub(super) fn all(&self, path: &str) -> &[String] {
        self.values.get(path).map_or(&[], Vec::as_slice)
    }

    /// The number of entries of a list.
    pub(super) fn rows(&self, path: &str) -> usize {
        self.rows.get(path).copied().unwrap_or(0)
    }

    /// Whether anything stands at a path or below it.
    pub(super) fn is_filled(&self, path: &str) -> bool {
        let below = |name: &String| {
            name.strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.values
            .range(path.to_owned()..)
            .take_while(|(name, _)| name.starts_with(path))
            .any(|(name, _)| below(name))
            || self.rows(path) > 0
    }

    /// Sets one text.
    pub(super) fn set(&mut self, path: impl Into<String>, text: impl Into<String>) {
        let text = text.into();
        if !text.is_empty() {
            self.values.insert(path.into(), vec![text]);
        }
    }

    /// Adds an entry to a list and answers its path.
    pub(super) fn add_row(&mut self, list: &str) -> String {
        let count = self.rows.entry(list.to_owned()).or_default();
        let path = format!("{list}[{count}]");
        *count += 1;
        path
    }

    /// Takes an entry out of a list; those after it move up.
    pub(super) fn remove_row(&mut self, list: &str, number: usize) {
        let count = self.rows(list);
        if number >= count {
            return;
        }
        let mut kept = BTreeMap::new();
        for (path, texts) in std::mem::take(&mut self.values) {
            let place = path
                .strip_prefix(list)
                .and_then(|rest| rest.strip_prefix('['))
                .and_then(|rest| rest.split_once(']'))
                .and_then(|(at, rest)| Some((at.parse::<usize>().ok()?, rest.to_owned())));
            match place {
                Some((at, _)) if at == number => {}
                Some((at, rest)) if at > number => {
                    kept.insert(format!("{list}[{}]{rest}", at - 1), texts);
                }
                _ => {
                    kept.insert(path, texts);
                }
            }
        }
        self.values = kept;
        self.rows.insert(list.to_owned(), count - 1);
    }

    /// Takes what was typed at a path out of the form, or else everything below it: each place with its text, computed
    /// ones without, for they are computed again.
    pub(super) fn take_out(&mut self, kind: NoteKind, path: &str) -> Vec<(String, Option<String>)> {
        let places: Vec<String> = if self.values.contains_key(path) {
            vec![path.to_owned()]
        } else {
            let below = |name: &&String| name.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[']));
            self.values.keys().filter(below).cloned().collect()
        };
        places
            .into_iter()
            .filter_map(|place| {
                let texts = self.values.remove(&place)?;
                let computed = field_at(kind, &place).is_none_or(|field| field.computed);
                Some((place, (!computed).then(|| texts.join("\n"))))
            })
            .collect()
    }

    /// Puts texts back that were set aside: the form shows again what was typed.
    pub(super) fn lay_over(&mut self, kind: NoteKind, aside: &[SetAside]) {
        for one in aside {
            let Some(field) = field_at(kind, &one.path) else {
                continue;
            };
            if let Some((list, rest)) = one.path.split_once('[')
                && let Some(at) = rest.split_once(']').and_then(|(at, _)| at.parse::<usize>().ok())
                && at < MOST_ROWS
            {
                let rows = self.rows.entry(list.to_owned()).or_default();
                *rows = (*rows).max(at + 1);
            }
            let texts = match field.kind {
                Kind::Ticks(_) => one.text.lines().map(str::to_owned).collect(),
                _ => vec![one.text.clone()],
            };
            self.values.insert(one.path.clone(), texts);
        }
    }

    /// A path as the page names it.
    pub(super) fn in_page(&self, path: &str) -> String {
        for (ours, theirs) in &self.moved {
            if let Some(rest) = path.strip_prefix(ours.as_str()) {
                return format!("{theirs}{rest}");
            }
        }
        path.to_owned()
    }

    // --- From a content ---------------------------------------------------------------------------------------------

    /// The form of a content.
    pub(super) fn of(content: &NoteContent, kind: NoteKind, zone: Zone) -> Self {
        let mut typed = Self::default();
        if let Ok(Value::Object(object)) = serde_json::to_value(content) {
            typed.take(document(kind), "", &object, zone);
        }
        typed
    }

    fn take(&mut self, fields: &[Field], prefix: &str, object: &Map<String, Value>, zone: Zone) {
        for field in fields {
            let Some(value) = object.get(field.name) else { continue };
            let path = join(prefix, field.name);
            match (field.kind, value) {
                (Kind::Record(inner), Value::Object(inside)) => self.take(inner, &path, inside, zone),
                (Kind::Rows(inner, _), Value::Array(list)) => {
                    for entry in list {
                        let row = self.add_row(&path);
                        if let Value::Object(inside) = entry {
                            self.take(inner, &row, inside, zone);
                        }
                    }
                }
                (Kind::Lines, Value::Array(list)) => {
                    let lines: Vec<String> = list.iter().map(text_of).collect();
                    self.set(path, lines.join("\n"));
                }
                (Kind::Ticks(_), Value::Array(list)) => {
                    self.values.insert(path, list.iter().map(text_of).collect());
                }
                (Kind::Moment, Value::String(stored)) => self.set(path, moment_text(stored, zone)),
                (_, value) => self.set(path, text_of(value)),
            }
        }
    }

    // --- From a form ------------------------------------------------------------------------------------------------

    /// What a form brought. Entries of lists in which nothing was typed are left out.
    pub(super) fn read(form: &Fields, kind: NoteKind) -> Self {
        let mut given: HashMap<&str, Vec<&str>> = HashMap::new();
        let mut numbers: HashMap<&str, BTreeSet<usize>> = HashMap::new();
        for (name, value) in form.iter() {
            given.entry(name).or_default().push(value);
            // No list stands inside another one: the first bracket is the only one.
            if let Some((list, rest)) = name.split_once('[')
                && let Some(at) = rest.split_once(']').and_then(|(at, _)| at.parse::<usize>().ok())
            {
                numbers.entry(list).or_default().insert(at);
            }
        }
        let mut typed = Self::default();
        typed.take_form(document(kind), "", "", &given, &numbers);
        typed
    }

    fn take_form(
        &mut self,
        fields: &[Field],
        prefix: &str,
        in_page: &str,
        given: &HashMap<&str, Vec<&str>>,
        numbers: &HashMap<&str, BTreeSet<usize>>,
    ) {
        for field in fields {
            let path = join(prefix, field.name);
            let name = join(in_page, field.name);
            match field.kind {
                Kind::Record(inner) => self.take_form(inner, &path, &name, given, numbers),
                Kind::Rows(inner, _) => {
                    for number in numbers.get(name.as_str()).into_iter().flatten().take(MOST_ROWS) {
                        let theirs = format!("{name}[{number}]");
                        let mut entry = Self::default();
                        entry.take_form(inner, &theirs, &theirs, given, numbers);
                        if entry.says_something(inner, &theirs) {
                            let ours = self.add_row(&path);
                            self.take_form(inner, &ours, &theirs, given, numbers);
                            if ours != theirs {
                                self.moved.push((ours, theirs));
                            }
                        }
                    }
                }
                Kind::Ticks(_) => {
                    let all: Vec<String> = given
                        .get(name.as_str())
                        .into_iter()
                        .flatten()
                        .filter(|text| !text.is_empty())
                        .map(|text| (*text).to_owned())
                        .collect();
                    if !all.is_empty() {
                        self.values.insert(path, all);
                    }
                }
                _ => {
                    // The last one counts: a ticked box follows the hidden value it stands for.
                    let text = given
                        .get(name.as_str())
                        .and_then(|all| all.last())
                        .copied()
                        .unwrap_or_default();
                    self.set(path, text.replace("\r\n", "\n").trim());
                }
            }
        }
    }

    /// Whether an entry holds more than what is computed.
    fn says_something(&self, fields: &[Field], path: &str) -> bool {
        fields.iter().any(|field| {
            let inside = join(path, field.name);
            match field.kind {
                Kind::Record(inner) => self.says_something(inner, &inside),
                _ => !field.computed && self.values.contains_key(&inside),
            }
        })
    }

    // --- To a content -----------------------------------------------------------------------------------------------

    /// The content that was typed.
    ///
    /// # Errors
    /// Everything that cannot be read as what its field holds, by path.
    pub(super) fn content(&self, kind: NoteKind, zone: Zone) -> Result<NoteContent, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let mut object = self.put(document(kind), "", zone, &mut problems);
        object.insert(
            "document_type".to_owned(),
            json!(match kind {
                NoteKind::ConsultationNote => "consultation_note",
                NoteKind::InfusionSummary => "infusion_summary",
            }),
        );
        match content_from_json(&Value::Object(object)) {
            Ok(content) if problems.is_empty() => Ok(content),
            Ok(_) => Err(problems),
            Err(more) => {
                problems.extend(more.into_iter().map(of_problem));
                Err(problems)
            }
        }
    }

    fn put(&self, fields: &[Field], prefix: &str, zone: Zone, problems: &mut Vec<FieldProblem>) -> Map<String, Value> {
        let mut object = Map::new();
        for field in fields {
            let path = join(prefix, field.name);
            let value = match field.kind {
                Kind::Record(inner) => {
                    let inside = self.put(inner, &path, zone, problems);
                    (!inside.is_empty()).then_some(Value::Object(inside))
                }
                Kind::Rows(inner, _) => {
                    let list: Vec<Value> = (0..self.rows(&path))
                        .map(|at| Value::Object(self.put(inner, &format!("{path}[{at}]"), zone, problems)))
                        .collect();
                    (!list.is_empty()).then_some(Value::Array(list))
                }
                Kind::Lines => {
                    let lines: Vec<&str> = self
                        .text(&path)
                        .lines()
                        .map(str::trim)
                        .filter(|line| !line.is_empty())
                        .collect();
                    (!lines.is_empty()).then(|| json!(lines))
                }
                Kind::Ticks(_) => (!self.all(&path).is_empty()).then(|| json!(self.all(&path))),
                _ => match self.text(&path).trim() {
                    "" => None,
                    text => match value_of(field.kind, text, zone) {
                        Ok(value) => Some(value),
                        Err(message) => {
                            problems.push(FieldProblem::new(path, "UNREADABLE", message));
                            None
                        }
                    },
                },
            };
            if let Some(value) = value {
                object.insert(field.name.to_owned(), value);
            }
        }
        object
    }
}

/// A problem of the clinical crate at its path.
pub(super) fn of_problem(problem: Problem) -> FieldProblem {
    let message = match &problem.allowed {
        Some(allowed) if !problem.message.contains(allowed.as_str()) => {
            format!("{} Allowed: {allowed}.", problem.message)
        }
        _ => problem.message,
    };
    FieldProblem::new(problem.path, problem.code.to_uppercase(), message)
}

/// One typed text as the value of its field, or what to write instead.
pub(super) fn value_of(kind: Kind, text: &str, zone: Zone) -> Result<Value, &'static str> {
    match kind {
        Kind::Whole => text
            .parse::<i32>()
            .map(|number| json!(number))
            .map_err(|_| "Write a whole number, such as 7."),
        Kind::Number => text
            .parse::<Decimal>()
            .map(|number| json!(number))
            .map_err(|_| "Write a number with a point, such as 0.5."),
        Kind::Day => NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map(|day| json!(day))
            .map_err(|_| "Write a date, such as 2026-01-31."),
        Kind::PartialDay => text
            .parse::<PartialDate>()
            .map(|day| json!(day))
            .map_err(|_| "Write a year (2021), a year and month (2021-06) or a date (2021-06-30)."),
        Kind::Moment => {
            if let Ok(exact) = DateTime::parse_from_rfc3339(text) {
                return Ok(json!(exact));
            }
            zone.read(text)
                .map(|at| json!(zone.local(at)))
                .ok_or("Write a day and time, such as 2026-01-31T09:30; an hour that a clock change skips is none.")
        }
        Kind::YesNo | Kind::Tick => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err("Choose yes or no."),
        },
        _ => Ok(Value::String(text.to_owned())),
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A stored moment as an input of day and time in the zone; as it is where that would lose seconds or the offset.
fn moment_text(stored: &str, zone: Zone) -> String {
    let Ok(exact) = DateTime::parse_from_rfc3339(stored) else {
        return stored.to_owned();
    };
    let text = zone.input(exact.to_utc());
    let same = zone
        .read(&text)
        .map(|at| zone.local(at))
        .is_some_and(|back| back == exact && back.offset() == exact.offset());
    if same { text } else { stored.to_owned() }
}
