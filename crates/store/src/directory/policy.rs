//! Escalation policies: one for an organization and an urgency, else the default.

use chrono::{DateTime, Utc};
use liaison_domain::{OrganizationId, PolicyId, Urgency, UserId, escalation::Policy};

use super::uuids;
use crate::{arg::Json, args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// A policy that an organization set.
    pub struct PolicyRow {
        /// Its id.
        id: PolicyId,
        /// The recipients' organization.
        organization_id: OrganizationId,
        /// For which urgency.
        urgency: Urgency,
        /// What happens when nobody answers.
        policy: Json<Policy>,
        /// Who set it.
        updated_by: Option<UserId>,
        /// When.
        updated_at: DateTime<Utc>,
    }
}

sql! {
    PUT = "insert into escalation_policy (id, organization_id, urgency, policy, updated_by, updated_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (organization_id, urgency) do update
        set policy = excluded.policy, updated_by = excluded.updated_by, updated_at = excluded.updated_at";
    DELETE = "delete from escalation_policy where organization_id = $1 and urgency = $2";
    OF_ORGANIZATIONS = "select id, organization_id, urgency, policy, updated_by, updated_at from escalation_policy
        where organization_id in ({ids}) order by organization_id, urgency";
    FIND = "select id, organization_id, urgency, policy, updated_by, updated_at from escalation_policy
        where organization_id = $1 and urgency = $2";
}

/// Sets or replaces a policy. A replaced one keeps its id.
pub async fn put(tx: &mut Tx, row: &PolicyRow) -> Result<()> {
    let values = args![
        row.id,
        row.organization_id,
        row.urgency,
        Json(&row.policy.0),
        row.updated_by,
        row.updated_at
    ];
    tx.change_one(PUT, values).await
}

/// Goes back to the default; whether there was another.
pub async fn delete(tx: &mut Tx, organization: OrganizationId, urgency: Urgency) -> Result<bool> {
    Ok(tx.execute(DELETE, args![organization, urgency]).await? == 1)
}

/// The policy an organization set for an urgency.
pub async fn find(conn: &mut Conn, organization: OrganizationId, urgency: Urgency) -> Result<Option<PolicyRow>> {
    conn.one(FIND, args![organization, urgency]).await
}

/// The policies that organizations set.
pub async fn policies_of(conn: &mut Conn, organizations: &[OrganizationId]) -> Result<Vec<PolicyRow>> {
    conn.all_in(OF_ORGANIZATIONS, vec![], &uuids(organizations)).await
}

/// What happens when nobody of an organization answers: its own policy, else the default of the urgency.
pub async fn effective_policy(conn: &mut Conn, organization: OrganizationId, urgency: Urgency) -> Result<Policy> {
    let set = find(conn, organization, urgency).await?;
    Ok(set.map_or_else(|| Policy::default_for(urgency), |row| row.policy.0))
}
