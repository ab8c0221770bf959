//! Which commands `cargo xtask test` runs.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

/// The commands, in order: the tests, and without arguments also the examples in the documentation.
pub(crate) fn commands(arguments: &[OsString]) -> Vec<Command> {
    let nextest = cargo()
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let nextest = nextest.is_ok_and(|status| status.success());
    if !nextest {
        eprintln!("xtask: cargo-nextest is not installed: using cargo test");
    }
    plan(nextest, arguments)
        .into_iter()
        .map(|arguments| {
            let mut command = cargo();
            command.args(arguments);
            command
        })
        .collect()
}

/// The arguments of each run of cargo. `cargo test` runs the documentation's examples by itself.
fn plan(nextest: bool, arguments: &[OsString]) -> Vec<Vec<OsString>> {
    let scope: &[&str] = if names_packages(arguments) {
        &[]
    } else {
        &["--workspace"]
    };
    let line = |runner: &[&str], rest: &[OsString]| -> Vec<OsString> {
        [runner, &["--locked", "--all-features"], scope]
            .concat()
            .into_iter()
            .map(OsString::from)
            .chain(rest.iter().cloned())
            .collect()
    };
    match (nextest, arguments.is_empty()) {
        (true, true) => vec![line(&["nextest", "run"], arguments), line(&["test", "--doc"], &[])],
        (true, false) => vec![line(&["nextest", "run"], arguments)],
        (false, true) => vec![line(&["test", "--no-fail-fast"], &[])],
        (false, false) => vec![line(&["test"], arguments)],
    }
}

/// Whether the caller chose crates; cargo would ignore the choice beside `--workspace`.
fn names_packages(arguments: &[OsString]) -> bool {
    arguments
        .iter()
        .filter_map(|argument| argument.to_str())
        .any(|argument| {
            let long = argument.split('=').next().unwrap_or_default();
            ["--package", "--workspace"].contains(&long) || (argument.starts_with("-p") && !argument.starts_with("--"))
        })
}

/// Cargo as it was called, at the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    // `cargo run` sets these about xtask. Build scripts look at them, and what they built for a plain `cargo test`
    // would be built again.
    for (name, _) in std::env::vars_os() {
        if is_about_xtask(&name) {
            command.env_remove(name);
        }
    }
    command
}

fn is_about_xtask(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "CARGO_BIN_NAME"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(nextest: bool, arguments: &[&str]) -> Vec<String> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let lines = plan(nextest, &arguments);
        lines
            .iter()
            .map(|line| line.join(OsStr::new(" ")).to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn without_arguments_everything_runs() {
        assert_eq!(
            planned(true, &[]),
            [
                "nextest run --locked --all-features --workspace",
                "test --doc --locked --all-features --workspace"
            ]
        );
        assert_eq!(
            planned(false, &[]),
            ["test --no-fail-fast --locked --all-features --workspace"]
        );
    }

    #[test]
    fn a_filter_keeps_the_workspace_and_a_package_replaces_it() {
        assert_eq!(
            planned(true, &["share_"]),
            ["nextest run --locked --all-features --workspace share_"]
        );
        assert_eq!(
            planned(false, &["share_"]),
            ["test --locked --all-features --workspace share_"]
        );
        for package in [
            &["-p", "xtask"][..],
            &["-pxtask"],
            &["--package=xtask"],
            &["--package", "xtask"],
        ] {
            let expected = format!("nextest run --locked --all-features {}", package.join(" "));
            assert_eq!(planned(true, package), [expected]);
        }
    }

    #[test]
    fn only_what_cargo_says_about_xtask_is_forgotten() {
        assert!(is_about_xtask(OsStr::new("CARGO_PKG_NAME")));
        assert!(is_about_xtask(OsStr::new("CARGO_MANIFEST_DIR")));
        for kept in ["CARGO", "CARGO_TARGET_DIR", "CARGO_HOME", "CARGO_TERM_COLOR"] {
            assert!(!is_about_xtask(OsStr::new(kept)), "{kept}");
        }
    }
}
