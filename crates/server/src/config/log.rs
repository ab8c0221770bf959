//! `[log]`: what is told on standard error.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::Problems;

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// The form of a line.
    pub(crate) format: Format,
    /// Directives of `tracing-subscriber`, such as `info` or `info,liaison_jobs=debug`.
    pub(crate) filter: String,
}

impl Default for Log {
    fn default() -> Self {
        // The database drivers log statements with their values below this level.
        Self {
            format: Format::Text,
            filter: "info,sqlx=warn".to_owned(),
        }
    }
}

impl Log {
    pub(super) fn check(&self, problems: &mut Problems) {
        if let Err(error) = EnvFilter::builder().parse(&self.filter) {
            problems.add(
                "log.filter",
                format!("{error}; write it like info or info,liaison_jobs=debug"),
            );
        }
    }
}
