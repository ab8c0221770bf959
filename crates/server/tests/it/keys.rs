//! Key files: made, refused, rotated.

use std::os::unix::fs::PermissionsExt;

use liaison_testkit::Engine;

use crate::bench::Bench;

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn the_embedded_default_makes_its_keys_for_the_owner_alone() {
    let bench = Bench::new(Engine::Sqlite).await;
    bench.with_people();
    for name in ["keys/master.key", "keys/ledger.key"] {
        assert_eq!(mode(&bench.path(name)), 0o600, "{name}");
    }
    let key = bench.good(&["ledger", "key"]);
    assert!(key.starts_with("127.0.0.1/ledger+"), "{key}");
}

#[tokio::test]
async fn a_key_that_others_can_read_is_refused() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for name in ["keys/master.key", "keys/ledger.key"] {
            let bench = Bench::new(engine).await;
            bench.with_people();
            std::fs::set_permissions(bench.path(name), std::fs::Permissions::from_mode(0o644)).unwrap();
            let ran = bench.run(&["serve"]);
            assert_eq!(ran.code, 1, "{name}");
            assert!(
                ran.err.contains("mode 644") && ran.err.contains("chmod 600"),
                "{name}: {}",
                ran.err
            );
        }
    }
}

#[tokio::test]
async fn another_master_key_opens_nothing_and_a_missing_one_is_not_replaced() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let bench = Bench::new(engine).await;
        bench.with_people();
        let path = bench.path("keys/master.key");
        let right = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let ran = bench.run(&["serve"]);
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains("is missing") && !path.exists(), "{}", ran.err);

        bench.good(&["keys", "init"]);
        let ran = bench.run(&["serve"]);
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains("does not open"), "{}", ran.err);

        std::fs::write(&path, right).unwrap();
        bench.good(&["ledger", "verify", "--database"]);
    }
}

#[tokio::test]
async fn rotation_wraps_anew_and_the_old_key_opens_nothing() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let bench = Bench::new(engine).await;
        bench.with_people();
        let path = bench.path("keys/master.key");
        let old = std::fs::read(&path).unwrap();
        let said = bench.good(&["keys", "rotate"]);
        assert!(said.contains("3 keys were wrapped anew"), "{said}");
        assert_eq!(mode(&path), 0o600);
        bench.good(&["ledger", "verify", "--database"]);
        let new = std::fs::read(&path).unwrap();
        std::fs::write(&path, old).unwrap();
        assert_eq!(bench.run(&["ledger", "verify", "--database"]).code, 1);
        std::fs::write(&path, new).unwrap();
        bench.good(&["ledger", "verify", "--database"]);
    }
}

#[tokio::test]
async fn the_ledgers_name_is_fixed() {
    let bench = Bench::new(Engine::Sqlite).await;
    bench.with_people();
    let mut command = bench.command(&["ledger", "key"]);
    let ran = crate::bench::Ran::from(
        command
            .env("LIAISON_KEYS__LEDGER_NAME", "other.example/ledger")
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("a ledger's name is fixed"), "{}", ran.err);
}
