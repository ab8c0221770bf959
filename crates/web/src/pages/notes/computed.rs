//! What follows from the typed values, by the clinical crate's own arithmetic: sums, minutes, peaks, the response. Written
//! into the content where it belongs, and told to the author in words while the note is written. No rule of its own.

use liaison_clinical::{
    ConsultationNote, Decimal, InfusionSummary, NoteContent, Urgency, assess,
    codes::{self, ICD10CM},
    compute::{
        dose,
        haemodynamics::{self, HaemodynamicSummary},
        mme, response,
    },
    content::{
        infusion::{InfusionRecord, MonitoringPhase, MonitoringRow},
        medication::OpioidLine,
        pain::BpiInterference,
        recovery::{AldreteScore, HaemodynamicRecord, InfusionResponse, PadssScore},
        shared::{CodedConcept, FlagSource, UrgentFlag},
    },
};

/// Writes every computed value into a content; what cannot be computed stays as it is, unless it would contradict.
pub(super) fn fill(content: &mut NoteContent) {
    match content {
        NoteContent::ConsultationNote(note) => consultation(note),
        NoteContent::InfusionSummary(summary) => infusion(summary),
    }
}

fn consultation(note: &mut ConsultationNote) {
    flags(&mut note.urgent_flags);
    if let Some(cancer) = &mut note.cancer {
        concept(cancer.icd10cm.as_mut());
        cancer
            .metastatic_sites
            .iter_mut()
            .for_each(|site| concept(site.icd10cm.as_mut()));
    }
    if let Some(pain) = &mut note.pain {
        pain.diagnoses.iter_mut().for_each(|diagnosis| concept(Some(diagnosis)));
        if let Some(bpi) = &mut pain.bpi_interference {
            bpi.mean = mean(bpi);
        }
    }
    if let Some(medications) = &mut note.medications {
        let total = opioids(&mut medications.opioids, medications.no_opioids);
        medications.mme_method = total
            .is_some()
            .then(|| mme::METHOD.to_owned())
            .or(medications.mme_method.take());
        medications.mme_excluded = mme::total(&medications.opioids).excluded;
        medications.mme_total_per_day = total;
    }
    for (index, request) in note.requests_to_recipients.iter_mut().enumerate() {
        if request.id.is_none() {
            request.id = Some(format!("q{}", index + 1));
        }
    }
}

fn infusion(summary: &mut InfusionSummary) {
    flags(&mut summary.urgent_flags);
    if let Some(infusion) = &mut summary.infusion {
        concept(infusion.indication.as_mut());
        if let Some((start, stop)) = infusion.start.zip(infusion.stop) {
            infusion.duration_min = i32::try_from((stop - start).num_minutes())
                .ok()
                .or(infusion.duration_min);
        }
        if let Some(dose) = dose::computed_dose(infusion) {
            infusion.dose_mg_per_kg = Some(dose.round(4));
        }
    }
    let header = summary.infusion.clone().unwrap_or_default();
    summary.monitoring.iter_mut().for_each(|row| place(row, &header));
    series(summary);
    if let Some(post) = &mut summary.post_infusion {
        if let Some((stop, discharge)) = header.stop.zip(post.discharge_time) {
            let minutes = ((discharge - stop).num_seconds() + 30).div_euclid(60);
            post.observation_min = i32::try_from(minutes).ok().or(post.observation_min);
        }
        if let Some(score) = &mut post.aldrete {
            score.total = aldrete(score).or(score.total);
        }
        if let Some(score) = &mut post.padss {
            score.total = padss(score).or(score.total);
        }
    }
    if summary.no_opioids.is_some() || !summary.opioids_current.is_empty() {
        summary.mme_per_day_current = opioids(&mut summary.opioids_current, summary.no_opioids);
    }
    let pain = summary.pain.clone().unwrap_or_default();
    let rated = pain.pre_nrs_now.is_some() && pain.discharge_nrs_now.is_some();
    if rated
        || summary
            .response
            .as_ref()
            .is_some_and(|response| response.provisional.is_some())
    {
        let provisional = response::provisional(summary);
        summary
            .response
            .get_or_insert_with(InfusionResponse::default)
            .provisional = Some(provisional);
    }
}

/// The minute's time and phase, where the header tells them.
fn place(row: &mut MonitoringRow, header: &InfusionRecord) {
    let Some(minute) = row.t_min else { return };
    if let Some(start) = header.start {
        row.time = Some(start + chrono::TimeDelta::minutes(minute.into()));
    }
    if row.phase.is_none() {
        row.phase = match header.duration_min {
            _ if minute < 0 => Some(MonitoringPhase::Pre),
            Some(duration) if minute > duration => Some(MonitoringPhase::Recovery),
            Some(_) => Some(MonitoringPhase::Infusion),
            None => None,
        };
    }
}

