//! The fields of a consultation note (content specification 3), one line each.

use liaison_clinical::content::consultation::DiseaseStatus;
use liaison_clinical::content::consultation::ReferringTeam;
use liaison_clinical::content::decision::AsaClass;
use liaison_clinical::content::decision::Contraindication;
use liaison_clinical::content::decision::ContraindicationBasis;
use liaison_clinical::content::decision::Eligibility;
use liaison_clinical::content::decision::RecipientRequestStatus;
use liaison_clinical::content::decision::RiskLevel;
use liaison_clinical::content::pain::BreakthroughTrigger;
use liaison_clinical::content::pain::CentralSensitisation;
use liaison_clinical::content::pain::PainMechanism;
use liaison_clinical::content::pain::PainQuality;
use liaison_clinical::content::pain::TemporalPattern;
use liaison_clinical::content::pain::WorseWith;
use liaison_clinical::content::screening::HypertensionStatus;
use liaison_clinical::content::screening::PsychiatricHistory;
use liaison_clinical::content::shared::AddresseeRole;
use liaison_clinical::content::shared::Finding;
use liaison_clinical::content::shared::Laterality;

use super::Layout::{Cards, Table};
use super::shared::{CODED_CONCEPT, NO_OPIOIDS, OPIOID_LINE, ROUTE, RXNORM, UNIT, URGENCY, URGENT_FLAGS};
use super::{
    Field,
    Kind::{Choice, Day, Lines, Long, Number, PartialDay, Record, Rows, Text, Tick, Ticks, Whole, YesNo},
    field, words,
};

pub(super) const CONSULTATION_NOTE: &[Field] = &[
    field("consult_date", "Day of the consultation", Day).required().fresh(),
    URGENCY,
    URGENT_FLAGS,
    field("referral", "Who referred and why", Record(REFERRAL_REASON)),
    field("cancer", "The cancer and its treatment", Record(CANCER_HISTORY)),
    field("pain", "The pain", Record(PAIN_ASSESSMENT)),
    field(
        "medications",
        "Analgesics and other home medicines with the MME total",
        Record(HOME_MEDICATIONS),
    ),
    field(
        "side_effects",
        "Side effects of opioids",
        Rows(OPIOID_SIDE_EFFECT, Table),
    ),
    field("allergies", "Known allergies", Rows(ALLERGY, Table)).required(),
    field("no_known_allergies", "Asked: no known allergies", Tick),
    field("medical_screening", "Medical screening", Record(MEDICAL_SCREENING)),
    field(
        "contraindication_review",
        "Every contraindication, answered",
        Rows(CONTRAINDICATION_ITEM, Table),
    )
    .required()
    .fresh(),
    field("interaction_flags", "Interaction classes that matched", Lines),
    field("performance", "Performance status", Record(PERFORMANCE_STATUS)),
    field("risk_assessment", "Overall risk", Record(RISK_SUMMARY)),
    field("eligibility", "The decision", Record(ELIGIBILITY_DECISION)).fresh(),
    field("plan", "The plan", Record(INFUSION_PLAN)),
    field("consent", "Consent", Record(CONSENT_RECORD)).fresh(),
    field("expectations", "Expectations discussed", Record(EXPECTATIONS)).fresh(),
    field(
        "requests_to_recipients",
        "Questions to recipients",
        Rows(RECIPIENT_REQUEST, Table),
    )
    .fresh(),
];

const REFERRAL_REASON: &[Field] = &[
    field(
        "referring_clinician",
        "The referring clinician",
        Record(NAMED_CLINICIAN),
    ),
    field("referring_team", "Referring team", Choice(words!(ReferringTeam))).required(),
    field("received_date", "Referral received", Day),
    field("reason", "Reason for referral", Long).required(),
    field("questions", "Questions from the referrer", Lines).fresh(),
    field("answers", "Answers, in the order of the questions", Lines).fresh(),
];

const NAMED_CLINICIAN: &[Field] = &[
    field("name", "Name as written", Text),
    field("role", "Role as written", Text),
    field("id", "Reference", Text),
    field("organization", "Organization", Text),
];

const CANCER_HISTORY: &[Field] = &[
    field("primary_site", "Primary site", Text),
    field("laterality", "Side of the primary", Choice(words!(Laterality))),
    field("icd10cm", "Primary site, ICD-10-CM", Record(CODED_CONCEPT)),
    field("histology", "Histology", Text),
    field("stage", "Stage", Record(CANCER_STAGE)),
    field("diagnosis_date", "Diagnosed", PartialDay).help("A year, a year and month (2021-06) or a date"),
    field("metastatic_sites", "Metastatic sites", Rows(METASTATIC_SITE, Table)),
    field("disease_status", "Disease status", Choice(words!(DiseaseStatus))),
    field("treatment_history", "Past treatment", Lines),
    field("current_treatment", "Current treatment", Lines).required(),
    field("no_current_treatment", "Asked: no cancer treatment now", Tick),
];

