//! Which commands `cargo xtask chaos` runs: a build of the binary and of the harness, then the harness.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::{engines::On, test::cargo};

/// Faults for real.
#[derive(Args)]
pub(crate) struct Faults {
    /// For how long, over all engines that are wanted.
    #[arg(long, default_value_t = 4.0)]
    minutes: f64,
    /// Decides the order of the faults and what the clients do.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// On which engine.
    #[arg(long, value_enum, default_value_t = On::Both)]
    engine: On,
    /// The unoptimized binary: to try the harness itself.
    #[arg(long)]
    debug: bool,
}

impl Faults {
    /// Builds the binary and the harness.
    pub(crate) fn build(&self) -> Command {
        let mut command = cargo();
        command.args(["build", "--locked", "-p", "liaison", "-p", "liaison-bench", "--bins"]);
        command.args((!self.debug).then_some("--release"));
        command
    }

    /// Runs the harness, which stands beside the binary.
    pub(crate) fn command(&self) -> Result<Command> {
        let folder = target()?.join(if self.debug { "debug" } else { "release" });
        let mut command = Command::new(folder.join("chaos"));
        command.env("LIAISON_BINARY", folder.join("liaison"));
        command.args(self.arguments());
        Ok(command)
    }

    /// Whether a PostgreSQL is needed.
    pub(crate) fn needs_postgres(&self) -> bool {
        // The preparation of the world is the same on both engines; only the database differs.
        self.engine.needs_postgres()
    }

    fn arguments(&self) -> Vec<String> {
        let engine = format!("--engine={}", self.engine.name());
        vec![
            format!("--minutes={}", self.minutes),
            format!("--seed={}", self.seed),
            engine,
        ]
    }
}

/// Where cargo puts what it builds.
fn target() -> Result<PathBuf> {
    let output = cargo()
        .args(["metadata", "--locked", "--no-deps", "--format-version=1"])
        .output()
        .context("cannot run cargo metadata")?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata says no JSON")?;
    let target = metadata["target_directory"].as_str();
    Ok(target.context("cargo metadata names no target folder")?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(engine: On) -> Faults {
        Faults {
            minutes: 0.5,
            seed: 7,
            engine,
            debug: false,
        }
    }

    #[test]
    fn the_release_binary_runs_unless_the_harness_itself_is_tried() {
        let built = format!("{:?}", wanted(On::Both).build());
        assert!(
            built.contains("\"--release\"") && built.contains("\"liaison-bench\""),
            "{built}"
        );
        let debug = Faults {
            debug: true,
            ..wanted(On::Sqlite)
        };
        assert!(!format!("{:?}", debug.build()).contains("release"));
        assert!(!debug.needs_postgres() && wanted(On::Both).needs_postgres());
    }

    #[test]
    fn what_was_asked_for_is_handed_on() {
        assert_eq!(
            wanted(On::Postgres).arguments(),
            ["--minutes=0.5", "--seed=7", "--engine=postgres"]
        );
    }
}
