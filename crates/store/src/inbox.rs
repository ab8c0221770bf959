//! The recipient's inbox: the loops addressed to a set of teams and people of one organization, those that wait first.
//! Also whom a person reaches beside themself: the people they cover, and those people's teams.

use chrono::{DateTime, Utc};
use liaison_domain::{OrganizationId, RecipientId, TeamId, Urgency, UserId};
use uuid::Uuid;

use crate::{
    arg::urgency_number, args, conn::Conn, directory::uuids, error::Result, recipients::RecipientRow, sql::sql, tx::Tx,
};

sql! {
    // What waits is said as the indexes recipient_waits_team and recipient_waits_user say it, so that they serve: however
    // much is done, only what waits is looked at.
    WAITING = sqlite "select * from recipient where (is_open = 1
            or (duty = 'COPY' and level < 4 and (outcome is null or outcome = 'FAILED')))
            and to_organization_id = $1 and sealed_from_recipient = $2 and (urgency = $3 or $3 is null)
            and (urgency < $4 or (urgency = $4 and (coalesce(due_at, shared_at) > $5
                or (coalesce(due_at, shared_at) = $5 and id > $6))) or $4 is null)
            and (to_team_id in ({ids}) or to_user_id in ({ids}))
            order by urgency desc, coalesce(due_at, shared_at), id limit $7"
        postgres "select * from recipient where (is_open
            or (duty = 'COPY' and level < 4 and (outcome is null or outcome = 'FAILED')))
            and to_organization_id = $1 and sealed_from_recipient = $2 and (urgency = $3 or $3 is null)
            and (urgency < $4 or (urgency = $4 and (coalesce(due_at, shared_at) > $5
                or (coalesce(due_at, shared_at) = $5 and id > $6))) or $4 is null)
            and (to_team_id in ({ids}) or to_user_id in ({ids}))
            order by urgency desc, coalesce(due_at, shared_at), id limit $7";
    DONE = "select * from recipient where to_organization_id = $1 and sealed_from_recipient = $2
        and is_open = $2 and not (duty = 'COPY' and level < 4 and (outcome is null or outcome = 'FAILED'))
        and (urgency = $3 or $3 is null)
        and (shared_at < $4 or (shared_at = $4 and id < $5) or $4 is null)
        and (to_team_id in ({ids}) or to_user_id in ({ids}))
        order by shared_at desc, id desc limit $6";
    COUNT_WAITING = sqlite "select count(*) as a from recipient where (is_open = 1
            or (duty = 'COPY' and level < 4 and (outcome is null or outcome = 'FAILED')))
            and to_organization_id = $1 and sealed_from_recipient = $2
            and not exists (select 1 from restriction x where x.patient_id = recipient.patient_id and x.user_id = $3
                and (x.ended_at > $4 or x.ended_at is null)
                and (recipient.to_user_id <> $3 or recipient.to_user_id is null))
            and (to_team_id in ({ids}) or to_user_id in ({ids}))"
        postgres "select count(*) as a from recipient where (is_open
            or (duty = 'COPY' and level < 4 and (outcome is null or outcome = 'FAILED')))
            and to_organization_id = $1 and sealed_from_recipient = $2
            and not exists (select 1 from restriction x where x.patient_id = recipient.patient_id and x.user_id = $3
                and (x.ended_at > $4 or x.ended_at is null)
                and (recipient.to_user_id <> $3 or recipient.to_user_id is null))
            and (to_team_id in ({ids}) or to_user_id in ({ids}))";
    LOCK_IN = "select * from recipient where id in ({ids}) order by id {for_update}";
    COVERED_BY = "select absent_user_id as a from coverage where cancelled_at is null and from_at <= $1 and until_at > $1
        and covering_user_id in ({ids})";
    TEAMS_OF_PRESENT = "select distinct m.team_id as a from team_member m
        join team t on t.id = m.team_id
        join person p on p.id = m.user_id
        join membership s on s.user_id = m.user_id and s.organization_id = t.organization_id and s.until_at is null
        where t.organization_id = $1 and p.disabled_at is null and m.user_id in ({ids})";
}

