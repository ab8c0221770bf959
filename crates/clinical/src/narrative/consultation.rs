//! A consultation note in words, section by section (content specification 3, 10.2).

use super::{Lines, Sections, concept, opioids, quantity, show};
use crate::content::{
    consultation::{CancerHistory, ConsultationNote},
    decision::{DecimalRange, InfusionPlan},
    medication::HomeMedicine,
    pain::PainAssessment,
    screening::MedicalScreening,
};

pub(super) fn write(sections: &mut Sections, note: &ConsultationNote) {
    let screening = note.medical_screening.clone().unwrap_or_default();
    sections.add("Reason for referral", "42349-1", |out| {
        out.date("Consultation", note.consult_date);
        let Some(referral) = &note.referral else { return };
        out.value(
            "Referred by",
            referral.referring_clinician.as_ref().and_then(|c| c.name.as_ref()),
        );
        out.value("Team", referral.referring_team);
        out.date("Received", referral.received_date);
        out.value("Reason", referral.reason.as_ref());
        out.list("Questions", &referral.questions);
        out.list("Answers", &referral.answers);
    });
    if let Some(pain) = &note.pain {
        sections.add("History of present illness: pain", "10164-2", |out| {
            self::pain(out, pain)
        });
    }
    if let Some(cancer) = &note.cancer {
        sections.add("Past history: cancer", "11348-0", |out| self::cancer(out, cancer));
    }
    sections.add("Medications", "10160-0", |out| medications(out, note));
    sections.add("Allergies", "48765-2", |out| {
        for allergy in &note.allergies {
            let reaction = allergy.reaction.as_ref().map(|r| format!(" ({r})")).unwrap_or_default();
            out.line(format!(
                "{}{reaction}",
                allergy.substance.as_deref().unwrap_or("not named")
            ));
        }
        if note.no_known_allergies == Some(true) {
            out.line("No known allergies");
        }
    });
    sections.add("Social history: substance use", "29762-2", |out| {
        let Some(substance) = &screening.substance_use else {
            return;
        };
        out.value("Opioid Risk Tool total", substance.opioid_risk_tool_total);
        out.value("Alcohol, drinks a week", substance.alcohol_drinks_per_week);
        out.value("Other substances", substance.illicit.as_ref());
        out.yes_no("Prescription monitoring reviewed", substance.pdmp_reviewed);
    });
    sections.add("Functional status", "47420-5", |out| {
        let performance = note.performance.clone().unwrap_or_default();
        let asa = performance.asa_class.map(|class| class.as_str().to_owned());
        out.pairs(
            "Performance",
            &[
                ("ECOG", show(performance.ecog)),
                ("Karnofsky", show(performance.kps)),
                ("ASA class", asa),
            ],
        );
        if let Some(bpi) = note.pain.as_ref().and_then(|p| p.bpi_interference.as_ref()) {
            out.pairs(
                "Interference of pain (0 to 10)",
                &[
                    ("general activity", show(bpi.general_activity)),
                    ("mood", show(bpi.mood)),
                    ("walking", show(bpi.walking)),
                    ("work", show(bpi.normal_work)),
                    ("relations", show(bpi.relations)),
                    ("sleep", show(bpi.sleep)),
                    ("enjoyment", show(bpi.enjoyment)),
                    ("mean", show(bpi.mean)),
                ],
            );
        }
    });
    sections.add("Vital signs", "8716-3", |out| vital_signs(out, &screening));
    sections.add("Results", "30954-2", |out| results(out, &screening));
    sections.add("Physical findings and screening", "29545-1", |out| {
        self::screening(out, &screening)
    });
    sections.add("Assessment and plan", "51847-2", |out| assessment(out, note));
    sections.add("Goals and expectations", "61146-7", |out| expectations(out, note));
    sections.add("Consent", "59284-0", |out| {
        let Some(consent) = &note.consent else { return };
        out.yes_no("Off-label use disclosed", consent.off_label_disclosed);
        out.value("Statement", consent.statement_id.as_ref());
        out.yes_no("Risks discussed", consent.risks_discussed);
        out.yes_no("Alternatives discussed", consent.alternatives_discussed);
        out.yes_no("Right to stop explained", consent.right_to_stop_explained);
        out.value("No driving until", consent.no_driving_until.as_ref());
        out.yes_no("Escort required", consent.escort_required);
        out.date("Date", consent.date);
        out.value("Obtained by", consent.obtained_by.as_ref());
    });
}

