//! `[retention]`: for how long what outlives its use is kept. Records have no key here: nothing removes them.

use std::time::Duration;

use chrono::TimeDelta;
use serde::Deserialize;

use super::Problems;

/// The most days of what is no record: ten years.
const MOST: u64 = 3_650;
/// The least days of what belongs to a patient, where it is to be removed at all.
const LEAST_OF_A_PATIENT: u64 = 30;
/// The most days of what belongs to a patient: a hundred years.
const MOST_OF_A_PATIENT: u64 = 36_500;

/// Periods in days. For the last three, 0 keeps for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retention {
    finished_tasks_days: u64,
    workers_days: u64,
    idempotency_days: u64,
    sessions_days: u64,
    account_links_days: u64,
    link_codes_days: u64,
    throttles_days: u64,
    read_notices_days: u64,
    attempt_replies_days: u64,
    unsigned_drafts_days: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            finished_tasks_days: 3,
            workers_days: 1,
            idempotency_days: 1,
            sessions_days: 1,
            account_links_days: 1,
            link_codes_days: 1,
            throttles_days: 1,
            read_notices_days: 0,
            attempt_replies_days: 0,
            unsigned_drafts_days: 0,
        }
    }
}

impl Retention {
    pub(super) fn check(&self, problems: &mut Problems) {
        for (key, value) in [
            ("retention.finished_tasks_days", self.finished_tasks_days),
            ("retention.workers_days", self.workers_days),
            ("retention.idempotency_days", self.idempotency_days),
            ("retention.sessions_days", self.sessions_days),
            ("retention.account_links_days", self.account_links_days),
            ("retention.link_codes_days", self.link_codes_days),
            ("retention.throttles_days", self.throttles_days),
        ] {
            problems.within(key, value, 1..=MOST);
        }
        for (key, value) in [
            ("retention.read_notices_days", self.read_notices_days),
            ("retention.attempt_replies_days", self.attempt_replies_days),
            ("retention.unsigned_drafts_days", self.unsigned_drafts_days),
        ] {
            if value != 0 && !(LEAST_OF_A_PATIENT..=MOST_OF_A_PATIENT).contains(&value) {
                problems.add(
                    key,
                    format!(
                        "is {value}; choose 0, which keeps for ever, or a value from {LEAST_OF_A_PATIENT} to {MOST_OF_A_PATIENT}"
                    ),
                );
            }
        }
    }

    /// As the use cases take it.
    pub(crate) fn periods(&self) -> liaison_service::work::Retention {
        let days = |days: u64| TimeDelta::days(i64::try_from(days).unwrap_or(i64::from(u32::MAX)));
        let or_ever = |value: u64| (value > 0).then(|| days(value));
        liaison_service::work::Retention {
            finished_tasks: Duration::from_secs(self.finished_tasks_days * 86_400),
            workers: Duration::from_secs(self.workers_days * 86_400),
            answers: days(self.idempotency_days),
            sessions: days(self.sessions_days),
            account_links: days(self.account_links_days),
            link_codes: days(self.link_codes_days),
            throttles: days(self.throttles_days),
            read_notices: or_ever(self.read_notices_days),
            attempt_replies: or_ever(self.attempt_replies_days),
            unsigned_drafts: or_ever(self.unsigned_drafts_days),
            ..liaison_service::work::Retention::default()
        }
    }
}
