//! `Phi<T>`: protected health information that cannot slip into a log, an error or a page by accident.

use std::fmt;

/// Protected health information (45 CFR 160.103). `Debug` shows nothing of it and there is no `Display`, so that it
/// reaches a reader only where code asks for it by name.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Marks a value as PHI.
    pub fn new(value: T) -> Self {
        Self(value)
    }
    /// Shows the value, for a reader whose access was decided and recorded.
    pub fn reveal(&self) -> &T {
        &self.0
    }
    /// Takes the value out, for a reader whose access was decided and recorded.
    pub fn into_revealed(self) -> T {
        self.0
    }
}

impl<T> From<T> for Phi<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phi(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Phi::new("Synthia Testpatient-Rivera")), "Phi(…)");
    }
}
