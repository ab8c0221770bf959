//! One look for many nudges: while a process looks for due deliveries, those that are asked for meanwhile join that look,
//! so that a burst of shares costs a few claims and not one each. Not the look itself (`deliver`).

use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use liaison_domain::ShareId;
use tokio::sync::Notify;

/// What is to be looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The deliveries of these shares.
    pub(crate) shares: BTreeSet<ShareId>,
    /// Whatever is due.
    pub(crate) all: bool,
}

impl Asked {
    fn is_empty(&self) -> bool {
        self.shares.is_empty() && !self.all
    }
}

#[derive(Default)]
struct State {
    looking: bool,
    asked: Asked,
}

/// Who looks in this process, and for what.
#[derive(Clone, Default)]
pub(crate) struct Combine(Arc<(Mutex<State>, Notify)>);

/// The one who looks; dropped, another may.
pub(crate) struct Looker {
    combine: Combine,
    rests: bool,
}

impl Combine {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a look. `None` where somebody looks already and has heard it.
    pub(crate) fn ask(&self, share: Option<ShareId>) -> Option<Looker> {
        let mut state = self.state();
        match share {
            Some(share) => drop(state.asked.shares.insert(share)),
            None => state.asked.all = true,
        }
        if mem::replace(&mut state.looking, true) {
            drop(state);
            self.0.1.notify_one();
            return None;
        }
        Some(Looker {
            combine: self.clone(),
            rests: false,
        })
    }
}

impl Looker {
    /// What was asked for since the last time.
    pub(crate) fn take(&self) -> Asked {
        mem::take(&mut self.combine.state().asked)
    }

    /// Waits until something is asked for.
    pub(crate) async fn asked(&self) {
        loop {
            let told = self.combine.0.1.notified();
            if !self.combine.state().asked.is_empty() {
                return;
            }
            told.await;
        }
    }

    /// Stops looking where nothing is asked for; gives itself back otherwise.
    pub(crate) fn rest(mut self) -> Option<Self> {
        {
            let mut state = self.combine.state();
            // Under one lock: what is asked for from now on finds that nobody looks.
            self.rests = state.asked.is_empty();
            state.looking = !self.rests;
        }
        (!self.rests).then_some(self)
    }

    /// Stops looking; whether something is still asked for, which stays so for the next one.
    pub(crate) fn stop(mut self) -> bool {
        self.rests = true;
        let mut state = self.combine.state();
        state.looking = false;
        !state.asked.is_empty()
    }
}

impl Drop for Looker {
    fn drop(&mut self) {
        if !self.rests {
            self.combine.state().looking = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(number: u128) -> ShareId {
        ShareId::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn one_looks_and_hears_what_the_others_ask_for() {
        let combine = Combine::default();
        let looker = combine.ask(Some(share(1))).unwrap();
        assert_eq!(looker.take().shares, BTreeSet::from([share(1)]));
        assert!(combine.ask(Some(share(2))).is_none());
        assert!(combine.ask(None).is_none());
        let looker = looker.rest().expect("there is something to look for");
        let asked = looker.take();
        assert!(asked.all && asked.shares == BTreeSet::from([share(2)]));
        assert!(looker.rest().is_none());
        assert!(combine.ask(Some(share(3))).is_some());
    }

    #[test]
    fn what_the_last_one_leaves_is_the_next_ones() {
        let combine = Combine::default();
        let looker = combine.ask(None).unwrap();
        assert!(looker.take().all);
        assert!(combine.ask(Some(share(1))).is_none());
        assert!(looker.stop(), "more is asked for");
        let next = combine.ask(None).expect("nobody looks");
        assert!(next.take().shares.contains(&share(1)));
        assert!(!next.stop());
    }

    #[tokio::test]
    async fn an_ask_before_the_wait_is_heard() {
        let combine = Combine::default();
        let looker = combine.ask(None).unwrap();
        looker.take();
        assert!(combine.ask(Some(share(1))).is_none());
        tokio::time::timeout(std::time::Duration::from_secs(5), looker.asked())
            .await
            .expect("heard");
    }
}
