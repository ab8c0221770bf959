//! After the infusion (content specification 4.5 to 4.11 and 5): haemodynamics, dissociation, adverse
//! events, discharge, response, opioid changes and what comes next.

use chrono::{DateTime, FixedOffset, NaiveDate};

use super::shared::AddresseeRole;
use crate::decimal::Decimal;

content! {
    /// Haemodynamic summary (4.5), checked against the monitoring series.
    pub struct HaemodynamicRecord as "HaemodynamicRecordInput" {
        /// Mean pressure of the last row before the infusion, mmHg.
        map_baseline: Option<i32>,
        /// Highest mean pressure, mmHg.
        map_peak: Option<i32>,
        /// Its minute.
        map_peak_t_min: Option<i32>,
        /// Highest systolic pressure, mmHg.
        sbp_peak: Option<i32>,
    }
}

content! {
    /// Pain now, 0 to 10 (4.9). The value at discharge counts, never one during the infusion.
    pub struct InfusionPain as "InfusionPainInput" {
        /// Just before.
        pre_nrs_now: Option<i32>,
        /// At the end of the infusion.
        end_of_infusion_nrs_now: Option<i32>,
        /// At discharge.
        discharge_nrs_now: Option<i32>,
    }
}

content! {
    /// Dissociation, an expected effect (4.6).
    pub struct DissociationRecord as "DissociationRecordInput" {
        /// Peak, 0 to 10.
        peak_0_10: Option<i32>,
        /// Minute of the peak.
        peak_t_min: Option<i32>,
        /// CADSS-6 total, 0 to 24, if used.
        cadss6_total: Option<i32>,
        /// Minute of the CADSS-6.
        cadss6_t_min: Option<i32>,
    }
}

words! {
    /// Was ketamine the cause (5)?
    pub enum Relatedness {
        /// Unrelated.
        Unrelated = "unrelated",
        /// Unlikely.
        Unlikely = "unlikely",
        /// Possible.
        Possible = "possible",
        /// Probable.
        Probable = "probable",
        /// Definite.
        Definite = "definite",
    }
}

words! {
    /// What was done about an adverse event (5).
    pub enum AdverseEventAction {
        /// Nothing.
        None = "none",
        /// Observation.
        Observation = "observation",
        /// Reassurance.
        Reassurance = "reassurance",
        /// Rate reduced.
        RateReduced = "rate_reduced",
        /// Infusion paused.
        InfusionPaused = "infusion_paused",
        /// Infusion stopped.
        InfusionStopped = "infusion_stopped",
        /// Medicine given.
        MedicationGiven = "medication_given",
        /// Oxygen given.
        Oxygen = "oxygen",
        /// Airway intervention.
        Airway = "airway",
        /// Longer observation.
        ExtendedObservation = "extended_observation",
        /// Transfer.
        Transfer = "transfer",
    }
}

words! {
    /// How an adverse event ended (5).
    pub enum AdverseEventOutcome {
        /// Resolved.
        Resolved = "resolved",
        /// Recovering.
        Recovering = "recovering",
        /// Ongoing.
        Ongoing = "ongoing",
        /// Resolved with sequelae.
        ResolvedWithSequelae = "resolved_with_sequelae",
        /// Fatal.
        Fatal = "fatal",
        /// Not known.
        Unknown = "unknown",
    }
}

content! {
    /// An adverse event with its CTCAE grade and version (5).
    pub struct AdverseEvent as "AdverseEventInput" {
        /// CTCAE term.
        term: Option<String>,
        /// System organ class.
        soc: Option<String>,
        /// CTCAE version of the grade, 5.0 or 6.0; grades of different versions are not comparable.
        ctcae_version: Option<String>,
        /// Grade, 1 to 5.
        grade: Option<i32>,
        /// Minute of onset.
        onset_t_min: Option<i32>,
        /// Minute of resolution.
        resolved_t_min: Option<i32>,
        /// Was ketamine the cause?
        relatedness: Option<Relatedness>,
        /// What was done.
        actions: Vec<AdverseEventAction>,
        /// How it ended.
        outcome: Option<AdverseEventOutcome>,
        /// Note.
        note: Option<String>,
    }
}

content! {
    /// Something done during the infusion, with its minute.
    pub struct Intervention as "InterventionInput" {
        /// Minute from the start of the infusion.
        t_min: Option<i32>,
        /// What.
        text: Option<String>,
    }
}

content! {
    /// Modified Aldrete score, five items of 0 to 2 (4.8).
    pub struct AldreteScore as "AldreteScoreInput" {
        /// Activity.
        activity: Option<i32>,
        /// Respiration.
        respiration: Option<i32>,
        /// Circulation.
        circulation: Option<i32>,
        /// Consciousness.
        consciousness: Option<i32>,
        /// Oxygen saturation.
        oxygen_saturation: Option<i32>,
        /// Sum, 0 to 10; fit from 9.
        total: Option<i32>,
    }
}

content! {
    /// Post-anaesthetic discharge score, five items of 0 to 2, with the clinic's pain item (4.8).
    pub struct PadssScore as "PadssScoreInput" {
        /// Vital signs.
        vital_signs: Option<i32>,
        /// Activity.
        activity: Option<i32>,
        /// Nausea and vomiting.
        nausea_vomiting: Option<i32>,
        /// Pain acceptable to the patient.
        pain_acceptable_to_patient: Option<i32>,
        /// Bleeding at the venous line.
        bleeding_iv_site: Option<i32>,
        /// Sum, 0 to 10; fit from 9.
        total: Option<i32>,
    }
}

