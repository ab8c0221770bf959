//! How soon recipients acknowledge: counts and percentiles over required loops, computed by the database.

use chrono::{DateTime, Utc};
use liaison_domain::{OrganizationId, Urgency};

use crate::{args, conn::Conn, error::Result, row::row, sql::Sql};

row! {
    /// One group's figures. Exactly one of the two keys is set, or neither for the total.
    pub struct TimelinessRow {
        /// Loops of this urgency.
        urgency: Option<Urgency>,
        /// Loops to this organization.
        to_organization_id: Option<OrganizationId>,
        /// Its name.
        to_organization_name: Option<String>,
        /// Required loops, without those that were recalled, superseded or redirected before an acknowledgment.
        required: i64,
        /// Acknowledged, in time or late.
        acknowledged: i64,
        /// Acknowledged by the due time.
        in_time: i64,
        /// Open and not yet due.
        waiting: i64,
        /// Open and past the due time.
        overdue: i64,
        /// Ended without an acknowledgment: declined.
        never: i64,
        /// Median (nearest rank) time from sharing to acknowledgment, in seconds.
        median_seconds: Option<i64>,
        /// 90th percentile (nearest rank) of that time, in seconds.
        p90_seconds: Option<i64>,
    }
}

// The engines name the seconds of an instant differently; all else is one text.
macro_rules! timeliness {
    ($from:literal, $to:literal) => {
        concat!(
            "with base as (
                select urgency, to_organization_id, acknowledged_at, due_at, is_open,
                    ",
            $from,
            "acknowledged_at",
            $to,
            " - ",
            $from,
            "shared_at",
            $to,
            " as seconds
                from recipient
                where organization_id = $1 and shared_at >= $2 and shared_at < $3 and duty = 'REQUIRED'
                    and (acknowledged_at is not null or outcome is null
                        or outcome not in ('RECALLED', 'SUPERSEDED', 'REDIRECTED'))
            ), keyed as (
                select 0 as place, cast(null as bigint) as urgency, cast(null as uuid) as to_organization_id,
                    acknowledged_at, due_at, is_open, seconds from base
                union all
                select 1, urgency, cast(null as uuid), acknowledged_at, due_at, is_open, seconds from base
                union all
                select 2, cast(null as bigint), to_organization_id, acknowledged_at, due_at, is_open, seconds from base
            ), ranked as (
                select keyed.*,
                    case when seconds is null then 1 else 0 end as unanswered,
                    row_number() over (partition by place, urgency, to_organization_id,
                        case when seconds is null then 1 else 0 end order by seconds) as nth,
                    count(seconds) over (partition by place, urgency, to_organization_id) as answered
                from keyed
            )
            select k.urgency, k.to_organization_id, o.name as to_organization_name,
                count(*) as required,
                count(k.seconds) as acknowledged,
                count(case when k.acknowledged_at <= k.due_at or (k.acknowledged_at is not null and k.due_at is null)
                    then 1 end) as in_time,
                count(case when k.acknowledged_at is null and k.is_open = true and (k.due_at >= $4 or k.due_at is null)
                    then 1 end) as waiting,
                count(case when k.acknowledged_at is null and k.is_open = true and k.due_at < $4 then 1 end) as overdue,
                count(case when k.acknowledged_at is null and k.is_open = false then 1 end) as never,
                max(case when k.unanswered = 0 and k.nth = (k.answered + 1) / 2 then k.seconds end) as median_seconds,
                max(case when k.unanswered = 0 and k.nth = (k.answered * 9 + 9) / 10 then k.seconds end) as p90_seconds
            from ranked k left join organization o on o.id = k.to_organization_id
            group by k.place, k.urgency, k.to_organization_id, o.name
            order by k.place, k.urgency desc, o.name, k.to_organization_id"
        )
    };
}

const TIMELINESS: Sql = Sql {
    name: concat!(module_path!(), "::TIMELINESS"),
    sqlite: timeliness!("cast(unixepoch(", ") as integer)"),
    postgres: timeliness!("cast(floor(extract(epoch from ", ")) as bigint)"),
};

/// This module's statements.
pub(crate) const STATEMENTS: &[Sql] = &[TIMELINESS];

/// A clinic's loops shared in `from..until`: the total, then by urgency (gravest first), then by organization (by name).
pub async fn timeliness(
    conn: &mut Conn,
    clinic: OrganizationId,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<TimelinessRow>> {
    conn.all(TIMELINESS, args![clinic, from, until, now]).await
}
