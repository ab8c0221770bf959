//! `liaison doctor` on healthy and broken deployments.

use std::{
    os::unix::fs::PermissionsExt,
    sync::Arc,
    time::{Duration, Instant},
};

use liaison_channels::sinks::{SmtpFault, SmtpSink, SmtpSinkOptions, SmtpStage, WebhookSink, WebhookSinkOptions};
use liaison_domain::{ChannelKind, Clock, SystemClock};
use liaison_service::directory::{CreateEndpoint, EndpointOwner};
use liaison_testkit::{App, Engine};

use crate::{
    bench::{Bench, Ran, bare},
    clinic::deploy,
};

fn ran(bench: &Bench, args: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = bench.command(args);
    command.envs(variables.iter().copied());
    Ran::from(command.output().unwrap())
}

/// The findings of `--json` as lines `VERDICT CHECK: TEXT -> ADVICE`.
fn findings(ran: &Ran) -> Vec<String> {
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err));
    let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let lines: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            let verdict = text(finding, "verdict");
            let advice = text(finding, "advice");
            assert_eq!(
                verdict == "ok",
                advice.is_empty(),
                "whatever is not well says what to do: {finding}"
            );
            format!(
                "{verdict} {}: {} -> {advice}",
                text(finding, "check"),
                text(finding, "found")
            )
        })
        .collect();
    let failed = lines.iter().filter(|line| line.starts_with("fail")).count();
    assert_eq!(report["failures"].as_u64().unwrap() as usize, failed);
    assert_eq!(ran.code, i32::from(failed > 0), "{}", ran.out);
    lines
}

#[track_caller]
fn has(lines: &[String], start: &str, part: &str) {
    assert!(
        lines.iter().any(|line| line.starts_with(start) && line.contains(part)),
        "{start} … {part}: {lines:#?}"
    );
}

#[tokio::test]
async fn the_doctor_finds_nothing_broken_in_a_fresh_deployment() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let bench = Bench::new(engine).await;
        bench.with_people();
        let backups = bench.path("backups");
        std::fs::create_dir(&backups).unwrap();
        let run = bench.run(&["doctor", "--backup-folder", backups.to_str().unwrap()]);
        assert_eq!(run.code, 0, "{}{}", run.out, run.err);
        for wanted in [
            "OK    configuration",
            "mode 0600",
            "OK    database",
            "OK    writing",
            "OK    sealed rows",
            "OK    ledger's key",
            "OK    ledger",
            "OK    clock",
            "WARN  mail",
            "-> set it up under [email]",
            "OK    endpoints",
            "backup disk",
            "WARN  base URL",
            "WARN  monitor",
            "0 failures",
        ] {
            assert!(run.out.contains(wanted), "{wanted}: {}", run.out);
        }
    }
}

#[tokio::test]
async fn the_doctor_changes_nothing_where_nothing_is() {
    let bench = Bench::new(Engine::Sqlite).await;
    let run = bench.run(&["doctor"]);
    assert_eq!(run.code, 0, "{}", run.out);
    assert!(run.out.contains("does not exist yet"), "{}", run.out);
    assert!(!bench.path("keys").exists() && !bench.path("liaison.sqlite").exists());
}

