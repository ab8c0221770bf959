//! Running one command beside the cluster, as a shell would: its exit code is ours, and a signal to us reaches it.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use crate::cluster::Cluster;
use crate::{CONTROL_VARIABLE, URL_VARIABLE};

/// How long a command may take to end once it was told to; nextest gives its tests 10 s of these.
const GRACE: Duration = Duration::from_secs(15);

/// What can interrupt us.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Interruption {
    /// Ctrl-C: the terminal has told our child as well.
    Interrupt,
    /// Told to end by another process.
    Terminate,
    /// The terminal is gone.
    HangUp,
}

impl Interruption {
    /// 128 + the number of the signal, as shells report it.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::HangUp => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// The signals that would otherwise end this process before it has cleaned up.
pub(crate) struct Signals {
    hang_up: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From here on the signals no longer end this process.
    pub(crate) fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            hang_up: listen(SignalKind::hangup())?,
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Interruption {
        tokio::select! {
            _ = self.hang_up.recv() => Interruption::HangUp,
            _ = self.interrupt.recv() => Interruption::Interrupt,
            _ = self.terminate.recv() => Interruption::Terminate,
        }
    }
}

/// Runs the command to its end with the cluster's URL in its environment; gives its exit code.
///
/// # Errors
/// When the command cannot be started, or the cluster vanishes under it.
pub(crate) async fn run(command: std::process::Command, cluster: &mut Cluster, signals: &mut Signals) -> Result<u8> {
    let shown = format!("{command:?}");
    let mut command = Command::from(command);
    command.env(URL_VARIABLE, cluster.url());
    command.env(CONTROL_VARIABLE, cluster.control());
    let mut child = command.spawn().with_context(|| format!("cannot run {shown}"))?;
    cluster
        .watch(child.id())
        .await
        .context("the guard of PostgreSQL does not listen")?;
    let code = tokio::select! {
        status = child.wait() => exit_code(status?),
        signal = signals.next() => {
            end(&mut child, signal).await?;
            signal.exit_code()
        }
        failed = cluster.failed() => {
            end(&mut child, Interruption::Terminate).await?;
            return Err(failed);
        }
    };
    // The guard may be gone by now only if it failed, which stopping it will tell.
    cluster.watch(None).await.ok();
    Ok(code)
}

/// Lets the command end in its own way, then makes it.
async fn end(child: &mut Child, signal: Interruption) -> Result<()> {
    // Told twice, a test runner would drop its tests at once instead of ending them.
    let told = signal == Interruption::Interrupt;
    if told && timeout(GRACE, child.wait()).await.is_ok() {
        return Ok(());
    }
    if let Some(id) = child.id() {
        terminate(id).await;
    }
    if timeout(GRACE, child.wait()).await.is_err() {
        child.kill().await.context("the command cannot be ended")?;
    }
    Ok(())
}

/// Asks a process to end, by the `kill` of the shell: the standard library can only end one by force. That it is
/// gone already is no error.
pub(crate) async fn terminate(process: u32) {
    Command::new("sh")
        .args(["-c", "kill -TERM \"$1\"", "sh", &process.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await
        .ok();
}

/// The exit code, or 128 + the signal that ended it.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_a_shell() {
        assert_eq!(exit_code(ExitStatus::from_raw(0)), 0);
        assert_eq!(exit_code(ExitStatus::from_raw(100 << 8)), 100);
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 137);
    }
}
