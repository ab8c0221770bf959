//! The plots of the trend, one function each (content specification 9.1): pain, opioids, relief, dose, pressure,
//! dissociation, adverse events. Missing is a gap, never zero and never interpolated.

use liaison_clinical::compute::trend::SeriesSummary;
use liaison_service::notes::InfusionMark;

use super::{Point, draw::*, mme, or_missing, relief_text};
use crate::plot::*;

pub(super) fn pain(points: &[Point<'_>], series: &SeriesSummary) -> Option<Plot> {
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

pub(super) fn opioids(points: &[Point<'_>], series: &SeriesSummary) -> Option<Plot> {
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

pub(super) fn relief(points: &[Point<'_>]) -> Option<Plot> {
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

pub(super) fn dose(points: &[Point<'_>]) -> Option<Plot> {
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

pub(super) fn pressure(points: &[Point<'_>]) -> Option<Plot> {
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

pub(super) fn dissociation(points: &[Point<'_>]) -> Option<Plot> {
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

pub(super) fn adverse_events(points: &[Point<'_>]) -> Option<Plot> {
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
