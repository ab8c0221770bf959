//! The demonstration's clock: it stands where the story is, and runs on at real speed once the story was told.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use liaison_domain::Clock;

/// A clock that is moved by the story and later runs by itself. Clones are the same clock.
#[derive(Debug, Clone)]
pub(crate) struct StoryClock(Arc<Mutex<Hand>>);

#[derive(Debug, Clone, Copy)]
enum Hand {
    Stands(DateTime<Utc>),
    Runs { from: DateTime<Utc>, since: Instant },
}

impl Hand {
    fn time(self) -> DateTime<Utc> {
        match self {
            Self::Stands(at) => at,
            Self::Runs { from, since } => {
                let gone = TimeDelta::from_std(since.elapsed()).unwrap_or(TimeDelta::MAX);
                from.checked_add_signed(gone).unwrap_or(from).trunc_subsecs(6)
            }
        }
    }
}

impl StoryClock {
    /// A clock that stands at `at`.
    pub(crate) fn new(at: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new(Hand::Stands(at.trunc_subsecs(6)))))
    }

    /// Moves the hand forward; a moment that has passed leaves it where it is.
    pub(crate) fn move_to(&self, at: DateTime<Utc>) {
        let mut hand = self.hand();
        if at > hand.time() {
            *hand = Hand::Stands(at.trunc_subsecs(6));
        }
    }

    /// From now on it runs at real speed.
    pub(crate) fn run_on(&self) {
        let mut hand = self.hand();
        *hand = Hand::Runs {
            from: hand.time(),
            since: Instant::now(),
        };
    }

    fn hand(&self) -> MutexGuard<'_, Hand> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for StoryClock {
    fn now(&self) -> DateTime<Utc> {
        self.hand().time()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_is_moved_forward_only_and_runs_on() {
        let start: DateTime<Utc> = DateTime::from_timestamp(1_768_000_000, 0).unwrap_or_default();
        let clock = StoryClock::new(start);
        assert_eq!(clock.now(), clock.now());
        clock.move_to(start + TimeDelta::hours(1));
        clock.move_to(start);
        assert_eq!(clock.now(), start + TimeDelta::hours(1));
        clock.run_on();
        let first = clock.now();
        std::thread::sleep(std::time::Duration::from_millis(5));
        let gone = clock.now() - first;
        assert!(
            gone >= TimeDelta::milliseconds(5) && gone < TimeDelta::minutes(1),
            "{gone}"
        );
    }
}
