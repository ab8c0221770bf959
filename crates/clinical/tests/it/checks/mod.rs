//! Cross-field checks, unusual values, hostile input; what an amendment changed, and which codes leave.

mod hostile;
mod mistakes;
mod unusual;

use liaison_clinical::{
    Mode, NoteContent, PriorContext, canonical_json, codes, content_from_json, differences, validate,
};
use serde_json::{Value, json};

use crate::journeys::{parsed, prior};

/// The content of a journey's document with one value replaced.
fn with(journey: usize, document: usize, pointer: &str, value: Value) -> (NoteContent, PriorContext) {
    let (_, journey) = parsed().swap_remove(journey);
    let mut json = serde_json::to_value(&journey.documents[document].content).unwrap();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match json.pointer_mut(parent).unwrap() {
        Value::Object(object) => {
            object.insert(key.to_owned(), value);
        }
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        _ => panic!("{pointer}"),
    }
    (content_from_json(&json).unwrap(), prior(&journey, document))
}

fn codes_of(journey: usize, document: usize, pointer: &str, value: Value) -> Vec<(String, &'static str)> {
    let (content, prior) = with(journey, document, pointer, value);
    validate(&content, Mode::Sign, &prior)
        .problems
        .into_iter()
        .map(|p| (p.path, p.code))
        .collect()
}

#[test]
fn an_amendment_shows_what_changed() {
    let (_, journey) = parsed().swap_remove(0);
    let old = &journey.documents[1].content;
    let (new, _) = with(0, 1, "/monitoring/3/sbp", json!(141));
    let found = differences(old, &new);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path, "monitoring[3].sbp");
    assert_eq!(found[0].after.as_deref(), Some("141"));
    assert_ne!(canonical_json(old), canonical_json(&new));
    let (same, _) = with(0, 1, "/infusion/bolus_mg_per_kg", json!("0.000"));
    assert_eq!(differences(old, &same), []);
    assert_eq!(canonical_json(old), canonical_json(&same));
    let (removed, _) = with(0, 1, "/infusion/setting", Value::Null);
    let found = differences(old, &removed);
    assert_eq!(
        (found[0].before.as_deref(), found[0].after.as_deref()),
        (Some("outpatient_clinic"), None)
    );
}

#[test]
fn only_verified_codes_are_emitted() {
    let rows = codes::codes();
    assert!(rows.len() > 280);
    for row in rows {
        assert_eq!(
            codes::code(&row.system, &row.code),
            Some(row),
            "{} appears twice",
            row.code
        );
        let coding = codes::emit(&row.system, &row.code);
        let usable = row.grade == codes::Grade::V2 && !row.usage.starts_with("do NOT use");
        assert_eq!(coding.is_some(), usable, "{row:?}");
        if let Some(coding) = coding {
            assert!(!coding.display.is_empty());
        }
        if row.system == codes::ICD10CM {
            assert_eq!(codes::check_icd10cm(&row.code), None, "{}", row.code);
        }
    }
    assert!(
        codes::emit(codes::LOINC, "54632-5").is_none(),
        "an MDS item is not RASS"
    );
    assert!(codes::emit(codes::LOINC, "0000-0").is_none());
}

#[test]
fn interaction_facts_without_a_reviewer_are_hidden_in_production() {
    use liaison_clinical::interactions;
    let shown = interactions::matches(&["pseudoephedrine 120 mg", "amlodipine"], false);
    assert_eq!(
        shown.iter().map(|m| m.fact.class.as_str()).collect::<Vec<_>>(),
        ["sympathomimetic", "antihypertensive"]
    );
    assert!(shown.iter().all(|m| m.hidden_in_production));
    assert_eq!(interactions::matches(&["pseudoephedrine"], true), []);
    assert!(interactions::facts().iter().all(|fact| !fact.source.is_empty()));
}
