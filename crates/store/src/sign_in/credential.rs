//! Passwords, one-time code secrets and recovery codes.

use chrono::{DateTime, Utc};
use liaison_domain::UserId;

use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// What a person proves themself with, passkeys apart.
    pub struct CredentialRow {
        /// Whose.
        user_id: UserId,
        /// argon2id as a PHC string; `None` before the first password.
        password_hash: Option<String>,
        /// When the password was set.
        password_changed_at: Option<DateTime<Utc>>,
        /// The secret of one-time codes, sealed.
        totp_sealed: Option<Vec<u8>>,
        /// Since when.
        totp_added_at: Option<DateTime<Utc>>,
        /// The time step of the last code that was taken.
        totp_last_step: i64,
        /// A secret whose first code has not been entered yet, sealed.
        totp_pending_sealed: Option<Vec<u8>>,
        /// Until when that code is waited for.
        totp_pending_until: Option<DateTime<Utc>>,
        /// Since an admin took the second factors away, until the next one is added.
        factors_reset_at: Option<DateTime<Utc>>,
    }
}

sql! {
    BEGIN = "insert into credential (user_id, totp_last_step, updated_at) values ($1, 0, $2)
        on conflict (user_id) do nothing";
    FIND = "select user_id, password_hash, password_changed_at, totp_sealed, totp_added_at, totp_last_step,
        totp_pending_sealed, totp_pending_until, factors_reset_at from credential where user_id = $1";
    LOCK = "select user_id, password_hash, password_changed_at, totp_sealed, totp_added_at, totp_last_step,
        totp_pending_sealed, totp_pending_until, factors_reset_at from credential where user_id = $1 {for_update}";
    SET_PASSWORD = "update credential set password_hash = $2, password_changed_at = $3, updated_at = $3
        where user_id = $1";
    TAKE_STEP = "update credential set totp_last_step = $2, updated_at = $3 where user_id = $1 and totp_last_step < $2";
    SET_PENDING = "update credential set totp_pending_sealed = $2, totp_pending_until = $3, updated_at = $4
        where user_id = $1";
    SET_TOTP = "update credential set totp_sealed = $2, totp_added_at = $3, totp_last_step = $4,
        totp_pending_sealed = null, totp_pending_until = null, factors_reset_at = null, updated_at = $3
        where user_id = $1";
    REMOVE_TOTP = "update credential set totp_sealed = null, totp_added_at = null, totp_pending_sealed = null,
        totp_pending_until = null, updated_at = $2 where user_id = $1 and totp_sealed is not null";
    RESET_FACTORS = "update credential set totp_sealed = null, totp_added_at = null, totp_pending_sealed = null,
        totp_pending_until = null, factors_reset_at = $2, updated_at = $2 where user_id = $1";
    FACTORS_SET = "update credential set factors_reset_at = null where user_id = $1 and factors_reset_at is not null";
    PRUNE_PENDING = "update credential set totp_pending_sealed = null, totp_pending_until = null
        where totp_pending_until < $1";
    INSERT_CODES = "insert into recovery_code (user_id, code_hash, created_at) values {rows:3}";
    REMOVE_CODES = "delete from recovery_code where user_id = $1";
    USE_CODE = "update recovery_code set used_at = $3 where user_id = $1 and code_hash = $2 and used_at is null";
    UNUSED_CODES = "select count(*) as a from recovery_code where user_id = $1 and used_at is null";
}

/// What a person proves themself with.
pub async fn find(conn: &mut Conn, user: UserId) -> Result<Option<CredentialRow>> {
    conn.one(FIND, args![user]).await
}

/// The row of a person, made where there is none, and held until the transaction ends.
pub async fn lock(tx: &mut Tx, user: UserId, now: DateTime<Utc>) -> Result<CredentialRow> {
    tx.execute(BEGIN, args![user, now]).await?;
    let found = tx.one(LOCK, args![user]).await?;
    Ok(found.unwrap_or(CredentialRow {
        user_id: user,
        password_hash: None,
        password_changed_at: None,
        totp_sealed: None,
        totp_added_at: None,
        totp_last_step: 0,
        totp_pending_sealed: None,
        totp_pending_until: None,
        factors_reset_at: None,
    }))
}

/// Sets the password of a person whose row is held.
pub async fn set_password(tx: &mut Tx, user: UserId, hash: &str, now: DateTime<Utc>) -> Result<()> {
    tx.change_one(SET_PASSWORD, args![user, hash, now]).await
}

/// Takes the code of a time step; `false` when that step or a later one was taken before.
pub async fn take_step(tx: &mut Tx, user: UserId, step: i64, now: DateTime<Utc>) -> Result<bool> {
    Ok(tx.execute(TAKE_STEP, args![user, step, now]).await? == 1)
}

/// Keeps a secret until its first code is entered.
pub async fn set_pending(
    tx: &mut Tx,
    user: UserId,
    sealed: Vec<u8>,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<()> {
    tx.change_one(SET_PENDING, args![user, sealed, until, now]).await
}

/// Puts a secret in force, its first code taken.
pub async fn set_totp(tx: &mut Tx, user: UserId, sealed: Vec<u8>, step: i64, now: DateTime<Utc>) -> Result<()> {
    tx.change_one(SET_TOTP, args![user, sealed, now, step]).await
}

/// Takes a person's one-time codes away; whether there were any.
pub async fn remove_totp(tx: &mut Tx, user: UserId, now: DateTime<Utc>) -> Result<bool> {
    Ok(tx.execute(REMOVE_TOTP, args![user, now]).await? == 1)
}

/// Takes the one-time codes, in force and pending, and the recovery codes of a person whose row is held: the mailed link
/// goes on from here.
pub async fn reset_factors(tx: &mut Tx, user: UserId, now: DateTime<Utc>) -> Result<()> {
    tx.execute(REMOVE_CODES, args![user]).await?;
    tx.change_one(RESET_FACTORS, args![user, now]).await
}

/// Notes that a person whose factors were reset has one again.
pub async fn factors_set(tx: &mut Tx, user: UserId) -> Result<()> {
    tx.execute(FACTORS_SET, args![user]).await?;
    Ok(())
}

/// Forgets secrets whose first code did not come before a time; how many.
pub async fn prune_pending(tx: &mut Tx, before: DateTime<Utc>) -> Result<u64> {
    tx.execute(PRUNE_PENDING, args![before]).await
}

/// Replaces a person's recovery codes by new ones, given as hashes.
pub async fn replace_codes(tx: &mut Tx, user: UserId, hashes: Vec<Vec<u8>>, now: DateTime<Utc>) -> Result<()> {
    tx.execute(REMOVE_CODES, args![user]).await?;
    let rows = hashes.into_iter().map(|hash| args![user, hash, now]).collect();
    tx.insert_all(INSERT_CODES, rows).await
}

/// Uses a recovery code up; `false` when there is none like it or it was used before.
pub async fn use_code(tx: &mut Tx, user: UserId, hash: Vec<u8>, now: DateTime<Utc>) -> Result<bool> {
    Ok(tx.execute(USE_CODE, args![user, hash, now]).await? == 1)
}

/// How many recovery codes a person has left.
pub async fn unused_codes(conn: &mut Conn, user: UserId) -> Result<i64> {
    Ok(conn
        .one::<(i64,)>(UNUSED_CODES, args![user])
        .await?
        .map_or(0, |(count,)| count))
}
