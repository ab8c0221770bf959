//! Waking workers at once. Not a queue: a ring says "look", and several rings may become one look.
//!
//! Inside a process the store rings [`Wake`] after a COMMIT. Across processes (PostgreSQL) one
//! connection listens to the NOTIFY that apalis's trigger sends at each COMMIT and rings the same
//! [`Wake`]. apalis has a listener of its own, one connection for each worker, which gives up for good
//! when its first connection fails and spins on a lost one; ours is one for the whole process and
//! returns its error to a caller who waits and calls again.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::StreamExt;
use futures::stream::{self, BoxStream, Stream};
use serde::Deserialize;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::watch;

use super::{Nudge, Queue};

/// The channel to which apalis's `notify_workers` trigger writes.
const CHANNEL: &str = "apalis::job::insert";

/// A bell for each queue. Clones ring and hear the same bells.
#[derive(Clone, Debug)]
pub struct Wake(Arc<[watch::Sender<u64>; Queue::ALL.len()]>);

impl Default for Wake {
    fn default() -> Self {
        Self(Arc::new(Queue::ALL.map(|_| watch::Sender::new(0))))
    }
}

impl Wake {
    /// Bells which nobody hears yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Wake the workers of one queue in this process. Cheap; with nobody listening, nothing happens.
    pub fn ring(&self, queue: Queue) {
        self.bell(queue).send_modify(|rings| *rings = rings.wrapping_add(1));
    }

    /// How often the bell of a queue was rung. A worker that reads it before it looks and again after
    /// an empty look knows whether it must look once more.
    #[must_use]
    pub fn rings(&self, queue: Queue) -> u64 {
        *self.bell(queue).borrow()
    }

    /// Wake the workers for what was just committed. Call it after the COMMIT, never before: a worker
    /// that looks too early sees nothing and goes back to sleep.
    pub fn ring_for(&self, nudges: &[Nudge]) {
        for queue in Queue::ALL {
            if nudges.iter().any(|nudge| nudge.queue == queue) {
                self.ring(queue);
            }
        }
    }

    /// Wake every worker of this process, for instance after notifications may have been missed.
    pub fn ring_all(&self) {
        for queue in Queue::ALL {
            self.ring(queue);
        }
    }

    /// Hear the bell of one queue. A ring between two polls of the stream is not lost.
    #[must_use]
    pub fn listen(&self, queue: Queue) -> WakeStream {
        let receiver = self.bell(queue).subscribe();
        WakeStream(
            stream::unfold(receiver, async |mut receiver| {
                receiver.changed().await.ok().map(|()| ((), receiver))
            })
            .boxed(),
        )
    }

    fn bell(&self, queue: Queue) -> &watch::Sender<u64> {
        &self.0[queue as usize]
    }
}

/// The rings of one queue, as [`Wake::listen`] hears them. Ends when the last [`Wake`] is dropped.
pub struct WakeStream(BoxStream<'static, ()>);

impl std::fmt::Debug for WakeStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WakeStream")
    }
}

impl Stream for WakeStream {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.0.poll_next_unpin(cx)
    }
}

/// What the trigger writes; only the queue matters to a bell.
#[derive(Deserialize)]
struct Inserted {
    job_type: String,
}

/// Ring `wake` for each task that any process commits on PostgreSQL. Holds one connection of the pool.
///
/// Rings every bell once when it begins to listen, for what was committed before. Call it again after
/// an error, with a pause.
///
/// # Errors
/// Returns only when the connection is lost, cannot be made, or the pool is closed.
pub async fn forward_notifications(pool: &PgPool, wake: &Wake) -> Result<Infallible, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    wake.ring_all();
    loop {
        match listener.try_recv().await? {
            Some(notification) => {
                // A queue of a newer version, or a foreign payload, is not for us.
                if let Ok(inserted) = serde_json::from_str::<Inserted>(notification.payload())
                    && let Ok(queue) = inserted.job_type.parse()
                {
                    wake.ring(queue);
                }
            }
            // The connection was lost and made again: something may have been missed.
            None => wake.ring_all(),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::Wake;
    use crate::tasks::{Nudge, Queue};

    #[tokio::test]
    async fn a_ring_before_the_poll_is_heard_once_and_by_its_own_queue() {
        let wake = Wake::new();
        let mut deliver = wake.listen(Queue::Deliver);
        let mut notify = wake.listen(Queue::Notify);
        wake.ring_for(&[Nudge::due(Queue::Deliver), Nudge::due(Queue::Deliver)]);
        assert_eq!(deliver.next().now_or_never(), Some(Some(())));
        assert_eq!(deliver.next().now_or_never(), None);
        assert_eq!(notify.next().now_or_never(), None);
        assert_eq!((wake.rings(Queue::Deliver), wake.rings(Queue::Notify)), (1, 0));
    }
}