const CANCER_STAGE: &[Field] = &[
    field("system", "Staging system", Text),
    field("group", "Stage group", Text),
    field("date", "Date of staging", Day),
];

const METASTATIC_SITE: &[Field] = &[
    field("site", "Site", Text),
    field("icd10cm", "ICD-10-CM", Record(CODED_CONCEPT)),
];

const PAIN_ASSESSMENT: &[Field] = &[
    field("diagnoses", "Pain diagnoses", Rows(CODED_CONCEPT, Table)),
    field("mechanism", "Mechanism", Choice(words!(PainMechanism))).required(),
    field(
        "central_sensitisation",
        "Central sensitisation",
        Choice(words!(CentralSensitisation)),
    )
    .required(),
    field("central_sensitisation_features", "Features that speak for it", Lines),
    field(
        "opioid_induced_hyperalgesia",
        "Opioid-induced hyperalgesia",
        Choice(words!(Finding)),
    ),
    field("locations", "Where it hurts", Rows(PAIN_LOCATION, Table)).required(),
    field("quality", "What it feels like", Ticks(words!(PainQuality))),
    field("temporal_pattern", "Over time", Choice(words!(TemporalPattern))).required(),
    field("worse_with", "What makes it worse", Ticks(words!(WorseWith))),
    field("onset", "Began", PartialDay).help("A year, a year and month (2021-06) or a date"),
    field("nrs", "Pain ratings, 0 none to 10 worst", Record(NRS_SCORES)).fresh(),
    field(
        "bpi_interference",
        "Interference with life (BPI), 0 to 10",
        Record(BPI_INTERFERENCE),
    )
    .fresh(),
    field("esas_r", "Symptoms (ESAS-r), 0 to 10", Record(ESAS_SCORES)).fresh(),
    field("breakthrough", "Breakthrough pain", Record(BREAKTHROUGH_PAIN)),
    field("dn4_total", "DN4 total, 0 to 10", Whole),
    field(
        "unable_to_report_reason",
        "If the patient cannot give ratings: why",
        Text,
    )
    .fresh(),
];

const PAIN_LOCATION: &[Field] = &[
    field("site", "Site", Text),
    field("laterality", "Side", Choice(words!(Laterality))),
    field("primary", "Main place", YesNo),
];

const NRS_SCORES: &[Field] = &[
    field("worst_24h", "Worst, past 24 h", Whole).required(),
    field("least_24h", "Least, past 24 h", Whole).required(),
    field("average_24h", "Average, past 24 h", Whole).required(),
    field("now", "Now", Whole).required(),
];

const BPI_INTERFERENCE: &[Field] = &[
    field("general_activity", "General activity", Whole),
    field("mood", "Mood", Whole),
    field("walking", "Walking", Whole),
    field("normal_work", "Normal work", Whole),
    field("relations", "Relations with others", Whole),
    field("sleep", "Sleep", Whole),
    field("enjoyment", "Enjoyment of life", Whole),
    field("mean", "Mean (computed)", Number).computed(),
];

const ESAS_SCORES: &[Field] = &[
    field("pain", "Pain", Whole),
    field("tiredness", "Tiredness", Whole),
    field("drowsiness", "Drowsiness", Whole),
    field("nausea", "Nausea", Whole),
    field("lack_of_appetite", "Lack of appetite", Whole),
    field("shortness_of_breath", "Shortness of breath", Whole),
    field("depression", "Depression", Whole),
    field("anxiety", "Anxiety", Whole),
    field("wellbeing", "Wellbeing", Whole),
    field("other", "A symptom of the patient's own choice", Record(ESAS_OTHER)),
];

const ESAS_OTHER: &[Field] = &[field("name", "Symptom", Text), field("score", "Score", Whole)];

const BREAKTHROUGH_PAIN: &[Field] = &[
    field("episodes_per_day", "Episodes a day", Whole),
    field("typical_duration_min", "Typical duration", Whole).unit("min"),
    field("trigger", "Trigger", Text),
    field("trigger_kind", "Kind of trigger", Choice(words!(BreakthroughTrigger))),
];

const HOME_MEDICATIONS: &[Field] = &[
    field("opioids", "Opioids", Rows(OPIOID_LINE, Cards)).required(),
    NO_OPIOIDS,
    field("mme_total_per_day", "MME per day (computed)", Number)
        .unit("MME/day")
        .computed(),
    field("mme_method", "Method", Text).computed(),
    field("mme_excluded", "Not counted in MME", Lines).computed(),
    field("adjuvants", "Non-opioid analgesics", Rows(HOME_MEDICINE, Table)),
    field(
        "other",
        "Other medicines that matter with ketamine",
        Rows(HOME_MEDICINE, Table),
    ),
    field("benzodiazepines_at_home", "Benzodiazepines at home", YesNo),
];

