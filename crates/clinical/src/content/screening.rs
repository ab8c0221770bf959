//! Medical screening at a consultation (content specification 3.7). Where clinicians write free
//! text, the text is kept and a typed value may stand beside it.

use chrono::NaiveDate;

use super::shared::Finding;
use crate::decimal::Decimal;

words! {
    /// Blood pressure history (3.7).
    pub enum HypertensionStatus {
        /// None.
        None = "none",
        /// Controlled.
        Controlled = "controlled",
        /// Uncontrolled on treatment.
        Uncontrolled = "uncontrolled",
        /// Present and untreated.
        Untreated = "untreated",
    }
}

words! {
    /// Past or present psychosis or mania (3.7).
    pub enum PsychiatricHistory {
        /// Never.
        None = "none",
        /// In the past.
        Past = "past",
        /// Now.
        Active = "active",
    }
}

content! {
    /// An allergy (3.7).
    pub struct Allergy as "AllergyInput" {
        /// To what.
        substance: Option<String>,
        /// What happened.
        reaction: Option<String>,
    }
}

content! {
    /// Medical screening (3.7).
    pub struct MedicalScreening as "MedicalScreeningInput" {
        /// Vital signs.
        vitals: Option<VitalSigns>,
        /// Electrocardiogram.
        ecg: Option<EcgResult>,
        /// Laboratory results.
        labs: Vec<LabResult>,
        /// Pregnancy.
        pregnancy: Option<PregnancyScreen>,
        /// Psychiatric screen.
        psychiatric: Option<PsychiatricScreen>,
        /// Substance use.
        substance_use: Option<SubstanceUseScreen>,
        /// Airway in words, such as the Mallampati class.
        airway: Option<String>,
        /// Features of raised intracranial pressure?
        raised_icp_features: Option<bool>,
        /// Glaucoma or raised eye pressure?
        glaucoma: Option<bool>,
        /// Heart and vessels.
        cardiovascular: Option<CardiovascularScreen>,
        /// Grade of liver disease in words.
        liver_disease: Option<String>,
        /// Brain metastasis with mass effect.
        brain_mass_effect: Option<Finding>,
        /// Seizures.
        seizures: Option<Finding>,
        /// Sleep apnoea.
        sleep_apnoea: Option<Finding>,
        /// Oxygen at home.
        home_oxygen: Option<Finding>,
        /// Overactive thyroid.
        thyrotoxicosis: Option<Finding>,
        /// Bladder symptoms, watched for with repeated ketamine.
        cystitis_symptoms: Option<Finding>,
        /// Why a required domain was not assessed, when that is so (1.1).
        not_assessed_reason: Option<String>,
    }
}

content! {
    /// Vital signs at a consultation (3.7).
    pub struct VitalSigns as "VitalSignsInput" {
        /// Weight in kg.
        weight_kg: Option<Decimal>,
        /// Height in cm.
        height_cm: Option<Decimal>,
        /// Heart rate per minute.
        hr: Option<i32>,
        /// Systolic pressure, mmHg.
        sbp: Option<i32>,
        /// Diastolic pressure, mmHg.
        dbp: Option<i32>,
        /// Mean arterial pressure, mmHg.
        map: Option<i32>,
        /// Oxygen saturation, %.
        spo2: Option<i32>,
        /// Breaths per minute.
        rr: Option<i32>,
        /// Temperature, degrees C.
        temp_c: Option<Decimal>,
        /// Oxygen flow, L/min.
        o2_l_min: Option<Decimal>,
        /// Breathing room air?
        on_room_air: Option<bool>,
    }
}

content! {
    /// Electrocardiogram (3.7).
    pub struct EcgResult as "EcgResultInput" {
        /// Was one done?
        done: Option<bool>,
        /// Rhythm in words.
        rhythm: Option<String>,
        /// Corrected QT interval in ms.
        qtc_ms: Option<i32>,
    }
}

content! {
    /// A laboratory result (3.7).
    pub struct LabResult as "LabResultInput" {
        /// Name of the test.
        name: Option<String>,
        /// LOINC code.
        loinc: Option<String>,
        /// Value.
        value: Option<Decimal>,
        /// UCUM unit.
        unit: Option<String>,
        /// Day of collection.
        collected: Option<NaiveDate>,
        /// Name of the input limit which applies.
        limit_key: Option<String>,
    }
}

content! {
    /// Pregnancy screen, required if applicable (3.7).
    pub struct PregnancyScreen as "PregnancyScreenInput" {
        /// Can the patient be pregnant?
        applicable: Option<bool>,
        /// Why not, when not.
        reason: Option<String>,
        /// Test used.
        test: Option<String>,
        /// Result of the test.
        result: Option<String>,
        /// Day of the test.
        date: Option<NaiveDate>,
    }
}

content! {
    /// Psychiatric screen (3.7).
    pub struct PsychiatricScreen as "PsychiatricScreenInput" {
        /// Psychosis.
        psychosis: Option<PsychiatricHistory>,
        /// Mania.
        mania: Option<PsychiatricHistory>,
        /// PHQ-9 total, 0 to 27.
        phq9: Option<i32>,
        /// Suicide screen negative?
        suicide_risk_screen_negative: Option<bool>,
    }
}

content! {
    /// Substance use (3.7).
    pub struct SubstanceUseScreen as "SubstanceUseScreenInput" {
        /// Opioid Risk Tool total, 0 to 26: low 0 to 3, medium 4 to 7, high from 8.
        opioid_risk_tool_total: Option<i32>,
        /// Alcoholic drinks a week.
        alcohol_drinks_per_week: Option<i32>,
        /// Other substances in words.
        illicit: Option<String>,
        /// Prescription monitoring programme reviewed?
        pdmp_reviewed: Option<bool>,
    }
}

content! {
    /// Heart and vessels (3.7): words as written, with typed values beside them.
    pub struct CardiovascularScreen as "CardiovascularScreenInput" {
        /// Hypertension in words.
        hypertension: Option<String>,
        /// Hypertension as a value.
        hypertension_status: Option<HypertensionStatus>,
        /// Coronary disease in words.
        coronary_disease: Option<String>,
        /// Coronary disease as a finding.
        coronary_disease_finding: Option<Finding>,
        /// Heart failure in words.
        heart_failure: Option<String>,
        /// Heart failure as a finding.
        heart_failure_finding: Option<Finding>,
        /// Blood pressure at home, in words.
        home_bp_average: Option<String>,
        /// Arrhythmia.
        arrhythmia: Option<Finding>,
        /// Aneurysm.
        aneurysm: Option<Finding>,
        /// Stroke or transient ischaemic attack.
        stroke_or_tia: Option<Finding>,
        /// Valve disease.
        valve_disease: Option<Finding>,
    }
}
