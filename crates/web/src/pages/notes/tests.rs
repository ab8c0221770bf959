//! The tables of `fields` hold every field of the content, and the form is a faithful copy of it.

use std::collections::BTreeSet;

use liaison_clinical::{Mode, NoteContent, PriorContext, canonical_json, journeys, parse_journey, validate};
use liaison_domain::NoteKind;

use super::{
    computed,
    fields::{Field, Kind, document, join, sections},
    typed::Typed,
};
use crate::{form::Fields, format::Zone};

fn kind_of(content: &NoteContent) -> NoteKind {
    match content {
        NoteContent::ConsultationNote(_) => NoteKind::ConsultationNote,
        NoteContent::InfusionSummary(_) => NoteKind::InfusionSummary,
    }
}

fn contents() -> Vec<NoteContent> {
    journeys()
        .flat_map(|(_, text)| parse_journey(text).unwrap().documents)
        .map(|document| document.content)
        .collect()
}

fn clinic() -> Zone {
    Zone::named("America/Chicago")
}

/// What a browser would send for a form as it was written.
fn sent(
    fields: &'static [Field],
    prefix: &str,
    typed: &Typed,
    body: &mut url::form_urlencoded::Serializer<'_, String>,
) {
    for field in fields {
        let path = join(prefix, field.name);
        match field.kind {
            Kind::Record(inner) => sent(inner, &path, typed, body),
            Kind::Rows(inner, _) => {
                // The page shows one empty line more than there are entries.
                for at in 0..=typed.rows(&path) {
                    sent(inner, &format!("{path}[{at}]"), typed, body);
                }
            }
            Kind::Ticks(_) => {
                for text in typed.all(&path) {
                    body.append_pair(&path, text);
                }
            }
            // Browsers send line ends as CR LF.
            _ => drop(body.append_pair(&path, &typed.text(&path).replace('\n', "\r\n"))),
        }
    }
}

#[test]
fn every_journeys_note_goes_into_the_form_and_comes_back_the_same() {
    let all = contents();
    assert!(all.iter().any(|content| content.as_consultation().is_some()));
    assert!(all.iter().any(|content| content.as_infusion().is_some()));
    for content in all {
        let kind = kind_of(&content);
        let typed = Typed::of(&content, kind, clinic());
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        sent(document(kind), "", &typed, &mut body);
        let read = Typed::read(&Fields::read(body.finish().as_bytes()), kind);
        let back = read.content(kind, clinic()).unwrap();
        assert_eq!(back, content);
        assert_eq!(
            String::from_utf8(canonical_json(&back)).unwrap(),
            String::from_utf8(canonical_json(&content)).unwrap()
        );
    }
}

/// The leaves of a table, as `monitoring[].sbp`.
fn leaves(fields: &'static [Field], prefix: &str, found: &mut BTreeSet<String>) {
    for field in fields {
        let path = join(prefix, field.name);
        match field.kind {
            Kind::Record(inner) => leaves(inner, &path, found),
            Kind::Rows(inner, _) => leaves(inner, &format!("{path}[]"), found),
            _ => assert!(found.insert(path.clone()), "{path} stands twice"),
        }
    }
}

/// The leaves of an input type of the exported schema, in our spelling: without underscores and capitals.
fn schema_leaves(schema: &str, name: &str, prefix: &str, found: &mut BTreeSet<String>) {
    let start = schema
        .find(&format!("\ninput {name} {{\n"))
        .unwrap_or_else(|| panic!("no input {name}"));
    let body = &schema[start..][..schema[start..].find("\n}\n").unwrap()];
    let mut in_text = false;
    for line in body.lines().skip(2) {
        let line = line.trim();
        if line.starts_with("\"\"\"") {
            // A description on one line opens and closes at once.
            in_text = if line.len() > 3 && line.ends_with("\"\"\"") {
                in_text
            } else {
                !in_text
            };
            continue;
        }
        if in_text || line.is_empty() {
            continue;
        }
        let (field, kind) = line.split_once(": ").unwrap();
        let kind = kind.split(" = ").next().unwrap();
        let is_list = kind.starts_with('[');
        let kind = kind.trim_matches(|c| matches!(c, '[' | ']' | '!'));
        let path = join(prefix, &field.to_lowercase());
        if kind.ends_with("Input") {
            let path = if is_list { format!("{path}[]") } else { path };
            schema_leaves(schema, kind, &path, found);
        } else {
            found.insert(path);
        }
    }
}

