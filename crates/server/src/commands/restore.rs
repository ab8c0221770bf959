//! `liaison restore`: a backup in the place of a lost SQLite database, after everything that can be proven was.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, bail};
use clap::Args;
use liaison_domain::SystemClock;
use liaison_ledger::{Checkpoint, Signer};
use liaison_service::{Service, ServiceOptions};
use liaison_store::{
    Store, StoreOptions,
    backup::{Staged, check_sealed, settle_restored},
};

use super::read_text;
use crate::{
    config::{Config, EngineUrl},
    exit, key_files, out, wiring,
};

/// Examine a backup and put it in the place of the database. SQLite only; stop the server first.
///
/// Checks, in this order and on a copy: SQLite's integrity and references; that the keys open the sealed values; the
/// whole ledger; and, with --checkpoint, that nothing is missing up to a checkpoint that was kept elsewhere. Only when all
/// hold does the copy get the database's name.
///
/// Afterwards sessions and single-use links are ended, what had been delivered is not sent again, and what was under way
/// is sent again under the same ids, so that receivers can tell a repeat. What happened after the backup is lost: without
/// --checkpoint nobody can tell how much.
#[derive(Args)]
#[command(after_long_help = format!("Examples:
  liaison restore --from tonight.sqlite --verify
  liaison restore --from tonight.sqlite --checkpoint newest.checkpoint
  liaison restore --from tonight.sqlite --replace

{}", exit::HELP))]
pub(crate) struct Restore {
    /// The backup; it is only read.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Only check; put nothing in place.
    #[arg(long)]
    verify: bool,
    /// A checkpoint that was kept elsewhere, the newest that can be found; may be given several times.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Where a database is already: set it aside under another name.
    #[arg(long, conflicts_with = "verify")]
    replace: bool,
    /// Restore although the backup lacks entries that a kept checkpoint signs. The ledger will contradict that
    /// checkpoint, for ever and visibly: tell everybody who keeps checkpoints or receipts.
    #[arg(long, conflicts_with = "verify")]
    accept_loss: bool,
}

/// The kept checkpoints: those that the backup's ledger must contain, and the newest that goes beyond it.
struct Kept {
    within: Vec<String>,
    beyond: Option<Checkpoint>,
    newest: Option<u64>,
}

impl Restore {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let EngineUrl::Sqlite(target) = config.database.engine() else {
            return Err(exit::Usage(
                "this database is PostgreSQL: restore by `pg_restore --create --dbname=postgres FILE`, then run `liaison \
                 ledger verify --database --kept CHECKPOINT` before any server starts"
                    .to_owned(),
            )
            .into());
        };
        if !self.verify && !self.replace && target.exists() {
            bail!(
                "{} exists: nothing is written over. Check with --verify, or set the old database aside with --replace",
                target.display()
            );
        }
        if let Some(missing) = key_files::missing(config).first() {
            bail!(
                "{} is missing: bring the key back from your copy first; a new one opens nothing",
                missing.display()
            );
        }
        let signer = key_files::signer(config)?;
        if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let staged = Staged::new(&self.from, target).await?;
        let kept = self.kept(&signer, staged.examined().tree_size)?;
        out::line(format_args!(
            "{}: {} bytes, integrity and references hold",
            self.from.display(),
            staged.examined().bytes
        ))?;
        let store = Store::open(StoreOptions {
            url: format!("sqlite:{}", staged.path().display()),
            migrate: true,
            connections: 2,
            master: key_files::master(config),
            clock: Arc::new(SystemClock),
            random: wiring::random(),
        })
        .await
        .context("the backup cannot be opened; an older backup needs the master key of its day (keys.master_file)")?;
        let service = Service::new(ServiceOptions {
            settings: wiring::settings(config, &store)?,
            store,
            signer,
            channels: Vec::new(),
        });
        let checked = self.check(&service, &kept).await;
        let settled = match &checked {
            Ok(()) if !self.verify => settle_restored(service.store(), staged.examined().tree_size, kept.newest)
                .await
                .context("the restored copy could not be made ready"),
            _ => Ok(()),
        };
        service.store().close().await;
        checked?;
        settled?;
        if self.verify {
            return out::line("good: this backup can be restored");
        }
        let aside = staged.put_in_place(self.replace).await?;
        if let Some(aside) = aside {
            out::line(format_args!("the old database is kept as {}", aside.display()))?;
        }
        out::line(format_args!("restored to {}", target.display()))?;
        out::line("all sessions and links are ended; look through the API tokens and accounts changed since the backup")
    }

    fn kept(&self, signer: &Signer, tree_size: u64) -> anyhow::Result<Kept> {
        let mut kept = Kept {
            within: Vec::new(),
            beyond: None,
            newest: None,
        };
        for path in &self.checkpoint {
            let note = read_text(path)?;
            let checkpoint = signer
                .verifier()
                .open(&note)
                .with_context(|| format!("{}: no checkpoint of this ledger", path.display()))?;
            kept.newest = kept.newest.max(Some(checkpoint.size()));
            if checkpoint.size() <= tree_size {
                kept.within.push(note);
            } else if kept
                .beyond
                .as_ref()
                .is_none_or(|known| known.size() < checkpoint.size())
            {
                kept.beyond = Some(checkpoint);
            }
        }
        Ok(kept)
    }

    async fn check(&self, service: &Service, kept: &Kept) -> anyhow::Result<()> {
        let mut conn = service.store().read().await?;
        let sealed = check_sealed(&mut conn).await?;
        drop(conn);
        for closed in &sealed.closed {
            out::line(format_args!("  wrong: {closed} does not open"))?;
        }
        if !sealed.closed.is_empty() {
            out::complain("the keys do not open this backup: bring the master key of its day (keys.master_file)");
            return Err(exit::Told.into());
        }
        out::line(format_args!(
            "keys: {} sealed values of {} patients open",
            sealed.opened, sealed.patients
        ))?;
        let report = service.verify_ledger_against(&kept.within).await?;
        for problem in &report.problems {
            out::line(format_args!("  wrong: {problem}"))?;
        }
        if !report.is_sound() {
            out::complain(
                "the ledger in this backup was changed or is of another history (a fork): keep the file as evidence and \
                 use another backup",
            );
            return Err(exit::Told.into());
        }
        out::line(format_args!(
            "ledger: nothing is missing up to the checkpoint of {} entries; {} entries wait for their index",
            report.entries, report.pending
        ))?;
        let Some(beyond) = &kept.beyond else {
            return match kept.newest {
                None => out::line("no kept checkpoint was given: whether newer entries existed is unknown"),
                Some(size) => out::line(format_args!(
                    "the kept checkpoint of {size} entries is part of this history"
                )),
            };
        };
        let behind = beyond.size().saturating_sub(report.entries);
        out::line(format_args!(
            "the backup is behind: the kept checkpoint signs {} entries, {behind} more than the backup has",
            beyond.size()
        ))?;
        if self.accept_loss {
            return out::line("going on, as told: the ledger will contradict that checkpoint; tell who keeps it");
        }
        out::complain(
            "look for a newer backup; if there is none, --accept-loss restores this one and the loss stays visible",
        );
        Err(exit::Told.into())
    }
}
