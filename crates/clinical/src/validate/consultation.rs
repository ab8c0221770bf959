//! Checks of a consultation note (content specification 3). The order of the first warnings is that
//! of the data set's checker.

use super::{check::Check, medication, pain, screening};
use crate::{
    codes,
    content::{
        consultation::{CancerHistory, ConsultationNote},
        decision::{Contraindication, ContraindicationBasis, Eligibility, InfusionPlan},
        shared::Finding,
    },
};

/// The items a review must answer: those of the guideline and the label (3.8). The clinic's own item
/// (medical instability) is checked when it is answered; notes made before it was asked lack it.
const REVIEW: [Contraindication; 10] = [
    Contraindication::PoorlyControlledCardiovascularDisease,
    Contraindication::Pregnancy,
    Contraindication::ActivePsychosis,
    Contraindication::SevereHepaticDisease,
    Contraindication::ModerateHepaticDisease,
    Contraindication::ElevatedIntracranialPressure,
    Contraindication::ElevatedIntraocularPressure,
    Contraindication::ActiveSubstanceMisuse,
    Contraindication::BpElevationSeriousHazard,
    Contraindication::KetamineHypersensitivity,
];

pub(super) fn check(check: &mut Check<'_>, note: &ConsultationNote) {
    check.required(
        note.consult_date.is_some(),
        "consult_date",
        "The day of the consultation",
    );
    referral(check, note);
    check.required(note.cancer.is_some(), "cancer", "The cancer history");
    if let Some(cancer) = &note.cancer {
        cancer_history(check, cancer);
    }
    check.required(note.pain.is_some(), "pain", "The pain assessment");
    if let Some(pain) = &note.pain {
        pain::check(check, pain);
    }
    medication::check(check, note);
    screening::check(check, note);
    if let Some(pain) = &note.pain {
        let episodes = pain.breakthrough.as_ref().and_then(|b| b.episodes_per_day);
        check.limit(
            "breakthrough_per_day",
            episodes,
            "breakthrough",
            "pain.breakthrough.episodes_per_day",
        );
    }
    review(check, note);
    decision(check, note);
    consent_and_expectations(check, note);
    for (index, request) in note.requests_to_recipients.iter().enumerate() {
        let path = format!("requests_to_recipients[{index}]");
        check.required(
            request.to_role.is_some(),
            &format!("{path}.to_role"),
            "Whom the request is for",
        );
        check.required_text(
            request.text.as_ref(),
            &format!("{path}.text"),
            "The text of the request",
        );
    }
}

fn referral(check: &mut Check<'_>, note: &ConsultationNote) {
    check.required(note.referral.is_some(), "referral", "The referral");
    let Some(referral) = &note.referral else { return };
    check.required(
        referral.referring_team.is_some(),
        "referral.referring_team",
        "The referring team",
    );
    check.required_text(referral.reason.as_ref(), "referral.reason", "The reason for referral");
    let late = referral
        .received_date
        .zip(note.consult_date)
        .is_some_and(|(received, seen)| received > seen);
    check.hard(
        late,
        "referral.received_date",
        "times_out_of_order",
        "The referral came after the consultation; check both days.",
    );
}

fn cancer_history(check: &mut Check<'_>, cancer: &CancerHistory) {
    let code = cancer.icd10cm.as_ref().and_then(|concept| concept.code.as_deref());
    check.required(
        code.is_some(),
        "cancer.icd10cm",
        "The primary site as an ICD-10-CM code",
    );
    check.icd10cm(cancer.icd10cm.as_ref(), "cancer.icd10cm");
    let elsewhere = code.is_some_and(|code| codes::check_icd10cm(code).is_none() && !codes::is_primary_site(code));
    check.hard_allowing(
        elsewhere,
        "cancer.icd10cm.code",
        "not_a_cancer_code",
        "This is no code of a primary cancer.",
        "C00 to C96, or a D code",
    );
    check.required(
        !cancer.current_treatment.is_empty() || cancer.no_current_treatment == Some(true),
        "cancer.current_treatment",
        "Current treatment, or that there is none,",
    );
    for (index, site) in cancer.metastatic_sites.iter().enumerate() {
        check.icd10cm(
            site.icd10cm.as_ref(),
            &format!("cancer.metastatic_sites[{index}].icd10cm"),
        );
    }
}

fn review(check: &mut Check<'_>, note: &ConsultationNote) {
    let eligible = matches!(
        note.eligibility.as_ref().and_then(|e| e.decision),
        Some(Eligibility::Eligible | Eligibility::EligibleWithConditions)
    );
    for item in REVIEW {
        let there = note
            .contraindication_review
            .iter()
            .any(|row| row.item == Some(item) && row.finding.is_some());
        check.required(there, "contraindication_review", &format!("An answer for \"{item}\""));
    }
    for (index, row) in note.contraindication_review.iter().enumerate() {
        let path = format!("contraindication_review[{index}]");
        check.required(
            row.item.is_some(),
            &format!("{path}.item"),
            "Which contraindication it is",
        );
        let twice = note.contraindication_review[..index]
            .iter()
            .any(|earlier| earlier.item.is_some() && earlier.item == row.item);
        check.hard(twice, &path, "duplicate", "This contraindication is answered twice.");
        let wordless = row.note.as_ref().is_none_or(|note| note.trim().is_empty());
        let unasked = matches!(row.finding, Some(Finding::NotAssessed));
        check.required(
            !(unasked && wordless),
            &format!("{path}.note"),
            "A reason why it was not assessed",
        );
        let unjustified = row.finding == Some(Finding::Present) && eligible && wordless;
        check.required(
            !unjustified,
            &format!("{path}.note"),
            "A justification of eligibility despite this contraindication",
        );
        let label = matches!(
            row.item,
            Some(Contraindication::BpElevationSeriousHazard | Contraindication::KetamineHypersensitivity)
        );
        let claimed = row.item.is_some() && row.basis == Some(ContraindicationBasis::LabelContraindication) && !label;
        check.hard(
            claimed,
            &format!("{path}.basis"),
            "wrong_basis",
            "Only the drug label has contraindications; this item rests on the guideline or the clinic.",
        );
    }
}

