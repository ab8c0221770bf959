//! What the database says of the state of the work, for metrics: counts and ages, no ids and no names. Each statement
//! reads by an index, so that a look every few seconds costs little.

use chrono::{DateTime, Utc};
use liaison_domain::{ChannelKind, EvidenceLevel, Urgency};

use crate::{Pools, Store, args, conn::Conn, error::Result, row::row, sql::sql};

sql! {
    // A partial index is used only where its condition stands in the text as it is.
    OPEN_LOOPS = sqlite "select urgency, count(*) as open, min(shared_at) as oldest,
            count(*) filter (where due_at < $1) as overdue from recipient where is_open = 1 group by urgency"
        postgres "select urgency, count(*) as open, min(shared_at) as oldest,
            count(*) filter (where due_at < $1) as overdue from recipient where is_open group by urgency";
    DELIVERIES_DUE = "select channel as a, count(*) as b, min(next_attempt_at) as c from delivery
        where next_attempt_at is not null group by channel";
    DELIVERIES_DEAD = "select channel as a, count(*) as b from delivery
        where state = 'DEAD' and updated_at > $1 group by channel";
    CALLS = "select count(*) as a, count(*) filter (where due_at < $1) as b from call_task where status = 'OPEN'";
    EVIDENCE = "select e.level, r.urgency, r.shared_at, e.occurred_at, e.recorded_at from evidence e
        join recipient r on r.id = e.recipient_id
        where e.recorded_at > $1 and e.recorded_at <= $2 order by e.recorded_at limit $3";
}

row! {
    /// Open loops of one urgency.
    pub struct OpenLoops {
        /// The urgency.
        urgency: Urgency,
        /// How many are open.
        open: i64,
        /// When the oldest was shared.
        oldest: DateTime<Utc>,
        /// How many are past their due time.
        overdue: i64,
    }
}

row! {
    /// One fact of a loop with the times that give its latency.
    pub struct EvidenceTime {
        /// The level it proves.
        level: EvidenceLevel,
        /// The loop's urgency.
        urgency: Urgency,
        /// When the loop began.
        shared_at: DateTime<Utc>,
        /// When the fact occurred.
        occurred_at: DateTime<Utc>,
        /// When it was recorded.
        recorded_at: DateTime<Utc>,
    }
}

/// Connections of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// `writer`, `readers` or `tasks` on SQLite, `all` on PostgreSQL.
    pub pool: &'static str,
    /// Open connections, idle ones included.
    pub open: u32,
    /// Idle ones.
    pub idle: u32,
    /// The most there may be.
    pub most: u32,
}

impl Store {
    /// How the connections are used at this moment; asks no database.
    pub fn pool_use(&self) -> Vec<PoolUse> {
        macro_rules! of {
            ($name:literal, $pool:expr) => {
                PoolUse {
                    pool: $name,
                    open: $pool.size(),
                    idle: u32::try_from($pool.num_idle()).unwrap_or(u32::MAX),
                    most: $pool.options().get_max_connections(),
                }
            };
        }
        match self.pools() {
            Pools::Sqlite { writer, readers, tasks } => {
                vec![
                    of!("writer", writer.pool()),
                    of!("readers", readers),
                    of!("tasks", tasks),
                ]
            }
            Pools::Postgres(pool) => vec![of!("all", pool)],
        }
    }
}

/// Open loops by urgency; an urgency without any is left out.
pub async fn open_loops(conn: &mut Conn, now: DateTime<Utc>) -> Result<Vec<OpenLoops>> {
    conn.all(OPEN_LOOPS, args![now]).await
}

/// Deliveries that wait for a try, by channel, and when the first is or was due.
pub async fn deliveries_due(conn: &mut Conn) -> Result<Vec<(ChannelKind, i64, DateTime<Utc>)>> {
    conn.all(DELIVERIES_DUE, args![]).await
}

/// Deliveries that were given up since then, by channel.
pub async fn deliveries_dead(conn: &mut Conn, since: DateTime<Utc>) -> Result<Vec<(ChannelKind, i64)>> {
    conn.all(DELIVERIES_DEAD, args![since]).await
}

/// Open call tasks, and those of them that are past their due time.
pub async fn calls(conn: &mut Conn, now: DateTime<Utc>) -> Result<(i64, i64)> {
    Ok(conn.one(CALLS, args![now]).await?.unwrap_or_default())
}

/// Evidence that was recorded after `since` and up to `until`, oldest first.
pub async fn evidence(
    conn: &mut Conn,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<EvidenceTime>> {
    conn.all(EVIDENCE, args![since, until, limit]).await
}
