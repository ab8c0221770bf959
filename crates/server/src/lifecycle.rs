//! How a process ends: the first SIGTERM or SIGINT asks everything to finish, the second ends it at once.
//!
//! Behind a proxy with several processes, SIGTERM first makes the process unready and lets it serve on for a while
//! (`http.drain_seconds`), until the proxy has noticed and sends its requests elsewhere.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The longest time from the first signal to the end of the process.
pub(crate) const AT_MOST: Duration = Duration::from_secs(30);

/// The two moments of a stop.
#[derive(Clone)]
pub(crate) struct Stopping {
    /// The process was asked to stop: it is no longer ready, and still serves.
    pub(crate) asked: CancellationToken,
    /// It takes no further requests and no further work.
    pub(crate) stop: CancellationToken,
}

/// Tokens that the first signal cancels: the second one after `drain` where the signal was SIGTERM, at once where a person
/// interrupted. From then on another signal, or [`AT_MOST`], ends the process.
pub(crate) fn stop_on_signals(drain: Duration) -> anyhow::Result<Stopping> {
    let stopping = Stopping {
        asked: CancellationToken::new(),
        stop: CancellationToken::new(),
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let Stopping { asked, stop } = stopping.clone();
    tokio::spawn(async move {
        let drain = match either(&mut terminate, &mut interrupt).await {
            Asked::Terminate => drain,
            Asked::Interrupt => Duration::ZERO,
        };
        asked.cancel();
        tracing::info!(?drain, "stopping: finishing what runs; a second signal ends at once");
        let drained = async {
            tokio::time::sleep(drain).await;
            stop.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = drained => {}
            _ = either(&mut terminate, &mut interrupt) => {
                tracing::warn!("ended by a second signal; what was under way is taken up again at the next start");
                // As a shell reports a process that SIGINT ended.
                std::process::exit(130);
            }
            () = tokio::time::sleep(AT_MOST) => {
                tracing::error!("not everything finished in time; it is taken up again at the next start");
                std::process::exit(1);
            }
        }
    });
    Ok(stopping)
}

/// Which signal came.
enum Asked {
    Terminate,
    Interrupt,
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> Asked {
    tokio::select! {
        _ = terminate.recv() => Asked::Terminate,
        _ = interrupt.recv() => Asked::Interrupt,
    }
}
