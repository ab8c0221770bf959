//! Dose arithmetic (content specification 4.2): rates times hours plus bolus, and milligrams from
//! weight.

use crate::{
    content::infusion::{InfusionRecord, RateSegment},
    decimal::Decimal,
};

/// Dose in mg/kg: bolus plus the sum of rate times hours, exact to the type's 28 digits. `None` if a
/// segment lacks a value, there is no segment and no bolus, or a product leaves the range.
pub fn dose_mg_per_kg(bolus: Option<Decimal>, segments: &[RateSegment]) -> Option<Decimal> {
    if segments.is_empty() && bolus.is_none() {
        return None;
    }
    segments.iter().try_fold(bolus.unwrap_or_default(), |sum, segment| {
        let minutes = i64::from(segment.end_min?) - i64::from(segment.start_min?);
        let mg_per_kg = segment.rate_mg_per_kg_h?.times(minutes.into())?.over(60.into())?;
        sum.plus(mg_per_kg)
    })
}

/// The dose of an infusion in mg/kg, from its bolus and rate segments.
pub fn computed_dose(infusion: &InfusionRecord) -> Option<Decimal> {
    dose_mg_per_kg(infusion.bolus_mg_per_kg, &infusion.rate_segments)
}

/// Total in mg from mg/kg and kg, to 0.1 mg.
pub fn total_mg(dose_mg_per_kg: Decimal, weight_kg: Decimal) -> Option<Decimal> {
    Some(dose_mg_per_kg.times(weight_kg)?.round(1))
}

/// Mean arterial pressure in mmHg, (SBP + 2 x DBP) / 3, half up (1.2). Exact for every `i32`.
pub fn mean_arterial_pressure(sbp: i32, dbp: i32) -> i32 {
    let sum = i64::from(sbp) + 2 * i64::from(dbp);
    // Adding 1 before the division by 3 rounds thirds to the nearest; there is no exact half.
    i32::try_from((sum + 1).div_euclid(3)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_pressure_is_rounded_to_the_nearest() {
        for (sbp, dbp, map) in [
            (120, 80, 93),
            (204, 112, 143),
            (186, 112, 137),
            (134, 81, 99),
            (133, 81, 98),
            (100, 70, 80),
        ] {
            assert_eq!(mean_arterial_pressure(sbp, dbp), map);
        }
    }

    #[test]
    fn two_rates_and_a_bolus_add_up() {
        let segment = |start, end, rate: &str| RateSegment {
            start_min: Some(start),
            end_min: Some(end),
            rate_mg_per_kg_h: Some(rate.parse().unwrap()),
        };
        let segments = [segment(0, 15, "0.45"), segment(15, 25, "0.25")];
        let dose = dose_mg_per_kg(None, &segments).unwrap();
        assert_eq!(dose.round(4).to_string(), "0.1542");
        assert_eq!(total_mg(dose, "88.9".parse().unwrap()).unwrap().to_string(), "13.7");
        let with_bolus = dose_mg_per_kg(Some("0.1".parse().unwrap()), &segments).unwrap();
        assert_eq!(with_bolus.round(4).to_string(), "0.2542");
        assert_eq!(dose_mg_per_kg(None, &[]), None);
    }
}
