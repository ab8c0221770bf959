//! Throttling of failed sign-ins, by account and by network address, in the database: a restart forgets nothing and
//! several processes count together.
//!
//! A try is counted as a failure before it is checked, and taken back when it was none: so tries at the same moment
//! cannot slip through together. Addresses of accounts that there are not are counted alike.

use std::{net::IpAddr, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{Actor, PurposeOfUse, UserId};
use liaison_store::{
    Tx,
    sign_in::throttle::{self as rows, ThrottleRow},
};

use crate::{Result, Service, ServiceError};

/// The most failures in a row of one account. NIST SP 800-63B-4 section 3.2.2: no more than 100. After them the password
/// is good for nothing until a link in a mail or an operator's link sets the count to zero.
pub const MAX_FAILURES: u32 = 100;
/// So many failures cost nothing; from then on the delay doubles.
const FREE: u32 = 5;
/// The longest delay after a failure.
const LONGEST: TimeDelta = TimeDelta::minutes(15);
/// What a person with too many failures is told to wait: a day, though it is the reset that helps.
const FOR_GOOD: TimeDelta = TimeDelta::days(1);
/// So many failures from one network address cost nothing: a hospital has one address for many people.
const FREE_FROM_ADDRESS: u32 = 50;
/// Failures from a network address are forgotten after so long without a further one.
const ADDRESS_FORGETS: TimeDelta = TimeDelta::minutes(15);
/// The longest delay of a network address.
const LONGEST_FOR_ADDRESS: TimeDelta = TimeDelta::minutes(5);

/// The delay after the given number of failures in a row.
fn delay(failures: u32, free: u32, longest: TimeDelta) -> Option<TimeDelta> {
    let doublings = failures.checked_sub(free)?;
    let seconds = 2i64.checked_pow(doublings.min(30)).unwrap_or(i64::MAX);
    Some(TimeDelta::seconds(seconds).min(longest))
}

/// Who tries.
pub(super) struct Tries<'a> {
    /// The address typed in, lower case; `None` where nobody is named yet.
    pub(super) email: Option<&'a str>,
    /// The person of that address.
    pub(super) user_id: Option<UserId>,
    /// Where from.
    pub(super) peer: Option<&'a str>,
}

/// A network address as it is counted: of IPv6 the /64, which one household has whole.
fn network(peer: &str) -> String {
    match peer.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(IpAddr::V6(address)) => address.to_ipv4_mapped().map_or_else(String::new, |v4| v4.to_string()),
        Ok(IpAddr::V4(address)) => address.to_string(),
        Err(_) => peer.chars().take(100).collect(),
    }
}

impl Service {
    fn throttle_subject(&self, kind: &str, what: &str) -> Result<Vec<u8>> {
        let keyring = self.store().keyring()?;
        Ok(keyring
            .index()
            .digest("sign_in_throttle", format!("{kind}|{what}").as_bytes()))
    }

    /// Counts a try as a failure; how long to wait where no more are taken now (nothing is counted then).
    pub(super) async fn charge(&self, tx: &mut Tx, tries: &Tries<'_>) -> Result<Option<Duration>> {
        let now = self.now();
        let mut charged = Vec::new();
        // Always the account first, so that two requests never wait for each other.
        if let Some(email) = tries.email {
            let subject = self.throttle_subject("account", email)?;
            let row = rows::lock(tx, &subject, tries.user_id, now).await?;
            if row.failures >= MAX_FAILURES {
                return Ok(FOR_GOOD.to_std().ok());
            }
            if let Some(wait) = waits(&row, now) {
                return Ok(Some(wait));
            }
            charged.push((subject, row, FREE, LONGEST));
        }
        if let Some(peer) = tries.peer {
            let subject = self.throttle_subject("address", &network(peer))?;
            let mut row = rows::lock(tx, &subject, None, now).await?;
            if let Some(wait) = waits(&row, now) {
                return Ok(Some(wait));
            }
            if now - row.last_failed_at > ADDRESS_FORGETS {
                row.failures = 0;
            }
            charged.push((subject, row, FREE_FROM_ADDRESS, LONGEST_FOR_ADDRESS));
        }
        for (subject, row, free, longest) in charged {
            let failures = row.failures.saturating_add(1);
            let counted = ThrottleRow {
                failures,
                last_failed_at: now,
                blocked_until: delay(failures, free, longest).map(|delay| now + delay),
            };
            rows::set(tx, &subject, &counted).await?;
        }
        Ok(None)
    }

