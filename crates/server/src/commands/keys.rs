//! `liaison keys`: making and rotating keys.

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use liaison_store::keys::rotate_master;

use crate::{config::Config, exit, key_files, out, wiring};

/// Make or rotate the keys.
#[derive(Args)]
pub(crate) struct KeysCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the key files that are missing: once, for a new database on PostgreSQL.
    ///
    /// Existing files are never touched. Give the same two files to every process, and keep a copy apart from the
    /// database's backups: without the master key everything sealed is lost.
    #[command(after_long_help = format!("Examples:\n  liaison keys init\n\n{}", exit::HELP))]
    Init,
    /// Make a new master key and wrap every patient's key anew.
    ///
    /// Servers may run meanwhile when they read the same key file. The new key is written before anything is wrapped by
    /// it, and an interrupted rotation goes on when it is run again. Afterwards the old key opens nothing any more,
    /// except in old backups: keep it with them. Copy the new file to where your copy lies.
    #[command(after_long_help = format!("Examples:\n  cp data/master.key backup/ && liaison keys rotate\n\n{}", exit::HELP))]
    Rotate,
}

impl KeysCommand {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<()> {
        match self.command {
            Command::Init => {
                let made = key_files::create(config, &*wiring::random())?;
                if made.is_empty() {
                    return out::line("nothing to do: the keys are there");
                }
                for path in made {
                    out::line(format_args!(
                        "made {} (mode 600); keep a copy apart from the database",
                        path.display()
                    ))?;
                }
                Ok(())
            }
            Command::Rotate => {
                if config.keys.master.is_some() {
                    bail!(exit::Usage(
                        "the master keys come from keys.master, which this command cannot write: move them to a file \
                         (keys.master_file) and rotate there"
                            .to_owned()
                    ));
                }
                let parts = wiring::open(config).await?;
                let wrapped = rotate_master(parts.service.store(), &key_files::master(config))
                    .await
                    .context("the rotation stopped; run it again and it goes on")?;
                parts.close().await;
                out::line(format_args!(
                    "a new master key is in {}; {wrapped} keys were wrapped anew. Copy the file to where your copy lies.",
                    config.keys.master_file.display()
                ))
            }
        }
    }
}
