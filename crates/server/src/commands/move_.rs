//! `liaison move`: from SQLite to PostgreSQL, when one process is no longer enough.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context;
use clap::Args;
use liaison_domain::SystemClock;
use liaison_service::{Service, ServiceOptions};
use liaison_store::{Store, StoreOptions, backup::check_sealed, copy};

use crate::{
    config::{Config, EngineUrl},
    exit, key_files, out, wiring,
};

/// Move everything from SQLite to an empty PostgreSQL database. Stop the server first.
///
/// Copies every table in one read and one transaction, reads it back and compares each value, opens the sealed values
/// with the keys, and computes the ledger's tree anew. The source is only read, and stays the truth until this command
/// ends with exit code 0: then set database.url to the new database and never start a server on the old file again.
///
/// The key files stay the same. Background tasks are not moved: the rows say what is due.
#[derive(Args)]
#[command(after_long_help = format!("Examples:
  LIAISON_DATABASE__URL_FILE=/run/secrets/db liaison move --from sqlite:data/liaison.sqlite
  liaison move --from sqlite:data/liaison.sqlite --to postgres://liaison@db.example/liaison

{}", exit::HELP))]
pub(crate) struct Move {
    /// The SQLite database, as sqlite:PATH.
    #[arg(long, value_name = "URL")]
    from: String,
    /// The PostgreSQL database; by default the configured one (database.url), which keeps its password off the command
    /// line.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
}

impl Move {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let from = match EngineUrl::read(&self.from) {
            Ok(EngineUrl::Sqlite(path)) if path.exists() => path,
            Ok(EngineUrl::Sqlite(path)) => return Err(usage(format!("--from: there is no file {}", path.display()))),
            _ => {
                return Err(usage(
                    "--from: expected sqlite:PATH; there is no way back from PostgreSQL".to_owned(),
                ));
            }
        };
        let to = match &self.to {
            None => config.database.engine().clone(),
            Some(text) => EngineUrl::read(text).map_err(|why| usage(format!("--to: {why}")))?,
        };
        let EngineUrl::Postgres(url) = &to else {
            return Err(usage(
                "the target is not PostgreSQL: set database.url or give --to postgres://USER@HOST/DATABASE".to_owned(),
            ));
        };
        if let Some(missing) = key_files::missing(config).first() {
            anyhow::bail!("{} is missing: the source's keys open the target", missing.display());
        }
        self.move_all(config, from, url.expose(), &to.shown()).await
    }

    async fn move_all(&self, config: &Config, from: PathBuf, to: &str, shown: &str) -> anyhow::Result<()> {
        let signer = key_files::signer(config)?;
        liaison_store::migrate_only(to)
            .await
            .with_context(|| format!("the database {shown} cannot be used"))?;
        let copied = copy::copy(&from, to, |table| tracing::info!(table, "copying")).await?;
        for (table, rows) in &copied.tables {
            out::line(format_args!("{table}: {rows}"))?;
        }
        out::line(format_args!(
            "{} rows in {} tables were copied and read back the same",
            copied.rows(),
            copied.tables.len()
        ))?;
        let store = Store::open(StoreOptions {
            url: to.to_owned(),
            migrate: false,
            connections: 4,
            master: key_files::master(config),
            clock: Arc::new(SystemClock),
            random: wiring::random(),
        })
        .await
        .context(
            "the copy is made and cannot be opened: are these the source's keys? Drop the target before trying again",
        )?;
        let expected = match &copied.checkpoint {
            Some(note) => Some(signer.verifier().open(note).context("the source's newest checkpoint")?),
            None => None,
        };
        let service = Service::new(ServiceOptions {
            settings: wiring::settings(config, &store)?,
            store,
            signer,
            channels: Vec::new(),
        });
        let proven = prove(&service, expected.as_ref()).await;
        service.store().close().await;
        proven?;
        out::line(format_args!(
            "moved to {shown}: set database.url to it, and start no server on {} again",
            from.display()
        ))
    }
}

/// That the keys open the target and that its ledger makes the tree which the source's newest checkpoint signs.
async fn prove(service: &Service, expected: Option<&liaison_ledger::Checkpoint>) -> anyhow::Result<()> {
    let mut conn = service.store().read().await?;
    let sealed = check_sealed(&mut conn).await?;
    drop(conn);
    let report = service.verify_ledger().await?;
    let root = expected.map(liaison_ledger::Checkpoint::root);
    let wrong = sealed
        .closed
        .iter()
        .map(|closed| format!("{closed} does not open"))
        .chain(report.problems.iter().map(ToString::to_string))
        .chain((report.root != root).then(|| "the ledger's root differs from the source's".to_owned()));
    let wrong: Vec<String> = wrong.collect();
    for problem in &wrong {
        out::line(format_args!("  wrong: {problem}"))?;
    }
    if !wrong.is_empty() {
        out::complain("do not use the target: drop it; the source is untouched");
        return Err(exit::Told.into());
    }
    out::line(format_args!(
        "keys: {} sealed values of {} patients open",
        sealed.opened, sealed.patients
    ))?;
    out::line(format_args!(
        "ledger: {} entries make the same tree, {} wait for their index",
        report.entries, report.pending
    ))
}

fn usage(text: String) -> anyhow::Error {
    exit::Usage(text).into()
}
