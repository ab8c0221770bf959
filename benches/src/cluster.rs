//! The private PostgreSQL that `cargo xtask` keeps for us: its address, and stopping and starting it.
//!
//! The server belongs to xtask's guard. What we hold is `LIAISON_TEST_POSTGRES_URL` and, where faults are wanted,
//! `LIAISON_CLUSTER_CONTROL`: a socket of the guard's that takes one word a line and answers with one line.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    time::timeout,
};

/// Where the guard listens.
pub const CONTROL_VARIABLE: &str = "LIAISON_CLUSTER_CONTROL";
/// The longest that stopping or starting the server takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The guard's ear.
#[derive(Debug, Clone)]
pub struct Control(PathBuf);

impl Control {
    /// From the environment; nothing where this cluster cannot be stopped.
    #[must_use]
    pub fn from_environment() -> Option<Self> {
        std::env::var_os(CONTROL_VARIABLE).map(|path| Self(path.into()))
    }

    /// Stops the server as a crash would: no checkpoint, every session cut.
    pub async fn stop(&self) -> Result<()> {
        self.ask("stop").await
    }

    /// Starts it again, on the same port, and waits until it answers.
    pub async fn start(&self) -> Result<()> {
        self.ask("start").await
    }

    async fn ask(&self, word: &str) -> Result<()> {
        let talk = async {
            let mut stream = UnixStream::connect(&self.0)
                .await
                .context("the guard of PostgreSQL does not listen")?;
            stream.write_all(format!("{word}\n").as_bytes()).await?;
            let mut answer = String::new();
            BufReader::new(stream).read_line(&mut answer).await?;
            ensure!(answer.trim() == "done", "PostgreSQL: {word}: {}", answer.trim());
            Ok(())
        };
        match timeout(PATIENCE, talk).await {
            Ok(done) => done,
            Err(_) => bail!("PostgreSQL: {word}: no answer within {PATIENCE:?}"),
        }
    }
}

/// A connection to a database for faults and checks, not by the pool of any process.
pub async fn connect(url: &str) -> Result<PgConnection> {
    let options: PgConnectOptions = url.parse().context("not a PostgreSQL URL")?;
    PgConnection::connect_with(&options.application_name("bench"))
        .await
        .context("PostgreSQL does not answer")
}

/// Cuts every session of `liaison` processes in the database `url` names; how many.
pub async fn cut_connections(url: &str) -> Result<u64> {
    const CUT: &str = "select count(*) filter (where pg_terminate_backend(pid)) from pg_stat_activity
        where datname = current_database() and application_name = 'liaison' and pid <> pg_backend_pid()";
    let mut connection = connect(url).await?;
    let cut: i64 = sqlx::query_scalar(CUT).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(cut.unsigned_abs())
}
