//! An infusion summary in words, section by section (content specification 4, 10.2).

use super::{Lines, Sections, concept, opioids, quantity, show};
use crate::{
    compute::{haemodynamics, response},
    content::{
        infusion::{InfusionSummary, MonitoringRow},
        recovery::{AdverseEvent, PostInfusion},
    },
};

pub(super) fn write(sections: &mut Sections, summary: &InfusionSummary) {
    let infusion = summary.infusion.clone().unwrap_or_default();
    sections.add("Procedure indication", "59768-2", |out| {
        out.value("Indication", infusion.indication.as_ref().map(concept));
    });
    sections.add("Procedure narrative", "29554-3", |out| procedure(out, summary));
    sections.add("Medications administered", "29549-3", |out| administered(out, summary));
    sections.add("Medications", "10160-0", |out| {
        opioids(out, &summary.opioids_current, summary.no_opioids);
        for change in &summary.opioid_changes {
            let mme = change
                .mme_before
                .zip(change.mme_after)
                .map(|(before, after)| format!("{before} to {after} MME/day"));
            out.pairs(
                "Opioid change",
                &[
                    ("on", change.date.map(crate::text::date)),
                    ("by", change.by.clone()),
                    ("of", change.drug.clone()),
                    ("from", change.from.clone()),
                    ("to", change.to.clone()),
                    ("sum", mme),
                    ("because", change.reason.clone()),
                ],
            );
        }
    });
    sections.add("Monitoring", "59774-0", |out| monitoring(out, summary));
    sections.add("Complications", "55109-3", |out| {
        for event in &summary.adverse_events {
            self::event(out, event);
        }
        if summary.no_adverse_events == Some(true) {
            out.line("No adverse events");
        }
        for intervention in &summary.interventions {
            let at = intervention.t_min.map(|t| format!(" at {t} min")).unwrap_or_default();
            out.line(format!(
                "Done{at}: {}",
                intervention.text.as_deref().unwrap_or("not named")
            ));
        }
    });
    if let Some(post) = &summary.post_infusion {
        sections.add("Procedure disposition", "59775-7", |out| disposition(out, post));
    }
    sections.add("Assessment: response", "51848-0", |out| responses(out, summary));
    sections.add("Plan", "18776-5", |out| {
        for recommendation in &summary.recommendations {
            let whom = recommendation
                .to_role
                .map_or_else(|| "not named".to_owned(), |role| role.to_string());
            let kind = recommendation.kind.map(|kind| format!(", {kind}")).unwrap_or_default();
            out.line(format!(
                "To {whom}{kind}: {}",
                recommendation.text.as_deref().unwrap_or_default()
            ));
        }
        let next = summary.next.clone().unwrap_or_default();
        out.date("Next infusion", next.infusion_date);
        out.date("Reassessment", next.reassessment_date);
        out.value("Series ended", next.series_ended_reason.as_ref());
    });
    if let Some(post) = &summary.post_infusion {
        sections.add("Instructions", "69730-0", |out| {
            out.yes_no("Written instructions given", post.written_instructions_given);
            out.value("Whom to call", post.who_to_call.as_ref());
        });
    }
}

fn procedure(out: &mut Lines, summary: &InfusionSummary) {
    let infusion = summary.infusion.clone().unwrap_or_default();
    let of = infusion
        .planned_in_series
        .map(|n| format!(" of {n} planned"))
        .unwrap_or_default();
    out.value("Infusion", infusion.number.map(|n| format!("{n}{of}")));
    out.date("Date", infusion.date);
    out.value("Setting", infusion.setting);
    let time = |time: chrono::DateTime<chrono::FixedOffset>| time.format("%H:%M (UTC%:z)").to_string();
    out.value("Start", infusion.start.map(time));
    out.value("Stop", infusion.stop.map(time));
    out.value("Duration", infusion.duration_min.map(|min| format!("{min} min")));
    out.yes_no("Completed as planned", infusion.completed);
    out.value("Reason for stopping", infusion.stop_reason);
    let Some(before) = &summary.pre_infusion_check else {
        return;
    };
    out.yes_no("Identity confirmed", before.identity_confirmed);
    out.yes_no("Consent reconfirmed", before.consent_reconfirmed);
    out.value(
        "Consent given",
        before
            .consent_at
            .map(|t| t.format("%-d %b %Y %H:%M (UTC%:z)").to_string()),
    );
    out.yes_no("Fasting as the policy asks", before.fasting_per_policy);
    out.yes_no("Escort confirmed", before.escort_confirmed);
    out.yes_no("Red-flag screen negative", before.red_flag_screen_negative);
    out.yes_no("Suicide screen negative", before.suicide_risk_screen_negative);
    out.value("Antihypertensives taken", before.antihypertensives_taken);
    out.list("New medicines", &before.new_medicines);
    out.value("Last opioid dose", before.last_opioid_dose.as_ref());
    out.value("Last sedative dose", before.last_sedative_dose.as_ref());
    out.value("Since the last visit", before.interval_history.as_ref());
    out.value("Average pain in the 24 h before (0 to 10)", before.nrs_average_24h);
}

