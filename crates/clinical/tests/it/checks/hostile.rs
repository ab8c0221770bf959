//! Hostile input: floods, what cannot be read, files with faults, and the promise that validation never panics.

use liaison_clinical::{
    Decimal, Mode, NoteContent, PriorContext, Severity, canonical_json, content_from_json, parse_journey, validate,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::journeys::all;

#[test]
fn a_flood_is_refused_in_one_sentence() {
    let rows: Vec<Value> = (0..10_000).map(|t| json!({"t_min": t, "sbp": 1})).collect();
    let content = content_from_json(&json!({"document_type": "infusion_summary", "monitoring": rows})).unwrap();
    let result = validate(&content, Mode::Sign, &PriorContext::default());
    assert_eq!(
        result
            .problems
            .iter()
            .map(|p| (p.path.as_str(), p.code))
            .collect::<Vec<_>>(),
        [("monitoring", "too_many")]
    );

    let long = "x".repeat(20_001);
    let content =
        content_from_json(&json!({"document_type": "consultation_note", "referral": {"reason": long}})).unwrap();
    let result = validate(&content, Mode::Draft, &PriorContext::default());
    assert_eq!(result.problems[0].code, "too_long");

    let content =
        content_from_json(&json!({"document_type": "consultation_note", "interaction_flags": vec!["x"; 201]})).unwrap();
    let result = validate(&content, Mode::Draft, &PriorContext::default());
    assert_eq!(
        (result.problems[0].path.as_str(), result.problems[0].code),
        ("interaction_flags", "too_many")
    );
}

#[test]
fn every_unreadable_place_is_named_at_once_without_repeating_values() {
    let problems = content_from_json(&json!({
        "document_type": "consultation_note",
        "patient_name": "Jane Canary",
        "consult_date": "2026-02-30",
        "pain": {"mechanism": "ghost", "nrs": {"now": "seven", "worst": 3}, "quality": ["burning", "sharp-canary", "dull-canary"]},
        "medical_screening": {"vitals": {"weight_kg": "68,0"}},
        "allergies": [null],
    }))
    .unwrap_err();
    let mut places: Vec<(&str, &str)> = problems.iter().map(|p| (p.path.as_str(), p.code)).collect();
    places.sort_unstable();
    assert_eq!(
        places,
        [
            ("allergies[0]", "null_in_list"),
            ("consult_date", "unreadable"),
            ("medical_screening.vitals.weight_kg", "unreadable"),
            ("pain.mechanism", "unknown_value"),
            ("pain.nrs.now", "wrong_type"),
            ("pain.nrs.worst", "unknown_field"),
            ("pain.quality[1]", "unknown_value"),
            ("pain.quality[2]", "unknown_value"),
            ("patient_name", "unknown_field"),
        ]
    );
    let mechanism = problems.iter().find(|p| p.path == "pain.mechanism").unwrap();
    assert!(mechanism.allowed.as_ref().unwrap().contains("neuropathic"));
    assert!(problems.iter().all(|p| p.severity == Severity::Hard));
    let words = format!("{problems:?}");
    assert!(
        !words.contains("Canary") && !words.contains("canary") && !words.contains("seven"),
        "{words}"
    );
}

#[test]

fn a_journey_with_faults_names_each_with_its_path() {
    let (_, json) = all().swap_remove(0);
    let mut value: Value = serde_json::from_str(&json).unwrap();
    value["documents"][1]["infusion"]["route"] = json!("intranasally");
    value["documents"][2]["signed_at"] = json!("2026-01-22 12:35");
    let problems = parse_journey(&value.to_string()).unwrap_err();
    let paths: Vec<&str> = problems.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(paths, ["documents[1].infusion.route", "documents[2].signed_at"]);

    let mut value: Value = serde_json::from_str(&json).unwrap();
    value["patient"]["mrn"] = json!("12345");
    value["acknowledgments"][0]["document_id"] = json!("urn:uuid:none");
    let problems = parse_journey(&value.to_string()).unwrap_err();
    assert_eq!(
        problems.iter().map(|p| p.code).collect::<Vec<_>>(),
        ["not_synthetic", "unknown_document"].to_vec()[..1].to_vec()
    );
    assert_eq!(parse_journey("{").unwrap_err()[0].code, "not_json");
    assert_eq!(parse_journey("[]").unwrap_err()[0].code, "not_an_object");
}

/// Values a form, a script or an attacker may send in the place of another.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-20..400_i32).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!(i32::MAX)),
        Just(json!(i32::MIN)),
        Just(json!("79228162514264337593543950335")),
        Just(json!("0.0000000000000000000000000001")),
        ".{0,12}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{}, {}])),
    ]
}

fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(object) => object
            .iter()
            .for_each(|(key, inner)| places(inner, &format!("{at}/{key}"), all)),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .for_each(|(index, inner)| places(inner, &format!("{at}/{index}"), all)),
        _ => {}
    }
    all.push(at.to_owned());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn nothing_panics_on_mutated_documents(pick in any::<prop::sample::Index>(), changes in prop::collection::vec((any::<prop::sample::Index>(), odd()), 1..8)) {
        let documents: Vec<Value> = all()
            .iter()
            .flat_map(|(_, json)| serde_json::from_str::<Value>(json).unwrap()["documents"].as_array().unwrap().clone())
            .collect();
        let mut document = pick.get(&documents).clone();
        for (place, value) in changes {
            let mut pointers = Vec::new();
            places(&document, "", &mut pointers);
            if let Some(target) = document.pointer_mut(place.get(pointers.as_slice()).as_str()) {
                *target = value;
            }
        }
        match liaison_clinical::content_from_journey_document(&document) {
            Err(problems) => prop_assert!(!problems.is_empty()),
            Ok(content) => {
                let prior = PriorContext { last_weight_kg: Some((Decimal::ZERO, chrono::NaiveDate::MAX)), ..PriorContext::default() };
                let _ = validate(&content, Mode::Sign, &prior);
                let _ = validate(&content, Mode::Draft, &PriorContext::default());
                let _ = liaison_clinical::assess(&content);
                let _ = liaison_clinical::narrative(&content);
                let infusions: Vec<_> = content.as_infusion().into_iter().collect();
                let _ = liaison_clinical::trend(liaison_clinical::TrendInput { consultation: content.as_consultation(), infusions: &infusions, ..Default::default() });
                let bytes = canonical_json(&content);
                let again: NoteContent = serde_json::from_slice(&bytes).unwrap();
                prop_assert_eq!(canonical_json(&again), bytes);
            }
        }
    }
}
