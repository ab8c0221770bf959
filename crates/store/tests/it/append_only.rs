//! History cannot be changed through the database, not even by somebody with its password and plain SQL.

use liaison_testkit::{App, Engine, both_engines};

use crate::support::{entry, past_the_store};

async fn with_history(app: &App) {
    let mut tx = app.service.store().begin().await.unwrap();
    tx.record(entry(app.service.store(), "test.act"));
    tx.commit().await.unwrap();
    assert_eq!(app.service.sequence().await.unwrap().entries, 1);
}

const TABLES: [(&str, &str); 4] = [
    ("ledger_entry", "action = 'other'"),
    ("ledger_leaf", "leaf_index = leaf_index + 1"),
    ("ledger_hash", "hash_index = hash_index + 1"),
    ("ledger_checkpoint", "note = 'other'"),
];

both_engines! {
    async fn rows_of_the_ledger_are_neither_changed_nor_removed(app: App) {
        with_history(&app).await;
        for (table, change) in TABLES {
            for text in [format!("update {table} set {change}"), format!("delete from {table}")] {
                let error = past_the_store(&app, &text).await.expect_err(&text).to_string();
                assert!(error.contains(&format!("{table} is append-only")), "{text}: {error}");
            }
            let (replace, expected) = match app.database.engine {
                Engine::Sqlite => (
                    format!("insert or replace into {table} select * from {table}"),
                    format!("{table} is append-only"),
                ),
                Engine::Postgres => (format!("truncate {table}"), format!("{table} is append-only")),
            };
            let error = past_the_store(&app, &replace).await.expect_err(&replace).to_string();
            assert!(error.contains(&expected), "{replace}: {error}");
        }
        let report = app.service.verify_ledger().await.unwrap();
        assert!(report.is_sound(), "{:?}", report.problems);
        assert_eq!(report.entries, 1);
    }
}
