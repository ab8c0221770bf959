//! What one process keeps at hand for sign-in. None of it is a fact: a restart loses nothing.

use std::{
    collections::HashMap,
    sync::{Mutex, OnceLock},
};

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::UserId;
use tokio::sync::Semaphore;
use webauthn_rs::Webauthn;

/// How many passwords are hashed at a time. Each takes [`super::password::MEMORY_KIB`], so a flood of sign-ins takes at
/// most 4 x 46 MiB, and waits.
const AT_ONCE: usize = 4;
/// How often one process writes the same refusal of the same person (or of all strangers together) to the ledger.
const ONE_ENTRY_IN: TimeDelta = TimeDelta::seconds(10);
/// How many last refusals are remembered.
const REMEMBERED: usize = 1_000;

/// An action and of whom, where that is known.
type Refusal = (&'static str, Option<UserId>);

/// A process's part of sign-in.
pub(crate) struct Doors {
    pub(super) hashing: Semaphore,
    pub(super) passkeys: OnceLock<Option<Webauthn>>,
    refusals: Mutex<HashMap<Refusal, DateTime<Utc>>>,
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            hashing: Semaphore::new(AT_ONCE),
            passkeys: OnceLock::new(),
            refusals: Mutex::default(),
        }
    }
}

impl Doors {
    /// Whether a refusal goes to the ledger now. Those of strangers could be made without end, so they are thinned out.
    pub(super) fn may_write(&self, action: &'static str, user: Option<UserId>, now: DateTime<Utc>) -> bool {
        let mut last = self.refusals.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if last.len() >= REMEMBERED {
            last.retain(|_, at| now - *at < ONE_ENTRY_IN);
        }
        match last.get(&(action, user)) {
            Some(at) if now - *at < ONE_ENTRY_IN && now >= *at => false,
            _ => {
                last.insert((action, user), now);
                true
            }
        }
    }
}
