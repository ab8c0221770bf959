//! Checks of the medical screening and performance status (content specification 3.7, 3.9).

use super::{
    check::Check,
    monitoring::{Vitals, vitals},
};
use crate::content::{
    consultation::ConsultationNote,
    decision::{AsaClass, Contraindication, PerformanceStatus},
    screening::{LabResult, MedicalScreening},
};

pub(super) fn check(check: &mut Check<'_>, note: &ConsultationNote) {
    check.required(
        note.medical_screening.is_some(),
        "medical_screening",
        "The medical screening",
    );
    let screening = note.medical_screening.clone().unwrap_or_default();
    vital_signs(check, note, &screening);
    for (index, lab) in screening.labs.iter().enumerate() {
        laboratory(check, lab, index);
    }
    check.required(note.performance.is_some(), "performance", "The performance status");
    let performance = note.performance.clone().unwrap_or_default();
    check.limit("ecog", performance.ecog, "ecog", "performance.ecog");
    check.limit("kps", performance.kps, "kps", "performance.kps");
    status(check, &performance);
    check.required(
        note.risk_assessment.as_ref().is_some_and(|r| r.overall.is_some()),
        "risk_assessment.overall",
        "The overall risk",
    );
    check.required(
        !note.allergies.is_empty() || note.no_known_allergies == Some(true),
        "allergies",
        "Allergies, or that there are none,",
    );
    let both = !note.allergies.is_empty() && note.no_known_allergies == Some(true);
    check.hard(
        both,
        "allergies",
        "contradiction",
        "Allergies are listed although the document says there are none.",
    );
    if note.medical_screening.is_some() {
        domains(check, note, &screening);
    }
}

fn vital_signs(check: &mut Check<'_>, note: &ConsultationNote, screening: &MedicalScreening) {
    let path = "medical_screening.vitals";
    let Some(signs) = &screening.vitals else {
        check.required(note.medical_screening.is_none(), path, "The vital signs");
        return;
    };
    for (name, there) in [
        ("hr", signs.hr.is_some()),
        ("sbp", signs.sbp.is_some()),
        ("dbp", signs.dbp.is_some()),
        ("spo2", signs.spo2.is_some()),
        ("rr", signs.rr.is_some()),
        ("weight_kg", signs.weight_kg.is_some()),
    ] {
        check.required(there, &format!("{path}.{name}"), "This vital sign");
    }
    vitals(
        check,
        &Vitals {
            hr: signs.hr,
            sbp: signs.sbp,
            dbp: signs.dbp,
            map: signs.map,
            spo2: signs.spo2,
            rr: signs.rr,
            temp_c: signs.temp_c,
            o2_l_min: signs.o2_l_min,
            ..Vitals::default()
        },
        path,
    );
    check.limit("weight_kg", signs.weight_kg, "weight_kg", &format!("{path}.weight_kg"));
    super::monitoring::weight_change(check, signs.weight_kg, note.consult_date, &format!("{path}.weight_kg"));
    check.further_limit("height_cm", signs.height_cm, &format!("{path}.height_cm"));
    if let Some((birth, seen)) = check.prior.birth_date.zip(note.consult_date) {
        let years = seen.years_since(birth).and_then(|years| i32::try_from(years).ok());
        check.hard(
            years.is_none(),
            "consult_date",
            "before_birth",
            "The consultation is before the birth date of the patient.",
        );
        check.further_limit("age_years", years, "patient.birth_date");
    }
}

/// The limit a laboratory result is held against: by its LOINC code, so that a wrong or missing key
/// cannot switch a check off.
fn lab_limit(lab: &LabResult) -> Option<&'static str> {
    Some(match lab.loinc.as_deref()? {
        "2160-0" => "creatinine_mg_dl",
        "98979-8" => "egfr",
        "1742-6" => "alt_u_l",
        "1920-8" => "ast_u_l",
        "6768-6" => "alp_u_l",
        "1975-2" => "bilirubin_mg_dl",
        "777-3" => "platelets_10e3_ul",
        "718-7" => "hemoglobin_g_dl",
        _ => return None,
    })
}

fn laboratory(check: &mut Check<'_>, lab: &LabResult, index: usize) {
    let path = format!("medical_screening.labs[{index}]");
    check.required_text(lab.name.as_ref(), &format!("{path}.name"), "The name of the test");
    check.required(lab.value.is_some(), &format!("{path}.value"), "The value");
    let stated = lab.limit_key.as_deref();
    let unknown = stated.is_some_and(|key| crate::limits::limit(key).is_none());
    check.hard(
        unknown,
        &format!("{path}.limit_key"),
        "unknown_limit",
        "There is no input limit of this name.",
    );
    let by_code = lab_limit(lab);
    let contrary = stated.zip(by_code).is_some_and(|(stated, code)| stated != code);
    check.hard_allowing(
        contrary && !unknown,
        &format!("{path}.limit_key"),
        "wrong_limit",
        "The limit is of another test than the LOINC code.",
        by_code.unwrap_or_default(),
    );
    let Some(limit) = by_code.or(stated).and_then(crate::limits::limit) else {
        check.not_negative(lab.value, &format!("{path}.value"));
        return;
    };
    let wrong_unit = lab.unit.as_deref().is_some_and(|unit| unit != limit.unit);
    check.hard_allowing(
        wrong_unit,
        &format!("{path}.unit"),
        "wrong_unit",
        "The value must be in the unit of its limit; convert it before entry.",
        &limit.unit,
    );
    if !wrong_unit {
        let name = lab.name.as_deref().unwrap_or("unnamed");
        check.limit(
            &limit.name,
            lab.value,
            &format!("labs.{name}"),
            &format!("{path}.value"),
        );
    }
}

