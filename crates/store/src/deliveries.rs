//! Deliveries and their attempts: what leaves, how often it was tried, and what came of it.

use chrono::{DateTime, Utc};
use liaison_domain::{
    AttemptId, AttemptOutcome, ChannelKind, DeadReason, DeliveryId, DeliveryPurpose, DeliveryState, EndpointId,
    NoticeId, OrganizationId, RecipientId, ShareId, Urgency,
};
use uuid::Uuid;

use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// One message to one address.
    pub struct DeliveryRow {
        /// Its id.
        id: DeliveryId,
        /// The loop it belongs to; none for a notice to a person.
        recipient_id: Option<RecipientId>,
        /// The share.
        share_id: Option<ShareId>,
        /// The clinic it belongs to.
        organization_id: OrganizationId,
        /// The notice it carries, where it carries one.
        notice_id: Option<NoticeId>,
        /// The endpoint; none where it goes to a person's own e-mail address.
        endpoint_id: Option<EndpointId>,
        /// How it goes.
        channel: ChannelKind,
        /// Where it goes.
        address: String,
        /// Why it leaves.
        purpose: DeliveryPurpose,
        /// Where it stands.
        state: DeliveryState,
        /// How many attempts were begun.
        attempts: u32,
        /// When the next attempt is due.
        next_attempt_at: Option<DateTime<Utc>>,
        /// The process that is sending it.
        lease_owner: Option<String>,
        /// Until when it may.
        lease_until: Option<DateTime<Utc>>,
        /// The id that every try carries.
        message_id: String,
        /// The message itself, without PHI: JSON.
        payload: String,
        /// How urgent.
        urgency: Urgency,
        /// Why it was given up.
        dead_reason: Option<DeadReason>,
        /// When the other side took it.
        delivered_at: Option<DateTime<Utc>>,
        /// When it was planned.
        created_at: DateTime<Utc>,
        /// When it last changed.
        updated_at: DateTime<Utc>,
        /// The request whose use case planned it; none for a timer's.
        request_id: Option<String>,
        /// The trace it was planned in, a W3C traceparent, where traces are exported.
        trace: Option<String>,
    }
}

row! {
    /// One try of a delivery.
    pub struct AttemptRow {
        /// Its id.
        id: AttemptId,
        /// The delivery.
        delivery_id: DeliveryId,
        /// Which try, from 1.
        number: u32,
        /// When it began.
        started_at: DateTime<Utc>,
        /// When it ended; never, where the process was killed.
        ended_at: Option<DateTime<Utc>>,
        /// What came of it.
        outcome: AttemptOutcome,
        /// SMTP reply code or HTTP status.
        status_code: Option<u32>,
        /// The other side's own words.
        artefact: Option<String>,
    }
}

