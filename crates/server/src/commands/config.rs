//! `liaison config`: the documented defaults, and a check of one's own.

use std::path::Path;

use clap::{Args, Subcommand};

use crate::{config, exit, out};

/// Show or check the configuration.
#[derive(Args)]
pub(crate) struct ConfigCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print every key with its default and what it is for, as a file to begin with.
    #[command(after_long_help = format!("Examples:\n  liaison config example > liaison.toml\n\n{}", exit::HELP))]
    Example,
    /// Read the file and the environment and tell every problem, without opening anything.
    #[command(after_long_help = format!("Examples:\n  liaison --config /etc/liaison.toml config check\n\n{}", exit::HELP))]
    Check,
}

impl ConfigCommand {
    pub(crate) fn run(self, file: Option<&Path>) -> anyhow::Result<()> {
        match self.command {
            Command::Example => out::text(config::EXAMPLE),
            Command::Check => {
                let config = config::load(file)?;
                let from = match &config.file {
                    Some(path) => path.display().to_string(),
                    None => "no file, the defaults".to_owned(),
                };
                out::line(format_args!("the configuration is good ({from} and the environment)"))?;
                out::line(format_args!("database: {}", config.database.engine().shown()))
            }
        }
    }
}