#[test]
fn the_tables_hold_every_field_of_the_content_types_and_nothing_else() {
    let schema = include_str!("../../../../../schema.graphql");
    for (kind, input) in [
        (NoteKind::ConsultationNote, "ConsultationNoteInput"),
        (NoteKind::InfusionSummary, "InfusionSummaryInput"),
    ] {
        let mut ours = BTreeSet::new();
        leaves(document(kind), "", &mut ours);
        // The stored word of a recommendation's kind is `type`.
        let ours: BTreeSet<String> = ours
            .iter()
            .map(|path| {
                path.replace("recommendations[].type", "recommendations[].kind")
                    .replace('_', "")
                    .to_lowercase()
            })
            .collect();
        let mut theirs = BTreeSet::new();
        schema_leaves(schema, input, "", &mut theirs);
        assert_eq!(ours, theirs);
    }
}

#[test]
fn every_field_of_a_document_stands_in_exactly_one_section() {
    for kind in [NoteKind::ConsultationNote, NoteKind::InfusionSummary] {
        let mut named: Vec<&str> = sections(kind)
            .iter()
            .flat_map(|section| section.names)
            .copied()
            .collect();
        let mut fields: Vec<&str> = document(kind).iter().map(|field| field.name).collect();
        named.sort_unstable();
        fields.sort_unstable();
        assert_eq!(named, fields);
    }
}

#[test]
fn computed_values_are_those_the_journeys_were_signed_with() {
    for content in contents() {
        let mut filled = content.clone();
        computed::fill(&mut filled);
        let validation = validate(&filled, Mode::Draft, &PriorContext::default());
        assert!(validation.is_clean(), "{:?}", validation.problems);
        for one in liaison_clinical::differences(&content, &filled) {
            assert!(one.before.is_none(), "{one:?}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_named_at_its_field() {
    let body = "infusion.number=two&infusion.weight_kg=68,5&infusion.start=2026-03-08T02:30&infusion.completed=maybe\
                &monitoring[0].sbp=&monitoring[4].hr=fast&adverse_events[0].outcome=fine";
    let typed = Typed::read(&Fields::read(body.as_bytes()), NoteKind::InfusionSummary);
    let problems = typed.content(NoteKind::InfusionSummary, clinic()).unwrap_err();
    let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "infusion.number",
            "infusion.weight_kg",
            "infusion.start",
            "infusion.completed",
            "monitoring[0].hr",
            "adverse_events[0].outcome"
        ]
    );
    // The page's fifth row is the first that says something.
    assert_eq!(typed.in_page("monitoring[0].hr"), "monitoring[4].hr");
    assert!(problems[5].message.contains("resolved"), "{}", problems[5].message);
}

#[test]
fn a_row_taken_out_moves_the_others_up() {
    let body = "monitoring[0].hr=70&monitoring[1].hr=71&monitoring[2].hr=72&infusion.number=1";
    let mut typed = Typed::read(&Fields::read(body.as_bytes()), NoteKind::InfusionSummary);
    typed.remove_row("monitoring", 1);
    assert_eq!(typed.rows("monitoring"), 2);
    assert_eq!(
        (typed.text("monitoring[0].hr"), typed.text("monitoring[1].hr")),
        ("70", "72")
    );
    assert_eq!(typed.text("infusion.number"), "1");
}

#[test]
fn none_and_not_asked_are_two_things() {
    let read = |body: &str| {
        Typed::read(&Fields::read(body.as_bytes()), NoteKind::ConsultationNote)
            .content(NoteKind::ConsultationNote, clinic())
            .unwrap()
    };
    let note = read("medical_screening.glaucoma=false&no_known_allergies=true");
    let note = note.as_consultation().unwrap();
    assert_eq!(note.medical_screening.as_ref().unwrap().glaucoma, Some(false));
    assert_eq!(note.no_known_allergies, Some(true));
    let note = read("medical_screening.glaucoma=&consult_date=2026-01-12");
    assert_eq!(note.as_consultation().unwrap().medical_screening, None);
    // A stored "false" survives an unticked box.
    let note = read("no_known_allergies=false");
    assert_eq!(note.as_consultation().unwrap().no_known_allergies, Some(false));
}
