//! Urgency that cannot be lowered, unusual values and their confirmations.

use liaison_clinical::{Mode, unconfirmed, validate};
use serde_json::json;

use super::{codes_of, with};

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
