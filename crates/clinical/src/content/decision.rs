//! From contraindications to consent: what was weighed, decided, planned and asked at a consultation
//! (content specification 3.8 to 3.15).

use chrono::NaiveDate;

use super::shared::{AddresseeRole, Finding};
use crate::decimal::Decimal;

words! {
    /// The items of the contraindication review (3.8).
    pub enum Contraindication {
        /// Poorly controlled cardiovascular disease.
        PoorlyControlledCardiovascularDisease = "poorly_controlled_cardiovascular_disease",
        /// Pregnancy.
        Pregnancy = "pregnancy",
        /// Active psychosis.
        ActivePsychosis = "active_psychosis",
        /// Severe hepatic disease.
        SevereHepaticDisease = "severe_hepatic_disease",
        /// Moderate hepatic disease.
        ModerateHepaticDisease = "moderate_hepatic_disease",
        /// Raised intracranial pressure.
        ElevatedIntracranialPressure = "elevated_intracranial_pressure",
        /// Raised intraocular pressure.
        ElevatedIntraocularPressure = "elevated_intraocular_pressure",
        /// Active substance misuse.
        ActiveSubstanceMisuse = "active_substance_misuse",
        /// A significant rise of blood pressure would be a serious hazard.
        BpElevationSeriousHazard = "bp_elevation_serious_hazard",
        /// Hypersensitivity to ketamine.
        KetamineHypersensitivity = "ketamine_hypersensitivity",
        /// Medical instability (the clinic's own item).
        MedicalInstability = "medical_instability",
    }
}

words! {
    /// On what a contraindication rests (3.8). Only the drug label has "contraindications".
    pub enum ContraindicationBasis {
        /// The 2018 consensus guideline, relative.
        GuidelineRelative = "guideline_relative",
        /// The same guideline: avoid.
        GuidelineAvoid = "guideline_avoid",
        /// The same guideline: caution, with monitoring.
        GuidelineCaution = "guideline_caution",
        /// The drug's label.
        LabelContraindication = "label_contraindication",
        /// The clinic's own statement.
        Clinic = "clinic",
    }
}

content! {
    /// One answered item of the contraindication review (3.8).
    pub struct ContraindicationItem as "ContraindicationItemInput" {
        /// Which item.
        item: Option<Contraindication>,
        /// On what it rests.
        basis: Option<ContraindicationBasis>,
        /// The answer.
        finding: Option<Finding>,
        /// Free text; the reason when not assessed; the justification when present and eligible.
        note: Option<String>,
    }
}

words! {
    /// ASA physical status; VI (donor) is not accepted (3.9).
    pub enum AsaClass {
        /// Normal healthy.
        I = "I",
        /// Mild systemic disease.
        Ii = "II",
        /// Severe systemic disease.
        Iii = "III",
        /// Severe systemic disease that is a constant threat to life.
        Iv = "IV",
        /// Moribund.
        V = "V",
    }
}

content! {
    /// Performance status (3.9).
    pub struct PerformanceStatus as "PerformanceStatusInput" {
        /// ECOG, 0 to 4.
        ecog: Option<i32>,
        /// Karnofsky, multiples of 10 from 10 to 100.
        kps: Option<i32>,
        /// ASA class.
        asa_class: Option<AsaClass>,
    }
}

words! {
    /// Overall risk (3.9).
    pub enum RiskLevel {
        /// Low.
        Low = "low",
        /// Moderate.
        Moderate = "moderate",
        /// High.
        High = "high",
    }
}

content! {
    /// Overall risk with its reasons (3.9).
    pub struct RiskSummary as "RiskSummaryInput" {
        /// Overall risk.
        overall: Option<RiskLevel>,
        /// Reasons.
        items: Vec<String>,
    }
}

words! {
    /// The decision (3.11).
    pub enum Eligibility {
        /// Eligible.
        Eligible = "eligible",
        /// Eligible, with conditions.
        EligibleWithConditions = "eligible_with_conditions",
        /// Not eligible.
        NotEligible = "not_eligible",
        /// Deferred.
        Deferred = "deferred",
    }
}

