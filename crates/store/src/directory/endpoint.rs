//! Endpoints: the ways to reach a team or a person. Their secrets never leave with the rows.

use chrono::{DateTime, Utc};
use liaison_domain::{ChannelKind, EndpointId, EndpointStatus, OrganizationId, TeamId, UserId};

use super::uuids;
use crate::{args, conn::Conn, error::Result, keys::Place, row::row, sql::sql, tx::Tx};

row! {
    /// An endpoint, without its secret.
    pub struct EndpointRow {
        /// Its id.
        id: EndpointId,
        /// The organization it belongs to.
        organization_id: OrganizationId,
        /// The team it reaches, or ...
        team_id: Option<TeamId>,
        /// ... the person it reaches.
        user_id: Option<UserId>,
        /// By e-mail or webhook.
        channel: ChannelKind,
        /// The e-mail address or the URL.
        address: String,
        /// Whether it is used.
        status: EndpointStatus,
        /// Why it is not: a code.
        disabled_reason: Option<String>,
        /// Since when every delivery to it failed.
        failing_since: Option<DateTime<Utc>>,
        /// When a delivery to it last succeeded.
        last_proven_at: Option<DateTime<Utc>>,
        /// When it was entered.
        created_at: DateTime<Utc>,
        /// When it was last changed.
        updated_at: DateTime<Utc>,
    }
}

sql! {
    INSERT = "insert into endpoint (id, organization_id, team_id, user_id, channel, address, secret_sealed, status,
        created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)";
    SET_STATUS = "update endpoint set status = $2, disabled_reason = $3, failing_since = $4, updated_at = $5
        where id = $1";
    SET_SECRET = "update endpoint set secret_sealed = $2, updated_at = $3 where id = $1";
    LOCK = "select id, organization_id, team_id, user_id, channel, address, status, disabled_reason, failing_since,
        last_proven_at, created_at, updated_at from endpoint where id = $1 {for_update}";
    BY_IDS = "select id, organization_id, team_id, user_id, channel, address, status, disabled_reason, failing_since,
        last_proven_at, created_at, updated_at from endpoint where id in ({ids})";
    OF_TEAMS = "select id, organization_id, team_id, user_id, channel, address, status, disabled_reason, failing_since,
        last_proven_at, created_at, updated_at from endpoint where team_id in ({ids}) order by created_at, id";
    OF_USERS = "select id, organization_id, team_id, user_id, channel, address, status, disabled_reason, failing_since,
        last_proven_at, created_at, updated_at from endpoint where user_id in ({ids}) order by created_at, id";
    SECRET = "select secret_sealed as a from endpoint where id = $1";
}

/// Adds an endpoint with its sealed secret, where it has one.
pub async fn insert(tx: &mut Tx, row: &EndpointRow, secret_sealed: Option<Vec<u8>>) -> Result<()> {
    let values = args![
        row.id,
        row.organization_id,
        row.team_id,
        row.user_id,
        row.channel,
        &row.address,
        secret_sealed,
        row.status,
        row.created_at,
    ];
    tx.change_one(INSERT, values).await
}

/// Takes an endpoint out of use, for a reason, or into use again.
pub async fn set_status(tx: &mut Tx, row: &EndpointRow) -> Result<()> {
    let values = args![
        row.id,
        row.status,
        row.disabled_reason.as_deref(),
        row.failing_since,
        row.updated_at
    ];
    tx.change_one(SET_STATUS, values).await
}

/// Where an endpoint's secret stands, for sealing and opening it.
pub fn secret_place(id: EndpointId) -> Place {
    Place::new("endpoint", "secret_sealed", id.uuid())
}

/// Replaces an endpoint's secret.
pub async fn set_secret(tx: &mut Tx, id: EndpointId, sealed: Vec<u8>, now: DateTime<Utc>) -> Result<()> {
    tx.change_one(SET_SECRET, args![id, sealed, now]).await
}

/// Opens an endpoint's secret, for the delivery that signs with it; `None` when it has none.
pub async fn secret(conn: &mut Conn, id: EndpointId) -> Result<Option<String>> {
    let row: Option<(Option<Vec<u8>>,)> = conn.one(SECRET, args![id]).await?;
    let Some((Some(sealed),)) = row else { return Ok(None) };
    let plain = conn.store().keyring()?.open_secret(secret_place(id), &sealed)?;
    Ok(Some(String::from_utf8_lossy(&plain).into_owned()))
}

/// Reads an endpoint and holds it until the transaction ends.
pub async fn lock(tx: &mut Tx, id: EndpointId) -> Result<Option<EndpointRow>> {
    tx.one(LOCK, args![id]).await
}

/// Endpoints by their ids, in no order.
pub async fn endpoints_by_ids(conn: &mut Conn, ids: &[EndpointId]) -> Result<Vec<EndpointRow>> {
    conn.all_in(BY_IDS, vec![], &uuids(ids)).await
}

/// An endpoint.
pub async fn find(conn: &mut Conn, id: EndpointId) -> Result<Option<EndpointRow>> {
    Ok(endpoints_by_ids(conn, &[id]).await?.pop())
}

/// The endpoints of teams, oldest first, disabled ones too.
pub async fn endpoints_of_teams(conn: &mut Conn, teams: &[TeamId]) -> Result<Vec<EndpointRow>> {
    conn.all_in(OF_TEAMS, vec![], &uuids(teams)).await
}

/// The endpoints of people, oldest first, disabled ones too.
pub async fn endpoints_of_users(conn: &mut Conn, users: &[UserId]) -> Result<Vec<EndpointRow>> {
    conn.all_in(OF_USERS, vec![], &uuids(users)).await
}
