//! `liaison backup`: an online copy of an SQLite database.

use std::{io::Write, os::unix::fs::OpenOptionsExt, path::PathBuf};

use anyhow::Context;
use clap::Args;

use crate::{
    config::{Config, EngineUrl},
    exit, out,
};

/// Copy the database into a new file while the server runs. SQLite only.
///
/// The copy is one moment of the whole database, is examined before it gets its name, and is readable by its owner
/// alone. The ledger's newest checkpoint inside is printed: keep it elsewhere (--checkpoint-to), and a restore can prove
/// that nothing up to it is missing.
///
/// The keys are NOT in the copy, and without the master key it opens for nobody. Keep both key files (keys.master_file,
/// keys.ledger_file) in another place than the backups, and again after every `liaison keys rotate`; an older backup needs
/// the master key of its day.
///
/// PostgreSQL has its own tools: pg_dump and pg_restore, or continuous archiving. docs/operations.md shows how.
#[derive(Args)]
#[command(after_long_help = format!("Examples:
  liaison backup --to /backup/liaison-2026-01-05.sqlite
  liaison backup --to tonight.sqlite --checkpoint-to /elsewhere/tonight.checkpoint

{}", exit::HELP))]
pub(crate) struct Backup {
    /// The new file; an existing one is never written over.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// A new file for the ledger's newest checkpoint of the copy, to be kept in another place.
    #[arg(long, value_name = "FILE")]
    checkpoint_to: Option<PathBuf>,
}

impl Backup {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let EngineUrl::Sqlite(database) = config.database.engine() else {
            return Err(exit::Usage(
                "this database is PostgreSQL, which has its own tools: back up by `pg_dump --format=custom --file=FILE \
                 DATABASE` and restore by `pg_restore --create --dbname=postgres FILE`, then `liaison ledger verify \
                 --database --kept CHECKPOINT`; keep the key files apart, they are in no dump"
                    .to_owned(),
            )
            .into());
        };
        if !database.exists() {
            return Err(exit::Usage(format!("there is no database {}: see database.url", database.display())).into());
        }
        let made = liaison_store::backup::backup(database, &self.to).await?;
        let shown = self.to.display();
        out::line(format_args!("{shown}: {} bytes, whole", made.bytes))?;
        match &made.checkpoint {
            None => out::line("ledger: no checkpoint yet")?,
            Some(note) => {
                out::line(format_args!(
                    "ledger: {} entries, signed by this checkpoint:",
                    made.tree_size
                ))?;
                for line in note.lines() {
                    out::line(format_args!("  {line}"))?;
                }
            }
        }
        if made.pending > 0 {
            out::line(format_args!(
                "ledger: {} further entries wait for their index",
                made.pending
            ))?;
        }
        if let (Some(path), Some(note)) = (&self.checkpoint_to, &made.checkpoint) {
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            options
                .open(path)
                .and_then(|mut file| file.write_all(note.as_bytes()).and_then(|()| file.sync_all()))
                .with_context(|| format!("the backup is made; its checkpoint is not in {}", path.display()))?;
            out::line(format_args!("{}: the checkpoint; keep it elsewhere", path.display()))?;
        }
        out::line("the keys are not in it: keep the master key and the ledger's key apart from it")
    }
}
