//! `liaison ledger verify`: offline with nothing but the public key, or the database as a whole.

use std::{fs::File, io::BufReader, path::PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use liaison_ledger::{CheckpointError, VerifierKey, verify_consistency, verify_export, verify_receipt};

use crate::{commands::read_text, config::Config, exit, out, wiring};

/// Check a receipt, an export, or that one checkpoint continues another; or the ledger in the database.
///
/// The first three need the ledger's public key and nothing else: no configuration, no network, no database. Take the
/// key from where the clinic published it, never from whoever hands you the receipt.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
#[command(after_long_help = format!("Examples:
  liaison ledger verify receipt receipt.json --key-file ledger.vkey
  liaison ledger verify export export.ndjson --key 'clinic.example/ledger+1a2b3c4d+AbC...'
  liaison ledger verify consistency kept.txt newest.txt proof.json --key-file ledger.vkey
  liaison ledger verify --database --kept kept.txt

{}", exit::HELP))]
pub(super) struct Verify {
    #[command(subcommand)]
    what: Option<What>,
    /// Check everything that the database holds of the ledger.
    #[arg(long)]
    database: bool,
    /// A checkpoint that was kept outside the database, which the ledger must continue; may be given several times.
    #[arg(long, value_name = "FILE", requires = "database")]
    kept: Vec<PathBuf>,
}

#[derive(Subcommand)]
enum What {
    /// Check a receipt: that its entry is in the ledger whose key this is.
    Receipt {
        /// The receipt (JSON).
        file: PathBuf,
        #[command(flatten)]
        key: Key,
    },
    /// Check an export: that every entry is in the ledger, and that the file is whole.
    Export {
        /// The export (NDJSON).
        file: PathBuf,
        #[command(flatten)]
        key: Key,
    },
    /// Check that a later checkpoint continues an earlier one: that nothing was changed or taken out.
    Consistency {
        /// The earlier checkpoint (signed note).
        old: PathBuf,
        /// The later checkpoint (signed note).
        new: PathBuf,
        /// The proof (JSON).
        proof: PathBuf,
        #[command(flatten)]
        key: Key,
    },
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Key {
    /// The public key itself, as `liaison ledger key` prints it.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    /// A file with the public key.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Key {
    fn read(&self) -> anyhow::Result<VerifierKey> {
        let text = match (&self.key, &self.key_file) {
            (Some(text), _) => text.clone(),
            (None, Some(path)) => read_text(path)?,
            (None, None) => String::new(),
        };
        Ok(VerifierKey::parse(&text).map_err(|error| exit::Usage(format!("the public key: {error}")))?)
    }
}

impl Verify {
    pub(super) async fn run(self, loaded: impl FnOnce() -> anyhow::Result<Config>) -> anyhow::Result<()> {
        match self.what {
            Some(what) => what.check(),
            None if self.database => database(&loaded()?, &self.kept).await,
            None => Err(exit::Usage("say what to check; see `liaison ledger verify --help`".to_owned()).into()),
        }
    }
}

impl What {
    fn check(self) -> anyhow::Result<()> {
        match self {
            Self::Receipt { file, key } => {
                let key = key.read()?;
                let shown = file.display();
                let proven = verify_receipt(&read_text(&file)?, &key)
                    .with_context(|| format!("{shown}: this receipt proves nothing"))?;
                let entry = &proven.entry;
                out::line(format_args!(
                    "{shown}: good: entry {} of the ledger {}",
                    proven.index,
                    key.name()
                ))?;
                out::line(format_args!(
                    "  {} at {}, outcome {}",
                    entry.action, entry.recorded_at, entry.outcome
                ))?;
                out::line(format_args!(
                    "  signed in a checkpoint of {} entries",
                    proven.checkpoint.size()
                ))
            }
            Self::Export { file, key } => {
                let key = key.read()?;
                let shown = file.display();
                let reader = File::open(&file).map_err(|error| exit::Usage(format!("{shown}: {error}")))?;
                let proven = verify_export(BufReader::new(reader), &key)
                    .with_context(|| format!("{shown}: this export proves nothing"))?;
                out::line(format_args!(
                    "{shown}: good: {} entries of the ledger {}, proven by a checkpoint of {} entries",
                    proven.entries,
                    key.name(),
                    proven.checkpoint.size()
                ))
            }
            Self::Consistency { old, new, proof, key } => {
                let key = key.read()?;
                let (old, new) = verify_consistency(&read_text(&old)?, &read_text(&new)?, &read_text(&proof)?, &key)
                    .context(
                        "these checkpoints are not proven to be of one history; keep both, they are the evidence",
                    )?;
                out::line(format_args!(
                    "good: the ledger {} grew from {} to {} entries and nothing before was changed",
                    key.name(),
                    old.size(),
                    new.size()
                ))
            }
        }
    }
}

/// A file that holds no checkpoint at all says nothing about the ledger: it is told apart from one that contradicts it.
fn unreadable(key: &VerifierKey, files: &[PathBuf], kept: &[String]) -> Option<exit::Usage> {
    files.iter().zip(kept).find_map(|(file, text)| match key.open(text) {
        Err(CheckpointError::NotANote | CheckpointError::NotACheckpoint) => Some(exit::Usage(format!(
            "{}: this is no checkpoint; it must be kept to the letter, as --checkpoint-to and the ledger page give it",
            file.display()
        ))),
        _ => None,
    })
}

async fn database(config: &Config, kept: &[PathBuf]) -> anyhow::Result<()> {
    let files = kept;
    let kept = files
        .iter()
        .map(|path| read_text(path))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let parts = wiring::open(config).await?;
    let key = parts.service.signer().verifier().clone();
    let report = match unreadable(&key, files, &kept) {
        Some(error) => Err(error.into()),
        None => parts
            .service
            .verify_ledger_against(&kept)
            .await
            .map_err(anyhow::Error::from),
    };
    parts.close().await;
    let report = report?;
    out::line(format_args!(
        "{}: {} entries and {} checkpoints checked, {} entries wait for their index",
        key.name(),
        report.entries,
        report.checkpoints,
        report.pending
    ))?;
    for problem in &report.problems {
        out::line(format_args!("  wrong: {problem}"))?;
    }
    if report.is_sound() {
        return out::line("good: everything holds together");
    }
    out::complain("the ledger was changed: keep a copy of the database as it is, and look into who could write to it");
    Err(exit::Told.into())
}
