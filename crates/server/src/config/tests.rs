//! Good configurations, and each way to get one wrong.

use std::path::PathBuf;

use insta::assert_snapshot;

use super::{Config, EXAMPLE, EngineUrl, Secret, parse};

fn toml(text: &str) -> Result<Config, String> {
    both(text, &[])
}

fn both(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    parse(Some((PathBuf::from("liaison.toml"), text.to_owned())), variables).map_err(|error| error.to_string())
}

fn environment(variables: &[(&str, &str)]) -> Result<Config, String> {
    both("", variables)
}

fn refusal(result: Result<Config, String>) -> String {
    result.expect_err("a refusal")
}

#[test]
fn the_example_parses_to_the_defaults() {
    let example = toml(EXAMPLE).expect("the example");
    assert_eq!(example, toml("").expect("defaults"));
}

#[test]
fn every_key_that_the_example_comments_out_exists() {
    let commented: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => key,
            _ => line,
        })
        .fold(String::new(), |all, line| all + line + "\n");
    // A secret stands there by value and by file, and the files do not exist: those problems are expected, no others.
    let told = refusal(toml(&commented));
    assert_snapshot!(told);
    assert!(!told.contains("no such key"), "{told}");
}

#[test]
fn the_environment_wins_and_text_stays_text() {
    let config = both(
        "[http]\nlisten = \"127.0.0.1:1\"\n[email]\ntransport = \"smtp\"\nhost = \"mail.example\"\nfrom = \"a@b.example\"",
        &[
            ("LIAISON_HTTP__LISTEN", "[::1]:9090"),
            ("LIAISON_EMAIL__USERNAME", "liaison"),
            ("LIAISON_EMAIL__PASSWORD", "0123456789"),
            ("LIAISON_EMAIL__PORT", "465"),
            ("LIAISON_GRAPHQL__LIMITS__MAX_DEPTH", "9"),
            ("LIAISON_GRAPHQL__INTROSPECTION", "true"),
            ("LIAISON_WEBHOOKS__ALLOW", "[\"10.20.0.0/16\"]"),
            ("LIAISON_WORK__EMAIL_RETRY_SECONDS", "[1, 2]"),
            ("LIAISON_CONFIG", "elsewhere.toml"),
            ("LIAISON_TEST_POSTGRES_URL", "postgres://x/y"),
        ],
    )
    .expect("good");
    assert_eq!(config.http.listen.port(), 9090);
    let smtp = config.email.smtp().expect("settings").expect("a relay");
    assert_eq!((smtp.port, smtp.username.as_deref()), (465, Some("liaison")));
    assert_eq!(smtp.password.expect("a password").expose(), "0123456789");
    assert_eq!(config.graphql.limits.max_depth, 9);
    assert!(config.graphql.introspection);
    assert_eq!(config.webhooks.channel().expect("settings").addresses.allow.len(), 1);
    assert_eq!(
        config.work.retry()[&liaison_domain::ChannelKind::Email].delays_seconds,
        [1, 2]
    );
}

#[test]
fn migration_is_automatic_on_sqlite_alone_unless_told() {
    assert!(toml("").expect("good").database.migrate());
    let postgres = "[database]\nurl = \"postgres://liaison@db/liaison\"\n";
    assert!(!toml(postgres).expect("good").database.migrate());
    assert!(
        toml(&format!("{postgres}migrate = true"))
            .expect("good")
            .database
            .migrate()
    );
}

#[test]
fn secrets_come_from_files_without_their_line_end_and_are_never_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("url");
    std::fs::write(&path, "postgres://liaison:h4rdly-guessed@db/liaison\n").expect("a file");
    let config = toml(&format!("[database]\nurl_file = \"{}\"", path.display())).expect("good");
    let url = "postgres://liaison:h4rdly-guessed@db/liaison".to_owned();
    assert_eq!(*config.database.engine(), EngineUrl::Postgres(Secret::from(url)));
    assert_eq!(config.database.engine().shown(), "postgres://db/liaison");
    assert!(!format!("{config:?}").contains("h4rdly"), "{config:?}");
}

#[test]
fn a_wrong_value_of_a_secret_is_not_told() {
    let told = refusal(toml("[email]\npassword = 8675309\n[keys]\nmaster = [\"8675309\"]"));
    assert!(!told.contains("8675309"), "{told}");
    assert_snapshot!(told);
}

#[test]
fn all_problems_are_told_at_once_with_where_they_come_from() {
    let told = refusal(both(
        r#"
            colour = "blue"
            log = 3
            [database]
            url = "mysql://db/liaison"
            connections = 0
            pool = 3
            [http]
            listen = "nowhere"
            base_url = "ftp://x"
            [graphql]
            deadline_ms = 1
            [graphql.limits]
            max_deepness = 3
            [email]
            transport = "smtp"
            port = 70000
            tls = "sometimes"
            [webhooks]
            allow = ["10.0.0.0/8", "10.0.0.1/8"]
            [work]
            lease_seconds = 20
            email_retry_seconds = [10, 5]
            retry_jitter = "much"
            [frobnicate]
            a = 1
        "#,
        &[
            ("LIAISON_WEBHOOKS__ALLOW_HTTP", "perhaps"),
            ("LIAISON_HTTP_LISTEN", "x"),
            ("LIAISON_KEYS__RING", "1"),
        ],
    ));
    assert_snapshot!(told);
}

