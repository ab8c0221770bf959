//! Checks of the pain assessment (content specification 3.3).

use super::check::Check;
use crate::{
    content::pain::{BpiInterference, EsasScores, PainAssessment},
    decimal::Decimal,
};

pub(super) fn check(check: &mut Check<'_>, pain: &PainAssessment) {
    for (index, diagnosis) in pain.diagnoses.iter().enumerate() {
        check.icd10cm(Some(diagnosis), &format!("pain.diagnoses[{index}]"));
    }
    check.required(pain.mechanism.is_some(), "pain.mechanism", "The mechanism of pain");
    check.required(
        pain.central_sensitisation.is_some(),
        "pain.central_sensitisation",
        "Central sensitisation",
    );
    check.required(
        !pain.locations.is_empty(),
        "pain.locations",
        "At least one location of pain",
    );
    check.required(
        pain.temporal_pattern.is_some(),
        "pain.temporal_pattern",
        "The pattern over time",
    );
    check.range(pain.dn4_total, 0, 10, "pain.dn4_total");
    let unable = pain
        .unable_to_report_reason
        .as_ref()
        .is_some_and(|reason| !reason.trim().is_empty());
    let nrs = pain.nrs.clone().unwrap_or_default();
    for (name, value) in [
        ("worst_24h", nrs.worst_24h),
        ("least_24h", nrs.least_24h),
        ("average_24h", nrs.average_24h),
        ("now", nrs.now),
    ] {
        let path = format!("pain.nrs.{name}");
        check.limit("nrs", value, &path, &path);
        check.required(
            value.is_some() || unable,
            &path,
            "The rating, or why the patient cannot give one,",
        );
    }
    let falls = |low: Option<i32>, high: Option<i32>| low.zip(high).is_some_and(|(low, high)| low > high);
    let disorder = falls(nrs.least_24h, nrs.average_24h)
        || falls(nrs.average_24h, nrs.worst_24h)
        || falls(nrs.least_24h, nrs.worst_24h);
    check.hard(
        disorder,
        "pain.nrs",
        "nrs_order",
        "Least, average and worst pain must rise in this order.",
    );
    if let Some(now) = nrs.now {
        let outside = nrs.least_24h.is_some_and(|least| now < least) || nrs.worst_24h.is_some_and(|worst| now > worst);
        check.warn(
            outside,
            "pain.nrs.now",
            now,
            "nrs_now",
            "between the least and the worst of the past 24 h",
        );
    }
    if let Some(bpi) = &pain.bpi_interference {
        interference(check, bpi);
    }
    if let Some(esas) = &pain.esas_r {
        symptoms(check, esas);
    }
    if let Some(minutes) = pain.breakthrough.as_ref().and_then(|b| b.typical_duration_min) {
        check.range(Some(minutes), 0, 1440, "pain.breakthrough.typical_duration_min");
    }
}

fn interference(check: &mut Check<'_>, bpi: &BpiInterference) {
    let items = [
        ("general_activity", bpi.general_activity),
        ("mood", bpi.mood),
        ("walking", bpi.walking),
        ("normal_work", bpi.normal_work),
        ("relations", bpi.relations),
        ("sleep", bpi.sleep),
        ("enjoyment", bpi.enjoyment),
    ];
    for (name, value) in items {
        check.range(value, 0, 10, &format!("pain.bpi_interference.{name}"));
    }
    let mean = bpi_mean(bpi);
    let wrong = bpi.mean.is_some() && bpi.mean != mean;
    let allowed = mean.map_or_else(
        || "absent: fewer than four items are answered".to_owned(),
        |mean| mean.to_string(),
    );
    check.hard_allowing(
        wrong,
        "pain.bpi_interference.mean",
        "computed_value",
        "The mean does not follow from the items.",
        &allowed,
    );
}

/// Mean of the answered items to 0.1; usable from four answered ones (3.3).
fn bpi_mean(bpi: &BpiInterference) -> Option<Decimal> {
    let items = [
        bpi.general_activity,
        bpi.mood,
        bpi.walking,
        bpi.normal_work,
        bpi.relations,
        bpi.sleep,
        bpi.enjoyment,
    ];
    let answered: Vec<i64> = items.into_iter().flatten().map(i64::from).collect();
    let number = i64::try_from(answered.len()).ok().filter(|number| *number >= 4)?;
    Some(
        Decimal::from(answered.iter().sum::<i64>())
            .over(number.into())?
            .round(1),
    )
}

fn symptoms(check: &mut Check<'_>, esas: &EsasScores) {
    let items = [
        ("pain", esas.pain),
        ("tiredness", esas.tiredness),
        ("drowsiness", esas.drowsiness),
        ("nausea", esas.nausea),
        ("lack_of_appetite", esas.lack_of_appetite),
        ("shortness_of_breath", esas.shortness_of_breath),
        ("depression", esas.depression),
        ("anxiety", esas.anxiety),
        ("wellbeing", esas.wellbeing),
        ("other.score", esas.other.as_ref().and_then(|other| other.score)),
    ];
    for (name, value) in items {
        check.range(value, 0, 10, &format!("pain.esas_r.{name}"));
    }
}
