//! Single-use links to an account. The token is derived from the row's id under a service key and stands nowhere; the
//! row keeps its SHA-256.

use chrono::{DateTime, Utc};
use liaison_domain::{AccountLinkId, AccountLinkPurpose, UserId};

use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// A link, without its token.
    pub struct AccountLinkRow {
        /// Its id.
        id: AccountLinkId,
        /// Whose account it opens.
        user_id: UserId,
        /// What for.
        purpose: AccountLinkPurpose,
        /// Who asked for it; `None` for the operator and for people who forgot their password.
        issued_by: Option<UserId>,
        /// Until when it is good.
        expires_at: DateTime<Utc>,
        /// When it was used, or replaced by a newer one.
        used_at: Option<DateTime<Utc>>,
        /// When it was made.
        created_at: DateTime<Utc>,
    }
}

sql! {
    INSERT = "insert into account_link (id, user_id, purpose, token_hash, issued_by, expires_at, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)";
    BY_TOKEN = "select id, user_id, purpose, issued_by, expires_at, used_at, created_at from account_link
        where token_hash = $1 and used_at is null and expires_at > $2";
    LIVE = "select id, user_id, purpose, issued_by, expires_at, used_at, created_at from account_link
        where user_id = $1 and purpose = $2 and used_at is null and expires_at > $3 order by created_at desc";
    GOOD = "select id, user_id, purpose, issued_by, expires_at, used_at, created_at from account_link
        where used_at is null and expires_at > $1 and id in ({ids})";
    USE = "update account_link set used_at = $2 where id = $1 and used_at is null";
    END_OF_PERSON = "update account_link set used_at = $2 where user_id = $1 and used_at is null";
    END_OF_PURPOSE = "update account_link set used_at = $3 where user_id = $1 and purpose = $2 and used_at is null";
}

/// Adds a link; `token_hash` is the SHA-256 of its token.
pub async fn insert(tx: &mut Tx, row: &AccountLinkRow, token_hash: [u8; 32]) -> Result<()> {
    let values = args![
        row.id,
        row.user_id,
        row.purpose,
        token_hash,
        row.issued_by,
        row.expires_at,
        row.created_at,
    ];
    tx.change_one(INSERT, values).await
}

/// The link of a token, where it is still good at `now`.
pub async fn by_token(conn: &mut Conn, token_hash: [u8; 32], now: DateTime<Utc>) -> Result<Option<AccountLinkRow>> {
    conn.one(BY_TOKEN, args![token_hash, now]).await
}

/// A person's good links of a purpose, newest first.
pub async fn live_of(
    conn: &mut Conn,
    user: UserId,
    purpose: AccountLinkPurpose,
    now: DateTime<Utc>,
) -> Result<Vec<AccountLinkRow>> {
    conn.all(LIVE, args![user, purpose, now]).await
}

/// Those of the links that are still good at `now`, in no order.
pub async fn good_of(conn: &mut Conn, ids: &[AccountLinkId], now: DateTime<Utc>) -> Result<Vec<AccountLinkRow>> {
    conn.all_in(GOOD, args![now], &crate::directory::uuids(ids)).await
}

/// Uses a link up; a conflict when it was used meanwhile.
pub async fn use_up(tx: &mut Tx, id: AccountLinkId, now: DateTime<Utc>) -> Result<()> {
    tx.change_one(USE, args![id, now]).await
}

/// Ends every link of a person.
pub async fn end_of(tx: &mut Tx, user: UserId, now: DateTime<Utc>) -> Result<u64> {
    tx.execute(END_OF_PERSON, args![user, now]).await
}

/// Ends a person's links of one purpose, before a newer one.
pub async fn end_of_purpose(tx: &mut Tx, user: UserId, purpose: AccountLinkPurpose, now: DateTime<Utc>) -> Result<u64> {
    tx.execute(END_OF_PURPOSE, args![user, purpose, now]).await
}
