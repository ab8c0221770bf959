//! Bulkheads: how many sends may be under way in this process, in all and to one host. A hanging endpoint fills its own
//! lane and nobody else's.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use liaison_domain::ChannelKind;

/// The most sends under way in one process.
pub(crate) const IN_ALL: usize = 48;
/// The most calls to one host: one that hangs holds no more.
const TO_ONE_HOST: usize = 4;
/// The most mails: they all go through one submission server, so a hanging one leaves room for calls.
const MAILS: usize = 16;

/// Where a send goes, as far as it can delay others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Lane {
    Mail,
    Host(String),
}

impl Lane {
    fn of(channel: ChannelKind, address: &str) -> Self {
        match channel {
            ChannelKind::Email => Self::Mail,
            ChannelKind::Webhook => {
                let host = url::Url::parse(address)
                    .ok()
                    .and_then(|url| url.host_str().map(str::to_lowercase));
                Self::Host(host.unwrap_or_else(|| address.to_owned()))
            }
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Mail => MAILS,
            Self::Host(_) => TO_ONE_HOST,
        }
    }
}

#[derive(Default)]
struct Busy {
    lanes: HashMap<Lane, usize>,
    all: usize,
}

/// The sends under way in this process.
#[derive(Clone, Default)]
pub(crate) struct Lanes(Arc<Mutex<Busy>>);

/// A place for one send, free again when dropped.
pub(crate) struct Place {
    lanes: Lanes,
    lane: Lane,
}

impl Lanes {
    /// A place for a send, if its lane and the process have room.
    pub(crate) fn enter(&self, channel: ChannelKind, address: &str) -> Option<Place> {
        let lane = Lane::of(channel, address);
        let mut busy = self.lock();
        let taken = busy.lanes.get(&lane).copied().unwrap_or(0);
        if busy.all >= IN_ALL || taken >= lane.width() {
            return None;
        }
        busy.all += 1;
        busy.lanes.insert(lane.clone(), taken + 1);
        Some(Place {
            lanes: self.clone(),
            lane,
        })
    }

    /// Whether no lane can take anything.
    pub(crate) fn full(&self) -> bool {
        self.lock().all >= IN_ALL
    }

    fn lock(&self) -> MutexGuard<'_, Busy> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut busy = self.lanes.lock();
        busy.all = busy.all.saturating_sub(1);
        match busy.lanes.get_mut(&self.lane) {
            Some(taken) if *taken > 1 => *taken -= 1,
            _ => {
                busy.lanes.remove(&self.lane);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_fills_its_own_lane_only() {
        let lanes = Lanes::default();
        let slow = "https://slow.example.test/a";
        let mut held: Vec<_> = (0..TO_ONE_HOST)
            .filter_map(|_| lanes.enter(ChannelKind::Webhook, slow))
            .collect();
        assert_eq!(held.len(), TO_ONE_HOST);
        assert!(
            lanes
                .enter(ChannelKind::Webhook, "https://SLOW.example.test/another")
                .is_none()
        );
        assert!(
            lanes
                .enter(ChannelKind::Webhook, "https://quick.example.test/a")
                .is_some()
        );
        assert!(lanes.enter(ChannelKind::Email, "a@slow.example.test").is_some());
        held.pop();
        assert!(lanes.enter(ChannelKind::Webhook, slow).is_some());
    }

    #[test]
    fn the_process_has_a_limit_too() {
        let lanes = Lanes::default();
        let held: Vec<_> = (0..IN_ALL + 5)
            .filter_map(|host| lanes.enter(ChannelKind::Webhook, &format!("https://h{host}.example.test/")))
            .collect();
        assert_eq!(held.len(), IN_ALL);
        assert!(lanes.full());
        drop(held);
        assert!(!lanes.full());
    }
}
