//! How soon recipients acknowledge, over a period, in total, by urgency and by organization. Figures only: no PHI.

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
        let mut report = TimelinessReport {
            total: Timeliness::none(),
            by_urgency: Vec::new(),
            by_organization: Vec::new(),
        };
        for row in found {
            let figures = Timeliness::from(&row);
            match (row.urgency, row.to_organization_id) {
                (Some(urgency), _) => report.by_urgency.push((urgency, figures)),
                (None, Some(id)) => {
                    report
                        .by_organization
                        .push((id, row.to_organization_name.unwrap_or_default(), figures));
                }
                (None, None) => report.total = figures,
            }
        }
        Ok(report)
    }
}

impl Timeliness {
    fn none() -> Self {
        Self {
            required: 0,
            acknowledged: 0,
            in_time: 0,
            waiting: 0,
            overdue: 0,
            never: 0,
            in_time_share: None,
            median_minutes: None,
            p90_minutes: None,
        }
    }
}

impl From<&TimelinessRow> for Timeliness {
    fn from(row: &TimelinessRow) -> Self {
        let minutes = |seconds: Option<i64>| seconds.map(|seconds| seconds as f64 / 60.0);
        let decided = row.required - row.waiting;
        Self {
            required: row.required.unsigned_abs(),
            acknowledged: row.acknowledged.unsigned_abs(),
            in_time: row.in_time.unsigned_abs(),
            waiting: row.waiting.unsigned_abs(),
            overdue: row.overdue.unsigned_abs(),
            never: row.never.unsigned_abs(),
            in_time_share: (decided > 0).then(|| row.in_time as f64 / decided as f64),
            median_minutes: minutes(row.median_seconds),
            p90_minutes: minutes(row.p90_seconds),
        }
    }
}
