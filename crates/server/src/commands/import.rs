//! `liaison import`: synthetic journeys for training, demonstration and tests.

use std::{io::Read, path::PathBuf};

use clap::Args;
use liaison_domain::Actor;
use liaison_service::{
    ServiceError,
    notes::{ImportMode, MAX_JOURNEY_BYTES},
};

use crate::{config::Config, exit, out, wiring};

/// Import journey files: each one synthetic patient with care team and signed documents.
///
/// Every file is checked first, and every problem is printed with its path inside the file; with a problem in any file
/// nothing is imported. Each file is then imported whole or not at all. A file says that it is synthetic: real patients
/// do not come in by this way.
#[derive(Args)]
#[command(after_long_help = format!("Examples:
  liaison import --check journey.json
  liaison import journeys/*.json

{}", exit::HELP))]
pub(crate) struct Import {
    /// Journey files (JSON, at most 10 MiB each).
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only check.
    #[arg(long)]
    check: bool,
}

impl Import {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let mut texts = Vec::new();
        let mut unreadable = false;
        for path in &self.files {
            match read(path) {
                Ok(text) => texts.push((path.display().to_string(), text)),
                Err(why) => {
                    unreadable = true;
                    out::line(format_args!("{}: {why}", path.display()))?;
                }
            }
        }
        let parts = wiring::open(config).await?;
        let done = self.import(&parts.service, &texts, unreadable).await;
        parts.close().await;
        done
    }

    async fn import(
        &self,
        service: &liaison_service::Service,
        texts: &[(String, String)],
        mut broken: bool,
    ) -> anyhow::Result<()> {
        let actor = Actor::system();
        for (shown, text) in texts {
            match service.import_journey(&actor, text, ImportMode::Check).await {
                Ok(found) if self.check => {
                    out::line(format_args!(
                        "{shown}: good: {} notes in {} signed versions, {} care team entries",
                        found.notes, found.versions, found.care_team_entries
                    ))?;
                }
                Ok(_) => {}
                Err(error) => {
                    broken = true;
                    tell(shown, error)?;
                }
            }
        }
        if broken {
            out::complain("nothing was imported");
            return Err(exit::Told.into());
        }
        if self.check {
            return Ok(());
        }
        for (shown, text) in texts {
            match service.import_journey(&actor, text, ImportMode::Apply).await {
                Ok(done) => {
                    let patient = done.patient_id.map(|id| id.to_string()).unwrap_or_default();
                    out::line(format_args!(
                        "{shown}: imported {patient}: {} notes in {} signed versions, {} courses, {} care team entries",
                        done.notes, done.versions, done.courses, done.care_team_entries
                    ))?;
                    if done.acknowledgments_left_out > 0 {
                        out::line(format_args!(
                            "{shown}: {} acknowledgments of the file are not imported",
                            done.acknowledgments_left_out
                        ))?;
                    }
                }
                // Another process changed something since the check, or two files hold the same patient.
                Err(error) => {
                    broken = true;
                    tell(shown, error)?;
                }
            }
        }
        if broken { Err(exit::Told.into()) } else { Ok(()) }
    }
}

/// Every problem on a line of its own; what is not the file's fault is an error of the command.
fn tell(shown: &str, error: ServiceError) -> anyhow::Result<()> {
    match error {
        ServiceError::Invalid(problems) => {
            for problem in problems {
                let path = if problem.path.is_empty() {
                    "the file"
                } else {
                    &problem.path
                };
                out::line(format_args!("{shown}: {path}: {} ({})", problem.message, problem.code))?;
            }
            Ok(())
        }
        ServiceError::Conflict { code, message } => out::line(format_args!("{shown}: {message} ({code})")),
        other => Err(other.into()),
    }
}

fn read(path: &std::path::Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    // One byte more than is allowed tells a file that is too long, whatever its size.
    let limit = MAX_JOURNEY_BYTES as u64 + 1;
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() > MAX_JOURNEY_BYTES {
        return Err("the file is longer than 10 MiB; a journey is one patient".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        format!(
            "not UTF-8 text: byte {} is wrong; save the file as UTF-8",
            error.utf8_error().valid_up_to() + 1
        )
    })
}