#[tokio::test]
async fn the_doctor_fails_on_each_broken_thing_and_says_what_to_do() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let bench = Bench::new(engine).await;
        bench.with_people();
        for (key, value, start, part) in [
            (
                "LIAISON_HTTP__LISTEN",
                "nowhere",
                "fail configuration",
                "config example",
            ),
            (
                "LIAISON_HTTP__BASE_URL",
                "http://liaison.example",
                "fail base URL",
                "https",
            ),
            (
                "LIAISON_KEYS__MASTER_FILE",
                "gone.key",
                "fail keys",
                "gone.key is missing",
            ),
            ("LIAISON_MONITOR__LISTEN", "0.0.0.0:1", "warn monitor", "from outside"),
            ("LIAISON_WEBHOOKS__ALLOW_HTTP", "true", "warn webhooks", "without TLS"),
        ] {
            has(
                &findings(&ran(&bench, &["doctor", "--json"], &[(key, value)])),
                start,
                part,
            );
        }
        let folder = bench.path("no-folder");
        let lines = findings(&bench.run(&["doctor", "--json", "--backup-folder", folder.to_str().unwrap()]));
        has(&lines, "fail backup disk", "no copy is made");

        let key = bench.path("keys/ledger.key");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
        has(
            &findings(&bench.run(&["doctor", "--json"])),
            "fail keys",
            "mode 640 lets others read it",
        );
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let keys = bench.path("keys");
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o777)).unwrap();
        has(
            &findings(&bench.run(&["doctor", "--json"])),
            "fail keys",
            "others may write to the folder",
        );
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o700)).unwrap();

        // Keys of another installation.
        let other = Bench::new(Engine::Sqlite).await;
        other.with_people();
        let master = other.path("keys/master.key");
        let lines = findings(&ran(
            &bench,
            &["doctor", "--json"],
            &[("LIAISON_KEYS__MASTER_FILE", master.to_str().unwrap())],
        ));
        has(&lines, "fail database", "bring the right one back");
    }
}

#[tokio::test]
async fn the_doctor_tells_another_ledgers_key_from_ours() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = App::start(engine).await;
        app.clock.set(SystemClock.now());
        let fixture = app.fixture().await;
        app.scene(&fixture).await;
        app.work().await;
        let folder = app.database.folder.path().to_owned();
        deploy(&app, "");
        app.service.store().close().await;
        let lines = findings(&Ran::from(
            bare(&folder, &["doctor", "--json", "--no-endpoints"]).output().unwrap(),
        ));
        has(&lines, "fail ledger's key", "another ledger's");
        has(&lines, "ok sealed rows", "the newest patient's row opens");
    }
}

