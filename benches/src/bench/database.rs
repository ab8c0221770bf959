//! The database of the measured world: the service over it in this process, its size, and its settings.

use anyhow::{Context, Result};
use liaison_domain::{SystemClock, SystemRandom};
use liaison_service::{Service, ServiceOptions, Settings};
use liaison_store::{MasterSource, Store, StoreOptions};
use liaison_testkit::Engine;
use std::{path::Path, sync::Arc, time::Duration};

use crate::{
    cluster::connect,
    process::{Deployment, Process, Role, free_address},
    world::World,
};

/// How many connections each process has.
pub(super) const CONNECTIONS: u32 = 24;

/// The use cases over the world's database in this process, with the machine's clock. No process of the binary may run
/// over it on SQLite.
pub(super) async fn service(world: &World) -> Result<Service> {
    let store = Store::open(StoreOptions {
        url: world.database_url().to_owned(),
        migrate: false,
        connections: CONNECTIONS,
        master: MasterSource::File(world.folder().join("master.key")),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    })
    .await?;
    let mut settings = Settings::new("https://liaison.example".parse()?, "bench");
    settings.allow_http_endpoints = true;
    let signer = liaison_testkit::signer();
    Ok(Service::new(ServiceOptions {
        store,
        settings,
        signer,
        channels: Vec::new(),
    }))
}

/// The binary over the world's database.
pub(super) async fn deploy(world: &World) -> Result<Deployment> {
    let sections = "[webhooks]\nallow_http = true\nallow = [\"127.0.0.0/8\"]\n[log]\nfilter = \"warn\"\n";
    Deployment::create(world.folder(), world.database_url(), sections).await
}

/// A process that serves and works.
pub(super) async fn serve(deployment: &Deployment, name: &str) -> Result<Process> {
    let connections = CONNECTIONS.to_string();
    let more = [("LIAISON_DATABASE__CONNECTIONS", connections.as_str())];
    deployment.start(name, Role::Serve, free_address()?, &more).await
}

/// Ends a process; SQLite then has everything in the one file.
pub(super) async fn end(process: Process) -> Result<()> {
    let (_, status) = process.terminate(Duration::from_secs(40)).await?;
    anyhow::ensure!(status.success(), "the process ended with {status}");
    Ok(())
}

/// The size of the database, in bytes. No process may run over it on SQLite.
pub(super) async fn bytes(engine: Engine, url: &str) -> Result<u64> {
    match engine {
        Engine::Sqlite => Ok(std::fs::metadata(file(url)?)?.len()),
        Engine::Postgres => {
            let mut connection = connect(url).await?;
            let size: i64 = sqlx::query_scalar("select pg_database_size(current_database())")
                .fetch_one(&mut connection)
                .await?;
            Ok(size.unsigned_abs())
        }
    }
}

/// The file of a SQLite URL.
pub(super) fn file(url: &str) -> Result<&Path> {
    Ok(Path::new(url.strip_prefix("sqlite:").context("not a SQLite URL")?))
}

/// Makes each commit take this much longer from now on: by the store's own switch on SQLite, by `commit_delay` for new
/// connections on PostgreSQL.
pub(super) async fn slow_commits(engine: Engine, url: &str, by: Duration) -> Result<()> {
    if engine == Engine::Sqlite {
        return Ok(());
    }
    let mut connection = connect(url).await?;
    let name: String = sqlx::query_scalar("select current_database()::text")
        .fetch_one(&mut connection)
        .await?;
    let settings = [("commit_siblings", 0), ("commit_delay", by.as_micros())];
    for (setting, value) in settings {
        let text = format!("alter database \"{name}\" set {setting} = {value}");
        sqlx::query(sqlx::AssertSqlSafe(text)).execute(&mut connection).await?;
    }
    Ok(())
}
