//! Commands that look at and change the database, on both engines.

use liaison_testkit::Engine;

use crate::bench::{Bench, Ran, bare};

const JOURNEY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../clinical/data/journeys/journey-a-responder.json"
);

async fn on_both(test: impl Fn(Bench)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        test(Bench::new(engine).await);
    }
}

#[tokio::test]
async fn migrate_says_what_it_did() {
    on_both(|bench| {
        let check = bench.run(&["migrate", "--check"]);
        if bench.database.engine == Engine::Sqlite {
            assert_eq!(check.code, 3, "{}", check.err);
            assert!(check.err.contains("does not exist yet"), "{}", check.err);
            assert!(bench.good(&["migrate"]).contains("migration"));
            assert!(bench.path("keys/master.key").exists());
        }
        assert!(bench.good(&["migrate"]).contains("nothing to do"));
        assert!(bench.good(&["migrate", "--check"]).contains("no migrations pending"));
    })
    .await;
}

#[tokio::test]
async fn people_and_tokens_are_made_from_the_command_line() {
    on_both(|bench| {
        bench.with_people();
        let lee = [
            "user",
            "add",
            "--email",
            "Lee@onc.example",
            "--name",
            "Lee Wong",
            "--organization",
            "Lake Oncology",
            "--kind",
            "oncology",
            "--time-zone",
            "America/New_York",
            "--role",
            "CLINICIAN",
            "--role",
            "TEAM_LEAD",
            "--team",
            "Thoracic",
        ];
        let said = bench.good(&lee);
        assert!(
            said.contains("organization org_") && said.contains("user user_") && said.contains("team team_"),
            "{said}"
        );
        let again = bench.run(&lee);
        assert_eq!(again.code, 1);
        assert!(
            again.err.contains("belongs to the organization already"),
            "{}",
            again.err
        );

        let token = bench.run(&[
            "token",
            "create",
            "--user",
            "lee@onc.example",
            "--name",
            "laptop",
            "--scopes",
            "read,write",
            "--days",
            "30",
        ]);
        assert_eq!(token.code, 0, "{}", token.err);
        assert!(
            token.out.trim().starts_with("lia_") && token.out.lines().count() == 1,
            "{}",
            token.out
        );
        assert!(
            token.err.contains("token_") && !token.err.contains(token.out.trim()),
            "{}",
            token.err
        );

        for (args, wanted) in [
            (
                &["--user", "nobody@x.example", "--name", "x"][..],
                "nobody has the address",
            ),
            (
                &["--user", "lee@onc.example", "--name", "x", "--days", "9999"],
                "1 to 365",
            ),
            (
                &["--user", "lee@onc.example", "--name", "x", "--scopes", "everything"],
                "read or write",
            ),
            (
                &[
                    "--user",
                    "lee@onc.example",
                    "--name",
                    "x",
                    "--organization",
                    "Harbor Clinic",
                ],
                "no place",
            ),
        ] {
            let ran = bench.run(&[&["token", "create"], args].concat());
            assert_eq!(ran.code, 1, "{args:?}");
            assert!(ran.out.is_empty() && ran.err.contains(wanted), "{args:?}: {}", ran.err);
        }
    })
    .await;
}

#[tokio::test]
async fn an_unknown_organization_or_wrong_fields_are_told() {
    on_both(|bench| {
        let add = |organization: &[&str], email: &str| {
            let base = [
                "user",
                "add",
                "--email",
                email,
                "--name",
                "X",
                "--role",
                "ADMIN",
                "--organization",
                "New",
            ];
            bench.run(&[&base[..], organization].concat())
        };
        let ran = add(&[], "x@y.example");
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains("add --kind and --time-zone"), "{}", ran.err);
        let ran = add(
            &["--kind", "CLINIC", "--time-zone", "America/Nowhere"],
            "not an address",
        );
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains("email"), "{}", ran.err);
        let ran = add(&["--kind", "CIRCUS", "--time-zone", "America/Chicago"], "x@y.example");
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains("CLINIC, ONCOLOGY"), "{}", ran.err);
        // Nothing half-made is left behind.
        assert_eq!(add(&[], "x@y.example").code, 2);
    })
    .await;
}

#[tokio::test]
async fn a_broken_journey_tells_every_problem_and_imports_nothing() {
    on_both(|bench| {
        std::fs::write(bench.path("not-json.json"), "{ nonsense").unwrap();
        std::fs::write(bench.path("latin1.json"), b"{\"title\": \"caf\xe9\"}").unwrap();
        std::fs::write(bench.path("huge.json"), vec![b' '; 10 * 1_048_576 + 1]).unwrap();
        let mut journey: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(JOURNEY).unwrap()).unwrap();
        journey["synthetic"] = false.into();
        journey["surprise"] = 1.into();
        std::fs::write(bench.path("real.json"), journey.to_string()).unwrap();
        for (file, wanted) in [
            ("not-json.json", "not JSON"),
            ("latin1.json", "not UTF-8 text: byte 15"),
            ("huge.json", "longer than 10 MiB"),
            ("real.json", "surprise"),
            ("absent.json", "No such file"),
        ] {
            let ran = bench.run(&["import", file, JOURNEY]);
            assert_eq!(ran.code, 1, "{file}: {}{}", ran.out, ran.err);
            assert!(
                ran.out.contains(wanted) && ran.err.contains("nothing was imported"),
                "{file}: {}",
                ran.out
            );
        }
    })
    .await;
}

