//! What people read: the bottom line and the narrative of every journey document, kept as snapshots.

use liaison_clinical::{AddresseeRole, BottomLineContext, bottom_line, codes, narrative_with};

use crate::journeys::{consultation, parsed};

#[test]
fn the_bottom_line_of_every_document() {
    for (name, journey) in parsed() {
        let context = consultation(&journey)
            .map(BottomLineContext::from_consultation)
            .unwrap_or_default();
        let context = BottomLineContext {
            phone: Some("the clinic, +1 555 0100".to_owned()),
            ..context
        };
        for (index, document) in journey.documents.iter().enumerate() {
            let line = bottom_line(&document.content, &context);
            assert!(line.sentences.len() <= 3);
            insta::assert_json_snapshot!(
                format!("bottom_line__{}__{index}", name.trim_end_matches(".json")),
                line
            );
        }
    }
}

#[test]
fn the_narrative_of_every_document() {
    for (name, journey) in parsed() {
        let context = consultation(&journey)
            .map(BottomLineContext::from_consultation)
            .unwrap_or_default();
        for (index, document) in journey.documents.iter().enumerate() {
            let sections = narrative_with(&document.content, &context);
            let mut text = String::new();
            for section in &sections {
                assert!(
                    codes::emit(codes::LOINC, &section.loinc).is_some(),
                    "{} is not a V2 code",
                    section.loinc
                );
                text.push_str(&format!(
                    "## {} [{}]\n{}\n\n",
                    section.title, section.loinc, section.text
                ));
            }
            assert!(
                !text.contains('µ') && !text.contains('μ'),
                "micrograms must be written out"
            );
            insta::assert_snapshot!(format!("narrative__{}__{index}", name.trim_end_matches(".json")), text);
        }
    }
}

#[test]
fn a_recipient_sees_what_is_asked_of_them_and_of_all() {
    for (_, journey) in parsed() {
        for document in &journey.documents {
            let line = bottom_line(&document.content, &BottomLineContext::default());
            let mine = line.asked_of(AddresseeRole::Oncologist).count();
            let all = line
                .asked
                .iter()
                .filter(|a| matches!(a.to_role, AddresseeRole::Oncologist | AddresseeRole::All))
                .count();
            assert_eq!(mine, all);
        }
    }
}
