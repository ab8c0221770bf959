//! Acknowledgments, declines and holds.

use chrono::{DateTime, NaiveDate, Utc};
use liaison_domain::{
    AcknowledgmentId, CallTaskId, Decline, Disposition, GuestId, HoldId, NoteVersionId, OrganizationId, PatientId,
    RecipientId, ShareId, UserId,
};
use uuid::Uuid;

use crate::{Json, args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// A person's acknowledgment.
    pub struct AcknowledgmentRow {
        /// Its id.
        id: AcknowledgmentId,
        /// The loop.
        recipient_id: RecipientId,
        /// The share.
        share_id: ShareId,
        /// The version it is about.
        note_version_id: NoteVersionId,
        /// The patient.
        patient_id: PatientId,
        /// Who acknowledged; none where a person without account was telephoned (their name is in the detail).
        user_id: Option<UserId>,
        /// For which organization.
        organization_id: OrganizationId,
        /// It was given by telephone, with read-back.
        by_telephone: bool,
        /// Who recorded it, or ...
        recorded_by: Option<UserId>,
        /// ... the guest of a secure link who gave it.
        guest_id: Option<GuestId>,
        /// The call that recorded it.
        call_task_id: Option<CallTaskId>,
        /// The dispositions.
        dispositions: Json<Vec<Disposition>>,
        /// Comment and details: sealed JSON.
        detail_sealed: Option<Vec<u8>>,
        /// When it was given.
        acknowledged_at: DateTime<Utc>,
        /// When it was recorded.
        recorded_at: DateTime<Utc>,
    }
}

row! {
    /// A recipient's decline.
    pub struct DeclineRow {
        /// The loop.
        recipient_id: RecipientId,
        /// Why.
        reason: Decline,
        /// Comment: sealed JSON.
        detail_sealed: Option<Vec<u8>>,
        /// Who declined, or ...
        user_id: Option<UserId>,
        /// ... the guest of a secure link.
        guest_id: Option<GuestId>,
        /// When.
        declined_at: DateTime<Utc>,
    }
}

row! {
    /// A request to hold infusions.
    pub struct HoldRow {
        /// Its id.
        id: HoldId,
        /// The patient.
        patient_id: PatientId,
        /// The clinic.
        organization_id: OrganizationId,
        /// The loop it came by.
        recipient_id: RecipientId,
        /// Which disposition asked for it.
        disposition: Disposition,
        /// Until when; until lifted where it is not set.
        until_date: Option<NaiveDate>,
        /// The reason: sealed JSON.
        detail_sealed: Option<Vec<u8>>,
        /// Who asked, or ...
        requested_by: Option<UserId>,
        /// ... the guest of a secure link.
        guest_id: Option<GuestId>,
        /// When.
        requested_at: DateTime<Utc>,
        /// Who accepted it for the clinic.
        accepted_by: Option<UserId>,
        /// When.
        accepted_at: Option<DateTime<Utc>>,
        /// Who lifted it.
        lifted_by: Option<UserId>,
        /// When.
        lifted_at: Option<DateTime<Utc>>,
    }
}

sql! {
    INSERT = "insert into acknowledgment (id, recipient_id, share_id, note_version_id, patient_id, user_id,
        organization_id, by_telephone, recorded_by, guest_id, call_task_id, dispositions, detail_sealed,
        acknowledged_at, recorded_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    OF_RECIPIENTS = "select * from acknowledgment where recipient_id in ({ids})";
    OF_PATIENT = "select * from acknowledgment where patient_id = $1 order by acknowledged_at, id";
    INSERT_DECLINE = "insert into decline (recipient_id, reason, detail_sealed, user_id, guest_id, declined_at)
        values ($1, $2, $3, $4, $5, $6)";
    DECLINES_OF = "select * from decline where recipient_id in ({ids})";
    INSERT_HOLD = "insert into hold (id, patient_id, organization_id, recipient_id, disposition, until_date,
        detail_sealed, requested_by, guest_id, requested_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    HOLDS_OF = "select * from hold where patient_id in ({ids}) order by requested_at, id";
    FIND_HOLD = "select * from hold where id = $1";
    ACCEPT_HOLD = "update hold set accepted_by = $2, accepted_at = $3 where id = $1 and accepted_at is null
        and lifted_at is null";
    LIFT_HOLD = "update hold set lifted_by = $2, lifted_at = $3 where id = $1 and lifted_at is null";
}

/// Adds an acknowledgment; the loop's lock has shown that there is none.
pub fn insert(tx: &mut Tx, row: &AcknowledgmentRow) {
    tx.insert_one(
        INSERT,
        args![
            row.id,
            row.recipient_id,
            row.share_id,
            row.note_version_id,
            row.patient_id,
            row.user_id,
            row.organization_id,
            row.by_telephone,
            row.recorded_by,
            row.guest_id,
            row.call_task_id,
            Json(&row.dispositions.0),
            row.detail_sealed.clone(),
            row.acknowledged_at,
            row.recorded_at,
        ],
    );
}

/// The acknowledgments of loops.
pub async fn of_recipients(conn: &mut Conn, recipients: &[Uuid]) -> Result<Vec<AcknowledgmentRow>> {
    conn.all_in(OF_RECIPIENTS, args![], recipients).await
}

/// A patient's acknowledgments, oldest first.
pub async fn of_patient(conn: &mut Conn, patient: PatientId) -> Result<Vec<AcknowledgmentRow>> {
    conn.all(OF_PATIENT, args![patient]).await
}

/// Adds a decline.
pub async fn insert_decline(tx: &mut Tx, row: &DeclineRow) -> Result<()> {
    tx.change_one(
        INSERT_DECLINE,
        args![
            row.recipient_id,
            row.reason,
            row.detail_sealed.clone(),
            row.user_id,
            row.guest_id,
            row.declined_at
        ],
    )
    .await
}

/// The declines of loops.
pub async fn declines_of(conn: &mut Conn, recipients: &[Uuid]) -> Result<Vec<DeclineRow>> {
    conn.all_in(DECLINES_OF, args![], recipients).await
}

/// Adds a hold.
pub async fn insert_hold(tx: &mut Tx, row: &HoldRow) -> Result<()> {
    tx.change_one(
        INSERT_HOLD,
        args![
            row.id,
            row.patient_id,
            row.organization_id,
            row.recipient_id,
            row.disposition,
            row.until_date,
            row.detail_sealed.clone(),
            row.requested_by,
            row.guest_id,
            row.requested_at,
        ],
    )
    .await
}

/// The holds of patients, oldest first.
pub async fn holds_of(conn: &mut Conn, patients: &[Uuid]) -> Result<Vec<HoldRow>> {
    conn.all_in(HOLDS_OF, args![], patients).await
}

/// One hold.
pub async fn find_hold(conn: &mut Conn, id: HoldId) -> Result<Option<HoldRow>> {
    conn.one(FIND_HOLD, args![id]).await
}

/// Accepts a hold for the clinic; whether it waited for that.
pub async fn accept_hold(tx: &mut Tx, id: HoldId, by: UserId, at: DateTime<Utc>) -> Result<bool> {
    Ok(tx.execute(ACCEPT_HOLD, args![id, by, at]).await? == 1)
}

/// Lifts a hold; whether it was in force.
pub async fn lift_hold(tx: &mut Tx, id: HoldId, by: UserId, at: DateTime<Utc>) -> Result<bool> {
    Ok(tx.execute(LIFT_HOLD, args![id, by, at]).await? == 1)
}
