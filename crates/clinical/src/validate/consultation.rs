//! Checks of a consultation note (content specification 3). The order of the first warnings is that
//! of the data set's checker.

use super::{check::Check, screening};
use crate::{
    codes,
    compute::mme,
    content::{
        consultation::{CancerHistory, ConsultationNote},
        decision::{Contraindication, ContraindicationBasis, Eligibility, InfusionPlan},
        medication::OpioidLine,
        pain::{BpiInterference, EsasScores, PainAssessment},
        shared::Finding,
    },
    decimal::Decimal,
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
        pain_assessment(check, pain);
    }
    medications(check, note);
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

fn pain_assessment(check: &mut Check<'_>, pain: &PainAssessment) {
    for (index, diagnosis) in pain.diagnoses.iter().enumerate() {
        check.icd10cm(Some(diagnosis), &format!("pain.diagnoses[{index}]"));
    }
    check.required(pain.mechanism.is_some(), "pain.mechanism", "The mechanism of pain");
    check.required(
        pain.central_sensitisation.is_some(),
        "pain.central_sensitisation",
        "Central sensitisation",
    );
    check.required(
        !pain.locations.is_empty(),
        "pain.locations",
        "At least one location of pain",
    );
    check.required(
        pain.temporal_pattern.is_some(),
        "pain.temporal_pattern",
        "The pattern over time",
    );
    check.range(pain.dn4_total, 0, 10, "pain.dn4_total");
    let unable = pain
        .unable_to_report_reason
        .as_ref()
        .is_some_and(|reason| !reason.trim().is_empty());
    let nrs = pain.nrs.clone().unwrap_or_default();
    for (name, value) in [
        ("worst_24h", nrs.worst_24h),
        ("least_24h", nrs.least_24h),
        ("average_24h", nrs.average_24h),
        ("now", nrs.now),
    ] {
        let path = format!("pain.nrs.{name}");
        check.limit("nrs", value, &path, &path);
        check.required(
            value.is_some() || unable,
            &path,
            "The rating, or why the patient cannot give one,",
        );
    }
    let falls = |low: Option<i32>, high: Option<i32>| low.zip(high).is_some_and(|(low, high)| low > high);
    let disorder = falls(nrs.least_24h, nrs.average_24h)
        || falls(nrs.average_24h, nrs.worst_24h)
        || falls(nrs.least_24h, nrs.worst_24h);
    check.hard(
        disorder,
        "pain.nrs",
        "nrs_order",
        "Least, average and worst pain must rise in this order.",
    );
    if let Some(now) = nrs.now {
        let outside = nrs.least_24h.is_some_and(|least| now < least) || nrs.worst_24h.is_some_and(|worst| now > worst);
        check.warn(
            outside,
            "pain.nrs.now",
            now,
            "nrs_now",
            "between the least and the worst of the past 24 h",
        );
    }
    if let Some(bpi) = &pain.bpi_interference {
        interference(check, bpi);
    }
    if let Some(esas) = &pain.esas_r {
        symptoms(check, esas);
    }
    if let Some(minutes) = pain.breakthrough.as_ref().and_then(|b| b.typical_duration_min) {
        check.range(Some(minutes), 0, 1440, "pain.breakthrough.typical_duration_min");
    }
}

fn interference(check: &mut Check<'_>, bpi: &BpiInterference) {
    let items = [
        ("general_activity", bpi.general_activity),
        ("mood", bpi.mood),
        ("walking", bpi.walking),
        ("normal_work", bpi.normal_work),
        ("relations", bpi.relations),
        ("sleep", bpi.sleep),
        ("enjoyment", bpi.enjoyment),
    ];
    for (name, value) in items {
        check.range(value, 0, 10, &format!("pain.bpi_interference.{name}"));
    }
    let mean = bpi_mean(bpi);
    let wrong = bpi.mean.is_some() && bpi.mean != mean;
    let allowed = mean.map_or_else(
        || "absent: fewer than four items are answered".to_owned(),
        |mean| mean.to_string(),
    );
    check.hard_allowing(
        wrong,
        "pain.bpi_interference.mean",
        "computed_value",
        "The mean does not follow from the items.",
        &allowed,
    );
}

/// Mean of the answered items to 0.1; usable from four answered ones (3.3).
pub(super) fn bpi_mean(bpi: &BpiInterference) -> Option<Decimal> {
    let items = [
        bpi.general_activity,
        bpi.mood,
        bpi.walking,
        bpi.normal_work,
        bpi.relations,
        bpi.sleep,
        bpi.enjoyment,
    ];
    let answered: Vec<i64> = items.into_iter().flatten().map(i64::from).collect();
    let number = i64::try_from(answered.len()).ok().filter(|number| *number >= 4)?;
    Some(
        Decimal::from(answered.iter().sum::<i64>())
            .over(number.into())?
            .round(1),
    )
}

fn symptoms(check: &mut Check<'_>, esas: &EsasScores) {
    let items = [
        ("pain", esas.pain),
        ("tiredness", esas.tiredness),
        ("drowsiness", esas.drowsiness),
        ("nausea", esas.nausea),
        ("lack_of_appetite", esas.lack_of_appetite),
        ("shortness_of_breath", esas.shortness_of_breath),
        ("depression", esas.depression),
        ("anxiety", esas.anxiety),
        ("wellbeing", esas.wellbeing),
        ("other.score", esas.other.as_ref().and_then(|other| other.score)),
    ];
    for (name, value) in items {
        check.range(value, 0, 10, &format!("pain.esas_r.{name}"));
    }
}