/// The clinic and the partners that the journey names.
fn stage(bench: &Bench) {
    let add = |email: &str, organization: &str, kind: &str, role: &str, team: &[&str]| {
        let base = [
            "user",
            "add",
            "--email",
            email,
            "--name",
            "Somebody (SYNTHETIC)",
            "--organization",
            organization,
            "--kind",
            kind,
            "--time-zone",
            "America/Chicago",
            "--role",
            role,
        ];
        bench.good(&[&base[..], team].concat());
    };
    add(
        "imogen@clinic.example",
        "Example Ketamine Infusion Clinic (SYNTHETIC)",
        "CLINIC",
        "PHYSICIAN",
        &[],
    );
    add(
        "onc@cancer.example",
        "Placeholder Cancer Center (SYNTHETIC)",
        "ONCOLOGY",
        "CLINICIAN",
        &["--team", "Oncology"],
    );
    add(
        "pal@care.example",
        "Mockingbird Palliative Service (SYNTHETIC)",
        "PALLIATIVE",
        "CLINICIAN",
        &["--team", "Team"],
    );
}

#[tokio::test]
async fn a_good_journey_is_checked_then_imported_once() {
    on_both(|bench| {
        let unknown = bench.run(&["import", JOURNEY]);
        assert_eq!(unknown.code, 1);
        assert!(unknown.out.contains("clinic.organization"), "{}", unknown.out);
        stage(&bench);
        let imogen = [
            "user",
            "add",
            "--email",
            "dr@clinic.example",
            "--name",
            "Dr. Imogen Sampleton (SYNTHETIC)",
        ];
        let place = [
            "--organization",
            "Example Ketamine Infusion Clinic (SYNTHETIC)",
            "--role",
            "PHYSICIAN",
        ];
        bench.good(&[&imogen[..], &place].concat());
        assert!(bench.good(&["import", "--check", JOURNEY]).contains("good: "));
        let said = bench.good(&["import", JOURNEY]);
        assert!(
            said.contains("imported patient_") && !said.contains("Synthia"),
            "{said}"
        );
        let again = bench.run(&["import", JOURNEY]);
        assert_eq!(again.code, 1);
        assert!(
            again.out.contains("patient.mrn") && again.err.contains("nothing was imported"),
            "{}",
            again.out
        );
    })
    .await;
}

#[tokio::test]
async fn a_database_that_cannot_be_used_says_so() {
    let bench = Bench::new(Engine::Sqlite).await;
    for (url, code, wanted) in [
        ("mysql://db/liaison", 2, "sqlite:PATH or postgres://"),
        ("sqlite:/proc/nowhere/x.sqlite", 1, "cannot be made"),
        ("postgres://nobody@127.0.0.1:1/none", 3, "postgres://127.0.0.1:1/none"),
    ] {
        let mut command = bench.command(&["migrate"]);
        if url.starts_with("sqlite") {
            command = bench.command(&["token", "create", "--user", "a@b.example", "--name", "x"]);
        }
        let ran = Ran::from(command.env("LIAISON_DATABASE__URL", url).output().unwrap());
        assert_eq!(ran.code, code, "{url}: {}", ran.err);
        assert!(ran.err.contains(wanted), "{url}: {}", ran.err);
    }
    // A password in the URL is never told.
    let url = "postgres://liaison:h4rdly@127.0.0.1:1/none";
    let ran = Ran::from(
        bench
            .command(&["migrate"])
            .env("LIAISON_DATABASE__URL", url)
            .output()
            .unwrap(),
    );
    assert!(!ran.err.contains("h4rdly"), "{}", ran.err);
}

#[tokio::test]
async fn the_schema_is_printed_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let sdl = Ran::from(bare(folder.path(), &["schema"]).output().unwrap());
    assert!(sdl.code == 0 && sdl.out.contains("type Query"), "{}", sdl.err);
    let file = folder.path().join("schema.graphql");
    std::fs::write(&file, &sdl.out).unwrap();
    assert_eq!(
        Ran::from(
            bare(folder.path(), &["schema", "--check", "schema.graphql"])
                .output()
                .unwrap()
        )
        .code,
        0
    );
    std::fs::write(&file, sdl.out.replace("type Query", "type Inquiry")).unwrap();
    let differs = Ran::from(
        bare(folder.path(), &["schema", "--check", "schema.graphql"])
            .output()
            .unwrap(),
    );
    assert_eq!(differs.code, 1);
    assert!(differs.err.contains("at line"), "{}", differs.err);
}

#[tokio::test]
async fn the_example_configuration_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let example = Ran::from(bare(folder.path(), &["config", "example"]).output().unwrap());
    std::fs::write(folder.path().join("liaison.toml"), &example.out).unwrap();
    let check = Ran::from(bare(folder.path(), &["config", "check"]).output().unwrap());
    assert_eq!(check.code, 0, "{}", check.err);
    let wrong = Ran::from(
        bare(folder.path(), &["config", "check"])
            .env("LIAISON_HTTP__PORT", "1")
            .output()
            .unwrap(),
    );
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("http.port: there is no such key"), "{}", wrong.err);
}