/// Where a page of waiting loops ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingPosition {
    /// The last loop's urgency.
    pub urgency: Urgency,
    /// Its due time, or when it was shared.
    pub at: DateTime<Utc>,
    /// Its id.
    pub id: RecipientId,
}

/// The time by which a waiting loop is ordered: when it is due, or when it was shared.
pub fn waiting_since(row: &RecipientRow) -> DateTime<Utc> {
    row.due_at.unwrap_or(row.shared_at)
}

/// Loops that wait for somebody of `addressees` (teams and people): an acknowledgment is owed, or a copy was not looked
/// at yet. Most urgent first, then by due time.
pub async fn waiting(
    conn: &mut Conn,
    organization: OrganizationId,
    addressees: &[Uuid],
    urgency: Option<Urgency>,
    after: Option<WaitingPosition>,
    limit: u32,
) -> Result<Vec<RecipientRow>> {
    let fixed = args![
        organization,
        false,
        urgency,
        after.map(|position| position.urgency),
        after.map(|position| position.at),
        after.map(|position| position.id),
        limit,
    ];
    let mut found: Vec<RecipientRow> = conn.all_in(WAITING, fixed, addressees).await?;
    // Many addressees are asked for in several statements, each with its own first rows.
    found.sort_by_key(|row| (-urgency_number(row.urgency), waiting_since(row), row.id));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// How many loops wait for somebody of `addressees`, as their reader sees them: without those of patients who agreed
/// with the clinic that this one person reads nothing of theirs.
pub async fn count_waiting(
    conn: &mut Conn,
    organization: OrganizationId,
    reader: UserId,
    addressees: &[Uuid],
    now: DateTime<Utc>,
) -> Result<u64> {
    if addressees.is_empty() {
        return Ok(0);
    }
    let fixed = args![organization, false, reader, now];
    let counted: Vec<(i64,)> = conn.all_in(COUNT_WAITING, fixed, addressees).await?;
    Ok(counted.iter().map(|(count,)| count.unsigned_abs()).sum())
}

/// Loops of `addressees` that wait for nobody any more; the newest share first.
pub async fn done(
    conn: &mut Conn,
    organization: OrganizationId,
    addressees: &[Uuid],
    urgency: Option<Urgency>,
    after: Option<(DateTime<Utc>, RecipientId)>,
    limit: u32,
) -> Result<Vec<RecipientRow>> {
    let (at, id) = after.unzip();
    let fixed = args![organization, false, urgency, at, id, limit];
    let mut found: Vec<RecipientRow> = conn.all_in(DONE, fixed, addressees).await?;
    found.sort_by_key(|row| std::cmp::Reverse((row.shared_at, row.id)));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// Loops, locked in one order until the transaction ends.
pub async fn lock_all(tx: &mut Tx, ids: &[RecipientId]) -> Result<Vec<RecipientRow>> {
    let mut rows: Vec<RecipientRow> = tx.all_in(LOCK_IN, args![], &uuids(ids)).await?;
    rows.sort_by_key(|row| row.id);
    rows.dedup_by_key(|row| row.id);
    Ok(rows)
}

/// The people for whom one of `users` is entered as covering at a moment; one step, chains are the caller's.
pub async fn covered_by(conn: &mut Conn, users: &[UserId], at: DateTime<Utc>) -> Result<Vec<UserId>> {
    let rows: Vec<(UserId,)> = conn.all_in(COVERED_BY, args![at], &uuids(users)).await?;
    Ok(rows.into_iter().map(|(user,)| user).collect())
}

/// The teams of an organization to which one of `users` belongs, as long as they have a current place there.
pub async fn teams_of(conn: &mut Conn, organization: OrganizationId, users: &[UserId]) -> Result<Vec<TeamId>> {
    let rows: Vec<(TeamId,)> = conn
        .all_in(TEAMS_OF_PRESENT, args![organization], &uuids(users))
        .await?;
    Ok(rows.into_iter().map(|(team,)| team).collect())
}
