//! Exit codes, and how a failure is told.

use std::process::ExitCode;

use liaison_service::ServiceError;
use liaison_store::StoreError;

use crate::config::ConfigError;

/// Exit codes as every `--help` shows them.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  failed, or a check found something wrong
  2  wrong usage or configuration
  3  not ready: migrations are pending, or the database cannot be reached";

/// Something the person at the terminal got wrong: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Something that must be done first: exit code 3.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotReady(pub(crate) String);

/// A check that found something wrong and has said so on standard output: exit code 1, nothing more to say.
#[derive(Debug, thiserror::Error)]
#[error("a check failed")]
pub(crate) struct Told;

/// The exit code of a failed command.
pub(crate) fn code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if cause.is::<Usage>() || cause.is::<ConfigError>() {
            return 2;
        }
        if cause.is::<NotReady>() || matches!(cause.downcast_ref(), Some(ServiceError::Unavailable)) {
            return 3;
        }
        match cause.downcast_ref::<StoreError>() {
            Some(StoreError::PendingMigrations(_) | StoreError::Database { unavailable: true, .. }) => return 3,
            Some(StoreError::Database {
                statement: "connect", ..
            }) => return 3,
            Some(StoreError::Url(_)) => return 2,
            _ => {}
        }
    }
    1
}

/// Tells a failure on standard error and gives its exit code.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    if !error.is::<Told>() {
        crate::out::complain(format_args!("error: {}", describe(error)));
    }
    ExitCode::from(code(error))
}

/// The error with its causes, each once: many errors repeat their cause's words in their own.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !told.contains(&text) {
            if !told.is_empty() {
                told.push_str(": ");
            }
            told.push_str(&text);
        }
    }
    told
}
