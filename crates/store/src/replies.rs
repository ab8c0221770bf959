//! Replies: the thread of a loop, between the clinic and this one recipient.

use chrono::{DateTime, Utc};
use liaison_domain::{GuestId, OrganizationId, PatientId, RecipientId, ReplyId, ShareId, UserId};
use uuid::Uuid;

use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// One message in a thread.
    pub struct ReplyRow {
        /// Its id.
        id: ReplyId,
        /// The share.
        share_id: ShareId,
        /// The loop whose thread it stands in.
        recipient_id: RecipientId,
        /// The patient.
        patient_id: PatientId,
        /// Who wrote it, or ...
        author_id: Option<UserId>,
        /// ... the guest of a secure link who did.
        guest_id: Option<GuestId>,
        /// For which organization.
        organization_id: OrganizationId,
        /// The clinic wrote it, rather than the recipient.
        from_clinic: bool,
        /// It is the answer that the clinic owed.
        closes_reply_due: bool,
        /// The text: sealed.
        body_sealed: Vec<u8>,
        /// When.
        written_at: DateTime<Utc>,
    }
}

sql! {
    INSERT = "insert into reply (id, share_id, recipient_id, patient_id, author_id, guest_id, organization_id,
        from_clinic, closes_reply_due, body_sealed, written_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    OF_RECIPIENTS = "select * from reply where recipient_id in ({ids}) order by written_at, id";
}

/// Adds a message.
pub async fn insert(tx: &mut Tx, row: &ReplyRow) -> Result<()> {
    tx.change_one(
        INSERT,
        args![
            row.id,
            row.share_id,
            row.recipient_id,
            row.patient_id,
            row.author_id,
            row.guest_id,
            row.organization_id,
            row.from_clinic,
            row.closes_reply_due,
            row.body_sealed.clone(),
            row.written_at,
        ],
    )
    .await
}

/// The threads of loops, oldest message first.
pub async fn of_recipients(conn: &mut Conn, recipients: &[Uuid]) -> Result<Vec<ReplyRow>> {
    conn.all_in(OF_RECIPIENTS, args![], recipients).await
}
