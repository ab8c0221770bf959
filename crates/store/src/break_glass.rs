//! Openings of a record in an emergency: who, which patient, until when, and what the reviewer found.

use chrono::{DateTime, Utc};
use liaison_domain::{BreakGlassId, BreakGlassVerdict, OrganizationId, PatientId, UserId};

use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// One case.
    pub struct BreakGlassRow {
        /// Its id.
        id: BreakGlassId,
        /// The clinic.
        organization_id: OrganizationId,
        /// Who broke the glass.
        user_id: UserId,
        /// The patient, and no other.
        patient_id: PatientId,
        /// Why: sealed.
        reason_sealed: Vec<u8>,
        /// From when.
        started_at: DateTime<Utc>,
        /// Until when at most.
        expires_at: DateTime<Utc>,
        /// When it ended: by hand, by time, or by its review.
        ended_at: Option<DateTime<Utc>>,
        /// Who judged it.
        reviewed_by: Option<UserId>,
        /// When.
        reviewed_at: Option<DateTime<Utc>>,
        /// What they found.
        verdict: Option<BreakGlassVerdict>,
        /// In words: sealed.
        finding_sealed: Option<Vec<u8>>,
    }
}

sql! {
    INSERT = "insert into break_glass (id, organization_id, user_id, patient_id, reason_sealed, started_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7)";
    ACTIVE = "select * from break_glass where user_id = $1 and organization_id = $2 and expires_at > $3
        and ended_at is null order by started_at, id";
    FIND = "select * from break_glass where id = $1";
    LOCK = "select * from break_glass where id = $1 {for_update}";
    RUN_OUT = "select * from break_glass where expires_at <= $1 and ended_at is null order by expires_at, id limit $2
        {for_update_skip_locked}";
    ANY_RUN_OUT = "select count(*) as a from break_glass where expires_at <= $1 and ended_at is null";
    END = "update break_glass set ended_at = $2 where id = $1 and ended_at is null";
    REVIEW = "update break_glass set reviewed_by = $2, reviewed_at = $3, verdict = $4, finding_sealed = $5
        where id = $1 and reviewed_at is null";
    LIST = "select * from break_glass where organization_id = $1 and ((reviewed_at is null) = $2 or $2 is null)
        and (started_at < $3 or (started_at = $3 and id < $4) or $3 is null)
        order by started_at desc, id desc limit $5";
}

/// Adds a case.
pub async fn insert(tx: &mut Tx, row: &BreakGlassRow) -> Result<()> {
    let values = args![
        row.id,
        row.organization_id,
        row.user_id,
        row.patient_id,
        row.reason_sealed.clone(),
        row.started_at,
        row.expires_at,
    ];
    tx.change_one(INSERT, values).await
}

/// A person's cases that run at a moment.
pub async fn active(
    conn: &mut Conn,
    user: UserId,
    organization: OrganizationId,
    now: DateTime<Utc>,
) -> Result<Vec<BreakGlassRow>> {
    conn.all(ACTIVE, args![user, organization, now]).await
}

/// One case.
pub async fn find(conn: &mut Conn, id: BreakGlassId) -> Result<Option<BreakGlassRow>> {
    conn.one(FIND, args![id]).await
}

/// One case, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: BreakGlassId) -> Result<Option<BreakGlassRow>> {
    tx.one(LOCK, args![id]).await
}

/// Cases whose time is over and whose end was not recorded yet, locked.
pub async fn run_out(tx: &mut Tx, now: DateTime<Utc>, limit: u32) -> Result<Vec<BreakGlassRow>> {
    tx.all(RUN_OUT, args![now, limit]).await
}

/// Whether there are any.
pub async fn any_run_out(conn: &mut Conn, now: DateTime<Utc>) -> Result<bool> {
    let row: Option<(i64,)> = conn.one(ANY_RUN_OUT, args![now]).await?;
    Ok(row.is_some_and(|(count,)| count > 0))
}

/// Ends a case; whether it ran.
pub async fn end(tx: &mut Tx, id: BreakGlassId, at: DateTime<Utc>) -> Result<bool> {
    Ok(tx.execute(END, args![id, at]).await? == 1)
}

/// Adds the review; whether there was none before.
pub async fn review(
    tx: &mut Tx,
    id: BreakGlassId,
    by: UserId,
    at: DateTime<Utc>,
    verdict: BreakGlassVerdict,
    finding: Vec<u8>,
) -> Result<bool> {
    Ok(tx.execute(REVIEW, args![id, by, at, verdict, finding]).await? == 1)
}

/// A clinic's cases, newest first: those without a review (`Some(true)`), those with one, or all.
pub async fn list(
    conn: &mut Conn,
    organization: OrganizationId,
    open: Option<bool>,
    after: Option<(DateTime<Utc>, BreakGlassId)>,
    limit: u32,
) -> Result<Vec<BreakGlassRow>> {
    let (at, id) = after.unzip();
    conn.all(LIST, args![organization, open, at, id, limit]).await
}
