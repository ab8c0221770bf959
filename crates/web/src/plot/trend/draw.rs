//! What every plot of the trend is drawn with: its frame on real dates, marks, lines that stop at a gap, bars, and the
//! description in words.

use chrono::NaiveDate;
use liaison_clinical::Decimal;

use super::{Point, ended, or_missing};
use crate::plot::{BOTTOM, Bar, HEIGHT, LEFT, Legend, Line, Mark, Plot, Shape, Values, XTick};

/// Room in user units that a date needs.
pub(super) const DATE_ROOM: f64 = 46.0;
pub(super) const NAME_ROOM: f64 = 26.0;

pub(super) fn empty_plot(
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    points: &[Point<'_>],
    values: Values,
) -> Plot {
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

pub(super) fn mark(shape: Shape, x: f64, y: f64, title: String) -> Mark {
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
pub(super) fn legend(entries: &[(Shape, &'static str)], points: &[Point<'_>]) -> Vec<Legend> {
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
pub(super) fn lines(
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

pub(super) fn describe(points: &[Point<'_>], text: impl Fn(&Point<'_>) -> Option<String>) -> String {
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

/// A decimal as a place on an axis; only for drawing.
pub(super) fn drawn(value: Decimal) -> Option<f64> {
    value.to_string().parse().ok()
}

/// The width of bars: as much as the closest neighbours leave.
pub(super) fn bar_width(points: &[Point<'_>]) -> f64 {
    let closest = points
        .windows(2)
        .filter_map(|pair| match pair {
            [one, next] if next.x > one.x => Some(next.x - one.x),
            _ => None,
        })
        .fold(34.0, f64::min);
    (closest * 0.72).clamp(4.0, 24.0)
}

pub(super) fn bars(
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
