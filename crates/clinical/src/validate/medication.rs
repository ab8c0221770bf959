//! Checks of home medicines and of opioid lines with their sum (content specification 3.4 to 3.6, 4.10).

use super::{check::Check, recovery};
use crate::{
    compute::mme,
    content::{consultation::ConsultationNote, medication::OpioidLine},
    decimal::Decimal,
};

pub(super) fn check(check: &mut Check<'_>, note: &ConsultationNote) {
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
        recovery::grade(check, effect.grade, effect.ctcae_version.as_ref(), &path);
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
