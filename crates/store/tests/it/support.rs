//! What several tests need: raw statements, stores opened by hand, actors and entries.

use std::sync::Arc;

use liaison_domain::{Actor, EntryId, PatientId, SeededRandom, SetClock};
use liaison_store::{Engine, MasterSource, NewEntry, Sql, Store, StoreError, StoreOptions, Tx, args};
use liaison_testkit::{App, START};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

/// One text for both engines.
pub(crate) fn sql(text: &'static str) -> Sql {
    Sql {
        name: "test",
        sqlite: text,
        postgres: text,
    }
}

/// Runs a text past the store, as somebody with the database's password would.
pub(crate) async fn past_the_store(app: &App, text: &str) -> Result<u64, sqlx::Error> {
    match app.database.engine {
        Engine::Sqlite => {
            let mut conn = SqliteConnection::connect(&app.database.url).await?;
            conn.execute(AssertSqlSafe(text.to_owned()))
                .await
                .map(|done| done.rows_affected())
        }
        Engine::Postgres => {
            let mut conn = PgConnection::connect(&app.database.url).await?;
            conn.execute(AssertSqlSafe(text.to_owned()))
                .await
                .map(|done| done.rows_affected())
        }
    }
}

/// The path of the master keys.
pub(crate) fn key_file(app: &App) -> std::path::PathBuf {
    app.database.folder.path().join("master.key")
}

/// Opens the app's database again, with other options than the app's.
pub(crate) async fn open(app: &App, migrate: bool, master: MasterSource, seed: u64) -> Result<Store, StoreError> {
    Store::open(StoreOptions {
        url: app.database.url.clone(),
        migrate,
        connections: 3,
        master,
        clock: Arc::new(SetClock::new(START.parse().unwrap())),
        random: Arc::new(SeededRandom::new(seed)),
    })
    .await
}

/// A new id.
pub(crate) fn id<T: liaison_domain::ids::TypedId>(store: &Store) -> T {
    let random = store.random();
    random.id(store.clock().now())
}

/// An entry of the service itself.
pub(crate) fn entry(store: &Store, action: &'static str) -> NewEntry {
    NewEntry::new(id::<EntryId>(store), store.clock().now(), &Actor::system(), action)
}

/// A patient's row with its key.
pub(crate) async fn patient(tx: &mut Tx) -> PatientId {
    let store = tx.store().clone();
    let now = store.clock().now();
    let organization: liaison_domain::OrganizationId = id(&store);
    let patient: PatientId = id(&store);
    tx.execute(
        sql(
            "insert into organization (id, name, kind, time_zone, created_at, updated_at)
            values ($1, 'Clinic', 'CLINIC', 'America/Chicago', $2, $2)",
        ),
        args![organization, now],
    )
    .await
    .unwrap();
    tx.execute(
        sql("insert into patient (id, organization_id, identity_sealed, mrn_index, demographic_index, created_at, updated_at)
            values ($1, $2, $3, $3, $3, $4, $4)"),
        args![patient, organization, patient.uuid().as_bytes().to_vec(), now],
    )
    .await
    .unwrap();
    store
        .keyring()
        .unwrap()
        .create_patient_key(tx, patient, now)
        .await
        .unwrap();
    patient
}

/// How many rows a table has.
pub(crate) async fn count(store: &Store, text: &'static str) -> i64 {
    let found: Option<(i64,)> = store.read().await.unwrap().one(sql(text), args![]).await.unwrap();
    found.unwrap().0
}
