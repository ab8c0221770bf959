//! Plots as data: scales, axes and marks with their places, which `templates/parts/plot.html` draws as SVG. What a
//! plot of the trend shows stands in `trend`. Nothing is computed here that says something about a patient.
//!
//! Every mark has a shape of its own, so that a plot can be read in print, by fax and without colours.

mod trend;

use chrono::NaiveDate;

pub(crate) use trend::{TrendView, trend};

/// Width of a plot in user units: it scales with the page.
const WIDTH: f64 = 560.0;
/// Height of a plot.
const HEIGHT: f64 = 210.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 42.0;

/// A plot, ready to draw.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plot {
    /// Unique on the page, for `aria-labelledby`.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// The same in words, for who does not see it.
    pub(crate) description: String,
    /// The vertical axis' unit.
    pub(crate) unit: &'static str,
    pub(crate) x_ticks: Vec<XTick>,
    pub(crate) y_ticks: Vec<YTick>,
    /// Horizontal lines such as the frozen baseline.
    pub(crate) bases: Vec<Base>,
    pub(crate) lines: Vec<Line>,
    pub(crate) stems: Vec<Stem>,
    pub(crate) bars: Vec<Bar>,
    pub(crate) marks: Vec<Mark>,
    /// What each shape means.
    pub(crate) legend: Vec<Legend>,
}

impl Plot {
    /// The width of the drawing.
    pub(crate) fn width(&self) -> f64 {
        WIDTH
    }

    /// Its height.
    pub(crate) fn height(&self) -> f64 {
        HEIGHT
    }

    /// The left end of the horizontal axis.
    pub(crate) fn left(&self) -> f64 {
        LEFT
    }

    /// The right end of the horizontal axis.
    pub(crate) fn right(&self) -> f64 {
        WIDTH - RIGHT
    }

    /// The upper end of the vertical axis.
    pub(crate) fn top(&self) -> f64 {
        TOP
    }

    /// The lower end of the vertical axis.
    pub(crate) fn bottom(&self) -> f64 {
        HEIGHT - BOTTOM
    }
}

/// An infusion on the horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct XTick {
    pub(crate) x: f64,
    /// `#3`, with `x` where nothing was given and `!` where it was stopped.
    pub(crate) name: String,
    /// `26 Jan`; empty where it would run into its neighbour.
    pub(crate) date: String,
}

/// A value on the vertical axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct YTick {
    pub(crate) y: f64,
    pub(crate) text: String,
}

/// A horizontal line with its name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Base {
    pub(crate) y: f64,
    pub(crate) text: String,
}

/// A line through points that follow each other without a gap.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    /// As `points` of a polyline.
    pub(crate) points: String,
    pub(crate) class: &'static str,
}

/// A vertical line between two values of one infusion.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stem {
    pub(crate) x: f64,
    pub(crate) y1: f64,
    pub(crate) y2: f64,
}

/// A bar. An open one has no upper edge: the true value is at least this.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) open: bool,
    /// Above the bar.
    pub(crate) text: String,
    /// On hovering.
    pub(crate) title: String,
}

impl Bar {
    /// The middle of the bar.
    pub(crate) fn middle(&self) -> f64 {
        self.x + self.width / 2.0
    }

    /// Where the text above it stands.
    pub(crate) fn text_y(&self) -> f64 {
        self.y - if self.open { 12.0 } else { 4.0 }
    }

    /// The outline of an open bar, without its upper edge and with an arrow up.
    pub(crate) fn open_path(&self) -> String {
        let (left, right, top, bottom) = (self.x, self.x + self.width, self.y, self.y + self.height);
        let middle = self.middle();
        format!(
            "M{left:.1} {top:.1}V{bottom:.1}H{right:.1}V{top:.1}M{middle:.1} {:.1}V{:.1}M{:.1} {:.1}L{middle:.1} {:.1}L{:.1} {:.1}",
            bottom,
            top - 9.0,
            middle - 4.0,
            top - 4.0,
            top - 9.0,
            middle + 4.0,
            top - 4.0,
        )
    }
}

/// The shapes of marks: they differ without their colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A filled disc.
    Disc,
    /// An empty ring.
    Ring,
    /// A filled triangle.
    Triangle,
    /// An empty square.
    Square,
    /// A cross: nothing was given.
    Cross,
}

impl Shape {
    /// The style's class.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Disc => "dot",
            Self::Triangle => "dot second",
            Self::Ring | Self::Square => "hollow",
            Self::Cross => "cross",
        }
    }

    /// The drawing around a place.
    pub(crate) fn path(self, x: f64, y: f64) -> String {
        match self {
            Self::Disc => format!("M{:.1} {y:.1}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", x - 4.0),
            // Wider than a disc, so that both are seen at one place.
            Self::Ring => format!("M{:.1} {y:.1}a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0 -13 0z", x - 6.5),
            Self::Triangle => format!("M{x:.1} {:.1}l5.2 9h-10.4z", y - 5.5),
            Self::Square => format!("M{:.1} {:.1}h8v8h-8z", x - 4.0, y - 4.0),
            Self::Cross => format!("M{:.1} {:.1}l8 8m0 -8l-8 8", x - 4.0, y - 4.0),
        }
    }
}

