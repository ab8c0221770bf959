//! The fields and records that both kinds of note have.

use liaison_clinical::content::medication::MmeKey;
use liaison_clinical::content::shared::FlagSource;
use liaison_clinical::content::shared::Route;
use liaison_clinical::content::shared::Urgency;

use super::{
    Field,
    Kind::{Choice, Day, Number, Rows, Text, Tick, YesNo},
    Layout::Table,
    field, words,
};

pub(super) const URGENCY: Field = field("urgency", "Urgency, if you raise it", Choice(words!(Urgency)))
    .fresh()
    .help("Left empty, it is computed from the note");

pub(super) const URGENT_FLAGS: Field = field(
    "urgent_flags",
    "Reasons for urgency that you add",
    Rows(URGENT_FLAG, Table),
)
.fresh();

pub(super) const NO_OPIOIDS: Field = field("no_opioids", "Asked: no opioids", Tick);

/// The ingredient's code.
pub(super) const RXNORM: Field = field("rxnorm", "RxNorm", Text);

/// The unit of a dose.
pub(super) const UNIT: Field = field("unit", "Unit", Text);

pub(super) const ROUTE: Field = field("route", "Route", Choice(words!(Route)));

const URGENT_FLAG: &[Field] = &[
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
    RXNORM,
    field("mme_key", "Counted in MME as", Choice(words!(MmeKey)))
        .help("Leave empty if the CDC 2022 table has no row: it is then \"not counted\""),
    field("form", "Form", Text),
    ROUTE,
    field("dose", "One dose", Number),
    UNIT.help("mg, or ug/h for a patch"),
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
