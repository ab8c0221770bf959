//! Organizations: the clinics and their partners.

use chrono::{DateTime, Utc};
use liaison_domain::{OrganizationId, OrganizationKind};

use super::uuids;
use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// An organization.
    pub struct OrganizationRow {
        /// Its id.
        id: OrganizationId,
        /// Its name.
        name: String,
        /// What it is to the clinic's patients.
        kind: OrganizationKind,
        /// Its IANA time zone.
        time_zone: String,
        /// Its telephone line.
        phone: Option<String>,
        /// The clinic that keeps this partner's directory, where there is one.
        managed_by: Option<OrganizationId>,
        /// When it was entered.
        created_at: DateTime<Utc>,
        /// When it was last changed.
        updated_at: DateTime<Utc>,
    }
}

sql! {
    INSERT = "insert into organization (id, name, kind, time_zone, phone, managed_by, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $7)";
    UPDATE = "update organization set name = $2, time_zone = $3, phone = $4, updated_at = $5 where id = $1";
    LOCK = "select id, name, kind, time_zone, phone, managed_by, created_at, updated_at from organization
        where id = $1 {for_update}";
    BY_IDS = "select id, name, kind, time_zone, phone, managed_by, created_at, updated_at from organization
        where id in ({ids})";
    LIST = "select id, name, kind, time_zone, phone, managed_by, created_at, updated_at from organization
        where (name > $1 or (name = $1 and id > $2)) and (kind = $3 or $3 is null)
        order by name, id limit $4";
    LIST_FIRST = "select id, name, kind, time_zone, phone, managed_by, created_at, updated_at from organization
        where (kind = $1 or $1 is null) order by name, id limit $2";
}

/// Adds an organization.
pub async fn insert(tx: &mut Tx, row: &OrganizationRow) -> Result<()> {
    let values = args![
        row.id,
        &row.name,
        row.kind,
        &row.time_zone,
        row.phone.as_deref(),
        row.managed_by,
        row.created_at
    ];
    tx.change_one(INSERT, values).await
}

/// Changes name, time zone and telephone.
pub async fn update(tx: &mut Tx, row: &OrganizationRow) -> Result<()> {
    tx.change_one(
        UPDATE,
        args![row.id, &row.name, &row.time_zone, row.phone.as_deref(), row.updated_at],
    )
    .await
}

/// Reads an organization and holds it until the transaction ends.
pub async fn lock(tx: &mut Tx, id: OrganizationId) -> Result<Option<OrganizationRow>> {
    tx.one(LOCK, args![id]).await
}

/// Organizations by their ids, in no order.
pub async fn organizations_by_ids(conn: &mut Conn, ids: &[OrganizationId]) -> Result<Vec<OrganizationRow>> {
    conn.all_in(BY_IDS, vec![], &uuids(ids)).await
}

/// An organization.
pub async fn find(conn: &mut Conn, id: OrganizationId) -> Result<Option<OrganizationRow>> {
    Ok(organizations_by_ids(conn, &[id]).await?.pop())
}

/// A page of the organizations, by name; after the one with the given name and id.
pub async fn list(
    conn: &mut Conn,
    kind: Option<OrganizationKind>,
    after: Option<(&str, OrganizationId)>,
    limit: u32,
) -> Result<Vec<OrganizationRow>> {
    match after {
        Some((name, id)) => conn.all(LIST, args![name, id, kind, limit]).await,
        None => conn.all(LIST_FIRST, args![kind, limit]).await,
    }
}
