//! The boundary of every limit: on it, one step inside, one step outside, hard and soft; each at the
//! place in a document where a person would enter it.

use liaison_clinical::{
    Decimal, Mode, NoteContent, PriorContext, Validation, content_from_json,
    limits::{Limit, Verdict, limit, limits},
    validate,
};
use serde_json::{Value, json};

/// A document which carries `value` where the limit of that name applies, or `None` if the limit is
/// not about one entered value.
fn document(name: &str, value: Decimal) -> Option<NoteContent> {
    let v = Value::String(value.to_string());
    // Whole numbers are integers in documents.
    let n = || {
        value
            .to_string()
            .parse::<i64>()
            .map(Value::from)
            .unwrap_or_else(|_| v.clone())
    };
    let consult = |part: Value| json!({"document_type": "consultation_note"}).merged(part);
    let infusion = |part: Value| json!({"document_type": "infusion_summary"}).merged(part);
    let vital = |field: &str, value: Value| consult(json!({"medical_screening": {"vitals": {field: value}}}));
    let row = |field: &str| infusion(json!({"monitoring": [{"t_min": 5, field: n()}]}));
    let lab = |loinc: &str, unit: &str| {
        consult(json!({"medical_screening": {"labs": [{"name": "x", "loinc": loinc, "value": v, "unit": unit}]}}))
    };
    let json = match name {
        "weight_kg" | "height_cm" | "temp_c" | "o2_l_min" => vital(name, v.clone()),
        "hr" | "sbp" | "dbp" | "map" | "spo2" => vital(name, n()),
        // A rate of 0 has a check of its own in the series.
        "rr" => vital(name, n()),
        "etco2" | "rass" | "dissociation_0_10" => row(name),
        "nrs" => consult(json!({"pain": {"nrs": {"average_24h": n()}}})),
        "cadss6_total" => infusion(json!({"dissociation": {"cadss6_total": n()}})),
        "bolus_mg_per_kg" => infusion(json!({"infusion": {"bolus_mg_per_kg": v}})),
        "rate_mg_per_kg_h" => infusion(json!({"infusion": {"rate_segments": [{"rate_mg_per_kg_h": v}]}})),
        "dose_mg_per_kg" | "total_mg" => infusion(json!({"infusion": {name: v}})),
        "duration_min" => infusion(json!({"infusion": {"duration_min": n()}})),
        "infusion_number" => infusion(json!({"infusion": {"number": n()}})),
        "observation_min" => infusion(json!({"post_infusion": {"observation_min": n()}})),
        "aldrete_total" => infusion(json!({"post_infusion": {"aldrete": {"total": n()}}})),
        "padss_total" => infusion(json!({"post_infusion": {"padss": {"total": n()}}})),
        "mme_per_day" => infusion(json!({"mme_per_day_current": v})),
        "relief_days" => infusion(json!({"response": {"previous_infusion_final": {"relief_days": n()}}})),
        "breakthrough_per_day" => consult(json!({"pain": {"breakthrough": {"episodes_per_day": n()}}})),
        "ecog" => consult(json!({"performance": {"ecog": n()}})),
        "kps" => consult(json!({"performance": {"kps": n()}})),
        "creatinine_mg_dl" => lab("2160-0", "mg/dL"),
        "egfr" => lab("98979-8", "mL/min/{1.73_m2}"),
        "alt_u_l" => lab("1742-6", "U/L"),
        "ast_u_l" => lab("1920-8", "U/L"),
        "alp_u_l" => lab("6768-6", "U/L"),
        "bilirubin_mg_dl" => lab("1975-2", "mg/dL"),
        "platelets_10e3_ul" => lab("777-3", "10*3/uL"),
        "hemoglobin_g_dl" => lab("718-7", "g/dL"),
        "qtc_ms" => consult(json!({"medical_screening": {"ecg": {"qtc_ms": n()}}})),
        "sbp_preinfusion" => infusion(json!({"monitoring": [{"t_min": -5, "phase": "pre", "sbp": n()}]})),
        "dbp_preinfusion" => infusion(json!({"monitoring": [{"t_min": -5, "phase": "pre", "dbp": n()}]})),
        "monitoring_gap_min" => infusion(json!({"infusion": {"duration_min": n()}, "monitoring": [{"t_min": n()}]})),
        // About two values each: tested in `checks`.
        "age_years" | "weight_change_pct_30d" => return None,
        other => panic!("the limit {other} has no test; add it here"),
    };
    Some(content_from_json(&json).unwrap_or_else(|p| panic!("{name} {value}: {p:?}")))
}

trait Merged {
    fn merged(self, other: Value) -> Value;
}

impl Merged for Value {
    fn merged(mut self, other: Value) -> Value {
        self.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        self
    }
}

fn verdict(limit: &Limit, result: &Validation) -> Verdict {
    if result
        .problems
        .iter()
        .any(|p| p.limit.as_deref() == Some(limit.name.as_str()))
    {
        Verdict::Impossible
    } else if result.soft.iter().any(|w| w.limit == limit.name) {
        Verdict::Unusual
    } else {
        Verdict::Usual
    }
}

/// The smallest step in which a value of that limit is entered.
fn step(limit: &Limit) -> Decimal {
    let decimals = [
        "weight_kg",
        "height_cm",
        "temp_c",
        "o2_l_min",
        "total_mg",
        "mme_per_day",
    ];
    let fine = limit.name.contains("mg_per_kg")
        || limit.name.ends_with("_dl")
        || limit.name.ends_with("u_l")
        || limit.name == "egfr"
        || limit.name.starts_with("platelets");
    if fine {
        Decimal::new(1, 2)
    } else if decimals.contains(&limit.name.as_str()) {
        Decimal::new(1, 1)
    } else {
        1.into()
    }
}

#[test]
fn every_limit_holds_at_its_edges_wherever_it_is_entered() {
    for limit in limits() {
        let step = step(limit);
        for (low, high) in [limit.hard, limit.soft].into_iter().flatten() {
            let values = [
                low.minus(step),
                Some(low),
                low.plus(step),
                high.minus(step),
                Some(high),
                high.plus(step),
            ];
            for value in values.into_iter().flatten() {
                // A gap of zero or less cannot be entered.
                if limit.name == "monitoring_gap_min" && value <= Decimal::ZERO {
                    continue;
                }
                let Some(content) = document(&limit.name, value) else {
                    continue;
                };
                let result = validate(&content, Mode::Draft, &PriorContext::default());
                assert_eq!(
                    verdict(limit, &result),
                    limit.judge(value),
                    "{} = {value}: {result:?}",
                    limit.name
                );
            }
        }
    }
}

#[test]
fn a_broken_limit_says_what_is_allowed() {
    let content = document("sbp", 301.into()).unwrap();
    let result = validate(&content, Mode::Draft, &PriorContext::default());
    let problem = &result.problems[0];
    assert_eq!(problem.path, "medical_screening.vitals.sbp");
    assert_eq!(problem.allowed.as_deref(), Some("40 to 300 mm[Hg]"));
    assert_eq!(limit("sbp").unwrap().usual(), "90 to 179 mm[Hg]");
    assert_eq!(limit("nrs").unwrap().allowed(), "0 to 10");
}

#[test]
fn every_unit_of_a_limit_is_known() {
    for limit in limits() {
        assert!(liaison_clinical::units::human(&limit.unit).is_some(), "{}", limit.unit);
    }
}
