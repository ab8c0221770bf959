//! Lines pasted from a spreadsheet or a CSV file into a list: tabs, semicolons or commas; with a line of headings, or in
//! the order of the columns. What cannot be read is told by its line and stays to be corrected. Decimal commas are
//! refused, never guessed: where commas separate, a line with more or fewer columns than the first is not read.

use chrono::{NaiveDateTime, NaiveTime};

use super::{
    fields::{Field, Kind, join},
    typed::{Typed, value_of},
};
use crate::format::Zone;

/// Other headings that devices and people write.
const ALSO: [(&str, &str); 18] = [
    ("min", "t_min"),
    ("t", "t_min"),
    ("minutes", "t_min"),
    ("heartrate", "hr"),
    ("pulse", "hr"),
    ("systolic", "sbp"),
    ("diastolic", "dbp"),
    ("mean", "map"),
    ("sat", "spo2"),
    ("o2sat", "spo2"),
    ("resprate", "rr"),
    ("co2", "etco2"),
    ("oxygen", "o2_l_min"),
    ("o2", "o2_l_min"),
    ("temperature", "temp_c"),
    ("temp", "temp_c"),
    ("dissociation", "dissociation_0_10"),
    ("pain", "nrs"),
];

/// What a column holds.
#[derive(Clone)]
enum Column {
    /// A field of the entry.
    Field(String, Kind),
    /// Systolic and diastolic together: `122/72`.
    Pressure,
    /// A time of day, for the minute from the start.
    Clock,
}

/// What pasting did.
pub(super) struct Pasted {
    /// How many entries were added.
    pub(super) added: usize,
    /// What is wrong, by line.
    pub(super) errors: Vec<String>,
    /// The lines that were not taken.
    pub(super) left: String,
}

fn bare(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_lowercase()
}

fn leaves(fields: &'static [Field], prefix: &str) -> Vec<(String, &'static Field)> {
    fields
        .iter()
        .flat_map(|field| {
            let path = join(prefix, field.name);
            match field.kind {
                Kind::Record(inner) => leaves(inner, &path),
                _ if field.computed => Vec::new(),
                _ => vec![(path, field)],
            }
        })
        .collect()
}

/// The cells of one line (RFC 4180 within one line: quoted cells, doubled quotes).
fn cells(line: &str, mark: char) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let cell = all.last_mut();
        match (letter, cell) {
            ('"', Some(cell)) if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            ('"', _) => quoted = !quoted,
            (letter, _) if letter == mark && !quoted => all.push(String::new()),
            (letter, Some(cell)) => cell.push(letter),
            (_, None) => {}
        }
    }
    all.into_iter().map(|cell| cell.trim().to_owned()).collect()
}

