//! Sessions. The secret is kept as its SHA-256 alone: it has 256 random bits, so a plain hash cannot be guessed.

use chrono::{DateTime, Utc};
use liaison_domain::{OrganizationId, OrganizationKind, Role, SessionEnd, SessionId, SignInMethod, UserId};

use crate::{arg::Json, args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// A session, without its secret.
    pub struct SessionRow {
        /// Its id.
        id: SessionId,
        /// Whose it is.
        user_id: UserId,
        /// For which organization its requests act.
        organization_id: OrganizationId,
        /// How it was opened.
        method: SignInMethod,
        /// Both factors were proven.
        is_full: bool,
        /// The network address it was opened from.
        peer: Option<String>,
        /// What the browser said it was.
        user_agent: Option<String>,
        /// When the person last proved who they are.
        authenticated_at: DateTime<Utc>,
        /// When it was last used, to within the time between two writes.
        last_seen_at: DateTime<Utc>,
        /// When it ends, however much it is used.
        absolute_until: DateTime<Utc>,
        /// When it was ended before that.
        ended_at: Option<DateTime<Utc>>,
        /// Why.
        end_reason: Option<SessionEnd>,
        /// When it was opened.
        created_at: DateTime<Utc>,
    }
}

row! {
    /// What a request with a session needs to know of its person.
    pub struct BearerRow {
        /// The person's name.
        display_name: String,
        /// The address they sign in with.
        email: String,
        /// Their IANA time zone.
        time_zone: String,
        /// Since when they may not sign in.
        disabled_at: Option<DateTime<Utc>>,
    }
}

row! {
    /// A place where a person may act.
    pub struct PlaceRow {
        /// The organization.
        organization_id: OrganizationId,
        /// Its name.
        name: String,
        /// What it is.
        kind: OrganizationKind,
        /// The person's roles there.
        roles: Json<Vec<Role>>,
    }
}

sql! {
    INSERT = "insert into session (id, user_id, organization_id, secret_hash, method, is_full, peer, user_agent,
        authenticated_at, last_seen_at, absolute_until, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    BY_SECRET = "select s.id, s.user_id, s.organization_id, s.method, s.is_full, s.peer, s.user_agent,
        s.authenticated_at, s.last_seen_at, s.absolute_until, s.ended_at, s.end_reason, s.created_at, p.display_name,
        p.email, p.time_zone, p.disabled_at from session s join person p on p.id = s.user_id where s.secret_hash = $1";
    PLACES = "select o.id as organization_id, o.name, o.kind, m.roles from membership m
        join organization o on o.id = m.organization_id where m.user_id = $1 and m.until_at is null
        order by m.created_at, m.id";
    LOCK = "select id, user_id, organization_id, method, is_full, peer, user_agent, authenticated_at, last_seen_at,
        absolute_until, ended_at, end_reason, created_at from session where id = $1 {for_update}";
    LIVE_OF_PERSON = "select id, user_id, organization_id, method, is_full, peer, user_agent, authenticated_at,
        last_seen_at, absolute_until, ended_at, end_reason, created_at from session
        where user_id = $1 and ended_at is null and absolute_until > $2 and last_seen_at > $3
        order by last_seen_at desc, id desc";
    TOUCH = "update session set last_seen_at = $2 where id = $1 and ended_at is null and last_seen_at <= $3";
    MAKE_FULL = "update session set is_full = $2, authenticated_at = $3 where id = $1 and ended_at is null";
    AUTHENTICATED = "update session set authenticated_at = $2 where id = $1 and ended_at is null";
    SWITCH = "update session set organization_id = $2 where id = $1 and ended_at is null";
    END = "update session set ended_at = $2, end_reason = $3 where id = $1 and ended_at is null";
    END_OTHERS = "update session set ended_at = $3, end_reason = $4 where user_id = $1 and ended_at is null and id <> $2";
    END_ALL = "update session set ended_at = $2, end_reason = $3 where user_id = $1 and ended_at is null";
    END_FOR_ORGANIZATION = "update session set ended_at = $3, end_reason = $4
        where user_id = $1 and organization_id = $2 and ended_at is null";
}

