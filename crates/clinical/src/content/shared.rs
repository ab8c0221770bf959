//! Words and records which both document types use: findings, codings, people, urgency.
//! Not for who may read what: roles of access live in the domain.

words! {
    /// Five states of a clinical yes/no item: "none" is not "not asked" (content specification 1.1).
    pub enum Finding {
        /// Asked or examined, and present.
        Present = "present",
        /// Asked or examined, and absent.
        Absent = "absent",
        /// Asked, but the answer is not known.
        Unknown = "unknown",
        /// Not asked or examined; a required item then needs a reason.
        NotAssessed = "not_assessed",
        /// The patient declined to answer.
        Declined = "declined",
    }
}

words! {
    /// How soon a recipient must act, in rising order (6.1). FHIR priorities routine, urgent, stat.
    pub enum Urgency {
        /// No flag.
        Routine = "routine",
        /// At least one urgent flag.
        Urgent = "urgent",
        /// At least one emergent flag: telephone first.
        Emergent = "emergent",
    }
}

words! {
    /// The role in which someone is addressed (2, 4.11).
    pub enum AddresseeRole {
        /// The patient's oncologist.
        Oncologist = "oncologist",
        /// The patient's palliative clinician.
        PalliativeClinician = "palliative_clinician",
        /// The patient's primary care clinician.
        PrimaryCare = "primary_care",
        /// Anyone else named in the message.
        Other = "other",
        /// Every recipient.
        All = "all",
    }
}

words! {
    /// Side of the body (3.2).
    pub enum Laterality {
        /// Left.
        Left = "left",
        /// Right.
        Right = "right",
        /// Both sides.
        Bilateral = "bilateral",
        /// In the middle.
        Midline = "midline",
        /// The site has no side.
        NotApplicable = "not_applicable",
    }
}

words! {
    /// Route of a medicine (3.4).
    pub enum Route {
        /// By mouth.
        Oral = "oral",
        /// Under the tongue.
        Sublingual = "sublingual",
        /// Against the cheek.
        Buccal = "buccal",
        /// Into the nose.
        Intranasal = "intranasal",
        /// Patch on the skin.
        Transdermal = "transdermal",
        /// Under the skin.
        Subcutaneous = "subcutaneous",
        /// Into a muscle.
        Intramuscular = "intramuscular",
        /// Into a vein.
        Intravenous = "intravenous",
        /// Into the rectum.
        Rectal = "rectal",
        /// Into the epidural space.
        Epidural = "epidural",
        /// Into the spinal fluid.
        Intrathecal = "intrathecal",
        /// On skin or mucosa, for local effect.
        Topical = "topical",
    }
}

words! {
    /// Whether a flag was computed from the document or ticked by its author (6.2).
    pub enum FlagSource {
        /// Computed from the document.
        Automatic = "automatic",
        /// Ticked by the author.
        Author = "author",
    }
}

words! {
    /// Reasons why a message is urgent or emergent (6.2).
    pub enum FlagCode {
        /// An adverse event of CTCAE grade 4 or 5.
        AeGrade45 = "AE_GRADE_4_5",
        /// Discharged by transfer to an emergency department or hospital.
        UnplannedTransfer = "UNPLANNED_TRANSFER",
        /// Bag-mask ventilation or an airway device.
        AirwayIntervention = "AIRWAY_INTERVENTION",
        /// Anaphylaxis.
        Anaphylaxis = "ANAPHYLAXIS",
        /// Seizure.
        Seizure = "SEIZURE",
        /// New focal weakness, sensory level or sphincter change.
        NewNeuroDeficit = "NEW_NEURO_DEFICIT",
        /// Suspected metastatic spinal cord compression.
        SuspectedMscc = "SUSPECTED_MSCC",
        /// Acute coronary syndrome or stroke.
        AcsOrStroke = "ACS_OR_STROKE",
        /// Severe pressure with end-organ symptoms.
        HtnEmergency = "HTN_EMERGENCY",
        /// Suicidal plan or intent.
        SiPlanOrIntent = "SI_PLAN_OR_INTENT",
        /// An adverse event of CTCAE grade 3.
        AeGrade3 = "AE_GRADE_3",
        /// Infusion stopped because of an adverse event.
        InfusionStoppedSafety = "INFUSION_STOPPED_SAFETY",
        /// Systolic pressure of 180 mmHg or more, or diastolic of 110 or more.
        SbpGe180OrDbpGe110 = "SBP_GE_180_OR_DBP_GE_110",
        /// Oxygen saturation below 88 %.
        Spo2Lt88 = "SPO2_LT_88",
        /// RASS of -3 or lower, or POSS of 3 or 4.
        SedationDeep = "SEDATION_DEEP",
        /// Naloxone or flumazenil was given.
        ReversalAgentGiven = "REVERSAL_AGENT_GIVEN",
        /// New or active psychosis, or mania.
        AcutePsychosis = "ACUTE_PSYCHOSIS",
        /// Suicidal ideation without a plan.
        SiPassive = "SI_PASSIVE",
        /// Signs that the cancer may be progressing.
        SuspectedProgression = "SUSPECTED_PROGRESSION",
        /// Opioid toxicity or withdrawal.
        OpioidToxicityOrWithdrawal = "OPIOID_TOXICITY_OR_WITHDRAWAL",
        /// Wrong drug, dose, rate or patient.
        DosingError = "DOSING_ERROR",
        /// Suspected misuse or diversion.
        SuspectedMisuseDiversion = "SUSPECTED_MISUSE_DIVERSION",
        /// A newly known pregnancy.
        PregnancyNew = "PREGNANCY_NEW",
        /// ALT or AST above five times the upper limit of normal.
        LftGe5xUln = "LFT_GE_5X_ULN",
        /// Left without an escort or against advice.
        NoEscortOrAma = "NO_ESCORT_OR_AMA",
        /// A contraindication newly present.
        ContraindicationNew = "CONTRAINDICATION_NEW",
    }
}

content! {
    /// A code of a terminology with the words shown to people (10.5: always both).
    pub struct CodedConcept as "CodedConceptInput" {
        /// URI of the code system.
        system: Option<String>,
        /// The code.
        code: Option<String>,
        /// The words.
        display: Option<String>,
    }
}

content! {
    /// A clinician named inside a document, such as the referrer.
    pub struct NamedClinician as "NamedClinicianInput" {
        /// Name as written.
        name: Option<String>,
        /// Role as written.
        role: Option<String>,
        /// The clinic's own identifier of the person.
        id: Option<String>,
        /// Where the person works.
        organization: Option<String>,
    }
}

content! {
    /// One reason for urgency, with a one-line detail (6.2).
    pub struct UrgentFlag as "UrgentFlagInput" {
        /// Which reason.
        code: Option<FlagCode>,
        /// One line for the first screen.
        detail: Option<String>,
        /// Computed or ticked.
        source: Option<FlagSource>,
    }
}
