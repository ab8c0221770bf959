//! `liaison doctor`: checks a deployment and says what to do. Changes nothing.

mod checks;
mod clock;
mod database;
mod endpoints;
mod findings;
mod mail;
mod probe;
mod site;
mod space;

use std::path::PathBuf;

use clap::Args;

use crate::{
    config::{Config, ConfigError},
    exit,
};
use findings::Findings;

/// Check this deployment: configuration, keys, database, ledger, clock, mail relay, address, endpoints, disk and the running server.
///
/// Each finding is OK, WARN or FAIL, with what it means and what to do. Changes nothing and may run beside a server.
#[derive(Args)]
#[command(after_long_help = format!("Examples:
  liaison doctor
  liaison doctor --mail-to ana@clinic.example          # also sends a mail without content
  liaison doctor --backup-folder /var/backups/liaison  # also room for the next copy
  liaison doctor --json

{}", exit::HELP))]
pub(crate) struct Doctor {
    /// Send a mail without content to this address through the configured relay.
    #[arg(long, value_name = "EMAIL", visible_alias = "send-test-mail")]
    mail_to: Option<String>,
    /// Where backups are written: whether it can be written to and has room for the next.
    #[arg(long, value_name = "FOLDER")]
    backup_folder: Option<PathBuf>,
    /// Do not connect to webhook endpoints of partners.
    #[arg(long)]
    no_endpoints: bool,
    /// Print the findings as one JSON object.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(crate) async fn run(self, loaded: Result<Config, ConfigError>) -> anyhow::Result<()> {
        let mut found = Findings::default();
        match loaded {
            Err(error) => found.fail(
                "configuration",
                error.to_string(),
                "correct these keys; `liaison config example` explains each",
            ),
            Ok(config) => self.look(&config, &mut found).await,
        }
        found.tell(self.json)
    }

    async fn look(&self, config: &Config, found: &mut Findings) {
        let from = config
            .file
            .as_ref()
            .map_or_else(|| "defaults".to_owned(), |path| path.display().to_string());
        found.ok("configuration", format!("{from} and the environment"));
        checks::keys(config, found);
        let parts = database::open(config, found).await;
        if let Some(parts) = &parts {
            database::look(&parts.service, found).await;
            clock::compare(parts.service.store(), found).await;
        }
        mail::relay(config, found).await;
        if let Some(address) = &self.mail_to {
            mail::send(config, address, found).await;
        }
        if let (Some(parts), false) = (&parts, self.no_endpoints) {
            endpoints::reach(config, parts.service.store(), found).await;
        }
        checks::webhooks(config, found);
        let size = match &parts {
            Some(parts) => parts.service.store().size().await.unwrap_or_default(),
            None => 0,
        };
        space::database(config, found);
        if let Some(folder) = &self.backup_folder {
            space::backups(folder, size, found);
        }
        let runs = probe::server(config, found).await;
        probe::monitor(config, found).await;
        site::base_url(config, runs, found).await;
        if let Some(parts) = parts {
            parts.close().await;
        }
    }
}
