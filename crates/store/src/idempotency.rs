//! Kept answers of mutations by idempotency key.

use chrono::{DateTime, Utc};
use liaison_domain::Author;
use uuid::Uuid;

use crate::{args, error::Result, row::row, sql::sql, tx::Tx};

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
}

/// People and guests of secure links share the column: ids of the two never meet.
fn owner(of: Author) -> Uuid {
    match of {
        Author::User(id) => id.uuid(),
        Author::Guest(id) => id.uuid(),
    }
}

/// The answer kept under somebody's key.
pub async fn find(tx: &mut Tx, of: impl Into<Author>, key: &str) -> Result<Option<KeptAnswer>> {
    tx.one(FIND, args![owner(of.into()), key]).await
}

/// Keeps an answer with the commit; an error that [`crate::StoreError::is_repeat`] knows when the key was used meanwhile.
pub fn insert(
    tx: &mut Tx,
    of: impl Into<Author>,
    key: &str,
    operation: &str,
    request: Vec<u8>,
    response: &str,
    now: DateTime<Utc>,
) {
    tx.insert_one(INSERT, args![owner(of.into()), key, operation, request, response, now]);
}
