//! Secure links: one-time codes, and the guests who came in by one, with their sessions. Tokens, codes and session
//! secrets stand nowhere; their hashes do, or nothing.

use chrono::{DateTime, Utc};
use liaison_domain::{GuestId, LinkCodeId, RecipientId, UserId};
use uuid::Uuid;

use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// A one-time code that was asked for. The code itself is derived from the id.
    pub struct LinkCodeRow {
        /// Its id.
        id: LinkCodeId,
        /// The loop whose link it is for.
        recipient_id: RecipientId,
        /// SHA-256 of the challenge that goes with it.
        challenge_hash: Vec<u8>,
        /// Where it went.
        address: String,
        /// Whose own address that is; none for a team's.
        user_id: Option<UserId>,
        /// The version of the link it was asked for by.
        link_version: u32,
        /// How often it was tried.
        tries: u32,
        /// When it was asked for.
        created_at: DateTime<Utc>,
        /// Until when it holds.
        expires_at: DateTime<Utc>,
        /// When it was used.
        used_at: Option<DateTime<Utc>>,
    }
}

row! {
    /// Somebody who came in by a code, as they named themself, with their session.
    pub struct GuestRow {
        /// The guest.
        id: GuestId,
        /// The only loop they reach.
        recipient_id: RecipientId,
        /// By which code they came in.
        code_id: LinkCodeId,
        /// The person, where the code went to a person's own address.
        user_id: Option<UserId>,
        /// As they named themself.
        name: String,
        /// Their profession, as they gave it.
        profession: String,
        /// Their e-mail address at work, as they gave it.
        work_email: Option<String>,
        /// Their number, as they gave it.
        phone: Option<String>,
        /// Where the code went, masked.
        verified_by: String,
        /// The version of the link they came by.
        link_version: u32,
        /// SHA-256 of the session's secret.
        secret_hash: Vec<u8>,
        /// When they came in.
        created_at: DateTime<Utc>,
        /// Until when the session holds without being used.
        idle_until: DateTime<Utc>,
        /// Until when it holds at all.
        absolute_until: DateTime<Utc>,
        /// When they left.
        ended_at: Option<DateTime<Utc>>,
        /// When they asked for an account.
        account_requested_at: Option<DateTime<Utc>>,
    }
}

sql! {
    INSERT_CODE = "insert into link_code (id, recipient_id, challenge_hash, address, user_id, link_version, tries,
        created_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    LOCK_CODE = "select * from link_code where challenge_hash = $1 {for_update}";
    CODES_OF_RECIPIENT = "select count(*) as a from link_code where recipient_id = $1 and created_at > $2";
    CODES_TO_ADDRESS = "select count(*) as a from link_code where address = $1 and created_at > $2";
    TRY_CODE = "update link_code set tries = tries + 1 where id = $1";
    USE_CODE = "update link_code set tries = tries + 1, used_at = $2 where id = $1 and used_at is null";
    INSERT_GUEST = "insert into guest (id, recipient_id, code_id, user_id, name, profession, work_email, phone,
        verified_by, link_version, secret_hash, created_at, idle_until, absolute_until)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    BY_SECRET = "select * from guest where secret_hash = $1";
    BY_IDS = "select * from guest where id in ({ids})";
    TOUCH = "update guest set idle_until = $2 where id = $1 and ended_at is null and idle_until < $2";
    END = "update guest set ended_at = $2 where id = $1 and ended_at is null";
    REQUEST_ACCOUNT = "update guest set account_requested_at = $2 where id = $1 and account_requested_at is null";
}

/// Adds a code.
pub async fn insert_code(tx: &mut Tx, row: &LinkCodeRow) -> Result<()> {
    let values = args![
        row.id,
        row.recipient_id,
        row.challenge_hash.clone(),
        row.address.as_str(),
        row.user_id,
        row.link_version,
        row.tries,
        row.created_at,
        row.expires_at,
    ];
    tx.change_one(INSERT_CODE, values).await
}

/// The code of a challenge, locked until the transaction ends.
pub async fn lock_code(tx: &mut Tx, challenge_hash: [u8; 32]) -> Result<Option<LinkCodeRow>> {
    tx.one(LOCK_CODE, args![challenge_hash]).await
}

/// How many codes were asked for since a moment: for a loop, and to an address.
pub async fn codes_since(
    conn: &mut Conn,
    recipient: RecipientId,
    address: &str,
    since: DateTime<Utc>,
) -> Result<(i64, i64)> {
    let of_recipient: Option<(i64,)> = conn.one(CODES_OF_RECIPIENT, args![recipient, since]).await?;
    let to_address: Option<(i64,)> = conn.one(CODES_TO_ADDRESS, args![address, since]).await?;
    let count = |row: Option<(i64,)>| row.map_or(0, |(count,)| count);
    Ok((count(of_recipient), count(to_address)))
}

/// Counts a wrong try.
pub async fn count_try(tx: &mut Tx, id: LinkCodeId) -> Result<()> {
    tx.change_one(TRY_CODE, args![id]).await
}

/// Uses a code up; an `Affected` error when it was used before.
pub async fn use_code(tx: &mut Tx, id: LinkCodeId, now: DateTime<Utc>) -> Result<()> {
    tx.change_one(USE_CODE, args![id, now]).await
}

/// Adds a guest with their session.
pub async fn insert_guest(tx: &mut Tx, row: &GuestRow) -> Result<()> {
    let values = args![
        row.id,
        row.recipient_id,
        row.code_id,
        row.user_id,
        row.name.as_str(),
        row.profession.as_str(),
        row.work_email.as_deref(),
        row.phone.as_deref(),
        row.verified_by.as_str(),
        row.link_version,
        row.secret_hash.clone(),
        row.created_at,
        row.idle_until,
        row.absolute_until,
    ];
    tx.change_one(INSERT_GUEST, values).await
}

/// The guest of a session's secret.
pub async fn guest_by_secret(conn: &mut Conn, secret_hash: [u8; 32]) -> Result<Option<GuestRow>> {
    conn.one(BY_SECRET, args![secret_hash]).await
}

/// Guests by their ids.
pub async fn guests_by_ids(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<GuestRow>> {
    conn.all_in(BY_IDS, args![], ids).await
}

/// Moves the end of a session that is in use.
pub async fn touch(tx: &mut Tx, id: GuestId, idle_until: DateTime<Utc>) -> Result<()> {
    tx.execute(TOUCH, args![id, idle_until]).await.map(|_| ())
}

/// Ends a session; whether it still ran.
pub async fn end(tx: &mut Tx, id: GuestId, now: DateTime<Utc>) -> Result<bool> {
    Ok(tx.execute(END, args![id, now]).await? == 1)
}

/// Notes that a guest asked for an account; whether it was the first time.
pub async fn request_account(tx: &mut Tx, id: GuestId, now: DateTime<Utc>) -> Result<bool> {
    Ok(tx.execute(REQUEST_ACCOUNT, args![id, now]).await? == 1)
}
