//! Checks of an infusion summary (content specification 4.1 to 4.3): header, dose arithmetic, order of
//! times, checks before the start, adjuncts. The order of the first warnings is that of the data
//! set's checker.

use super::{check::Check, medication, monitoring, recovery};
use crate::{
    compute::dose,
    content::{
        infusion::{AdjunctGiven, InfusionRecord, InfusionSummary, KetamineForm, StopReason, WeightSource},
        shared::Route,
    },
    decimal::Decimal,
};

/// RxNorm ingredient of racemic ketamine (4.2).
const KETAMINE: &str = "6130";

pub(super) fn check(check: &mut Check<'_>, summary: &InfusionSummary) {
    check.required(summary.infusion.is_some(), "infusion", "The header of the infusion");
    if let Some(infusion) = &summary.infusion {
        header(check, infusion);
        arithmetic(check, infusion);
    }
    times(check, summary);
    monitoring::check(check, summary);
    recovery::check(check, summary);
    before_start(check, summary);
    for (index, adjunct) in summary.adjuncts.iter().enumerate() {
        self::adjunct(check, adjunct, &format!("adjuncts[{index}]"));
    }
    medication::opioids(
        check,
        &summary.opioids_current,
        summary.no_opioids,
        summary.mme_per_day_current,
        "opioids_current",
        "mme_per_day_current",
    );
    check.further_limit("mme_per_day", summary.mme_per_day_current, "mme_per_day_current");
}

fn header(check: &mut Check<'_>, infusion: &InfusionRecord) {
    for (name, there) in [
        ("number", infusion.number.is_some()),
        ("date", infusion.date.is_some()),
        ("indication", infusion.indication.is_some()),
        ("weight_kg", infusion.weight_kg.is_some()),
        ("drug", infusion.drug.is_some()),
        ("route", infusion.route.is_some()),
        ("concentration_mg_per_ml", infusion.concentration_mg_per_ml.is_some()),
        ("start", infusion.start.is_some()),
        ("stop", infusion.stop.is_some()),
        ("duration_min", infusion.duration_min.is_some()),
        ("rate_segments", !infusion.rate_segments.is_empty()),
        ("dose_mg_per_kg", infusion.dose_mg_per_kg.is_some()),
        ("total_mg", infusion.total_mg.is_some()),
        ("planned_total_mg", infusion.planned_total_mg.is_some()),
        ("completed", infusion.completed.is_some()),
    ] {
        check.required(there, &format!("infusion.{name}"), "This item of the header");
    }
    for (limit, name, value) in [
        ("weight_kg", "weight_kg", infusion.weight_kg),
        ("dose_mg_per_kg", "dose_mg_per_kg", infusion.dose_mg_per_kg),
        ("total_mg", "total_mg", infusion.total_mg),
        ("duration_min", "duration_min", infusion.duration_min.map(Into::into)),
        ("infusion_number", "number", infusion.number.map(Into::into)),
    ] {
        let path = format!("infusion.{name}");
        check.limit(limit, value, &path, &path);
    }
    for (index, segment) in infusion.rate_segments.iter().enumerate() {
        check.limit(
            "rate_mg_per_kg_h",
            segment.rate_mg_per_kg_h,
            "rate",
            &format!("infusion.rate_segments[{index}].rate_mg_per_kg_h"),
        );
    }
    check.further_limit("bolus_mg_per_kg", infusion.bolus_mg_per_kg, "infusion.bolus_mg_per_kg");
    check.further_limit("total_mg", infusion.planned_total_mg, "infusion.planned_total_mg");
    check.further_limit(
        "infusion_number",
        infusion.planned_in_series,
        "infusion.planned_in_series",
    );
    monitoring::weight_change(check, infusion.weight_kg, infusion.date, "infusion.weight_kg");
    check.icd10cm(infusion.indication.as_ref(), "infusion.indication");
    let elsewhere = infusion.route.is_some_and(|route| route != Route::Intravenous);
    check.hard_allowing(
        elsewhere,
        "infusion.route",
        "route_not_intravenous",
        "Ketamine is infused into a vein only.",
        "intravenous",
    );
    let concentration = infusion.concentration_mg_per_ml;
    let outside = concentration.is_some_and(|c| c < Decimal::new(1, 1) || c > 50.into());
    check.hard_allowing(
        outside,
        "infusion.concentration_mg_per_ml",
        "outside_hard_limit",
        "Undiluted ketamine (100 mg/mL) must not be given into a vein; check the concentration.",
        "0.1 to 50 mg/mL",
    );
    if let Some(drug) = &infusion.drug {
        let other = drug.rxnorm.as_deref().is_some_and(|code| code != KETAMINE);
        check.hard_allowing(
            other,
            "infusion.drug.rxnorm",
            "wrong_code",
            "This is not the code of racemic ketamine.",
            KETAMINE,
        );
        let named = drug
            .name
            .as_deref()
            .is_some_and(|name| name.to_lowercase().contains("esketamine"));
        let wrong = drug.form == Some(KetamineForm::Esketamine) || named;
        check.hard(
            wrong,
            "infusion.drug",
            "esketamine",
            "Esketamine is another drug, about twice as strong; this document is for racemic ketamine.",
        );
    }
    let old = infusion
        .weight_source
        .is_some_and(|source| source != WeightSource::MeasuredToday);
    check.hard_allowing(
        old && check.mode == super::Mode::Sign,
        "infusion.weight_source",
        "weight_not_of_today",
        "The dose needs a weight measured today.",
        "measured_today",
    );
}

