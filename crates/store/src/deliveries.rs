//! Deliveries and their attempts: what leaves, how often it was tried, and what came of it.

use chrono::{DateTime, Utc};
use liaison_domain::{
    AttemptId, AttemptOutcome, ChannelKind, DeadReason, DeliveryId, DeliveryPurpose, DeliveryState, EndpointId,
    NoticeId, OrganizationId, RecipientId, ShareId, Urgency,
};
use uuid::Uuid;

use crate::{
    args,
    conn::{Conn, Tx},
    error::Result,
    row::row,
    sql::sql,
};

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
        address, purpose, state, attempts, next_attempt_at, message_id, payload, urgency, created_at, updated_at)
        values {rows:17}";
    FIND = "select * from delivery where id = $1";
    LOCK = "select * from delivery where id = $1 {for_update}";
    BY_IDS = "select * from delivery where id in ({ids})";
    OF_RECIPIENTS = "select * from delivery where recipient_id in ({ids}) order by created_at, id";
    DUE = "select * from delivery where next_attempt_at <= $1 and (lease_until is null or lease_until < $1)
        and (notice_id is not null) = $2 order by next_attempt_at, id limit $3";
    DUE_OF_SHARE = "select * from delivery where share_id = $2 and next_attempt_at <= $1
        and (lease_until is null or lease_until < $1) order by next_attempt_at, id limit $3";
    CLAIM = "update delivery set state = 'SENDING', attempts = attempts + 1, lease_owner = $2, lease_until = $3,
        updated_at = $4 where id = $1 and state in ('PENDING', 'SENDING') and next_attempt_at <= $4
        and (lease_until is null or lease_until < $4)";
    SETTLE = "update delivery set state = $2, next_attempt_at = $3, dead_reason = $4, delivered_at = $5,
        lease_owner = null, lease_until = null, updated_at = $6
        where id = $1 and state = 'SENDING' and lease_owner = $7 and attempts = $8";
    CANCEL_OF_RECIPIENT = "update delivery set state = 'CANCELLED', next_attempt_at = null, updated_at = $2
        where recipient_id = $1 and state = 'PENDING'";
    REVIVE = "update delivery set state = 'PENDING', next_attempt_at = $2, dead_reason = null, lease_owner = null,
        lease_until = null, updated_at = $2 where id = $1 and state = 'DEAD'";
    KILL_OF_ENDPOINT = "update delivery set state = 'DEAD', next_attempt_at = null, dead_reason = 'ENDPOINT_DISABLED',
        updated_at = $2 where endpoint_id = $1 and state = 'PENDING'";
    OF_ENDPOINT_PENDING = "select * from delivery where endpoint_id = $1 and state = 'PENDING' order by created_at, id
        limit $2";
    STATES_OF_RECIPIENT = "select state as a, count(*) as b from delivery where recipient_id = $1 and purpose = $2
        group by state";
    LIST = "select * from delivery where organization_id = $1 and (state = $2 or $2 is null)
        and (updated_at < $3 or (updated_at = $3 and id < $4) or $3 is null)
        order by updated_at desc, id desc limit $5";
    INSERT_ATTEMPT = "insert into attempt (id, delivery_id, number, started_at, outcome) values ($1, $2, $3, $4, $5)";
    END_ATTEMPT = "update attempt set ended_at = $3, outcome = $4, status_code = $5, artefact = $6
        where delivery_id = $1 and number = $2 and outcome = 'STARTED'";
    ABANDONED = "update attempt set ended_at = $3, outcome = 'UNKNOWN', artefact = 'cut off: the process ended'
        where delivery_id = $1 and number < $2 and outcome = 'STARTED'";
    ATTEMPTS_OF = "select * from attempt where delivery_id in ({ids}) order by delivery_id, number";
    CUT_OFF = "select count(*) as a from attempt where delivery_id = $1 and ended_at is not null
        and artefact = 'cut off: the process ended'";
    NEXT_DUE = "select min(next_attempt_at) as a from delivery where next_attempt_at is not null";
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

/// Deliveries that are due and that nobody is sending: to recipients, or (`notices`) to people.
pub async fn due(conn: &mut Conn, now: DateTime<Utc>, notices: bool, limit: u32) -> Result<Vec<DeliveryRow>> {
    conn.all(DUE, args![now, notices, limit]).await
}