fn medications(check: &mut Check<'_>, note: &ConsultationNote) {
    check.required(note.medications.is_some(), "medications", "The list of medicines");
    let Some(medications) = &note.medications else { return };
    opioids(
        check,
        &medications.opioids,
        medications.no_opioids,
        medications.mme_total_per_day,
        "medications.opioids",
        "medications.mme_total_per_day",
    );
    check.limit(
        "mme_per_day",
        medications.mme_total_per_day,
        "medications.mme_total_per_day",
        "medications.mme_total_per_day",
    );
    let other_method = medications
        .mme_method
        .as_deref()
        .is_some_and(|method| method != mme::METHOD);
    check.hard_allowing(
        other_method,
        "medications.mme_method",
        "unknown_method",
        "Only the CDC 2022 method is known.",
        mme::METHOD,
    );
    for (list, name) in [(&medications.adjuvants, "adjuvants"), (&medications.other, "other")] {
        for (index, medicine) in list.iter().enumerate() {
            let path = format!("medications.{name}[{index}]");
            check.required_text(
                medicine.name.as_ref(),
                &format!("{path}.name"),
                "The name of the medicine",
            );
            check.not_negative(medicine.dose, &format!("{path}.dose"));
            check.unit(medicine.unit.as_ref(), &format!("{path}.unit"));
        }
    }
    for (index, effect) in note.side_effects.iter().enumerate() {
        let path = format!("side_effects[{index}]");
        check.required_text(effect.term.as_ref(), &format!("{path}.term"), "The term");
        check.required(effect.grade.is_some(), &format!("{path}.grade"), "The grade");
        super::recovery::grade(check, effect.grade, effect.ctcae_version.as_ref(), &path);
    }
}

/// Opioid lines and their sum, for both document types.
pub(super) fn opioids(
    check: &mut Check<'_>,
    lines: &[OpioidLine],
    none: Option<bool>,
    stored: Option<Decimal>,
    path: &str,
    total_path: &str,
) {
    check.required(
        !lines.is_empty() || none == Some(true),
        path,
        "The opioids taken, or that there are none,",
    );
    check.hard(
        !lines.is_empty() && none == Some(true),
        path,
        "contradiction",
        "Opioids are listed although the document says there are none.",
    );
    let sum = mme::total(lines);
    for (index, (line, computed)) in lines.iter().zip(&sum.lines).enumerate() {
        let at = |field: &str| format!("{path}[{index}].{field}");
        check.required_text(line.name.as_ref(), &at("name"), "The name of the opioid");
        check.required(line.dose.is_some(), &at("dose"), "The dose");
        check.required(line.unit.is_some(), &at("unit"), "The unit of the dose");
        check.not_negative(line.dose, &at("dose"));
        check.not_negative(line.avg_daily_amount, &at("avg_daily_amount"));
        check.not_negative(line.prn_average_doses_per_day, &at("prn_average_doses_per_day"));
        check.unit(line.unit.as_ref(), &at("unit"));
        if let Some(key) = line.mme_key {
            let unit = if key.amount_unit() == "ug/h" { "ug/h" } else { "mg" };
            let wrong = line.unit.as_deref().is_some_and(|found| found != unit);
            check.hard_allowing(
                wrong,
                &at("unit"),
                "wrong_unit",
                "The CDC 2022 factor holds for another unit.",
                unit,
            );
            let wrong = line
                .avg_daily_unit
                .as_deref()
                .is_some_and(|found| found != key.amount_unit());
            check.hard_allowing(
                wrong,
                &at("avg_daily_unit"),
                "wrong_unit",
                "The CDC 2022 factor holds for another unit.",
                key.amount_unit(),
            );
            let other_factor = line.mme_factor.is_some_and(|factor| factor != key.factor());
            check.hard_allowing(
                other_factor,
                &at("mme_factor"),
                "wrong_factor",
                "This is not the CDC 2022 factor.",
                &key.factor().to_string(),
            );
            let other_drug = line.rxnorm.as_deref().is_some_and(|code| code != key.rxnorm());
            check.hard_allowing(
                other_drug,
                &at("rxnorm"),
                "wrong_code",
                "The RxNorm code is of another ingredient than the MME row.",
                key.rxnorm(),
            );
            let misfit = line.is_prn == Some(true)
                && line
                    .prn_average_doses_per_day
                    .zip(line.dose)
                    .and_then(|(n, dose)| n.times(dose))
                    .zip(line.avg_daily_amount)
                    .is_some_and(|(product, amount)| product != amount);
            check.hard(
                misfit,
                &at("avg_daily_amount"),
                "computed_value",
                "The amount a day is not the dose times the doses taken a day.",
            );
        }
        let wrong = line.mme_per_day.is_some() && line.mme_per_day != computed.mme_per_day;
        let allowed = computed
            .mme_per_day
            .map_or_else(|| "absent: not counted in MME".to_owned(), |mme| mme.to_string());
        check.hard_allowing(
            wrong,
            &at("mme_per_day"),
            "computed_value",
            "MME does not follow from amount and factor.",
            &allowed,
        );
    }
    let wrong = stored.is_some_and(|stored| stored != sum.total) && !(lines.is_empty() && none != Some(true));
    check.hard_allowing(
        wrong,
        total_path,
        "computed_value",
        "The sum does not follow from the lines.",
        &sum.total.to_string(),
    );
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
