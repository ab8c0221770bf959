//! How soon recipients acknowledge.

use async_graphql::{Context, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use liaison_clinical::Urgency;
use liaison_service::audit as use_cases;

use crate::directory::organization::Organization;
use crate::fail::{OrRefuse as _, present};
use crate::session::asking;

/// The figures of one group of required loops. Loops that were recalled, superseded or redirected before an
/// acknowledgment are in no group.
#[derive(SimpleObject)]
pub(crate) struct Timeliness {
    /// Loops.
    required: u64,
    /// Acknowledged, in time or late.
    acknowledged: u64,
    /// Acknowledged by the due time.
    in_time: u64,
    /// Open and not yet due.
    waiting: u64,
    /// Open and past the due time.
    overdue: u64,
    /// Ended without an acknowledgment: declined.
    never: u64,
    /// `inTime` among all but the waiting, 0 to 1; null where there are none.
    in_time_share: Option<f64>,
    /// Median (nearest rank) of the minutes from sharing to acknowledgment.
    median_minutes: Option<f64>,
    /// 90th percentile (nearest rank) of those minutes.
    p90_minutes: Option<f64>,
}

impl From<&use_cases::Timeliness> for Timeliness {
    fn from(figures: &use_cases::Timeliness) -> Self {
        Self {
            required: figures.required,
            acknowledged: figures.acknowledged,
            in_time: figures.in_time,
            waiting: figures.waiting,
            overdue: figures.overdue,
            never: figures.never,
            in_time_share: figures.in_time_share,
            median_minutes: figures.median_minutes,
            p90_minutes: figures.p90_minutes,
        }
    }
}

/// The figures at one urgency.
#[derive(SimpleObject)]
pub(crate) struct UrgencyTimeliness {
    /// The urgency.
    urgency: Urgency,
    /// Its figures.
    figures: Timeliness,
}

pub(crate) struct OrganizationTimeliness(liaison_domain::OrganizationId, use_cases::Timeliness);

/// The figures of one recipient organization.
#[Object]
impl OrganizationTimeliness {
    /// The organization.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        let found = asking(ctx)?.load.load_one(self.0).await.or_refuse(ctx)?;
        present(ctx, found, "organization").map(Organization)
    }

    /// Its figures.
    async fn figures(&self) -> Timeliness {
        (&self.1).into()
    }
}

pub(crate) struct TimelinessReport(use_cases::TimelinessReport);

/// A period's figures.
#[Object]
impl TimelinessReport {
    /// All loops.
    async fn total(&self) -> Timeliness {
        (&self.0.total).into()
    }

    /// By urgency, gravest first; urgencies without loops are left out.
    async fn by_urgency(&self) -> Vec<UrgencyTimeliness> {
        let group = |(urgency, figures): &(Urgency, use_cases::Timeliness)| UrgencyTimeliness {
            urgency: *urgency,
            figures: figures.into(),
        };
        self.0.by_urgency.iter().map(group).collect()
    }

    /// By recipient organization, by name.
    async fn by_organization(&self) -> Vec<OrganizationTimeliness> {
        let groups = self.0.by_organization.iter();
        groups
            .map(|(id, _, figures)| OrganizationTimeliness(*id, figures.clone()))
            .collect()
    }
}

/// Timeliness.
#[derive(Default)]
pub(crate) struct TimelinessQuery;

#[Object]
impl TimelinessQuery {
    /// How soon the clinic's recipients acknowledged what was shared in a period: the share in time, the median and the
    /// 90th percentile, in total, by urgency and by organization.
    #[graphql(complexity = "20 + child_complexity")]
    async fn timeliness(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Shared at or after.")] from: DateTime<Utc>,
        #[graphql(desc = "Shared before; after `from`, by at most ten years.")] until: DateTime<Utc>,
    ) -> Result<TimelinessReport> {
        let asking = asking(ctx)?;
        let input = use_cases::ReadTimeliness { from, until };
        Ok(TimelinessReport(
            asking
                .service
                .read_timeliness(&asking.actor, input)
                .await
                .or_refuse(ctx)?,
        ))
    }
}
