//! `liaison demo`: see everything work with synthetic patients, on this machine alone.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use crate::{demo, exit, lifecycle};

/// Replay three synthetic patients' journeys and stay up, to be tried out.
///
/// Makes a fresh folder with an embedded database and keys, a local mailbox and a local webhook receiver that fails now
/// and then. Months pass in seconds: notes are signed and shared, opened, acknowledged, redirected, declined; silence is
/// reminded of and ends in a call. Then it prints the physician's board, ready tokens and `curl` lines, and serves
/// GraphQL with GraphiQL and the mailbox. Reads no configuration and touches nothing outside of its folder.
#[derive(Args)]
#[command(after_long_help = format!(
    "Examples:\n  liaison demo\n  liaison demo --once\n  liaison demo --folder /tmp/liaison-demo --listen 127.0.0.1:9000\n\n{}",
    exit::HELP
))]
pub(crate) struct Demo {
    /// The folder to play in, empty or not there yet; by default ./data/demo-TIME.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Address and port to serve on, which should be of this machine alone: the tokens stand on the screen. By default
    /// 127.0.0.1:8080, with --once any free port.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Check that every loop stands where the story says, print each verdict, and end: 0 when all do, else 1.
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let port = if self.once { 0 } else { 8080 };
        let listen = self.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], port)));
        let stopping = lifecycle::stop_on_signals(std::time::Duration::ZERO)?;
        demo::run(
            demo::Options {
                folder: self.folder,
                listen,
                once: self.once,
            },
            stopping,
        )
        .await
    }
}
