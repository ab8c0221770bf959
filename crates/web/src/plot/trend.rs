//! The trend over a patient's infusions as plots and as a table with the same numbers (content specification 9.1), and
//! the words for the series with their rules (9.2), as the clinic's patient page and the recipients' reading view show it.

mod draw;
mod series;

use liaison_clinical::{
    Decimal,
    compute::trend::{SeriesLabelKind, SeriesSummary, TrendRow},
};
use liaison_service::notes::{InfusionMark, PatientTrend};

use self::series::{adverse_events, dissociation, dose, opioids, pain, pressure, relief};
use super::{Days, LEFT, Plot};
use crate::format;

/// What the template `parts/trend.html` shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TrendView {
    /// One line an infusion, oldest first; empty before the first one.
    pub(crate) rows: Vec<RowView>,
    /// The plots that have something to show.
    pub(crate) plots: Vec<Plot>,
    /// The words for the series, each with its rule.
    pub(crate) labels: Vec<LabelView>,
    /// The last contact against the frozen baseline, in one sentence.
    pub(crate) against: String,
    /// How opioids were added up.
    pub(crate) method: String,
}

impl TrendView {
    /// The words that hold.
    pub(crate) fn holding(&self) -> impl Iterator<Item = &LabelView> {
        self.labels.iter().filter(|label| label.holds)
    }

    /// The words whose rule is not met.
    pub(crate) fn not_holding(&self) -> impl Iterator<Item = &LabelView> {
        self.labels.iter().filter(|label| !label.holds)
    }
}

/// A word for the series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LabelView {
    pub(crate) name: &'static str,
    pub(crate) holds: bool,
    pub(crate) rule: String,
}

/// One infusion in the table, every value with its unit and `-` for what is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowView {
    pub(crate) name: String,
    pub(crate) date: String,
    /// `Not given` or `Stopped early: adverse event`; empty where it was completed.
    pub(crate) ended: String,
    pub(crate) dose: String,
    pub(crate) average: String,
    pub(crate) session: String,
    pub(crate) relief: String,
    pub(crate) response: String,
    pub(crate) mme: String,
    pub(crate) pressure: String,
    pub(crate) dissociation: String,
    pub(crate) grade: String,
}

/// An infusion with its marks and its place.
struct Point<'a> {
    row: &'a TrendRow,
    mark: InfusionMark,
    name: String,
    x: f64,
}

/// The trend as its readers see it.
pub(crate) fn trend(of: &PatientTrend) -> TrendView {
    let found = of.trend.reveal();
    let marks = of.marks.reveal();
    let days = Days::over(found.rows.iter().filter_map(|row| row.date));
    let given = InfusionMark {
        given: true,
        ..InfusionMark::default()
    };
    let all: Vec<(Point<'_>, bool)> = found
        .rows
        .iter()
        .enumerate()
        .map(|(at, row)| {
            let number = row
                .infusion
                .map_or_else(|| "#?".to_owned(), |number| format!("#{number}"));
            let x = days.zip(row.date).map(|(days, date)| days.x(date));
            let point = Point {
                row,
                mark: marks.get(at).cloned().unwrap_or_else(|| given.clone()),
                name: number,
                x: x.unwrap_or(LEFT),
            };
            (point, x.is_some())
        })
        .collect();
    let rows = all.iter().map(|(point, _)| row(point)).collect();
    // An infusion without a day has no place on an axis of real dates; it stays in the table.
    let points: Vec<Point<'_>> = all
        .into_iter()
        .filter(|(_, placed)| *placed)
        .map(|(point, _)| point)
        .collect();
    let series = found.series.clone().unwrap_or_default();
    let plots = [
        pain(&points, &series),
        opioids(&points, &series),
        relief(&points),
        dose(&points),
        pressure(&points),
        dissociation(&points),
        adverse_events(&points),
    ];
    let entered = points
        .iter()
        .any(|point| point.row.mme_per_day.is_some() && !point.mark.mme_computed);
    let mut method = "MME/d: estimate by the CDC 2022 factors, not for converting one opioid to another. \
                      \u{2265}: at least, an opioid without a factor is left out."
        .to_owned();
    if entered {
        method.push_str(" Entered: the author gave the sum.");
    }
    TrendView {
        rows,
        plots: plots.into_iter().flatten().collect(),
        labels: found
            .labels
            .iter()
            .map(|label| LabelView {
                name: name(label.kind),
                holds: label.holds,
                rule: label.rule.clone(),
            })
            .collect(),
        against: against(&series),
        method,
    }
}

fn name(kind: SeriesLabelKind) -> &'static str {
    match kind {
        SeriesLabelKind::Responder => "Responder",
        SeriesLabelKind::SubstantialResponder => "Substantial responder",
        SeriesLabelKind::OpioidSparing => "Opioid-sparing",
        SeriesLabelKind::Sustained => "Sustained relief",
        SeriesLabelKind::LossOfResponse => "Loss of response",
        SeriesLabelKind::Reassess => "Reassessment due",
        SeriesLabelKind::LimitReminder => "More than 12 infusions a year",
    }
}

