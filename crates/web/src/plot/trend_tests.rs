use askama::Template;
use liaison_clinical::{Trend, compute::trend::SeriesLabel, content::infusion::StopReason};
use liaison_domain::{PatientId, Phi};

use super::*;
use crate::plot::Bar;

fn infusion(number: i32, date: &str, average: Option<i32>) -> TrendRow {
    TrendRow {
        infusion: Some(number),
        date: Some(date.parse().unwrap()),
        dose_mg_per_kg: Some(Decimal::new(50, 2)),
        total_mg: Some(Decimal::new(350, 1)),
        nrs_average_24h_before: average,
        nrs_pre: average,
        nrs_post: average.map(|nrs| nrs - 2),
        map_peak: Some(100 + number),
        dissociation_peak: Some(4),
        mme_per_day: Some(Decimal::new(2475 - i64::from(number), 1)),
        max_ae_grade: Some(if number == 3 { 3 } else { 0 }),
        relief_days: Some(number * 3),
        relief_comparator: (number == 3).then(|| ">=".to_owned()),
        ..TrendRow::default()
    }
}

fn given() -> InfusionMark {
    InfusionMark {
        given: true,
        map_baseline: Some(88),
        mme_computed: true,
        ctcae_versions: vec!["5.0".to_owned()],
        ..InfusionMark::default()
    }
}

fn patient(rows: Vec<TrendRow>, marks: Vec<InfusionMark>) -> PatientTrend {
    let series = (!rows.is_empty()).then(|| SeriesSummary {
        baseline_nrs_average_24h: Some(8),
        latest_nrs_average: Some(5),
        nrs_change_pct: Some(Decimal::new(375, 1)),
        mme_baseline: Some(Decimal::new(270, 0)),
        mme_latest: Some(Decimal::new(300, 0)),
        mme_change_pct: Some(Decimal::new(-111, 1)),
        series_meaningful: true,
    });
    let label = |kind, holds| SeriesLabel {
        kind,
        holds,
        rule: format!("rule of {kind}"),
    };
    PatientTrend {
        patient_id: "patient_00000000000000000000000000".parse::<PatientId>().unwrap(),
        consultation_version_id: None,
        infusion_version_ids: Vec::new(),
        trend: Phi::new(Trend {
            labels: vec![
                label(SeriesLabelKind::Responder, true),
                label(SeriesLabelKind::OpioidSparing, false),
            ],
            rows,
            series,
        }),
        marks: Phi::new(marks),
    }
}

#[derive(Template)]
#[template(path = "parts/trend.html")]
struct Part {
    trend: TrendView,
}

fn with_a_gap() -> TrendView {
    let cancelled = TrendRow {
        infusion: Some(4),
        date: Some("2026-02-09".parse().unwrap()),
        ..TrendRow::default()
    };
    let rows = vec![
        infusion(1, "2026-01-19", Some(7)),
        infusion(2, "2026-01-22", None),
        infusion(3, "2026-01-26", Some(5)),
        cancelled,
        infusion(5, "2026-02-16", Some(5)),
        infusion(6, "2026-03-09", Some(4)),
    ];
    let marks = vec![
        given(),
        InfusionMark {
            mme_at_least: true,
            ..given()
        },
        InfusionMark {
            stopped: Some(StopReason::AdverseEvent),
            ..given()
        },
        InfusionMark {
            stopped: Some(StopReason::PatientRequest),
            ..InfusionMark::default()
        },
        given(),
        InfusionMark {
            mme_computed: false,
            ..given()
        },
    ];
    trend(&patient(rows, marks))
}

fn plot<'a>(view: &'a TrendView, id: &str) -> &'a Plot {
    view.plots.iter().find(|plot| plot.id == id).unwrap()
}

#[test]
fn what_is_missing_is_a_gap_and_never_zero() {
    let view = with_a_gap();
    let pain = plot(&view, "plot-pain");
    // Six infusions, two without a value: one line only, between the last two, and no line across a gap.
    assert_eq!(pain.lines.len(), 1);
    assert_eq!(pain.lines[0].points.split(' ').count(), 2);
    assert_eq!(pain.marks.iter().filter(|mark| mark.class != "cross").count(), 4 * 3);
    assert!(pain.description.contains("#2: not recorded") && pain.description.contains("#4: not given"));
    assert_eq!(view.rows[1].average, "-");
    assert_eq!(view.rows[3].relief, "-");
}

#[test]
fn cancelled_and_stopped_infusions_stay_visible() {
    let view = with_a_gap();
    for plot in &view.plots {
        assert_eq!(plot.x_ticks.len(), 6, "{}", plot.id);
        assert!(
            plot.marks
                .iter()
                .any(|mark| mark.class == "cross" && mark.title.contains("Not given")),
            "{}",
            plot.id
        );
        assert!(plot.x_ticks.iter().any(|tick| tick.name == "#3!"), "{}", plot.id);
    }
    assert_eq!(view.rows[2].ended, "Stopped early: adverse event");
    assert_eq!(view.rows[3].ended, "Not given: patient request");
}

#[test]
fn relief_that_went_on_is_open_ended() {
    let view = with_a_gap();
    let bars = &plot(&view, "plot-relief").bars;
    let open: Vec<&Bar> = bars.iter().filter(|bar| bar.open).collect();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].text, "\u{2265}9");
    assert_eq!(view.rows[2].relief, "\u{2265} 9 d");
}

#[test]
fn opioids_are_a_step_line_with_their_marks() {
    let view = with_a_gap();
    let opioids = plot(&view, "plot-opioids");
    // Three values before the gap: a step has two places for each further value.
    assert_eq!(opioids.lines[0].points.split(' ').count(), 5);
    assert!(opioids.legend.iter().any(|entry| entry.text == "at least"));
    assert!(opioids.legend.iter().any(|entry| entry.text == "entered"));
    assert_eq!(view.rows[1].mme, "\u{2265} 247.3");
    assert_eq!(opioids.bases[0].text, "baseline 270");
    assert!(
        view.against.contains("37.5 % lower") && view.against.contains("11.1 % higher"),
        "{}",
        view.against
    );
}

#[test]
fn the_part_draws_every_plot_with_title_description_and_table() {
    let view = with_a_gap();
    assert_eq!(view.plots.len(), 7);
    let html = Part { trend: view }.render().unwrap();
    assert_eq!(html.matches("role=\"img\"").count(), 7);
    assert_eq!(html.matches("<desc").count(), 7);
    assert_eq!(html.matches("<th scope=\"row\"").count(), 6);
    assert!(html.contains("Responder") && html.contains("rule of responder"));
    assert!(!html.contains("NaN") && !html.contains("inf\"") && !html.contains(" style="));
}

#[test]
fn before_the_first_infusion_there_is_a_sentence() {
    let view = trend(&patient(Vec::new(), Vec::new()));
    assert!(view.plots.is_empty());
    let html = Part { trend: view }.render().unwrap();
    assert!(html.contains("No infusion is signed yet"));
    assert!(!html.contains("<svg"));
}

#[test]
fn an_infusion_without_a_day_stays_in_the_table() {
    let mut row = infusion(1, "2026-01-19", Some(7));
    row.date = None;
    row.infusion = None;
    let view = trend(&patient(vec![row], vec![given()]));
    assert!(view.plots.is_empty());
    assert_eq!((view.rows[0].name.as_str(), view.rows[0].date.as_str()), ("#?", "-"));
}
