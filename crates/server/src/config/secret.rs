//! Secrets in the configuration: given by value or by file, never printed.

use std::{fmt, path::Path};

use serde::Deserialize;
use zeroize::Zeroizing;

use super::Problems;

/// A secret text. `Debug` shows nothing of it and there is no `Display`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    /// The secret itself, for the one place that needs it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The secret that is given by value or by file; a problem where both are, or where the file cannot be read. The line
/// end that editors put behind a secret in a file is no part of it.
pub(super) fn resolve(
    key: &str,
    value: Option<&Secret>,
    file: Option<&Path>,
    problems: &mut Problems,
) -> Option<Secret> {
    match (value, file) {
        (Some(_), Some(_)) => {
            problems.add(key, format!("is given by value and by {key}_file; keep one of them"));
            None
        }
        (Some(value), None) if value.expose().is_empty() => {
            problems.add(key, "is empty; give the secret or take the key out");
            None
        }
        (Some(value), None) => Some(value.clone()),
        (None, Some(path)) => match std::fs::read_to_string(path).map(Zeroizing::new) {
            Ok(text) if text.trim_end_matches(['\r', '\n']).is_empty() => {
                problems.add(&format!("{key}_file"), format!("{}: the file is empty", path.display()));
                None
            }
            Ok(text) => Some(Secret::from(text.trim_end_matches(['\r', '\n']).to_owned())),
            Err(error) => {
                problems.add(&format!("{key}_file"), format!("{}: {error}", path.display()));
                None
            }
        },
        (None, None) => None,
    }
}
