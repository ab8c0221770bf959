//! The commands, one file each.

mod backup;
mod config;
mod demo;
mod doctor;
mod import;
mod keys;
mod ledger;
mod migrate;
mod move_;
mod restore;
mod schema;
mod serve;
mod token;
mod user;
mod worker;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::{config as settings, exit, telemetry};

/// Carries signed consultation notes and infusion summaries to other teams, and keeps each loop open until a named
/// person has answered.
///
/// The quickest start needs no configuration: `liaison serve` keeps everything in ./data (SQLite and two key files).
#[derive(Parser)]
#[command(name = "liaison", version, propagate_version = true, after_long_help = FIRST_STEPS)]
pub(crate) struct Cli {
    /// Configuration file; by default ./liaison.toml where it exists. LIAISON_SECTION__KEY variables win over it.
    #[arg(long, global = true, env = "LIAISON_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  liaison config example > liaison.toml      # every key with its default
  liaison user add --email ana@clinic.example --name 'Ana Ruiz' \\
      --organization 'Harbor Clinic' --kind CLINIC --time-zone America/Chicago --role ADMIN
  liaison token create --user ana@clinic.example --name laptop --scopes read,write --days 30
  liaison serve
  liaison doctor                             # in another terminal

Exit codes:
  0  done
  1  failed, or a check found something wrong
  2  wrong usage or configuration
  3  not ready: migrations are pending, or the database cannot be reached";

#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    Worker(worker::Worker),
    Migrate(migrate::Migrate),
    Doctor(doctor::Doctor),
    User(user::User),
    Token(token::Token),
    Import(import::Import),
    Ledger(ledger::LedgerCommand),
    Keys(keys::KeysCommand),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Move(move_::Move),
    Schema(schema::Schema),
    Config(config::ConfigCommand),
    Demo(demo::Demo),
}

/// Runs a command. Only those that need the configuration read it.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<()> {
    let loaded = || -> anyhow::Result<settings::Config> {
        let config = settings::load(cli.config.as_deref())?;
        telemetry::start(&config.log)?;
        Ok(config)
    };
    let running = || -> anyhow::Result<_> {
        let config = settings::load(cli.config.as_deref())?;
        let telemetry = telemetry::run(&config.log, &config.telemetry)?;
        Ok((config, telemetry))
    };
    match cli.command {
        Command::Serve(serve) => {
            let (config, telemetry) = running()?;
            let outcome = serve.run(&config).await;
            telemetry.end().await;
            outcome
        }
        Command::Worker(worker) => {
            let (config, telemetry) = running()?;
            let outcome = worker.run(&config).await;
            telemetry.end().await;
            outcome
        }
        Command::Migrate(migrate) => migrate.run(&loaded()?).await,
        // A configuration that cannot be used is the doctor's first finding.
        Command::Doctor(doctor) => doctor.run(settings::load(cli.config.as_deref())).await,
        Command::User(user) => user.run(&loaded()?).await,
        Command::Token(token) => token.run(&loaded()?).await,
        Command::Import(import) => import.run(&loaded()?).await,
        Command::Ledger(ledger) => ledger.run(loaded).await,
        Command::Keys(keys) => keys.run(&loaded()?).await,
        Command::Backup(backup) => backup.run(&loaded()?).await,
        Command::Restore(restore) => restore.run(&loaded()?).await,
        Command::Move(moving) => moving.run(&loaded()?).await,
        Command::Schema(schema) => schema.run(),
        Command::Config(config) => config.run(cli.config.as_deref()),
        Command::Demo(demo) => demo.run().await,
    }
}

/// Reads a text file, with what to do when it is none.
fn read_text(path: &std::path::Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        let shown = path.display();
        match error.kind() {
            std::io::ErrorKind::NotFound => exit::Usage(format!("{shown}: there is no such file")).into(),
            std::io::ErrorKind::InvalidData => anyhow::anyhow!("{shown}: the file is not UTF-8 text"),
            _ => anyhow::anyhow!("{shown}: {error}"),
        }
    })
}

/// A word of a value set, in upper or lower case.
fn term<T: std::str::FromStr>(text: &str) -> Result<T, T::Err> {
    text.to_ascii_uppercase().parse()
}