words! {
    /// How the patient left (4.8).
    pub enum DischargeDisposition {
        /// Home with an escort.
        HomeWithEscort = "home_with_escort",
        /// Home without an escort.
        HomeWithoutEscort = "home_without_escort",
        /// To an emergency department.
        TransferEd = "transfer_ed",
        /// To a hospital.
        TransferHospital = "transfer_hospital",
        /// Against advice.
        LeftAgainstAdvice = "left_against_advice",
    }
}

content! {
    /// The adult who takes the patient home (4.8). The name stays at the clinic.
    pub struct EscortRecord as "EscortRecordInput" {
        /// Present?
        present: Option<bool>,
        /// Relationship to the patient.
        relationship: Option<String>,
        /// Is the name recorded at the clinic?
        name_recorded_locally: Option<bool>,
    }
}

content! {
    /// Observation and discharge (4.8).
    pub struct PostInfusion as "PostInfusionInput" {
        /// Observation after the stop, minutes.
        observation_min: Option<i32>,
        /// Discharge, with offset.
        discharge_time: Option<DateTime<FixedOffset>>,
        /// Modified Aldrete score.
        aldrete: Option<AldreteScore>,
        /// Discharge score.
        padss: Option<PadssScore>,
        /// Discharge criteria met?
        discharge_criteria_met: Option<bool>,
        /// How the patient left.
        disposition: Option<DischargeDisposition>,
        /// Escort.
        escort: Option<EscortRecord>,
        /// Written instructions given?
        written_instructions_given: Option<bool>,
        /// Whom the patient should call.
        who_to_call: Option<String>,
    }
}

words! {
    /// What came of an infusion (4.9): four outcomes of the clinic, and two added ones.
    pub enum ResponseCategory {
        /// Pain fell by 2 points or 30 %, and stayed down.
        MeaningfulReduction = "meaningful_reduction",
        /// Pain fell a little.
        MinimalBenefit = "minimal_benefit",
        /// Pain fell, but not for long.
        ShortLivedRelief = "short_lived_relief",
        /// No meaningful change.
        NoMeaningfulChange = "no_meaningful_change",
        /// Pain rose by 2 points or more.
        Worsened = "worsened",
        /// Cannot be judged.
        NotAssessable = "not_assessable",
    }
}

content! {
    /// The judgment at discharge (4.9). The duration becomes known only later.
    pub struct ProvisionalResponse as "ProvisionalResponseInput" {
        /// Category.
        category: Option<ResponseCategory>,
        /// Points by which pain fell.
        delta_points: Option<i32>,
        /// Percent by which pain fell, to 0.1; absent when pain was 0 before.
        delta_pct: Option<Decimal>,
        /// Fell by half or more?
        substantial: Option<bool>,
        /// Is the duration still to come?
        duration_pending: Option<bool>,
    }
}

content! {
    /// What the patient tells at the next contact about the last infusion (4.9).
    pub struct ReliefFollowUp as "ReliefFollowUpInput" {
        /// Days of relief, counted from the stop of the infusion.
        relief_days: Option<i32>,
        /// Still going on: the days are then "at least".
        relief_ongoing: Option<bool>,
        /// Average pain since the infusion, 0 to 10.
        average_nrs_since: Option<i32>,
        /// Final category.
        category: Option<ResponseCategory>,
        /// Where it comes from, such as a diary or a call.
        source: Option<String>,
        /// Was function better, or the patient satisfied?
        function_or_satisfaction_improved: Option<bool>,
    }
}

content! {
    /// Response to this infusion and, now known, to the last one (4.9).
    pub struct InfusionResponse as "InfusionResponseInput" {
        /// This infusion, at discharge.
        provisional: Option<ProvisionalResponse>,
        /// The last infusion, final.
        previous_infusion_final: Option<ReliefFollowUp>,
    }
}

content! {
    /// A change of opioids since the last visit (4.10).
    pub struct OpioidChange as "OpioidChangeInput" {
        /// Day.
        date: Option<NaiveDate>,
        /// Who changed it.
        by: Option<String>,
        /// From.
        from: Option<String>,
        /// To.
        to: Option<String>,
        /// MME per day before.
        mme_before: Option<Decimal>,
        /// MME per day after.
        mme_after: Option<Decimal>,
        /// Drug.
        drug: Option<String>,
        /// Why.
        reason: Option<String>,
    }
}

words! {
    /// Kind of a recommendation (4.11).
    pub enum RecommendationKind {
        /// For information.
        Information = "information",
        /// Something is asked.
        Request = "request",
        /// A question.
        Question = "question",
        /// A change of plan.
        PlanChange = "plan_change",
        /// About opioids.
        OpioidPlan = "opioid_plan",
        /// About safety.
        Safety = "safety",
    }
}

content! {
    /// Something for a recipient to know or do (4.11).
    pub struct Recommendation as "RecommendationInput" {
        /// For whom.
        to_role: Option<AddresseeRole>,
        /// Kind.
        #[serde(rename = "type")]
        kind: Option<RecommendationKind>,
        /// Text.
        text: Option<String>,
    }
}

content! {
    /// What comes next (4.11).
    pub struct NextStep as "NextStepInput" {
        /// Day of the next infusion.
        infusion_date: Option<NaiveDate>,
        /// Day of reassessment.
        reassessment_date: Option<NaiveDate>,
        /// Why the series ended, when it did.
        series_ended_reason: Option<String>,
    }
}
