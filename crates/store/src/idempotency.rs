//! Kept answers of mutations by idempotency key.

use chrono::{DateTime, Utc};
use liaison_domain::UserId;

use crate::{args, conn::Tx, error::Result, row::row, sql::sql};

row! {
    /// A kept answer.
    pub struct KeptAnswer {
        /// Which mutation.
        operation: String,
        /// The request's keyed digest.
        request_sha256: Vec<u8>,
        /// The answer as JSON: ids only.
        response: String,
    }
}

sql! {
    FIND = "select operation, request_sha256, response from idempotency where user_id = $1 and key = $2";
    INSERT = "insert into idempotency (user_id, key, operation, request_sha256, response, created_at)
        values ($1, $2, $3, $4, $5, $6)";
    PRUNE = "delete from idempotency where created_at < $1";
}

/// The answer kept under a person's key.
pub async fn find(tx: &mut Tx, user: UserId, key: &str) -> Result<Option<KeptAnswer>> {
    tx.one(FIND, args![user, key]).await
}

/// Keeps an answer; a unique violation when the key was used meanwhile.
pub async fn insert(
    tx: &mut Tx,
    user: UserId,
    key: &str,
    operation: &str,
    request: Vec<u8>,
    response: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    tx.change_one(INSERT, args![user, key, operation, request, response, now])
        .await
}

/// Removes answers kept before a time; how many.
pub async fn prune(tx: &mut Tx, before: DateTime<Utc>) -> Result<u64> {
    tx.execute(PRUNE, args![before]).await
}
