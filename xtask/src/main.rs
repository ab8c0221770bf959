//! Tasks for developers and CI: `cargo xtask test`, `simulate`, `fuzz`, `chaos`, `postgres` and `sbom`.
//!
//! This is where the commands are read and their exit codes decided. What they do stands in the
//! modules; the order of the checks of a whole build stands in `.ci/run`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's command talks to its terminal"
)]

mod bench;
mod browser;
mod chaos;
mod cluster;
mod command;
mod engines;
mod guard;
mod packages;
mod postgres;
mod sbom;
mod simulate;
mod test;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::cluster::{Cluster, Kind};
use crate::command::Signals;

/// The variable by which tests learn of the private PostgreSQL: a `postgres://` URL whose role may create databases.
const URL_VARIABLE: &str = "LIAISON_TEST_POSTGRES_URL";

/// The variable by which the fault run learns how to stop and start that PostgreSQL: the path of a socket of the guard's.
const CONTROL_VARIABLE: &str = "LIAISON_CLUSTER_CONTROL";

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks for developers and CI")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs the tests against SQLite and a private PostgreSQL, which is removed afterwards.
    ///
    /// What follows `--` goes to the test runner: `cargo xtask test -- -p liaison-store share_`.
    /// Without it, every crate is tested and the examples in the documentation are run.
    Test {
        /// Filters and options for `cargo nextest run`, or `cargo test` where nextest is not installed.
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Starts the same private PostgreSQL, prints its URL and keeps it until Ctrl-C.
    ///
    /// With `-- command`, runs the command with LIAISON_TEST_POSTGRES_URL set and exits with its code.
    Postgres {
        /// What was committed outlives the server's crash, as in a deployment; for measurements.
        #[arg(long)]
        durable: bool,
        /// The command and its arguments.
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    /// Measures speed: closed loops, shares, deliveries, queries, memory, beside what the engine itself does in the run.
    ///
    /// Builds the release and prints Markdown tables; takes up to 12 minutes on a quiet machine.
    Bench(bench::Speed),
    /// Prints what the `liaison` binary is made of, as CycloneDX 1.5 JSON.
    Sbom,
    /// Lives random histories against the service: people, channels, clocks and crashes in any order.
    ///
    /// A history that breaks an invariant is made shorter and printed with its seed. The quick set runs with the tests.
    Simulate(simulate::Histories),
    /// Gives bent input to everything that reads what comes from outside, for so many seconds each.
    Fuzz(simulate::Bent),
    /// Breaks what can break under the release binary while clients share and answer, then proves that nothing was lost.
    ///
    /// Processes are killed, PostgreSQL is stopped, receivers fail in every way. Prints a table for each engine; exit code
    /// 1 when anything was lost or came out wrong.
    Chaos(chaos::Faults),
    /// The process that owns a private PostgreSQL; started by the others.
    #[command(hide = true)]
    Guard(guard::Settings),
}

fn main() -> ExitCode {
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime does not start")
        .and_then(|runtime| runtime.block_on(run(Arguments::parse().task)));
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(task: Task) -> Result<u8> {
    match task {
        Task::Guard(settings) => guard::run(settings).await.map(|()| 0),
        Task::Sbom => {
            print!("{}", sbom::text()?);
            Ok(0)
        }
        Task::Test { arguments } => {
            browser::find_or_install()?;
            let commands = test::commands(&arguments);
            with_cluster(Kind::Quick, async |cluster, signals| {
                for command in commands {
                    let code = command::run(command, cluster, signals).await?;
                    if code != 0 {
                        return Ok(code);
                    }
                }
                Ok(0)
            })
            .await
        }
        Task::Simulate(wanted) if !wanted.needs_postgres() => plain(wanted.command()),
        Task::Simulate(wanted) => {
            with_cluster(Kind::Quick, async |cluster, signals| {
                command::run(wanted.command(), cluster, signals).await
            })
            .await
        }
        Task::Bench(wanted) => {
            let built = plain(wanted.build())?;
            if built != 0 {
                return Ok(built);
            }
            if !wanted.needs_postgres() {
                return plain(wanted.command());
            }
            with_cluster(Kind::Durable, async |cluster, signals| {
                command::run(wanted.command(), cluster, signals).await
            })
            .await
        }
        Task::Fuzz(wanted) => {
            with_cluster(Kind::Quick, async |cluster, signals| {
                command::run(wanted.command(), cluster, signals).await
            })
            .await
        }
        Task::Chaos(wanted) => {
            let code = plain(wanted.build())?;
            if code != 0 {
                return Ok(code);
            }
            let command = wanted.command()?;
            if !wanted.needs_postgres() {
                return plain(command);
            }
            with_cluster(Kind::Durable, async |cluster, signals| {
                command::run(command, cluster, signals).await
            })
            .await
        }
        Task::Postgres { durable, command } => {
            let kind = if durable { Kind::Durable } else { Kind::Quick };
            with_cluster(kind, async |cluster, signals| match command.split_first() {
                Some((program, arguments)) => {
                    let mut command = std::process::Command::new(program);
                    command.args(arguments);
                    command::run(command, cluster, signals).await
                }
                None => {
                    println!("{URL_VARIABLE}={}", cluster.url());
                    eprintln!("xtask: PostgreSQL stays until Ctrl-C");
                    tokio::select! {
                        signal = signals.next() => Ok(signal.exit_code()),
                        failed = cluster.failed() => Err(failed),
                    }
                }
            })
            .await
        }
    }
}

/// Runs a command that needs no database server; its exit code.
fn plain(mut command: std::process::Command) -> Result<u8> {
    let status = command.status().context("the command does not start")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// Starts a cluster, does the work and waits until the cluster is gone, also when the work failed or was interrupted.
async fn with_cluster<W>(kind: Kind, work: W) -> Result<u8>
where
    W: AsyncFnOnce(&mut Cluster, &mut Signals) -> Result<u8>,
{
    let programs = postgres::find_or_install()?;
    let mut signals = Signals::listen()?;
    let started = tokio::select! {
        started = Cluster::start(&programs, kind) => started,
        // The guard sees our end of its pipe close and cleans up.
        signal = signals.next() => return Ok(signal.exit_code()),
    };
    let mut cluster = started?;
    let done = work(&mut cluster, &mut signals).await;
    let stopped = cluster.stop().await;
    let code = done?;
    stopped?;
    Ok(code)
}