fn administered(out: &mut Lines, summary: &InfusionSummary) {
    if let Some(infusion) = &summary.infusion {
        out.value("Drug", infusion.drug.as_ref().and_then(|drug| drug.name.as_ref()));
        out.value("Route", infusion.route);
        out.value(
            "Concentration",
            infusion.concentration_mg_per_ml.map(|c| format!("{c} mg/mL")),
        );
        let source = infusion
            .weight_source
            .map(|source| format!(" ({source})"))
            .unwrap_or_default();
        out.value("Weight", infusion.weight_kg.map(|kg| format!("{kg} kg{source}")));
        out.value("Bolus", infusion.bolus_mg_per_kg.map(|bolus| format!("{bolus} mg/kg")));
        for segment in &infusion.rate_segments {
            let minutes = segment
                .start_min
                .zip(segment.end_min)
                .map(|(a, b)| format!("{a} to {b} min: "))
                .unwrap_or_default();
            out.value(
                "Rate",
                segment.rate_mg_per_kg_h.map(|rate| format!("{minutes}{rate} mg/kg/h")),
            );
        }
        out.value("Dose", infusion.dose_mg_per_kg.map(|dose| format!("{dose} mg/kg")));
        let planned = infusion
            .planned_total_mg
            .map(|mg| format!(" of {mg} mg planned"))
            .unwrap_or_default();
        out.value("Total", infusion.total_mg.map(|mg| format!("{mg} mg{planned}")));
    }
    for adjunct in &summary.adjuncts {
        let dose = quantity(adjunct.dose, adjunct.unit.as_ref())
            .map(|dose| format!(" {dose}"))
            .unwrap_or_default();
        let route = adjunct.route.map(|route| format!(" {route}")).unwrap_or_default();
        let at = adjunct.t_min.map(|t| format!(" at {t} min")).unwrap_or_default();
        let why = adjunct
            .indication
            .as_ref()
            .map(|why| format!(" for {why}"))
            .unwrap_or_default();
        out.line(format!(
            "Also given: {}{dose}{route}{at}{why}",
            adjunct.name.as_deref().unwrap_or("not named")
        ));
    }
}

fn monitoring(out: &mut Lines, summary: &InfusionSummary) {
    let series = haemodynamics::summarize(&summary.monitoring);
    let recorded = summary.haemodynamics.clone().unwrap_or_default();
    let at = |minute: Option<i32>| minute.map(|t| format!(" at {t} min")).unwrap_or_default();
    out.value(
        "Mean pressure before",
        series
            .map_baseline
            .or(recorded.map_baseline)
            .map(|map| format!("{map} mmHg")),
    );
    let rise = series
        .map_rise_pct
        .map(|rise| format!(" ({rise} % over the value before)"))
        .unwrap_or_default();
    let peak = series.map_peak.or(recorded.map_peak);
    out.value(
        "Peak mean pressure",
        peak.map(|map| {
            format!(
                "{map} mmHg{}{rise}",
                at(series.map_peak_t_min.or(recorded.map_peak_t_min))
            )
        }),
    );
    out.value(
        "Peak systolic pressure",
        series
            .sbp_peak
            .or(recorded.sbp_peak)
            .map(|sbp| format!("{sbp} mmHg{}", at(series.sbp_peak_t_min))),
    );
    out.value("Lowest SpO2", series.spo2_min.map(|spo2| format!("{spo2} %")));
    if series.minutes_sbp_ge_180 > 0 {
        out.line(format!(
            "Minutes with a systolic pressure of 180 mmHg or more: {}",
            series.minutes_sbp_ge_180
        ));
    }
    let dissociation = summary.dissociation.clone().unwrap_or_default();
    let peak = series.dissociation_peak.or(dissociation.peak_0_10);
    out.value(
        "Peak dissociation (0 to 10)",
        peak.map(|d| format!("{d}{}", at(series.dissociation_peak_t_min.or(dissociation.peak_t_min)))),
    );
    out.value(
        "CADSS-6 (0 to 24)",
        dissociation
            .cadss6_total
            .map(|total| format!("{total}{}", at(dissociation.cadss6_t_min))),
    );
    if !summary.monitoring.is_empty() {
        out.line("min | phase | HR | BP | MAP | SpO2 | O2 | RR | EtCO2 | temp | RASS | POSS | dissociation | pain");
        for row in &summary.monitoring {
            out.line(self::row(row));
        }
    }
}

fn row(row: &MonitoringRow) -> String {
    let cell = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let pressure = row.sbp.zip(row.dbp).map(|(sbp, dbp)| format!("{sbp}/{dbp}"));
    [
        show(row.t_min),
        show(row.phase),
        show(row.hr),
        pressure,
        show(row.map),
        show(row.spo2),
        show(row.o2_l_min),
        show(row.rr),
        show(row.etco2),
        show(row.temp_c),
        show(row.rass),
        row.poss.map(|poss| poss.as_str().to_owned()),
        show(row.dissociation_0_10),
        show(row.nrs),
    ]
    .into_iter()
    .map(cell)
    .collect::<Vec<_>>()
    .join(" | ")
}

