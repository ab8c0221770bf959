//! How soon recipients acknowledge: required loops counted by urgency and organization, with the time of each
//! acknowledgment. One pass over one index; totals and percentiles are made of these rows by whoever asks.

use chrono::{DateTime, Utc};
use liaison_domain::{OrganizationId, Urgency};

use crate::{
    args,
    conn::Conn,
    error::{Result, StoreError},
    row::row,
    sql::Sql,
};

row! {
    /// The loops of one urgency to one organization.
    pub struct TimelinessRow {
        /// Their urgency.
        urgency: Urgency,
        /// To whom.
        to_organization_id: OrganizationId,
        /// Its name.
        to_organization_name: String,
        /// Required loops, without those that were recalled, superseded or redirected before an acknowledgment.
        required: i64,
        /// Acknowledged by the due time.
        in_time: i64,
        /// Open and not yet due.
        waiting: i64,
        /// Open and past the due time.
        overdue: i64,
        /// Ended without an acknowledgment: declined.
        never: i64,
        /// Times from sharing to acknowledgment in whole seconds, one for each acknowledged loop, in no order, with
        /// commas between them.
        seconds: Option<String>,
    }
}

impl TimelinessRow {
    /// Times from sharing to acknowledgment in whole seconds, one for each acknowledged loop, in no order.
    ///
    /// # Errors
    /// When the database answered with something else.
    pub fn times(&self) -> Result<Vec<i64>> {
        let times = self.seconds.as_deref().unwrap_or_default().split_terminator(',');
        let read = |time: &str| {
            time.parse().map_err(|_| StoreError::Row {
                column: "seconds",
                message: "not a list of whole numbers".to_owned(),
            })
        };
        times.map(read).collect()
    }
}

// The engines name the seconds of an instant differently; all else is one text. The times come as one text for each
// group: a row for each loop would cost more than all the counting. Everything that is looked at stands in the index
// recipient_by_time.
macro_rules! timeliness {
    ($from:literal, $to:literal) => {
        concat!(
            "select g.urgency, g.to_organization_id, o.name as to_organization_name, g.required, g.in_time, g.waiting,
                g.overdue, g.never, g.seconds
            from (
                select urgency, to_organization_id, count(*) as required,
                    count(case when acknowledged_at <= due_at or (acknowledged_at is not null and due_at is null)
                        then 1 end) as in_time,
                    count(case when acknowledged_at is null and is_open = true and (due_at >= $4 or due_at is null)
                        then 1 end) as waiting,
                    count(case when acknowledged_at is null and is_open = true and due_at < $4 then 1 end) as overdue,
                    count(case when acknowledged_at is null and is_open = false then 1 end) as never,
                    string_agg(cast(",
            $from,
            "acknowledged_at",
            $to,
            " - ",
            $from,
            "shared_at",
            $to,
            " as text), ',') as seconds
                from recipient
                where organization_id = $1 and shared_at >= $2 and shared_at < $3 and duty = 'REQUIRED'
                    and (acknowledged_at is not null or outcome is null
                        or outcome not in ('RECALLED', 'SUPERSEDED', 'REDIRECTED'))
                group by urgency, to_organization_id
            ) g join organization o on o.id = g.to_organization_id
            order by g.urgency desc, g.to_organization_id"
        )
    };
}

const TIMELINESS: Sql = Sql {
    name: concat!(module_path!(), "::TIMELINESS"),
    sqlite: timeliness!("unixepoch(", ")"),
    postgres: timeliness!("cast(floor(date_part('epoch', ", ")) as bigint)"),
};

/// This module's statements.
pub(crate) const STATEMENTS: &[Sql] = &[TIMELINESS];

/// A clinic's loops shared in `from..until`, the gravest urgency first.
pub async fn timeliness(
    conn: &mut Conn,
    clinic: OrganizationId,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<TimelinessRow>> {
    conn.all(TIMELINESS, args![clinic, from, until, now]).await
}