#[test]
fn one_wrong_thing_at_a_time() {
    let cases = [
        "[database]\nurl = \"sqlite:\"",
        "[database]\nurl = \"sqlite::memory:\"",
        "[database]\nurl = \"sqlite:a?mode=ro\"",
        "[database]\nurl = \"postgres://host\"",
        "[database]\nurl = \"\"",
        "[database]\nurl = \"sqlite:a\"\nurl_file = \"b\"",
        "[database]\nurl_file = \"/does/not/exist\"",
        "[keys]\nmaster = \"x\"\nmaster_file = \"y\"",
        "[keys]\nmaster_file = \"same\"\nledger_file = \"same\"",
        "[keys]\nledger_name = \"two words\"",
        "[http]\nbase_url = \"https://user:pass@x.example\"",
        "[http]\nbase_url = \"https://x.example/?a=b\"",
        "[email]\nhost = \"mail.example\"",
        "[email]\ntransport = \"pigeon\"",
        "[email]\ntransport = \"smtp\"\nhost = \"mail.example\"\nfrom = \"nobody\"",
        "[email]\ntransport = \"smtp\"\nhost = \"mail.example\"\nfrom = \"a@b.example\"\nusername = \"only\"",
        "[email]\ntransport = \"smtp\"\nhost = \"m.example\"\nfrom = \"a@b.example\"\ntls = \"none\"\nusername = \"u\"\npassword = \"p\"",
        "[email]\ntransport = \"smtp\"\nhost = \"m.example\"\nfrom = \"a@b.example\"\nextra_root_file = \"/does/not/exist\"",
        "[email]\npool_size = 3.5",
        "[webhooks]\nconnect_timeout_seconds = 0",
        "[work]\nshutdown_seconds = 60",
        "[retention]\nsessions_days = 0",
        "[retention]\nidempotency_days = 3651",
        "[retention]\nread_notices_days = 29",
        "[retention]\nunsigned_drafts_days = 36501",
        "[retention]\nattempt_replies_days = -1",
        "[retention]\nnotes_days = 90",
        "[log]\nfilter = \"=loud=\"",
        "[log]\nformat = \"xml\"",
        "[telemetry]\notlp_endpoint = \"collector:4318\"",
        "[telemetry]\notlp_endpoint = \"http://user:pass@collector:4318\"",
        "[telemetry]\notlp_headers = \"h4rdly-guessed\"",
        "[telemetry]\notlp_headers = \"a=b\"\notlp_headers_file = \"/does/not/exist\"",
        "[telemetry]\nservice_name = \" \"",
        "[telemetry]\nsampling = 1.5",
        "not toml at all",
        "[http]\nlisten = \"a\"\nlisten = \"b\"",
    ];
    let mut told = String::new();
    for case in cases {
        told.push_str(&format!("{case}\n=> {}\n\n", refusal(toml(case))));
    }
    assert_snapshot!(told);
}

#[test]
fn a_number_out_of_the_environment_is_checked_like_one_of_the_file() {
    let told = refusal(environment(&[
        ("LIAISON_DATABASE__CONNECTIONS", "many"),
        ("LIAISON_WORK__LEASE_SECONDS", "-3"),
    ]));
    assert_snapshot!(told);
}

#[test]
fn the_page_on_configuration_names_every_key() {
    let page = include_str!("../../../../docs/configuration.md");
    for line in EXAMPLE.lines() {
        let line = line.strip_prefix('#').unwrap_or(line);
        if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| !key.contains(' ')) {
            assert!(page.contains(&format!("`{key}`")), "{key}");
        } else if let Some(section) = line.strip_prefix('[') {
            assert!(
                page.contains(&format!("`{}`", section.trim_end_matches(']'))),
                "{section}"
            );
        }
    }
}

#[test]
fn every_key_that_the_reader_knows_stands_in_the_example() {
    let sections: Vec<&str> = EXAMPLE
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'))
        .collect();
    for section in super::reader::SECTIONS {
        assert!(sections.contains(&section), "[{section}] is missing in the example");
    }
    let mut keys = 0;
    for section in sections {
        // A key that nobody knows is answered with those that are known.
        let told = refusal(toml(&format!("[{section}]\nno_such_key = 1")));
        let (_, known) = told.split_once("the keys are ").expect("the known keys");
        let (_, rest) = EXAMPLE.split_once(&format!("[{section}]\n")).expect("the section");
        let own = rest.split("\n[").next().unwrap_or(rest);
        for key in known.lines().next().unwrap_or_default().split(", ") {
            let key = key
                .trim()
                .trim_end_matches(['.', ')'])
                .split(' ')
                .next()
                .unwrap_or_default();
            let is_there = own.lines().any(|line| {
                let line = line.strip_prefix('#').unwrap_or(line);
                line.split_once(" = ").is_some_and(|(name, _)| name == key)
            });
            let is_section = EXAMPLE.contains(&format!("[{section}.{key}]\n"));
            assert!(is_there || is_section, "{section}.{key} is missing in the example");
            keys += 1;
        }
    }
    assert!(keys > 60, "the sections were looked through: {keys}");
}
