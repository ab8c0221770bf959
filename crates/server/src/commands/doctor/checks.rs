//! Keys, database, ledger, addresses and disk.

use std::path::{Path, PathBuf};

use liaison_store::{Store, tasks};

use super::Findings;
use crate::{
    config::{Config, EngineUrl},
    exit, key_files, wiring,
};

/// Waiting longer than this, a task tells that no worker looks (seconds).
const STALE: u64 = 120;

pub(super) fn keys(config: &Config, found: &mut Findings) {
    let missing = key_files::missing(config);
    for path in &missing {
        let new = matches!(config.database.engine(), EngineUrl::Sqlite(file) if !file.exists());
        if new {
            found.warn(
                "keys",
                format!("{} does not exist yet; the first start makes it", path.display()),
            );
        } else {
            found.fail(
                "keys",
                format!("{} is missing: bring it back from your copy", path.display()),
            );
        }
    }
    if config.keys.master.is_none() && !missing.contains(&config.keys.master_file.as_path()) {
        match key_files::master(config).load() {
            Ok(_) => found.ok(
                "keys",
                format!("{} is readable by its owner alone", config.keys.master_file.display()),
            ),
            Err(error) => found.fail("keys", error.to_string()),
        }
    }
    if config.keys.ledger.is_some() || !missing.contains(&config.keys.ledger_file.as_path()) {
        match key_files::signer(config) {
            Ok(signer) => found.ok("keys", format!("the ledger's public key is {}", signer.verifier())),
            Err(error) => found.fail("keys", exit::describe(&error)),
        }
    }
    let beside = |path: &Path| match config.database.engine() {
        EngineUrl::Sqlite(file) => file.parent() == path.parent(),
        EngineUrl::Postgres(_) => false,
    };
    if config.keys.master.is_none() && beside(&config.keys.master_file) {
        let advice = "the master key lies beside the database: whoever copies the folder can read everything; \
                      move it (keys.master_file) and keep a copy apart";
        found.warn("keys", advice);
    }
}

pub(super) async fn database(config: &Config, found: &mut Findings) {
    let shown = config.database.engine().shown();
    if let EngineUrl::Sqlite(path) = config.database.engine()
        && !path.exists()
    {
        return found.warn(
            "database",
            format!("{shown} does not exist yet; the first start makes it"),
        );
    }
    match liaison_store::pending_migrations(&config.database.url()).await {
        Ok(0) => {}
        Ok(waiting) if config.database.migrate() => {
            return found.warn(
                "database",
                format!("{shown}: {waiting} migrations pending; the next start applies them"),
            );
        }
        Ok(waiting) => {
            return found.fail(
                "database",
                format!("{shown}: {waiting} migrations pending; run `liaison migrate`"),
            );
        }
        Err(error) => return found.fail("database", format!("{shown}: {error}")),
    }
    if !key_files::missing(config).is_empty() {
        return found.warn("database", format!("{shown} answers; not looked into without its keys"));
    }
    match wiring::open(config).await {
        Err(error) => found.fail("database", exit::describe(&error)),
        Ok(parts) => {
            found.ok(
                "database",
                format!("{shown} answers, the schema is up to date, the master key fits"),
            );
            ledger(&parts.service, found).await;
            waiting(parts.service.store(), found).await;
            parts.close().await;
        }
    }
}

async fn ledger(service: &liaison_service::Service, found: &mut Findings) {
    match service.verify_ledger().await {
        Err(error) => found.fail("ledger", error.to_string()),
        Ok(report) if !report.is_sound() => {
            let first = report.problems.first().map(ToString::to_string).unwrap_or_default();
            let count = report.problems.len();
            found.fail(
                "ledger",
                format!("{count} problems, the first: {first}; run `liaison ledger verify --database`"),
            );
        }
        Ok(report) => found.ok(
            "ledger",
            format!(
                "{} entries hold together, {} wait for their index",
                report.entries, report.pending
            ),
        ),
    }
}

async fn waiting(store: &Store, found: &mut Findings) {
    match tasks::depth(&store.task_pool(), store.clock().now()).await {
        Err(error) => found.fail("work", error.to_string()),
        Ok(depths) => {
            let total: u64 = depths.iter().map(|depth| depth.waiting).sum();
            let oldest = depths
                .iter()
                .filter_map(|depth| depth.oldest)
                .max()
                .unwrap_or_default()
                .as_secs();
            if oldest > STALE {
                found.warn(
                    "work",
                    format!("{total} tasks wait, the oldest for {oldest} s: is a server or worker running?"),
                );
            } else {
                found.ok("work", format!("{total} tasks wait, the oldest for {oldest} s"));
            }
        }
    }
}

pub(super) fn base_url(config: &Config, found: &mut Findings) {
    let Some(url) = config.http.base_url() else { return };
    let host = url.host_str().unwrap_or_default();
    let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    if local {
        found.warn(
            "base URL",
            format!("{url} is reached from this machine alone; set http.base_url to what people use"),
        );
    } else if url.scheme() != "https" {
        found.fail(
            "base URL",
            format!("{url} is not https: tokens and notes would cross the network in the clear"),
        );
    } else {
        found.ok("base URL", url.to_string());
    }
    if !config.http.listen.ip().is_loopback() {
        let advice = "listens beyond this machine without TLS: let a reverse proxy with TLS stand in front";
        found.warn("listen", format!("{} {advice}", config.http.listen));
    }
}

pub(super) fn webhooks(config: &Config, found: &mut Findings) {
    if config.webhooks.allow_http {
        found.warn(
            "webhooks",
            "webhooks.allow_http lets them leave without TLS; take it out where it is no test",
        );
    }
}

pub(super) fn disk(config: &Config, found: &mut Findings) {
    let EngineUrl::Sqlite(path) = config.database.engine() else {
        return;
    };
    let folder = path
        .parent()
        .filter(|folder| folder.exists())
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
    match rustix::fs::statvfs(&folder) {
        Err(error) => found.warn("disk", format!("{}: {error}", folder.display())),
        Ok(space) => {
            let megabytes = space.f_bavail.saturating_mul(space.f_frsize) / 1_000_000;
            let text = format!("{megabytes} MB free for {}", path.display());
            match megabytes {
                0..100 => found.fail("disk", format!("{text}: make room now, writes will fail")),
                100..1_000 => found.warn("disk", format!("{text}: make room")),
                _ => found.ok("disk", text),
            }
        }
    }
}
