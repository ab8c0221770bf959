//! The trend across infusions (content specification 9): one row an infusion, a comparison with the
//! frozen baseline, and computed labels with the rule shown. Missing stays missing, never zero.

use chrono::{Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};

use super::{dose, haemodynamics, mme, response};
use crate::{
    content::{
        consultation::ConsultationNote,
        infusion::InfusionSummary,
        recovery::{ReliefFollowUp, ResponseCategory},
    },
    decimal::Decimal,
};

/// One infusion of the trend. Absent values are gaps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
#[serde(default, deny_unknown_fields)]
pub struct TrendRow {
    /// Number of the infusion in the series.
    pub infusion: Option<i32>,
    /// Day.
    pub date: Option<NaiveDate>,
    /// Dose in mg/kg.
    pub dose_mg_per_kg: Option<Decimal>,
    /// Total in mg.
    pub total_mg: Option<Decimal>,
    /// Average pain in the 24 h before, 0 to 10.
    pub nrs_average_24h_before: Option<i32>,
    /// Pain just before, 0 to 10.
    pub nrs_pre: Option<i32>,
    /// Pain at discharge, 0 to 10.
    pub nrs_post: Option<i32>,
    /// Percent by which pain fell in the session, to 0.1.
    pub delta_pct_session: Option<Decimal>,
    /// Highest mean pressure, mmHg.
    pub map_peak: Option<i32>,
    /// Highest systolic pressure, mmHg.
    pub sbp_peak: Option<i32>,
    /// Highest dissociation, 0 to 10.
    pub dissociation_peak: Option<i32>,
    /// Opioids in MME per day at this visit.
    pub mme_per_day: Option<Decimal>,
    /// Highest CTCAE grade, 0 for none.
    pub max_ae_grade: Option<i32>,
    /// Days of relief, known at the next contact.
    pub relief_days: Option<i32>,
    /// `>=` when relief was still going on.
    pub relief_comparator: Option<String>,
    /// Final response, known at the next contact.
    pub category_final: Option<ResponseCategory>,
}

/// The series against its frozen baseline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
#[serde(default, deny_unknown_fields)]
pub struct SeriesSummary {
    /// 24 h average pain at the consultation.
    pub baseline_nrs_average_24h: Option<i32>,
    /// Average pain at the last contact.
    pub latest_nrs_average: Option<i32>,
    /// Percent by which pain fell, to 0.1.
    pub nrs_change_pct: Option<Decimal>,
    /// MME per day at the consultation.
    pub mme_baseline: Option<Decimal>,
    /// MME per day at the last visit.
    pub mme_latest: Option<Decimal>,
    /// Percent by which MME fell, to 0.1.
    pub mme_change_pct: Option<Decimal>,
    /// Did pain fall by 2 points or 30 %?
    pub series_meaningful: bool,
}

words! {
    /// Words for a series (9.2).
    pub enum SeriesLabelKind {
        /// Pain is meaningfully below the baseline at the last contact.
        Responder = "responder",
        /// Pain fell by half or more.
        SubstantialResponder = "substantial_responder",
        /// Fewer opioids without more pain.
        OpioidSparing = "opioid_sparing",
        /// Guideline-like sustained relief.
        Sustained = "sustained",
        /// A responder who no longer responds.
        LossOfResponse = "loss_of_response",
        /// A reassessment is due by the rule.
        Reassess = "reassess",
        /// More than twelve infusions in a year.
        LimitReminder = "limit_reminder",
    }
}

/// A computed label, with the rule it follows. Never advice.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
pub struct SeriesLabel {
    /// Which label.
    pub kind: SeriesLabelKind,
    /// Does it hold?
    pub holds: bool,
    /// The rule, in words.
    pub rule: String,
}

/// The trend of a course: rows, comparison and labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
pub struct Trend {
    /// One row an infusion, in order of time.
    pub rows: Vec<TrendRow>,
    /// Comparison with the baseline; absent before the first infusion.
    pub series: Option<SeriesSummary>,
    /// Labels of 9.2, each with its rule, whether or not it holds.
    pub labels: Vec<SeriesLabel>,
}

/// What a trend is computed from: signed documents in order of time.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrendInput<'a> {
    /// The consultation which froze the baseline.
    pub consultation: Option<&'a ConsultationNote>,
    /// The infusions, in order of time.
    pub infusions: &'a [&'a InfusionSummary],
    /// What was told after the last infusion.
    pub final_follow_up: Option<&'a ReliefFollowUp>,
    /// Days from which relief counts as sustained; [`response::SUSTAIN_DAYS`] if absent.
    pub sustain_days: Option<i32>,
    /// Today, for the three-month rule of reassessment.
    pub as_of: Option<NaiveDate>,
}

/// MME per day at a consultation: the sum of its opioid lines, else the entered total.
pub fn baseline_mme(note: &ConsultationNote) -> Option<Decimal> {
    let medications = note.medications.as_ref()?;
    let computed = (!medications.opioids.is_empty()).then(|| mme::total(&medications.opioids).total);
    computed
        .or(medications.mme_total_per_day)
        .or_else(|| (medications.no_opioids == Some(true)).then_some(Decimal::ZERO))
}

