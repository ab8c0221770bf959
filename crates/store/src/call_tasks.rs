//! Call tasks: telephone calls that a named clinic person owes.

use chrono::{DateTime, Utc};
use liaison_domain::{CallReason, CallTaskId, CallTaskStatus, OrganizationId, PatientId, RecipientId, ShareId, UserId};
use uuid::Uuid;

use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// A call that somebody owes.
    pub struct CallTaskRow {
        /// Its id.
        id: CallTaskId,
        /// The loop.
        recipient_id: RecipientId,
        /// The share.
        share_id: ShareId,
        /// The patient.
        patient_id: PatientId,
        /// The clinic.
        organization_id: OrganizationId,
        /// Who must call.
        owner_id: UserId,
        /// Why.
        reason: CallReason,
        /// Where it stands.
        status: CallTaskStatus,
        /// By when.
        due_at: DateTime<Utc>,
        /// The number to call.
        phone: Option<String>,
        /// Who was spoken to, what was read back, notes: sealed JSON.
        detail_sealed: Option<Vec<u8>>,
        /// When it was given.
        created_at: DateTime<Utc>,
        /// When it was done.
        completed_at: Option<DateTime<Utc>>,
        /// Who did it.
        completed_by: Option<UserId>,
        /// The other side read it back.
        read_back: Option<bool>,
        /// When it last changed.
        updated_at: DateTime<Utc>,
    }
}

sql! {
    INSERT = "insert into call_task (id, recipient_id, share_id, patient_id, organization_id, owner_id, reason, status,
        due_at, phone, detail_sealed, created_at, updated_at) values {rows:13}";
    LOCK = "select * from call_task where id = $1 {for_update}";
    BY_IDS = "select * from call_task where id in ({ids})";
    OF_RECIPIENTS = "select * from call_task where recipient_id in ({ids}) order by created_at, id";
    LIST = "select * from call_task where organization_id = $1 and (status = $2 or $2 is null)
        and (owner_id = $3 or $3 is null) and (due_at > $4 or (due_at = $4 and id > $5) or $4 is null)
        order by due_at, id limit $6";
    COMPLETE = "update call_task set status = 'COMPLETED', completed_at = $2, completed_by = $3, read_back = $4,
        detail_sealed = $5, updated_at = $2 where id = $1 and status = 'OPEN'";
    CANCEL_OF_RECIPIENT = "update call_task set status = 'CANCELLED', updated_at = $2
        where recipient_id = $1 and status = 'OPEN' and reason in ('UNACKNOWLEDGED', 'UNDELIVERABLE', 'VOICE_FIRST')";
    CANCEL_ALL_OF_RECIPIENT = "update call_task set status = 'CANCELLED', updated_at = $2
        where recipient_id = $1 and status = 'OPEN'";
    CANCEL_REPLIES_OF_RECIPIENT = "update call_task set status = 'CANCELLED', updated_at = $2
        where recipient_id = $1 and status = 'OPEN' and reason in ('CALL_REQUESTED', 'REPLY_DUE')";
    OPEN_OF_OWNER = "select * from call_task where owner_id = $1 and status = 'OPEN' order by due_at, id";
    REASSIGN = "update call_task set owner_id = $2, updated_at = $3 where id = $1 and status = 'OPEN'";
}

/// Adds call tasks.
pub async fn insert(tx: &mut Tx, tasks: &[CallTaskRow]) -> Result<()> {
    let rows = tasks
        .iter()
        .map(|row| {
            args![
                row.id,
                row.recipient_id,
                row.share_id,
                row.patient_id,
                row.organization_id,
                row.owner_id,
                row.reason,
                row.status,
                row.due_at,
                row.phone.as_deref(),
                row.detail_sealed.clone(),
                row.created_at,
                row.updated_at,
            ]
        })
        .collect();
    tx.insert_all(INSERT, rows).await
}

/// One call task, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: CallTaskId) -> Result<Option<CallTaskRow>> {
    tx.one(LOCK, args![id]).await
}

/// Call tasks by their ids.
pub async fn by_ids(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<CallTaskRow>> {
    conn.all_in(BY_IDS, args![], ids).await
}

/// The call tasks of loops, oldest first.
pub async fn of_recipients(conn: &mut Conn, recipients: &[Uuid]) -> Result<Vec<CallTaskRow>> {
    conn.all_in(OF_RECIPIENTS, args![], recipients).await
}

/// A clinic's call tasks by due time.
pub async fn list(
    conn: &mut Conn,
    organization: OrganizationId,
    status: Option<CallTaskStatus>,
    owner: Option<UserId>,
    after: Option<(DateTime<Utc>, CallTaskId)>,
    limit: u32,
) -> Result<Vec<CallTaskRow>> {
    let (at, id) = after.unzip();
    conn.all(LIST, args![organization, status, owner, at, id, limit]).await
}

/// Completes an open call task; whether it was open.
pub async fn complete(
    tx: &mut Tx,
    id: CallTaskId,
    at: DateTime<Utc>,
    by: UserId,
    read_back: bool,
    detail: Vec<u8>,
) -> Result<bool> {
    Ok(tx.execute(COMPLETE, args![id, at, by, read_back, detail]).await? == 1)
}

/// Cancels the open calls that only waited for an acknowledgment.
pub async fn cancel_waiting(tx: &mut Tx, recipient: RecipientId, now: DateTime<Utc>) -> Result<()> {
    tx.update_later(CANCEL_OF_RECIPIENT, recipient.uuid(), args![recipient, now], None)
        .await
}

/// Cancels the open calls that waited for the clinic's reply.
pub async fn cancel_replies(tx: &mut Tx, recipient: RecipientId, now: DateTime<Utc>) -> Result<()> {
    tx.update_later(
        CANCEL_REPLIES_OF_RECIPIENT,
        recipient.uuid(),
        args![recipient, now],
        None,
    )
    .await
}

/// Cancels every open call of a loop.
pub async fn cancel_all(tx: &mut Tx, recipient: RecipientId, now: DateTime<Utc>) -> Result<()> {
    tx.update_later(CANCEL_ALL_OF_RECIPIENT, recipient.uuid(), args![recipient, now], None)
        .await
}

/// Gives an open call task to another person; whether it was open.
pub async fn reassign(tx: &mut Tx, id: CallTaskId, owner: UserId, now: DateTime<Utc>) -> Result<bool> {
    Ok(tx.execute(REASSIGN, args![id, owner, now]).await? == 1)
}

/// The open calls that a person owes.
pub async fn open_of_owner(conn: &mut Conn, owner: UserId) -> Result<Vec<CallTaskRow>> {
    conn.all(OPEN_OF_OWNER, args![owner]).await
}
