//! Coverage: "X is away, Y covers".

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use liaison_domain::{CoverageId, OrganizationId, UserId};

use super::uuids;
use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// One absence and who covers it.
    pub struct CoverageRow {
        /// Its id.
        id: CoverageId,
        /// The organization in which it holds.
        organization_id: OrganizationId,
        /// Who is away.
        absent_user_id: UserId,
        /// Who covers.
        covering_user_id: UserId,
        /// From when.
        from_at: DateTime<Utc>,
        /// Until when, not included.
        until_at: DateTime<Utc>,
        /// When it was taken back.
        cancelled_at: Option<DateTime<Utc>>,
        /// Who entered it.
        created_by: Option<UserId>,
        /// When it was entered.
        created_at: DateTime<Utc>,
    }
}

sql! {
    INSERT = "insert into coverage (id, organization_id, absent_user_id, covering_user_id, from_at, until_at,
        created_by, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8)";
    CANCEL = "update coverage set cancelled_at = $2 where id = $1 and cancelled_at is null";
    FIND = "select id, organization_id, absent_user_id, covering_user_id, from_at, until_at, cancelled_at, created_by,
        created_at from coverage where id = $1";
    OVERLAPPING = "select id, organization_id, absent_user_id, covering_user_id, from_at, until_at, cancelled_at,
        created_by, created_at from coverage
        where organization_id = $1 and absent_user_id = $2 and cancelled_at is null and from_at < $4 and until_at > $3
        order by from_at, id limit 1";
    LIST = "select id, organization_id, absent_user_id, covering_user_id, from_at, until_at, cancelled_at, created_by,
        created_at from coverage
        where organization_id = $1 and cancelled_at is null and until_at > $2 order by from_at, id limit $3";
    COVERING = "select c.absent_user_id as a, c.covering_user_id as b from coverage c
        join person p on p.id = c.covering_user_id
        join membership m on m.user_id = c.covering_user_id and m.organization_id = c.organization_id
            and m.until_at is null
        where c.cancelled_at is null and c.from_at <= $1 and c.until_at > $1 and p.disabled_at is null
            and c.absent_user_id in ({ids})
        order by c.created_at, c.id";
}

/// Adds a coverage.
pub async fn insert(tx: &mut Tx, row: &CoverageRow) -> Result<()> {
    let values = args![
        row.id,
        row.organization_id,
        row.absent_user_id,
        row.covering_user_id,
        row.from_at,
        row.until_at,
        row.created_by,
        row.created_at,
    ];
    tx.change_one(INSERT, values).await
}

/// Takes a coverage back.
pub async fn cancel(tx: &mut Tx, id: CoverageId, at: DateTime<Utc>) -> Result<()> {
    tx.change_one(CANCEL, args![id, at]).await
}

/// A coverage.
pub async fn find(conn: &mut Conn, id: CoverageId) -> Result<Option<CoverageRow>> {
    conn.one(FIND, args![id]).await
}

/// A coverage of the same absence that overlaps `[from, until)`, if there is one.
pub async fn overlapping(
    conn: &mut Conn,
    organization: OrganizationId,
    absent: UserId,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<CoverageRow>> {
    conn.one(OVERLAPPING, args![organization, absent, from, until]).await
}

/// The present and coming coverages of an organization, soonest first.
pub async fn list(
    conn: &mut Conn,
    organization: OrganizationId,
    at: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<CoverageRow>> {
    conn.all(LIST, args![organization, at, limit]).await
}

/// How many covers in a row are followed (X is away, Y covers but is away, Z covers).
const LONGEST_CHAIN: usize = 4;

/// Who covers whom at a moment: an entry for each of `users` who is away and covered. Followed through people who
/// cover but are away themselves; somebody whose chain leads back to themself, or on for more than four people, stays
/// with the last who is not asked twice. People who may not sign in any more, or left the organization, cover nobody.
pub async fn covering(conn: &mut Conn, users: &[UserId], at: DateTime<Utc>) -> Result<HashMap<UserId, UserId>> {
    let mut known: HashMap<UserId, UserId> = HashMap::new();
    let mut ask = users.to_vec();
    for _ in 0..LONGEST_CHAIN {
        if ask.is_empty() {
            break;
        }
        let rows: Vec<(UserId, UserId)> = conn.all_in(COVERING, args![at], &uuids(&ask)).await?;
        let mut next = Vec::new();
        for (absent, covering) in rows {
            // The latest entry wins where two organizations entered one each.
            known.insert(absent, covering);
            next.push(covering);
        }
        next.retain(|user| !known.contains_key(user));
        ask = next;
    }
    Ok(resolve(users, &known))
}

fn resolve(users: &[UserId], known: &HashMap<UserId, UserId>) -> HashMap<UserId, UserId> {
    let mut covered = HashMap::new();
    for user in users {
        let mut passed = vec![*user];
        while let Some(next) = passed.last().and_then(|last| known.get(last)) {
            if passed.contains(next) {
                break;
            }
            passed.push(*next);
        }
        if let [_, .., last] = passed.as_slice() {
            covered.insert(*user, *last);
        }
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: u128) -> UserId {
        UserId::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn chains_are_followed_and_circles_end() {
        let known = HashMap::from([
            (user(1), user(2)),
            (user(2), user(3)),
            (user(4), user(5)),
            (user(5), user(4)),
        ]);
        let covered = resolve(&[user(1), user(2), user(3), user(4)], &known);
        assert_eq!(covered.get(&user(1)), Some(&user(3)));
        assert_eq!(covered.get(&user(2)), Some(&user(3)));
        assert_eq!(covered.get(&user(3)), None);
        assert_eq!(covered.get(&user(4)), Some(&user(5)));
    }
}
