//! Chromium and its WebDriver server for the tests of the pages, and how they come onto a machine that has none.

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use crate::packages::{apt, may_install, succeed};

/// What the tests start by name; Debian's packages of these names hold both.
const NEEDED: [&str; 2] = ["chromium", "chromedriver"];

/// Finds the programs in PATH, or installs them from the distribution when this is root on a machine with `apt-get`.
pub(crate) fn find_or_install() -> Result<()> {
    if NEEDED.iter().all(|program| answers(program)) {
        return Ok(());
    }
    may_install(
        "no Chromium with its WebDriver server found",
        "install them (Debian: chromium chromium-driver)",
    )?;
    eprintln!("xtask: no Chromium with its WebDriver server found: installing them from the distribution");
    succeed(&mut apt("update"))?;
    succeed(apt("install").args([
        "-y",
        "--no-install-recommends",
        "chromium",
        "chromium-driver",
        "fonts-liberation",
    ]))?;
    for program in NEEDED {
        ensure!(
            answers(program),
            "{program} was installed, but does not answer --version"
        );
    }
    Ok(())
}

fn answers(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