/// A mark at a place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mark {
    pub(crate) class: &'static str,
    pub(crate) path: String,
    /// On hovering.
    pub(crate) title: String,
    /// Beside the mark; mostly empty.
    pub(crate) text: String,
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// What a shape means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Legend {
    pub(crate) x: f64,
    pub(crate) class: &'static str,
    pub(crate) path: String,
    pub(crate) text: &'static str,
}

/// From days to places; the whole width where all is one day.
#[derive(Debug, Clone, Copy)]
struct Days {
    first: NaiveDate,
    span: i64,
}

impl Days {
    fn over(days: impl Iterator<Item = NaiveDate> + Clone) -> Option<Self> {
        let first = days.clone().min()?;
        let last = days.max()?;
        Some(Self {
            first,
            span: (last - first).num_days(),
        })
    }

    fn x(self, day: NaiveDate) -> f64 {
        // A margin on both sides, so that the first bar does not stand in the axis.
        let (from, to) = (LEFT + 22.0, WIDTH - RIGHT - 22.0);
        if self.span == 0 {
            return f64::midpoint(from, to);
        }
        from + (to - from) * whole((day - self.first).num_days()) / whole(self.span)
    }
}

/// From values to places, beginning at `low` (zero for bars).
#[derive(Debug, Clone, Copy)]
struct Values {
    low: f64,
    high: f64,
    step: f64,
}

impl Values {
    /// A fixed axis such as 0 to 10.
    fn fixed(low: i32, high: i32, step: i32) -> Self {
        Self {
            low: f64::from(low),
            high: f64::from(high),
            step: f64::from(step),
        }
    }

    /// An axis from zero, or from a round number below the least where `from_zero` is not asked, to a round number
    /// above the greatest, in three to six steps.
    fn around(values: impl Iterator<Item = f64> + Clone, from_zero: bool) -> Self {
        let greatest = values.clone().fold(f64::MIN, f64::max);
        let least = if from_zero {
            0.0
        } else {
            values.fold(f64::MAX, f64::min)
        };
        if greatest <= least {
            let low = if from_zero { 0.0 } else { (least - 10.0).max(0.0) };
            return Self {
                low,
                high: least.max(0.0) + 10.0,
                step: 10.0,
            };
        }
        let rough = (greatest - least) / 4.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| *step >= rough)
            .unwrap_or(10.0 * power);
        Self {
            low: (least / step).floor() * step,
            high: (greatest / step).ceil() * step,
            step,
        }
    }

    fn y(self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        (HEIGHT - BOTTOM) - share.clamp(0.0, 1.0) * (HEIGHT - BOTTOM - TOP)
    }

    fn ticks(self) -> Vec<YTick> {
        let mut ticks = Vec::new();
        let mut value = self.low;
        while value <= self.high + self.step / 100.0 && ticks.len() < 12 {
            let text = format!("{value:.2}");
            let text = text.trim_end_matches('0').trim_end_matches('.');
            ticks.push(YTick {
                y: self.y(value),
                text: text.to_owned(),
            });
            value += self.step;
        }
        ticks
    }
}

/// Days of a course fit an `i32` and so an `f64`.
fn whole(days: i64) -> f64 {
    f64::from(i32::try_from(days).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {

    use super::*;

    fn texts(values: Values) -> Vec<String> {
        values.ticks().into_iter().map(|tick| tick.text).collect()
    }

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!(texts(Values::fixed(0, 10, 2)), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(
            texts(Values::around([270.0, 142.5].into_iter(), true)),
            ["0", "100", "200", "300"]
        );
        assert_eq!(
            texts(Values::around([0.525, 1.2].into_iter(), true)),
            ["0", "0.5", "1", "1.5"]
        );
        assert_eq!(
            texts(Values::around([86.0, 106.0].into_iter(), false)),
            ["85", "90", "95", "100", "105", "110"]
        );
        // One value, or only zeros, still has an axis.
        assert_eq!(texts(Values::around([0.0].into_iter(), true)), ["0", "10"]);
        assert_eq!(texts(Values::around([92.0].into_iter(), false)), ["82", "92", "102"]);
    }

    #[test]
    fn days_keep_their_distance() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let days = [day("2026-01-19"), day("2026-01-22"), day("2026-01-25")];
        let scale = Days::over(days.into_iter()).unwrap();
        let places: Vec<f64> = days.into_iter().map(|day| scale.x(day)).collect();
        assert!((places[1] - places[0] - (places[2] - places[1])).abs() < 0.01);
        let alone = Days::over([days[0]].into_iter()).unwrap();
        assert!(alone.x(days[0]) > LEFT && alone.x(days[0]) < WIDTH);
        assert!(Days::over(std::iter::empty()).is_none());
    }

    #[test]
    fn places_stay_inside_the_drawing() {
        let values = Values::fixed(0, 10, 2);
        assert!((values.y(0.0) - (HEIGHT - BOTTOM)).abs() < 0.01);
        assert!((values.y(10.0) - TOP).abs() < 0.01);
        assert!(
            (values.y(99.0) - TOP).abs() < 0.01,
            "what is off the axis stands at its edge"
        );
    }
}
