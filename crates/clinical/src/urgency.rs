//! Urgency and its flags (content specification 6): automatic flags computed from the document, flags
//! ticked by the author, and the level they give. An author may raise the level, never lower it.

use serde::Serialize;

use crate::{
    compute::haemodynamics::row_map,
    content::{
        NoteContent,
        consultation::ConsultationNote,
        infusion::{InfusionSummary, MonitoringRow, Poss, StopReason},
        recovery::DischargeDisposition,
        shared::{FlagCode, FlagSource, Urgency},
    },
};

impl FlagCode {
    /// The level which this flag alone gives (6.2).
    pub fn level(self) -> Urgency {
        // The specification lists emergent flags first, and the enum keeps its order.
        if self <= Self::SiPlanOrIntent {
            Urgency::Emergent
        } else {
            Urgency::Urgent
        }
    }

    /// Words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::AeGrade45 => "Adverse event of grade 4 or 5",
            Self::UnplannedTransfer => "Unplanned transfer",
            Self::AirwayIntervention => "Airway intervention",
            Self::Anaphylaxis => "Anaphylaxis",
            Self::Seizure => "Seizure",
            Self::NewNeuroDeficit => "New neurological deficit",
            Self::SuspectedMscc => "Suspected spinal cord compression",
            Self::AcsOrStroke => "Acute coronary syndrome or stroke",
            Self::HtnEmergency => "Hypertensive emergency",
            Self::SiPlanOrIntent => "Suicidal plan or intent",
            Self::AeGrade3 => "Adverse event of grade 3",
            Self::InfusionStoppedSafety => "Infusion stopped for safety",
            Self::SbpGe180OrDbpGe110 => "Blood pressure of 180/110 mmHg or more",
            Self::Spo2Lt88 => "Oxygen saturation below 88 %",
            Self::SedationDeep => "Deep sedation",
            Self::ReversalAgentGiven => "Reversal agent given",
            Self::AcutePsychosis => "Acute psychosis",
            Self::SiPassive => "Suicidal ideation without a plan",
            Self::SuspectedProgression => "Suspected progression",
            Self::OpioidToxicityOrWithdrawal => "Opioid toxicity or withdrawal",
            Self::DosingError => "Dosing error",
            Self::SuspectedMisuseDiversion => "Suspected misuse or diversion",
            Self::PregnancyNew => "Pregnancy newly known",
            Self::LftGe5xUln => "Liver test above 5 times the upper limit",
            Self::NoEscortOrAma => "Left without escort or against advice",
            Self::ContraindicationNew => "New contraindication",
        }
    }
}

/// One flag which holds, with its one-line detail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
pub struct RaisedFlag {
    /// Which.
    pub code: FlagCode,
    /// The level it gives.
    pub level: Urgency,
    /// One line: computed for automatic flags, the author's words for others.
    pub detail: String,
    /// What the author wrote beside an automatic flag.
    pub note: Option<String>,
    /// Computed or ticked.
    pub source: FlagSource,
}

/// The urgency of a document with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
pub struct UrgencyAssessment {
    /// The level in force: the highest flag, or what the author raised it to.
    pub level: Urgency,
    /// The level of the automatic flags alone; nobody can go below it.
    pub floor: Urgency,
    /// Every flag, automatic ones first.
    pub flags: Vec<RaisedFlag>,
}

/// Computes the urgency of a document.
pub fn assess(content: &NoteContent) -> UrgencyAssessment {
    let stated = content.stated_flags();
    let mut flags: Vec<RaisedFlag> = automatic(content)
        .into_iter()
        .map(|(code, detail)| {
            let note = stated
                .iter()
                .find(|flag| flag.code == Some(code))
                .and_then(|flag| flag.detail.clone());
            let note = note.filter(|note| *note != detail);
            RaisedFlag {
                code,
                level: code.level(),
                detail,
                note,
                source: FlagSource::Automatic,
            }
        })
        .collect();
    let floor = highest(&flags);
    for flag in stated {
        let Some(code) = flag.code else { continue };
        if flags.iter().any(|raised| raised.code == code) {
            continue;
        }
        // A flag that says "automatic" but does not follow from the document still counts: it was sent.
        flags.push(RaisedFlag {
            code,
            level: code.level(),
            detail: flag.detail.clone().unwrap_or_else(|| code.label().to_owned()),
            note: None,
            source: FlagSource::Author,
        });
    }
    let level = highest(&flags).max(content.stated_urgency().unwrap_or(Urgency::Routine));
    UrgencyAssessment { level, floor, flags }
}

fn highest(flags: &[RaisedFlag]) -> Urgency {
    flags.iter().map(|flag| flag.level).max().unwrap_or(Urgency::Routine)
}

/// The automatic flags with their computed details, in the order of 6.2.
pub fn automatic(content: &NoteContent) -> Vec<(FlagCode, String)> {
    let mut flags = match content {
        NoteContent::ConsultationNote(note) => from_consultation(note),
        NoteContent::InfusionSummary(summary) => from_infusion(summary),
    };
    flags.sort_by_key(|(code, _)| *code);
    flags
}

fn from_consultation(note: &ConsultationNote) -> Vec<(FlagCode, String)> {
    let Some(vitals) = note
        .medical_screening
        .as_ref()
        .and_then(|screening| screening.vitals.as_ref())
    else {
        return Vec::new();
    };
    let row = MonitoringRow {
        sbp: vitals.sbp,
        dbp: vitals.dbp,
        spo2: vitals.spo2,
        ..MonitoringRow::default()
    };
    from_rows(&[row], "at the consultation")
}

