//! `liaison worker`: the background work alone, beside servers on PostgreSQL.

use clap::Args;

use crate::{
    config::{Config, EngineUrl},
    exit, lifecycle, out, wiring,
};

/// Run the background work without HTTP. PostgreSQL only.
///
/// Any number of workers may run beside any number of servers; each task is done by one of them. Ends like `serve`.
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
        let stop = lifecycle::stop_on_signals()?;
        let parts = wiring::open(config).await?;
        let runtime = parts.runtime(config, "worker", stop.clone())?;
        tracing::info!(engine = %parts.service.store().engine(), "working");
        out::line("working")?;
        let working = async {
            let outcome = runtime.run().await;
            stop.cancel();
            outcome
        };
        let (outcome, ()) = tokio::join!(working, parts.hear_other_processes(stop.clone()));
        parts.close().await;
        tracing::info!("stopped");
        Ok(outcome?)
    }
}
