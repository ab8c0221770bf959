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

use std::process::ExitCode;

use clap::Parser;

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
    match runtime.block_on(commands::run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::failed(&error),
    }
}
