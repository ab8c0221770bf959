//! Randomness and ids, as a parameter. The one home of the global random source; clippy forbids it everywhere else.

use std::sync::Mutex;

use chrono::{DateTime, Utc};
use rand::{RngCore, SeedableRng, TryRngCore, rngs::StdRng};
use uuid::Uuid;

use crate::ids::TypedId;

/// A source of random bytes.
pub trait Random: Send + Sync {
    /// Fills `bytes`. Secrets come from here too, so the production source is the operating system's.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Random + '_ {
    /// A new id of the wanted kind: a UUIDv7 (RFC 9562) of the given time, with 74 random bits.
    pub fn id<T: TypedId>(&self, now: DateTime<Utc>) -> T {
        T::from_uuid(self.uuid(now))
    }

    /// A new UUIDv7 of the given time.
    pub fn uuid(&self, now: DateTime<Utc>) -> Uuid {
        let mut bytes = [0; 10];
        self.fill(&mut bytes);
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }

    /// `N` random bytes, for keys and tokens.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A number in `0.0..1.0`, for jitter.
    pub fn unit(&self) -> f64 {
        let bits = u64::from_le_bytes(self.bytes()) >> 11;
        // 53 bits fit a double exactly.
        bits as f64 / (1u64 << 53) as f64
    }
}

/// The operating system's random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness no key is safe and no id unique: stopping is the only honest answer.
        #[expect(
            clippy::expect_used,
            reason = "an operating system without randomness cannot run this service"
        )]
        rand::rngs::OsRng
            .try_fill_bytes(bytes)
            .expect("the operating system's random source");
    }
}

/// A seeded source that repeats itself: for tests and the demo's ids, never for secrets in production.
#[derive(Debug)]
pub struct SeededRandom(Mutex<StdRng>);

impl SeededRandom {
    /// A source that always yields the same bytes for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .fill_bytes(bytes);
    }
}
