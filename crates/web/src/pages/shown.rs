//! A note in the words its readers get: the first screen, the narrative, what an amendment changed. One view and one
//! template each for everybody who reads it: a recipient, the author before signing, the clinic afterwards, on paper, by
//! secure link. So a preview cannot say anything else than what arrives.

use askama::Template;
use liaison_clinical::{BottomLine, NoteContent, Section, content::shared::AddresseeRole, differences};
use liaison_domain::{CareRole, NoteKind};
use liaison_service::{directory::Organization, notes::Change};

use super::notes::fields::words_of;
use crate::format::{self, Zone};

/// What is asked of the reader.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) text: String,
    /// By when; empty where nothing is said.
    pub(crate) by: String,
    /// Of whom; empty where it is the reader.
    pub(crate) of: String,
}

/// Whom to phone with questions.
#[derive(Clone, Default)]
pub(crate) struct Phone {
    /// Who answers.
    pub(crate) who: String,
    /// Empty where none is known.
    pub(crate) number: String,
}

impl Phone {
    /// The clinic's line.
    pub(crate) fn of(clinic: &Organization) -> Self {
        Self {
            who: clinic.name.clone(),
            number: clinic.phone.clone().unwrap_or_default(),
        }
    }

    fn link(&self) -> String {
        tel(&self.number)
    }
}

/// A telephone number as a `tel:` address (RFC 3966): digits and a leading plus.
pub(crate) fn tel(number: &str) -> String {
    let digits: String = number
        .chars()
        .enumerate()
        .filter(|(index, c)| c.is_ascii_digit() || (*c == '+' && *index == 0))
        .map(|(_, c)| c)
        .collect();
    format!("tel:{digits}")
}

/// The first screen of a message (content specification 1.6).
#[derive(Template)]
#[template(path = "parts/first_screen.html")]
pub(crate) struct FirstScreen {
    reasons: Vec<String>,
    /// `Asked of you`, or `Asked` for who is not a recipient.
    asked: &'static str,
    requests: Vec<Request>,
    message: String,
    facts: Vec<(&'static str, String)>,
    phone: Phone,
}

impl FirstScreen {
    /// For a recipient: with what is asked of them, and the words that the sender sent with it.
    pub(crate) fn of_recipient(
        line: &BottomLine,
        kind: NoteKind,
        requests: Vec<Request>,
        message: String,
        phone: Phone,
    ) -> Self {
        Self {
            reasons: line.reasons.clone(),
            asked: "Asked of you",
            requests,
            message,
            facts: facts(line, kind),
            phone,
        }
    }

    /// For the clinic: with what is asked of whom.
    pub(crate) fn of_clinic(line: &BottomLine, kind: NoteKind, phone: Phone) -> Self {
        let asked = line.asked.iter().map(|asked| Request {
            text: asked.text.clone(),
            by: asked.respond_by.map(format::date).unwrap_or_default(),
            of: match asked.to_role {
                AddresseeRole::All => "everyone".to_owned(),
                role => role.to_string(),
            },
        });
        Self {
            reasons: line.reasons.clone(),
            asked: "Asked",
            requests: asked.collect(),
            message: String::new(),
            facts: facts(line, kind),
            phone,
        }
    }
}

/// The role under which a note addresses a recipient.
pub(crate) fn addressee(role: CareRole) -> AddresseeRole {
    match role {
        CareRole::Oncologist => AddresseeRole::Oncologist,
        CareRole::PalliativeClinician => AddresseeRole::PalliativeClinician,
        CareRole::PrimaryCare => AddresseeRole::PrimaryCare,
        CareRole::Other => AddresseeRole::Other,
    }
}

/// What a recipient in a role will be asked by the questions that a share takes over from the note. `author` is the zone
/// in which the days end: that of who shares.
pub(crate) fn asked_of(line: &BottomLine, role: CareRole, author: Zone) -> Vec<Request> {
    let mut found: Vec<Request> = Vec::new();
    for asked in line.asked_of(addressee(role)) {
        if !found.iter().any(|known| known.text == asked.text) {
            found.push(Request {
                text: asked.text.clone(),
                by: asked
                    .respond_by
                    .and_then(|day| author.end_of(day))
                    .map(|end| author.time(end))
                    .unwrap_or_default(),
                of: String::new(),
            });
        }
    }
    found
}

/// What a note says, section by section, without the first section: that is the first screen, which stands above it.
#[derive(Template)]
#[template(path = "parts/narrative.html")]
pub(crate) struct Narrative {
    parts: Vec<Part>,
}

impl Narrative {
    pub(crate) fn new(sections: &[Section]) -> Self {
        Self {
            parts: sections.iter().skip(1).map(part).collect(),
        }
    }
}

/// One section of the narrative.
struct Part {
    title: String,
    blocks: Vec<Block>,
}

/// A line of a section, or a table of it.
#[derive(Default)]
struct Block {
    key: String,
    text: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// One changed field.
struct ChangedField {
    /// Where, in words.
    place: String,
    /// What stood there; empty where nothing did.
    before: String,
    /// What stands there now; empty where nothing does.
    after: String,
}

/// What a version changed, field by field.
#[derive(Template, Default)]
#[template(path = "parts/changes.html")]
pub(crate) struct Changes {
    rows: Vec<ChangedField>,
}

impl Changes {
    /// Of a signed amendment.
    pub(crate) fn of(kind: NoteKind, change: &Change) -> Self {
        let row = |path: &str, before: Option<&str>, after: Option<&str>| ChangedField {
            place: words_of(kind, path),
            before: readable(before),
            after: readable(after),
        };
        let rows = change
            .fields
            .iter()
            .map(|one| row(&one.path, one.before.as_deref(), one.after.as_deref()));
        Self { rows: rows.collect() }
    }