#[tokio::test]
async fn a_clock_that_differs_from_the_databases_is_told() {
    let bench = Bench::new(Engine::Postgres).await;
    bench.with_people();
    bench
        .database
        .execute(
            "create function public.clock_timestamp() returns timestamptz language sql as \
             'select pg_catalog.clock_timestamp() + interval ''90 seconds'''",
        )
        .await;
    bench
        .database
        .execute(
            "do $$ begin execute format('alter database %I set search_path = public, pg_catalog', current_database()); \
             end $$",
        )
        .await;
    has(&findings(&bench.run(&["doctor", "--json"])), "fail clock", "+90.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relay_is_asked_for_a_session_with_sign_in_and_a_mail() {
    let bench = Bench::new(Engine::Sqlite).await;
    bench.with_people();
    let sink = SmtpSink::start(SmtpSinkOptions {
        credentials: Some(("liaison".to_owned(), "right".to_owned())),
        ..SmtpSinkOptions::default()
    })
    .await
    .unwrap();
    let port = sink.address().port().to_string();
    let relay = |password: &'static str, port: &str| {
        [
            ("LIAISON_EMAIL__TRANSPORT", "smtp".to_owned()),
            ("LIAISON_EMAIL__HOST", "127.0.0.1".to_owned()),
            ("LIAISON_EMAIL__PORT", port.to_owned()),
            ("LIAISON_EMAIL__TLS", "none".to_owned()),
            ("LIAISON_EMAIL__FROM", "a@b.example".to_owned()),
            ("LIAISON_EMAIL__USERNAME", "liaison".to_owned()),
            ("LIAISON_EMAIL__PASSWORD", password.to_owned()),
        ]
    };
    let look = |args: &[&str], password, port: &str| {
        let mut command = bench.command(args);
        command.envs(relay(password, port));
        tokio::task::block_in_place(|| Ran::from(command.output().unwrap()))
    };
    let lines = findings(&look(&["doctor", "--json"], "right", &port));
    has(&lines, "ok mail", "takes a session");
    assert!(sink.mails().is_empty(), "a look sends no mail");
    let lines = findings(&look(&["doctor", "--json"], "wrong", &port));
    has(&lines, "fail mail", "refuses the sign-in");
    assert!(!lines.iter().any(|line| line.contains("wrong")), "{lines:#?}");
    let lines = findings(&look(
        &["doctor", "--json", "--mail-to", "ana@clinic.example"],
        "right",
        &port,
    ));
    has(&lines, "ok test mail", "the relay took it");
    assert_eq!(sink.mails().len(), 1);
    sink.script([Some(SmtpFault::Reply(
        SmtpStage::Rcpt,
        "550 5.1.1 nobody here".to_owned(),
    ))]);
    let lines = findings(&look(
        &["doctor", "--json", "--mail-to", "ana@clinic.example"],
        "right",
        &port,
    ));
    has(&lines, "fail test mail", "550 5.1.1 nobody here");
    let lines = findings(&look(
        &["doctor", "--json", "--mail-to", "ana@clinic.example"],
        "right",
        "1",
    ));
    has(&lines, "fail mail", "does not take the session");
    has(&lines, "fail test mail", "did not take it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_are_connected_to_by_the_address_rules_and_hear_nothing() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = App::start(engine).await;
        app.clock.set(SystemClock.now());
        let fixture = app.fixture().await;
        let sink = WebhookSink::start(WebhookSinkOptions::new(Arc::new(SystemClock)))
            .await
            .unwrap();
        for address in [
            sink.url("/a-secret-path"),
            "http://127.0.0.1:1/a-secret-path".to_owned(),
        ] {
            let endpoint = CreateEndpoint {
                owner: EndpointOwner::Team(fixture.palliative_team),
                channel: ChannelKind::Webhook,
                address,
                idempotency_key: None,
            };
            app.service.create_endpoint(&fixture.admin, endpoint).await.unwrap();
        }
        let folder = app.database.folder.path().to_owned();
        deploy(&app, "");
        app.service.store().close().await;
        let look = |variables: &[(&str, &str)]| {
            let mut command = bare(&folder, &["doctor", "--json"]);
            command.envs(variables.iter().copied());
            tokio::task::block_in_place(|| findings(&Ran::from(command.output().unwrap())))
        };
        let allowed = [
            ("LIAISON_WEBHOOKS__ALLOW", "[\"127.0.0.0/8\"]"),
            ("LIAISON_WEBHOOKS__ALLOW_HTTP", "true"),
        ];
        let lines = look(&allowed);
        has(&lines, "fail endpoints", "at 127.0.0.1: no connection");
        has(&lines, "fail endpoints", "placeholder-cancer-center.example.test");
        has(&lines, "ok endpoints", "1 of 3 webhooks can be reached");
        assert!(!lines.iter().any(|line| line.contains("a-secret-path")), "{lines:#?}");
        assert_eq!(sink.distinct(), 0, "nothing was sent");
        // By the rules of a deployment that allows nothing inside.
        has(&look(&[]), "fail endpoints", "webhooks.allow");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_runs_is_asked_and_so_is_its_public_address() {
    let bench = Bench::new(Engine::Sqlite).await;
    bench.with_people();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let listen = format!("127.0.0.1:{port}");
    let mut server = bench
        .command(&["serve"])
        .env("LIAISON_HTTP__LISTEN", &listen)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let lines = loop {
        let lines = findings(&ran(
            &bench,
            &["doctor", "--json"],
            &[
                ("LIAISON_HTTP__LISTEN", &listen),
                ("LIAISON_HTTP__BASE_URL", "https://127.0.0.1:1"),
            ],
        ));
        if lines.iter().any(|line| line.starts_with("ok server")) || began.elapsed() > Duration::from_secs(30) {
            break lines;
        }
    };
    server.kill().unwrap();
    server.wait().unwrap();
    has(&lines, "ok server", "ready on 127.0.0.1");
    has(
        &lines,
        "fail base URL",
        "the server runs and its public address does not answer",
    );
}