fn pain(out: &mut Lines, pain: &PainAssessment) {
    out.list("Diagnoses", &pain.diagnoses.iter().map(concept).collect::<Vec<_>>());
    out.value("Mechanism", pain.mechanism);
    out.value("Central sensitisation", pain.central_sensitisation);
    out.list("Features", &pain.central_sensitisation_features);
    out.value("Opioid-induced hyperalgesia", pain.opioid_induced_hyperalgesia);
    for location in &pain.locations {
        let side = location.laterality.map(|side| format!(", {side}")).unwrap_or_default();
        let main = if location.primary == Some(true) { " (main)" } else { "" };
        out.line(format!(
            "Location: {}{side}{main}",
            location.site.as_deref().unwrap_or("not named")
        ));
    }
    out.list("Quality", &pain.quality);
    out.value("Pattern", pain.temporal_pattern);
    out.list("Worse with", &pain.worse_with);
    out.value("Since", pain.onset.as_ref());
    let nrs = pain.nrs.clone().unwrap_or_default();
    out.pairs(
        "Pain (0 to 10)",
        &[
            ("worst", show(nrs.worst_24h)),
            ("least", show(nrs.least_24h)),
            ("average", show(nrs.average_24h)),
            ("now", show(nrs.now)),
        ],
    );
    out.value("Cannot give a number because", pain.unable_to_report_reason.as_ref());
    if let Some(esas) = &pain.esas_r {
        out.pairs(
            "Symptoms, ESAS-r (0 to 10)",
            &[
                ("pain", show(esas.pain)),
                ("tiredness", show(esas.tiredness)),
                ("drowsiness", show(esas.drowsiness)),
                ("nausea", show(esas.nausea)),
                ("lack of appetite", show(esas.lack_of_appetite)),
                ("shortness of breath", show(esas.shortness_of_breath)),
                ("depression", show(esas.depression)),
                ("anxiety", show(esas.anxiety)),
                ("wellbeing", show(esas.wellbeing)),
            ],
        );
        if let Some(other) = &esas.other {
            out.value(
                &format!(
                    "Symptom named by the patient, {}",
                    other.name.as_deref().unwrap_or("not named")
                ),
                other.score,
            );
        }
    }
    if let Some(breakthrough) = &pain.breakthrough {
        out.pairs(
            "Breakthrough pain",
            &[
                ("episodes a day", show(breakthrough.episodes_per_day)),
                ("minutes each", show(breakthrough.typical_duration_min)),
                ("trigger", breakthrough.trigger.clone()),
                ("kind", show(breakthrough.trigger_kind)),
            ],
        );
    }
    out.value("DN4", pain.dn4_total);
}

fn cancer(out: &mut Lines, cancer: &CancerHistory) {
    let side = cancer.laterality.map(|side| format!(", {side}")).unwrap_or_default();
    out.value(
        "Primary site",
        cancer.primary_site.as_ref().map(|site| format!("{site}{side}")),
    );
    out.value("Diagnosis", cancer.icd10cm.as_ref().map(concept));
    out.value("Histology", cancer.histology.as_ref());
    if let Some(stage) = &cancer.stage {
        out.pairs(
            "Stage",
            &[
                ("system", stage.system.clone()),
                ("group", stage.group.clone()),
                ("on", stage.date.map(crate::text::date)),
            ],
        );
    }
    out.value("Diagnosed", cancer.diagnosis_date.as_ref());
    for site in &cancer.metastatic_sites {
        let code = site
            .icd10cm
            .as_ref()
            .map(|code| format!(": {}", concept(code)))
            .unwrap_or_default();
        out.line(format!(
            "Metastasis: {}{code}",
            site.site.as_deref().unwrap_or("not named")
        ));
    }
    out.value("Disease status", cancer.disease_status);
    out.list("Past treatment", &cancer.treatment_history);
    out.list("Present treatment", &cancer.current_treatment);
    if cancer.no_current_treatment == Some(true) {
        out.line("Present treatment: none");
    }
}

