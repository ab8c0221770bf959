//! Drug interaction facts (content specification 7), from `data/interactions.json`. Reference for
//! clinicians: no blocking, no scoring, no recommended action. Rows nobody reviewed are hidden in
//! production.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::{
    content::{consultation::ConsultationNote, infusion::InfusionSummary},
    data,
};

/// What stands above every list of facts (7).
pub const NOTICE: &str =
    "Reference information for clinicians. Not advice, not complete, not decision support. Sources and dates shown.";

words! {
    /// Words of severity of this product, except where a source's own word is quoted (7).
    pub enum InteractionSeverity {
        /// Background only.
        Context = "context",
        /// Minor.
        Minor = "minor",
        /// Moderate.
        Moderate = "moderate",
        /// Major.
        Major = "major",
    }
}

/// One fact about a class of drugs with ketamine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
#[serde(deny_unknown_fields)]
pub struct InteractionFact {
    /// Stable word of the class, as in a note's `interaction_flags`.
    pub class: String,
    /// Words for people.
    pub label: String,
    /// Ingredients of the class, lower case.
    pub drugs: Vec<String>,
    /// The fact.
    pub fact: String,
    /// Severity shown.
    pub severity: InteractionSeverity,
    /// Where the fact comes from.
    pub source: String,
    /// When it was looked up.
    pub retrieved: Option<String>,
    /// The clinician who reviewed the row; without one it is hidden in production.
    pub reviewed_by: Option<String>,
}

/// A fact with the drugs of this patient that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
pub struct InteractionMatch {
    /// The fact.
    pub fact: InteractionFact,
    /// Drugs of the patient that matched, as entered.
    pub drugs: Vec<String>,
    /// Is the row still without a reviewer? Then it must not be shown in production.
    pub hidden_in_production: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    version: String,
    #[serde(rename = "notice")]
    _notice: String,
    rows: Vec<InteractionFact>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| serde_json::from_str(data::INTERACTIONS).expect("the embedded interaction table is well formed"));

/// Version of the table.
pub fn version() -> &'static str {
    &TABLE.version
}

/// Every row, reviewed or not.
pub fn facts() -> &'static [InteractionFact] {
    &TABLE.rows
}

/// The facts whose drugs are among `medicines` (names as entered, matched by whole words).
/// `production` leaves out rows without a reviewer.
pub fn matches(medicines: &[&str], production: bool) -> Vec<InteractionMatch> {
    facts()
        .iter()
        .filter_map(|fact| {
            let hidden_in_production = fact.reviewed_by.is_none();
            if production && hidden_in_production {
                return None;
            }
            let drugs: Vec<String> = medicines
                .iter()
                .filter(|name| contains_any(name, &fact.drugs))
                .map(|name| (*name).to_owned())
                .collect();
            (!drugs.is_empty()).then(|| InteractionMatch {
                fact: fact.clone(),
                drugs,
                hidden_in_production,
            })
        })
        .collect()
}

fn contains_any(name: &str, drugs: &[String]) -> bool {
    let name = name.to_lowercase();
    name.split(|c: char| !c.is_alphanumeric())
        .any(|word| drugs.iter().any(|drug| drug == word))
}

/// The medicines named at a consultation: opioids, adjuvants, others and cancer treatment.
pub fn medicines_of_consultation(note: &ConsultationNote) -> Vec<&str> {
    let home = note.medications.as_ref();
    let opioids = home
        .map(|m| m.opioids.as_slice())
        .unwrap_or_default()
        .iter()
        .filter_map(|o| o.name.as_deref());
    let adjuvants = home.map(|m| m.adjuvants.as_slice()).unwrap_or_default();
    let others = home.map(|m| m.other.as_slice()).unwrap_or_default();
    let cancer = note
        .cancer
        .as_ref()
        .map(|c| c.current_treatment.as_slice())
        .unwrap_or_default();
    opioids
        .chain(adjuvants.iter().chain(others).filter_map(|m| m.name.as_deref()))
        .chain(cancer.iter().map(String::as_str))
        .collect()
}

/// The medicines named in an infusion summary: opioids, adjuncts and new medicines.
pub fn medicines_of_infusion(summary: &InfusionSummary) -> Vec<&str> {
    let opioids = summary.opioids_current.iter().filter_map(|o| o.name.as_deref());
    let adjuncts = summary.adjuncts.iter().filter_map(|a| a.name.as_deref());
    let new = summary
        .pre_infusion_check
        .as_ref()
        .map(|c| c.new_medicines.as_slice())
        .unwrap_or_default();
    opioids.chain(adjuncts).chain(new.iter().map(String::as_str)).collect()
}