content! {
    /// The decision with its reasons (3.11).
    pub struct EligibilityDecision as "EligibilityDecisionInput" {
        /// The decision.
        decision: Option<Eligibility>,
        /// Why, in at least one sentence.
        rationale: Option<String>,
        /// Conditions, required for `eligible_with_conditions`.
        conditions: Vec<String>,
        /// What would change the decision, required for `deferred`.
        would_change_if: Option<String>,
        /// By when, required for `deferred`.
        decide_by: Option<NaiveDate>,
    }
}

content! {
    /// A range of decimals, both ends included.
    pub struct DecimalRange as "DecimalRangeInput" {
        /// Lowest.
        low: Option<Decimal>,
        /// Highest.
        high: Option<Decimal>,
    }
}

content! {
    /// The plan for the series (3.12). Absent when not eligible or deferred.
    pub struct InfusionPlan as "InfusionPlanInput" {
        /// Name of the protocol.
        protocol: Option<String>,
        /// Number of infusions at first.
        initial_infusions: Option<i32>,
        /// Spacing in words.
        spacing: Option<String>,
        /// Rate in mg/kg/h.
        rate_mg_per_kg_h: Option<DecimalRange>,
        /// Bolus in mg/kg.
        bolus_mg_per_kg: Option<Decimal>,
        /// Dose in mg/kg.
        dose_mg_per_kg: Option<DecimalRange>,
        /// Highest total in mg.
        max_total_mg: Option<Decimal>,
        /// Duration in minutes.
        duration_min: Option<DecimalRange>,
        /// Premedication, one entry each.
        premedication: Vec<String>,
        /// When to stop, one rule each.
        stop_rules: Vec<String>,
        /// After which infusion to reassess.
        reassess_after_infusion: Option<i32>,
        /// Who may change opioids, and what; by default the clinic changes none.
        opioid_plan: Option<String>,
    }
}

content! {
    /// Consent (3.13). `off_label_disclosed` must be true to sign.
    pub struct ConsentRecord as "ConsentRecordInput" {
        /// Was the off-label use disclosed?
        off_label_disclosed: Option<bool>,
        /// Version of the fixed off-label statement.
        statement_id: Option<String>,
        /// Risks discussed.
        risks_discussed: Option<bool>,
        /// Alternatives discussed.
        alternatives_discussed: Option<bool>,
        /// The right to stop at any time was explained.
        right_to_stop_explained: Option<bool>,
        /// Until when the patient must not drive, in words.
        no_driving_until: Option<String>,
        /// An escort is required.
        escort_required: Option<bool>,
        /// Day of consent.
        date: Option<NaiveDate>,
        /// Who obtained it.
        obtained_by: Option<String>,
    }
}

content! {
    /// The six fixed statements the patient was told, and the patient's own goal (3.14).
    pub struct Expectations as "ExpectationsInput" {
        /// An adjunct, not a cure.
        adjunct_not_cure: Option<bool>,
        /// Not a replacement for oncology or palliative care.
        not_replacement_for_oncology_or_palliative_care: Option<bool>,
        /// Response varies.
        response_varies: Option<bool>,
        /// Benefit may be temporary.
        benefit_may_be_temporary: Option<bool>,
        /// There may be no response.
        may_not_respond: Option<bool>,
        /// Only in a monitored setting.
        monitored_setting_only: Option<bool>,
        /// The patient's own goal, in the patient's words.
        patient_goal: Option<String>,
        /// Comment, required when any statement is false.
        comment: Option<String>,
    }
}

words! {
    /// Where a request to a recipient stands (3.15).
    pub enum RecipientRequestStatus {
        /// Not answered.
        Open = "open",
        /// Answered.
        Answered = "answered",
        /// Withdrawn.
        Withdrawn = "withdrawn",
    }
}

content! {
    /// Something a recipient is asked (3.15). Without a status it is open.
    pub struct RecipientRequest as "RecipientRequestInput" {
        /// Identifier inside the document, so that an acknowledgment can answer it.
        id: Option<String>,
        /// Who is asked.
        to_role: Option<AddresseeRole>,
        /// The question.
        text: Option<String>,
        /// Answer wanted by.
        respond_by: Option<NaiveDate>,
        /// Where it stands.
        status: Option<RecipientRequestStatus>,
    }
}