fn status(check: &mut Check<'_>, performance: &PerformanceStatus) {
    check.required(performance.ecog.is_some(), "performance.ecog", "ECOG");
    check.required(
        performance.asa_class.is_some(),
        "performance.asa_class",
        "The ASA class",
    );
    let odd = performance.kps.is_some_and(|kps| kps % 10 != 0);
    check.hard_allowing(
        odd,
        "performance.kps",
        "not_a_multiple_of_ten",
        "Karnofsky goes in steps of 10.",
        "10, 20, ... 100",
    );
    if let Some((ecog, kps)) = performance.ecog.zip(performance.kps) {
        let (low, high) = match ecog {
            0 => (90, 100),
            1 => (70, 80),
            2 => (50, 60),
            3 => (30, 40),
            4 => (10, 20),
            _ => (i32::MIN, i32::MAX),
        };
        let apart = kps < low || kps > high;
        check.warn(
            apart,
            "performance.kps",
            kps,
            "ecog_kps",
            &format!("{low} to {high} with ECOG {ecog}"),
        );
    }
    check.warn(
        performance.asa_class == Some(AsaClass::I),
        "performance.asa_class",
        1,
        "asa_class",
        "II or higher in a patient with cancer pain",
    );
}

fn domains(check: &mut Check<'_>, note: &ConsultationNote, screening: &MedicalScreening) {
    let path = |field: &str| format!("medical_screening.{field}");
    let excused = screening
        .not_assessed_reason
        .as_ref()
        .is_some_and(|reason| !reason.trim().is_empty());
    let answered = |item: Contraindication| {
        note.contraindication_review
            .iter()
            .any(|row| row.item == Some(item) && row.finding.is_some())
    };
    check.required(
        screening.cardiovascular.is_some()
            || answered(Contraindication::PoorlyControlledCardiovascularDisease)
            || excused,
        &path("cardiovascular"),
        "The cardiovascular screening",
    );
    let liver_test = screening.labs.iter().any(|lab| {
        matches!(
            lab_limit(lab),
            Some("alt_u_l" | "ast_u_l" | "alp_u_l" | "bilirubin_mg_dl")
        )
    });
    check.required(
        liver_test || screening.liver_disease.is_some() || answered(Contraindication::SevereHepaticDisease) || excused,
        &path("labs"),
        "The hepatic screening",
    );
    let pregnancy = screening.pregnancy.clone().unwrap_or_default();
    let settled = match pregnancy.applicable {
        Some(true) => pregnancy.result.is_some(),
        Some(false) => pregnancy.reason.is_some(),
        None => false,
    };
    check.required(
        settled || excused,
        &path("pregnancy"),
        "The pregnancy screening (its result, or why it does not apply)",
    );
    let psychosis = screening.psychiatric.as_ref().and_then(|p| p.psychosis);
    check.required(
        psychosis.is_some() || excused,
        &path("psychiatric.psychosis"),
        "The psychiatric screening",
    );
    check.required(
        screening.substance_use.is_some() || excused,
        &path("substance_use"),
        "The substance use screening",
    );
    check.required(
        screening.raised_icp_features.is_some() || excused,
        &path("raised_icp_features"),
        "The screening for raised intracranial pressure",
    );
    check.required(
        screening.glaucoma.is_some() || excused,
        &path("glaucoma"),
        "The screening for glaucoma",
    );
    if let Some(psychiatric) = &screening.psychiatric {
        check.range(psychiatric.phq9, 0, 27, &path("psychiatric.phq9"));
    }
    if let Some(substance) = &screening.substance_use {
        check.range(
            substance.opioid_risk_tool_total,
            0,
            26,
            &path("substance_use.opioid_risk_tool_total"),
        );
        check.range(
            substance.alcohol_drinks_per_week,
            0,
            500,
            &path("substance_use.alcohol_drinks_per_week"),
        );
    }
    if let Some(ecg) = &screening.ecg {
        check.further_limit("qtc_ms", ecg.qtc_ms, &path("ecg.qtc_ms"));
        let contrary = ecg.done == Some(false) && ecg.qtc_ms.is_some();
        check.hard(
            contrary,
            &path("ecg.done"),
            "contradiction",
            "A QTc is given although no ECG was done.",
        );
    }
}
