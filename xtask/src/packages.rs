//! The distribution's packages: what the tests need and a fresh machine does not have yet.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::postgres::user_id;

/// Refuses where packages cannot be installed: `missing` says what was looked for, `by_hand` what a person can do.
pub(crate) fn may_install(missing: &str, by_hand: &str) -> Result<()> {
    if apt("--version").stdout(Stdio::null()).status().is_err() {
        bail!("{missing} and no apt-get to install it with; {by_hand}");
    }
    if user_id(None)? != 0 {
        bail!("{missing} and only root may install it; {by_hand}");
    }
    Ok(())
}

/// An `apt-get` that asks nothing.
pub(crate) fn apt(task: &str) -> Command {
    let mut command = Command::new("apt-get");
    command
        .arg(task)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    command
}

/// Runs a command that must not fail.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