const HOME_MEDICINE: &[Field] = &[
    field("name", "Name", Text),
    RXNORM,
    field("dose", "One dose", Number),
    UNIT,
    ROUTE,
    field("frequency", "How often", Text),
];

const OPIOID_SIDE_EFFECT: &[Field] = &[
    field("term", "Side effect (CTCAE term)", Text),
    field("ctcae_version", "CTCAE version", Text),
    field("grade", "Grade, 1 to 5", Whole),
];

const ALLERGY: &[Field] = &[
    field("substance", "To what", Text),
    field("reaction", "What happened", Text),
];

const MEDICAL_SCREENING: &[Field] = &[
    field("vitals", "Vital signs", Record(VITAL_SIGNS)).fresh(),
    field("ecg", "ECG", Record(ECG_RESULT)).fresh(),
    field("labs", "Laboratory results", Rows(LAB_RESULT, Table)).fresh(),
    field("pregnancy", "Pregnancy", Record(PREGNANCY_SCREEN)),
    field("psychiatric", "Psychiatric screen", Record(PSYCHIATRIC_SCREEN)),
    field("substance_use", "Substance use", Record(SUBSTANCE_USE_SCREEN)),
    field("airway", "Airway (Mallampati, ...)", Text),
    field("raised_icp_features", "Features of raised intracranial pressure", YesNo).required(),
    field("glaucoma", "Glaucoma or raised eye pressure", YesNo),
    field("cardiovascular", "Heart and vessels", Record(CARDIOVASCULAR_SCREEN)),
    field("liver_disease", "Liver disease, grade", Text),
    field(
        "brain_mass_effect",
        "Brain metastasis with mass effect",
        Choice(words!(Finding)),
    ),
    field("seizures", "Seizures", Choice(words!(Finding))),
    field("sleep_apnoea", "Sleep apnoea", Choice(words!(Finding))),
    field("home_oxygen", "Oxygen at home", Choice(words!(Finding))),
    field("thyrotoxicosis", "Thyrotoxicosis", Choice(words!(Finding))),
    field("cystitis_symptoms", "Bladder symptoms", Choice(words!(Finding))),
    field(
        "not_assessed_reason",
        "If a required domain was not assessed: why",
        Text,
    )
    .fresh(),
];

const VITAL_SIGNS: &[Field] = &[
    field("weight_kg", "Weight", Number).unit("kg").required(),
    field("height_cm", "Height", Number).unit("cm"),
    field("hr", "Heart rate", Whole).unit("/min").required(),
    field("sbp", "Systolic", Whole).unit("mmHg").required(),
    field("dbp", "Diastolic", Whole).unit("mmHg").required(),
    field("map", "Mean pressure, if measured", Whole).unit("mmHg"),
    field("spo2", "SpO2", Whole).unit("%").required(),
    field("rr", "Breathing rate", Whole).unit("/min").required(),
    field("temp_c", "Temperature", Number).unit("degrees C"),
    field("o2_l_min", "Oxygen", Number).unit("L/min"),
    field("on_room_air", "On room air", YesNo),
];

const ECG_RESULT: &[Field] = &[
    field("done", "ECG done", YesNo),
    field("rhythm", "Rhythm", Text),
    field("qtc_ms", "QTc", Whole).unit("ms"),
];

const LAB_RESULT: &[Field] = &[
    field("name", "Test", Text),
    field("loinc", "LOINC", Text),
    field("value", "Value", Number),
    field("unit", "UCUM unit", Text).help("UCUM, such as mg/dL or U/L"),
    field("collected", "Collected", Day),
    field("limit_key", "Input limit", Text),
];

const PREGNANCY_SCREEN: &[Field] = &[
    field("applicable", "Can the patient be pregnant", YesNo),
    field("reason", "If not: why", Text),
    field("test", "Test", Text),
    field("result", "Result", Text).fresh(),
    field("date", "Day of the test", Day).fresh(),
];

const PSYCHIATRIC_SCREEN: &[Field] = &[
    field("psychosis", "Psychosis", Choice(words!(PsychiatricHistory))).required(),
    field("mania", "Mania", Choice(words!(PsychiatricHistory))),
    field("phq9", "PHQ-9 total, 0 to 27", Whole).fresh(),
    field("suicide_risk_screen_negative", "Suicide screen negative", YesNo).fresh(),
];

const SUBSTANCE_USE_SCREEN: &[Field] = &[
    field("opioid_risk_tool_total", "Opioid Risk Tool total, 0 to 26", Whole),
    field("alcohol_drinks_per_week", "Alcoholic drinks a week", Whole),
    field("illicit", "Other substances", Text),
    field("pdmp_reviewed", "PDMP reviewed", YesNo),
];

