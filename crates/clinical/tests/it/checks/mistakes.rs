//! Each mistake is found at its place: one value of a journey's document is replaced, and the check that must see it does.

use liaison_clinical::{Mode, PriorContext, validate};
use serde_json::{Value, json};

use super::codes_of;
use crate::journeys::{parsed, prior};

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
