//! Worked values of the opioid sum, and the corners of the response model and the trend labels.

use liaison_clinical::{
    ConsultationNote, InfusionSummary, TrendInput,
    compute::{
        mme,
        response::{Meaningful, final_category, meaningful, provisional},
        trend::SeriesLabelKind,
    },
    content::{
        medication::OpioidLine,
        recovery::{ReliefFollowUp, ResponseCategory as Category},
    },
    trend,
};
use serde_json::{Value, json};

fn opioids(lines: Value) -> Vec<OpioidLine> {
    serde_json::from_value(lines).unwrap()
}

fn summary(json: Value) -> InfusionSummary {
    serde_json::from_value(json).unwrap()
}

#[test]
fn the_worked_sums_of_the_specification() {
    let fentanyl_and_hydromorphone = opioids(json!([
        {"name": "fentanyl patch", "mme_key": "fentanyl_transdermal", "route": "transdermal", "dose": 75, "unit": "ug/h"},
        {"name": "hydromorphone", "mme_key": "hydromorphone", "route": "oral", "dose": 4, "unit": "mg", "is_prn": true, "prn_average_doses_per_day": 5},
    ]));
    let total = mme::total(&fentanyl_and_hydromorphone);
    assert_eq!(
        (total.scheduled.to_string(), total.prn.to_string(), total.text()),
        ("180".into(), "100".into(), "280 MME/day".into())
    );

    let oxycodone = opioids(json!([
        {"mme_key": "oxycodone", "avg_daily_amount": 120}, {"mme_key": "oxycodone", "avg_daily_amount": 60, "is_prn": true},
    ]));
    assert_eq!(mme::total(&oxycodone).total.to_string(), "270");

    let methadone = opioids(
        json!([{"mme_key": "methadone", "avg_daily_amount": 30}, {"mme_key": "morphine", "avg_daily_amount": 45}]),
    );
    assert_eq!(mme::total(&methadone).total.to_string(), "186");
}

#[test]
fn patches_worn_at_once_add_up_by_their_hourly_strength() {
    let patches = opioids(json!([
        {"mme_key": "fentanyl_transdermal", "dose": 50, "unit": "ug/h"}, {"mme_key": "fentanyl_transdermal", "dose": 12.5, "unit": "ug/h"},
    ]));
    assert_eq!(mme::total(&patches).total.to_string(), "150");
}

#[test]
fn what_the_table_does_not_count_is_null_and_makes_the_sum_at_least() {
    let lines = opioids(json!([
        {"name": "buprenorphine patch", "route": "transdermal", "dose": 20, "unit": "ug/h"},
        {"name": "fentanyl lozenge", "mme_key": "fentanyl_transdermal", "route": "buccal", "dose": 200, "unit": "ug"},
        {"name": "morphine pump", "mme_key": "morphine", "route": "intrathecal", "avg_daily_amount": 5},
        {"name": "morphine", "mme_key": "morphine", "route": "oral", "avg_daily_amount": 30},
    ]));
    let total = mme::total(&lines);
    assert_eq!(total.text(), "at least 30 MME/day");
    assert_eq!(
        total.excluded,
        ["buprenorphine patch", "fentanyl lozenge", "morphine pump"]
    );
    assert!(
        total.lines[..3]
            .iter()
            .all(|line| line.mme_per_day.is_none() && line.not_counted_because.is_some())
    );
}

#[test]
fn history_keeps_the_factor_it_was_computed_with() {
    let old = opioids(json!([{"mme_key": "hydromorphone", "avg_daily_amount": 10, "mme_factor": 4}]));
    assert_eq!(mme::total(&old).total.to_string(), "40");
}

#[test]
fn points_and_percent_each_suffice_and_are_told_apart() {
    assert_eq!(meaningful(9, 7), Some(Meaningful::ByPointsOnly));
    assert_eq!(meaningful(3, 2), Some(Meaningful::ByPercentOnly));
    assert_eq!(meaningful(7, 3), Some(Meaningful::ByBoth));
    assert_eq!(meaningful(4, 3), None);
    assert_eq!(meaningful(0, 0), None);
}

