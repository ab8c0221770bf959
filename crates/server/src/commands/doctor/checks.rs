//! Key files, and settings that are good for tests alone.

use std::path::Path;

use super::Findings;
use crate::{
    config::{Config, EngineUrl},
    exit, key_files,
};

pub(super) fn keys(config: &Config, found: &mut Findings) {
    let missing = key_files::missing(config);
    for path in &missing {
        let new = matches!(config.database.engine(), EngineUrl::Sqlite(file) if !file.exists());
        let shown = path.display();
        if new {
            found.warn(
                "keys",
                format!("{shown} does not exist yet"),
                "nothing to do: the first start makes it",
            );
        } else {
            found.fail(
                "keys",
                format!("{shown} is missing"),
                "bring it back from your copy; for a new database run `liaison keys init` once",
            );
        }
    }
    if config.keys.master.is_none() && !missing.contains(&config.keys.master_file.as_path()) {
        let path = &config.keys.master_file;
        match key_files::master(config).load() {
            Ok(_) => owned(path, "the master key", found),
            Err(error) => found.fail(
                "keys",
                error.to_string(),
                format!(
                    "chmod 600 {0}, owned by the user that runs liaison; or bring the file back from your copy",
                    path.display()
                ),
            ),
        }
    }
    if config.keys.ledger.is_some() || !missing.contains(&config.keys.ledger_file.as_path()) {
        match key_files::signer(config) {
            Ok(signer) => {
                if config.keys.ledger.is_none() {
                    owned(&config.keys.ledger_file, "the ledger's key", found);
                }
                found.ok("keys", format!("the ledger's public key is {}", signer.verifier()));
            }
            Err(error) => found.fail(
                "keys",
                exit::describe(&error),
                "without this key no checkpoint is signed: bring it back from your copy",
            ),
        }
    }
    let beside = |path: &Path| match config.database.engine() {
        EngineUrl::Sqlite(file) => file.parent() == path.parent(),
        EngineUrl::Postgres(_) => false,
    };
    if config.keys.master.is_none() && beside(&config.keys.master_file) {
        found.warn(
            "keys",
            "the master key lies beside the database: whoever copies the folder can read everything",
            "move it (keys.master_file) and keep a copy apart",
        );
    }
}

/// Whose a key's file is, and whether others could put another one in its place.
fn owned(path: &Path, what: &str, found: &mut Findings) {
    use std::os::unix::fs::MetadataExt;
    let shown = path.display();
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return found.fail("keys", format!("{shown}: {error}"), "make it readable for this user"),
    };
    let (mode, us) = (metadata.mode() & 0o777, rustix::process::geteuid().as_raw());
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if let Ok(around) = std::fs::metadata(folder)
        && around.mode() & 0o022 != 0
        && around.mode() & 0o1000 == 0
    {
        let folder = folder.display();
        return found.fail(
            "keys",
            format!("{folder}: others may write to the folder of {what}, and so replace it"),
            format!("chmod go-w {folder}"),
        );
    }
    // Root may read whatever it likes; that the service's own user owns the file is as it should be.
    if metadata.uid() != us && us != 0 {
        return found.warn(
            "keys",
            format!(
                "{shown} belongs to user {}, and this process is user {us}",
                metadata.uid()
            ),
            "run the doctor as the user that runs liaison, or chown the file to it",
        );
    }
    found.ok(
        "keys",
        format!(
            "{shown}: mode {mode:04o}, user {}, readable by its owner alone",
            metadata.uid()
        ),
    );
}

pub(super) fn webhooks(config: &Config, found: &mut Findings) {
    if config.webhooks.allow_http {
        found.warn(
            "webhooks",
            "webhooks.allow_http lets them leave without TLS",
            "take it out where this is no test",
        );
    }
}
