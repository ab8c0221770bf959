//! Morphine milligram equivalents per day by the CDC 2022 table (content specification 3.5; MMWR
//! 2022;71(RR-3)). An estimate, never for converting one opioid to another, and without the 50/90
//! alarms, which do not address cancer pain.

use serde::Serialize;

use crate::{
    content::{
        medication::{MmeKey, OpioidLine},
        shared::Route,
    },
    decimal::Decimal,
};

/// Name of the method, stored with every sum.
pub const METHOD: &str = "CDC_2022";

/// What stands beside every figure (3.5).
pub const CAVEAT: &str = "Estimate (CDC 2022 factors). Not for converting one opioid to another. \
    Particular caution with methadone and transdermal fentanyl.";

impl MmeKey {
    /// The CDC 2022 factor: MME per mg a day; for fentanyl patches, MME/day per microgram per hour.
    pub fn factor(self) -> Decimal {
        let (mantissa, scale) = match self {
            Self::Codeine => (15, 2),
            Self::FentanylTransdermal => (24, 1),
            Self::Hydrocodone | Self::Morphine => (1, 0),
            Self::Hydromorphone => (5, 0),
            Self::Methadone => (47, 1),
            Self::Oxycodone => (15, 1),
            Self::Oxymorphone => (3, 0),
            Self::Tapentadol => (4, 1),
            Self::Tramadol => (2, 1),
        };
        Decimal::new(mantissa, scale)
    }

    /// The RxNorm ingredient.
    pub fn rxnorm(self) -> &'static str {
        match self {
            Self::Codeine => "2670",
            Self::FentanylTransdermal => "4337",
            Self::Hydrocodone => "5489",
            Self::Hydromorphone => "3423",
            Self::Methadone => "6813",
            Self::Morphine => "7052",
            Self::Oxycodone => "7804",
            Self::Oxymorphone => "7814",
            Self::Tapentadol => "787390",
            Self::Tramadol => "10689",
        }
    }

    /// The UCUM unit of the amount that is multiplied.
    pub fn amount_unit(self) -> &'static str {
        if self == Self::FentanylTransdermal {
            "ug/h"
        } else {
            "mg/d"
        }
    }

    /// The only route for which the factor holds.
    pub fn route(self) -> Route {
        if self == Self::FentanylTransdermal {
            Route::Transdermal
        } else {
            Route::Oral
        }
    }
}

/// One opioid of the sum, with its inputs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
pub struct MmeLine {
    /// Name as entered.
    pub name: String,
    /// Amount that was multiplied.
    pub amount: Option<Decimal>,
    /// UCUM unit of the amount.
    pub unit: Option<String>,
    /// Factor.
    pub factor: Option<Decimal>,
    /// MME per day to 0.01; absent, never 0, when not counted.
    pub mme_per_day: Option<Decimal>,
    /// Taken as needed?
    pub is_prn: bool,
    /// Why the line is not counted.
    pub not_counted_because: Option<String>,
}

/// The sum with its lines, inputs and method.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
pub struct MmeTotal {
    /// Method, `CDC_2022`.
    pub method: String,
    /// Sum in MME per day, to 0.01.
    pub total: Decimal,
    /// Is something taken that the method does not count? Then the sum is "at least" that much.
    pub at_least: bool,
    /// Part of the scheduled doses.
    pub scheduled: Decimal,
    /// Part of the doses taken as needed.
    pub prn: Decimal,
    /// Each opioid.
    pub lines: Vec<MmeLine>,
    /// Names of those not counted.
    pub excluded: Vec<String>,
    /// What must stand beside the figure.
    pub caveat: String,
}

impl MmeTotal {
    /// The figure for people, to 0.1: `270 MME/day`, or `at least 280 MME/day`.
    pub fn text(&self) -> String {
        let prefix = if self.at_least { "at least " } else { "" };
        format!("{prefix}{} MME/day", self.total.round(1))
    }
}

/// The MME of one line, or why it is not counted.
fn line(opioid: &OpioidLine) -> MmeLine {
    let mut line = MmeLine {
        name: opioid.name.clone().unwrap_or_else(|| "unnamed opioid".to_owned()),
        amount: None,
        unit: None,
        factor: None,
        mme_per_day: None,
        is_prn: opioid.is_prn == Some(true),
        not_counted_because: None,
    };
    let refused = |line: &mut MmeLine, why: &str| line.not_counted_because = Some(why.to_owned());
    let Some(key) = opioid.mme_key else {
        refused(&mut line, "not in the CDC 2022 table");
        return line;
    };
    if opioid.route.is_some_and(|route| route != key.route()) {
        refused(&mut line, "the CDC 2022 table has no factor for this route");
        return line;
    }
    // A patch counts by its hourly strength, whatever its days; several patches are several lines.
    line.amount = if key == MmeKey::FentanylTransdermal {
        opioid.dose.or(opioid.avg_daily_amount)
    } else {
        opioid
            .avg_daily_amount
            .or_else(|| opioid.prn_average_doses_per_day?.times(opioid.dose?))
    };
    line.unit = Some(key.amount_unit().to_owned());
    // The factor stored on the line wins, so that history does not change when factors do (rule 6).
    line.factor = Some(opioid.mme_factor.unwrap_or_else(|| key.factor()));
    line.mme_per_day = line
        .amount
        .zip(line.factor)
        .and_then(|(amount, factor)| amount.times(factor))
        .map(|mme| mme.round(2));
    if line.mme_per_day.is_none() {
        refused(&mut line, "the amount taken a day is not known");
    }
    line
}

/// Sums opioids by the CDC 2022 table, to 0.01 MME per day.
pub fn total(opioids: &[OpioidLine]) -> MmeTotal {
    let lines: Vec<MmeLine> = opioids.iter().map(line).collect();
    let sum = |prn: bool| {
        lines
            .iter()
            .filter(|line| line.is_prn == prn)
            .filter_map(|line| line.mme_per_day)
            .fold(Decimal::ZERO, |sum, mme| sum.plus(mme).unwrap_or(sum))
    };
    let (scheduled, prn) = (sum(false), sum(true));
    let excluded: Vec<String> = lines
        .iter()
        .filter(|line| line.mme_per_day.is_none())
        .map(|line| line.name.clone())
        .collect();
    MmeTotal {
        method: METHOD.to_owned(),
        total: scheduled.plus(prn).unwrap_or(scheduled).round(2),
        at_least: !excluded.is_empty(),
        scheduled,
        prn,
        lines,
        excluded,
        caveat: CAVEAT.to_owned(),
    }
}
