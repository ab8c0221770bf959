//! Our hold on a private PostgreSQL: the pipe to its guard.
//!
//! The server and its folder belong to the guard (see `guard`), not to this process: however this process ends, the
//! pipe closes, and the guard stops the server and removes the folder.

use std::io;
use std::process::Stdio;

use anyhow::{Context, Result, anyhow, bail, ensure};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::postgres::Programs;

/// A running cluster. [`Cluster::stop`] waits until it is gone; dropping it lets the guard do so on its own.
pub(crate) struct Cluster {
    guard: Child,
    pipe: ChildStdin,
    url: String,
    control: String,
}

/// What a server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Tests: fast, and what it holds need not outlive a crash of it.
    Quick,
    /// Measurements and faults: what was committed is there after a crash, as in a deployment.
    Durable,
}

impl Cluster {
    /// Starts a guard and waits for its server to take connections.
    ///
    /// # Errors
    /// When the guard cannot start the server; the guard has said why by then.
    pub(crate) async fn start(programs: &Programs, kind: Kind) -> Result<Self> {
        let own = std::env::current_exe().context("cannot find this program's own file")?;
        let mut guard = Command::new(own)
            .arg("guard")
            .arg(&programs.folder)
            .args((kind == Kind::Durable).then_some("--durable"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A group of its own: Ctrl-C in the terminal, or a signal to our whole group, does not end it.
            .process_group(0)
            .spawn()
            .context("cannot start the guard of PostgreSQL")?;
        let pipe = guard.stdin.take().context("the guard has no pipe")?;
        let said = guard.stdout.take().context("the guard has no output")?;
        let mut lines = BufReader::new(said).lines();
        match (lines.next_line().await, lines.next_line().await) {
            (Ok(Some(url)), Ok(Some(control))) => Ok(Self {
                guard,
                pipe,
                url,
                control,
            }),
            _ => bail!("the private PostgreSQL does not start (guard: {})", guard.wait().await?),
        }
    }

    /// The URL of its `postgres` database, for a role that may create databases.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The socket by which the server is stopped and started.
    pub(crate) fn control(&self) -> &str {
        &self.control
    }

    /// Tells the guard which command to end, should this process vanish; `None` when the command has ended.
    pub(crate) async fn watch(&mut self, command: Option<u32>) -> io::Result<()> {
        let line = command.map_or_else(|| "idle\n".to_owned(), |id| format!("{id}\n"));
        self.pipe.write_all(line.as_bytes()).await?;
        self.pipe.flush().await
    }

    /// Comes back only if the guard ended although nobody asked it to.
    pub(crate) async fn failed(&mut self) -> anyhow::Error {
        match self.guard.wait().await {
            Ok(status) => anyhow!("the private PostgreSQL ended early (guard: {status})"),
            Err(error) => anyhow!(error).context("the guard of PostgreSQL cannot be waited for"),
        }
    }

    /// Stops the server and waits until its folder is gone.
    pub(crate) async fn stop(self) -> Result<()> {
        let Self { mut guard, pipe, .. } = self;
        drop(pipe);
        let status = guard
            .wait()
            .await
            .context("the guard of PostgreSQL cannot be waited for")?;
        ensure!(
            status.success(),
            "the private PostgreSQL did not stop cleanly (guard: {status})"
        );
        Ok(())
    }
}
