//! Checks of vital signs and of the monitoring series (content specification 3.7, 4.4), for both
//! document types.

use chrono::NaiveDate;

use super::check::Check;
use crate::{
    compute::{dose::mean_arterial_pressure, response::fall_pct},
    content::infusion::{InfusionSummary, MonitoringPhase, MonitoringRow, Poss},
    decimal::Decimal,
};

/// What can be measured at one time.
#[derive(Debug, Clone, Default)]
pub(super) struct Vitals {
    pub(super) hr: Option<i32>,
    pub(super) sbp: Option<i32>,
    pub(super) dbp: Option<i32>,
    pub(super) map: Option<i32>,
    pub(super) spo2: Option<i32>,
    pub(super) rr: Option<i32>,
    pub(super) etco2: Option<i32>,
    pub(super) temp_c: Option<Decimal>,
    pub(super) rass: Option<i32>,
    pub(super) dissociation: Option<i32>,
    pub(super) nrs: Option<i32>,
    pub(super) o2_l_min: Option<Decimal>,
}

/// Limits of each value, then how they fit together.
pub(super) fn vitals(check: &mut Check<'_>, v: &Vitals, path: &str) {
    let integers_first = [
        ("hr", v.hr),
        ("sbp", v.sbp),
        ("dbp", v.dbp),
        ("map", v.map),
        ("spo2", v.spo2),
        ("rr", v.rr),
        ("etco2", v.etco2),
    ];
    for (name, value) in integers_first {
        one(check, name, value.map(Into::into), path);
    }
    one(check, "temp_c", v.temp_c, path);
    for (name, value) in [("rass", v.rass), ("dissociation_0_10", v.dissociation), ("nrs", v.nrs)] {
        one(check, name, value.map(Into::into), path);
    }
    one(check, "o2_l_min", v.o2_l_min, path);
    let Some((sbp, dbp)) = v.sbp.zip(v.dbp) else { return };
    check.hard_allowing(
        sbp <= dbp,
        &format!("{path}.sbp"),
        "sbp_not_above_dbp",
        "Systolic pressure must be above diastolic pressure.",
        "more than dbp",
    );
    if let Some(map) = v.map {
        let computed = mean_arterial_pressure(sbp, dbp);
        let apart = (i64::from(map) - i64::from(computed)).abs() > 5;
        check.warn(
            apart,
            &format!("{path}.map"),
            map,
            "map_computed",
            &format!("within 5 of {computed} mm[Hg], as systolic and diastolic pressure give"),
        );
    }
}

fn one(check: &mut Check<'_>, name: &str, value: Option<Decimal>, path: &str) {
    let place = format!("{path}.{name}");
    check.limit(name, value, &place, &place);
}

/// Pound-kilogram mix-up and quick change against the last known weight (1.4).
pub(super) fn weight_change(check: &mut Check<'_>, weight: Option<Decimal>, on: Option<NaiveDate>, path: &str) {
    let Some((last, last_on)) = check.prior.last_weight_kg else {
        return;
    };
    let Some(weight) = weight else { return };
    let Some(ratio) = weight.over(last) else { return };
    let between = |low: i64, high: i64| Decimal::new(low, 2) <= ratio && ratio <= Decimal::new(high, 2);
    let pounds = between(210, 230) || between(44, 47);
    check.warn(
        pounds,
        path,
        weight,
        "lb/kg?",
        &format!("the last weight was {last} kg; pounds and kilograms may be mixed up"),
    );
    let recent = on.is_some_and(|on| (0..=30).contains(&on.signed_duration_since(last_on).num_days()));
    let Some(change) = fall_pct(last, weight).filter(|_| recent && !pounds) else {
        return;
    };
    check.warn(
        change.abs() > 10.into(),
        path,
        weight,
        "weight_change_pct_30d",
        &format!("within 10 % of {last} kg, the weight of the last 30 days"),
    );
}

