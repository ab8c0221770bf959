//! Exports and receipts, checked offline by the binary.

use liaison_testkit::{App, Engine};

use crate::bench::{Bench, Ran, bare};

#[tokio::test]
async fn an_export_is_proven_offline_and_a_changed_one_is_not() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let bench = Bench::new(engine).await;
        bench.with_people();
        let key = bench.good(&["ledger", "key"]);
        bench.good(&["ledger", "export", "--output", "all.ndjson"]);
        // Elsewhere: no configuration, no database, nothing but the file and the key.
        let elsewhere = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(bench.path("all.ndjson")).unwrap();
        assert!(!text.contains("Ana") && !text.contains("ana@"), "{text}");
        std::fs::write(elsewhere.path().join("all.ndjson"), &text).unwrap();
        std::fs::write(elsewhere.path().join("vkey"), &key).unwrap();
        let verify = ["ledger", "verify", "export", "all.ndjson", "--key-file", "vkey"];
        let ran = Ran::from(bare(elsewhere.path(), &verify).output().unwrap());
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains("good: "), "{}", ran.out);
        assert_eq!(
            std::fs::read_dir(elsewhere.path()).unwrap().count(),
            2,
            "nothing is written"
        );

        let (cut, _) = text.trim_end().rsplit_once('\n').unwrap();
        for changed in [text.replace("person.add", "person.sub"), format!("{cut}\n")] {
            std::fs::write(elsewhere.path().join("all.ndjson"), changed).unwrap();
            let ran = Ran::from(bare(elsewhere.path(), &verify).output().unwrap());
            assert_eq!(ran.code, 1, "{}", ran.out);
            assert!(ran.err.contains("proves nothing"), "{}", ran.err);
        }
        let ran = bench.run(&["ledger", "export", "--output", "all.ndjson"]);
        assert_eq!(ran.code, 1, "an existing file is not overwritten");
        assert_eq!(bench.run(&["ledger", "export", "--from", "3", "--until", "3"]).code, 2);
        let ran = bench.good(&["ledger", "verify", "--database"]);
        assert!(ran.contains("everything holds together"), "{ran}");
    }
}

#[tokio::test]
async fn a_receipt_is_proven_offline_by_its_own_key_alone() {
    let app = App::start(Engine::Sqlite).await;
    let system = liaison_domain::Actor::system();
    app.service
        .create_organization(
            &system,
            liaison_service::directory::CreateOrganization {
                name: "Harbor Clinic".to_owned(),
                kind: liaison_domain::OrganizationKind::Clinic,
                time_zone: "America/Chicago".to_owned(),
                phone: None,
                managed_by: None,
                idempotency_key: None,
            },
        )
        .await
        .unwrap();
    let (entry, _) = {
        let mut conn = app.service.store().read().await.unwrap();
        liaison_store::ledger::pending(&mut conn, 1).await.unwrap().remove(0)
    };
    app.service.sequence().await.unwrap();
    let receipt = app.service.entry_receipt(&system, entry).await.unwrap();
    let key = app.service.signer().verifier().to_string();

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("receipt.json"), &receipt.json).unwrap();
    let run = |key: &str| {
        let args = ["ledger", "verify", "receipt", "receipt.json", "--key", key];
        Ran::from(bare(folder.path(), &args).output().unwrap())
    };
    let good = run(&key);
    assert_eq!(good.code, 0, "{}", good.err);
    assert!(
        good.out.contains("good: entry 0 of the ledger liaison.example/ledger"),
        "{}",
        good.out
    );
    assert_eq!(run("nonsense").code, 2);
    let other = liaison_ledger::Signer::from_seed("liaison.example/ledger", [8; 32].into()).unwrap();
    let refused = run(other.verifier().as_str());
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("not signed by"), "{}", refused.err);
    std::fs::write(
        folder.path().join("receipt.json"),
        receipt.json.replace("success", "failure"),
    )
    .unwrap();
    assert_eq!(run(&key).code, 1);
}