fn medications(out: &mut Lines, note: &ConsultationNote) {
    if let Some(home) = &note.medications {
        opioids(out, &home.opioids, home.no_opioids);
        for (label, list) in [("Adjuvant", &home.adjuvants), ("Other", &home.other)] {
            for medicine in list {
                out.line(format!("{label}: {}", self::medicine(medicine)));
            }
        }
        out.yes_no("Benzodiazepines at home", home.benzodiazepines_at_home);
    }
    for effect in &note.side_effects {
        let grade = effect.grade.map(|grade| format!(" grade {grade}")).unwrap_or_default();
        let version = effect
            .ctcae_version
            .as_ref()
            .map(|v| format!(" (CTCAE v{v})"))
            .unwrap_or_default();
        out.line(format!(
            "Side effect of opioids: {}{grade}{version}",
            effect.term.as_deref().unwrap_or("not named")
        ));
    }
    out.list(
        "Interaction classes that matched (reference information, not advice)",
        &note.interaction_flags,
    );
}

fn medicine(medicine: &HomeMedicine) -> String {
    let parts = [
        medicine.name.clone(),
        quantity(medicine.dose, medicine.unit.as_ref()),
        show(medicine.route),
        medicine.frequency.clone(),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn vital_signs(out: &mut Lines, screening: &MedicalScreening) {
    let Some(v) = &screening.vitals else { return };
    let pressure = v.sbp.zip(v.dbp).map(|(sbp, dbp)| format!("{sbp}/{dbp} mmHg"));
    out.pairs(
        "Vital signs",
        &[
            ("blood pressure", pressure),
            ("mean pressure", v.map.map(|map| format!("{map} mmHg"))),
            ("heart rate", v.hr.map(|hr| format!("{hr}/min"))),
            ("SpO2", v.spo2.map(|spo2| format!("{spo2} %"))),
            ("oxygen", v.o2_l_min.map(|flow| format!("{flow} L/min"))),
            ("respiratory rate", v.rr.map(|rr| format!("{rr}/min"))),
            ("temperature", v.temp_c.map(|t| format!("{t} degrees C"))),
            ("weight", v.weight_kg.map(|kg| format!("{kg} kg"))),
            ("height", v.height_cm.map(|cm| format!("{cm} cm"))),
        ],
    );
    out.yes_no("On room air", v.on_room_air);
}

fn results(out: &mut Lines, screening: &MedicalScreening) {
    if let Some(ecg) = &screening.ecg {
        out.yes_no("ECG done", ecg.done);
        out.value("ECG rhythm", ecg.rhythm.as_ref());
        out.value("QTc", ecg.qtc_ms.map(|ms| format!("{ms} ms")));
    }
    for lab in &screening.labs {
        let value = quantity(lab.value, lab.unit.as_ref()).unwrap_or_else(|| "no value".to_owned());
        let day = lab
            .collected
            .map(|day| format!(" ({})", crate::text::date(day)))
            .unwrap_or_default();
        out.line(format!(
            "{}: {value}{day}",
            lab.name.as_deref().unwrap_or("Unnamed test")
        ));
    }
    if let Some(pregnancy) = &screening.pregnancy {
        out.yes_no("Pregnancy possible", pregnancy.applicable);
        out.value("Reason", pregnancy.reason.as_ref());
        out.pairs(
            "Pregnancy test",
            &[
                ("test", pregnancy.test.clone()),
                ("result", pregnancy.result.clone()),
                ("on", pregnancy.date.map(crate::text::date)),
            ],
        );
    }
}

fn screening(out: &mut Lines, screening: &MedicalScreening) {
    if let Some(heart) = &screening.cardiovascular {
        out.value("Hypertension", heart.hypertension.as_ref());
        out.value("Hypertension status", heart.hypertension_status);
        out.value("Coronary disease", heart.coronary_disease.as_ref());
        out.value("Coronary disease, finding", heart.coronary_disease_finding);
        out.value("Heart failure", heart.heart_failure.as_ref());
        out.value("Heart failure, finding", heart.heart_failure_finding);
        out.value("Blood pressure at home", heart.home_bp_average.as_ref());
        out.value("Arrhythmia", heart.arrhythmia);
        out.value("Aneurysm", heart.aneurysm);
        out.value("Stroke or TIA", heart.stroke_or_tia);
        out.value("Valve disease", heart.valve_disease);
    }
    if let Some(psychiatric) = &screening.psychiatric {
        out.value("Psychosis", psychiatric.psychosis);
        out.value("Mania", psychiatric.mania);
        out.value("PHQ-9", psychiatric.phq9);
        out.yes_no("Suicide screen negative", psychiatric.suicide_risk_screen_negative);
    }
    out.value("Airway", screening.airway.as_ref());
    out.yes_no(
        "Features of raised intracranial pressure",
        screening.raised_icp_features,
    );
    out.yes_no("Glaucoma", screening.glaucoma);
    out.value("Liver disease", screening.liver_disease.as_ref());
    out.value("Brain metastasis with mass effect", screening.brain_mass_effect);
    out.value("Seizures", screening.seizures);
    out.value("Sleep apnoea", screening.sleep_apnoea);
    out.value("Oxygen at home", screening.home_oxygen);
    out.value("Thyrotoxicosis", screening.thyrotoxicosis);
    out.value("Cystitis symptoms", screening.cystitis_symptoms);
    out.value("Not assessed because", screening.not_assessed_reason.as_ref());
}

fn assessment(out: &mut Lines, note: &ConsultationNote) {
    for item in &note.contraindication_review {
        let name = item
            .item
            .map_or_else(|| "unnamed item".to_owned(), |item| item.to_string());
        let basis = item.basis.map(|basis| format!(" ({basis})")).unwrap_or_default();
        let finding = item
            .finding
            .map_or_else(|| "not answered".to_owned(), |finding| finding.to_string());
        let words = item.note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
        out.line(format!("Contraindication review, {name}{basis}: {finding}{words}"));
    }
    if let Some(risk) = &note.risk_assessment {
        out.value("Overall risk", risk.overall);
        out.list("Reasons", &risk.items);
    }
    if let Some(eligibility) = &note.eligibility {
        out.value("Decision", eligibility.decision);
        out.value("Rationale", eligibility.rationale.as_ref());
        out.list("Conditions", &eligibility.conditions);
        out.value("Would change if", eligibility.would_change_if.as_ref());
        out.date("Decided by", eligibility.decide_by);
    }
    if let Some(plan) = &note.plan {
        self::plan(out, plan);
    }
}

fn plan(out: &mut Lines, plan: &InfusionPlan) {
    out.value("Protocol", plan.protocol.as_ref());
    out.value("Infusions planned", plan.initial_infusions);
    out.value("Spacing", plan.spacing.as_ref());
    out.value("Rate", range(plan.rate_mg_per_kg_h.as_ref(), "mg/kg/h"));
    out.value("Bolus", plan.bolus_mg_per_kg.map(|bolus| format!("{bolus} mg/kg")));
    out.value("Dose", range(plan.dose_mg_per_kg.as_ref(), "mg/kg"));
    out.value("Highest total", plan.max_total_mg.map(|mg| format!("{mg} mg")));
    out.value("Duration", range(plan.duration_min.as_ref(), "min"));
    out.list("Premedication", &plan.premedication);
    out.list("Stop rules", &plan.stop_rules);
    out.value("Reassess after infusion", plan.reassess_after_infusion);
    out.value("Opioid plan", plan.opioid_plan.as_ref());
}

fn range(range: Option<&DecimalRange>, unit: &str) -> Option<String> {
    let range = range?;
    match (range.low, range.high) {
        (Some(low), Some(high)) if low != high => Some(format!("{low} to {high} {unit}")),
        (Some(only), _) | (None, Some(only)) => Some(format!("{only} {unit}")),
        (None, None) => None,
    }
}

fn expectations(out: &mut Lines, note: &ConsultationNote) {
    let Some(expectations) = &note.expectations else { return };
    out.value("The patient's goal", expectations.patient_goal.as_ref());
    for (statement, value) in [
        ("An adjunct, not a cure", expectations.adjunct_not_cure),
        (
            "Not a replacement for oncology or palliative care",
            expectations.not_replacement_for_oncology_or_palliative_care,
        ),
        ("Response varies", expectations.response_varies),
        ("Benefit may be temporary", expectations.benefit_may_be_temporary),
        ("There may be no response", expectations.may_not_respond),
        ("Only in a monitored setting", expectations.monitored_setting_only),
    ] {
        out.yes_no(&format!("Discussed: {statement}"), value);
    }
    out.value("Comment", expectations.comment.as_ref());
}
