//! `liaison ledger`: the public key, exports, and checks of what was exported.

mod export;
mod verify;

use clap::{Args, Subcommand};

use crate::{config::Config, exit, key_files, out};

/// Prove what the ledger says.
#[derive(Args)]
pub(crate) struct LedgerCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Verify(verify::Verify),
    Export(export::Export),
    /// Print the ledger's public key (a C2SP verifier key), for everybody who keeps receipts.
    #[command(after_long_help = format!("Examples:\n  liaison ledger key > ledger.vkey\n\n{}", exit::HELP))]
    Key,
}

impl LedgerCommand {
    /// `loaded` reads the configuration: offline checks do without it.
    pub(crate) async fn run(self, loaded: impl FnOnce() -> anyhow::Result<Config>) -> anyhow::Result<()> {
        match self.command {
            Command::Verify(verify) => verify.run(loaded).await,
            Command::Export(export) => export.run(&loaded()?).await,
            Command::Key => out::line(key_files::signer(&loaded()?)?.verifier()),
        }
    }
}
