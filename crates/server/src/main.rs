//! The `liaison` binary: configuration, telemetry, wiring and commands.
//!
//! Each command is a file of `commands`; `wiring` puts the parts together that most of them need. Business decisions are
//! the service's.

// The schema's futures nest one level for each area of mutations.
#![recursion_limit = "256"]

mod alone;
mod commands;
mod config;
mod demo;
mod exit;
mod http;
mod key_files;
mod lifecycle;
mod metrics;
mod no_mail;
mod out;
mod proxies;
mod sign_in;
mod telemetry;
mod wiring;

use std::{process::ExitCode, time::Duration};

use clap::Parser;

/// How long calls of the operating system that nobody waits for any more may hold the end of the process.
const LEFT_OVER: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let cli = commands::Cli::parse();
    // Everything that speaks TLS uses the same provider.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        out::complain("a TLS provider was installed before; going on with it");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::failed(&anyhow::Error::new(error).context("the runtime cannot be started")),
    };
    let outcome = runtime.block_on(commands::run(cli));
    // A name that is still being looked up would hold the process for as long as its resolver is silent.
    runtime.shutdown_timeout(LEFT_OVER);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::failed(&error),
    }
}
