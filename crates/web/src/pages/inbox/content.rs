//! What a note says, laid out for its reader: the first screen, the narrative in blocks, what an amendment changed.

use liaison_clinical::{BottomLine, Section, content::shared::AddresseeRole};
use liaison_domain::CareRole;
use liaison_service::notes::{Change, ReleasedNote};

use super::words;
use crate::format::{self, Zone};

/// The first screen after what is asked (content specification 1.6).
pub(crate) struct FirstScreen {
    pub(crate) reasons: Vec<String>,
    pub(crate) facts: Vec<(&'static str, String)>,
}

/// One section of the narrative.
pub(crate) struct Part {
    pub(crate) title: String,
    pub(crate) blocks: Vec<Block>,
}

/// A line of a section, or a table of it.
#[derive(Default)]
pub(crate) struct Block {
    pub(crate) key: String,
    pub(crate) text: String,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// What an amendment changed.
pub(crate) struct Changed {
    pub(crate) reason: String,
    pub(crate) rows: Vec<ChangedField>,
}

/// One field of it.
pub(crate) struct ChangedField {
    pub(crate) name: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// A released note, laid out.
pub(crate) struct Content {
    pub(crate) first: FirstScreen,
    pub(crate) parts: Vec<Part>,
    pub(crate) signed: String,
    pub(crate) sha256: String,
}

/// The role under which a note addresses this recipient.
pub(super) fn addressee(role: CareRole) -> AddresseeRole {
    match role {
        CareRole::Oncologist => AddresseeRole::Oncologist,
        CareRole::PalliativeClinician => AddresseeRole::PalliativeClinician,
        CareRole::PrimaryCare => AddresseeRole::PrimaryCare,
        CareRole::Other => AddresseeRole::Other,
    }
}

/// Lays out a note; `signer` is the name of who signed.
pub(super) fn content(note: &ReleasedNote, signer: &str, zone: Zone) -> Content {
    let sections = note.sections.reveal();
    Content {
        first: first_screen(note.bottom_line.reveal(), note.content.reveal().as_infusion().is_some()),
        // The first section is the first screen, which stands above in its own form.
        parts: sections.iter().skip(1).map(part).collect(),
        signed: format!(
            "Signed by {signer}, {}; version {}.",
            zone.time(note.signed_at),
            note.version.version
        ),
        sha256: note.sha256.clone(),
    }
}

fn first_screen(line: &BottomLine, infusion: bool) -> FirstScreen {
    let name = if infusion { "Response" } else { "Decision" };
    let mut facts = vec![(name, crate::error::capital(&line.outcome))];
    facts.extend(line.opioids.clone().map(|opioids| ("Opioids", opioids)));
    let worst = line.highest_ae.as_deref().map(|event| {
        let event = event.strip_prefix("highest adverse event ").unwrap_or(event);
        format::words(&event.chars().take(1).collect::<String>()) + event.get(1..).unwrap_or_default()
    });
    facts.extend(worst.map(|event| ("Worst adverse event", event)));
    facts.extend(line.next.clone().map(|next| ("Next", crate::error::capital(&next))));
    FirstScreen {
        reasons: line.reasons.clone(),
        facts,
    }
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

/// What an amendment changed, field by field.
pub(super) fn changed(change: &Change) -> Changed {
    Changed {
        reason: change.reason.clone(),
        rows: change
            .fields
            .iter()
            .map(|field| ChangedField {
                name: words::field_path(&field.path),
                before: words::value(field.before.as_deref()),
                after: words::value(field.after.as_deref()),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