fn event(out: &mut Lines, event: &AdverseEvent) {
    let grade = event.grade.map(|grade| format!(" grade {grade}")).unwrap_or_default();
    let version = event
        .ctcae_version
        .as_ref()
        .map(|v| format!(" (CTCAE v{v})"))
        .unwrap_or_default();
    let class = event.soc.as_ref().map(|soc| format!(", {soc}")).unwrap_or_default();
    let from = event.onset_t_min.map(|t| format!(", from {t} min")).unwrap_or_default();
    let until = event
        .resolved_t_min
        .map(|t| format!(" until {t} min"))
        .unwrap_or_default();
    let related = event.relatedness.map(|r| format!(", related: {r}")).unwrap_or_default();
    let actions: Vec<String> = event.actions.iter().map(ToString::to_string).collect();
    let actions = if actions.is_empty() {
        String::new()
    } else {
        format!(", done: {}", actions.join(", "))
    };
    let outcome = event.outcome.map(|outcome| format!(", {outcome}")).unwrap_or_default();
    let note = event.note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
    let term = event.term.as_deref().unwrap_or("not named");
    out.line(format!(
        "Adverse event: {term}{grade}{version}{class}{from}{until}{related}{actions}{outcome}{note}"
    ));
}

fn disposition(out: &mut Lines, post: &PostInfusion) {
    out.value("Observed", post.observation_min.map(|min| format!("{min} min")));
    out.value(
        "Discharged",
        post.discharge_time
            .map(|time| time.format("%H:%M (UTC%:z)").to_string()),
    );
    if let Some(aldrete) = &post.aldrete {
        out.pairs(
            "Modified Aldrete (items 0 to 2)",
            &[
                ("total", show(aldrete.total)),
                ("activity", show(aldrete.activity)),
                ("respiration", show(aldrete.respiration)),
                ("circulation", show(aldrete.circulation)),
                ("consciousness", show(aldrete.consciousness)),
                ("oxygen saturation", show(aldrete.oxygen_saturation)),
            ],
        );
    }
    if let Some(padss) = &post.padss {
        out.pairs(
            "Discharge score (items 0 to 2)",
            &[
                ("total", show(padss.total)),
                ("vital signs", show(padss.vital_signs)),
                ("activity", show(padss.activity)),
                ("nausea and vomiting", show(padss.nausea_vomiting)),
                ("pain acceptable to the patient", show(padss.pain_acceptable_to_patient)),
                ("bleeding", show(padss.bleeding_iv_site)),
            ],
        );
    }
    out.yes_no("Discharge criteria met", post.discharge_criteria_met);
    out.value("Left", post.disposition);
    if let Some(escort) = &post.escort {
        out.yes_no("Escort present", escort.present);
        out.value("Relationship", escort.relationship.as_ref());
        out.yes_no(
            "Name of the escort recorded at the clinic",
            escort.name_recorded_locally,
        );
    }
}

fn responses(out: &mut Lines, summary: &InfusionSummary) {
    let pain = summary.pain.clone().unwrap_or_default();
    out.pairs(
        "Pain now (0 to 10)",
        &[
            ("before", show(pain.pre_nrs_now)),
            ("at the end", show(pain.end_of_infusion_nrs_now)),
            ("at discharge", show(pain.discharge_nrs_now)),
        ],
    );
    let provisional = response::provisional(summary);
    let change = provisional
        .delta_points
        .zip(provisional.delta_pct)
        .map(|(points, pct)| {
            let verb = if points < 0 { "rose" } else { "fell" };
            format!("; pain {verb} by {} points, {} %", points.unsigned_abs(), pct.abs())
        });
    let pending = if provisional.duration_pending == Some(true) {
        "; duration not yet known"
    } else {
        ""
    };
    out.value(
        "Response at discharge",
        provisional
            .category
            .map(|c| format!("{}{}{pending}", c.label(), change.unwrap_or_default())),
    );
    let Some(last) = summary
        .response
        .as_ref()
        .and_then(|r| r.previous_infusion_final.as_ref())
    else {
        return;
    };
    let at_least = if last.relief_ongoing == Some(true) {
        "at least "
    } else {
        ""
    };
    out.pairs(
        "Infusion before, final",
        &[
            (
                "response",
                last.category.map(crate::content::recovery::ResponseCategory::label),
            ),
            (
                "days of relief",
                last.relief_days.map(|days| format!("{at_least}{days}")),
            ),
            ("average pain since", show(last.average_nrs_since)),
            ("source", last.source.clone()),
        ],
    );
    out.yes_no(
        "Function or satisfaction better",
        last.function_or_satisfaction_improved,
    );
}