/// MME per day at an infusion: the sum of its opioid lines, else the entered total.
pub fn current_mme(summary: &InfusionSummary) -> Option<Decimal> {
    let computed = (!summary.opioids_current.is_empty()).then(|| mme::total(&summary.opioids_current).total);
    computed
        .or(summary.mme_per_day_current)
        .or_else(|| (summary.no_opioids == Some(true)).then_some(Decimal::ZERO))
}

/// The frozen 24 h average of pain.
pub fn baseline_average(note: &ConsultationNote) -> Option<i32> {
    note.pain.as_ref()?.nrs.as_ref()?.average_24h
}

/// Highest CTCAE grade; 0 when there are no events, `None` when events lack a grade or none was said.
pub fn highest_grade(summary: &InfusionSummary) -> Option<i32> {
    if summary.adverse_events.is_empty() {
        return (summary.no_adverse_events == Some(true)).then_some(0);
    }
    summary.adverse_events.iter().filter_map(|event| event.grade).max()
}

/// Computes the trend of a course.
pub fn trend(input: TrendInput<'_>) -> Trend {
    let baseline = input.consultation.and_then(baseline_average);
    let sustain = input.sustain_days.unwrap_or(response::SUSTAIN_DAYS);
    let follow_ups: Vec<Option<&ReliefFollowUp>> = (0..input.infusions.len())
        .map(|i| match input.infusions.get(i + 1) {
            Some(next) => next.response.as_ref().and_then(|r| r.previous_infusion_final.as_ref()),
            None => input.final_follow_up,
        })
        .collect();
    let rows: Vec<TrendRow> = input
        .infusions
        .iter()
        .zip(&follow_ups)
        .map(|(summary, follow_up)| row(summary, *follow_up, baseline, sustain))
        .collect();
    let series = input.infusions.last().map(|last| series(&input, last, baseline));
    let labels = series
        .as_ref()
        .map(|series| labels(&input, &rows, &follow_ups, series))
        .unwrap_or_default();
    Trend { rows, series, labels }
}

fn row(summary: &InfusionSummary, follow_up: Option<&ReliefFollowUp>, baseline: Option<i32>, sustain: i32) -> TrendRow {
    let infusion = summary.infusion.as_ref();
    let pain = summary.pain.as_ref();
    let series = haemodynamics::summarize(&summary.monitoring);
    let recorded = summary.haemodynamics.as_ref();
    let provisional = response::provisional(summary);
    TrendRow {
        infusion: infusion.and_then(|i| i.number),
        date: infusion.and_then(|i| i.date),
        dose_mg_per_kg: infusion.and_then(|i| i.dose_mg_per_kg.or_else(|| Some(dose::computed_dose(i)?.round(4)))),
        total_mg: infusion.and_then(|i| i.total_mg),
        nrs_average_24h_before: summary
            .pre_infusion_check
            .as_ref()
            .and_then(|check| check.nrs_average_24h),
        nrs_pre: pain.and_then(|p| p.pre_nrs_now),
        nrs_post: pain.and_then(|p| p.discharge_nrs_now),
        delta_pct_session: provisional.delta_pct,
        map_peak: series.map_peak.or(recorded.and_then(|h| h.map_peak)),
        sbp_peak: series.sbp_peak.or(recorded.and_then(|h| h.sbp_peak)),
        dissociation_peak: series
            .dissociation_peak
            .or(summary.dissociation.as_ref().and_then(|d| d.peak_0_10)),
        mme_per_day: current_mme(summary),
        max_ae_grade: highest_grade(summary),
        relief_days: follow_up.and_then(|f| f.relief_days),
        relief_comparator: follow_up
            .filter(|f| f.relief_ongoing == Some(true))
            .map(|_| ">=".to_owned()),
        category_final: provisional
            .category
            .zip(follow_up)
            .and_then(|(category, follow_up)| response::final_category(category, baseline, follow_up, sustain)),
    }
}

fn series(input: &TrendInput<'_>, last: &InfusionSummary, baseline: Option<i32>) -> SeriesSummary {
    let before_last = last.pre_infusion_check.as_ref().and_then(|check| check.nrs_average_24h);
    let latest = input.final_follow_up.and_then(|f| f.average_nrs_since).or(before_last);
    let mme_baseline = input.consultation.and_then(baseline_mme);
    let mme_latest = current_mme(last);
    SeriesSummary {
        baseline_nrs_average_24h: baseline,
        latest_nrs_average: latest,
        nrs_change_pct: baseline
            .zip(latest)
            .and_then(|(b, l)| response::fall_pct(b.into(), l.into())),
        mme_baseline,
        mme_latest,
        mme_change_pct: mme_baseline.zip(mme_latest).and_then(|(b, l)| response::fall_pct(b, l)),
        series_meaningful: baseline
            .zip(latest)
            .is_some_and(|(b, l)| response::meaningful(b, l).is_some()),
    }
}

