//! Configuration: one struct for each section, with defaults and validation.
//!
//! Values come from a TOML file and then from the environment (`LIAISON_SECTION__KEY`), the later one wins. Unknown keys
//! are errors, and all problems are told at once. Nothing here opens a database or a socket.

mod database;
mod email;
mod http;
mod keys;
mod log;
mod monitor;
mod problems;
mod reader;
mod retention;
mod secret;
mod telemetry;
#[cfg(test)]
mod tests;
mod webhooks;
mod work;

use std::path::{Path, PathBuf};

pub(crate) use database::{Database, EngineUrl};
pub(crate) use email::Email;
pub(crate) use http::Http;
pub(crate) use keys::Keys;
use liaison_graphql::http::GraphQlSettings;
pub(crate) use log::{Format, Log};
pub(crate) use monitor::Monitor;
pub(crate) use problems::{ConfigError, Problems};
pub(crate) use retention::Retention;
pub(crate) use secret::Secret;
pub(crate) use telemetry::Telemetry;
pub(crate) use webhooks::Webhooks;
pub(crate) use work::Work;

/// Looked for when neither `--config` nor `LIAISON_CONFIG` names a file.
pub(crate) const DEFAULT_FILE: &str = "liaison.toml";

/// Every key with its default and what it is for, as `liaison config example` prints it.
pub(crate) const EXAMPLE: &str = include_str!("example.toml");

/// The whole configuration, checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Config {
    /// The file it was read from, where there was one.
    pub(crate) file: Option<PathBuf>,
    pub(crate) database: Database,
    pub(crate) keys: Keys,
    pub(crate) http: Http,
    pub(crate) graphql: GraphQlSettings,
    pub(crate) email: Email,
    pub(crate) webhooks: Webhooks,
    pub(crate) work: Work,
    pub(crate) retention: Retention,
    pub(crate) monitor: Monitor,
    pub(crate) log: Log,
    pub(crate) telemetry: Telemetry,
}

/// The configuration of this process: from `file`, else [`DEFAULT_FILE`] where it exists, and the environment.
pub(crate) fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        // A variable of ours that is not UTF-8 is reported by its key; others are no business of ours.
        let name = name.into_string().ok().filter(|name| name.starts_with("LIAISON_"))?;
        Some((name, value.to_string_lossy().into_owned()))
    });
    let found = Path::new(DEFAULT_FILE);
    let path = file.or_else(|| found.exists().then_some(found));
    let text = match path {
        Some(path) => Some((path.to_owned(), read(path)?)),
        None => None,
    };
    parse(text, variables)
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file; check --config and LIAISON_CONFIG".to_owned(),
            std::io::ErrorKind::InvalidData => "the file is not UTF-8 text".to_owned(),
            _ => error.to_string(),
        };
        ConfigError(vec![format!("{}: {why}", path.display())])
    })
}

/// The configuration of a TOML text and environment variables.
pub(crate) fn parse(
    file: Option<(PathBuf, String)>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let mut reader = reader::Reader::new(file.as_ref(), variables)?;
    let mut config = Config {
        file: file.map(|(path, _)| path),
        database: reader.section("database"),
        keys: reader.section("keys"),
        http: reader.section("http"),
        graphql: reader.section("graphql"),
        email: reader.section("email"),
        webhooks: reader.section("webhooks"),
        work: reader.section("work"),
        retention: reader.section("retention"),
        monitor: reader.section("monitor"),
        log: reader.section("log"),
        telemetry: reader.section("telemetry"),
    };
    let problems = &mut reader.problems;
    config.database.check(problems);
    config.keys.check(problems);
    config.http.check(problems);
    if let Err(error) = config.graphql.validate() {
        let message = format!("is {}; choose a value from {} to {}", error.value, error.min, error.max);
        problems.add(&format!("graphql.{}", error.name), message);
    }
    config.email.check(problems);
    config.webhooks.check(problems);
    config.work.check(problems);
    config.retention.check(problems);
    // Both, and the farewells, must fit into the 30 s after which a process is ended.
    let drains = !config.http.drain().is_zero();
    if drains && (config.http.drain() + config.work.grace()).as_secs() > 28 {
        problems.add(
            "http.drain_seconds",
            "and work.shutdown_seconds come to more than 28; lower one of them",
        );
    }
    config.log.check(problems);
    config.telemetry.check(problems);
    reader.finish()?;
    Ok(config)
}