const CARDIOVASCULAR_SCREEN: &[Field] = &[
    field("hypertension", "Hypertension", Text),
    field(
        "hypertension_status",
        "Hypertension: status",
        Choice(words!(HypertensionStatus)),
    ),
    field("coronary_disease", "Coronary disease", Text),
    field(
        "coronary_disease_finding",
        "Coronary disease: finding",
        Choice(words!(Finding)),
    ),
    field("heart_failure", "Heart failure", Text),
    field(
        "heart_failure_finding",
        "Heart failure: finding",
        Choice(words!(Finding)),
    ),
    field("home_bp_average", "Blood pressure at home", Text),
    field("arrhythmia", "Arrhythmia", Choice(words!(Finding))),
    field("aneurysm", "Aneurysm", Choice(words!(Finding))),
    field("stroke_or_tia", "Stroke or TIA", Choice(words!(Finding))),
    field("valve_disease", "Valve disease", Choice(words!(Finding))),
];

const CONTRAINDICATION_ITEM: &[Field] = &[
    field("item", "Item", Choice(words!(Contraindication))),
    field("basis", "Rests on", Choice(words!(ContraindicationBasis))),
    field("finding", "Finding", Choice(words!(Finding))),
    field("note", "Note, or reason", Text),
];

const PERFORMANCE_STATUS: &[Field] = &[
    field("ecog", "ECOG, 0 to 4", Whole).required(),
    field("kps", "Karnofsky, 10 to 100", Whole),
    field("asa_class", "ASA class", Choice(words!(AsaClass))).required(),
];

const RISK_SUMMARY: &[Field] = &[
    field("overall", "Overall risk", Choice(words!(RiskLevel))).required(),
    field("items", "Reasons", Lines),
];

const ELIGIBILITY_DECISION: &[Field] = &[
    field("decision", "Decision", Choice(words!(Eligibility))).required(),
    field("rationale", "Rationale", Long).required(),
    field("conditions", "Conditions", Lines),
    field("would_change_if", "What would change the decision", Long),
    field("decide_by", "Decided by", Day),
];

const INFUSION_PLAN: &[Field] = &[
    field("protocol", "Protocol", Text),
    field("initial_infusions", "Infusions at first", Whole),
    field("spacing", "Spacing", Text),
    field("rate_mg_per_kg_h", "Rate", Record(DECIMAL_RANGE)).unit("mg/kg/h"),
    field("bolus_mg_per_kg", "Bolus", Number).unit("mg/kg"),
    field("dose_mg_per_kg", "Dose", Record(DECIMAL_RANGE)).unit("mg/kg"),
    field("max_total_mg", "Highest total", Number).unit("mg"),
    field("duration_min", "Duration", Record(DECIMAL_RANGE)).unit("min"),
    field("premedication", "Premedication", Lines),
    field("stop_rules", "When to stop", Lines),
    field("reassess_after_infusion", "Reassess after infusion", Whole),
    field("opioid_plan", "Opioid plan: who may change what", Long),
];

const DECIMAL_RANGE: &[Field] = &[field("low", "From", Number), field("high", "To", Number)];

const CONSENT_RECORD: &[Field] = &[
    field("off_label_disclosed", "Off-label use disclosed", YesNo).required(),
    field("statement_id", "Version of the off-label statement", Text).required(),
    field("risks_discussed", "Risks discussed", YesNo),
    field("alternatives_discussed", "Alternatives discussed", YesNo),
    field("right_to_stop_explained", "Right to stop explained", YesNo),
    field("no_driving_until", "No driving until", Text),
    field("escort_required", "Escort required", YesNo),
    field("date", "Day of consent", Day).required(),
    field("obtained_by", "Obtained by", Text).required(),
];

const EXPECTATIONS: &[Field] = &[
    field("adjunct_not_cure", "An adjunct, not a cure", YesNo).required(),
    field(
        "not_replacement_for_oncology_or_palliative_care",
        "Not a replacement for oncology or palliative care",
        YesNo,
    )
    .required(),
    field("response_varies", "Response varies", YesNo).required(),
    field("benefit_may_be_temporary", "Benefit may be temporary", YesNo).required(),
    field("may_not_respond", "There may be no response", YesNo).required(),
    field("monitored_setting_only", "Only in a monitored setting", YesNo).required(),
    field("patient_goal", "The patient's own goal, in the patient's words", Long).required(),
    field("comment", "Comment, if a statement is \"no\"", Long),
];

const RECIPIENT_REQUEST: &[Field] = &[
    field("id", "Reference", Text).computed(),
    field("to_role", "To", Choice(words!(AddresseeRole))),
    field("text", "Question", Long),
    field("respond_by", "Answer wanted by", Day),
    field("status", "Status", Choice(words!(RecipientRequestStatus))),
];
