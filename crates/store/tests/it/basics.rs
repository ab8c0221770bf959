//! Statements, migrations, keys and the append-only tables.

use liaison_testkit::both_engines;

both_engines! {
    async fn every_statement_is_understood(app: App) {
        let errors = app.service.store().check_statements().await.expect("the database answers");
        assert!(errors.is_empty(), "{}", errors.iter().map(|error| format!("{error}\n")).collect::<String>());
    }
}