fn arithmetic(check: &mut Check<'_>, infusion: &InfusionRecord) {
    let mut expected = Some(0);
    for (index, segment) in infusion.rate_segments.iter().enumerate() {
        let path = format!("infusion.rate_segments[{index}]");
        let apart = expected
            .zip(segment.start_min)
            .is_some_and(|(expected, start)| expected != start);
        check.hard(
            apart,
            &path,
            "segments_not_contiguous",
            "Rate segments start at 0 and follow each other without a gap.",
        );
        let reversed = segment
            .start_min
            .zip(segment.end_min)
            .is_some_and(|(start, end)| end <= start);
        check.hard(
            reversed,
            &path,
            "segment_without_time",
            "A rate segment must end after it starts.",
        );
        expected = segment.end_min;
    }
    let short = expected
        .filter(|_| !infusion.rate_segments.is_empty())
        .zip(infusion.duration_min)
        .is_some_and(|(end, duration)| end != duration);
    check.hard(
        short,
        "infusion.rate_segments",
        "segments_do_not_reach_stop",
        "The last rate segment must end when the infusion stops.",
    );

    let computed = dose::computed_dose(infusion).filter(|_| !infusion.rate_segments.is_empty());
    if let Some((stored, computed)) = infusion.dose_mg_per_kg.zip(computed) {
        let apart = stored.minus(computed).is_none_or(|gap| gap.abs() >= Decimal::new(1, 3));
        check.hard_allowing(
            apart,
            "infusion.dose_mg_per_kg",
            "computed_value",
            "The dose does not follow from bolus and rates.",
            &computed.round(4).to_string(),
        );
    }
    let (Some(total), Some(weight)) = (infusion.total_mg, infusion.weight_kg) else {
        return;
    };
    if let Some(from_dose) = infusion.dose_mg_per_kg.and_then(|dose| dose.times(weight)) {
        let tolerance = percent_of(from_dose, 2).max(Decimal::new(5, 1));
        let apart = total.minus(from_dose).is_none_or(|gap| gap.abs() > tolerance);
        check.hard_allowing(
            apart,
            "infusion.total_mg",
            "total_is_not_dose_times_weight",
            "The total is not the dose times the weight.",
            &format!("{} mg", from_dose.round(1)),
        );
    }
    if let Some(from_rates) = computed.and_then(|dose| dose.times(weight)) {
        let apart = total
            .minus(from_rates)
            .is_none_or(|gap| gap.abs() > percent_of(from_rates, 5));
        let usual = format!("{} mg, as rates, time and weight give", from_rates.round(1));
        if infusion.titrated == Some(true) {
            check.warn(apart, "infusion.total_mg", total, "total_of_rates", &usual);
        } else {
            check.hard_allowing(
                apart,
                "infusion.total_mg",
                "total_is_not_sum_of_rates",
                "The total is not what rates, time and weight give.",
                &usual,
            );
        }
    }
}