fn labels(
    input: &TrendInput<'_>,
    rows: &[TrendRow],
    follow_ups: &[Option<&ReliefFollowUp>],
    series: &SeriesSummary,
) -> Vec<SeriesLabel> {
    use SeriesLabelKind as Kind;
    let baseline = series.baseline_nrs_average_24h;
    let pain_fell_by = |percent: i64| series.nrs_change_pct.is_some_and(|fall| fall >= percent.into());
    let pain_not_higher = baseline.zip(series.latest_nrs_average).is_some_and(|(b, l)| l <= b);
    let sustained = rows.iter().zip(follow_ups).any(|(row, follow_up)| {
        let since = follow_up.and_then(|f| f.average_nrs_since);
        row.relief_days.is_some_and(|days| days > 21)
            && follow_up.is_some_and(|f| f.function_or_satisfaction_improved == Some(true))
            && baseline
                .zip(since)
                .and_then(|(b, s)| response::fall_pct(b.into(), s.into()))
                .is_some_and(|fall| fall >= 30.into())
    });
    let lost = loss_of_response(rows, follow_ups, series);
    let last_date = rows.iter().filter_map(|row| row.date).max();
    let in_last_year = last_date
        .and_then(|last| last.checked_sub_days(Days::new(365)))
        .map_or(0, |from| {
            rows.iter()
                .filter(|row| row.date.is_some_and(|date| date > from))
                .count()
        });
    let three_months_on = last_date.and_then(|last| last.checked_add_months(Months::new(3)));
    let overdue = input
        .as_of
        .zip(three_months_on)
        .is_some_and(|(today, due)| today >= due);
    let after_third = rows.len() >= 3 && !series.series_meaningful;
    let severe = rows.iter().any(|row| row.max_ae_grade.is_some_and(|grade| grade >= 3));
    let label = |kind, holds, rule: &str| SeriesLabel {
        kind,
        holds,
        rule: rule.to_owned(),
    };
    vec![
        label(
            Kind::Responder,
            series.series_meaningful,
            "Average pain at the last contact is 2 points or 30 % below the baseline average.",
        ),
        label(
            Kind::SubstantialResponder,
            pain_fell_by(50),
            "Average pain is 50 % or more below the baseline average.",
        ),
        label(
            Kind::OpioidSparing,
            series.mme_change_pct.is_some_and(|fall| fall >= 20.into()) && pain_not_higher,
            "MME per day is 20 % or more below the baseline and average pain is not higher.",
        ),
        label(
            Kind::Sustained,
            sustained,
            "Average pain is 30 % or more below the baseline, with better function or satisfaction, for more than 3 weeks after one infusion.",
        ),
        label(
            Kind::LossOfResponse,
            lost,
            "Was a responder, and then: two contacts in a row are not, or relief is under half of the best for two infusions, or MME is back to the baseline or above.",
        ),
        label(
            Kind::Reassess,
            after_third || severe || lost || overdue,
            "After infusion 3 without meaningful benefit, after any event of grade 3 or more, after loss of response, or 3 months after the last infusion.",
        ),
        label(
            Kind::LimitReminder,
            in_last_year > 12,
            "More than 12 infusions in one year.",
        ),
    ]
}

/// Loss of response (9.2). A contact is the follow-up of one infusion.
fn loss_of_response(rows: &[TrendRow], follow_ups: &[Option<&ReliefFollowUp>], series: &SeriesSummary) -> bool {
    let Some(baseline) = series.baseline_nrs_average_24h else {
        return false;
    };
    let contacts: Vec<bool> = follow_ups
        .iter()
        .filter_map(|f| f.and_then(|f| f.average_nrs_since))
        .map(|average| response::meaningful(baseline, average).is_some())
        .collect();
    let Some(first) = contacts.iter().position(|responder| *responder) else {
        return false;
    };
    let two_without = contacts
        .iter()
        .skip(first)
        .collect::<Vec<_>>()
        .ends_with(&[&false, &false]);
    // A censored duration is "at least" that long, so it never counts as short.
    let relief: Vec<(i32, bool)> = rows
        .iter()
        .filter_map(|row| row.relief_days.map(|days| (days, row.relief_comparator.is_some())))
        .collect();
    let best = relief.iter().map(|(days, _)| *days).max().unwrap_or(0);
    let short = |(days, censored): &(i32, bool)| !censored && i64::from(*days) * 2 < i64::from(best);
    let best_at = relief.iter().position(|(days, _)| *days == best).unwrap_or(0);
    let shrinking = relief.iter().skip(best_at).count() > 2 && relief.iter().rev().take(2).all(short);
    let mme_back = series
        .mme_baseline
        .zip(series.mme_latest)
        .is_some_and(|(b, l)| b > Decimal::ZERO && l >= b);
    let mme_had_fallen = rows
        .iter()
        .filter_map(|row| row.mme_per_day)
        .zip(std::iter::repeat(series.mme_baseline))
        .any(|(mme, baseline)| baseline.is_some_and(|b| mme < b));
    two_without || shrinking || (mme_back && mme_had_fallen)
}
