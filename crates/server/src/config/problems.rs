//! Everything that is wrong with a configuration, said at once.

use std::fmt;

/// One problem: the key and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Problem {
    key: String,
    message: String,
}

/// The problems found so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    /// Adds a problem of a key such as `http.listen`.
    pub(super) fn add(&mut self, key: &str, message: impl Into<String>) {
        self.0.push(Problem {
            key: key.to_owned(),
            message: message.into(),
        });
    }

    /// Adds a problem unless the number lies within its bounds.
    pub(super) fn within(&mut self, key: &str, value: u64, range: std::ops::RangeInclusive<u64>) {
        if !range.contains(&value) {
            self.add(
                key,
                format!("is {value}; choose a value from {} to {}", range.start(), range.end()),
            );
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where each key's value comes from is told beside it.
    pub(super) fn told(self, origin: impl Fn(&str) -> Option<String>) -> ConfigError {
        let lines = self.0.into_iter().map(|problem| {
            let origin = origin(&problem.key)
                .map(|origin| format!(" (from {origin})"))
                .unwrap_or_default();
            format!("{}: {}{origin}", problem.key, problem.message)
        });
        ConfigError(lines.collect())
    }
}

/// A configuration that cannot be used, with every problem on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigError(pub(crate) Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(
            f,
            "the configuration has {count} problem{}:",
            if count == 1 { "" } else { "s" }
        )?;
        for line in &self.0 {
            write!(f, "\n  - {line}")?;
        }
        write!(f, "\n`liaison config example` shows every key with its default")
    }
}

impl std::error::Error for ConfigError {}