    /// Of one that is not signed yet.
    pub(crate) fn between(kind: NoteKind, old: &NoteContent, new: &NoteContent) -> Self {
        let fields = differences(old, new).into_iter().map(Into::into).collect();
        let change = Change {
            reason: String::new(),
            fields,
        };
        Self::of(kind, &change)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// A value out of JSON as a person reads it: a record as its values, a word without underscores.
fn readable(value: Option<&str>) -> String {
    let Some(value) = value else { return String::new() };
    match serde_json::from_str::<serde_json::Value>(value) {
        Ok(inner @ (serde_json::Value::Object(_) | serde_json::Value::Array(_))) => flat(&inner),
        Ok(serde_json::Value::Bool(true)) => "yes".to_owned(),
        Ok(serde_json::Value::Bool(false)) => "no".to_owned(),
        _ if value.contains(' ') => value.to_owned(),
        _ => value.replace('_', " "),
    }
}

fn flat(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(object) => object
            .iter()
            .map(|(name, inner)| format!("{}: {}", name.replace('_', " "), flat(inner)))
            .collect::<Vec<_>>()
            .join(", "),
        serde_json::Value::Array(list) => list.iter().map(flat).collect::<Vec<_>>().join("; "),
        serde_json::Value::String(text) => text.replace('_', " "),
        other => other.to_string(),
    }
}

/// The facts of the first screen, in its order.
fn facts(line: &BottomLine, kind: NoteKind) -> Vec<(&'static str, String)> {
    let name = match kind {
        NoteKind::InfusionSummary => "Response",
        NoteKind::ConsultationNote => "Decision",
    };
    let mut facts = vec![(name, crate::error::capital(&line.outcome))];
    facts.extend(line.opioids.clone().map(|opioids| ("Opioids", opioids)));
    let worst = line.highest_ae.as_deref().map(|event| {
        let event = event.strip_prefix("highest adverse event ").unwrap_or(event);
        format::words(&event.chars().take(1).collect::<String>()) + event.get(1..).unwrap_or_default()
    });
    facts.extend(worst.map(|event| ("Worst adverse event", event)));
    facts.extend(line.next.clone().map(|next| ("Next", crate::error::capital(&next))));
    facts
}

fn part(section: &Section) -> Part {
    let mut blocks: Vec<Block> = Vec::new();
    for line in section.text.lines().filter(|line| !line.trim().is_empty()) {
        let cells: Vec<String> = line.split(" | ").map(|cell| cell.trim().to_owned()).collect();
        if cells.len() > 2 {
            match blocks.last_mut().filter(|block| block.head.len() == cells.len()) {
                Some(table) => table.rows.push(cells),
                None => blocks.push(Block {
                    head: cells,
                    ..Block::default()
                }),
            }
            continue;
        }
        // `Dose: 1.2 mg/kg`; a colon far into a sentence names nothing.
        let (key, text) = match line.split_once(": ") {
            Some((key, text)) if key.chars().count() <= 48 => (key, text),
            _ => ("", line),
        };
        blocks.push(Block {
            key: key.to_owned(),
            text: text.to_owned(),
            ..Block::default()
        });
    }
    Part {
        title: section.title.clone(),
        blocks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_becomes_an_address() {
        assert_eq!(tel("+1 (555) 010-0100"), "tel:+15550100100");
    }

    #[test]
    fn lines_are_named_and_tables_are_tables() {
        let section = Section {
            title: "Monitoring".to_owned(),
            loinc: "59774-0".to_owned(),
            text: "Lowest SpO2: 97 %\nmin | HR | BP\n-5 | 74 | 120/71\n5 | 79 | 126/75\nNo new symptoms.".to_owned(),
        };
        let part = part(&section);
        let [line, table, plain] = &part.blocks[..] else {
            panic!("three blocks")
        };
        assert_eq!((line.key.as_str(), line.text.as_str()), ("Lowest SpO2", "97 %"));
        assert_eq!((table.head.len(), table.rows.len()), (3, 2));
        assert_eq!((plain.key.as_str(), plain.text.as_str()), ("", "No new symptoms."));
    }
}
