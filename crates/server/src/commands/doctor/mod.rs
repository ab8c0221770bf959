//! `liaison doctor`: checks a deployment and says what to do. Changes nothing.

mod checks;
mod mail;
mod probe;

use clap::Args;

use crate::{
    config::{Config, ConfigError},
    exit, out,
};

/// Check this deployment: configuration, keys, database, ledger, mail relay, address, disk and the running server.
///
/// Prints one line for each check with OK, WARN or FAIL and what to do. Changes nothing and may run beside a server.
#[derive(Args)]
#[command(after_long_help = format!("Examples:
  liaison doctor
  liaison doctor --send-test-mail ana@clinic.example   # also proves the relay's sign-in

{}", exit::HELP))]
pub(crate) struct Doctor {
    /// Send a mail without content to this address through the configured relay.
    #[arg(long, value_name = "EMAIL")]
    send_test_mail: Option<String>,
}

/// How a check ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// What the checks found so far.
#[derive(Default)]
struct Findings(Vec<(Verdict, &'static str, String)>);

impl Findings {
    fn ok(&mut self, what: &'static str, text: impl Into<String>) {
        self.0.push((Verdict::Ok, what, text.into()));
    }
    fn warn(&mut self, what: &'static str, text: impl Into<String>) {
        self.0.push((Verdict::Warn, what, text.into()));
    }
    fn fail(&mut self, what: &'static str, text: impl Into<String>) {
        self.0.push((Verdict::Fail, what, text.into()));
    }

    fn tell(&self) -> anyhow::Result<()> {
        for (verdict, what, text) in &self.0 {
            let word = match verdict {
                Verdict::Ok => "OK",
                Verdict::Warn => "WARN",
                Verdict::Fail => "FAIL",
            };
            let mut lines = text.lines();
            out::line(format_args!(
                "{word:<5} {what:<14} {}",
                lines.next().unwrap_or_default()
            ))?;
            for line in lines {
                out::line(format_args!("{:<20} {}", "", line.trim()))?;
            }
        }
        let count = |wanted| self.0.iter().filter(|(verdict, ..)| *verdict == wanted).count();
        out::line(format_args!(
            "{} checks: {} ok, {} warnings, {} failures",
            self.0.len(),
            count(Verdict::Ok),
            count(Verdict::Warn),
            count(Verdict::Fail)
        ))?;
        if count(Verdict::Fail) > 0 {
            Err(exit::Told.into())
        } else {
            Ok(())
        }
    }
}

impl Doctor {
    pub(crate) async fn run(self, loaded: Result<Config, ConfigError>) -> anyhow::Result<()> {
        let mut found = Findings::default();
        match loaded {
            Err(error) => found.fail("configuration", error.to_string()),
            Ok(config) => {
                let from = config
                    .file
                    .as_ref()
                    .map_or_else(|| "defaults".to_owned(), |path| path.display().to_string());
                found.ok("configuration", format!("{from} and the environment"));
                checks::keys(&config, &mut found);
                checks::database(&config, &mut found).await;
                mail::relay(&config, &mut found).await;
                if let Some(address) = &self.send_test_mail {
                    mail::send(&config, address, &mut found).await;
                }
                checks::base_url(&config, &mut found);
                checks::webhooks(&config, &mut found);
                checks::disk(&config, &mut found);
                probe::server(&config, &mut found).await;
            }
        }
        found.tell()
    }
}