/// The haemodynamic summary and the peak of dissociation are those of the series.
fn series(summary: &mut InfusionSummary) {
    if summary.monitoring.is_empty() {
        return;
    }
    let found = haemodynamics::summarize(&summary.monitoring);
    let recorded = HaemodynamicRecord {
        map_baseline: found.map_baseline,
        map_peak: found.map_peak,
        map_peak_t_min: found.map_peak_t_min,
        sbp_peak: found.sbp_peak,
    };
    if recorded != HaemodynamicRecord::default() {
        summary.haemodynamics = Some(recorded);
    }
    if let Some(peak) = found.dissociation_peak {
        let record = summary.dissociation.get_or_insert_default();
        if record.peak_0_10 != Some(peak) {
            record.peak_t_min = found.dissociation_peak_t_min;
        }
        record.peak_0_10 = Some(peak);
        record.peak_t_min = record.peak_t_min.or(found.dissociation_peak_t_min);
    }
}

/// Lines with their CDC 2022 factor, and the sum; no sum where nothing was said of opioids.
fn opioids(lines: &mut [OpioidLine], none: Option<bool>) -> Option<Decimal> {
    for line in lines.iter_mut() {
        if let Some(key) = line.mme_key {
            line.rxnorm.get_or_insert_with(|| key.rxnorm().to_owned());
            line.avg_daily_unit.get_or_insert_with(|| key.amount_unit().to_owned());
            if line.mme_factor.is_none_or(|factor| factor != key.factor()) {
                line.mme_factor = Some(key.factor());
            }
            if line.is_prn == Some(true)
                && let Some(amount) = line
                    .prn_average_doses_per_day
                    .zip(line.dose)
                    .and_then(|(n, dose)| n.times(dose))
            {
                line.avg_daily_amount = Some(amount);
            }
        } else {
            line.mme_factor = None;
        }
    }
    let total = mme::total(lines);
    for (line, computed) in lines.iter_mut().zip(&total.lines) {
        line.mme_per_day = computed.mme_per_day;
    }
    (!lines.is_empty() || none == Some(true)).then_some(total.total)
}

fn concept(concept: Option<&mut CodedConcept>) {
    let Some(concept) = concept else { return };
    let Some(code) = &concept.code else { return };
    concept.system.get_or_insert_with(|| ICD10CM.to_owned());
    if concept.display.is_none() {
        concept.display = codes::code(ICD10CM, code).map(|known| known.display.clone());
    }
}

fn flags(flags: &mut [UrgentFlag]) {
    for flag in flags {
        flag.source.get_or_insert(FlagSource::Author);
    }
}

/// Mean of the answered items to 0.1, usable from four of them (content specification 3.3).
fn mean(bpi: &BpiInterference) -> Option<Decimal> {
    let items = [
        bpi.general_activity,
        bpi.mood,
        bpi.walking,
        bpi.normal_work,
        bpi.relations,
        bpi.sleep,
        bpi.enjoyment,
    ];
    let answered: Vec<i64> = items.into_iter().flatten().map(i64::from).collect();
    let count = i64::try_from(answered.len()).ok().filter(|count| *count >= 4)?;
    Some(Decimal::from(answered.iter().sum::<i64>()).over(count.into())?.round(1))
}

fn sum(items: &[Option<i32>]) -> Option<i32> {
    items.iter().try_fold(0_i32, |sum, item| sum.checked_add((*item)?))
}

fn aldrete(score: &AldreteScore) -> Option<i32> {
    sum(&[
        score.activity,
        score.respiration,
        score.circulation,
        score.consciousness,
        score.oxygen_saturation,
    ])
}

fn padss(score: &PadssScore) -> Option<i32> {
    sum(&[
        score.vital_signs,
        score.activity,
        score.nausea_vomiting,
        score.pain_acceptable_to_patient,
        score.bleeding_iv_site,
    ])
}

/// One computed value in words, shown beside the form.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Told {
    /// What it is.
    pub(super) label: &'static str,
    /// The value, one line each.
    pub(super) lines: Vec<String>,
    /// How it is shown: `emergent`, `urgent` or nothing.
    pub(super) tone: &'static str,
}

