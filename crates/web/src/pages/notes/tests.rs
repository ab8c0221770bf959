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

fn pasted(text: &str) -> (Typed, super::paste::Pasted) {
    let Some(super::fields::Field {
        kind: super::fields::Kind::Rows(fields, _),
        ..
    }) = super::fields::field_at(NoteKind::InfusionSummary, "monitoring")
    else {
        panic!("a list")
    };
    let mut typed = Typed::default();
    let done = super::paste::paste(&mut typed, "monitoring", fields, text, clinic());
    (typed, done)
}

#[test]
fn tabs_semicolons_and_commas_are_read_with_and_without_headings() {
    for text in [
        "t_min\thr\tsbp\tdbp\ttemp_c\n5\t72\t130\t80\t36.6\n10\t73\t131\t81\t\n",
        "Minute;HR;SBP;DBP;Temp\r\n5;72;130;80;36.6\r\n10;73;131;81;\r\n",
        "t (min),pulse,BP,\"temp\"\n5,72,130/80,36.6\n10,73,131/81,\n",
    ] {
        let (typed, done) = pasted(text);
        assert_eq!((done.added, done.errors.len()), (2, 0), "{text} {:?}", done.errors);
        assert_eq!(typed.text("monitoring[0].temp_c"), "36.6");
        assert_eq!(
            (typed.text("monitoring[1].sbp"), typed.text("monitoring[1].dbp")),
            ("131", "81")
        );
        assert_eq!(typed.text("monitoring[1].temp_c"), "");
    }
    // Without headings: in the order of the columns.
    let (typed, done) = pasted("5\tinfusion\t72\t130\t80\n");
    assert_eq!(done.added, 1, "{:?}", done.errors);
    assert_eq!(
        (typed.text("monitoring[0].phase"), typed.text("monitoring[0].dbp")),
        ("infusion", "80")
    );
}

#[test]
fn decimal_commas_are_refused_and_never_read_as_something_else() {
    for mark in ['\t', ';'] {
        let text = format!("t_min{mark}temp_c{mark}rass\n5{mark}36,6{mark}0\n");
        let (_, done) = pasted(&text);
        assert_eq!(done.added, 0);
        assert_eq!(
            done.errors,
            ["Line 2: temp_c \"36,6\": Write a number with a point, such as 0.5."]
        );
        assert!(done.left.contains("36,6"));
    }
    // Separated by commas, a decimal comma makes one column more. Also where a cell at the end was left out.
    let (_, done) = pasted("t_min,temp_c,rass\n5,36,6,0\n10,36.7,0\n");
    assert_eq!(done.added, 1);
    assert!(
        done.errors[0].starts_with("Line 2: 4 columns, but 3 are expected."),
        "{:?}",
        done.errors
    );
    let (_, done) = pasted("t_min,temp_c,rass,nrs\n5,36,6\n");
    assert_eq!(done.added, 0);
    assert!(
        done.errors[0].starts_with("Line 2: 3 columns, but 4 are expected."),
        "{:?}",
        done.errors
    );
    assert_eq!(done.left, "t_min,temp_c,rass,nrs\n5,36,6");
}
