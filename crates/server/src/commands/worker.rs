//! `liaison worker`: the background work alone, beside servers on PostgreSQL.

use anyhow::Context;
use clap::Args;

use crate::{
    config::{Config, EngineUrl},
    exit, http, lifecycle, out, wiring,
};

/// Run the background work without HTTP. PostgreSQL only.
///
/// Any number of workers may run beside any number of servers; each task is done by one of them. Ends like `serve`. With
/// `monitor.listen` it answers /healthz, /readyz and /metrics there.
///
/// On SQLite one process holds the file: `liaison serve` runs the workers itself.
#[derive(Args)]
#[command(after_long_help = format!("Examples:\n  LIAISON_DATABASE__URL_FILE=/run/secrets/db liaison worker\n\n{}", exit::HELP))]
pub(crate) struct Worker {}

impl Worker {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<()> {
        if let EngineUrl::Sqlite(_) = config.database.engine() {
            return Err(exit::Usage(
                "SQLite is for one process, whose workers are woken inside it: run `liaison serve`, which works too, or \
                 move to PostgreSQL (database.url)"
                    .to_owned(),
            )
            .into());
        }
        let stopping = lifecycle::stop_on_signals(std::time::Duration::ZERO)?;
        let stop = stopping.stop.clone();
        let parts = wiring::open(config).await?;
        let watched = match config.monitor.listen {
            Some(address) => Some(http::listen(address, "monitor.listen").await?),
            None => None,
        };
        let presence = parts.be_present().await?;
        parts.service.reclaim().await?;
        let runtime = parts.runtime(config, "worker", stop.clone())?;
        tracing::info!(engine = %parts.service.store().engine(), "working");
        out::line("working")?;
        let monitor = http::monitor(&parts.service, Some(runtime.health()), parts.metrics.clone(), &stopping);
        let working = async {
            let outcome = runtime.run().await;
            stop.cancel();
            outcome
        };
        let watching = async {
            match watched {
                Some(listener) => {
                    let outcome = http::serve(listener, monitor, stop.clone(), config.work.grace()).await;
                    // A worker that cannot be watched any more is not one that the operator asked for.
                    stop.cancel();
                    outcome
                }
                None => Ok(()),
            }
        };
        let (outcome, watched, ()) = tokio::select! {
            ended = async { tokio::join!(working, watching, parts.hear_other_processes(stop.clone())) } => ended,
            // Until the last send has ended.
            never = parts.stay_present(presence) => match never {},
        };
        parts.close().await;
        tracing::info!("stopped");
        watched.context("the monitor's listener failed")?;
        Ok(outcome?)
    }
}