sql! {
    INSERT = "insert into delivery (id, recipient_id, share_id, organization_id, notice_id, endpoint_id, channel,
        address, purpose, state, attempts, next_attempt_at, message_id, payload, urgency, created_at, updated_at,
        request_id, trace) values {rows:19}";
    FIND = "select * from delivery where id = $1";
    LOCK = "select * from delivery where id = $1 {for_update}";
    BY_IDS = "select * from delivery where id in ({ids})";
    OF_RECIPIENTS = "select * from delivery where recipient_id in ({ids}) order by created_at, id";
    DUE = "select id, channel, address, urgency, next_attempt_at from delivery where next_attempt_at <= $1
        and (lease_until is null or lease_until < $1) and (notice_id is not null) = $2
        and (urgency < $3 or (urgency = $3 and (next_attempt_at > $4 or (next_attempt_at = $4 and id > $5)))
            or $3 is null)
        order by urgency desc, next_attempt_at, id limit $6";
    DUE_OF_SHARES = "select id, channel, address, urgency, next_attempt_at from delivery
        where next_attempt_at <= $1 and (lease_until is null or lease_until < $1) and share_id in ({ids})
        order by urgency desc, next_attempt_at, id";
    LOCK_DUE = "select * from delivery where state in ('PENDING', 'SENDING') and next_attempt_at <= $1
        and (lease_until is null or lease_until < $1) and id in ({ids}) order by id {for_update_skip_locked}";
    LOCK_ALL = "select * from delivery where id in ({ids}) order by id {for_update}";
    CLAIM = "update delivery set state = 'SENDING', attempts = attempts + $4, lease_owner = $1, lease_until = $2,
        updated_at = $3 where id in ({ids})";
    CANCEL = "update delivery set state = 'CANCELLED', next_attempt_at = null, lease_owner = null, lease_until = null,
        updated_at = $1 where id in ({ids})";
    SETTLE = "update delivery set state = $2, next_attempt_at = $3, dead_reason = $4, delivered_at = $5,
        lease_owner = null, lease_until = null, updated_at = $6
        where id = $1 and state = 'SENDING' and lease_owner = $7 and attempts = $8";
    SETTLE_LATE = "update delivery set state = 'DELIVERED', next_attempt_at = null, dead_reason = null,
        delivered_at = $2, lease_owner = null, lease_until = null, updated_at = $2
        where id = $1 and (state in ('PENDING', 'DEAD') or (state = 'SENDING' and lease_until < $2))";
    NOTE_LATE = "update delivery set delivered_at = $2 where id = $1 and state = 'SENDING' and delivered_at is null";
    CANCEL_OF_RECIPIENT = "update delivery set state = 'CANCELLED', next_attempt_at = null, updated_at = $2
        where recipient_id = $1 and state = 'PENDING'";
    REVIVE = "update delivery set state = 'PENDING', next_attempt_at = $2, dead_reason = null, lease_owner = null,
        lease_until = null, updated_at = $2 where id = $1 and state = 'DEAD'";
    KILL = "update delivery set state = 'DEAD', next_attempt_at = null, dead_reason = 'ENDPOINT_DISABLED',
        updated_at = $1 where state = 'PENDING' and id in ({ids})";
    OF_ENDPOINT_PENDING = "select * from delivery where endpoint_id = $1 and state = 'PENDING'
        and next_attempt_at is not null order by created_at, id
        limit $2";
    NOTICES_BY_STATE = "select recipient_id as a, state as b, count(*) as c from delivery
        where purpose = 'NOTICE' and recipient_id in ({ids}) group by recipient_id, state";
    LIST = "select * from delivery where organization_id = $1 and (state = $2 or $2 is null)
        and (updated_at < $3 or (updated_at = $3 and id < $4) or $3 is null)
        order by updated_at desc, id desc limit $5";
    LIST_BY_CHANNEL = "select * from delivery where organization_id = $1 and (state = $2 or $2 is null)
        and (updated_at < $3 or (updated_at = $3 and id < $4) or $3 is null)
        and (channel = $6 or $6 is null) and (endpoint_id = $7 or $7 is null)
        order by updated_at desc, id desc limit $5";
    INSERT_ATTEMPTS = "insert into attempt (id, delivery_id, number, started_at, outcome) values {rows:5}";
    END_ATTEMPT = "update attempt set ended_at = $3, outcome = $4, status_code = $5, artefact = $6
        where delivery_id = $1 and number = $2 and outcome in ('STARTED', 'UNKNOWN')";
    ABANDONED = "update attempt set ended_at = $1, outcome = 'UNKNOWN', artefact = 'cut off: the process ended'
        where outcome = 'STARTED' and delivery_id in ({ids})";
    ATTEMPTS_OF = "select * from attempt where delivery_id in ({ids}) order by delivery_id, number";
    CUT_OFF = "select delivery_id as a, count(*) as b from attempt where artefact = 'cut off: the process ended'
        and delivery_id in ({ids}) group by delivery_id";
    SECRETS = "select id as a, secret_sealed as b from endpoint where secret_sealed is not null and id in ({ids})";
    FORGIVE = "update attempt set artefact = 'cut off: before a retry by hand' where delivery_id = $1
        and artefact = 'cut off: the process ended'";
    PROVEN = "update endpoint set last_proven_at = $2, failing_since = null where id = $1";
    FAILING = "update endpoint set failing_since = $2 where id = $1 and failing_since is null";
    HELD_BY = "select id as a, attempts as b from delivery where lease_owner = $1 and lease_until is not null";
    LET_GO = "update delivery set lease_until = null where id = $1 and lease_owner = $2 and attempts = $3
        and state = 'SENDING'";
    RELEASE_OF = "update delivery set lease_until = null where lease_owner = $1 and lease_until is not null
        and state = 'SENDING'";
    RELEASE_ALL = "update delivery set lease_until = null where lease_until is not null";
}

