//! The fields of an infusion summary (content specification 4 and 5), one line each.

use liaison_clinical::content::infusion::InfusionSetting;
use liaison_clinical::content::infusion::KetamineForm;
use liaison_clinical::content::infusion::MonitoringPhase;
use liaison_clinical::content::infusion::Poss;
use liaison_clinical::content::infusion::StopReason;
use liaison_clinical::content::infusion::WeightSource;
use liaison_clinical::content::recovery::AdverseEventAction;
use liaison_clinical::content::recovery::AdverseEventOutcome;
use liaison_clinical::content::recovery::DischargeDisposition;
use liaison_clinical::content::recovery::RecommendationKind;
use liaison_clinical::content::recovery::Relatedness;
use liaison_clinical::content::recovery::ResponseCategory;
use liaison_clinical::content::shared::AddresseeRole;
use liaison_clinical::content::shared::Finding;

use super::Layout::{Cards, Table};
use super::shared::{CODED_CONCEPT, NO_OPIOIDS, OPIOID_LINE, ROUTE, RXNORM, UNIT, URGENCY, URGENT_FLAGS};
use super::{
    Field,
    Kind::{Choice, Day, Lines, Long, Moment, Number, Record, Rows, Text, Tick, Ticks, Whole, YesNo},
    field, words,
};

pub(super) const INFUSION_SUMMARY: &[Field] = &[
    URGENCY,
    URGENT_FLAGS,
    field("infusion", "Header, drug and dose", Record(INFUSION_RECORD)),
    field(
        "pre_infusion_check",
        "Check before the start",
        Record(PRE_INFUSION_CHECK),
    )
    .fresh(),
    field("adjuncts", "Other medicines given", Rows(ADJUNCT_GIVEN, Table)).fresh(),
    field("monitoring", "Monitoring", Rows(MONITORING_ROW, Table))
        .required()
        .fresh(),
    field(
        "haemodynamics",
        "Haemodynamic summary, computed from the series",
        Record(HAEMODYNAMIC_RECORD),
    )
    .fresh(),
    field(
        "pain",
        "Pain now: before, at the end and at discharge",
        Record(INFUSION_PAIN),
    )
    .fresh(),
    field("dissociation", "Dissociation", Record(DISSOCIATION_RECORD)).fresh(),
    field("adverse_events", "Adverse events", Rows(ADVERSE_EVENT, Cards))
        .required()
        .fresh(),
    field("no_adverse_events", "Looked for: no adverse events", Tick).fresh(),
    field("interventions", "What was done", Rows(INTERVENTION, Table)).fresh(),
    field("post_infusion", "Observation and discharge", Record(POST_INFUSION)).fresh(),
    field("opioids_current", "Opioids taken now", Rows(OPIOID_LINE, Cards)).required(),
    NO_OPIOIDS,
    field("mme_per_day_current", "MME per day now (computed)", Number)
        .unit("MME/day")
        .computed(),
    field(
        "opioid_changes",
        "Opioid changes since the last visit",
        Rows(OPIOID_CHANGE, Table),
    )
    .fresh(),
    field(
        "response",
        "Response to this infusion and the final one to the last",
        Record(INFUSION_RESPONSE),
    )
    .fresh(),
    field(
        "recommendations",
        "Recommendations to recipients",
        Rows(RECOMMENDATION, Table),
    )
    .fresh(),
    field("next", "What comes next", Record(NEXT_STEP)).fresh(),
];

const INFUSION_RECORD: &[Field] = &[
    field("number", "Infusion number", Whole).required(),
    field("planned_in_series", "Planned in the series", Whole),
    field("date", "Day", Day).required().fresh(),
    field("indication", "Indication, ICD-10-CM", Record(CODED_CONCEPT)),
    field("setting", "Setting", Choice(words!(InfusionSetting))),
    field("weight_kg", "Weight today", Number).unit("kg").required().fresh(),
    field("weight_source", "Weight from", Choice(words!(WeightSource))).fresh(),
    field("drug", "The drug", Record(INFUSED_DRUG)),
    ROUTE.required(),
    field("concentration_mg_per_ml", "Concentration", Number)
        .unit("mg/mL")
        .required(),
    field("start", "Start", Moment).required().fresh(),
    field("stop", "Stop", Moment).required().fresh(),
    field("duration_min", "Duration (computed)", Whole)
        .unit("min")
        .computed()
        .fresh(),
    field("bolus_mg_per_kg", "Bolus", Number).unit("mg/kg").fresh(),
    field("rate_segments", "Rates, from 0 to the stop", Rows(RATE_SEGMENT, Table))
        .required()
        .fresh(),
    field("dose_mg_per_kg", "Dose (computed)", Number)
        .unit("mg/kg")
        .computed()
        .fresh(),
    field("total_mg", "Total given", Number).unit("mg").required().fresh(),
    field("planned_total_mg", "Total planned", Number).unit("mg").required(),
    field("titrated", "Rate titrated by effect", YesNo)
        .fresh()
        .help("Then a difference of the dose is a question, not an error"),
    field("completed", "Completed as planned", YesNo).required().fresh(),
    field("stop_reason", "If not completed: why", Choice(words!(StopReason))).fresh(),
];

