//! Home medicines and opioid lines (content specification 3.4 to 3.6). The sum itself is computed
//! in `compute::mme`.

use chrono::NaiveDate;

use super::shared::Route;
use crate::decimal::Decimal;

words! {
    /// Opioids with a factor in the CDC 2022 table (3.5).
    pub enum MmeKey {
        /// Codeine, oral.
        Codeine = "codeine",
        /// Fentanyl patch, micrograms per hour.
        FentanylTransdermal = "fentanyl_transdermal",
        /// Hydrocodone, oral.
        Hydrocodone = "hydrocodone",
        /// Hydromorphone, oral.
        Hydromorphone = "hydromorphone",
        /// Methadone, oral.
        Methadone = "methadone",
        /// Morphine, oral.
        Morphine = "morphine",
        /// Oxycodone, oral.
        Oxycodone = "oxycodone",
        /// Oxymorphone, oral.
        Oxymorphone = "oxymorphone",
        /// Tapentadol, oral.
        Tapentadol = "tapentadol",
        /// Tramadol, oral.
        Tramadol = "tramadol",
    }
}

content! {
    /// Home medicines with the MME total (3.4, 3.5).
    pub struct HomeMedications as "HomeMedicationsInput" {
        /// Every opioid taken, one line each; several patches are several lines.
        opioids: Vec<OpioidLine>,
        /// True when it was asked and no opioid is taken.
        no_opioids: Option<bool>,
        /// Sum in MME per day; "at least" if anything is excluded.
        mme_total_per_day: Option<Decimal>,
        /// Method of the sum, such as `CDC_2022`.
        mme_method: Option<String>,
        /// Opioids which the method does not count.
        mme_excluded: Vec<String>,
        /// Non-opioid analgesics.
        adjuvants: Vec<HomeMedicine>,
        /// Other medicines that matter with ketamine.
        other: Vec<HomeMedicine>,
        /// Benzodiazepines at home?
        benzodiazepines_at_home: Option<bool>,
    }
}

content! {
    /// One opioid as taken (3.4). The factor is stored on the line, so that history does not change
    /// when factors do (3.5 rule 6).
    pub struct OpioidLine as "OpioidLineInput" {
        /// Name with its form of release.
        name: Option<String>,
        /// RxNorm ingredient.
        rxnorm: Option<String>,
        /// Row of the CDC 2022 table; absent if the opioid is not counted.
        mme_key: Option<MmeKey>,
        /// Dose form.
        form: Option<String>,
        /// Route.
        route: Option<Route>,
        /// One dose; micrograms per hour for a patch.
        dose: Option<Decimal>,
        /// UCUM unit of the dose.
        unit: Option<String>,
        /// Frequency in words.
        frequency: Option<String>,
        /// Taken as needed?
        is_prn: Option<bool>,
        /// For PRN: doses actually taken a day, averaged over the last 3 to 7 days.
        prn_average_doses_per_day: Option<Decimal>,
        /// Amount a day.
        avg_daily_amount: Option<Decimal>,
        /// UCUM unit of the amount a day: `mg/d`, or `ug/h` for a patch.
        avg_daily_unit: Option<String>,
        /// Factor used for this line.
        mme_factor: Option<Decimal>,
        /// MME per day of this line; absent, never 0, when not counted.
        mme_per_day: Option<Decimal>,
        /// Start or last change.
        last_changed: Option<NaiveDate>,
        /// Who prescribes it.
        prescriber: Option<String>,
        /// Last dose on the infusion day, in words or a time.
        last_dose: Option<String>,
    }
}

content! {
    /// Another home medicine (3.4).
    pub struct HomeMedicine as "HomeMedicineInput" {
        /// Name.
        name: Option<String>,
        /// RxNorm ingredient.
        rxnorm: Option<String>,
        /// One dose.
        dose: Option<Decimal>,
        /// UCUM unit of the dose.
        unit: Option<String>,
        /// Route.
        route: Option<Route>,
        /// Frequency in words.
        frequency: Option<String>,
    }
}

content! {
    /// A side effect of opioids with its grade (3.6).
    pub struct OpioidSideEffect as "OpioidSideEffectInput" {
        /// CTCAE term.
        term: Option<String>,
        /// CTCAE version of the grade.
        ctcae_version: Option<String>,
        /// Grade, 1 to 5.
        grade: Option<i32>,
    }
}
