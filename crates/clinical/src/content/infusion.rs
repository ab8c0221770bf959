//! The infusion summary (content specification 4): header, dose, checks, adjuncts and the monitoring
//! series. Discharge, response and what comes next live in `recovery`.

use chrono::{DateTime, FixedOffset, NaiveDate};

use super::{
    medication::OpioidLine,
    recovery::{
        AdverseEvent, DissociationRecord, HaemodynamicRecord, InfusionPain, InfusionResponse, Intervention, NextStep,
        OpioidChange, PostInfusion, Recommendation,
    },
    shared::{CodedConcept, Finding, Route, Urgency, UrgentFlag},
};
use crate::decimal::Decimal;

content! {
    /// An infusion summary: what was given, what happened, how the patient responded.
    pub struct InfusionSummary as "InfusionSummaryInput" {
        /// Urgency stated by the author; may be above, never below, the computed one (6.1).
        urgency: Option<Urgency>,
        /// Reasons for urgency, ticked by the author or copied from the computed ones.
        urgent_flags: Vec<UrgentFlag>,
        /// Header, drug and dose (4.1, 4.2).
        infusion: Option<InfusionRecord>,
        /// Check before the start (4.3).
        pre_infusion_check: Option<PreInfusionCheck>,
        /// Other medicines given (4.3).
        adjuncts: Vec<AdjunctGiven>,
        /// Monitoring series (4.4).
        monitoring: Vec<MonitoringRow>,
        /// Haemodynamic summary, computed from the series (4.5).
        haemodynamics: Option<HaemodynamicRecord>,
        /// Pain now: before, at the end and at discharge (4.9).
        pain: Option<InfusionPain>,
        /// Dissociation (4.6).
        dissociation: Option<DissociationRecord>,
        /// Adverse events (5).
        adverse_events: Vec<AdverseEvent>,
        /// True as the explicit entry "no adverse events" (4.7).
        no_adverse_events: Option<bool>,
        /// What was done, with its minute.
        interventions: Vec<Intervention>,
        /// Observation and discharge (4.8).
        post_infusion: Option<PostInfusion>,
        /// Opioids taken now (4.10).
        opioids_current: Vec<OpioidLine>,
        /// True when it was asked and no opioid is taken.
        no_opioids: Option<bool>,
        /// Sum in MME per day now.
        mme_per_day_current: Option<Decimal>,
        /// Opioid changes since the last visit (4.10).
        opioid_changes: Vec<OpioidChange>,
        /// Response to this infusion and the final one to the last (4.9).
        response: Option<InfusionResponse>,
        /// What recipients should know or do (4.11).
        recommendations: Vec<Recommendation>,
        /// What comes next (4.11).
        next: Option<NextStep>,
    }
}

words! {
    /// Where the infusion was given (4.1).
    pub enum InfusionSetting {
        /// The outpatient clinic.
        OutpatientClinic = "outpatient_clinic",
        /// Another monitored setting.
        OtherMonitored = "other_monitored",
    }
}

words! {
    /// Where the weight comes from (4.1). Only a weight of today is accepted at signature.
    pub enum WeightSource {
        /// Measured today.
        MeasuredToday = "measured_today",
        /// From an earlier visit.
        PreviousVisit = "previous_visit",
        /// Told by the patient.
        Reported = "reported",
    }
}

words! {
    /// Form of ketamine: esketamine is a different drug, about twice as strong (4.2, 0.5).
    pub enum KetamineForm {
        /// The usual mix of two mirror molecules.
        Racemic = "racemic",
        /// One of the two molecules alone.
        Esketamine = "esketamine",
    }
}

words! {
    /// Why an infusion ended (4.2).
    pub enum StopReason {
        /// As planned.
        Completed = "completed",
        /// An adverse event.
        AdverseEvent = "adverse_event",
        /// The patient asked.
        PatientRequest = "patient_request",
        /// No effect.
        Ineffective = "ineffective",
        /// Loss of the venous line.
        IvAccess = "iv_access",
        /// Equipment.
        Equipment = "equipment",
        /// Another reason.
        Other = "other",
    }
}

content! {
    /// The drug infused (4.2).
    pub struct InfusedDrug as "InfusedDrugInput" {
        /// Name as written.
        name: Option<String>,
        /// RxNorm ingredient; 6130 for racemic ketamine.
        rxnorm: Option<String>,
        /// Form of ketamine.
        form: Option<KetamineForm>,
    }
}

content! {
    /// A stretch of the infusion at one rate (4.2).
    pub struct RateSegment as "RateSegmentInput" {
        /// First minute, counted from the start of the infusion.
        start_min: Option<i32>,
        /// Last minute.
        end_min: Option<i32>,
        /// Rate in mg/kg/h.
        rate_mg_per_kg_h: Option<Decimal>,
    }
}

