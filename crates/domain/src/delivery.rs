//! Deliveries: their states, the classes of failure and the retry schedule. Pure; the schedule is data.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::terms::{ChannelKind, terms};

terms! {
    /// Where one delivery stands.
    DeliveryState {
        /// Waits for its next attempt.
        Pending = "PENDING",
        /// An attempt is under way, under a lease.
        Sending = "SENDING",
        /// The other side took it.
        Delivered = "DELIVERED",
        /// Given up, with its reason.
        Dead = "DEAD",
        /// No longer wanted: the loop closed or the share was recalled.
        Cancelled = "CANCELLED",
    }

    /// What one attempt came to.
    AttemptOutcome {
        /// Under way, or cut off: a lease that ran out leaves it here until it is settled as unknown.
        Started = "STARTED",
        /// The other side took it.
        Delivered = "DELIVERED",
        /// It will never work as it stands.
        Permanent = "PERMANENT",
        /// It may work later.
        Transient = "TRANSIENT",
        /// Nobody knows whether it arrived.
        Unknown = "UNKNOWN",
    }

    /// Why a delivery was given up.
    DeadReason {
        /// The other side refused it for good.
        Refused = "REFUSED",
        /// Every attempt of the schedule failed.
        Exhausted = "EXHAUSTED",
        /// The endpoint was disabled.
        EndpointDisabled = "ENDPOINT_DISABLED",
        /// Its attempts keep being cut off: the poison limit.
        Poison = "POISON",
    }
}

/// When to try again: delays as data, with jitter.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RetrySchedule {
    /// The delay after the 1st, 2nd, ... failed attempt, in seconds. Its length + 1 is the number of attempts.
    pub delays_seconds: Vec<u32>,
    /// Each delay is lengthened by up to this share of itself, so that failures do not come back in step.
    pub jitter: f64,
    /// A `Retry-After` is honoured up to this many seconds.
    pub retry_after_cap_seconds: u32,
}

impl RetrySchedule {
    /// The schedule of a channel. Webhooks: the example of the Standard Webhooks specification (10 attempts over about
    /// 75 h). E-mail: to our own submission server, so early tries are close together; RFC 5321 section 4.5.4.1 asks
    /// for 4 to 5 days in all.
    pub fn default_for(channel: ChannelKind) -> Self {
        let delays_seconds = match channel {
            ChannelKind::Webhook => vec![5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400],
            ChannelKind::Email => vec![
                30, 300, 1_800, 3_600, 7_200, 14_400, 28_800, 57_600, 86_400, 86_400, 86_400,
            ],
        };
        Self {
            delays_seconds,
            jitter: 0.1,
            retry_after_cap_seconds: 3_600,
        }
    }

    /// When the next attempt is due after `failed` attempts (1 or more) have failed, or `None` when the schedule is
    /// used up. `unit` is a random number in `0.0..1.0`.
    pub fn next(
        &self,
        failed: u32,
        now: DateTime<Utc>,
        retry_after: Option<Duration>,
        unit: f64,
    ) -> Option<DateTime<Utc>> {
        let index = usize::try_from(failed.checked_sub(1)?).ok()?;
        let base = f64::from(*self.delays_seconds.get(index)?);
        let jittered = base * (1.0 + self.jitter.clamp(0.0, 1.0) * unit.clamp(0.0, 1.0));
        let asked = retry_after.map_or(0.0, |wanted| {
            wanted.as_secs_f64().min(f64::from(self.retry_after_cap_seconds))
        });
        let micros = (jittered.max(asked) * 1_000_000.0) as i64;
        Some(now + TimeDelta::microseconds(micros))
    }
}

/// After this many attempts that were cut off without a result, a delivery is poison and given up.
pub const POISON_LIMIT: i64 = 5;

/// An endpoint on which nothing worked for this long is disabled, and admins are told (Svix and Standard Webhooks use
/// 5 days).
pub const DISABLE_AFTER: TimeDelta = TimeDelta::days(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> DateTime<Utc> {
        DateTime::from_timestamp(1_780_000_000, 0).expect("a time")
    }

    #[test]
    fn delays_grow_and_end() {
        for &channel in ChannelKind::ALL {
            let schedule = RetrySchedule::default_for(channel);
            let mut last = TimeDelta::zero();
            for failed in 1..=schedule.delays_seconds.len() as u32 {
                let delay = schedule.next(failed, at(), None, 0.0).expect("due") - at();
                assert!(delay >= last, "{channel} {failed}");
                last = delay;
            }
            let used_up = schedule.delays_seconds.len() as u32 + 1;
            assert_eq!(schedule.next(used_up, at(), None, 0.0), None);
            assert_eq!(schedule.next(0, at(), None, 0.0), None);
        }
    }

    #[test]
    fn retry_after_is_honoured_within_its_cap_and_jitter_only_lengthens() {
        let schedule = RetrySchedule::default_for(ChannelKind::Webhook);
        let asked = schedule
            .next(1, at(), Some(Duration::from_secs(120)), 0.0)
            .expect("due");
        assert_eq!(asked - at(), TimeDelta::seconds(120));
        let capped = schedule
            .next(1, at(), Some(Duration::from_secs(1_000_000)), 0.0)
            .expect("due");
        assert_eq!(capped - at(), TimeDelta::seconds(3_600));
        let jittered = schedule.next(2, at(), None, 1.0).expect("due");
        assert_eq!(jittered - at(), TimeDelta::seconds(330));
    }
}
