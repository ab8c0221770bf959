//! Checks of everything after the infusion (content specification 4.5 to 4.11 and 5).

use super::check::Check;
use crate::{
    compute::{haemodynamics, response},
    content::{
        infusion::InfusionSummary,
        recovery::{AdverseEvent, PostInfusion, ReliefFollowUp, ResponseCategory},
    },
};

pub(super) fn check(check: &mut Check<'_>, summary: &InfusionSummary) {
    check.required(
        summary.post_infusion.is_some(),
        "post_infusion",
        "Observation and discharge",
    );
    if let Some(post) = &summary.post_infusion {
        discharge(check, post);
    }
    let cadss = summary.dissociation.as_ref().and_then(|d| d.cadss6_total);
    check.limit("cadss6_total", cadss, "cadss6", "dissociation.cadss6_total");
    peaks(check, summary);
    let pain = summary.pain.clone().unwrap_or_default();
    for (name, value) in [
        ("pre_nrs_now", pain.pre_nrs_now),
        ("end_of_infusion_nrs_now", pain.end_of_infusion_nrs_now),
        ("discharge_nrs_now", pain.discharge_nrs_now),
    ] {
        check.further_limit("nrs", value, &format!("pain.{name}"));
    }
    let declared = summary
        .response
        .as_ref()
        .and_then(|r| r.provisional.as_ref())
        .and_then(|p| p.category);
    let excused = declared == Some(ResponseCategory::NotAssessable);
    check.required(
        pain.pre_nrs_now.is_some() || excused,
        "pain.pre_nrs_now",
        "Pain before, or a response of \"not assessable\",",
    );
    check.required(
        pain.discharge_nrs_now.is_some() || excused,
        "pain.discharge_nrs_now",
        "Pain at discharge, or a response of \"not assessable\",",
    );
    events(check, summary);
    responses(check, summary);
    for (index, change) in summary.opioid_changes.iter().enumerate() {
        let path = format!("opioid_changes[{index}]");
        check.required(change.by.is_some(), &format!("{path}.by"), "Who changed the opioid");
        check.further_limit("mme_per_day", change.mme_before, &format!("{path}.mme_before"));
        check.further_limit("mme_per_day", change.mme_after, &format!("{path}.mme_after"));
    }
    for (index, recommendation) in summary.recommendations.iter().enumerate() {
        let path = format!("recommendations[{index}]");
        check.required(
            recommendation.to_role.is_some(),
            &format!("{path}.to_role"),
            "Whom the recommendation is for",
        );
        check.required_text(recommendation.text.as_ref(), &format!("{path}.text"), "The text");
    }
    next(check, summary);
}

fn discharge(check: &mut Check<'_>, post: &PostInfusion) {
    let aldrete = post.aldrete.clone().unwrap_or_default();
    let items = [
        ("activity", aldrete.activity),
        ("respiration", aldrete.respiration),
        ("circulation", aldrete.circulation),
        ("consciousness", aldrete.consciousness),
        ("oxygen_saturation", aldrete.oxygen_saturation),
    ];
    score(check, &items, aldrete.total, "aldrete");
    let padss = post.padss.clone().unwrap_or_default();
    let items = [
        ("vital_signs", padss.vital_signs),
        ("activity", padss.activity),
        ("nausea_vomiting", padss.nausea_vomiting),
        ("pain_acceptable_to_patient", padss.pain_acceptable_to_patient),
        ("bleeding_iv_site", padss.bleeding_iv_site),
    ];
    score(check, &items, padss.total, "padss");
    check.limit(
        "observation_min",
        post.observation_min,
        "observation_min",
        "post_infusion.observation_min",
    );
    for (name, there) in [
        ("observation_min", post.observation_min.is_some()),
        ("discharge_time", post.discharge_time.is_some()),
        ("discharge_criteria_met", post.discharge_criteria_met.is_some()),
        ("disposition", post.disposition.is_some()),
        ("escort", post.escort.is_some()),
        ("written_instructions_given", post.written_instructions_given.is_some()),
    ] {
        check.required(there, &format!("post_infusion.{name}"), "This item of the discharge");
    }
    use crate::content::recovery::DischargeDisposition as Disposition;
    let present = post.escort.as_ref().and_then(|escort| escort.present);
    let contrary = post.disposition == Some(Disposition::HomeWithEscort) && present == Some(false)
        || post.disposition == Some(Disposition::HomeWithoutEscort) && present == Some(true);
    check.hard(
        contrary,
        "post_infusion.disposition",
        "contradiction",
        "How the patient left does not fit whether an escort was present.",
    );
}

