//! Which commands `cargo xtask bench` runs: a release build of the binary and of the tool that measures it, then the tool.

use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use crate::{engines::On, test::cargo};

/// What to measure.
#[derive(Args)]
pub(crate) struct Speed {
    /// Shorter measurements and at most 10,000 loops: a look, in under 3 minutes.
    #[arg(long)]
    quick: bool,
    /// On which engine.
    #[arg(long, value_enum, default_value_t = On::Both)]
    engine: On,
}

impl Speed {
    /// Whether a PostgreSQL is needed.
    pub(crate) fn needs_postgres(&self) -> bool {
        self.engine.needs_postgres()
    }

    /// Both programs, as they are released.
    pub(crate) fn build(&self) -> Command {
        let mut command = cargo();
        command.args(["build", "--release", "--locked", "-p", "liaison", "-p", "liaison-bench"]);
        command
    }

    /// The measurements.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(released("bench"));
        command.env("LIAISON_BINARY", released("liaison"));
        if self.quick {
            command.arg("--quick");
        }
        match self.engine {
            On::Sqlite => drop(command.args(["--engine", "sqlite"])),
            On::Postgres => drop(command.args(["--engine", "postgres"])),
            On::Both => {}
        }
        command
    }
}

/// A program of the release build.
fn released(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target"),
        PathBuf::from,
    );
    target.join("release").join(name)
}
