//! The trend over a patient's infusions as plots and as a table with the same numbers (content specification 9.1), and
//! the words for the series with their rules (9.2), as the clinic's patient page and the recipients' reading view show it.

use chrono::NaiveDate;
use liaison_clinical::{
    Decimal,
    compute::trend::{SeriesLabelKind, SeriesSummary, TrendRow},
};
use liaison_service::notes::{InfusionMark, PatientTrend};

use super::{BOTTOM, Bar, Base, Days, HEIGHT, LEFT, Legend, Line, Mark, Plot, Shape, Stem, Values, XTick};
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

/// Room in user units that a date needs.
const DATE_ROOM: f64 = 46.0;
const NAME_ROOM: f64 = 26.0;

fn empty_plot(id: &'static str, title: &'static str, unit: &'static str, points: &[Point<'_>], values: Values) -> Plot {
    let mut x_ticks: Vec<XTick> = Vec::with_capacity(points.len());
    let (mut named_to, mut dated_to) = (f64::MIN, f64::MIN);
    for point in points {
        let mut tick = XTick {
            x: point.x,
            name: String::new(),
            date: String::new(),
        };
        if point.x - named_to >= NAME_ROOM {
            tick.name = match (point.mark.given, point.mark.stopped) {
                (false, _) => format!("{}\u{d7}", point.name),
                (true, Some(_)) => format!("{}!", point.name),
                (true, None) => point.name.clone(),
            };
            named_to = point.x;
        }
        if point.x - dated_to >= DATE_ROOM {
            tick.date = or_missing(point.row.date, |date: NaiveDate| date.format("%-d %b").to_string());
            dated_to = point.x;
        }
        x_ticks.push(tick);
    }
    let marks = points
        .iter()
        .filter(|point| !point.mark.given)
        .map(|point| {
            mark(
                Shape::Cross,
                point.x,
                HEIGHT - BOTTOM,
                format!("{}: {}", point.name, ended(&point.mark)),
            )
        })
        .collect();
    Plot {
        id,
        title,
        description: String::new(),
        unit,
        x_ticks,
        y_ticks: values.ticks(),
        bases: Vec::new(),
        lines: Vec::new(),
        stems: Vec::new(),
        bars: Vec::new(),
        marks,
        legend: Vec::new(),
    }
}

fn mark(shape: Shape, x: f64, y: f64, title: String) -> Mark {
    Mark {
        class: shape.class(),
        path: shape.path(x, y),
        title,
        text: String::new(),
        x,
        y,
    }
}

