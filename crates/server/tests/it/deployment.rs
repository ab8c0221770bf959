//! `liaison doctor` on healthy and broken deployments.

use liaison_testkit::Engine;

use crate::bench::{Bench, Ran};

#[tokio::test]
async fn the_doctor_finds_nothing_broken_in_a_fresh_deployment() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let bench = Bench::new(engine).await;
        bench.with_people();
        let ran = bench.run(&["doctor"]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        for wanted in [
            "OK    configuration",
            "OK    database",
            "OK    ledger",
            "WARN  mail",
            "WARN  base URL",
            "0 failures",
        ] {
            assert!(ran.out.contains(wanted), "{wanted}: {}", ran.out);
        }
    }
}

#[tokio::test]
async fn the_doctor_changes_nothing_where_nothing_is() {
    let bench = Bench::new(Engine::Sqlite).await;
    let ran = bench.run(&["doctor"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains("does not exist yet"), "{}", ran.out);
    assert!(!bench.path("keys").exists() && !bench.path("liaison.sqlite").exists());
}

#[tokio::test]
async fn the_doctor_fails_on_what_is_broken() {
    let bench = Bench::new(Engine::Sqlite).await;
    bench.with_people();
    for (key, value, wanted) in [
        ("LIAISON_HTTP__LISTEN", "nowhere", "FAIL  configuration"),
        ("LIAISON_HTTP__BASE_URL", "http://liaison.example", "FAIL  base URL"),
        ("LIAISON_KEYS__MASTER_FILE", "gone.key", "FAIL  keys"),
    ] {
        let ran = Ran::from(bench.command(&["doctor"]).env(key, value).output().unwrap());
        assert_eq!(ran.code, 1, "{key}: {}", ran.out);
        assert!(ran.out.contains(wanted), "{key}: {}", ran.out);
    }
    let relay = [
        ("TRANSPORT", "smtp"),
        ("HOST", "127.0.0.1"),
        ("PORT", "1"),
        ("FROM", "a@b.example"),
    ];
    let mut command = bench.command(&["doctor", "--send-test-mail", "ana@clinic.example"]);
    command.envs(relay.map(|(key, value)| (format!("LIAISON_EMAIL__{key}"), value)));
    let ran = Ran::from(command.output().unwrap());
    assert_eq!(ran.code, 1);
    assert!(
        ran.out.contains("FAIL  mail") && ran.out.contains("FAIL  test mail"),
        "{}",
        ran.out
    );
}