/// Opens a session; `secret_hash` is the SHA-256 of its secret.
pub async fn insert(tx: &mut Tx, row: &SessionRow, secret_hash: [u8; 32]) -> Result<()> {
    let values = args![
        row.id,
        row.user_id,
        row.organization_id,
        secret_hash,
        row.method,
        row.is_full,
        row.peer.as_deref(),
        row.user_agent.as_deref(),
        row.authenticated_at,
        row.last_seen_at,
        row.absolute_until,
        row.created_at,
    ];
    tx.change_one(INSERT, values).await
}

/// The session of a secret and its person, good or not.
pub async fn by_secret(conn: &mut Conn, secret_hash: [u8; 32]) -> Result<Option<(SessionRow, BearerRow)>> {
    Ok(conn
        .one::<Both>(BY_SECRET, args![secret_hash])
        .await?
        .map(|Both(session, person)| (session, person)))
}

#[derive(Clone)]
struct Both(SessionRow, BearerRow);

impl crate::row::FromRow for Both {
    fn from_row(row: &crate::row::Row) -> Result<Self> {
        Ok(Self(SessionRow::from_row(row)?, BearerRow::from_row(row)?))
    }
}

/// Where a person may act, the oldest place first.
pub async fn places(conn: &mut Conn, user: UserId) -> Result<Vec<PlaceRow>> {
    conn.all(PLACES, args![user]).await
}

/// Reads a session and holds it until the transaction ends.
pub async fn lock(tx: &mut Tx, id: SessionId) -> Result<Option<SessionRow>> {
    tx.one(LOCK, args![id]).await
}

/// The sessions of a person that neither ended, nor are past their end at `now`, nor were last used before
/// `idle_since`; the last used first.
pub async fn live_of(
    conn: &mut Conn,
    user: UserId,
    now: DateTime<Utc>,
    idle_since: DateTime<Utc>,
) -> Result<Vec<SessionRow>> {
    conn.all(LIVE_OF_PERSON, args![user, now, idle_since]).await
}

/// Notes that a session was used, unless that was noted after `not_since`.
pub async fn touch(tx: &mut Tx, id: SessionId, now: DateTime<Utc>, not_since: DateTime<Utc>) -> Result<u64> {
    tx.execute(TOUCH, args![id, now, not_since]).await
}

/// Notes that both factors are proven now.
pub async fn make_full(tx: &mut Tx, id: SessionId, now: DateTime<Utc>) -> Result<()> {
    tx.change_one(MAKE_FULL, args![id, true, now]).await
}

/// Notes that the person proved who they are just now.
pub async fn authenticated(tx: &mut Tx, id: SessionId, now: DateTime<Utc>) -> Result<()> {
    tx.change_one(AUTHENTICATED, args![id, now]).await
}

/// Lets a session act for another organization.
pub async fn switch(tx: &mut Tx, id: SessionId, to: OrganizationId) -> Result<()> {
    tx.change_one(SWITCH, args![id, to]).await
}

/// Ends a session; how many ended (none when it had ended before).
pub async fn end(tx: &mut Tx, id: SessionId, now: DateTime<Utc>, why: SessionEnd) -> Result<u64> {
    tx.execute(END, args![id, now, why]).await
}

/// Ends every session of a person but one; how many.
pub async fn end_others(
    tx: &mut Tx,
    user: UserId,
    but: Option<SessionId>,
    now: DateTime<Utc>,
    why: SessionEnd,
) -> Result<u64> {
    match but {
        Some(but) => tx.execute(END_OTHERS, args![user, but, now, why]).await,
        None => tx.execute(END_ALL, args![user, now, why]).await,
    }
}

/// Ends a person's sessions that act for an organization; how many.
pub async fn end_for_organization(
    tx: &mut Tx,
    user: UserId,
    organization: OrganizationId,
    now: DateTime<Utc>,
    why: SessionEnd,
) -> Result<u64> {
    tx.execute(END_FOR_ORGANIZATION, args![user, organization, now, why])
        .await
}
