//! How a process ends: the first SIGTERM or SIGINT asks everything to finish, the second ends it at once.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The longest time from the first signal to the end of the process.
pub(crate) const AT_MOST: Duration = Duration::from_secs(30);

/// A token that the first signal cancels. From then on a second signal, or [`AT_MOST`], ends the process.
pub(crate) fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let asked = stop.clone();
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping: finishing what runs; a second signal ends at once");
        asked.cancel();
        tokio::select! {
            () = either(&mut terminate, &mut interrupt) => {
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
    Ok(stop)
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
