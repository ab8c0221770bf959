//! The consultation note (content specification 3): referral and cancer here, the other blocks in
//! their own files. Not for the envelope (who signed, who receives).

use chrono::NaiveDate;

use super::{
    decision::{
        ConsentRecord, ContraindicationItem, EligibilityDecision, Expectations, InfusionPlan, PerformanceStatus,
        RecipientRequest, RiskSummary,
    },
    medication::{HomeMedications, OpioidSideEffect},
    pain::PainAssessment,
    screening::{Allergy, MedicalScreening},
    shared::{CodedConcept, Laterality, NamedClinician, Urgency, UrgentFlag},
};
use crate::partial_date::PartialDate;

content! {
    /// A consultation note: is ketamine suitable, and what is planned.
    pub struct ConsultationNote as "ConsultationNoteInput" {
        /// Day of the consultation, in the clinic's zone.
        consult_date: Option<NaiveDate>,
        /// Urgency stated by the author; may be above, never below, the computed one (6.1).
        urgency: Option<Urgency>,
        /// Reasons for urgency, ticked by the author or copied from the computed ones.
        urgent_flags: Vec<UrgentFlag>,
        /// Who referred and why (3.1).
        referral: Option<ReferralReason>,
        /// The cancer and its treatment (3.2).
        cancer: Option<CancerHistory>,
        /// The pain (3.3).
        pain: Option<PainAssessment>,
        /// Analgesics and other home medicines with the MME total (3.4, 3.5).
        medications: Option<HomeMedications>,
        /// Side effects of opioids, graded (3.6).
        side_effects: Vec<OpioidSideEffect>,
        /// Known allergies (3.7).
        allergies: Vec<Allergy>,
        /// True when allergies were asked and there are none.
        no_known_allergies: Option<bool>,
        /// Medical screening (3.7).
        medical_screening: Option<MedicalScreening>,
        /// Every contraindication, answered (3.8).
        contraindication_review: Vec<ContraindicationItem>,
        /// Classes of the interaction table which matched (3.10).
        interaction_flags: Vec<String>,
        /// Performance status (3.9).
        performance: Option<PerformanceStatus>,
        /// Overall risk (3.9).
        risk_assessment: Option<RiskSummary>,
        /// The decision (3.11).
        eligibility: Option<EligibilityDecision>,
        /// The plan; absent when not eligible or deferred (3.12).
        plan: Option<InfusionPlan>,
        /// Consent (3.13).
        consent: Option<ConsentRecord>,
        /// Expectations discussed (3.14).
        expectations: Option<Expectations>,
        /// What recipients are asked (3.15).
        requests_to_recipients: Vec<RecipientRequest>,
    }
}

words! {
    /// The team which referred the patient (3.1).
    pub enum ReferringTeam {
        /// Medical oncology.
        MedicalOncology = "medical_oncology",
        /// Radiation oncology.
        RadiationOncology = "radiation_oncology",
        /// Surgical oncology.
        SurgicalOncology = "surgical_oncology",
        /// Haematology.
        Haematology = "haematology",
        /// Palliative medicine.
        PalliativeMedicine = "palliative_medicine",
        /// Hospice.
        Hospice = "hospice",
        /// Pain medicine.
        PainMedicine = "pain_medicine",
        /// Primary care.
        PrimaryCare = "primary_care",
        /// The patient.
        SelfReferred = "self",
        /// Another team.
        Other = "other",
    }
}

content! {
    /// Who referred the patient and why (3.1).
    pub struct ReferralReason as "ReferralReasonInput" {
        /// The referring clinician.
        referring_clinician: Option<NamedClinician>,
        /// Their team.
        referring_team: Option<ReferringTeam>,
        /// Day the referral came.
        received_date: Option<NaiveDate>,
        /// Reason for referral.
        reason: Option<String>,
        /// Questions from the referrer; each must get an answer in the note.
        questions: Vec<String>,
        /// Answers, in the order of the questions.
        answers: Vec<String>,
    }
}

words! {
    /// How the cancer behaves now (3.2).
    pub enum DiseaseStatus {
        /// Responding to treatment.
        Responding = "responding",
        /// Stable.
        Stable = "stable",
        /// Progressing.
        Progressing = "progressing",
        /// In remission.
        Remission = "remission",
        /// Not known.
        Unknown = "unknown",
    }
}

content! {
    /// The cancer, its stage and its treatment (3.2).
    pub struct CancerHistory as "CancerHistoryInput" {
        /// Primary site in words.
        primary_site: Option<String>,
        /// Side of the primary.
        laterality: Option<Laterality>,
        /// Primary site as a billable ICD-10-CM code.
        icd10cm: Option<CodedConcept>,
        /// Histology in words.
        histology: Option<String>,
        /// Stage.
        stage: Option<CancerStage>,
        /// Year, month or day of the diagnosis.
        diagnosis_date: Option<PartialDate>,
        /// Metastatic sites.
        metastatic_sites: Vec<MetastaticSite>,
        /// How the disease behaves.
        disease_status: Option<DiseaseStatus>,
        /// Past treatment, one entry each.
        treatment_history: Vec<String>,
        /// Present treatment, needed for interactions and timing.
        current_treatment: Vec<String>,
        /// True when it was asked and no cancer treatment is being given.
        no_current_treatment: Option<bool>,
    }
}

content! {
    /// A cancer stage with its system (3.2).
    pub struct CancerStage as "CancerStageInput" {
        /// Staging system, such as AJCC 8, FIGO, ISS or Lugano.
        system: Option<String>,
        /// Stage group, such as IVB.
        group: Option<String>,
        /// Date of staging.
        date: Option<NaiveDate>,
    }
}

content! {
    /// A metastatic site (3.2).
    pub struct MetastaticSite as "MetastaticSiteInput" {
        /// Site in words.
        site: Option<String>,
        /// Site as a billable ICD-10-CM code.
        icd10cm: Option<CodedConcept>,
    }
}
