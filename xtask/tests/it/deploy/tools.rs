//! The files of `deploy/` as the programs read them that they are for. A program that is not installed is said to be so,
//! and the test says nothing more: on Debian they are the packages systemd, prometheus, caddy and shellcheck.

use std::{
    path::Path,
    process::{Command, Output},
};

use super::documents;
use crate::workspace::{read, root};

/// Runs a program in a folder; `None` where it is not installed.
#[expect(clippy::print_stderr, reason = "a test that says less than its name must say so")]
fn run(folder: &Path, program: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let asked = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("LIAISON_HOST", "liaison.clinic.example")
        .env("HOME", folder)
        .env("SYSTEMD_COLORS", "0")
        .output();
    match asked {
        Ok(Output { status, stdout, stderr }) => {
            let told = [stdout, stderr].concat();
            Some((status.success(), String::from_utf8_lossy(&told).into_owned()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: {program} is not installed");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

#[test]
fn systemd_reads_the_units_and_finds_them_little_exposed() {
    let folder = tempfile::tempdir().unwrap();
    // The programs of the units are not on this machine, and that is all there may be to complain of: so they are
    // replaced by one that is.
    for (path, program) in [
        ("deploy/systemd/liaison.service", "/usr/local/bin/liaison"),
        (
            "deploy/backup/liaison-backup.service",
            "/usr/local/lib/liaison/continuous-backup.sh",
        ),
        ("deploy/backup/liaison-backup.timer", ""),
    ] {
        let mut text = read(path);
        if !program.is_empty() {
            assert!(text.contains(&format!("ExecStart={program}")), "{path}");
            text = text.replace(program, "/bin/true");
        }
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let units = [
        "./liaison.service",
        "./liaison-backup.service",
        "./liaison-backup.timer",
    ];
    let Some((good, told)) = run(
        folder.path(),
        "systemd-analyze",
        &[&["verify", "--man=no"][..], &units].concat(),
    ) else {
        return;
    };
    assert!(good && !told.contains("liaison"), "{told}");
    for (unit, most) in [("liaison.service", 1.2), ("liaison-backup.service", 0.4)] {
        let unit_path = format!("./{unit}");
        let (_, told) = run(
            folder.path(),
            "systemd-analyze",
            &["security", "--offline=true", &unit_path],
        )
        .unwrap();
        let line = told
            .lines()
            .find(|line| line.contains("Overall exposure level"))
            .expect(&told);
        let level = line
            .split(": ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
            .expect(line);
        assert!(level.parse::<f64>().unwrap() <= most, "{unit}: {line}");
    }
}

#[test]
fn prometheus_reads_the_rules_and_each_fires_when_it_should() {
    let folder = root().join("deploy/prometheus");
    let mut tested = read("deploy/prometheus/liaison.rules.test.yaml");
    for group in documents("deploy/prometheus/liaison.rules.yaml")[0]["groups"]
        .as_array()
        .unwrap()
    {
        for rule in group["rules"].as_array().unwrap() {
            let alert = rule["alert"].as_str().unwrap();
            assert!(tested.contains(&format!("alertname: {alert}\n")), "{alert} has no test");
        }
    }
    tested.clear();
    for arguments in [
        &["check", "rules", "liaison.rules.yaml"][..],
        &["check", "config", "scrape.yaml"],
        &["test", "rules", "liaison.rules.test.yaml"],
    ] {
        let Some((good, told)) = run(&folder, "promtool", arguments) else {
            return;
        };
        assert!(good, "promtool {arguments:?}: {told}");
    }
}

#[test]
fn prometheus_reads_every_expression_of_the_dashboard() {
    let dashboard: serde_json::Value = serde_json::from_str(&read("deploy/grafana/liaison.json")).unwrap();
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for panel in dashboard["panels"].as_array().unwrap() {
        if panel["type"] == "row" {
            continue;
        }
        assert!(
            panel["fieldConfig"]["defaults"]["unit"].is_string(),
            "{}: no unit",
            panel["title"]
        );
        assert_eq!(panel["datasource"]["uid"], "${source}", "{}", panel["title"]);
        for target in panel["targets"].as_array().unwrap() {
            let text = target["expr"].to_string();
            rules += &format!(
                "      - {{record: \"liaison:drawn\", expr: {text}, labels: {{rule: \"{}\"}}}}\n",
                rules.len()
            );
        }
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.yaml"), rules).unwrap();
    if let Some((good, told)) = run(folder.path(), "promtool", &["check", "rules", "rules.yaml"]) {
        assert!(good, "{told}");
    }
}

#[test]
fn caddy_reads_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = root().join("deploy/container/Caddyfile");
    let file = file.to_str().unwrap();
    if let Some((good, told)) = run(
        folder.path(),
        "caddy",
        &["validate", "--adapter", "caddyfile", "--config", file],
    ) {
        assert!(good && told.contains("Valid configuration"), "{told}");
        let (good, told) = run(folder.path(), "caddy", &["fmt", file]).unwrap();
        assert!(
            good && told.trim_end() == read("deploy/container/Caddyfile").trim_end(),
            "caddy fmt: {told}"
        );
    }
}

#[test]
fn shellcheck_finds_nothing() {
    let script = "deploy/backup/continuous-backup.sh";
    if let Some((good, told)) = run(&root(), "shellcheck", &["--enable=all", "--exclude=SC2250", script]) {
        assert!(good, "{told}");
    }
}
