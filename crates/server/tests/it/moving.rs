//! From SQLite to PostgreSQL: everything, once, and the work goes on there.

use std::collections::BTreeSet;

use liaison_domain::Disposition;
use liaison_ledger::{VerifierKey, verify_receipt};
use liaison_service::loops::acknowledge::Acknowledge;
use liaison_store::copy::{LEFT_OUT, left_out, tables};
use liaison_testkit::{App, Database, Engine};

use crate::backup::Desk;

#[tokio::test]
async fn every_table_of_both_engines_is_carried_over_or_left_out_for_a_reason() {
    let mut stale: BTreeSet<&str> = LEFT_OUT.iter().map(|(name, _)| *name).collect();
    let mut carried = Vec::new();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = App::start(engine).await;
        let found = tables(&app.database.url).await.unwrap();
        for name in &found {
            stale.remove(name.as_str());
        }
        carried.push(
            found
                .into_iter()
                .filter(|name| left_out(name).is_none())
                .collect::<BTreeSet<_>>(),
        );
    }
    assert_eq!(
        carried[0], carried[1],
        "a table of one engine alone is in LEFT_OUT with a reason"
    );
    assert!(carried[0].contains("ledger_pending") && carried[0].contains("acknowledgment"));
    assert!(stale.is_empty(), "left out and nowhere to be found: {stale:?}");
}

#[tokio::test]
async fn everything_moves_and_the_loops_go_on_where_they_were() {
    let mut app = App::start(Engine::Sqlite).await;
    let fixture = app.fixture().await;
    let scene = app.scene(&fixture).await;
    let answered = scene.call_asked.recipient_ids[0];
    let receipt = app
        .service
        .acknowledgment_receipt(&fixture.oncologist, answered)
        .await
        .unwrap()
        .json;
    let before = app.service.verify_ledger().await.unwrap();
    assert!(before.is_sound());
    // Something still waits for the sequencer, and is under way.
    let signed = app.sign(&fixture, scene.patients[0], "A", 0).await;
    app.share_with_both(&fixture, &signed).await;
    let target = Database::create(Engine::Postgres).await;
    let desk = Desk::new(&app, &target.url);
    let from = app.database.url.clone();
    let file = from.strip_prefix("sqlite:").unwrap().to_owned();
    app.service.store().close().await;
    let bytes = std::fs::read(&file).unwrap();

    let told = desk.good(&["move", "--from", &from]);
    for wanted in [
        "patient: 3\n",
        "read back the same",
        "of 3 patients open",
        "make the same tree",
        "moved to postgres://",
    ] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), bytes, "the source is as it was");
    let ran = desk.run(&["move", "--from", &from]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.err.contains("the target is not empty"), "{}", ran.err);

    let old = std::mem::replace(
        &mut app.database,
        Database {
            url: target.url.clone(),
            folder: tempfile::tempdir().unwrap(),
            engine: Engine::Postgres,
        },
    );
    std::fs::copy(
        old.folder.path().join("master.key"),
        app.database.folder.path().join("master.key"),
    )
    .unwrap();
    app.restart().await;
    app.work().await;
    // A loop that was open there is opened and acknowledged here, and a new share is made.
    app.open(&fixture.oncologist, scene.unopened.recipient_ids[0]).await;
    let mut conn = app.service.store().read().await.unwrap();
    let row = liaison_store::recipients::find(&mut conn, scene.unopened.recipient_ids[0])
        .await
        .unwrap()
        .unwrap();
    drop(conn);
    let reviewed = Acknowledge {
        recipient_id: Some(scene.unopened.recipient_ids[0]),
        note_version_id: Some(row.note_version_id),
        dispositions: vec![Disposition::ReviewedNoChange],
        ..Acknowledge::default()
    };
    app.service.acknowledge(&fixture.oncologist, reviewed).await.unwrap();
    let next = app.sign(&fixture, scene.patients[0], "A", 1).await;
    let shared = app.share_with_both(&fixture, &next).await;
    app.work().await;
    app.acknowledge_all(&fixture, &shared, &next).await;
    app.work().await;

    // Receipts from before hold, and the ledger is one history over the move.
    let key = VerifierKey::parse(app.service.ledger_key()).unwrap();
    verify_receipt(&receipt, &key).unwrap();
    let again = app
        .service
        .acknowledgment_receipt(&fixture.oncologist, answered)
        .await
        .unwrap();
    verify_receipt(&again.json, &key).unwrap();
    let after = app.service.verify_ledger().await.unwrap();
    assert!(after.is_sound(), "{:?}", after.problems);
    assert!(after.entries > before.entries);
}

#[tokio::test]
async fn a_move_that_cannot_be_whole_does_not_begin() {
    let app = App::start(Engine::Sqlite).await;
    let fixture = app.fixture().await;
    app.patient(&fixture, "A").await;
    app.service.sequence().await.unwrap();
    let from = app.database.url.clone();
    let target = Database::create(Engine::Postgres).await;
    let desk = Desk::new(&app, &target.url);
    for (args, wanted) in [
        (vec!["move", "--from", "sqlite:nowhere.sqlite"], "there is no file"),
        (vec!["move", "--from", &target.url], "expected sqlite:PATH"),
        (vec!["move", "--from", &from, "--to", &from], "not PostgreSQL"),
    ] {
        let ran = desk.run(&args);
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(wanted), "{}", ran.err);
    }
    // Somebody writes.
    let service = app.service.clone();
    let writer = tokio::spawn(async move {
        loop {
            let mut tx = service.store().begin().await.unwrap();
            let (now, random) = (service.now(), service.store().random());
            let actor = liaison_domain::Actor::system();
            tx.record(liaison_store::NewEntry::new(random.id(now), now, &actor, "test.act"));
            tx.commit().await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    let (folder, arguments) = (desk.path(""), ["move".to_owned(), "--from".to_owned(), from.clone()]);
    let ran = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        crate::bench::Ran::from(crate::bench::bare(&folder, &arguments).output().unwrap())
    })
    .await
    .unwrap();
    writer.abort();
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.err.contains("stop `liaison serve`"), "{}", ran.err);
    // The target stayed empty, so the next try is good.
    let _ = writer.await;
    app.service.store().close().await;
    desk.good(&["move", "--from", &from]);
}