fn from_infusion(summary: &InfusionSummary) -> Vec<(FlagCode, String)> {
    let mut flags = from_rows(&summary.monitoring, "");
    let events = |from: i32, to: i32| {
        let details: Vec<String> = summary
            .adverse_events
            .iter()
            .filter_map(|event| {
                let grade = event.grade.filter(|grade| (from..=to).contains(grade))?;
                let version = event.ctcae_version.as_deref().unwrap_or("of unknown version");
                let outcome = event.outcome.map(|outcome| format!(", {outcome}")).unwrap_or_default();
                Some(format!(
                    "CTCAE v{version} {} grade {grade}{outcome}",
                    event.term.as_deref().unwrap_or("event")
                ))
            })
            .collect();
        (!details.is_empty()).then(|| details.join("; "))
    };
    flags.extend(events(4, i32::MAX).map(|detail| (FlagCode::AeGrade45, detail)));
    flags.extend(events(3, 3).map(|detail| (FlagCode::AeGrade3, detail)));
    if let Some(infusion) = summary
        .infusion
        .as_ref()
        .filter(|i| i.completed == Some(false) && i.stop_reason == Some(StopReason::AdverseEvent))
    {
        let at = infusion
            .duration_min
            .map(|min| format!(" at {min} min"))
            .unwrap_or_default();
        let given = infusion.total_mg.zip(infusion.planned_total_mg);
        let given = given
            .map(|(given, planned)| format!(", {given} of {planned} mg given"))
            .unwrap_or_default();
        flags.push((FlagCode::InfusionStoppedSafety, format!("Stopped{at}{given}")));
    }
    match summary.post_infusion.as_ref().and_then(|post| post.disposition) {
        Some(DischargeDisposition::TransferEd) => {
            flags.push((
                FlagCode::UnplannedTransfer,
                "Transferred to an emergency department".to_owned(),
            ));
        }
        Some(DischargeDisposition::TransferHospital) => {
            flags.push((FlagCode::UnplannedTransfer, "Transferred to a hospital".to_owned()));
        }
        Some(DischargeDisposition::HomeWithoutEscort) => {
            flags.push((FlagCode::NoEscortOrAma, "Left for home without an escort".to_owned()));
        }
        Some(DischargeDisposition::LeftAgainstAdvice) => {
            flags.push((FlagCode::NoEscortOrAma, "Left against advice".to_owned()));
        }
        Some(DischargeDisposition::HomeWithEscort) | None => {}
    }
    let reversal: Vec<String> = summary
        .adjuncts
        .iter()
        .filter_map(|a| a.name.clone())
        .filter(|name| is_reversal_agent(name))
        .collect();
    if !reversal.is_empty() {
        flags.push((
            FlagCode::ReversalAgentGiven,
            format!("{} given", crate::text::capital(&crate::text::list(&reversal))),
        ));
    }
    flags
}

fn is_reversal_agent(name: &str) -> bool {
    let name = name.to_lowercase();
    name.contains("naloxone") || name.contains("flumazenil")
}

fn from_rows(rows: &[MonitoringRow], place: &str) -> Vec<(FlagCode, String)> {
    let at = |row: &MonitoringRow| match (row.t_min, place) {
        (Some(minute), _) => format!(" at {minute} min"),
        (None, "") => String::new(),
        (None, place) => format!(" {place}"),
    };
    let mut flags = Vec::new();
    let high = rows
        .iter()
        .filter(|row| row.sbp.is_some_and(|sbp| sbp >= 180) || row.dbp.is_some_and(|dbp| dbp >= 110));
    // The first of the highest rows: `max_by_key` would give the last one.
    if let Some(row) = high.rev().max_by_key(|row| (row.sbp, row.dbp, row_map(row))) {
        let value = |v: Option<i32>| v.map_or_else(|| "-".to_owned(), |v| v.to_string());
        flags.push((
            FlagCode::SbpGe180OrDbpGe110,
            format!("Peak {}/{} mmHg{}", value(row.sbp), value(row.dbp), at(row)),
        ));
    }
    let low = rows
        .iter()
        .filter(|row| row.spo2.is_some_and(|spo2| spo2 < 88))
        .min_by_key(|row| row.spo2);
    if let Some(row) = low {
        flags.push((
            FlagCode::Spo2Lt88,
            format!("Lowest SpO2 {} %{}", row.spo2.unwrap_or_default(), at(row)),
        ));
    }
    let deep = |row: &&MonitoringRow| {
        row.rass.is_some_and(|rass| rass <= -3) || matches!(row.poss, Some(Poss::FrequentlyDrowsy | Poss::Somnolent))
    };
    if let Some(row) = rows
        .iter()
        .filter(deep)
        .min_by_key(|row| (row.rass.unwrap_or(0), std::cmp::Reverse(row.poss)))
    {
        let scores = [
            row.rass.map(|rass| format!("RASS {rass}")),
            row.poss.map(|poss| format!("POSS {}", poss.as_str())),
        ];
        flags.push((
            FlagCode::SedationDeep,
            format!(
                "{}{}",
                scores.into_iter().flatten().collect::<Vec<_>>().join(", "),
                at(row)
            ),
        ));
    }
    flags
}
