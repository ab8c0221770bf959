//! The end of this process's sending: from the moment it is asked to stop it claims nothing new, and after a short grace
//! what is still under way is given back, so that a receiver that says nothing holds no process.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::Service;

/// When the sends under way are given back; nothing while the process goes on.
#[derive(Clone, Default)]
pub(crate) struct Ending(Arc<watch::Sender<Option<Instant>>>);

impl Ending {
    fn begin(&self, grace: Duration) {
        self.0.send_if_modified(|at| {
            let first = at.is_none();
            at.get_or_insert_with(|| Instant::now() + grace);
            first
        });
    }

    /// Whether nothing new is to be begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits until what is under way is to be given back.
    pub(crate) async fn over(&self) {
        let mut told = self.0.subscribe();
        // It cannot close while we hold its sender.
        let at = told.wait_for(Option::is_some).await.ok().and_then(|at| *at);
        match at {
            Some(at) => tokio::time::sleep_until(at.into()).await,
            None => std::future::pending().await,
        }
    }
}

impl Service {
    /// This process is asked to stop: nothing new is claimed from now on, and a send that has no answer after `grace` is
    /// given back. It counts as a try whose result is unknown, is due again at once for whoever is there, and goes with the
    /// same id and content. The first call decides.
    pub fn stop_sending(&self, grace: Duration) {
        self.ending().begin(grace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_over_a_grace_after_the_first_call() {
        let ending = Ending::default();
        assert!(!ending.has_begun());
        let waiting = tokio::spawn({
            let ending = ending.clone();
            async move { ending.over().await }
        });
        let began = Instant::now();
        ending.begin(Duration::from_millis(50));
        ending.begin(Duration::from_secs(3_600));
        assert!(ending.has_begun());
        waiting.await.unwrap();
        assert!((Duration::from_millis(50)..Duration::from_secs(30)).contains(&began.elapsed()));
        ending.over().await;
    }
}
