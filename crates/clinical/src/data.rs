//! The data this crate carries: input limits, codes, and synthetic patient journeys. All people in the
//! journeys are invented. Texts only; each is read by the module which uses it.

/// Input limits, `data/limits.json`.
pub const LIMITS: &str = include_str!("../data/limits.json");

/// Terminology codes with their verification grade, `data/codes.csv`.
pub const CODES: &str = include_str!("../data/codes.csv");

/// Interaction facts, `data/interactions.json`.
pub const INTERACTIONS: &str = include_str!("../data/interactions.json");

const JOURNEYS: &[(&str, &str)] = &[
    (
        "journey-a-responder.json",
        include_str!("../data/journeys/journey-a-responder.json"),
    ),
    (
        "journey-c-grade3-hypertension.json",
        include_str!("../data/journeys/journey-c-grade3-hypertension.json"),
    ),
    (
        "journey-d-not-eligible.json",
        include_str!("../data/journeys/journey-d-not-eligible.json"),
    ),
];

/// The synthetic journeys, as file name and JSON text, in the order of their names. A test holds this
/// list equal to the folder `data/journeys`.
pub fn journeys() -> impl Iterator<Item = (&'static str, &'static str)> {
    JOURNEYS.iter().copied()
}