    /// Takes a counted try back: it was no failure. Earlier failures stay.
    pub(super) async fn refund(&self, tx: &mut Tx, tries: &Tries<'_>) -> Result<()> {
        if let Some(email) = tries.email {
            rows::refund(tx, &self.throttle_subject("account", email)?).await?;
        }
        if let Some(peer) = tries.peer {
            rows::refund(tx, &self.throttle_subject("address", &network(peer))?).await?;
        }
        Ok(())
    }

    /// Notes that a counted try failed. Known and unknown accounts are written alike, and so take alike.
    pub(super) async fn count_stands(&self, tx: &mut Tx, tries: &Tries<'_>) -> Result<()> {
        if let Some(email) = tries.email {
            rows::failed(tx, &self.throttle_subject("account", email)?, self.now()).await?;
        }
        Ok(())
    }

    /// Forgets an account's failures: the person has proven who they are.
    pub(super) async fn forgive(&self, tx: &mut Tx, email: &str) -> Result<()> {
        rows::clear(tx, &self.throttle_subject("account", email)?).await?;
        Ok(())
    }

    /// Writes to the ledger that a try was not even looked at, and gives the answer.
    pub(super) async fn throttled(&self, visitor: &Actor, retry_after: Duration) -> ServiceError {
        let written = self.refused(visitor, "sign_in.throttled", "denied", &[]).await;
        written.err().unwrap_or(ServiceError::Throttled { retry_after })
    }

    /// Writes a refusal to the ledger in a transaction of its own, thinned out.
    pub(super) async fn refused(
        &self,
        visitor: &Actor,
        action: &'static str,
        outcome: &'static str,
        detail: &[(&'static str, &str)],
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        self.record_refusal(&mut tx, visitor, action, outcome, detail);
        tx.commit().await?;
        Ok(())
    }

    /// Adds a refusal to a transaction, thinned out.
    pub(super) fn record_refusal(
        &self,
        tx: &mut Tx,
        visitor: &Actor,
        action: &'static str,
        outcome: &'static str,
        detail: &[(&'static str, &str)],
    ) {
        // Failures of a known account are bounded by its throttle, and each counts.
        let bounded = visitor.user_id.is_some() && outcome == "failure";
        if bounded || self.doors().may_write(action, visitor.user_id, self.now()) {
            let mut entry = self.entry(visitor, action);
            entry.outcome = outcome;
            entry.purpose = PurposeOfUse::Operations;
            for (name, value) in detail {
                entry.detail.insert(name, (*value).to_owned());
            }
            tx.record(entry);
        }
    }
}

/// How long a subject still waits.
fn waits(row: &ThrottleRow, now: DateTime<Utc>) -> Option<Duration> {
    let until = row.blocked_until.filter(|until| *until > now)?;
    (until - now).to_std().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_after_five_and_stays_at_a_quarter_of_an_hour() {
        let after = |failures| delay(failures, FREE, LONGEST).map(|delay| delay.num_seconds());
        assert_eq!(
            [1, 4, 5, 6, 7, 14, 15, 16, 99, u32::MAX].map(after),
            [
                None,
                None,
                Some(1),
                Some(2),
                Some(4),
                Some(512),
                Some(900),
                Some(900),
                Some(900),
                Some(900)
            ]
        );
    }

    #[test]
    fn networks_are_counted_whole() {
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2:ffff::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network(&"x".repeat(500)).len(), 100);
    }
}
