//! A database of its own for each test.

use std::time::Duration;

use liaison_store::Engine;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;

/// A fresh database: a folder that goes away with it, or a PostgreSQL database copied from a migrated template.
pub struct Database {
    /// Its URL.
    pub url: String,
    /// The folder of the SQLite file and of the key file.
    pub folder: TempDir,
    /// Which engine it is.
    pub engine: Engine,
}

impl Database {
    /// Makes one.
    pub async fn create(engine: Engine) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let url = match engine {
            Engine::Sqlite => format!("sqlite:{}", folder.path().join("liaison.sqlite").display()),
            Engine::Postgres => create_postgres(&folder).await,
        };
        Self { url, folder, engine }
    }

    /// Runs statements of a test's own on PostgreSQL, as the database's owner.
    pub async fn execute(&self, sql: &'static str) {
        let mut owner = PgConnection::connect(&self.url).await.expect("PostgreSQL answers");
        owner.execute(sql).await.expect("the statements run");
    }
}

fn server_url() -> String {
    std::env::var("LIAISON_TEST_POSTGRES_URL").expect(
        "LIAISON_TEST_POSTGRES_URL is not set: run the tests by `cargo xtask test`, which starts a private PostgreSQL",
    )
}

fn with_database(server: &str, database: &str) -> String {
    let mut url = url::Url::parse(server).expect("LIAISON_TEST_POSTGRES_URL is a URL");
    url.set_path(database);
    url.to_string()
}

async fn create_postgres(folder: &TempDir) -> String {
    let server = server_url();
    let mut admin = PgConnection::connect(&server).await.expect("PostgreSQL answers");
    let template = template(&mut admin, &server).await;
    let name = format!(
        "liaison_{:x}",
        Sha256::digest(folder.path().as_os_str().as_encoded_bytes())
            .iter()
            .take(8)
            .fold(0u64, |all, byte| all << 8 | u64::from(*byte))
    );
    admin
        .execute(AssertSqlSafe(format!("create database {name} template {template}")))
        .await
        .expect("a database of its own");
    with_database(&server, &name)
}

/// The migrated template, made once for each state of the migrations.
async fn template(admin: &mut PgConnection, server: &str) -> String {
    let text = include_str!("../../../migrations/postgres/0001_initial.sql");
    let digest = Sha256::digest(text.as_bytes());
    let name = format!(
        "liaison_template_{}",
        digest
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    );
    // Copying needs a template without connections, so its making is serialized over all test processes.
    admin.execute("select pg_advisory_lock(7141)").await.expect("the lock");
    let exists: bool = sqlx::query_scalar("select exists (select 1 from pg_database where datname = $1)")
        .bind(&name)
        .fetch_one(&mut *admin)
        .await
        .expect("the catalog answers");
    if !exists {
        let building = format!("{name}_building");
        admin
            .execute(AssertSqlSafe(format!(
                "drop database if exists {building} with (force)"
            )))
            .await
            .expect("clean");
        admin
            .execute(AssertSqlSafe(format!("create database {building}")))
            .await
            .expect("a template");
        liaison_store::migrate_only(&with_database(server, &building))
            .await
            .expect("migrations apply");
        tokio::time::sleep(Duration::from_millis(50)).await;
        admin
            .execute(AssertSqlSafe(format!("alter database {building} rename to {name}")))
            .await
            .expect("the template is ready");
    }
    admin
        .execute("select pg_advisory_unlock(7141)")
        .await
        .expect("the lock");
    name
}