fn told(label: &'static str, lines: Vec<String>) -> Option<Told> {
    (!lines.is_empty()).then_some(Told { label, lines, tone: "" })
}

/// What the note says in sum, as far as it is written: urgency with its reasons, opioids, dose, pressure, response.
pub(super) fn tell(content: &NoteContent) -> Vec<Told> {
    let assessed = assess(content);
    let mut lines = vec![words(assessed.level)];
    lines.extend(
        assessed
            .flags
            .iter()
            .map(|flag| format!("{}: {}", flag.code.label(), flag.detail)),
    );
    let tone = match assessed.level {
        Urgency::Routine => "",
        Urgency::Urgent => "urgent",
        Urgency::Emergent => "emergent",
    };
    let urgency = Told {
        label: "Urgency",
        lines,
        tone,
    };
    let mut all = vec![urgency];
    match content {
        NoteContent::ConsultationNote(note) => {
            let lines = note
                .medications
                .as_ref()
                .map(|m| m.opioids.as_slice())
                .unwrap_or_default();
            all.extend(opioid_words(lines));
        }
        NoteContent::InfusionSummary(summary) => {
            all.extend(summary.infusion.as_ref().and_then(dose_words));
            all.extend(pressure_words(&haemodynamics::summarize(&summary.monitoring)));
            let pain = summary.pain.clone().unwrap_or_default();
            if pain.pre_nrs_now.is_some() && pain.discharge_nrs_now.is_some() {
                all.extend(response_words(summary));
            }
            all.extend(opioid_words(&summary.opioids_current));
        }
    }
    all
}

fn words(urgency: Urgency) -> String {
    crate::format::words(urgency.as_str())
}

fn opioid_words(lines: &[OpioidLine]) -> Option<Told> {
    if lines.is_empty() {
        return None;
    }
    let total = mme::total(lines);
    let mut words = vec![total.text()];
    for line in &total.lines {
        words.push(
            match (line.amount, line.factor, line.mme_per_day, &line.not_counted_because) {
                (Some(amount), Some(factor), Some(mme), _) => {
                    format!("{}: {amount} x {factor} = {}", line.name, mme.round(1))
                }
                (.., Some(why)) => format!("{}: not counted ({why})", line.name),
                _ => format!("{}: not counted", line.name),
            },
        );
    }
    words.push(total.caveat);
    told("Opioids", words)
}

fn dose_words(infusion: &InfusionRecord) -> Option<Told> {
    let dose = dose::computed_dose(infusion).filter(|_| !infusion.rate_segments.is_empty())?;
    let mut lines = vec![format!("{} mg/kg by bolus and rates", dose.round(4))];
    if let Some(total) = infusion.weight_kg.and_then(|weight| dose::total_mg(dose, weight)) {
        lines.push(format!("{total} mg at this weight"));
    }
    told("Dose", lines)
}

fn pressure_words(found: &HaemodynamicSummary) -> Option<Told> {
    let mut lines = Vec::new();
    if let (Some(base), Some(peak)) = (found.map_baseline, found.map_peak) {
        let rise = found
            .map_rise_pct
            .map(|rise| format!(" ({rise} %)"))
            .unwrap_or_default();
        let at = found
            .map_peak_t_min
            .map(|at| format!(" at {at} min"))
            .unwrap_or_default();
        lines.push(format!("Mean pressure {base} to {peak} mmHg{rise}{at}"));
    }
    if let Some(peak) = found.sbp_peak {
        lines.push(format!("Highest systolic {peak} mmHg"));
    }
    if found.minutes_sbp_ge_180 > 0 {
        lines.push(format!("{} min at 180 mmHg or more", found.minutes_sbp_ge_180));
    }
    if let Some(lowest) = found.spo2_min {
        lines.push(format!("Lowest SpO2 {lowest} %"));
    }
    told("Pressure and oxygen", lines)
}

fn response_words(summary: &InfusionSummary) -> Option<Told> {
    let found = response::provisional(summary);
    let mut lines = Vec::new();
    if let Some(category) = found.category {
        lines.push(
            crate::error::capital(&category.label())
                .trim_end_matches('.')
                .to_owned(),
        );
    }
    if let Some(points) = found.delta_points {
        let percent = found
            .delta_pct
            .map(|percent| format!(", {percent} %"))
            .unwrap_or_default();
        lines.push(match points {
            0 => "Pain unchanged".to_owned(),
            ..0 => format!("Pain rose by {} points", -points),
            _ => format!("Pain fell by {points} points{percent}"),
        });
    }
    told("Response at discharge", lines)
}
