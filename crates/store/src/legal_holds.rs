//! Legal holds: while one stands on a patient, nothing that belongs to the patient is removed, neither for its age nor by
//! a person. Several may stand on one patient, one for each matter. What they keep is said where it is removed
//! ([`crate::retention`], [`crate::notes`]); who may set and lift them is the service's.

use chrono::{DateTime, Utc};
use liaison_domain::{LegalHoldId, OrganizationId, PatientId, UserId};

use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// One hold.
    pub struct LegalHoldRow {
        /// Its id.
        id: LegalHoldId,
        /// The clinic.
        organization_id: OrganizationId,
        /// The patient.
        patient_id: PatientId,
        /// Why: sealed.
        reason_sealed: Vec<u8>,
        /// Who set it.
        set_by: UserId,
        /// When.
        set_at: DateTime<Utc>,
        /// Who lifted it.
        lifted_by: Option<UserId>,
        /// When.
        lifted_at: Option<DateTime<Utc>>,
        /// Why it was lifted: sealed.
        lift_reason_sealed: Option<Vec<u8>>,
    }
}

sql! {
    INSERT = "insert into legal_hold (id, organization_id, patient_id, reason_sealed, set_by, set_at)
        values ($1, $2, $3, $4, $5, $6)";
    FIND = "select * from legal_hold where id = $1";
    LIFT = "update legal_hold set lifted_by = $2, lifted_at = $3, lift_reason_sealed = $4
        where id = $1 and lifted_at is null";
    SINCE = "select min(set_at) as a from legal_hold where patient_id = $1 and lifted_at is null";
    LIST = "select * from legal_hold where organization_id = $1 and (patient_id = $2 or $2 is null)
        and ((lifted_at is null) = $3 or $3 is null)
        and (set_at < $4 or (set_at = $4 and id < $5) or $4 is null) order by set_at desc, id desc limit $6";
    // On SQLite the one writer is enough.
    STAND_STILL = sqlite "select 1" postgres "lock table legal_hold in share mode";
}

/// Adds a hold. Waits for whoever removes at this moment ([`stand_still`]).
pub async fn insert(tx: &mut Tx, row: &LegalHoldRow) -> Result<()> {
    let values = args![
        row.id,
        row.organization_id,
        row.patient_id,
        row.reason_sealed.as_slice(),
        row.set_by,
        row.set_at,
    ];
    tx.change_one(INSERT, values).await
}

/// One hold.
pub async fn find(conn: &mut Conn, id: LegalHoldId) -> Result<Option<LegalHoldRow>> {
    conn.one(FIND, args![id]).await
}

/// Lifts a hold; whether it stood.
pub async fn lift(tx: &mut Tx, id: LegalHoldId, by: UserId, at: DateTime<Utc>, reason_sealed: Vec<u8>) -> Result<bool> {
    Ok(tx.execute(LIFT, args![id, by, at, reason_sealed]).await? == 1)
}

/// Since when a patient is held: by the earliest hold that stands.
pub async fn since(conn: &mut Conn, patient: PatientId) -> Result<Option<DateTime<Utc>>> {
    let row: Option<(Option<DateTime<Utc>>,)> = conn.one(SINCE, args![patient]).await?;
    Ok(row.and_then(|(since,)| since))
}

/// A clinic's holds, newest first, of one patient or all: those that stand (`Some(true)`), those that were lifted, or all.
pub async fn list(
    conn: &mut Conn,
    organization: OrganizationId,
    patient: Option<PatientId>,
    standing: Option<bool>,
    after: Option<(DateTime<Utc>, LegalHoldId)>,
    limit: u32,
) -> Result<Vec<LegalHoldRow>> {
    let (at, id) = after.unzip();
    conn.all(LIST, args![organization, patient, standing, at, id, limit])
        .await
}

/// Nobody sets or lifts a hold until this transaction ends, and what was set before is seen by its next statement. Called
/// first in every transaction that removes something of a patient, so that no hold is overlooked by one that began
/// earlier.
pub async fn stand_still(tx: &mut Tx) -> Result<()> {
    tx.execute(STAND_STILL, args![]).await?;
    Ok(())
}
