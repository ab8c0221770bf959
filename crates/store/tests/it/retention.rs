//! What the retention job removes is found by an index, however much is kept: a batch costs what it takes, not what there
//! is. Asked of each engine's own planner.

use liaison_store::{Engine, statements};
use liaison_testkit::{App, both_engines};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row as _, SqliteConnection};

/// How the engine would run a statement, with a moment and a limit as its arguments.
async fn plan(app: &App, name: &str) -> String {
    let full = format!("liaison_store::retention::{name}");
    let sql = statements().into_iter().find(|sql| sql.name == full).unwrap();
    let text = sql.text(app.database.engine, 0, 0, 0);
    let text = text.replace("$1", "'2026-01-01T00:00:00.000000Z'").replace("$2", "500");
    match app.database.engine {
        Engine::Sqlite => {
            let mut conn = SqliteConnection::connect(&app.database.url).await.unwrap();
            let text = AssertSqlSafe(format!("explain query plan {text}"));
            let rows = sqlx::query(text).fetch_all(&mut conn).await.unwrap();
            rows.iter().map(|row| row.get::<String, _>("detail") + "\n").collect()
        }
        Engine::Postgres => {
            let mut conn = PgConnection::connect(&app.database.url).await.unwrap();
            // The tables are empty here: what is asked is whether there is another way than reading all of them.
            sqlx::query("set enable_seqscan = off")
                .execute(&mut conn)
                .await
                .unwrap();
            let text = AssertSqlSafe(format!("explain {text}"));
            let rows = sqlx::query(text).fetch_all(&mut conn).await.unwrap();
            rows.iter().map(|row| row.get::<String, _>(0) + "\n").collect()
        }
    }
}

both_engines! {
    async fn each_batch_is_found_by_an_index(app: App) {
        for (name, index) in [
            ("SIGN_IN_STEPS", "sign_in_ceremony_by_end"),
            ("SESSIONS", "session_by_end"),
            ("ANSWERS", "idempotency_by_time"),
            ("READ_NOTICES", "notice_seen"),
            ("ATTEMPT_REPLIES", "attempt_reply"),
            ("KEPT_DRAFTS", "note_kept"),
            ("DRAFTS", "note_unsigned"),
        ] {
            let plan = plan(&app, name).await;
            assert!(plan.contains(index), "{name} does not use {index}:\n{plan}");
        }
        for name in ["LINK_CODES", "READ_NOTICES", "ATTEMPT_REPLIES", "KEPT_DRAFTS", "DRAFTS"] {
            let plan = plan(&app, name).await;
            assert!(plan.contains("legal_hold_in_force"), "{name} looks at holds without an index:\n{plan}");
        }
    }
}
