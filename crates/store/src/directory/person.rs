//! People who sign in.

use chrono::{DateTime, Utc};
use liaison_domain::UserId;

use super::uuids;
use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// A person.
    pub struct PersonRow {
        /// Their id.
        id: UserId,
        /// Their address, lower case: they sign in with it and are written to.
        email: String,
        /// Their name.
        display_name: String,
        /// Their telephone.
        phone: Option<String>,
        /// Their IANA time zone.
        time_zone: String,
        /// The local hour (0 to 23) at which they want a digest.
        digest_hour: Option<u32>,
        /// When the next digest is due.
        digest_next_at: Option<DateTime<Utc>>,
        /// Since when they may not sign in.
        disabled_at: Option<DateTime<Utc>>,
        /// When they were entered.
        created_at: DateTime<Utc>,
        /// When they were last changed.
        updated_at: DateTime<Utc>,
    }
}

sql! {
    INSERT = "insert into person (id, email, display_name, phone, time_zone, digest_hour, digest_next_at, disabled_at,
        created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)";
    UPDATE = "update person set email = $2, display_name = $3, phone = $4, time_zone = $5, digest_hour = $6,
        digest_next_at = $7, disabled_at = $8, updated_at = $9 where id = $1";
    LOCK = "select id, email, display_name, phone, time_zone, digest_hour, digest_next_at, disabled_at, created_at,
        updated_at from person where id = $1 {for_update}";
    LOCK_BY_EMAIL = "select id, email, display_name, phone, time_zone, digest_hour, digest_next_at, disabled_at,
        created_at, updated_at from person where email = $1 {for_update}";
    BY_IDS = "select id, email, display_name, phone, time_zone, digest_hour, digest_next_at, disabled_at, created_at,
        updated_at from person where id in ({ids})";
    BY_EMAIL = "select id, email, display_name, phone, time_zone, digest_hour, digest_next_at, disabled_at, created_at,
        updated_at from person where email = $1";
}

/// Adds a person; a unique violation when the address is taken.
pub async fn insert(tx: &mut Tx, row: &PersonRow) -> Result<()> {
    let values = args![
        row.id,
        &row.email,
        &row.display_name,
        row.phone.as_deref(),
        &row.time_zone,
        row.digest_hour,
        row.digest_next_at,
        row.disabled_at,
        row.created_at,
    ];
    tx.change_one(INSERT, values).await
}

/// Changes a person; a unique violation when the address is taken.
pub async fn update(tx: &mut Tx, row: &PersonRow) -> Result<()> {
    let values = args![
        row.id,
        &row.email,
        &row.display_name,
        row.phone.as_deref(),
        &row.time_zone,
        row.digest_hour,
        row.digest_next_at,
        row.disabled_at,
        row.updated_at,
    ];
    tx.change_one(UPDATE, values).await
}

/// Reads a person and holds them until the transaction ends.
pub async fn lock(tx: &mut Tx, id: UserId) -> Result<Option<PersonRow>> {
    tx.one(LOCK, args![id]).await
}

/// Reads a person by their address and holds them until the transaction ends.
pub async fn lock_by_email(tx: &mut Tx, email: &str) -> Result<Option<PersonRow>> {
    tx.one(LOCK_BY_EMAIL, args![email]).await
}

/// People by their ids, in no order.
pub async fn people_by_ids(conn: &mut Conn, ids: &[UserId]) -> Result<Vec<PersonRow>> {
    conn.all_in(BY_IDS, vec![], &uuids(ids)).await
}

/// A person.
pub async fn find(conn: &mut Conn, id: UserId) -> Result<Option<PersonRow>> {
    Ok(people_by_ids(conn, &[id]).await?.pop())
}

/// A person by their address, which is lower case.
pub async fn find_by_email(conn: &mut Conn, email: &str) -> Result<Option<PersonRow>> {
    conn.one(BY_EMAIL, args![email]).await
}
