//! `[keys]`: the master keys that seal clinical data, and the key that signs the ledger.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Problems, Secret};

/// The keys: each as text from the environment or from a file that only its owner can read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Keys {
    /// The master keys themselves, lines `master ID BASE64`; wins nothing over a file: only one may be given.
    pub(crate) master: Option<Secret>,
    /// Their file.
    pub(crate) master_file: PathBuf,
    /// The ledger's key itself, a line `ledger NAME BASE64`.
    pub(crate) ledger: Option<Secret>,
    /// Its file.
    pub(crate) ledger_file: PathBuf,
    /// The ledger's name (origin), written into the key when it is made and fixed from then on.
    pub(crate) ledger_name: Option<String>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            master: None,
            master_file: PathBuf::from("data/master.key"),
            ledger: None,
            ledger_file: PathBuf::from("data/ledger.key"),
            ledger_name: None,
        }
    }
}

impl Keys {
    pub(super) fn check(&self, problems: &mut Problems) {
        let defaults = Self::default();
        let mut both = |key: &str, value: &Option<Secret>, file: bool| match value {
            Some(_) if file => problems.add(key, format!("is given by value and by {key}_file; keep one of them")),
            Some(value) if value.expose().trim().is_empty() => problems.add(key, "is empty; take it out or fill it"),
            _ => {}
        };
        both("keys.master", &self.master, self.master_file != defaults.master_file);
        both("keys.ledger", &self.ledger, self.ledger_file != defaults.ledger_file);
        if self.master_file == self.ledger_file {
            problems.add("keys.ledger_file", "is the master keys' file too; give each its own");
        }
        if self.ledger_name.as_deref().is_some_and(|name| !is_name(name)) {
            problems.add(
                "keys.ledger_name",
                "a ledger's name has 1 to 200 visible ASCII characters and no + or space",
            );
        }
    }
}

/// A key name of C2SP `signed-note`, narrowed to visible ASCII.
fn is_name(name: &str) -> bool {
    (1..=200).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'+')
}
