//! The UCUM codes content may carry (content specification 1.2), and how each is shown to people.
//! `mg/kg/hr` and `mcg` are not UCUM and are refused.

/// Every accepted UCUM code with its text for people. Micrograms are never shown with the Greek
/// letter, which is misread (1.2).
pub const UNITS: &[(&str, &str)] = &[
    ("mg", "mg"),
    ("g", "g"),
    ("ug", "micrograms"),
    ("mg/kg", "mg/kg"),
    ("mg/kg/h", "mg/kg/h"),
    ("ug/h", "micrograms/h"),
    ("mg/h", "mg/h"),
    ("mg/d", "mg/day"),
    ("mg/mL", "mg/mL"),
    ("mL", "mL"),
    ("mL/h", "mL/h"),
    ("mm[Hg]", "mmHg"),
    ("/min", "/min"),
    ("/d", "/day"),
    ("%", "%"),
    ("Cel", "degrees C"),
    ("kg", "kg"),
    ("cm", "cm"),
    ("min", "min"),
    ("h", "h"),
    ("d", "days"),
    ("a", "years"),
    ("L/min", "L/min"),
    ("{score}", ""),
    ("{MME}/d", "MME/day"),
    ("mg/dL", "mg/dL"),
    ("U/L", "U/L"),
    ("mL/min/{1.73_m2}", "mL/min/1.73 m2"),
    ("10*3/uL", "x10^3/uL"),
    ("g/dL", "g/dL"),
    ("ms", "ms"),
    ("1", ""),
    ("[IU]", "units"),
];

/// The text for people of a UCUM code, or `None` for a code outside [`UNITS`].
pub fn human(ucum: &str) -> Option<&'static str> {
    UNITS.iter().find(|(code, _)| *code == ucum).map(|(_, text)| *text)
}

/// A mistake often made instead of a UCUM code, and the code meant.
pub fn suggestion(unit: &str) -> Option<&'static str> {
    match unit {
        "mcg" | "µg" | "μg" => Some("ug"),
        "mcg/h" | "mcg/hr" | "µg/h" | "μg/h" => Some("ug/h"),
        "mg/kg/hr" => Some("mg/kg/h"),
        "mmHg" => Some("mm[Hg]"),
        "mg/day" => Some("mg/d"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_ucum_is_unknown_but_explained() {
        assert_eq!(human("ug/h"), Some("micrograms/h"));
        for wrong in ["mcg", "mg/kg/hr", "µg/h"] {
            assert_eq!(human(wrong), None);
            assert!(suggestion(wrong).is_some_and(|code| human(code).is_some()));
        }
    }
}