fn score(check: &mut Check<'_>, items: &[(&str, Option<i32>)], total: Option<i32>, name: &str) {
    let path = format!("post_infusion.{name}");
    for (item, value) in items {
        check.range(*value, 0, 2, &format!("{path}.{item}"));
    }
    let sum = items
        .iter()
        .try_fold(0_i64, |sum, (_, value)| Some(sum + i64::from((*value)?)));
    let apart = total.zip(sum).is_some_and(|(total, sum)| i64::from(total) != sum);
    let allowed = sum.map(|sum| sum.to_string()).unwrap_or_default();
    check.hard_allowing(
        apart,
        &format!("{path}.total"),
        "computed_value",
        "The total is not the sum of the items.",
        &allowed,
    );
    check.limit(&format!("{name}_total"), total, name, &format!("{path}.total"));
}

/// Entered peaks must be those of the series: thinning must not lose them (4.4).
fn peaks(check: &mut Check<'_>, summary: &InfusionSummary) {
    let dissociation = summary.dissociation.clone().unwrap_or_default();
    check.further_limit("dissociation_0_10", dissociation.peak_0_10, "dissociation.peak_0_10");
    if summary.monitoring.is_empty() {
        return;
    }
    let series = haemodynamics::summarize(&summary.monitoring);
    let recorded = summary.haemodynamics.clone().unwrap_or_default();
    for (path, stored, computed) in [
        ("haemodynamics.map_baseline", recorded.map_baseline, series.map_baseline),
        ("haemodynamics.map_peak", recorded.map_peak, series.map_peak),
        ("haemodynamics.sbp_peak", recorded.sbp_peak, series.sbp_peak),
        (
            "dissociation.peak_0_10",
            dissociation.peak_0_10,
            series.dissociation_peak,
        ),
    ] {
        let apart = stored
            .zip(computed)
            .is_some_and(|(stored, computed)| stored != computed);
        let allowed = computed.map(|value| value.to_string()).unwrap_or_default();
        check.hard_allowing(
            apart,
            path,
            "computed_value",
            "The value is not that of the monitoring series.",
            &allowed,
        );
    }
    let at =
        |minute: Option<i32>, value: Option<i32>, of: fn(&crate::content::infusion::MonitoringRow) -> Option<i32>| {
            minute.is_none()
                || value.is_none()
                || summary
                    .monitoring
                    .iter()
                    .any(|row| row.t_min == minute && of(row) == value)
        };
    let right = at(recorded.map_peak_t_min, recorded.map_peak, haemodynamics::row_map);
    check.hard(
        !right,
        "haemodynamics.map_peak_t_min",
        "computed_value",
        "No row of this minute has the peak.",
    );
    let right = at(dissociation.peak_t_min, dissociation.peak_0_10, |row| {
        row.dissociation_0_10
    });
    check.hard(
        !right,
        "dissociation.peak_t_min",
        "computed_value",
        "No row of this minute has the peak.",
    );
}

fn events(check: &mut Check<'_>, summary: &InfusionSummary) {
    let none = summary.no_adverse_events == Some(true);
    check.required(
        !summary.adverse_events.is_empty() || none,
        "adverse_events",
        "Adverse events, or the entry that there were none,",
    );
    check.hard(
        !summary.adverse_events.is_empty() && none,
        "adverse_events",
        "contradiction",
        "Adverse events are listed although the document says there were none.",
    );
    for (index, event) in summary.adverse_events.iter().enumerate() {
        let path = format!("adverse_events[{index}]");
        self::event(check, event, &path);
    }
}

fn event(check: &mut Check<'_>, event: &AdverseEvent, path: &str) {
    check.required_text(event.term.as_ref(), &format!("{path}.term"), "The CTCAE term");
    check.required(event.grade.is_some(), &format!("{path}.grade"), "The grade");
    check.required(
        event.relatedness.is_some(),
        &format!("{path}.relatedness"),
        "Whether ketamine was the cause",
    );
    check.required(event.outcome.is_some(), &format!("{path}.outcome"), "The outcome");
    grade(check, event.grade, event.ctcae_version.as_ref(), path);
    let reversed = event
        .onset_t_min
        .zip(event.resolved_t_min)
        .is_some_and(|(onset, resolved)| resolved < onset);
    check.hard(
        reversed,
        &format!("{path}.resolved_t_min"),
        "times_out_of_order",
        "The event resolved before it began.",
    );
    use crate::content::recovery::{AdverseEventAction as Action, AdverseEventOutcome as Outcome};
    let contrary = event.actions.contains(&Action::None) && event.actions.len() > 1;
    check.hard(
        contrary,
        &format!("{path}.actions"),
        "contradiction",
        "\"None\" stands beside other actions.",
    );
    let fatal = event.outcome == Some(Outcome::Fatal);
    check.hard(
        fatal && event.grade != Some(5),
        &format!("{path}.outcome"),
        "death",
        "A death leaves this workflow: follow the clinic's procedure for a death.",
    );
}