fn named(heading: &str, leaves: &[(String, &'static Field)]) -> Option<Column> {
    // A unit in brackets says nothing about which column it is.
    let heading = bare(heading.split(['(', '[']).next().unwrap_or_default());
    if heading == "bp" || heading == "bloodpressure" {
        return Some(Column::Pressure);
    }
    if matches!(heading.as_str(), "time" | "clock" | "timeofday") && leaves.iter().any(|(path, _)| path == "t_min") {
        return Some(Column::Clock);
    }
    let also = ALSO.iter().find(|(word, _)| *word == heading).map(|(_, name)| *name);
    leaves
        .iter()
        .find(|(path, field)| bare(path) == heading || bare(field.label) == heading || also == Some(path.as_str()))
        .map(|(path, field)| Column::Field(path.clone(), field.kind))
}

/// Adds the lines of a text to a list of the form.
pub(super) fn paste(typed: &mut Typed, list: &str, fields: &'static [Field], text: &str, zone: Zone) -> Pasted {
    let leaves = leaves(fields, "");
    let lines: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .collect();
    let Some((_, first)) = lines.first() else {
        return Pasted {
            added: 0,
            errors: vec!["There is nothing to read: paste lines from a spreadsheet.".to_owned()],
            left: String::new(),
        };
    };
    let mark = ['\t', ';', ',']
        .into_iter()
        .find(|mark| first.contains(*mark))
        .unwrap_or(',');
    let headings: Vec<Option<Column>> = cells(first, mark).iter().map(|cell| named(cell, &leaves)).collect();
    let has_headings = headings.iter().flatten().count() * 2 >= headings.len();
    let order: Vec<Option<Column>> = if has_headings {
        headings
    } else {
        leaves
            .iter()
            .map(|(path, field)| Some(Column::Field(path.clone(), field.kind)))
            .collect()
    };
    let mut errors = Vec::new();
    if has_headings {
        for (cell, column) in cells(first, mark).iter().zip(&order) {
            if column.is_none() && !cell.is_empty() {
                errors.push(format!("Line 1: the column \"{cell}\" is not known; it was left out."));
            }
        }
    }
    let mut left: Vec<&str> = if has_headings { vec![first] } else { Vec::new() };
    let (kept, mut added) = (left.len(), 0);
    let width = cells(first, mark).len();
    for (number, line) in lines.into_iter().skip(kept) {
        let found = cells(line, mark).len();
        if mark == ',' && found != width {
            // A decimal comma makes two columns of one: nothing behind it would stand where it belongs.
            errors.push(format!(
                "Line {}: {found} columns, but {width} are expected. Write numbers with a point, or separate the columns \
                 by tabs or semicolons.",
                number + 1
            ));
            left.push(line);
            continue;
        }
        match entry(line, mark, &order, typed, zone) {
            Ok(values) if values.is_empty() => {}
            Ok(values) => {
                let row = typed.add_row(list);
                for (path, value) in values {
                    typed.set(format!("{row}.{path}"), value);
                }
                added += 1;
            }
            Err(wrong) => {
                errors.extend(wrong.into_iter().map(|wrong| format!("Line {}: {wrong}", number + 1)));
                left.push(line);
            }
        }
    }
    let left = if left.len() > kept {
        left.join("\n")
    } else {
        String::new()
    };
    Pasted { added, errors, left }
}

fn entry(
    line: &str,
    mark: char,
    order: &[Option<Column>],
    typed: &Typed,
    zone: Zone,
) -> Result<Vec<(String, String)>, Vec<String>> {
    let cells = cells(line, mark);
    let (mut values, mut wrong) = (Vec::new(), Vec::new());
    if cells.len() > order.len() && cells.iter().skip(order.len()).any(|cell| !cell.is_empty()) {
        wrong.push(format!("{} columns, but {} are expected.", cells.len(), order.len()));
    }
    for (cell, column) in cells.iter().zip(order) {
        let Some(column) = column else { continue };
        if cell.is_empty() || cell == "-" {
            continue;
        }
        match column {
            Column::Field(path, kind) => match one(*kind, cell, zone) {
                Ok(text) => values.push((path.clone(), text)),
                Err(message) => wrong.push(format!(
                    "{path} \"{}\": {message}",
                    cell.chars().take(20).collect::<String>()
                )),
            },
            Column::Pressure => match cell.split_once('/') {
                Some((sbp, dbp)) if [sbp, dbp].iter().all(|part| part.trim().parse::<i32>().is_ok()) => {
                    values.push(("sbp".to_owned(), sbp.trim().to_owned()));
                    values.push(("dbp".to_owned(), dbp.trim().to_owned()));
                }
                _ => wrong.push("the blood pressure is not written as 122/72.".to_owned()),
            },
            Column::Clock => match minute(cell, typed.text("infusion.start")) {
                Ok(minute) => values.push(("t_min".to_owned(), minute.to_string())),
                Err(message) => wrong.push(message.to_owned()),
            },
        }
    }
    if wrong.is_empty() { Ok(values) } else { Err(wrong) }
}

/// One cell as the form would bring it.
fn one(kind: Kind, cell: &str, zone: Zone) -> Result<String, String> {
    match kind {
        Kind::Choice(words) => {
            let words = words();
            words
                .iter()
                .find(|(word, label)| bare(word) == bare(cell) || bare(label) == bare(cell))
                .map(|(word, _)| (*word).to_owned())
                .ok_or_else(|| {
                    let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                    format!("allowed are {}.", allowed.join(", "))
                })
        }
        Kind::YesNo | Kind::Tick => match bare(cell).as_str() {
            "yes" | "y" | "true" | "1" => Ok("true".to_owned()),
            "no" | "n" | "false" | "0" => Ok("false".to_owned()),
            _ => Err("write yes or no.".to_owned()),
        },
        // Spreadsheets write whole numbers with a decimal point.
        Kind::Whole => {
            let whole = cell.strip_suffix(".0").unwrap_or(cell);
            value_of(kind, whole, zone)
                .map(|_| whole.to_owned())
                .map_err(str::to_owned)
        }
        kind => value_of(kind, cell, zone)
            .map(|_| cell.to_owned())
            .map_err(str::to_owned),
    }
}

/// Minutes from the start to a time of day; a visit does not last half a day.
fn minute(cell: &str, start: &str) -> Result<i64, &'static str> {
    let time = ["%H:%M", "%H:%M:%S", "%I:%M %p"]
        .iter()
        .find_map(|form| NaiveTime::parse_from_str(cell, form).ok())
        .ok_or("the time is not written as 09:30.")?;
    let begin = start
        .get(..16)
        .and_then(|start| NaiveDateTime::parse_from_str(start, "%Y-%m-%dT%H:%M").ok())
        .ok_or("enter the start of the infusion first, or give minutes from it.")?;
    let minutes = (time - begin.time()).num_minutes();
    Ok(match minutes {
        ..-720 => minutes + 1_440,
        721.. => minutes - 1_440,
        within => within,
    })
}
