//! Which deliveries this process is really at, from the claim until what came of it is recorded. A lease of this process
//! for anything else was left behind (the database was away when it was to be recorded, or the handler was cut off), and
//! need not run out.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use liaison_domain::DeliveryId;

/// The deliveries that this process is at.
#[derive(Clone, Default)]
pub(crate) struct AtWork(Arc<Mutex<HashMap<DeliveryId, usize>>>);

/// This process is at a delivery for as long as this lives.
pub(crate) struct Held {
    at_work: AtWork,
    id: DeliveryId,
}

impl AtWork {
    /// Begins work on a delivery.
    pub(crate) fn begin(&self, id: DeliveryId) -> Held {
        *self.lock().entry(id).or_default() += 1;
        Held {
            at_work: self.clone(),
            id,
        }
    }

    /// Whether this process is at it.
    pub(crate) fn has(&self, id: DeliveryId) -> bool {
        self.lock().contains_key(&id)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DeliveryId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.at_work.lock();
        match held.get_mut(&self.id) {
            // A lease that ran out was claimed again while the first send still waits.
            Some(times) if *times > 1 => *times -= 1,
            _ => {
                held.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_at_work_until_the_last_has_ended() {
        let at_work = AtWork::default();
        let id = DeliveryId::from_uuid(uuid::Uuid::from_u128(7));
        let first = at_work.begin(id);
        let second = at_work.begin(id);
        drop(first);
        assert!(at_work.has(id));
        drop(second);
        assert!(!at_work.has(id));
    }
}
