//! Who belongs to which organization, in which roles.

use chrono::{DateTime, Utc};
use liaison_domain::{MembershipId, OrganizationId, Role, UserId};

use super::uuids;
use crate::{arg::Json, args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// A person's place in an organization.
    pub struct MembershipRow {
        /// Its id.
        id: MembershipId,
        /// The person.
        user_id: UserId,
        /// The organization.
        organization_id: OrganizationId,
        /// The person's roles there.
        roles: Json<Vec<Role>>,
        /// Since when.
        from_at: DateTime<Utc>,
        /// Until when; `None` while it lasts.
        until_at: Option<DateTime<Utc>>,
        /// When it was entered.
        created_at: DateTime<Utc>,
    }
}

sql! {
    INSERT = "insert into membership (id, user_id, organization_id, roles, from_at, until_at, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)";
    SET_ROLES = "update membership set roles = $2 where id = $1 and until_at is null";
    END = "update membership set until_at = $2 where id = $1 and until_at is null";
    BY_IDS = "select id, user_id, organization_id, roles, from_at, until_at, created_at from membership
        where id in ({ids})";
    OF_PEOPLE = "select id, user_id, organization_id, roles, from_at, until_at, created_at from membership
        where until_at is null and user_id in ({ids}) order by created_at, id";
    OF_ORGANIZATIONS = "select m.id, m.user_id, m.organization_id, m.roles, m.from_at, m.until_at, m.created_at
        from membership m join person p on p.id = m.user_id
        where m.until_at is null and m.organization_id in ({ids}) order by p.display_name, m.id";
    ENABLED_OF_ORGANIZATION = "select m.id, m.user_id, m.organization_id, m.roles, m.from_at, m.until_at, m.created_at
        from membership m join person p on p.id = m.user_id
        where m.organization_id = $1 and m.until_at is null and p.disabled_at is null order by m.id";
    CURRENT = "select id, user_id, organization_id, roles, from_at, until_at, created_at from membership
        where user_id = $1 and organization_id = $2 and until_at is null";
}

impl MembershipRow {
    /// The person's roles.
    pub fn roles(&self) -> &[Role] {
        &self.roles.0
    }
}

/// Adds a place; a unique violation when the person has a current one there.
pub async fn insert(tx: &mut Tx, row: &MembershipRow) -> Result<()> {
    let values = args![
        row.id,
        row.user_id,
        row.organization_id,
        Json(&row.roles.0),
        row.from_at,
        row.until_at,
        row.created_at,
    ];
    tx.change_one(INSERT, values).await
}

/// Changes the roles of a current place.
pub async fn set_roles(tx: &mut Tx, id: MembershipId, roles: &Vec<Role>) -> Result<()> {
    tx.change_one(SET_ROLES, args![id, Json(roles)]).await
}

/// Ends a current place.
pub async fn end(tx: &mut Tx, id: MembershipId, at: DateTime<Utc>) -> Result<()> {
    tx.change_one(END, args![id, at]).await
}

/// Places by their ids, in no order, ended ones too.
pub async fn memberships_by_ids(conn: &mut Conn, ids: &[MembershipId]) -> Result<Vec<MembershipRow>> {
    conn.all_in(BY_IDS, vec![], &uuids(ids)).await
}

/// The current places of people, oldest first.
pub async fn memberships_of(conn: &mut Conn, users: &[UserId]) -> Result<Vec<MembershipRow>> {
    conn.all_in(OF_PEOPLE, vec![], &uuids(users)).await
}

/// The current places in organizations, by the person's name.
pub async fn memberships_in(conn: &mut Conn, organizations: &[OrganizationId]) -> Result<Vec<MembershipRow>> {
    conn.all_in(OF_ORGANIZATIONS, vec![], &uuids(organizations)).await
}

/// The current places in an organization of people who may sign in.
pub async fn enabled_memberships_in(conn: &mut Conn, organization: OrganizationId) -> Result<Vec<MembershipRow>> {
    conn.all(ENABLED_OF_ORGANIZATION, args![organization]).await
}

/// The current place of a person in an organization.
pub async fn current(conn: &mut Conn, user: UserId, organization: OrganizationId) -> Result<Option<MembershipRow>> {
    conn.one(CURRENT, args![user, organization]).await
}
