//! Who holds a stream open in this process: WebSockets and event streams of GraphQL, and the pages' own. A bound for each
//! person, so that one cannot take what all need, and one for everybody together. Counts alone; who may listen to what is
//! decided elsewhere, at every event.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

/// How many streams may be open at once in one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// Of one person, at least 1. Default 20: as many open pages.
    pub each: usize,
    /// Of everybody, at least 1. Default 2,000.
    pub all: usize,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self { each: 20, all: 2_000 }
    }
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSeat {
    /// The person holds as many as one may.
    #[error("{0} streams of yours are open, which is as many as may be; close one")]
    Person(usize),
    /// This process holds as many as it may.
    #[error("too many streams are open here; try again later")]
    Process,
}

/// The streams of one process. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub struct Seats(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: StreamLimits,
    taken: Mutex<HashMap<String, usize>>,
}

impl Default for Seats {
    fn default() -> Self {
        Self::new(StreamLimits::default())
    }
}

impl Seats {
    /// Seats within limits, none taken.
    pub fn new(limits: StreamLimits) -> Self {
        Self(Arc::new(Inner {
            limits,
            taken: Mutex::default(),
        }))
    }

    /// Takes a seat for a person, until it is dropped.
    ///
    /// # Errors
    /// [`NoSeat`] where the person or the process holds as many as may be.
    pub fn take(&self, person: &str) -> Result<Seat, NoSeat> {
        let limits = self.0.limits;
        let mut taken = self.0.lock();
        let own = taken.get(person).copied().unwrap_or_default();
        if own >= limits.each {
            return Err(NoSeat::Person(limits.each));
        }
        if taken.values().sum::<usize>() >= limits.all {
            return Err(NoSeat::Process);
        }
        taken.insert(person.to_owned(), own + 1);
        Ok(Seat {
            of: Arc::clone(&self.0),
            person: person.to_owned(),
        })
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.0.lock().values().sum()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.taken.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A stream that is open. Dropped with it.
#[derive(Debug)]
pub struct Seat {
    of: Arc<Inner>,
    person: String,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.of.lock();
        if let Some(own) = taken.get_mut(&self.person) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.person);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_takes_their_own_and_all_together_no_more_than_there_are() {
        let seats = Seats::new(StreamLimits { each: 2, all: 3 });
        let first = seats.take("ana");
        let second = seats.take("ana");
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(seats.take("ana").err(), Some(NoSeat::Person(2)));
        let third = seats.clone().take("ben");
        assert!(third.is_ok(), "one person's flood is not another's");
        assert_eq!(seats.take("cy").err(), Some(NoSeat::Process));
        drop(first);
        assert_eq!(seats.taken(), 2);
        let again = seats.take("ana");
        assert!(again.is_ok());
        drop((second, third, again));
        assert_eq!(seats.taken(), 0);
        assert!(seats.0.lock().is_empty(), "nobody is remembered");
    }
}
