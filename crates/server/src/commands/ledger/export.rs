//! `liaison ledger export`: entries with their proofs, for an auditor.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use anyhow::Context;
use clap::Args;
use liaison_domain::Actor;
use liaison_service::ledger::ExportLedger;

use crate::{config::Config, exit, out, wiring};

/// Export entries with their proofs as NDJSON, which `liaison ledger verify export` checks offline.
///
/// That it was exported is itself recorded. Entries carry ids and codes, no clinical content.
#[derive(Args)]
#[command(after_long_help = format!("Examples:
  liaison ledger export --output ledger.ndjson
  liaison ledger export --from 1000 --until 2000 > part.ndjson

{}", exit::HELP))]
pub(super) struct Export {
    /// The first entry's index.
    #[arg(long, value_name = "INDEX")]
    from: Option<u64>,
    /// Entries below this index.
    #[arg(long, value_name = "INDEX")]
    until: Option<u64>,
    /// A new file to write to; standard output without it.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Export {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<()> {
        if let (Some(from), Some(until)) = (self.from, self.until)
            && from >= until
        {
            return Err(exit::Usage(format!("--from {from} is not below --until {until}")).into());
        }
        let parts = wiring::open(config).await?;
        let done = self.export(&parts.service).await;
        parts.close().await;
        done
    }

    async fn export(&self, service: &liaison_service::Service) -> anyhow::Result<()> {
        // The command may run where no worker does; what waits belongs into the export.
        service.sequence().await?;
        let input = ExportLedger {
            from_index: self.from,
            until_index: self.until,
            ..ExportLedger::default()
        };
        let mut export = service.export_ledger(&Actor::system(), input).await?;
        let mut writer: Box<dyn Write + Send> = match &self.output {
            Some(path) => {
                let shown = path.display();
                let made = File::create_new(path).with_context(|| format!("{shown}: cannot be made anew"))?;
                Box::new(BufWriter::new(made))
            }
            None => Box::new(BufWriter::new(io::stdout())),
        };
        while let Some(lines) = export.next().await? {
            writer.write_all(lines.as_bytes())?;
        }
        writer.flush()?;
        if let Some(path) = &self.output {
            out::line(format_args!(
                "{}: written; check it by `liaison ledger verify export`",
                path.display()
            ))?;
        }
        Ok(())
    }
}
