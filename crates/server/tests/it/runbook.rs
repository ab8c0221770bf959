//! The runbook speaks of commands, options, fields and pages that there are.

use std::{collections::BTreeSet, path::Path, process::Command};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// Every `liaison …` of a text: in backticks, or a line of a code block.
fn commands(text: &str) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    let mut in_block = false;
    let mut add = |piece: &str| {
        let piece = piece.split(['|', '>', ')', '&']).next().unwrap_or_default();
        let words: Vec<String> = piece.split_whitespace().map(str::to_owned).collect();
        if words.len() > 1 && words[0] == "liaison" {
            found.insert(words[1..].to_vec());
        }
    };
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            if let Some(at) = line.find("liaison ") {
                let begins = line[..at]
                    .chars()
                    .next_back()
                    .is_none_or(|before| before == ' ' || before == '(');
                if begins {
                    add(&line[at..]);
                }
            }
        } else {
            line.split('`').skip(1).step_by(2).for_each(&mut add);
        }
    }
    found
}

#[test]
fn every_command_of_the_handbook_exists() {
    let mut asked = 0;
    for path in [
        "docs/operations.md",
        "docs/configuration.md",
        "docs/scaling.md",
        "deploy/README.md",
    ] {
        for words in commands(&read(path)) {
            // Subcommands are the lower-case words before the first option or placeholder.
            let names: Vec<&String> = words
                .iter()
                .take_while(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-'))
                .collect();
            let shown = Command::new(env!("CARGO_BIN_EXE_liaison"))
                .args(&names)
                .arg("--help")
                .env_clear()
                .output()
                .unwrap();
            let told = String::from_utf8(shown.stdout).unwrap();
            assert!(
                shown.status.success(),
                "{path}: liaison {}: no such command",
                words.join(" ")
            );
            for option in words.iter().filter(|word| word.starts_with("--")) {
                let option = option.trim_end_matches([',', '.', ';']);
                let known = told.split([' ', ',', '\n', '=', '[']).any(|word| word == option);
                assert!(known, "{path}: liaison {}: no {option}", words.join(" "));
            }
            asked += 1;
        }
    }
    assert!(asked > 20, "only {asked} commands were found");
}

#[test]
fn the_configuration_for_the_units_is_good() {
    let folder = tempfile::tempdir().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/systemd/liaison.toml");
    let ran = crate::bench::bare(folder.path(), &["--config", path.to_str().unwrap(), "config", "check"])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn every_field_of_the_runbook_is_in_the_schema() {
    let text = read("docs/operations.md");
    let schema = read("schema.graphql");
    let calls: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split("api '").nth(1)?.split('\'').next())
        .collect();
    assert!(calls.len() >= 6, "{calls:?}");
    for call in calls {
        let words = call.split(|c: char| !c.is_ascii_alphanumeric() && c != '$');
        for word in words.filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase())) {
            let language = ["mutation", "query", "true", "false"].contains(&word);
            let given = call.contains(&format!("${word}"));
            let field = schema.contains(&format!("{word}:")) || schema.contains(&format!("{word}("));
            assert!(language || given || field, "{word} of {call}");
        }
    }
}

#[test]
fn every_alarm_has_its_place_in_the_runbook() {
    let text = read("docs/operations.md");
    let mut alarms = 0;
    for line in read("deploy/prometheus/liaison.rules.yaml").lines() {
        if let Some(name) = line.trim().strip_prefix("- alert: ") {
            assert!(
                text.contains(&format!("`{name}`")),
                "{name} is not in docs/operations.md"
            );
            alarms += 1;
        }
        if let Some(place) = line.trim().strip_prefix("action: \"operations.md: ") {
            let title = place.trim_end_matches('"');
            let found = text.lines().any(|line| {
                line.strip_prefix("### ")
                    .is_some_and(|heading| heading.eq_ignore_ascii_case(title))
            });
            assert!(found, "no section \"{title}\"");
        }
    }
    assert!(alarms >= 18, "{alarms}");
}

#[tokio::test]
async fn a_kept_file_that_is_no_checkpoint_raises_no_alarm_about_the_ledger() {
    let bench = crate::bench::Bench::new(liaison_testkit::Engine::Sqlite).await;
    bench.with_people();
    // As it is printed, indented, and not as --checkpoint-to writes it.
    std::fs::write(
        bench.path("kept"),
        "  liaison.example/ledger\n  3\n  abc=\n  \n  - liaison.example/ledger abc\n",
    )
    .unwrap();
    let ran = bench.run(&["ledger", "verify", "--database", "--kept", "kept"]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("kept: this is no checkpoint"), "{}", ran.err);
    assert!(!ran.err.contains("was changed"), "{}", ran.err);
}
