//! How soon recipients acknowledge, over a period, in total, by urgency and by organization. Figures only: no PHI.

use std::{cmp::Reverse, collections::BTreeMap};

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{
    Actor, OrganizationId, Urgency,
    access::{Action, Relation, decide},
};
use liaison_store::timeliness::{TimelinessRow, timeliness};

use crate::{Result, Service, ServiceError};

/// The longest period.
const MAX_PERIOD: TimeDelta = TimeDelta::days(3_660);

/// Of which period: the loops shared in it.
#[derive(Debug, Clone, Copy)]
pub struct ReadTimeliness {
    /// From.
    pub from: DateTime<Utc>,
    /// Until.
    pub until: DateTime<Utc>,
}

/// The figures of one group of required loops. Loops that were recalled, superseded or redirected before an
/// acknowledgment are in no group, because nobody was left to acknowledge them.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeliness {
    /// Loops.
    pub required: u64,
    /// Acknowledged, in time or late.
    pub acknowledged: u64,
    /// Acknowledged by the due time.
    pub in_time: u64,
    /// Open and not yet due.
    pub waiting: u64,
    /// Open and past the due time.
    pub overdue: u64,
    /// Ended without an acknowledgment: declined.
    pub never: u64,
    /// `in_time` among all but the waiting, 0 to 1; `None` where there are none.
    pub in_time_share: Option<f64>,
    /// Median (nearest rank) minutes from sharing to acknowledgment, of the acknowledged.
    pub median_minutes: Option<f64>,
    /// 90th percentile (nearest rank) of those minutes.
    pub p90_minutes: Option<f64>,
}

/// A period's figures.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelinessReport {
    /// All loops.
    pub total: Timeliness,
    /// By urgency, gravest first; urgencies without loops are left out.
    pub by_urgency: Vec<(Urgency, Timeliness)>,
    /// By recipient organization, by name.
    pub by_organization: Vec<(OrganizationId, String, Timeliness)>,
}

impl Service {
    /// The clinic's figures, for those who follow loops or audit.
    pub async fn read_timeliness(&self, actor: &Actor, input: ReadTimeliness) -> Result<TimelinessReport> {
        if decide(actor, Action::FollowLoops, Relation::Own).is_err() {
            self.authorize(actor, Action::ReadAudit, Relation::Own).await?;
        }
        let clinic = self.organization(actor)?;
        if input.from >= input.until || input.until - input.from > MAX_PERIOD {
            return Err(ServiceError::invalid(
                "until",
                "OUT_OF_RANGE",
                "must be after from, by at most ten years",
            ));
        }
        let found = {
            let mut conn = self.read().await?;
            timeliness(&mut conn, clinic, input.from, input.until, self.now()).await?
        };
        let mut total = Gathered::default();
        let mut urgencies: BTreeMap<Reverse<Urgency>, Gathered> = BTreeMap::new();
        let mut organizations: BTreeMap<(String, OrganizationId), Gathered> = BTreeMap::new();
        for row in found {
            let times = row.times()?;
            total.add(&row, &times);
            urgencies.entry(Reverse(row.urgency)).or_default().add(&row, &times);
            organizations
                .entry((row.to_organization_name.clone(), row.to_organization_id))
                .or_default()
                .add(&row, &times);
        }
        Ok(TimelinessReport {
            total: total.figures(),
            by_urgency: urgencies
                .into_iter()
                .map(|(Reverse(urgency), gathered)| (urgency, gathered.figures()))
                .collect(),
            by_organization: organizations
                .into_iter()
                .map(|((name, id), gathered)| (id, name, gathered.figures()))
                .collect(),
        })
    }
}

/// One group of loops while it is counted.
#[derive(Default)]
struct Gathered {
    required: u64,
    in_time: u64,
    waiting: u64,
    overdue: u64,
    never: u64,
    /// Seconds from sharing to acknowledgment, one for each acknowledged loop.
    times: Vec<i64>,
}

impl Gathered {
    fn add(&mut self, row: &TimelinessRow, times: &[i64]) {
        self.required += row.required.unsigned_abs();
        self.in_time += row.in_time.unsigned_abs();
        self.waiting += row.waiting.unsigned_abs();
        self.overdue += row.overdue.unsigned_abs();
        self.never += row.never.unsigned_abs();
        self.times.extend_from_slice(times);
    }

    fn figures(mut self) -> Timeliness {
        let count = self.times.len();
        let decided = self.required - self.waiting;
        // Nearest rank: the smallest time that so many of the hundred do not exceed.
        let mut minutes = |percent: usize| {
            let rank = (count * percent).div_ceil(100).checked_sub(1)?;
            let (_, seconds, _) = self.times.select_nth_unstable(rank);
            Some(*seconds as f64 / 60.0)
        };
        Timeliness {
            median_minutes: minutes(50),
            p90_minutes: minutes(90),
            required: self.required,
            acknowledged: count as u64,
            in_time: self.in_time,
            waiting: self.waiting,
            overdue: self.overdue,
            never: self.never,
            in_time_share: (decided > 0).then(|| self.in_time as f64 / decided as f64),
        }
    }
}
