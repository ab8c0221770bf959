//! API tokens. The secret is kept as its SHA-256 alone: it has 256 random bits, so a plain hash cannot be guessed.

use chrono::{DateTime, Utc};
use liaison_domain::{OrganizationId, OrganizationKind, Role, TokenId, UserId};

use crate::{arg::Json, args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// An API token, without its secret.
    pub struct TokenRow {
        /// Its id.
        id: TokenId,
        /// Whose it is.
        user_id: UserId,
        /// For which organization its requests act.
        organization_id: OrganizationId,
        /// What its owner calls it.
        name: String,
        /// What it may do: `read`, `write`.
        scopes: Json<Vec<String>>,
        /// Until when it is good.
        expires_at: DateTime<Utc>,
        /// When it was revoked.
        revoked_at: Option<DateTime<Utc>>,
        /// When it was issued.
        created_at: DateTime<Utc>,
    }
}

row! {
    /// What a request with a token needs to know, good or not.
    pub struct BearerRow {
        /// The token.
        token_id: TokenId,
        /// Whose it is.
        user_id: UserId,
        /// For which organization it acts.
        organization_id: OrganizationId,
        /// What that organization is.
        kind: OrganizationKind,
        /// What it may do.
        scopes: Json<Vec<String>>,
        /// Until when it is good.
        expires_at: DateTime<Utc>,
        /// When it was revoked.
        revoked_at: Option<DateTime<Utc>>,
        /// Since when the person may not sign in.
        disabled_at: Option<DateTime<Utc>>,
        /// The person's roles there; `None` when they left.
        roles: Option<Json<Vec<Role>>>,
    }
}

sql! {
    INSERT = "insert into api_token (id, user_id, organization_id, name, secret_hash, scopes, expires_at, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)";
    REVOKE = "update api_token set revoked_at = $2 where id = $1 and revoked_at is null";
    LOCK = "select id, user_id, organization_id, name, scopes, expires_at, revoked_at, created_at from api_token
        where id = $1 {for_update}";
    OF_PERSON = "select id, user_id, organization_id, name, scopes, expires_at, revoked_at, created_at from api_token
        where user_id = $1 and organization_id = $2 order by created_at desc, id desc limit $3";
    COUNT_GOOD = "select count(*) as a from api_token
        where user_id = $1 and revoked_at is null and expires_at > $2";
    BEARER = "select t.id as token_id, t.user_id, t.organization_id, o.kind, t.scopes, t.expires_at, t.revoked_at,
        p.disabled_at, m.roles from api_token t
        join person p on p.id = t.user_id
        join organization o on o.id = t.organization_id
        left join membership m on m.user_id = t.user_id and m.organization_id = t.organization_id
            and m.until_at is null and m.from_at <= $2
        where t.secret_hash = $1";
}

/// Adds a token under the SHA-256 of its secret.
pub async fn insert(tx: &mut Tx, row: &TokenRow, secret_hash: [u8; 32]) -> Result<()> {
    let values = args![
        row.id,
        row.user_id,
        row.organization_id,
        &row.name,
        secret_hash,
        Json(&row.scopes.0),
        row.expires_at,
        row.created_at,
    ];
    tx.change_one(INSERT, values).await
}

/// Revokes a token.
pub async fn revoke(tx: &mut Tx, id: TokenId, at: DateTime<Utc>) -> Result<()> {
    tx.change_one(REVOKE, args![id, at]).await
}

/// Reads a token and holds it until the transaction ends.
pub async fn lock(tx: &mut Tx, id: TokenId) -> Result<Option<TokenRow>> {
    tx.one(LOCK, args![id]).await
}

/// The tokens of a person for an organization, newest first, bad ones too.
pub async fn tokens_of(
    conn: &mut Conn,
    user: UserId,
    organization: OrganizationId,
    limit: u32,
) -> Result<Vec<TokenRow>> {
    conn.all(OF_PERSON, args![user, organization, limit]).await
}

/// How many good tokens a person has.
pub async fn count_good(conn: &mut Conn, user: UserId, now: DateTime<Utc>) -> Result<i64> {
    let row: Option<(i64,)> = conn.one(COUNT_GOOD, args![user, now]).await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// The token of a secret, good or not, with its person's present place.
pub async fn bearer(conn: &mut Conn, secret_hash: [u8; 32], now: DateTime<Utc>) -> Result<Option<BearerRow>> {
    conn.one(BEARER, args![secret_hash, now]).await
}
