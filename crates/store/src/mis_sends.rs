//! Wrong-recipient cases: opened when a recipient says that a note was not for them, closed by an admin of the clinic.

use chrono::{DateTime, Utc};
use liaison_domain::{GuestId, MisSendId, OrganizationId, PatientId, RecipientId, ShareId, UserId};
use uuid::Uuid;

use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// One case.
    pub struct MisSendRow {
        /// Its id.
        id: MisSendId,
        /// The loop that went wrong; a loop has at most one case.
        recipient_id: RecipientId,
        /// The share.
        share_id: ShareId,
        /// The patient.
        patient_id: PatientId,
        /// The clinic that sent it.
        organization_id: OrganizationId,
        /// Who reported it, or ...
        reported_by: Option<UserId>,
        /// ... the guest of a secure link who did.
        guest_id: Option<GuestId>,
        /// When.
        reported_at: DateTime<Utc>,
        /// The content had been fetched before: a disclosure.
        content_was_opened: bool,
        /// When an admin closed it.
        closed_at: Option<DateTime<Utc>>,
        /// Who closed it.
        closed_by: Option<UserId>,
        /// What the admin found and did: sealed text.
        finding_sealed: Option<Vec<u8>>,
    }
}

sql! {
    INSERT = "insert into mis_send (id, recipient_id, share_id, patient_id, organization_id, reported_by, guest_id,
        reported_at, content_was_opened) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    LIST = "select * from mis_send where organization_id = $1 and ((closed_at is null) = $2 or $2 is null)
        and (reported_at < $3 or (reported_at = $3 and id < $4) or $3 is null)
        order by reported_at desc, id desc limit $5";
    FIND = "select * from mis_send where id = $1";
    LOCK = "select * from mis_send where id = $1 {for_update}";
    OF_RECIPIENTS = "select * from mis_send where recipient_id in ({ids})";
    CLOSE = "update mis_send set closed_at = $2, closed_by = $3, finding_sealed = $4
        where id = $1 and closed_at is null";
}

/// Opens a case; a unique violation when the loop has one. What closes it is not written here.
pub async fn insert(tx: &mut Tx, row: &MisSendRow) -> Result<()> {
    tx.change_one(
        INSERT,
        args![
            row.id,
            row.recipient_id,
            row.share_id,
            row.patient_id,
            row.organization_id,
            row.reported_by,
            row.guest_id,
            row.reported_at,
            row.content_was_opened,
        ],
    )
    .await
}

/// A clinic's cases, newest first: the open ones, the closed ones, or all.
pub async fn list(
    conn: &mut Conn,
    organization: OrganizationId,
    open: Option<bool>,
    after: Option<(DateTime<Utc>, MisSendId)>,
    limit: u32,
) -> Result<Vec<MisSendRow>> {
    let (at, id) = after.unzip();
    conn.all(LIST, args![organization, open, at, id, limit]).await
}

/// One case.
pub async fn find(conn: &mut Conn, id: MisSendId) -> Result<Option<MisSendRow>> {
    conn.one(FIND, args![id]).await
}

/// One case, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: MisSendId) -> Result<Option<MisSendRow>> {
    tx.one(LOCK, args![id]).await
}

/// The cases of loops.
pub async fn of_recipients(conn: &mut Conn, recipients: &[Uuid]) -> Result<Vec<MisSendRow>> {
    conn.all_in(OF_RECIPIENTS, args![], recipients).await
}

/// Closes a case; whether it was open.
pub async fn close(tx: &mut Tx, id: MisSendId, at: DateTime<Utc>, by: UserId, finding: Vec<u8>) -> Result<bool> {
    Ok(tx.execute(CLOSE, args![id, at, by, finding]).await? == 1)
}