/// Adds deliveries.
pub async fn insert(tx: &mut Tx, deliveries: &[DeliveryRow]) -> Result<()> {
    let rows = deliveries
        .iter()
        .map(|row| {
            args![
                row.id,
                row.recipient_id,
                row.share_id,
                row.organization_id,
                row.notice_id,
                row.endpoint_id,
                row.channel,
                row.address.as_str(),
                row.purpose,
                row.state,
                row.attempts,
                row.next_attempt_at,
                row.message_id.as_str(),
                row.payload.as_str(),
                row.urgency,
                row.created_at,
                row.updated_at,
                row.request_id.as_deref(),
                row.trace.as_deref(),
            ]
        })
        .collect();
    tx.insert_all(INSERT, rows).await
}

/// One delivery.
pub async fn find(conn: &mut Conn, id: DeliveryId) -> Result<Option<DeliveryRow>> {
    conn.one(FIND, args![id]).await
}

/// One delivery, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: DeliveryId) -> Result<Option<DeliveryRow>> {
    tx.one(LOCK, args![id]).await
}

/// Deliveries by their ids.
pub async fn by_ids(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<DeliveryRow>> {
    conn.all_in(BY_IDS, args![], ids).await
}

/// The deliveries of loops, in order of planning.
pub async fn of_recipients(conn: &mut Conn, recipients: &[Uuid]) -> Result<Vec<DeliveryRow>> {
    conn.all_in(OF_RECIPIENTS, args![], recipients).await
}

row! {
    /// A due delivery, as little of it as decides whether there is room for it.
    pub struct DueRow {
        /// Its id.
        id: DeliveryId,
        /// How it goes.
        channel: ChannelKind,
        /// Where it goes.
        address: String,
        /// How urgent.
        urgency: Urgency,
        /// Since when it is due.
        next_attempt_at: DateTime<Utc>,
    }
}

/// Deliveries that are due and that nobody is sending, the most urgent first: to recipients, or (`notices`) to
/// people; a page after the given one.
pub async fn due(
    conn: &mut Conn,
    now: DateTime<Utc>,
    notices: bool,
    after: Option<&DueRow>,
    limit: u32,
) -> Result<Vec<DueRow>> {
    let urgency = after.map(|row| row.urgency);
    let at = after.map(|row| row.next_attempt_at);
    let id = after.map(|row| row.id);
    conn.all(DUE, args![now, notices, urgency, at, id, limit]).await
}

/// The due deliveries of some shares, the most urgent first (in lots of 128 shares).
pub async fn due_of_shares(conn: &mut Conn, now: DateTime<Utc>, shares: &[ShareId]) -> Result<Vec<DueRow>> {
    let ids: Vec<Uuid> = shares.iter().map(|share| share.uuid()).collect();
    conn.all_in(DUE_OF_SHARES, args![now], &ids).await
}

/// Locks those of the deliveries that are still due and that nobody else is taking, in the order of their ids.
pub async fn lock_due(tx: &mut Tx, ids: &[Uuid], now: DateTime<Utc>) -> Result<Vec<DeliveryRow>> {
    tx.all_in(LOCK_DUE, args![now], ids).await
}

/// Deliveries, locked until the transaction ends, in the order of their ids.
pub async fn lock_all(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<DeliveryRow>> {
    tx.all_in(LOCK_ALL, args![], ids).await
}

/// Claims locked deliveries for a process until a time; counts an attempt for each where one begins.
pub async fn claim(
    tx: &mut Tx,
    ids: &[Uuid],
    process: &str,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
    begins: bool,
) -> Result<()> {
    let changed = tx
        .execute_in(CLAIM, args![process, until, now, u32::from(begins)], ids)
        .await?;
    expect_all(CLAIM, changed, ids)
}

/// Cancels locked deliveries.
pub async fn cancel(tx: &mut Tx, ids: &[Uuid], now: DateTime<Utc>) -> Result<()> {
    let changed = tx.execute_in(CANCEL, args![now], ids).await?;
    expect_all(CANCEL, changed, ids)
}

fn expect_all(sql: crate::Sql, affected: u64, ids: &[Uuid]) -> Result<()> {
    let expected = ids.len() as u64;
    if affected == expected {
        return Ok(());
    }
    Err(crate::StoreError::Affected {
        statement: sql.name,
        affected,
        expected,
    })
}

/// What a delivery is to be after an attempt.
#[derive(Debug, Clone, Copy)]
pub struct Settlement {
    /// Its state.
    pub state: DeliveryState,
    /// When the next attempt is due.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Why it was given up.
    pub dead_reason: Option<DeadReason>,
    /// When the other side took it.
    pub delivered_at: Option<DateTime<Utc>>,
}

/// Settles the attempt that this process claimed, whose locked row says that the claim still holds.
pub async fn settle(
    tx: &mut Tx,
    id: DeliveryId,
    settlement: Settlement,
    process: &str,
    attempt: u32,
    now: DateTime<Utc>,
) -> Result<()> {
    let args = args![
        id,
        settlement.state,
        settlement.next_attempt_at,
        settlement.dead_reason,
        settlement.delivered_at,
        now,
        process,
        attempt,
    ];
    tx.update_later(SETTLE, id.uuid(), args, Some(1)).await
}

/// Cancels what has not left yet for a loop.
pub async fn cancel_of_recipient(tx: &mut Tx, recipient: RecipientId, now: DateTime<Utc>) -> Result<()> {
    tx.update_later(CANCEL_OF_RECIPIENT, recipient.uuid(), args![recipient, now], None)
        .await
}

/// Makes a dead delivery due again; whether it was dead.
pub async fn revive(tx: &mut Tx, id: DeliveryId, now: DateTime<Utc>) -> Result<bool> {
    Ok(tx.execute(REVIVE, args![id, now]).await? == 1)
}

/// What waits for an endpoint.
pub async fn pending_of_endpoint(conn: &mut Conn, endpoint: EndpointId, limit: u32) -> Result<Vec<DeliveryRow>> {
    conn.all(OF_ENDPOINT_PENDING, args![endpoint, limit]).await
}

/// Gives up those of the deliveries that wait for an endpoint that was disabled; how many.
pub async fn kill(tx: &mut Tx, ids: &[Uuid], now: DateTime<Utc>) -> Result<u64> {
    tx.execute_in(KILL, args![now], ids).await
}

/// How many first notices of loops are in each state.
pub async fn notices_by_state(conn: &mut Conn, recipients: &[Uuid]) -> Result<Vec<(RecipientId, DeliveryState, i64)>> {
    conn.all_in(NOTICES_BY_STATE, args![], recipients).await
}

/// A late answer says that the message had arrived: nothing is sent again. Whether it changed anything; it does not
/// while another attempt is under way.
pub async fn settle_late(tx: &mut Tx, id: DeliveryId, now: DateTime<Utc>) -> Result<bool> {
    Ok(tx.execute(SETTLE_LATE, args![id, now]).await? == 1)
}

/// Notes a late answer on a delivery with another attempt under way, whose end then leads to no further one.
pub async fn note_late(tx: &mut Tx, id: DeliveryId, now: DateTime<Utc>) -> Result<u64> {
    tx.execute(NOTE_LATE, args![id, now]).await
}

/// An organization's deliveries, the latest change first, in one state or all.
pub async fn list(
    conn: &mut Conn,
    organization: OrganizationId,
    state: Option<DeliveryState>,
    after: Option<(DateTime<Utc>, DeliveryId)>,
    limit: u32,
) -> Result<Vec<DeliveryRow>> {
    let (at, id) = after.unzip();
    conn.all(LIST, args![organization, state, at, id, limit]).await
}

/// The same, bounded to a channel and an endpoint.
pub async fn list_by_channel(
    conn: &mut Conn,
    organization: OrganizationId,
    (state, channel, endpoint): (Option<DeliveryState>, Option<ChannelKind>, Option<EndpointId>),
    after: Option<(DateTime<Utc>, DeliveryId)>,
    limit: u32,
) -> Result<Vec<DeliveryRow>> {
    let (at, id) = after.unzip();
    conn.all(
        LIST_BY_CHANNEL,
        args![organization, state, at, id, limit, channel, endpoint],
    )
    .await
}

/// Records that attempts begin.
pub async fn begin_attempts(tx: &mut Tx, attempts: &[AttemptRow]) -> Result<()> {
    let rows = attempts
        .iter()
        .map(|row| args![row.id, row.delivery_id, row.number, row.started_at, row.outcome])
        .collect();
    tx.insert_all(INSERT_ATTEMPTS, rows).await
}

/// Records how an attempt ended, also one that was taken for cut off, where nothing is recorded yet.
pub async fn end_attempt(tx: &mut Tx, attempt: &AttemptRow) -> Result<()> {
    let args = args![
        attempt.delivery_id,
        attempt.number,
        attempt.ended_at,
        attempt.outcome,
        attempt.status_code,
        attempt.artefact.as_deref(),
    ];
    tx.update_later(END_ATTEMPT, attempt.delivery_id.uuid(), args, None)
        .await
}

/// Settles the attempts of deliveries without a live lease that never ended, as unknown; how many.
pub async fn settle_abandoned(tx: &mut Tx, deliveries: &[Uuid], now: DateTime<Utc>) -> Result<u64> {
    tx.execute_in(ABANDONED, args![now], deliveries).await
}

/// How many attempts of deliveries were cut off; those without any are left out.
pub async fn cut_off(conn: &mut Conn, deliveries: &[Uuid]) -> Result<Vec<(DeliveryId, i64)>> {
    conn.all_in(CUT_OFF, args![], deliveries).await
}

/// Counts cut-off attempts no more: somebody looked at them and wants another try.
pub async fn forgive_cut_off(tx: &mut Tx, delivery: DeliveryId) -> Result<u64> {
    tx.execute(FORGIVE, args![delivery]).await
}

/// The opened secrets of endpoints that have one, for the deliveries that sign with them.
pub async fn secrets_of(conn: &mut Conn, endpoints: &[Uuid]) -> Result<Vec<(EndpointId, String)>> {
    let rows: Vec<(EndpointId, Vec<u8>)> = conn.all_in(SECRETS, args![], endpoints).await?;
    let mut secrets = Vec::with_capacity(rows.len());
    for (endpoint, sealed) in rows {
        let place = crate::directory::endpoint::secret_place(endpoint);
        let plain = conn.store().keyring()?.open_secret(place, &sealed)?;
        secrets.push((endpoint, String::from_utf8_lossy(&plain).into_owned()));
    }
    Ok(secrets)
}

/// Notes that a delivery to an endpoint succeeded.
pub async fn endpoint_proven(tx: &mut Tx, endpoint: EndpointId, now: DateTime<Utc>) -> Result<()> {
    tx.change_one(PROVEN, args![endpoint, now]).await
}

/// Notes that deliveries to an endpoint fail, since now if it was not known before.
pub async fn endpoint_failing(tx: &mut Tx, endpoint: EndpointId, now: DateTime<Utc>) -> Result<u64> {
    tx.execute(FAILING, args![endpoint, now]).await
}

/// The attempts of deliveries.
pub async fn attempts_of(conn: &mut Conn, deliveries: &[Uuid]) -> Result<Vec<AttemptRow>> {
    conn.all_in(ATTEMPTS_OF, args![], deliveries).await
}

/// What a process holds, each with the attempts that were begun.
pub async fn held_by(conn: &mut Conn, process: &str) -> Result<Vec<(DeliveryId, u32)>> {
    conn.all(HELD_BY, args![process]).await
}

/// Ends a lease of a process that is not at it any more; whether it still held that attempt.
pub async fn let_go(tx: &mut Tx, id: DeliveryId, process: &str, attempts: u32) -> Result<bool> {
    Ok(tx.execute(LET_GO, args![id, process, attempts]).await? == 1)
}

/// Ends every lease of a process that does not live; how many there were.
pub async fn release_of(tx: &mut Tx, process: &str) -> Result<u64> {
    tx.execute(RELEASE_OF, args![process]).await
}

/// Ends every lease: for the only process, at its start, when nobody can be sending. How many there were.
pub async fn release_all(tx: &mut Tx) -> Result<u64> {
    tx.execute(RELEASE_ALL, args![]).await
}