fn decision(check: &mut Check<'_>, note: &ConsultationNote) {
    let eligibility = note.eligibility.clone().unwrap_or_default();
    check.required(eligibility.decision.is_some(), "eligibility.decision", "The decision");
    check.required_text(
        eligibility.rationale.as_ref(),
        "eligibility.rationale",
        "A rationale of at least one sentence",
    );
    match eligibility.decision {
        Some(Eligibility::NotEligible | Eligibility::Deferred) => {
            check.hard(
                note.plan.is_some(),
                "plan",
                "plan_without_eligibility",
                "A patient who is not eligible or deferred has no plan; remove it or change the decision.",
            );
        }
        Some(Eligibility::Eligible | Eligibility::EligibleWithConditions) => {
            check.required(note.plan.is_some(), "plan", "The plan");
        }
        None => {}
    }
    if eligibility.decision == Some(Eligibility::EligibleWithConditions) {
        check.required(
            !eligibility.conditions.is_empty(),
            "eligibility.conditions",
            "At least one condition",
        );
    }
    if eligibility.decision == Some(Eligibility::Deferred) {
        check.required_text(
            eligibility.would_change_if.as_ref(),
            "eligibility.would_change_if",
            "What would change the decision",
        );
        check.required(
            eligibility.decide_by.is_some(),
            "eligibility.decide_by",
            "By when it is decided",
        );
    }
    if let Some(plan) = &note.plan {
        self::plan(check, plan);
    }
}

fn plan(check: &mut Check<'_>, plan: &InfusionPlan) {
    check.further_limit("infusion_number", plan.initial_infusions, "plan.initial_infusions");
    check.further_limit(
        "infusion_number",
        plan.reassess_after_infusion,
        "plan.reassess_after_infusion",
    );
    check.further_limit("bolus_mg_per_kg", plan.bolus_mg_per_kg, "plan.bolus_mg_per_kg");
    check.further_limit("total_mg", plan.max_total_mg, "plan.max_total_mg");
    for (name, range) in [
        ("rate_mg_per_kg_h", &plan.rate_mg_per_kg_h),
        ("dose_mg_per_kg", &plan.dose_mg_per_kg),
        ("duration_min", &plan.duration_min),
    ] {
        let Some(range) = range else { continue };
        check.further_limit(name, range.low, &format!("plan.{name}.low"));
        check.further_limit(name, range.high, &format!("plan.{name}.high"));
        let reversed = range.low.zip(range.high).is_some_and(|(low, high)| low > high);
        check.hard(
            reversed,
            &format!("plan.{name}"),
            "range_order",
            "The low end is above the high end.",
        );
    }
}

fn consent_and_expectations(check: &mut Check<'_>, note: &ConsultationNote) {
    let decision = note.eligibility.as_ref().and_then(|e| e.decision);
    let consent_needed = decision
        .is_some_and(|decision| matches!(decision, Eligibility::Eligible | Eligibility::EligibleWithConditions));
    if consent_needed {
        let disclosed = note.consent.as_ref().and_then(|c| c.off_label_disclosed) == Some(true);
        check.required(
            disclosed,
            "consent.off_label_disclosed",
            "Disclosure of the off-label use",
        );
        check.required(
            note.consent.as_ref().is_some_and(|c| c.date.is_some()),
            "consent.date",
            "The day of consent",
        );
        check.required(
            note.consent.as_ref().is_some_and(|c| c.obtained_by.is_some()),
            "consent.obtained_by",
            "Who obtained consent",
        );
        check.required(
            note.consent.as_ref().is_some_and(|c| c.statement_id.is_some()),
            "consent.statement_id",
            "The version of the off-label statement",
        );
    }
    check.required(note.expectations.is_some(), "expectations", "The expectations block");
    let Some(expectations) = &note.expectations else { return };
    let items = [
        ("adjunct_not_cure", expectations.adjunct_not_cure),
        (
            "not_replacement_for_oncology_or_palliative_care",
            expectations.not_replacement_for_oncology_or_palliative_care,
        ),
        ("response_varies", expectations.response_varies),
        ("benefit_may_be_temporary", expectations.benefit_may_be_temporary),
        ("may_not_respond", expectations.may_not_respond),
        ("monitored_setting_only", expectations.monitored_setting_only),
    ];
    for (name, value) in items {
        check.required(value.is_some(), &format!("expectations.{name}"), "This statement");
    }
    if items.iter().any(|(_, value)| *value == Some(false)) {
        check.required_text(
            expectations.comment.as_ref(),
            "expectations.comment",
            "A comment, because a statement is false,",
        );
    }
    check.required_text(
        expectations.patient_goal.as_ref(),
        "expectations.patient_goal",
        "The patient's own goal",
    );
}