fn percent_of(value: Decimal, percent: i64) -> Decimal {
    value.abs().times(Decimal::new(percent, 2)).unwrap_or_default()
}

/// Order of times (1.3): consent, start, stop, discharge, signature; and the minutes between them.
fn times(check: &mut Check<'_>, summary: &InfusionSummary) {
    let infusion = summary.infusion.clone().unwrap_or_default();
    let consent = summary.pre_infusion_check.as_ref().and_then(|c| c.consent_at);
    let late = consent
        .zip(infusion.start)
        .is_some_and(|(consent, start)| consent > start);
    check.hard(
        late,
        "pre_infusion_check.consent_at",
        "times_out_of_order",
        "Consent must come before the start.",
    );
    let late = check
        .prior
        .consent_date
        .zip(infusion.date)
        .is_some_and(|(consent, day)| consent > day);
    check.hard(
        late,
        "infusion.date",
        "times_out_of_order",
        "The infusion is before the day of consent.",
    );
    let other_day = infusion
        .date
        .zip(infusion.start)
        .is_some_and(|(day, start)| start.date_naive() != day);
    check.hard(
        other_day,
        "infusion.date",
        "date_and_start_differ",
        "The start is on another day than the date says.",
    );
    if let Some((start, stop)) = infusion.start.zip(infusion.stop) {
        check.hard(
            start >= stop,
            "infusion.stop",
            "times_out_of_order",
            "The stop must come after the start.",
        );
        let seconds = stop.signed_duration_since(start).num_seconds();
        let apart = start < stop && infusion.duration_min.is_some_and(|min| i64::from(min) * 60 != seconds);
        check.hard_allowing(
            apart,
            "infusion.duration_min",
            "computed_value",
            "The duration is not the time from start to stop.",
            &format!("{} min", seconds / 60),
        );
    }
    let discharge = summary.post_infusion.as_ref().and_then(|post| post.discharge_time);
    if let Some((stop, discharge)) = infusion.stop.zip(discharge) {
        check.hard(
            discharge <= stop,
            "post_infusion.discharge_time",
            "times_out_of_order",
            "Discharge must come after the stop.",
        );
        let seconds = discharge.signed_duration_since(stop).num_seconds();
        let minutes = (seconds + 30).div_euclid(60);
        let stored = summary.post_infusion.as_ref().and_then(|post| post.observation_min);
        let apart = discharge > stop && stored.is_some_and(|stored| i64::from(stored) != minutes);
        check.hard_allowing(
            apart,
            "post_infusion.observation_min",
            "computed_value",
            "The observation is not the time from stop to discharge.",
            &format!("{minutes} min"),
        );
    }
    let early = discharge
        .zip(check.prior.signed_at)
        .is_some_and(|(discharge, signed)| discharge > signed);
    check.hard(
        early,
        "post_infusion.discharge_time",
        "times_out_of_order",
        "The document is signed before the discharge it reports.",
    );
    completion(check, &infusion);
}

fn completion(check: &mut Check<'_>, infusion: &InfusionRecord) {
    let reason = infusion.stop_reason;
    let stopped = reason.is_some_and(|reason| reason != StopReason::Completed);
    let less = infusion
        .total_mg
        .zip(infusion.planned_total_mg)
        .is_some_and(|(given, planned)| planned.minus(given).is_some_and(|gap| gap > percent_of(planned, 5)));
    let contrary = infusion.completed == Some(true) && (stopped || (less && infusion.titrated != Some(true)));
    check.hard(
        contrary,
        "infusion.completed",
        "stopped_but_completed",
        "The infusion was stopped early, so it was not completed.",
    );
    let contrary = infusion.completed == Some(false) && reason == Some(StopReason::Completed);
    check.hard(
        contrary,
        "infusion.stop_reason",
        "contradiction",
        "The infusion was not completed, so the reason cannot be \"completed\".",
    );
    check.required(
        infusion.completed != Some(false) || reason.is_some(),
        "infusion.stop_reason",
        "The reason for stopping",
    );
}