#[test]
fn the_provisional_category_covers_every_row_of_the_rule() {
    let of = |pre: i32, post: i32, completed: bool, given: i32| {
        let json = json!({
            "infusion": {"completed": completed, "total_mg": given, "planned_total_mg": 60},
            "pain": {"pre_nrs_now": pre, "discharge_nrs_now": post},
        });
        provisional(&summary(json)).category.unwrap()
    };
    assert_eq!(of(0, 0, true, 60), Category::NotAssessable);
    assert_eq!(of(6, 3, false, 29), Category::NotAssessable);
    assert_eq!(of(6, 3, false, 30), Category::MeaningfulReduction);
    assert_eq!(of(6, 8, true, 60), Category::Worsened);
    assert_eq!(of(6, 7, true, 60), Category::NoMeaningfulChange);
    assert_eq!(of(6, 5, true, 60), Category::MinimalBenefit);
    assert_eq!(of(6, 6, true, 60), Category::NoMeaningfulChange);
    assert_eq!(
        provisional(&InfusionSummary::default()).category,
        Some(Category::NotAssessable)
    );
}

#[test]
fn the_final_category_weighs_duration_and_the_frozen_baseline() {
    let told = |days: Option<i32>, ongoing: Option<bool>, average: Option<i32>| ReliefFollowUp {
        relief_days: days,
        relief_ongoing: ongoing,
        average_nrs_since: average,
        ..ReliefFollowUp::default()
    };
    let of = |provisional, follow_up: &ReliefFollowUp| final_category(provisional, Some(7), follow_up, 7);
    assert_eq!(
        of(Category::MeaningfulReduction, &told(Some(6), Some(false), Some(6))),
        Some(Category::ShortLivedRelief)
    );
    assert_eq!(
        of(Category::MeaningfulReduction, &told(Some(7), Some(false), Some(6))),
        Some(Category::MeaningfulReduction)
    );
    assert_eq!(
        of(Category::MeaningfulReduction, &told(Some(2), Some(true), Some(6))),
        Some(Category::MeaningfulReduction)
    );
    assert_eq!(of(Category::MeaningfulReduction, &told(None, None, Some(6))), None);
    // A good responder arrives with little pain: the session shows little, the series much.
    assert_eq!(
        of(Category::MinimalBenefit, &told(Some(10), Some(false), Some(3))),
        Some(Category::MeaningfulReduction)
    );
    assert_eq!(
        of(Category::Worsened, &told(Some(0), Some(false), Some(7))),
        Some(Category::Worsened)
    );
    assert_eq!(
        of(Category::NotAssessable, &told(Some(30), Some(false), Some(1))),
        Some(Category::NotAssessable)
    );
}

fn course(contacts: &[(i32, i32, bool)]) -> Vec<SeriesLabelKind> {
    let note: ConsultationNote =
        serde_json::from_value(json!({"pain": {"nrs": {"average_24h": 8}}, "medications": {"no_opioids": true}}))
            .unwrap();
    let infusions: Vec<InfusionSummary> = (0..contacts.len())
        .map(|i| {
            let follow_up = i.checked_sub(1).map(|last| {
                let (days, average, ongoing) = contacts[last];
                json!({"relief_days": days, "average_nrs_since": average, "relief_ongoing": ongoing})
            });
            summary(json!({
                "infusion": {"number": i + 1, "date": "2026-01-10"},
                "response": {"previous_infusion_final": follow_up},
                "no_adverse_events": true, "no_opioids": true,
            }))
        })
        .collect();
    let infusions: Vec<&InfusionSummary> = infusions.iter().collect();
    let last = contacts.last().map(|(days, average, ongoing)| ReliefFollowUp {
        relief_days: Some(*days),
        average_nrs_since: Some(*average),
        relief_ongoing: Some(*ongoing),
        ..ReliefFollowUp::default()
    });
    let computed = trend(TrendInput {
        consultation: Some(&note),
        infusions: &infusions,
        final_follow_up: last.as_ref(),
        ..TrendInput::default()
    });
    computed
        .labels
        .into_iter()
        .filter(|label| label.holds)
        .map(|label| label.kind)
        .collect()
}

#[test]
fn labels_follow_their_rules() {
    use SeriesLabelKind as Kind;
    assert_eq!(course(&[(10, 4, false)]), [Kind::Responder, Kind::SubstantialResponder]);
    assert_eq!(
        course(&[(10, 4, false), (9, 8, false), (9, 8, false)]),
        [Kind::LossOfResponse, Kind::Reassess]
    );
    assert!(course(&[(20, 4, false), (9, 4, false), (9, 4, false)]).contains(&Kind::LossOfResponse));
    // "At least 9 days" is not shorter than the best.
    assert!(!course(&[(20, 4, false), (9, 4, true), (9, 4, true)]).contains(&Kind::LossOfResponse));
    assert!(!course(&[(2, 8, false)]).contains(&Kind::LossOfResponse));
    assert!(course(&[(1, 8, false), (1, 8, false), (1, 8, false)]).contains(&Kind::Reassess));
    assert!(course(&[(9, 4, true); 13]).contains(&Kind::LimitReminder));
}
