//! What `--help` teaches, as snapshots.

use std::path::Path;

use crate::bench::{Ran, bare};

fn help(command: &[&str]) -> String {
    let args: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
    let ran = Ran::from(bare(Path::new("/"), &args).output().unwrap());
    assert_eq!(ran.code, 0);
    assert!(ran.err.is_empty(), "{}", ran.err);
    ran.out
}

#[test]
fn every_command_teaches_its_use() {
    insta::assert_snapshot!("liaison", help(&[]));
    for command in [
        "serve",
        "worker",
        "migrate",
        "doctor",
        "user add",
        "user invite",
        "user sign-in-link",
        "token create",
        "import",
        "ledger",
        "ledger verify",
        "ledger verify receipt",
        "ledger export",
        "ledger key",
        "keys init",
        "keys rotate",
        "backup",
        "restore",
        "move",
        "schema",
        "config example",
        "config check",
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let text = help(&words);
        assert!(
            text.contains("Exit codes:") || matches!(command, "ledger" | "ledger verify receipt"),
            "{command}"
        );
        insta::assert_snapshot!(command.replace(' ', "-"), text);
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for args in [
        &["sevre"][..],
        &["token", "create"],
        &["migrate", "--what"],
        &["ledger", "verify"],
    ] {
        let ran = Ran::from(bare(Path::new("/"), args).output().unwrap());
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.err);
        assert!(ran.out.is_empty());
    }
}