/// Grade and version of CTCAE; grade 5 leaves this workflow (1.4).
pub(super) fn grade(check: &mut Check<'_>, grade: Option<i32>, version: Option<&String>, path: &str) {
    check.range(grade, 1, 5, &format!("{path}.grade"));
    check.hard(
        grade == Some(5),
        &format!("{path}.grade"),
        "death",
        "Grade 5 is a death, which leaves this workflow: follow the clinic's procedure for a death.",
    );
    check.required(
        grade.is_none() || version.is_some(),
        &format!("{path}.ctcae_version"),
        "The CTCAE version of the grade",
    );
    let unknown = version.is_some_and(|version| version != "5.0" && version != "6.0");
    check.hard_allowing(
        unknown,
        &format!("{path}.ctcae_version"),
        "unknown_version",
        "This CTCAE version is not known.",
        "5.0, 6.0",
    );
}

fn responses(check: &mut Check<'_>, summary: &InfusionSummary) {
    let Some(stated) = &summary.response else { return };
    if let Some(provisional) = &stated.provisional {
        let computed = response::provisional(summary);
        let path = |field: &str| format!("response.provisional.{field}");
        let word = |category: Option<ResponseCategory>| category.map_or("", ResponseCategory::as_str);
        let apart = provisional.category.is_some() && provisional.category != computed.category;
        check.hard_allowing(
            apart,
            &path("category"),
            "computed_value",
            "The category does not follow from pain and dose.",
            word(computed.category),
        );
        for (field, apart) in [
            (
                "delta_points",
                provisional.delta_points.is_some() && provisional.delta_points != computed.delta_points,
            ),
            (
                "delta_pct",
                provisional.delta_pct.is_some() && provisional.delta_pct != computed.delta_pct,
            ),
            (
                "substantial",
                provisional.substantial.is_some() && provisional.substantial != computed.substantial,
            ),
            (
                "duration_pending",
                provisional.duration_pending.is_some() && provisional.duration_pending != computed.duration_pending,
            ),
        ] {
            check.hard(
                apart,
                &path(field),
                "computed_value",
                "The value does not follow from pain before and at discharge.",
            );
        }
    }
    if let Some(last) = &stated.previous_infusion_final {
        follow_up(check, last);
    }
}

fn follow_up(check: &mut Check<'_>, last: &ReliefFollowUp) {
    let path = "response.previous_infusion_final";
    check.further_limit("relief_days", last.relief_days, &format!("{path}.relief_days"));
    check.further_limit("nrs", last.average_nrs_since, &format!("{path}.average_nrs_since"));
    let Some(previous) = check.prior.previous_infusion.as_deref() else {
        return;
    };
    let Some(provisional) = response::provisional(previous).category else {
        return;
    };
    // Without the frozen baseline the rule cannot be applied as a whole.
    let Some(baseline) = check.prior.baseline_nrs_average else {
        return;
    };
    let sustain = check.prior.sustain_days.unwrap_or(response::SUSTAIN_DAYS);
    let computed = response::final_category(provisional, Some(baseline), last, sustain);
    let apart = last.category.is_some() && computed.is_some() && last.category != computed;
    let allowed = computed.map_or("", ResponseCategory::as_str);
    check.hard_allowing(
        apart,
        &format!("{path}.category"),
        "computed_value",
        "The category does not follow from relief and pain.",
        allowed,
    );
}

fn next(check: &mut Check<'_>, summary: &InfusionSummary) {
    let next = summary.next.clone().unwrap_or_default();
    let known = next.infusion_date.is_some() || next.reassessment_date.is_some() || next.series_ended_reason.is_some();
    check.required(known, "next", "A next date, or why the series ended,");
    let date = summary.infusion.as_ref().and_then(|infusion| infusion.date);
    for (name, day) in [
        ("infusion_date", next.infusion_date),
        ("reassessment_date", next.reassessment_date),
    ] {
        let early = date.zip(day).is_some_and(|(date, day)| day < date);
        check.hard(
            early,
            &format!("next.{name}"),
            "times_out_of_order",
            "The next date is before this infusion.",
        );
    }
}
