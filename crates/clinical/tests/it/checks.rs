//! Cross-field checks, hostile input, and the promise that validation never panics.

use liaison_clinical::{
    Decimal, Mode, NoteContent, PriorContext, Severity, canonical_json, codes, content_from_json, differences,
    parse_journey, unconfirmed, validate,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::journeys::{all, parsed, prior};

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
fn each_mistake_is_found_at_its_place() {
    // Journey 0 is the responder; document 0 its consultation, document 1 its first infusion.
    let cases: &[(usize, &str, Value, &str, &str)] = &[
        (0, "/pain/nrs/least_24h", json!(8), "pain.nrs", "nrs_order"),
        (
            0,
            "/medical_screening/vitals/dbp",
            json!(124),
            "medical_screening.vitals.sbp",
            "sbp_not_above_dbp",
        ),
        (
            0,
            "/pain/bpi_interference/mean",
            json!("7.2"),
            "pain.bpi_interference.mean",
            "computed_value",
        ),
        (
            0,
            "/medications/opioids/0/mme_per_day",
            json!(181),
            "medications.opioids[0].mme_per_day",
            "computed_value",
        ),
        (
            0,
            "/medications/opioids/0/mme_factor",
            json!(2),
            "medications.opioids[0].mme_factor",
            "wrong_factor",
        ),
        (
            0,
            "/medications/opioids/0/unit",
            json!("mcg"),
            "medications.opioids[0].unit",
            "unknown_unit",
        ),
        (
            0,
            "/medications/opioids/0/dose",
            json!(-60),
            "medications.opioids[0].dose",
            "negative",
        ),
        (
            0,
            "/cancer/icd10cm/code",
            json!("C50.9"),
            "cancer.icd10cm.code",
            "not_billable",
        ),
        (
            0,
            "/cancer/icd10cm/code",
            json!("C50"),
            "cancer.icd10cm.code",
            "not_billable",
        ),
        (
            0,
            "/cancer/icd10cm/code",
            json!("breast"),
            "cancer.icd10cm.code",
            "not_icd10cm",
        ),
        (
            0,
            "/cancer/icd10cm/code",
            json!("G89.3"),
            "cancer.icd10cm.code",
            "not_a_cancer_code",
        ),
        (
            0,
            "/consent/off_label_disclosed",
            json!(false),
            "consent.off_label_disclosed",
            "required",
        ),
        (
            0,
            "/eligibility/decision",
            json!("not_eligible"),
            "plan",
            "plan_without_eligibility",
        ),
        (
            0,
            "/eligibility/conditions",
            json!([]),
            "eligibility.conditions",
            "required",
        ),
        (
            0,
            "/expectations/response_varies",
            json!(false),
            "expectations.comment",
            "required",
        ),
        (
            0,
            "/contraindication_review/1/finding",
            json!("present"),
            "contraindication_review[1].note",
            "required",
        ),
        (
            0,
            "/contraindication_review/1/finding",
            json!("not_assessed"),
            "contraindication_review[1].note",
            "required",
        ),
        (
            0,
            "/contraindication_review/1/basis",
            json!("label_contraindication"),
            "contraindication_review[1].basis",
            "wrong_basis",
        ),
        (0, "/no_known_allergies", Value::Null, "allergies", "required"),
        (
            0,
            "/medical_screening/labs/0/unit",
            json!("umol/L"),
            "medical_screening.labs[0].unit",
            "wrong_unit",
        ),
        (
            0,
            "/performance/kps",
            json!(75),
            "performance.kps",
            "not_a_multiple_of_ten",
        ),
        (
            1,
            "/infusion/route",
            json!("intramuscular"),
            "infusion.route",
            "route_not_intravenous",
        ),
        (
            1,
            "/infusion/concentration_mg_per_ml",
            json!(100),
            "infusion.concentration_mg_per_ml",
            "outside_hard_limit",
        ),
        (
            1,
            "/infusion/drug/rxnorm",
            json!("2119365"),
            "infusion.drug.rxnorm",
            "wrong_code",
        ),
        (
            1,
            "/infusion/drug/form",
            json!("esketamine"),
            "infusion.drug",
            "esketamine",
        ),
        (
            1,
            "/infusion/weight_source",
            json!("reported"),
            "infusion.weight_source",
            "weight_not_of_today",
        ),
        (
            1,
            "/infusion/total_mg",
            json!("37.7"),
            "infusion.total_mg",
            "total_is_not_dose_times_weight",
        ),
        (
            1,
            "/infusion/dose_mg_per_kg",
            json!("0.6"),
            "infusion.dose_mg_per_kg",
            "computed_value",
        ),
        (
            1,
            "/infusion/rate_segments/0/start_min",
            json!(5),
            "infusion.rate_segments[0]",
            "segments_not_contiguous",
        ),
        (
            1,
            "/infusion/stop_reason",
            json!("adverse_event"),
            "infusion.completed",
            "stopped_but_completed",
        ),
        (
            1,
            "/infusion/stop",
            json!("2026-01-19T09:00:00-06:00"),
            "infusion.stop",
            "times_out_of_order",
        ),
        (1, "/monitoring/3/t_min", json!(5), "monitoring[3].t_min", "not_rising"),
        (
            1,
            "/monitoring/0/t_min",
            json!(-121),
            "monitoring[0].t_min",
            "outside_visit",
        ),
        (
            1,
            "/monitoring/4/rr",
            json!(0),
            "monitoring[4].rr",
            "apnoea_without_event",
        ),
        (
            1,
            "/haemodynamics/map_peak",
            json!(101),
            "haemodynamics.map_peak",
            "computed_value",
        ),
        (
            1,
            "/dissociation/peak_0_10",
            json!(2),
            "dissociation.peak_0_10",
            "computed_value",
        ),
        (
            1,
            "/adverse_events/0/grade",
            json!(5),
            "adverse_events[0].grade",
            "death",
        ),
        (
            1,
            "/adverse_events/0/ctcae_version",
            json!("4.03"),
            "adverse_events[0].ctcae_version",
            "unknown_version",
        ),
        (1, "/adverse_events", json!([]), "adverse_events", "required"),
        (1, "/no_adverse_events", json!(true), "adverse_events", "contradiction"),
        (
            1,
            "/post_infusion/aldrete/total",
            json!(9),
            "post_infusion.aldrete.total",
            "computed_value",
        ),
        (
            1,
            "/post_infusion/discharge_time",
            json!("2026-01-19T12:30:00-06:00"),
            "post_infusion.discharge_time",
            "times_out_of_order",
        ),
        (
            1,
            "/response/provisional/category",
            json!("minimal_benefit"),
            "response.provisional.category",
            "computed_value",
        ),
        (
            2,
            "/response/previous_infusion_final/category",
            json!("worsened"),
            "response.previous_infusion_final.category",
            "computed_value",
        ),
        (
            1,
            "/mme_per_day_current",
            json!(271),
            "mme_per_day_current",
            "computed_value",
        ),
        (
            1,
            "/next",
            json!({"infusion_date": "2026-01-18"}),
            "next.infusion_date",
            "times_out_of_order",
        ),
        (
            1,
            "/adjuncts",
            json!([{"name": "midazolam", "dose": 21, "unit": "mg", "t_min": 3}]),
            "adjuncts[0].dose",
            "outside_hard_limit",
        ),
    ];
    for (document, pointer, value, path, code) in cases {
        let found = codes_of(0, *document, pointer, value.clone());
        assert!(
            found.contains(&((*path).to_owned(), *code)),
            "{pointer} = {value}: {found:?}"
        );
    }
}

#[test]
fn age_and_order_of_signature_come_from_outside_the_document() {
    let (_, journey) = parsed().swap_remove(0);
    let birth = |text: &str| PriorContext {
        birth_date: text.parse().ok(),
        ..prior(&journey, 0)
    };
    let of = |prior: &PriorContext| validate(&journey.documents[0].content, Mode::Sign, prior);
    assert_eq!(of(&birth("1900-01-01")).problems[0].limit.as_deref(), Some("age_years"));
    assert_eq!(of(&birth("2015-01-01")).soft[0].limit, "age_years");
    assert_eq!(of(&birth("2026-01-13")).problems[0].code, "before_birth");

    let signed = journey.documents[1].envelope.signed_at - chrono::TimeDelta::hours(1);
    let early = PriorContext {
        signed_at: Some(signed),
        ..prior(&journey, 1)
    };
    let result = validate(&journey.documents[1].content, Mode::Sign, &early);
    assert_eq!(result.problems[0].path, "post_infusion.discharge_time");
    let consent = PriorContext {
        consent_date: "2026-01-20".parse().ok(),
        ..prior(&journey, 1)
    };
    let result = validate(&journey.documents[1].content, Mode::Sign, &consent);
    assert_eq!(result.problems[0].path, "infusion.date");
}

#[test]
fn urgency_cannot_be_lowered_below_the_flags() {
    // Journey 1, document 3: the grade 3 event.
    let found = codes_of(1, 3, "/urgency", json!("routine"));
    assert_eq!(found, [("urgency".to_owned(), "urgency_below_flags")]);
    assert_eq!(codes_of(1, 3, "/urgency", json!("emergent")), []);
}

#[test]
fn unusual_values_are_asked_about_by_name() {
    let soft = |document, pointer: &str, value| {
        let (content, prior) = with(0, document, pointer, value);
        let result = validate(&content, Mode::Sign, &prior);
        result.soft.into_iter().map(|w| (w.path, w.limit)).collect::<Vec<_>>()
    };
    let pair = |path: &str, limit: &str| (path.to_owned(), limit.to_owned());
    assert!(soft(1, "/infusion/weight_kg", json!(150)).contains(&pair("infusion.weight_kg", "lb/kg?")));
    assert!(soft(1, "/infusion/weight_kg", json!(76)).contains(&pair("infusion.weight_kg", "weight_change_pct_30d")));
    assert_eq!(soft(0, "/pain/nrs/now", json!(10)), [pair("pain.nrs.now", "nrs_now")]);
    assert_eq!(
        soft(0, "/performance/ecog", json!(2)),
        [pair("performance.kps", "ecog_kps")]
    );
    assert_eq!(
        soft(0, "/performance/asa_class", json!("I")),
        [pair("performance.asa_class", "asa_class")]
    );
    assert_eq!(
        soft(0, "/medical_screening/vitals/map", json!(97)),
        [pair("medical_screening.vitals.map", "map_computed")]
    );
    assert!(soft(1, "/monitoring/4/poss", json!("3")).contains(&pair("monitoring[4].poss", "poss")));
    let labetalol = json!([{"name": "labetalol", "dose": 21, "unit": "mg", "t_min": 3}]);
    assert_eq!(
        soft(1, "/adjuncts", labetalol),
        [pair("adjuncts[0].dose", "labetalol_mg")]
    );
}

#[test]
fn a_confirmation_holds_for_the_value_it_was_given_for() {
    let at = chrono::DateTime::from_timestamp(1_770_000_000, 0).unwrap();
    let (content, prior) = with(0, 0, "/medical_screening/vitals/hr", json!(130));
    let warnings = validate(&content, Mode::Sign, &prior).soft;
    assert_eq!(unconfirmed(&warnings, &[]).len(), 1);
    let confirmation = warnings[0].confirm("SYN-PRAC-001", at);
    assert_eq!(
        unconfirmed(&warnings, std::slice::from_ref(&confirmation)),
        Vec::<&liaison_clinical::SoftWarning>::new()
    );
    let (content, prior) = with(0, 0, "/medical_screening/vitals/hr", json!(230));
    let warnings = validate(&content, Mode::Sign, &prior).soft;
    assert_eq!(unconfirmed(&warnings, &[confirmation]).len(), 1);
}

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