/// The due deliveries of one share.
pub async fn due_of_share(conn: &mut Conn, now: DateTime<Utc>, share: ShareId, limit: u32) -> Result<Vec<DeliveryRow>> {
    conn.all(DUE_OF_SHARE, args![now, share, limit]).await
}

/// Claims a due delivery for a process and counts the attempt; whether it was there first.
pub async fn claim(
    tx: &mut Tx,
    id: DeliveryId,
    process: &str,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool> {
    Ok(tx.execute(CLAIM, args![id, process, until, now]).await? == 1)
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

/// Settles the attempt that this process claimed; whether the claim still held.
pub async fn settle(
    tx: &mut Tx,
    id: DeliveryId,
    settlement: Settlement,
    process: &str,
    attempt: u32,
    now: DateTime<Utc>,
) -> Result<bool> {
    let changed = tx
        .execute(
            SETTLE,
            args![
                id,
                settlement.state,
                settlement.next_attempt_at,
                settlement.dead_reason,
                settlement.delivered_at,
                now,
                process,
                attempt,
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Cancels what has not left yet for a loop; how many.
pub async fn cancel_of_recipient(tx: &mut Tx, recipient: RecipientId, now: DateTime<Utc>) -> Result<u64> {
    tx.execute(CANCEL_OF_RECIPIENT, args![recipient, now]).await
}

/// Makes a dead delivery due again; whether it was dead.
pub async fn revive(tx: &mut Tx, id: DeliveryId, now: DateTime<Utc>) -> Result<bool> {
    Ok(tx.execute(REVIVE, args![id, now]).await? == 1)
}

/// What waits for an endpoint.
pub async fn pending_of_endpoint(conn: &mut Conn, endpoint: EndpointId, limit: u32) -> Result<Vec<DeliveryRow>> {
    conn.all(OF_ENDPOINT_PENDING, args![endpoint, limit]).await
}

/// Gives up what waits for an endpoint that was disabled; how many.
pub async fn kill_of_endpoint(tx: &mut Tx, endpoint: EndpointId, now: DateTime<Utc>) -> Result<u64> {
    tx.execute(KILL_OF_ENDPOINT, args![endpoint, now]).await
}

/// How many deliveries of a purpose a loop has in each state.
pub async fn states_of_recipient(
    conn: &mut Conn,
    recipient: RecipientId,
    purpose: DeliveryPurpose,
) -> Result<Vec<(DeliveryState, i64)>> {
    conn.all(STATES_OF_RECIPIENT, args![recipient, purpose]).await
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

/// Records that an attempt begins.
pub async fn begin_attempt(tx: &mut Tx, attempt: &AttemptRow) -> Result<()> {
    tx.change_one(
        INSERT_ATTEMPT,
        args![
            attempt.id,
            attempt.delivery_id,
            attempt.number,
            attempt.started_at,
            attempt.outcome
        ],
    )
    .await
}

/// Records how an attempt ended; whether it was still open.
pub async fn end_attempt(tx: &mut Tx, attempt: &AttemptRow) -> Result<bool> {
    let changed = tx
        .execute(
            END_ATTEMPT,
            args![
                attempt.delivery_id,
                attempt.number,
                attempt.ended_at,
                attempt.outcome,
                attempt.status_code,
                attempt.artefact.as_deref(),
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Settles attempts before `number` that never ended as unknown; how many.
pub async fn settle_abandoned(tx: &mut Tx, delivery: DeliveryId, number: u32, now: DateTime<Utc>) -> Result<u64> {
    tx.execute(ABANDONED, args![delivery, number, now]).await
}

/// How many attempts of a delivery were cut off.
pub async fn cut_off(conn: &mut Conn, delivery: DeliveryId) -> Result<i64> {
    let row: Option<(i64,)> = conn.one(CUT_OFF, args![delivery]).await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// The attempts of deliveries.
pub async fn attempts_of(conn: &mut Conn, deliveries: &[Uuid]) -> Result<Vec<AttemptRow>> {
    conn.all_in(ATTEMPTS_OF, args![], deliveries).await
}

/// When the next attempt of any delivery is due.
pub async fn next_due(conn: &mut Conn) -> Result<Option<DateTime<Utc>>> {
    let row: Option<(Option<DateTime<Utc>>,)> = conn.one(NEXT_DUE, args![]).await?;
    Ok(row.and_then(|(at,)| at))
}