fn before_start(check: &mut Check<'_>, summary: &InfusionSummary) {
    check.required(
        summary.pre_infusion_check.is_some(),
        "pre_infusion_check",
        "The check before the start",
    );
    let Some(before) = &summary.pre_infusion_check else {
        return;
    };
    for (name, value) in [
        ("identity_confirmed", before.identity_confirmed),
        ("consent_reconfirmed", before.consent_reconfirmed),
        ("escort_confirmed", before.escort_confirmed),
        ("red_flag_screen_negative", before.red_flag_screen_negative),
        ("suicide_risk_screen_negative", before.suicide_risk_screen_negative),
    ] {
        check.required(
            value.is_some(),
            &format!("pre_infusion_check.{name}"),
            "This item of the check",
        );
    }
    let unsafe_start = before.identity_confirmed == Some(false) || before.consent_reconfirmed == Some(false);
    check.hard(
        unsafe_start,
        "pre_infusion_check",
        "started_without_identity_or_consent",
        "Identity and consent must be confirmed before an infusion.",
    );
    let path = "pre_infusion_check.nrs_average_24h";
    check.further_limit("nrs", before.nrs_average_24h, path);
}

/// Soft and hard ceilings of adjuncts in mg (4.3).
const ADJUNCTS: [(&str, i64, Option<i64>); 5] = [
    // Ingredient, soft ceiling and hard ceiling in hundredths of a mg.
    ("midazolam", 200, Some(2000)),
    ("ondansetron", 800, None),
    ("clonidine", 20, None),
    ("labetalol", 2000, None),
    ("hydralazine", 2000, None),
];

fn adjunct(check: &mut Check<'_>, adjunct: &AdjunctGiven, path: &str) {
    check.required_text(
        adjunct.name.as_ref(),
        &format!("{path}.name"),
        "The name of the medicine",
    );
    check.required(adjunct.dose.is_some(), &format!("{path}.dose"), "The dose");
    check.required(adjunct.unit.is_some(), &format!("{path}.unit"), "The unit");
    check.required(adjunct.t_min.is_some(), &format!("{path}.t_min"), "The minute");
    check.not_negative(adjunct.dose, &format!("{path}.dose"));
    check.unit(adjunct.unit.as_ref(), &format!("{path}.unit"));
    check.range(adjunct.t_min, -1440, 1440, &format!("{path}.t_min"));
    let name = adjunct.name.as_deref().unwrap_or_default().to_lowercase();
    let Some((ingredient, soft, hard)) = ADJUNCTS.into_iter().find(|(ingredient, ..)| name.contains(ingredient)) else {
        return;
    };
    let wrong_unit = adjunct.unit.as_deref().is_some_and(|unit| unit != "mg");
    check.hard_allowing(
        wrong_unit,
        &format!("{path}.unit"),
        "wrong_unit",
        "The dose of this medicine is entered in mg.",
        "mg",
    );
    let Some(dose) = adjunct.dose.filter(|_| !wrong_unit) else {
        return;
    };
    let too_high = hard.is_some_and(|hard| dose > Decimal::new(hard, 2));
    let allowed = hard
        .map(|hard| format!("0 to {} mg", Decimal::new(hard, 2)))
        .unwrap_or_default();
    check.hard_allowing(
        too_high,
        &format!("{path}.dose"),
        "outside_hard_limit",
        "The dose is outside of what can be entered.",
        &allowed,
    );
    let soft = Decimal::new(soft, 2);
    check.warn(
        dose > soft && !too_high,
        &format!("{path}.dose"),
        dose,
        &format!("{ingredient}_mg"),
        &format!("0 to {soft} mg"),
    );
}
