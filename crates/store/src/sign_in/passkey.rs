//! Registered passkeys (WebAuthn credentials): the public key and its counter, as the library writes them.

use chrono::{DateTime, Utc};
use liaison_domain::{PasskeyId, UserId};

use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// A passkey.
    pub struct PasskeyRow {
        /// Its id with us.
        id: PasskeyId,
        /// Whose it is.
        user_id: UserId,
        /// Its id with its authenticator; unique over all people.
        credential_id: Vec<u8>,
        /// What its owner calls it.
        name: String,
        /// The library's own form, as JSON.
        credential: String,
        /// When it was registered.
        created_at: DateTime<Utc>,
        /// When it last signed in.
        last_used_at: Option<DateTime<Utc>>,
    }
}

sql! {
    INSERT = "insert into passkey (id, user_id, credential_id, name, credential, created_at)
        values ($1, $2, $3, $4, $5, $6)";
    OF_PERSON = "select id, user_id, credential_id, name, credential, created_at, last_used_at from passkey
        where user_id = $1 order by created_at, id";
    LOCK_BY_CREDENTIAL = "select id, user_id, credential_id, name, credential, created_at, last_used_at from passkey
        where credential_id = $1 {for_update}";
    COUNT = "select count(*) as a from passkey where user_id = $1";
    USED = "update passkey set credential = $2, last_used_at = $3 where id = $1";
    REMOVE_ALL = "delete from passkey where user_id = $1";
    REMOVE = "delete from passkey where id = $1 and user_id = $2";
}

/// Registers a passkey; a unique violation when anybody has it already.
pub async fn insert(tx: &mut Tx, row: &PasskeyRow) -> Result<()> {
    let values = args![
        row.id,
        row.user_id,
        row.credential_id.clone(),
        &row.name,
        &row.credential,
        row.created_at,
    ];
    tx.change_one(INSERT, values).await
}

/// A person's passkeys, oldest first.
pub async fn of_person(conn: &mut Conn, user: UserId) -> Result<Vec<PasskeyRow>> {
    conn.all(OF_PERSON, args![user]).await
}

/// Reads a passkey by its authenticator's id and holds it until the transaction ends.
pub async fn lock_by_credential(tx: &mut Tx, credential_id: &[u8]) -> Result<Option<PasskeyRow>> {
    tx.one(LOCK_BY_CREDENTIAL, args![credential_id]).await
}

/// How many passkeys a person has.
pub async fn count(conn: &mut Conn, user: UserId) -> Result<i64> {
    Ok(conn
        .one::<(i64,)>(COUNT, args![user])
        .await?
        .map_or(0, |(count,)| count))
}

/// Keeps a passkey's counter after it signed in.
pub async fn used(tx: &mut Tx, id: PasskeyId, credential: &str, now: DateTime<Utc>) -> Result<()> {
    tx.change_one(USED, args![id, credential, now]).await
}

/// Removes a person's passkey; whether it was theirs.
pub async fn remove(tx: &mut Tx, id: PasskeyId, user: UserId) -> Result<bool> {
    Ok(tx.execute(REMOVE, args![id, user]).await? == 1)
}

/// Removes every passkey of a person; how many.
pub async fn remove_all(tx: &mut Tx, user: UserId) -> Result<u64> {
    tx.execute(REMOVE_ALL, args![user]).await
}
