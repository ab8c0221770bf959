//! The pain assessment of a consultation (content specification 3.3). Scores only: no wording of
//! licensed questionnaires is stored (1.5).

use super::shared::{CodedConcept, Finding, Laterality};
use crate::{decimal::Decimal, partial_date::PartialDate};

words! {
    /// Mechanism of the pain (3.3).
    pub enum PainMechanism {
        /// From injured body tissue such as bone.
        NociceptiveSomatic = "nociceptive_somatic",
        /// From an inner organ.
        NociceptiveVisceral = "nociceptive_visceral",
        /// From injured nerves.
        Neuropathic = "neuropathic",
        /// Both.
        Mixed = "mixed",
        /// Both, mainly from nerves.
        MixedNeuropathicPredominant = "mixed_neuropathic_predominant",
        /// Both, mainly from tissue.
        MixedNociceptivePredominant = "mixed_nociceptive_predominant",
        /// Altered processing without clear damage.
        Nociplastic = "nociplastic",
        /// Not determined.
        Undetermined = "undetermined",
    }
}

words! {
    /// Is the nervous system amplifying pain (3.3)?
    pub enum CentralSensitisation {
        /// No sign of it.
        NotSuspected = "not_suspected",
        /// Possible.
        Possible = "possible",
        /// Probable.
        Probable = "probable",
    }
}

words! {
    /// What the pain feels like (3.3).
    pub enum PainQuality {
        /// Deep.
        Deep = "deep",
        /// Aching.
        Aching = "aching",
        /// Pressure.
        Pressure = "pressure",
        /// Burning.
        Burning = "burning",
        /// Shooting.
        Shooting = "shooting",
        /// Electric.
        Electric = "electric",
        /// Stabbing.
        Stabbing = "stabbing",
        /// Cramping.
        Cramping = "cramping",
        /// Throbbing.
        Throbbing = "throbbing",
        /// Tingling.
        Tingling = "tingling",
        /// Numb.
        Numb = "numb",
        /// Another quality.
        Other = "other",
    }
}

words! {
    /// The pain over time (3.3).
    pub enum TemporalPattern {
        /// Constant.
        Constant = "constant",
        /// Constant, with flares.
        ConstantWithFlares = "constant_with_flares",
        /// Comes and goes.
        Intermittent = "intermittent",
        /// Only in short flares.
        BreakthroughOnly = "breakthrough_only",
    }
}

words! {
    /// What makes the pain worse (3.3).
    pub enum WorseWith {
        /// Movement.
        Movement = "movement",
        /// Night.
        Night = "night",
        /// Lying down.
        Lying = "lying",
        /// Standing.
        Standing = "standing",
        /// Eating.
        Eating = "eating",
        /// Touch.
        Touch = "touch",
        /// Coughing.
        #[serde(alias = "coughing")]
        Cough = "cough",
        /// Cold.
        Cold = "cold",
        /// Nothing in particular.
        Spontaneous = "spontaneous",
        /// Something else.
        Other = "other",
    }
}

words! {
    /// What sets off breakthrough pain (3.3).
    pub enum BreakthroughTrigger {
        /// Nothing in particular.
        Spontaneous = "spontaneous",
        /// An act such as moving or coughing.
        Incident = "incident",
        /// The end of a dose's effect.
        EndOfDose = "end_of_dose",
    }
}

