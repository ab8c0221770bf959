//! Failed sign-ins in a row. They stand in the database, so that a restart or a second process forgets none.

use chrono::{DateTime, Utc};
use liaison_domain::UserId;

use crate::{args, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// How often somebody failed.
    pub struct ThrottleRow {
        /// Failures since the last success.
        failures: u32,
        /// When the last one was.
        last_failed_at: DateTime<Utc>,
        /// Until when no further try is taken.
        blocked_until: Option<DateTime<Utc>>,
    }
}

sql! {
    BEGIN = "insert into sign_in_throttle (subject, user_id, failures, last_failed_at) values ($1, $2, 0, $3)
        on conflict (subject) do nothing";
    LOCK = "select failures, last_failed_at, blocked_until from sign_in_throttle where subject = $1 {for_update}";
    SET = "update sign_in_throttle set failures = $2, last_failed_at = $3, blocked_until = $4 where subject = $1";
    REFUND = "update sign_in_throttle set failures = failures - 1, blocked_until = null
        where subject = $1 and failures > 0";
    FAILED = "update sign_in_throttle set last_failed_at = $2 where subject = $1";
    CLEAR = "delete from sign_in_throttle where subject = $1";
}

/// The count of a subject, made where there is none, and held until the transaction ends.
pub async fn lock(tx: &mut Tx, subject: &[u8], user: Option<UserId>, now: DateTime<Utc>) -> Result<ThrottleRow> {
    tx.execute(BEGIN, args![subject, user, now]).await?;
    let found = tx.one(LOCK, args![subject]).await?;
    Ok(found.unwrap_or(ThrottleRow {
        failures: 0,
        last_failed_at: now,
        blocked_until: None,
    }))
}

/// Writes a count.
pub async fn set(tx: &mut Tx, subject: &[u8], row: &ThrottleRow) -> Result<()> {
    let values = args![subject, row.failures, row.last_failed_at, row.blocked_until];
    tx.change_one(SET, values).await
}

/// Takes one failure back: it was none.
pub async fn refund(tx: &mut Tx, subject: &[u8]) -> Result<u64> {
    tx.execute(REFUND, args![subject]).await
}

/// Notes when a counted try turned out to be a failure.
pub async fn failed(tx: &mut Tx, subject: &[u8], now: DateTime<Utc>) -> Result<u64> {
    tx.execute(FAILED, args![subject, now]).await
}

/// Forgets every failure of a subject.
pub async fn clear(tx: &mut Tx, subject: &[u8]) -> Result<u64> {
    tx.execute(CLEAR, args![subject]).await
}
