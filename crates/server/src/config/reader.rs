//! Reading sections so that one wrong key does not hide the next.
//!
//! Each section is read; a key that does not fit is reported, taken out, and the section is read again. Variables of the
//! environment are taken as text first, and as a number, a boolean or a list only where text does not fit, so that a
//! password of digits stays what it is.

use std::{collections::BTreeMap, path::PathBuf};

use figment::{
    Error, Figment, Metadata, Profile, Provider,
    error::{Actual, Kind},
    providers::{Data, Format, Toml},
    value::{Dict, Map, Value},
};
use serde::de::DeserializeOwned;

use super::{ConfigError, Problems};

pub(super) const SECTIONS: [&str; 11] = [
    "database",
    "email",
    "graphql",
    "http",
    "keys",
    "log",
    "monitor",
    "retention",
    "telemetry",
    "webhooks",
    "work",
];
const PREFIX: &str = "LIAISON_";
const ENVIRONMENT: &str = "environment";
/// More wrong keys than this in one section are not told.
const MOST: usize = 100;

pub(super) struct Reader {
    figment: Figment,
    file: Option<PathBuf>,
    pub(super) problems: Problems,
}

impl Reader {
    pub(super) fn new(
        file: Option<&(PathBuf, String)>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut problems = Problems::default();
        let mut figment = Figment::new();
        if let Some((path, text)) = file {
            let toml: Data<Toml> = Toml::string(text);
            if let Err(error) = toml.data() {
                // The parser shows the line itself between the first and the last; it may hold a secret.
                let why = error.to_string();
                let told: Vec<&str> = why.lines().filter(|line| !line.contains('|')).map(str::trim).collect();
                return Err(ConfigError(vec![format!(
                    "{}: not TOML: {}",
                    path.display(),
                    told.join(": ")
                )]));
            }
            figment = figment.merge(toml);
        }
        figment = figment.merge(Environment::read(variables, &mut problems));
        let reader = Self {
            figment,
            file: file.map(|(path, _)| path.clone()),
            problems,
        };
        Ok(reader.check_sections())
    }

    fn check_sections(mut self) -> Self {
        let all: Dict = self.figment.extract().unwrap_or_default();
        for name in all.keys().filter(|name| !SECTIONS.contains(&name.as_str())) {
            self.problems.add(
                name,
                format!("there is no such section; the sections are {}", SECTIONS.join(", ")),
            );
        }
        self
    }

    /// A section, with defaults for what is not given and for what does not fit.
    pub(super) fn section<T: DeserializeOwned + Default>(&mut self, name: &str) -> T {
        let Ok(mut value) = self.figment.find_value(name) else {
            return T::default();
        };
        if value.as_dict().is_none() {
            self.problems
                .add(name, format!("is a section; write its keys below [{name}]"));
            return T::default();
        }
        let mut tried = Vec::new();
        for _ in 0..MOST {
            let Err(error) = value.deserialize::<T>() else {
                return value.deserialize().unwrap_or_default();
            };
            let mut path: Vec<&str> = error.path.iter().map(String::as_str).collect();
            // An element of a list is taken out with its list.
            while path.last().is_some_and(|last| last.parse::<usize>().is_ok()) {
                path.pop();
            }
            let key = format!("{name}.{}", path.join("."));
            let Some(place) = find(&mut value, &path) else {
                self.problems.add(name, message(&error));
                return T::default();
            };
            let text = place
                .as_str()
                .filter(|_| self.is_of_environment(&key) && !tried.contains(&key));
            if let (Some(text), Kind::InvalidType(..)) = (text, &error.kind) {
                // Parsing never fails: what is no number, boolean or list is text again.
                let Ok(parsed) = text.parse::<Value>();
                *place = parsed;
                tried.push(key);
                continue;
            }
            self.problems.add(&key, message(&error));
            remove(&mut value, &path);
        }
        T::default()
    }

    fn is_of_environment(&self, key: &str) -> bool {
        self.figment
            .find_metadata(key)
            .is_some_and(|metadata| metadata.name == ENVIRONMENT)
    }

    /// All problems, each with where its value comes from.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(self.problems.clone().told(|key| {
            let metadata = self.figment.find_metadata(key)?;
            if metadata.name == ENVIRONMENT {
                return Some(format!("{PREFIX}{}", key.to_uppercase().replace('.', "__")));
            }
            self.file.as_ref().map(|path| path.display().to_string())
        }))
    }
}

fn find<'v>(value: &'v mut Value, path: &[&str]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, key| match value {
        Value::Dict(_, dict) => dict.get_mut(*key),
        _ => None,
    })
}

fn remove(value: &mut Value, path: &[&str]) {
    if let Some((last, above)) = path.split_last()
        && let Some(Value::Dict(_, dict)) = find(value, above)
    {
        dict.remove(*last);
    }
}

/// What is wrong, never with the value: it may be a secret.
fn message(error: &Error) -> String {
    match &error.kind {
        Kind::UnknownField(_, []) => "there is no such key".to_owned(),
        Kind::UnknownField(_, known) => format!("there is no such key here; the keys are {}", known.join(", ")),
        Kind::UnknownVariant(_, known) => format!("expected one of {}", known.join(", ")),
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
            format!("expected {}, found {}", plain(expected), shape(actual))
        }
        other => other.to_string(),
    }
}

fn plain(expected: &str) -> String {
    match expected {
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u8" | "u32" | "u64" | "usize" => "a whole number of 0 or more".to_owned(),
        "f64" => "a number".to_owned(),
        "a string" | "path string" => "text in quotes".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        other => other.to_owned(),
    }
}

fn shape(actual: &Actual) -> &'static str {
    match actual {
        Actual::Bool(_) => "true or false",
        Actual::Unsigned(_) | Actual::Signed(_) => "a number that does not fit",
        Actual::Float(_) => "a number with a fraction",
        Actual::Str(_) | Actual::Char(_) => "text",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        _ => "something else",
    }
}

/// The variables `LIAISON_SECTION__KEY`, each as text.
struct Environment(Dict);

impl Environment {
    fn read(variables: impl IntoIterator<Item = (String, String)>, problems: &mut Problems) -> Self {
        let mut root = Dict::new();
        let sorted: BTreeMap<String, String> = variables.into_iter().collect();
        for (name, value) in sorted {
            let Some(rest) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let rest = rest.to_lowercase();
            if rest.contains("__") {
                let keys: Vec<&str> = rest.split("__").collect();
                insert(&mut root, &keys, value);
            } else if let Some((section, key)) = rest.split_once('_')
                && SECTIONS.contains(&section)
            {
                let meant = format!("{PREFIX}{}__{}", section.to_uppercase(), key.to_uppercase());
                problems.add(&name, format!("section and key are parted by two underscores: {meant}"));
            }
        }
        Self(root)
    }
}

fn insert(dict: &mut Dict, keys: &[&str], value: String) {
    match keys {
        [] => {}
        [last] => drop(dict.insert((*last).to_owned(), Value::from(value))),
        [first, rest @ ..] => {
            let below = dict
                .entry((*first).to_owned())
                .or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, dict) = below {
                insert(dict, rest, value);
            }
        }
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named(ENVIRONMENT)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.0.clone()))
    }
}
