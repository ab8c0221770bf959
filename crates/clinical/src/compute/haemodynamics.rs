//! Haemodynamic summary and dissociation peak of a monitoring series (content specification 4.5, 4.6).

use serde::Serialize;

use super::dose::mean_arterial_pressure;
use crate::{
    content::infusion::{MonitoringPhase, MonitoringRow},
    decimal::Decimal,
};

/// Summary of a monitoring series. Fields are absent when no row carries the value.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
pub struct HaemodynamicSummary {
    /// Mean pressure of the last row before the infusion, mmHg.
    pub map_baseline: Option<i32>,
    /// Highest mean pressure, mmHg; the first of equal ones.
    pub map_peak: Option<i32>,
    /// Its minute.
    pub map_peak_t_min: Option<i32>,
    /// Rise of the peak over the baseline in percent, to 0.1.
    pub map_rise_pct: Option<Decimal>,
    /// Highest systolic pressure, mmHg.
    pub sbp_peak: Option<i32>,
    /// Its minute.
    pub sbp_peak_t_min: Option<i32>,
    /// Lowest oxygen saturation, %.
    pub spo2_min: Option<i32>,
    /// Minutes with a systolic pressure of 180 mmHg or more: from each such reading to the next one.
    pub minutes_sbp_ge_180: i32,
    /// Highest dissociation, 0 to 10; the first of equal ones.
    pub dissociation_peak: Option<i32>,
    /// Its minute.
    pub dissociation_peak_t_min: Option<i32>,
}

/// The mean pressure of a row: as entered, else from its systolic and diastolic pressure.
pub fn row_map(row: &MonitoringRow) -> Option<i32> {
    row.map.or_else(|| Some(mean_arterial_pressure(row.sbp?, row.dbp?)))
}

/// The first highest value of a series, with its minute.
fn peak(rows: &[MonitoringRow], value: impl Fn(&MonitoringRow) -> Option<i32>) -> (Option<i32>, Option<i32>) {
    let mut best: Option<(i32, Option<i32>)> = None;
    for row in rows {
        if let Some(v) = value(row).filter(|v| best.is_none_or(|(b, _)| *v > b)) {
            best = Some((v, row.t_min));
        }
    }
    (best.map(|b| b.0), best.and_then(|b| b.1))
}

/// Summarizes a monitoring series.
pub fn summarize(rows: &[MonitoringRow]) -> HaemodynamicSummary {
    let baseline_row = rows
        .iter()
        .rev()
        .find(|row| row.phase == Some(MonitoringPhase::Pre) && row_map(row).is_some());
    let map_baseline = baseline_row.and_then(row_map);
    let (map_peak, map_peak_t_min) = peak(rows, row_map);
    let (sbp_peak, sbp_peak_t_min) = peak(rows, |row| row.sbp);
    let (dissociation_peak, dissociation_peak_t_min) = peak(rows, |row| row.dissociation_0_10);
    let map_rise_pct = map_baseline
        .zip(map_peak)
        .filter(|(base, _)| *base > 0)
        .and_then(|(base, top)| {
            let rise = Decimal::from(i64::from(top) - i64::from(base));
            Some(rise.times(100.into())?.over(base.into())?.round(1))
        });
    let minutes_sbp_ge_180 = rows.windows(2).fold(0_i32, |sum, pair| match pair {
        [a, b] if a.sbp.is_some_and(|sbp| sbp >= 180) => {
            let gap = b
                .t_min
                .zip(a.t_min)
                .map_or(0, |(later, earlier)| later.saturating_sub(earlier).max(0));
            sum.saturating_add(gap)
        }
        _ => sum,
    });
    HaemodynamicSummary {
        map_baseline,
        map_peak,
        map_peak_t_min,
        map_rise_pct,
        sbp_peak,
        sbp_peak_t_min,
        spo2_min: rows.iter().filter_map(|row| row.spo2).min(),
        minutes_sbp_ge_180,
        dissociation_peak,
        dissociation_peak_t_min,
    }
}
