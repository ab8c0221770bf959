//! The steps between two requests of one sign-in. Each is found by the SHA-256 of its secret, and taken once.

use chrono::{DateTime, Utc};
use liaison_domain::{SessionId, UserId};

use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// A step that waits for the next request.
    pub struct CeremonyRow {
        /// The SHA-256 of its secret.
        secret_hash: Vec<u8>,
        /// Which step.
        kind: String,
        /// Of whom; `None` until a passkey says.
        user_id: Option<UserId>,
        /// In which session.
        session_id: Option<SessionId>,
        /// What the next request is checked against, sealed.
        state_sealed: Option<Vec<u8>>,
        /// Until when it waits.
        expires_at: DateTime<Utc>,
        /// When it began.
        created_at: DateTime<Utc>,
    }
}

sql! {
    INSERT = "insert into sign_in_ceremony (secret_hash, kind, user_id, session_id, state_sealed, expires_at, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)";
    FIND = "select secret_hash, kind, user_id, session_id, state_sealed, expires_at, created_at from sign_in_ceremony
        where secret_hash = $1 and kind = $2 and expires_at > $3";
    LOCK = "select secret_hash, kind, user_id, session_id, state_sealed, expires_at, created_at from sign_in_ceremony
        where secret_hash = $1 and kind = $2 and expires_at > $3 {for_update}";
    TAKE = "delete from sign_in_ceremony where secret_hash = $1";
    END_OF_PERSON = "delete from sign_in_ceremony where user_id = $1";
}

/// Begins to wait.
pub async fn insert(tx: &mut Tx, row: &CeremonyRow) -> Result<()> {
    let values = args![
        row.secret_hash.clone(),
        &row.kind,
        row.user_id,
        row.session_id,
        row.state_sealed.clone(),
        row.expires_at,
        row.created_at,
    ];
    tx.change_one(INSERT, values).await
}

/// The step of a secret, where it still waits at `now`.
pub async fn find(
    conn: &mut Conn,
    secret_hash: [u8; 32],
    kind: &str,
    now: DateTime<Utc>,
) -> Result<Option<CeremonyRow>> {
    conn.one(FIND, args![secret_hash, kind, now]).await
}

/// As [`find`], held until the transaction ends: of two requests at once, the second waits.
pub async fn lock(tx: &mut Tx, secret_hash: [u8; 32], kind: &str, now: DateTime<Utc>) -> Result<Option<CeremonyRow>> {
    tx.one(LOCK, args![secret_hash, kind, now]).await
}

/// Takes a step away; whether it was still there.
pub async fn take(tx: &mut Tx, secret_hash: &[u8]) -> Result<bool> {
    Ok(tx.execute(TAKE, args![secret_hash]).await? == 1)
}

/// Takes every step of a person away.
pub async fn end_of(tx: &mut Tx, user: UserId) -> Result<u64> {
    tx.execute(END_OF_PERSON, args![user]).await
}
