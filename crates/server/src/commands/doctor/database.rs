//! The database: reachable, of our version, writable, opened by our keys; its ledger and its work.

use liaison_service::Service;
use liaison_store::{Store, StoreError, tasks};

use super::Findings;
use crate::{
    config::{Config, EngineUrl},
    exit, key_files, wiring,
    wiring::Parts,
};

/// Waiting longer than this, a task tells that no worker looks (seconds).
const STALE: u64 = 120;
/// A file with more entries than this is left to the nightly `liaison ledger verify`.
const MOST_ENTRIES: u64 = 200_000;

/// Opens the database where that changes nothing.
pub(super) async fn open(config: &Config, found: &mut Findings) -> Option<Parts> {
    let shown = config.database.engine().shown();
    if let EngineUrl::Sqlite(path) = config.database.engine()
        && !path.exists()
    {
        found.warn(
            "database",
            format!("{shown} does not exist yet"),
            "nothing to do: the first start makes it",
        );
        return None;
    }
    match liaison_store::pending_migrations(&config.database.url()).await {
        Ok(0) => {}
        Ok(waiting) if config.database.migrate() => {
            found.warn(
                "migrations",
                format!("{shown}: {waiting} pending"),
                "back up, then start: the next start applies them",
            );
            return None;
        }
        Ok(waiting) => {
            found.fail(
                "migrations",
                format!("{shown}: {waiting} pending"),
                "back up, then run `liaison migrate`",
            );
            return None;
        }
        Err(error @ StoreError::ForeignMigrations(_)) => {
            found.fail(
                "migrations",
                format!("{shown}: {error}"),
                "install the newer version, or restore a backup of this one",
            );
            return None;
        }
        Err(error) => {
            found.fail(
                "database",
                format!("{shown}: {error}"),
                "check that it is up, database.url, its user's rights and the network",
            );
            return None;
        }
    }
    if !key_files::missing(config).is_empty() {
        found.warn(
            "database",
            format!("{shown} answers; not looked into without its keys"),
            "bring the keys back",
        );
        return None;
    }
    match wiring::open(config).await {
        Err(error) => {
            found.fail(
                "database",
                exit::describe(&error),
                "where it names a key, the wrong key file lies there: bring the right one back",
            );
            None
        }
        Ok(parts) => {
            found.ok(
                "database",
                format!("{shown} answers, the schema is up to date, the master key fits"),
            );
            Some(parts)
        }
    }
}

/// Looks into an open database.
pub(super) async fn look(service: &Service, found: &mut Findings) {
    let store = service.store();
    match store.takes_writes().await {
        Ok(()) => found.ok("writing", "the database takes writes"),
        Err(error) => found.fail(
            "writing",
            error.to_string(),
            "nothing can be shared or acknowledged: is the disk full or read-only, the server a standby, the user's rights gone?",
        ),
    }
    match store.opens_a_sealed_row().await {
        Ok(None) => found.ok("sealed rows", "there is no patient yet"),
        Ok(Some(())) => found.ok("sealed rows", "the newest patient's row opens"),
        Err(error) => found.fail(
            "sealed rows",
            error.to_string(),
            "the master key does not fit this patient: bring back the key file of the time (keys rotate keeps the old one)",
        ),
    }
    checkpoint(service, found).await;
    ledger(service, found).await;
    waiting(store, found).await;
}

/// Whether the configured key is the one that signed what is there.
async fn checkpoint(service: &Service, found: &mut Findings) {
    let newest = async {
        let mut conn = service.store().read().await?;
        liaison_store::ledger::latest_checkpoint(&mut conn).await
    };
    let verifier = service.signer().verifier();
    match newest.await {
        Err(error) => found.fail("ledger's key", error.to_string(), "see the database above"),
        Ok(None) => found.ok("ledger's key", "nothing is signed yet"),
        Ok(Some(row)) => match verifier.open(&row.note) {
            Ok(_) => found.ok(
                "ledger's key",
                format!("signed the newest checkpoint, of {} entries", row.tree_size),
            ),
            Err(error) => found.fail(
                "ledger's key",
                format!(
                    "the newest checkpoint, of {} entries, is not signed by {verifier}: {error}",
                    row.tree_size
                ),
                "the configured key is another ledger's: set keys.ledger_file to the key that signed this database",
            ),
        },
    }
}

async fn ledger(service: &Service, found: &mut Findings) {
    let signed = async {
        let mut conn = service.store().read().await?;
        liaison_store::ledger::stored_size(&mut conn).await
    };
    if let Ok(size) = signed.await
        && size > MOST_ENTRIES
    {
        return found.ok(
            "ledger",
            format!("{size} entries; too many to compute here, `liaison ledger verify --database` does"),
        );
    }
    match service.verify_ledger().await {
        Err(error) => found.fail("ledger", error.to_string(), "see the database above"),
        Ok(report) if !report.is_sound() => {
            let first = report.problems.first().map(ToString::to_string).unwrap_or_default();
            found.fail(
                "ledger",
                format!("{} problems, the first: {first}", report.problems.len()),
                "keep the database as it is and run `liaison ledger verify --database` (docs/operations.md)",
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
        Err(error) => found.fail("work", error.to_string(), "run `liaison migrate`"),
        Ok(depths) => {
            let total: u64 = depths.iter().map(|depth| depth.waiting).sum();
            let oldest = depths
                .iter()
                .filter_map(|depth| depth.oldest)
                .max()
                .unwrap_or_default()
                .as_secs();
            let text = format!("{total} tasks wait, the oldest for {oldest} s");
            if oldest > STALE {
                found.warn(
                    "work",
                    text,
                    "is a server or worker running? start one, or read its log",
                );
            } else {
                found.ok("work", text);
            }
        }
    }
}
