//! The fields of the records that both kinds of note use.

use liaison_clinical::content::medication::MmeKey;
use liaison_clinical::content::shared::FlagSource;
use liaison_clinical::content::shared::Route;

use super::{
    Field,
    Kind::{Choice, Day, Number, Text, YesNo},
    field, words,
};

pub(super) const URGENT_FLAG: &[Field] = &[
    field("code", "Reason", Choice(super::flag_codes)),
    field("detail", "One line for the first screen", Text),
    field("source", "Source", Choice(words!(FlagSource))).computed(),
];

pub(super) const CODED_CONCEPT: &[Field] = &[
    field("system", "Code system", Text).computed(),
    field("code", "Code", Text),
    field("display", "In words", Text),
];

pub(super) const OPIOID_LINE: &[Field] = &[
    field("name", "Opioid", Text),
    field("rxnorm", "RxNorm", Text),
    field("mme_key", "Counted in MME as", Choice(words!(MmeKey)))
        .help("Leave empty if the CDC 2022 table has no row: it is then \"not counted\""),
    field("form", "Form", Text),
    field("route", "Route", Choice(words!(Route))),
    field("dose", "One dose", Number),
    field("unit", "Unit", Text).help("mg, or ug/h for a patch"),
    field("frequency", "How often", Text),
    field("is_prn", "As needed", YesNo),
    field("prn_average_doses_per_day", "As needed: doses taken a day", Number),
    field("avg_daily_amount", "Amount a day", Number).help("As needed: computed from dose and doses taken"),
    field("avg_daily_unit", "Unit of the amount", Text),
    field("mme_factor", "Factor", Number).computed(),
    field("mme_per_day", "MME/day", Number).unit("MME/day").computed(),
    field("last_changed", "Last changed", Day),
    field("prescriber", "Prescriber", Text),
    field("last_dose", "Last dose on the infusion day", Text).fresh(),
];