/// What the shapes mean, above the plot; and, where there are such, the signs for infusions that were not completed.
fn legend(entries: &[(Shape, &'static str)], points: &[Point<'_>]) -> Vec<Legend> {
    let mut entries = entries.to_vec();
    if points.iter().any(|point| !point.mark.given) {
        entries.push((Shape::Cross, "not given"));
    }
    let mut x = LEFT + 6.0;
    entries
        .into_iter()
        .map(|(shape, text)| {
            let entry = Legend {
                x,
                class: shape.class(),
                path: shape.path(x, 12.0),
                text,
            };
            x += 30.0 + 6.4 * f64::from(u16::try_from(text.len()).unwrap_or(u16::MAX));
            entry
        })
        .collect()
}

/// Lines through the values that follow each other; a missing value ends one, so that a gap stays a gap.
fn lines(
    points: &[Point<'_>],
    values: Values,
    class: &'static str,
    value: impl Fn(&Point<'_>) -> Option<f64>,
    step: bool,
) -> Vec<Line> {
    let mut runs: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    for point in points {
        match (value(point), runs.last_mut()) {
            (Some(found), Some(run)) => run.push((point.x, values.y(found))),
            (None, Some(run)) if !run.is_empty() => runs.push(Vec::new()),
            _ => {}
        }
    }
    runs.into_iter()
        .filter(|run| run.len() > 1)
        .map(|run| {
            let mut places: Vec<String> = Vec::new();
            let mut level = None;
            for (x, y) in run {
                if let Some(level) = level.filter(|_| step) {
                    places.push(format!("{x:.1},{level:.1}"));
                }
                places.push(format!("{x:.1},{y:.1}"));
                level = Some(y);
            }
            Line {
                points: places.join(" "),
                class,
            }
        })
        .collect()
}

fn describe(points: &[Point<'_>], text: impl Fn(&Point<'_>) -> Option<String>) -> String {
    let said: Vec<String> = points
        .iter()
        .map(|point| match text(point) {
            Some(text) => format!("{}: {text}", point.name),
            None if point.mark.given => format!("{}: not recorded", point.name),
            None => format!("{}: not given", point.name),
        })
        .collect();
    format!("{}. The table below has every number.", said.join("; "))
}

fn pain(points: &[Point<'_>], series: &SeriesSummary) -> Option<Plot> {
    let all = |point: &Point<'_>| [point.row.nrs_average_24h_before, point.row.nrs_pre, point.row.nrs_post];
    points.iter().find(|point| all(point).iter().any(Option::is_some))?;
    let values = Values::fixed(0, 10, 2);
    let mut plot = empty_plot("plot-pain", "Pain", "NRS, 0 to 10", points, values);
    if let Some(baseline) = series.baseline_nrs_average_24h {
        plot.bases.push(Base {
            y: values.y(f64::from(baseline)),
            text: format!("baseline average {baseline}"),
        });
    }
    plot.lines = lines(
        points,
        values,
        "series",
        |point| point.row.nrs_average_24h_before.map(f64::from),
        false,
    );
    for point in points {
        let shapes = [Shape::Disc, Shape::Ring, Shape::Square];
        let words = ["average 24 h before", "just before", "at discharge"];
        for ((value, shape), word) in all(point).into_iter().zip(shapes).zip(words).rev() {
            if let Some(value) = value {
                plot.marks.push(mark(
                    shape,
                    point.x,
                    values.y(f64::from(value)),
                    format!("{}: {word} {value}", point.name),
                ));
            }
        }
    }
    plot.legend = legend(
        &[
            (Shape::Disc, "average, 24 h before"),
            (Shape::Ring, "just before"),
            (Shape::Square, "at discharge"),
        ],
        points,
    );
    plot.description = describe(points, |point| {
        let [average, pre, post] = all(point).map(|value| or_missing(value, |v| v.to_string()));
        all(point)
            .iter()
            .any(Option::is_some)
            .then(|| format!("average {average}, just before {pre}, at discharge {post}"))
    });
    Some(plot)
}

/// A decimal as a place on an axis; only for drawing.
fn drawn(value: Decimal) -> Option<f64> {
    value.to_string().parse().ok()
}

fn opioids(points: &[Point<'_>], series: &SeriesSummary) -> Option<Plot> {
    let sum = |point: &Point<'_>| point.row.mme_per_day.and_then(drawn);
    points.iter().find_map(sum)?;
    let baseline = series.mme_baseline.and_then(drawn);
    let of_all: Vec<f64> = points.iter().filter_map(sum).chain(baseline).collect();
    let values = Values::around(of_all.iter().copied(), true);
    let mut plot = empty_plot("plot-opioids", "Opioids", "MME/d", points, values);
    if let (Some(baseline), Some(text)) = (baseline, series.mme_baseline) {
        plot.bases.push(Base {
            y: values.y(baseline),
            text: format!("baseline {text}"),
        });
    }
    plot.lines = lines(points, values, "series", sum, true);
    for point in points {
        let Some(value) = sum(point) else { continue };
        let shape = if point.mark.mme_at_least {
            Shape::Ring
        } else if point.mark.mme_computed {
            Shape::Disc
        } else {
            Shape::Square
        };
        plot.marks.push(mark(
            shape,
            point.x,
            values.y(value),
            format!("{}: {} MME/d", point.name, mme(point)),
        ));
    }
    let has = |test: fn(&InfusionMark) -> bool| points.iter().any(|point| sum(point).is_some() && test(&point.mark));
    let mut entries = Vec::new();
    if has(|mark| mark.mme_computed && !mark.mme_at_least) {
        entries.push((Shape::Disc, "computed (CDC 2022)"));
    }
    if has(|mark| mark.mme_at_least) {
        entries.push((Shape::Ring, "at least"));
    }
    if has(|mark| !mark.mme_computed) {
        entries.push((Shape::Square, "entered"));
    }
    plot.legend = legend(&entries, points);
    plot.description = describe(points, |point| point.row.mme_per_day.map(|_| mme(point)));
    Some(plot)
}

/// The width of bars: as much as the closest neighbours leave.
fn bar_width(points: &[Point<'_>]) -> f64 {
    let closest = points
        .windows(2)
        .filter_map(|pair| match pair {
            [one, next] if next.x > one.x => Some(next.x - one.x),
            _ => None,
        })
        .fold(34.0, f64::min);
    (closest * 0.72).clamp(4.0, 24.0)
}

fn bars(
    points: &[Point<'_>],
    values: Values,
    value: impl Fn(&Point<'_>) -> Option<(f64, bool, String, String)>,
) -> Vec<Bar> {
    let width = bar_width(points);
    points
        .iter()
        .filter_map(|point| {
            let (found, open, text, title) = value(point)?;
            let y = values.y(found);
            Some(Bar {
                x: point.x - width / 2.0,
                y,
                width,
                height: HEIGHT - BOTTOM - y,
                open,
                text,
                title,
            })
        })
        .collect()
}

fn relief(points: &[Point<'_>]) -> Option<Plot> {
    let days = |point: &Point<'_>| point.row.relief_days.map(f64::from);
    points.iter().find_map(days)?;
    let of_all: Vec<f64> = points.iter().filter_map(days).collect();
    let values = Values::around(of_all.iter().copied(), true);
    let mut plot = empty_plot("plot-relief", "Relief after each infusion", "days", points, values);
    plot.bars = bars(points, values, |point| {
        let open = point.row.relief_comparator.is_some();
        let short = or_missing(point.row.relief_days, |days| {
            if open {
                format!("\u{2265}{days}")
            } else {
                days.to_string()
            }
        });
        let still = if open { ", still going on when asked" } else { "" };
        Some((
            days(point)?,
            open,
            short,
            format!("{}: {}{still}", point.name, relief_text(point.row)),
        ))
    });
    plot.legend = legend(&[], points);
    plot.description = describe(points, |point| point.row.relief_days.map(|_| relief_text(point.row)));
    Some(plot)
}

fn dose(points: &[Point<'_>]) -> Option<Plot> {
    let per_kg = |point: &Point<'_>| point.row.dose_mg_per_kg.and_then(drawn).filter(|_| point.mark.given);
    points.iter().find_map(per_kg)?;
    let of_all: Vec<f64> = points.iter().filter_map(per_kg).collect();
    let values = Values::around(of_all.iter().copied(), true);
    let mut plot = empty_plot("plot-dose", "Dose", "bar: mg/kg; above it: total in mg", points, values);
    let said = |point: &Point<'_>| {
        let total = point
            .row
            .total_mg
            .map_or_else(String::new, |total| format!(", {total} mg"));
        point.row.dose_mg_per_kg.map(|dose| format!("{dose} mg/kg{total}"))
    };
    plot.bars = bars(points, values, |point| {
        let total = point.row.total_mg.map_or_else(String::new, |total| total.to_string());
        Some((
            per_kg(point)?,
            false,
            total,
            format!("{}: {}", point.name, said(point)?),
        ))
    });
    plot.legend = legend(&[], points);
    plot.description = describe(points, said);
    Some(plot)
}

fn pressure(points: &[Point<'_>]) -> Option<Plot> {
    let pair = |point: &Point<'_>| {
        (
            point.mark.map_baseline.map(f64::from),
            point.row.map_peak.map(f64::from),
        )
    };
    let of_all: Vec<f64> = points
        .iter()
        .map(pair)
        .flat_map(|(start, peak)| [start, peak])
        .flatten()
        .collect();
    if of_all.is_empty() {
        return None;
    }
    let values = Values::around(of_all.iter().copied(), false);
    let mut plot = empty_plot("plot-pressure", "Mean arterial pressure", "mmHg", points, values);
    for point in points {
        let (start, peak) = pair(point);
        if let (Some(start), Some(peak)) = (start, peak) {
            plot.stems.push(Stem {
                x: point.x,
                y1: values.y(start),
                y2: values.y(peak),
            });
        }
        for (value, shape, word) in [
            (start, Shape::Ring, "before the start"),
            (peak, Shape::Triangle, "peak"),
        ] {
            if let Some(value) = value {
                plot.marks.push(mark(
                    shape,
                    point.x,
                    values.y(value),
                    format!("{}: {word} {value} mmHg", point.name),
                ));
            }
        }
    }
    plot.legend = legend(&[(Shape::Ring, "before the start"), (Shape::Triangle, "peak")], points);
    plot.description = describe(points, |point| {
        let say = |value: Option<i32>| or_missing(value, |v| v.to_string());
        let (start, peak) = (point.mark.map_baseline, point.row.map_peak);
        (start.is_some() || peak.is_some()).then(|| format!("{} before the start, peak {}", say(start), say(peak)))
    });
    Some(plot)
}

fn dissociation(points: &[Point<'_>]) -> Option<Plot> {
    points.iter().find_map(|point| point.row.dissociation_peak)?;
    let values = Values::fixed(0, 10, 2);
    let mut plot = empty_plot("plot-dissociation", "Peak dissociation", "0 to 10", points, values);
    for point in points {
        if let Some(peak) = point.row.dissociation_peak {
            plot.marks.push(mark(
                Shape::Disc,
                point.x,
                values.y(f64::from(peak)),
                format!("{}: {peak}", point.name),
            ));
        }
    }
    plot.legend = legend(&[], points);
    plot.description = describe(points, |point| point.row.dissociation_peak.map(|peak| peak.to_string()));
    Some(plot)
}

fn adverse_events(points: &[Point<'_>]) -> Option<Plot> {
    points.iter().find_map(|point| point.row.max_ae_grade)?;
    let values = Values::fixed(0, 5, 1);
    let mut plot = empty_plot(
        "plot-events",
        "Worst adverse event",
        "CTCAE grade, 0 for none",
        points,
        values,
    );
    for point in points {
        if let Some(grade) = point.row.max_ae_grade {
            let version = match point.mark.ctcae_versions.join(", ") {
                versions if versions.is_empty() => String::new(),
                versions => format!(" (CTCAE {versions})"),
            };
            let shape = if grade >= 3 { Shape::Triangle } else { Shape::Ring };
            let mut found = mark(
                shape,
                point.x,
                values.y(f64::from(grade)),
                format!("{}: grade {grade}{version}", point.name),
            );
            if grade >= 3 {
                found.text = format!("grade {grade}");
            }
            plot.marks.push(found);
        }
    }
    plot.legend = legend(&[], points);
    plot.description = describe(points, |point| {
        point.row.max_ae_grade.map(|grade| {
            if grade == 0 {
                "none".to_owned()
            } else {
                format!("grade {grade}")
            }
        })
    });
    Some(plot)
}

#[cfg(test)]
#[path = "trend_tests.rs"]
mod tests;