fn against(series: &SeriesSummary) -> String {
    let change = |fall: Option<Decimal>| {
        fall.map_or_else(String::new, |fall| match fall {
            fall if fall > Decimal::ZERO => format!(" ({} % lower)", fall.abs()),
            fall if fall < Decimal::ZERO => format!(" ({} % higher)", fall.abs()),
            _ => " (unchanged)".to_owned(),
        })
    };
    let pain = match (series.baseline_nrs_average_24h, series.latest_nrs_average) {
        (Some(baseline), Some(latest)) => {
            format!(
                "Average pain {baseline} at baseline, {latest} now{}",
                change(series.nrs_change_pct)
            )
        }
        (Some(baseline), None) => format!("Average pain {baseline} at baseline, not recorded since"),
        (None, Some(latest)) => format!("Average pain {latest} now, no baseline recorded"),
        (None, None) => "Average pain not recorded".to_owned(),
    };
    let opioids = match (series.mme_baseline, series.mme_latest) {
        (Some(baseline), Some(latest)) => {
            format!(
                "opioids {baseline} MME/d at baseline, {latest} now{}",
                change(series.mme_change_pct)
            )
        }
        (Some(baseline), None) => format!("opioids {baseline} MME/d at baseline, not recorded since"),
        (None, Some(latest)) => format!("opioids {latest} MME/d now, no baseline recorded"),
        (None, None) => "opioids not recorded".to_owned(),
    };
    format!("{pain}; {opioids}.")
}

const MISSING: &str = "-";

fn or_missing<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| MISSING.to_owned(), text)
}

fn ended(mark: &InfusionMark) -> String {
    match (mark.given, mark.stopped) {
        (false, Some(reason)) => format!("Not given: {reason}"),
        (false, None) => "Not given".to_owned(),
        (true, Some(reason)) => format!("Stopped early: {reason}"),
        (true, None) => String::new(),
    }
}

fn mme(point: &Point<'_>) -> String {
    or_missing(point.row.mme_per_day, |sum| {
        let least = if point.mark.mme_at_least { "\u{2265} " } else { "" };
        let entered = if point.mark.mme_computed { "" } else { " (entered)" };
        format!("{least}{sum}{entered}")
    })
}

fn relief_text(row: &TrendRow) -> String {
    or_missing(row.relief_days, |days| {
        let least = if row.relief_comparator.is_some() {
            "\u{2265} "
        } else {
            ""
        };
        format!("{least}{days} d")
    })
}

fn row(point: &Point<'_>) -> RowView {
    let row = point.row;
    let pair = |from: Option<i32>, to: Option<i32>| {
        if from.is_none() && to.is_none() {
            MISSING.to_owned()
        } else {
            format!(
                "{} to {}",
                or_missing(from, |v| v.to_string()),
                or_missing(to, |v| v.to_string())
            )
        }
    };
    let versions = if point.mark.ctcae_versions.is_empty() {
        String::new()
    } else {
        format!(" (CTCAE {})", point.mark.ctcae_versions.join(", "))
    };
    RowView {
        name: point.name.clone(),
        date: or_missing(row.date, format::date),
        ended: ended(&point.mark),
        dose: match (row.dose_mg_per_kg, row.total_mg) {
            (None, None) => MISSING.to_owned(),
            (per_kg, total) => [
                per_kg.map(|dose| format!("{dose} mg/kg")),
                total.map(|total| format!("{total} mg")),
            ]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", "),
        },
        average: or_missing(row.nrs_average_24h_before, |nrs| nrs.to_string()),
        session: pair(row.nrs_pre, row.nrs_post),
        relief: relief_text(row),
        response: or_missing(row.category_final, |category| format::words(category.as_str())),
        mme: mme(point),
        pressure: pair(point.mark.map_baseline, row.map_peak),
        dissociation: or_missing(row.dissociation_peak, |peak| peak.to_string()),
        grade: or_missing(row.max_ae_grade, |grade| match grade {
            0 => "none".to_owned(),
            grade => format!("grade {grade}{versions}"),
        }),
    }
}

#[cfg(test)]
#[path = "trend_tests.rs"]
mod tests;