content! {
    /// The pain assessment (3.3).
    pub struct PainAssessment as "PainAssessmentInput" {
        /// Pain diagnoses as ICD-10-CM codes.
        diagnoses: Vec<CodedConcept>,
        /// Mechanism.
        mechanism: Option<PainMechanism>,
        /// Central sensitisation, kept apart from the mechanism.
        central_sensitisation: Option<CentralSensitisation>,
        /// Features which speak for central sensitisation.
        central_sensitisation_features: Vec<String>,
        /// Are opioids themselves making pain worse?
        opioid_induced_hyperalgesia: Option<Finding>,
        /// Where it hurts.
        locations: Vec<PainLocation>,
        /// What it feels like.
        quality: Vec<PainQuality>,
        /// The pain over time.
        temporal_pattern: Option<TemporalPattern>,
        /// What makes it worse.
        worse_with: Vec<WorseWith>,
        /// When it began.
        onset: Option<PartialDate>,
        /// Numeric ratings.
        nrs: Option<NrsScores>,
        /// Interference with life, Brief Pain Inventory item scores.
        bpi_interference: Option<BpiInterference>,
        /// Symptom scores, Edmonton Symptom Assessment System (revised).
        esas_r: Option<EsasScores>,
        /// Breakthrough pain.
        breakthrough: Option<BreakthroughPain>,
        /// DN4 neuropathic screen total, 0 to 10; 4 or more suggests neuropathic pain.
        dn4_total: Option<i32>,
        /// Why the patient cannot give a number, when that is so; then no rating is stored.
        unable_to_report_reason: Option<String>,
    }
}

content! {
    /// One place that hurts (3.3).
    pub struct PainLocation as "PainLocationInput" {
        /// Body site in words.
        site: Option<String>,
        /// Side.
        laterality: Option<Laterality>,
        /// Is this the main place?
        primary: Option<bool>,
    }
}

content! {
    /// Numeric rating scale for pain, 0 none to 10 worst imaginable (3.3; LOINC 72514-3).
    pub struct NrsScores as "NrsScoresInput" {
        /// Worst in the past 24 h.
        worst_24h: Option<i32>,
        /// Least in the past 24 h.
        least_24h: Option<i32>,
        /// Average over the past 24 h; the frozen baseline of the series.
        average_24h: Option<i32>,
        /// Now.
        now: Option<i32>,
    }
}

content! {
    /// Interference items of the Brief Pain Inventory, each 0 to 10 (3.3; LOINC 77565-0).
    pub struct BpiInterference as "BpiInterferenceInput" {
        /// General activity.
        general_activity: Option<i32>,
        /// Mood.
        mood: Option<i32>,
        /// Walking.
        walking: Option<i32>,
        /// Normal work.
        normal_work: Option<i32>,
        /// Relations with others.
        relations: Option<i32>,
        /// Sleep.
        sleep: Option<i32>,
        /// Enjoyment of life.
        enjoyment: Option<i32>,
        /// Mean of the answered items to 0.1; absent if fewer than four are answered.
        mean: Option<Decimal>,
    }
}

content! {
    /// Symptom scores of the ESAS-r, each 0 (absent) to 10 (worst); no total is used (3.3).
    pub struct EsasScores as "EsasScoresInput" {
        /// Pain.
        pain: Option<i32>,
        /// Tiredness.
        tiredness: Option<i32>,
        /// Drowsiness.
        drowsiness: Option<i32>,
        /// Nausea.
        nausea: Option<i32>,
        /// Lack of appetite.
        lack_of_appetite: Option<i32>,
        /// Shortness of breath.
        shortness_of_breath: Option<i32>,
        /// Depression.
        depression: Option<i32>,
        /// Anxiety.
        anxiety: Option<i32>,
        /// Wellbeing.
        wellbeing: Option<i32>,
        /// One symptom of the patient's own choice.
        other: Option<EsasOther>,
    }
}

content! {
    /// The tenth ESAS-r symptom, named by the patient (3.3).
    pub struct EsasOther as "EsasOtherInput" {
        /// Name of the symptom.
        name: Option<String>,
        /// Score, 0 to 10.
        score: Option<i32>,
    }
}

content! {
    /// Breakthrough pain (3.3).
    pub struct BreakthroughPain as "BreakthroughPainInput" {
        /// Episodes a day.
        episodes_per_day: Option<i32>,
        /// Typical duration in minutes.
        typical_duration_min: Option<i32>,
        /// Trigger in words.
        trigger: Option<String>,
        /// Trigger as a value.
        trigger_kind: Option<BreakthroughTrigger>,
    }
}
