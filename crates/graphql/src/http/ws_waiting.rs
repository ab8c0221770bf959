//! WebSockets that have not signed in yet. Nobody knows whose they are, so that no bound for each person holds for them:
//! there are so many at most, and a further one lets the one go that waits longest. A client that signs in at once, as they
//! do, is not kept out by a flood of such that never will.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio_util::sync::CancellationToken;

/// Those that wait, the longest first.
pub(crate) struct Waiting(Arc<Inner>);

struct Inner {
    most: usize,
    lane: Mutex<Lane>,
}

#[derive(Default)]
struct Lane {
    number: u64,
    waiting: VecDeque<(u64, CancellationToken)>,
}

impl Waiting {
    /// Room for so many.
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Inner {
            most,
            lane: Mutex::default(),
        }))
    }

    /// One more waits, until what is returned is dropped.
    pub(crate) fn enter(&self) -> Waits {
        let crowded_out = CancellationToken::new();
        let mut lane = self.0.lock();
        lane.number += 1;
        let number = lane.number;
        lane.waiting.push_back((number, crowded_out.clone()));
        if lane.waiting.len() > self.0.most
            && let Some((_, oldest)) = lane.waiting.pop_front()
        {
            oldest.cancel();
        }
        Waits {
            of: Arc::clone(&self.0),
            number,
            crowded_out,
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Lane> {
        self.lane.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// One that waits.
pub(crate) struct Waits {
    of: Arc<Inner>,
    number: u64,
    crowded_out: CancellationToken,
}

impl Waits {
    /// Ends when it must make room for others.
    pub(crate) async fn crowded_out(&self) {
        self.crowded_out.cancelled().await;
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        // They come in the order of their numbers.
        let mut lane = self.of.lock();
        if let Ok(at) = lane.waiting.binary_search_by_key(&self.number, |(number, _)| *number) {
            lane.waiting.remove(at);
        }
    }
}
