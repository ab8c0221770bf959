//! `liaison serve`: HTTP and, unless told otherwise, the background work.

use anyhow::Context;
use clap::Args;
use tokio::task::JoinSet;

use crate::{
    alone,
    config::{Config, EngineUrl},
    exit, http, lifecycle, out, wiring,
};

/// Serve HTTP and run the background work.
///
/// Opens the database (applying migrations where `database.migrate` allows it), starts the workers, then listens on
/// `http.listen`. Prints one line with the address once it answers.
///
/// SIGTERM or SIGINT: /readyz turns red, then (after `http.drain_seconds` on SIGTERM) it takes no further requests,
/// finishes what runs and ends within 10 s: a message whose receiver does not answer is given back after 3 s and sent again
/// by whoever is there next. A second signal ends at once; nothing is lost, leased work is taken up again.
#[derive(Args)]
#[command(after_long_help = const_format())]
pub(crate) struct Serve {
    /// Leave the background work to `liaison worker` processes. PostgreSQL only.
    #[arg(long)]
    no_workers: bool,
}

fn const_format() -> String {
    format!(
        "Examples:\n  liaison serve\n  liaison --config /etc/liaison.toml serve --no-workers\n  \
         curl http://127.0.0.1:8080/readyz\n\nRoutes: /graphql, /graphql/ws, /graphql/stream, /healthz (the process \
         lives), /readyz (it can work).\n\n{}",
        exit::HELP
    )
}

impl Serve {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<()> {
        if self.no_workers && matches!(config.database.engine(), EngineUrl::Sqlite(_)) {
            return Err(exit::Usage(
                "--no-workers needs PostgreSQL: on SQLite this is the only process, and nothing would be sent"
                    .to_owned(),
            )
            .into());
        }
        let stopping = lifecycle::stop_on_signals(config.http.drain())?;
        let stop = stopping.stop.clone();
        let parts = wiring::open(config).await?;
        let listener = http::listen(config.http.listen, "http.listen").await?;
        let address = listener.local_addr()?;
        let watched = match config.monitor.listen {
            Some(address) => Some(http::listen(address, "monitor.listen").await?),
            None => None,
        };

        let _alone = match config.database.engine() {
            EngineUrl::Sqlite(path) => Some(alone::hold(path)?),
            EngineUrl::Postgres(_) => None,
        };
        let presence = parts.be_present().await?;
        let runtime = match self.no_workers {
            true => None,
            false => {
                parts.service.reclaim().await?;
                Some(parts.runtime(config, "server", stop.clone())?)
            }
        };
        let workers = runtime.as_ref().map(|runtime| runtime.health());
        let metrics = parts.metrics.clone();
        let router = http::router(config, &parts.service, workers.clone(), metrics.clone(), &stopping);
        let mut tasks: JoinSet<anyhow::Result<()>> = JoinSet::new();
        if let Some(listener) = watched {
            tracing::info!(address = %listener.local_addr()?, "metrics and health");
            let serving = http::serve(
                listener,
                http::monitor(&parts.service, workers, metrics, &stopping),
                stop.clone(),
                config.work.grace(),
            );
            tasks.spawn(async move { serving.await.context("the monitor's listener failed") });
        }
        if let Some(runtime) = runtime {
            tasks.spawn(async move { Ok(runtime.run().await?) });
        }
        let serving = http::serve(listener, router, stop.clone(), config.work.grace());
        tasks.spawn(async move { serving.await.context("the HTTP server failed") });
        tracing::info!(%address, engine = %parts.service.store().engine(), "listening");
        out::line(format_args!("listening on http://{address}"))?;

        let hearing = parts.hear_other_processes(stop.clone());
        let finished = async {
            let mut outcome = Ok(());
            while let Some(ended) = tasks.join_next().await {
                // The first to end asks the others to: each ends by itself only when it was asked to or failed.
                stop.cancel();
                outcome = outcome.and(ended.context("a part of the server panicked").flatten());
            }
            outcome
        };
        let (outcome, ()) = tokio::select! {
            ended = async { tokio::join!(finished, hearing) } => ended,
            // Until the last send has ended.
            never = parts.stay_present(presence) => match never {},
        };
        parts.close().await;
        tracing::info!("stopped");
        outcome
    }
}