/// The series: order, place in time, gaps, limits before the start.
pub(super) fn check(check: &mut Check<'_>, summary: &InfusionSummary) {
    let rows = &summary.monitoring;
    let infusion = summary.infusion.clone().unwrap_or_default();
    let duration = infusion.duration_min;
    let discharge = summary.post_infusion.as_ref().and_then(|post| post.discharge_time);
    let discharge_min = infusion
        .start
        .zip(discharge)
        .map(|(start, end)| end.signed_duration_since(start).num_minutes());
    let apnoea = summary
        .adverse_events
        .iter()
        .any(|e| e.term.as_deref().is_some_and(|t| t.to_lowercase().starts_with("apn")));
    let mut last: Option<i32> = None;
    for (index, row) in rows.iter().enumerate() {
        let path = format!("monitoring[{index}]");
        check.required(row.t_min.is_some(), &format!("{path}.t_min"), "The minute of the row");
        check.required(row.phase.is_some(), &format!("{path}.phase"), "The phase of the row");
        vitals(check, &of_row(row), &path);
        check.hard(
            row.rr == Some(0) && !apnoea,
            &format!("{path}.rr"),
            "apnoea_without_event",
            "A respiratory rate of 0 needs an adverse event \"Apnea\".",
        );
        if let Some((start, time)) = infusion.start.zip(row.time) {
            let minutes = time.signed_duration_since(start).num_seconds();
            let apart = row.t_min.is_some_and(|t| i64::from(t) * 60 != minutes);
            check.hard(
                apart,
                &format!("{path}.time"),
                "time_and_minute_differ",
                "The time of the row is not its minute after the start.",
            );
        }
        if let Some(t) = row.t_min {
            check.hard(
                last.is_some_and(|last| t <= last),
                &format!("{path}.t_min"),
                "not_rising",
                "Rows must follow each other in time.",
            );
            let outside = t < -120 || discharge_min.is_some_and(|end| i64::from(t) > end);
            let end = discharge_min.map_or_else(|| "discharge".to_owned(), |end| end.to_string());
            check.hard_allowing(
                outside,
                &format!("{path}.t_min"),
                "outside_visit",
                "The row lies outside of the visit.",
                &format!("-120 to {end} min"),
            );
            if t > 0 && duration.is_some_and(|duration| t <= duration) {
                let gap = Some(t.saturating_sub(last.unwrap_or(0).max(0)));
                match last {
                    Some(_) => check.limit(
                        "monitoring_gap_min",
                        gap,
                        &format!("{path}.gap"),
                        &format!("{path}.t_min"),
                    ),
                    // Without an earlier row the silence began with the infusion.
                    None => check.further_limit("monitoring_gap_min", gap, &format!("{path}.t_min")),
                }
            }
            last = Some(t);
        }
        if row.phase == Some(MonitoringPhase::Pre) {
            check.limit(
                "sbp_preinfusion",
                row.sbp,
                &format!("{path}.sbp_pre"),
                &format!("{path}.sbp"),
            );
            check.limit(
                "dbp_preinfusion",
                row.dbp,
                &format!("{path}.dbp_pre"),
                &format!("{path}.dbp"),
            );
        }
        let sedation = match row.poss {
            Some(Poss::FrequentlyDrowsy) => 3,
            Some(Poss::Somnolent) => 4,
            _ => 0,
        };
        check.warn(sedation > 0, &format!("{path}.poss"), sedation, "poss", "S, 1 or 2");
    }
    let has = |phase| rows.iter().any(|row| row.phase == Some(phase));
    check.required(
        has(MonitoringPhase::Pre),
        "monitoring",
        "A monitoring row before the infusion",
    );
    check.required(
        has(MonitoringPhase::Infusion),
        "monitoring",
        "A monitoring row during the infusion",
    );
    check.required(
        has(MonitoringPhase::Recovery),
        "monitoring",
        "A monitoring row after the infusion",
    );
    // The series must reach the end: silence before the stop is a gap like any other.
    let last_inside = rows
        .iter()
        .filter_map(|row| row.t_min)
        .filter(|t| duration.is_some_and(|d| *t <= d))
        .max();
    if let Some((last, duration)) = last_inside.zip(duration) {
        check.further_limit(
            "monitoring_gap_min",
            Some(duration.saturating_sub(last.max(0))),
            "infusion.duration_min",
        );
    }
}

fn of_row(row: &MonitoringRow) -> Vitals {
    Vitals {
        hr: row.hr,
        sbp: row.sbp,
        dbp: row.dbp,
        map: row.map,
        spo2: row.spo2,
        rr: row.rr,
        etco2: row.etco2,
        temp_c: row.temp_c,
        rass: row.rass,
        dissociation: row.dissociation_0_10,
        nrs: row.nrs,
        o2_l_min: row.o2_l_min,
    }
}