content! {
    /// Header, drug and dose of an infusion (4.1, 4.2).
    pub struct InfusionRecord as "InfusionRecordInput" {
        /// Number of this infusion in the series, from 1.
        number: Option<i32>,
        /// Number planned in the series.
        planned_in_series: Option<i32>,
        /// Day, in the clinic's zone.
        date: Option<NaiveDate>,
        /// Indication as an ICD-10-CM code.
        indication: Option<CodedConcept>,
        /// Where it was given.
        setting: Option<InfusionSetting>,
        /// Weight in kg, measured today.
        weight_kg: Option<Decimal>,
        /// Where the weight comes from.
        weight_source: Option<WeightSource>,
        /// The drug.
        drug: Option<InfusedDrug>,
        /// Route; intravenous only.
        route: Option<Route>,
        /// Concentration in mg/mL; 100 mg/mL must not be given without dilution.
        concentration_mg_per_ml: Option<Decimal>,
        /// Start, with offset.
        start: Option<DateTime<FixedOffset>>,
        /// Stop, with offset.
        stop: Option<DateTime<FixedOffset>>,
        /// Duration in minutes.
        duration_min: Option<i32>,
        /// Bolus in mg/kg.
        bolus_mg_per_kg: Option<Decimal>,
        /// Rates, contiguous from 0 to the stop.
        rate_segments: Vec<RateSegment>,
        /// Dose in mg/kg: bolus plus the sum of rate times hours.
        dose_mg_per_kg: Option<Decimal>,
        /// Total in mg.
        total_mg: Option<Decimal>,
        /// Total planned in mg.
        planned_total_mg: Option<Decimal>,
        /// Was the rate changed by effect? A dose difference is then a question, not an error.
        titrated: Option<bool>,
        /// Completed as planned?
        completed: Option<bool>,
        /// Why it ended, when not completed.
        stop_reason: Option<StopReason>,
    }
}

content! {
    /// Check before the start (4.3).
    pub struct PreInfusionCheck as "PreInfusionCheckInput" {
        /// Identity confirmed.
        identity_confirmed: Option<bool>,
        /// Consent reconfirmed.
        consent_reconfirmed: Option<bool>,
        /// When consent was given, with offset; must not be after the start.
        consent_at: Option<DateTime<FixedOffset>>,
        /// Fasting as the policy asks.
        fasting_per_policy: Option<bool>,
        /// Escort confirmed.
        escort_confirmed: Option<bool>,
        /// What happened since the last visit, including over-the-counter medicines.
        interval_history: Option<String>,
        /// No red flag found.
        red_flag_screen_negative: Option<bool>,
        /// Suicide screen negative.
        suicide_risk_screen_negative: Option<bool>,
        /// Antihypertensives taken today.
        antihypertensives_taken: Option<Finding>,
        /// New medicines, including over-the-counter ones.
        new_medicines: Vec<String>,
        /// Time of the last opioid dose, in words.
        last_opioid_dose: Option<String>,
        /// Time of the last sedative dose, in words.
        last_sedative_dose: Option<String>,
        /// Average pain over the past 24 h or since the last visit, 0 to 10.
        nrs_average_24h: Option<i32>,
    }
}

content! {
    /// Another medicine given around the infusion (4.3).
    pub struct AdjunctGiven as "AdjunctGivenInput" {
        /// Name.
        name: Option<String>,
        /// RxNorm ingredient.
        rxnorm: Option<String>,
        /// Dose.
        dose: Option<Decimal>,
        /// UCUM unit of the dose.
        unit: Option<String>,
        /// Route.
        route: Option<Route>,
        /// Minute from the start of the infusion.
        t_min: Option<i32>,
        /// Why it was given.
        indication: Option<String>,
    }
}

words! {
    /// Phase of a monitoring row (4.4).
    pub enum MonitoringPhase {
        /// Before the infusion.
        Pre = "pre",
        /// During it.
        Infusion = "infusion",
        /// After it.
        Recovery = "recovery",
    }
}

words! {
    /// Pasero opioid-induced sedation scale (4.4). 3 and 4 are unacceptable sedation.
    pub enum Poss {
        /// Asleep, easy to rouse.
        Asleep = "S",
        /// Awake and alert.
        Alert = "1",
        /// Slightly drowsy, easily roused.
        SlightlyDrowsy = "2",
        /// Frequently drowsy, drifts off in conversation.
        FrequentlyDrowsy = "3",
        /// Somnolent, minimal or no response.
        Somnolent = "4",
    }
}

content! {
    /// One row of the monitoring series (4.4).
    pub struct MonitoringRow as "MonitoringRowInput" {
        /// Minute from the start of the infusion; negative before.
        t_min: Option<i32>,
        /// Time with offset.
        time: Option<DateTime<FixedOffset>>,
        /// Phase.
        phase: Option<MonitoringPhase>,
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
        /// Carbon dioxide in breathed-out air, mmHg.
        etco2: Option<i32>,
        /// Oxygen flow, L/min.
        o2_l_min: Option<Decimal>,
        /// Temperature, degrees C.
        temp_c: Option<Decimal>,
        /// Richmond agitation-sedation scale, -5 to 4.
        rass: Option<i32>,
        /// Pasero opioid-induced sedation scale.
        poss: Option<Poss>,
        /// Dissociation, 0 to 10.
        dissociation_0_10: Option<i32>,
        /// Pain now, 0 to 10.
        nrs: Option<i32>,
    }
}