const INFUSED_DRUG: &[Field] = &[
    field("name", "Drug", Text),
    RXNORM,
    field("form", "Form of ketamine", Choice(words!(KetamineForm))),
];

const RATE_SEGMENT: &[Field] = &[
    field("start_min", "From", Whole).unit("min"),
    field("end_min", "To", Whole).unit("min"),
    field("rate_mg_per_kg_h", "Rate", Number).unit("mg/kg/h"),
];

const PRE_INFUSION_CHECK: &[Field] = &[
    field("identity_confirmed", "Identity confirmed", YesNo).required(),
    field("consent_reconfirmed", "Consent reconfirmed", YesNo).required(),
    field("consent_at", "Consent given at", Moment),
    field("fasting_per_policy", "Fasting per policy", YesNo),
    field("escort_confirmed", "Escort confirmed", YesNo).required(),
    field(
        "interval_history",
        "Since the last visit, including over-the-counter medicines",
        Long,
    ),
    field("red_flag_screen_negative", "No red flag found", YesNo).required(),
    field("suicide_risk_screen_negative", "Suicide screen negative", YesNo).required(),
    field(
        "antihypertensives_taken",
        "Antihypertensives taken today",
        Choice(words!(Finding)),
    ),
    field("new_medicines", "New medicines, including over-the-counter", Lines),
    field("last_opioid_dose", "Last opioid dose", Text),
    field("last_sedative_dose", "Last sedative dose", Text),
    field("nrs_average_24h", "Average pain, past 24 h or since last visit", Whole),
];

const ADJUNCT_GIVEN: &[Field] = &[
    field("name", "Medicine", Text),
    RXNORM,
    field("dose", "Dose", Number),
    UNIT,
    ROUTE,
    field("t_min", "Minute", Whole).unit("min"),
    field("indication", "Why", Text),
];

const MONITORING_ROW: &[Field] = &[
    field("t_min", "Minute", Whole).unit("min"),
    field("time", "Time", Moment).computed(),
    field("phase", "Phase", Choice(words!(MonitoringPhase))),
    field("hr", "HR", Whole).unit("/min"),
    field("sbp", "SBP", Whole).unit("mmHg"),
    field("dbp", "DBP", Whole).unit("mmHg"),
    field("map", "MAP", Whole).unit("mmHg"),
    field("spo2", "SpO2", Whole).unit("%"),
    field("rr", "RR", Whole).unit("/min"),
    field("etco2", "EtCO2", Whole).unit("mmHg"),
    field("o2_l_min", "O2", Number).unit("L/min"),
    field("temp_c", "Temp", Number).unit("degrees C"),
    field("rass", "RASS", Whole),
    field("poss", "POSS", Choice(words!(Poss))),
    field("dissociation_0_10", "Dissoc.", Whole),
    field("nrs", "NRS", Whole),
];

const HAEMODYNAMIC_RECORD: &[Field] = &[
    field("map_baseline", "Mean pressure before", Whole)
        .unit("mmHg")
        .computed(),
    field("map_peak", "Highest mean pressure", Whole)
        .unit("mmHg")
        .computed(),
    field("map_peak_t_min", "Its minute", Whole).unit("min").computed(),
    field("sbp_peak", "Highest systolic", Whole).unit("mmHg").computed(),
];

const INFUSION_PAIN: &[Field] = &[
    field("pre_nrs_now", "Just before", Whole).required(),
    field("end_of_infusion_nrs_now", "At the end of the infusion", Whole),
    field("discharge_nrs_now", "At discharge", Whole).required(),
];

const DISSOCIATION_RECORD: &[Field] = &[
    field("peak_0_10", "Peak, 0 to 10", Whole),
    field("peak_t_min", "Minute of the peak", Whole).unit("min"),
    field("cadss6_total", "CADSS-6 total", Whole),
    field("cadss6_t_min", "Minute of the CADSS-6", Whole).unit("min"),
];

