//! The schema and the program must fit each other before anything is read or written.

use liaison_store::{MasterSource, StoreError};
use liaison_testkit::both_engines;

use crate::support::{key_file, open, past_the_store};

both_engines! {
    async fn a_store_with_pending_migrations_opens_only_when_told_to_migrate(app: App) {
        past_the_store(&app, "delete from liaison_migrations").await.unwrap();
        let error = open(&app, false, MasterSource::File(key_file(&app)), 3).await.err().expect("refused");
        assert!(matches!(error, StoreError::PendingMigrations(n) if n > 0), "{error}");
        assert!(error.to_string().contains("liaison migrate"), "{error}");
    }

    async fn an_applied_schema_opens_without_migrating(app: App) {
        open(&app, false, MasterSource::File(key_file(&app)), 3).await.unwrap().close().await;
        open(&app, true, MasterSource::File(key_file(&app)), 4).await.unwrap().close().await;
    }

    async fn the_database_of_a_newer_version_is_refused_even_when_told_to_migrate(app: App) {
        let bytes = if app.database.engine == liaison_testkit::Engine::Sqlite { "x'00'" } else { "'\\x00'" };
        let later = format!("insert into liaison_migrations (version, description, success, checksum, execution_time)
            values (99991231000000, 'later', true, {bytes}, 0)");
        past_the_store(&app, &later).await.unwrap();
        for migrate in [false, true] {
            let error = open(&app, migrate, MasterSource::File(key_file(&app)), 3).await.err().expect("refused");
            assert!(matches!(error, StoreError::ForeignMigrations(_)), "{error}");
            assert!(error.to_string().contains("newer version"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_fresh_file_is_refused_without_migrating_and_bad_urls_say_what_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    let options = |url: String, migrate| liaison_store::StoreOptions {
        url,
        migrate,
        connections: 2,
        master: MasterSource::File(folder.path().join("master.key")),
        clock: std::sync::Arc::new(liaison_domain::SystemClock),
        random: std::sync::Arc::new(liaison_domain::SystemRandom),
    };
    let url = format!("sqlite:{}", folder.path().join("new.sqlite").display());
    let error = liaison_store::Store::open(options(url.clone(), false))
        .await
        .err()
        .expect("refused");
    assert!(matches!(error, StoreError::PendingMigrations(_)), "{error}");
    liaison_store::Store::open(options(url, true))
        .await
        .unwrap()
        .close()
        .await;
    for url in ["mysql://localhost/x", "sqlite:", "", "postgres//x"] {
        let error = liaison_store::Store::open(options(url.to_owned(), true))
            .await
            .err()
            .expect("refused");
        assert!(matches!(error, StoreError::Url(_)), "{url}: {error}");
    }
}