const ADVERSE_EVENT: &[Field] = &[
    field("term", "CTCAE term", Text),
    field("soc", "Organ class", Text),
    field("ctcae_version", "CTCAE version", Text),
    field("grade", "Grade, 1 to 5", Whole),
    field("onset_t_min", "Onset", Whole).unit("min"),
    field("resolved_t_min", "Resolved", Whole).unit("min"),
    field("relatedness", "Caused by ketamine", Choice(words!(Relatedness))),
    field("actions", "What was done", Ticks(words!(AdverseEventAction))),
    field("outcome", "Outcome", Choice(words!(AdverseEventOutcome))),
    field("note", "Note", Long),
];

const INTERVENTION: &[Field] = &[
    field("t_min", "Minute", Whole).unit("min"),
    field("text", "What was done", Text),
];

const POST_INFUSION: &[Field] = &[
    field("observation_min", "Observation (computed)", Whole)
        .unit("min")
        .computed(),
    field("discharge_time", "Discharge", Moment).required(),
    field("aldrete", "Modified Aldrete score, items 0 to 2", Record(ALDRETE_SCORE)),
    field("padss", "Discharge score (PADSS), items 0 to 2", Record(PADSS_SCORE)),
    field("discharge_criteria_met", "Discharge criteria met", YesNo).required(),
    field(
        "disposition",
        "How the patient left",
        Choice(words!(DischargeDisposition)),
    )
    .required(),
    field("escort", "Escort", Record(ESCORT_RECORD)),
    field("written_instructions_given", "Written instructions given", YesNo).required(),
    field("who_to_call", "Whom the patient calls", Text),
];

const ALDRETE_SCORE: &[Field] = &[
    field("activity", "Activity", Whole),
    field("respiration", "Respiration", Whole),
    field("circulation", "Circulation", Whole),
    field("consciousness", "Consciousness", Whole),
    field("oxygen_saturation", "Oxygen saturation", Whole),
    field("total", "Sum (computed)", Whole).computed(),
];

const PADSS_SCORE: &[Field] = &[
    field("vital_signs", "Vital signs", Whole),
    field("activity", "Activity", Whole),
    field("nausea_vomiting", "Nausea and vomiting", Whole),
    field("pain_acceptable_to_patient", "Pain acceptable", Whole),
    field("bleeding_iv_site", "Bleeding at the line", Whole),
    field("total", "Sum (computed)", Whole).computed(),
];

const ESCORT_RECORD: &[Field] = &[
    field("present", "Escort present", YesNo).required(),
    field("relationship", "Relationship", Text).help("Not the name: that stays at the clinic"),
    field("name_recorded_locally", "Name recorded at the clinic", YesNo),
];

const OPIOID_CHANGE: &[Field] = &[
    field("date", "Day", Day),
    field("by", "By", Text),
    field("from", "From", Text),
    field("to", "To", Text),
    field("mme_before", "MME/day before", Number).unit("MME/day"),
    field("mme_after", "MME/day after", Number).unit("MME/day"),
    field("drug", "Drug", Text),
    field("reason", "Why", Text),
];

const INFUSION_RESPONSE: &[Field] = &[
    field("provisional", "This infusion", Record(PROVISIONAL_RESPONSE)),
    field(
        "previous_infusion_final",
        "The last infusion, now final",
        Record(RELIEF_FOLLOW_UP),
    ),
];

const PROVISIONAL_RESPONSE: &[Field] = &[
    field(
        "category",
        "Response at discharge (computed)",
        Choice(words!(ResponseCategory)),
    )
    .computed(),
    field("delta_points", "Points by which pain fell", Whole).computed(),
    field("delta_pct", "Percent by which pain fell", Number)
        .unit("%")
        .computed(),
    field("substantial", "Half or more", YesNo).computed(),
    field("duration_pending", "Duration still to come", YesNo).computed(),
];

const RELIEF_FOLLOW_UP: &[Field] = &[
    field("relief_days", "Days of relief", Whole).unit("days"),
    field("relief_ongoing", "Relief still going on", YesNo).help("The days are then \"at least\""),
    field("average_nrs_since", "Average pain since, 0 to 10", Whole),
    field("category", "Final category", Choice(words!(ResponseCategory))),
    field("source", "Source (diary, call, ...)", Text),
    field(
        "function_or_satisfaction_improved",
        "Function or satisfaction improved",
        YesNo,
    ),
];

const RECOMMENDATION: &[Field] = &[
    field("to_role", "To", Choice(words!(AddresseeRole))),
    field("type", "Kind", Choice(words!(RecommendationKind))),
    field("text", "Text", Long),
];

const NEXT_STEP: &[Field] = &[
    field("infusion_date", "Next infusion", Day),
    field("reassessment_date", "Reassessment", Day),
    field("series_ended_reason", "If the series ended: why", Text),
];
