//! Legal hold: an admin says that nothing of a patient may be removed until they lift it again, both with a reason.
//!
//! While one stands, the retention job passes by whatever belongs to the patient, a draft about them cannot be discarded,
//! and a withdrawn note keeps the amendment that was under way. Several may stand on one patient, one for each matter; the
//! last to be lifted frees. That the admin proved themself again just before is the page's to check.

use chrono::{DateTime, Utc};
use liaison_domain::{
    Actor, LegalHoldId, PatientId, Phi, PurposeOfUse, UserId,
    access::{Action, Relation},
};
use liaison_store::{
    NewEntry, PatientKey, Place, Tx,
    legal_holds::{self as rows, LegalHoldRow},
};
use serde::{Deserialize, Serialize};

use super::{Checks, patient_event};
use crate::{
    Result, Service, ServiceError, idempotency,
    reading::{Position, cut, decode, encode, size},
};

/// Set a hold on a patient.
#[derive(Clone, Serialize, Deserialize)]
pub struct SetLegalHold {
    /// The patient, of the actor's own clinic.
    pub patient_id: PatientId,
    /// Why: who asked for it, the number of the case. 1 to 20,000 characters. PHI.
    pub reason: String,
    /// Repeats with the same key change nothing.
    pub idempotency_key: Option<String>,
}

/// A hold that was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalHoldSet {
    /// The hold.
    pub legal_hold_id: LegalHoldId,
}

/// Lift a hold.
#[derive(Clone, Serialize, Deserialize)]
pub struct LiftLegalHold {
    /// The hold, of the actor's own clinic.
    pub legal_hold_id: LegalHoldId,
    /// Why: 1 to 20,000 characters. PHI.
    pub reason: String,
    /// Repeats with the same key change nothing.
    pub idempotency_key: Option<String>,
}

/// A hold that was lifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalHoldLifted {
    /// The hold.
    pub legal_hold_id: LegalHoldId,
    /// Whether another hold still stands on the patient: nothing of theirs is removed before that one is lifted too.
    pub still_held: bool,
}

/// A hold with its reasons.
#[derive(Debug, Clone)]
pub struct LegalHold {
    /// Its id.
    pub id: LegalHoldId,
    /// The patient.
    pub patient_id: PatientId,
    /// Why it was set.
    pub reason: Phi<String>,
    /// Who set it.
    pub set_by: UserId,
    /// When.
    pub set_at: DateTime<Utc>,
    /// Who lifted it.
    pub lifted_by: Option<UserId>,
    /// When.
    pub lifted_at: Option<DateTime<Utc>>,
    /// Why it was lifted.
    pub lift_reason: Option<Phi<String>>,
    /// Its place in the list.
    pub cursor: String,
}

/// Which holds.
#[derive(Debug, Clone, Default)]
pub struct LegalHoldQuery {
    /// Only those on this patient.
    pub patient_id: Option<PatientId>,
    /// Only those that stand, or only those that were lifted.
    pub standing: Option<bool>,
    /// 1 to 100; 50 when not given.
    pub first: Option<u32>,
    /// Go on after the hold of this cursor.
    pub after: Option<String>,
}

/// A page of holds, newest first.
#[derive(Debug, Clone)]
pub struct LegalHoldPage {
    /// The holds.
    pub entries: Vec<LegalHold>,
    /// Whether more follow.
    pub has_more: bool,
}

const SET: &str = "setLegalHold";
const LIFT: &str = "liftLegalHold";

fn place(column: &'static str, id: LegalHoldId) -> Place {
    Place::new("legal_hold", column, id.uuid())
}

fn opened(row: LegalHoldRow, key: &PatientKey) -> Result<LegalHold> {
    let lift_reason = match &row.lift_reason_sealed {
        Some(sealed) => Some(Phi::new(key.open_json(place("lift_reason_sealed", row.id), sealed)?)),
        None => None,
    };
    Ok(LegalHold {
        id: row.id,
        patient_id: row.patient_id,
        reason: Phi::new(key.open_json(place("reason_sealed", row.id), &row.reason_sealed)?),
        set_by: row.set_by,
        set_at: row.set_at,
        lifted_by: row.lifted_by,
        lifted_at: row.lifted_at,
        lift_reason,
        cursor: encode(&Position {
            at: row.set_at,
            id: row.id,
        }),
    })
}

/// Refuses to remove something of a patient on whom a hold stands. The transaction stands still for holds.
pub(crate) async fn refuse_if_held(tx: &mut Tx, patient: PatientId) -> Result<()> {
    match rows::since(tx, patient).await? {
        Some(_) => Err(ServiceError::conflict(
            "LEGAL_HOLD",
            "a legal hold stands on this patient: nothing of theirs may be removed until an admin lifts it",
        )),
        None => Ok(()),
    }
}

impl Service {
    /// Sets a hold on a patient, beside those that stand already. From the answer on, nothing of the patient is removed.
    ///
    /// # Errors
    /// `NotFound` for a patient of another clinic; `Forbidden` unless an admin; `Invalid` for a reason that says nothing.
    pub async fn set_legal_hold(&self, actor: &Actor, input: SetLegalHold) -> Result<LegalHoldSet> {
        let patient = self
            .own_patient(actor, Action::ManageLegalHolds, input.patient_id)
            .await?;
        let user = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let mut checks = Checks::default();
        let reason = checks.text("reason", &input.reason);
        checks.finish()?;
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if let Some(earlier) = idempotency::replay(&mut tx, actor, key, SET, &input).await? {
            return Ok(earlier);
        }
        let id: LegalHoldId = self.id();
        let patient_key = self.store().keyring()?.patient_key(&mut tx, patient.id).await?;
        let row = LegalHoldRow {
            id,
            organization_id: patient.organization_id,
            patient_id: patient.id,
            reason_sealed: patient_key.seal_json(place("reason_sealed", id), &reason, &*self.store().random())?,
            set_by: user,
            set_at: self.now(),
            lifted_by: None,
            lifted_at: None,
            lift_reason_sealed: None,
        };
        rows::insert(&mut tx, &row).await?;
        tx.record(self.legal_hold_entry(actor, "legal_hold.set", &row));
        tx.announce(patient_event(row.organization_id, row.patient_id));
        let set = LegalHoldSet { legal_hold_id: id };
        idempotency::keep(self, &mut tx, actor, key, SET, &input, &set).await?;
        tx.commit().await?;
        Ok(set)
    }

    /// Lifts a hold. What was kept for it alone goes with the next round of the retention job.
    ///
    /// # Errors
    /// `NotFound` for another clinic's; `Forbidden` unless an admin; `Invalid` for a reason that says nothing; `Conflict`
    /// `LIFTED_BEFORE`.
    pub async fn lift_legal_hold(&self, actor: &Actor, input: LiftLegalHold) -> Result<LegalHoldLifted> {
        let found = rows::find(&mut self.read().await?, input.legal_hold_id).await?;
        let relation = match &found {
            Some(row) if actor.acts_for(row.organization_id) => Relation::Own,
            _ => Relation::None,
        };
        self.authorize_own(actor, Action::ManageLegalHolds, relation, "legal hold")
            .await?;
        let row = found.ok_or(ServiceError::NotFound("legal hold"))?;
        let user = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let mut checks = Checks::default();
        let reason = checks.text("reason", &input.reason);
        checks.finish()?;
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if let Some(earlier) = idempotency::replay(&mut tx, actor, key, LIFT, &input).await? {
            return Ok(earlier);
        }
        let patient_key = self.store().keyring()?.patient_key(&mut tx, row.patient_id).await?;
        let sealed = patient_key.seal_json(place("lift_reason_sealed", row.id), &reason, &*self.store().random())?;
        if !rows::lift(&mut tx, row.id, user, self.now(), sealed).await? {
            return Err(ServiceError::conflict(
                "LIFTED_BEFORE",
                "this hold was lifted before; look again",
            ));
        }
        let lifted = LegalHoldLifted {
            legal_hold_id: row.id,
            still_held: rows::since(&mut tx, row.patient_id).await?.is_some(),
        };
        let mut entry = self.legal_hold_entry(actor, "legal_hold.lift", &row);
        entry.detail.insert("still_held", lifted.still_held.to_string());
        tx.record(entry);
        tx.announce(patient_event(row.organization_id, row.patient_id));
        idempotency::keep(self, &mut tx, actor, key, LIFT, &input, &lifted).await?;
        tx.commit().await?;
        Ok(lifted)
    }

    /// The clinic's holds with their reasons, newest first; one ledger entry for the page. For admins and auditors.
    ///
    /// # Errors
    /// `Forbidden`; `Invalid` for a page size out of range or another list's cursor.
    pub async fn legal_holds(&self, actor: &Actor, query: LegalHoldQuery) -> Result<LegalHoldPage> {
        self.authorize(actor, Action::ReadLegalHolds, Relation::Own).await?;
        let organization = self.organization(actor)?;
        let mut problems = Vec::new();
        let first = size(query.first, &mut problems);
        let after: Option<Position<LegalHoldId>> = decode(query.after.as_deref(), &mut problems);
        if !problems.is_empty() {
            return Err(ServiceError::Invalid(problems));
        }
        let (of, standing) = (query.patient_id, query.standing);
        let mut conn = self.read().await?;
        let mut found = rows::list(
            &mut conn,
            organization,
            of,
            standing,
            after.map(Position::pair),
            first + 1,
        )
        .await?;
        let has_more = cut(&mut found, first);
        let patients: Vec<PatientId> = found.iter().map(|row| row.patient_id).collect();
        let keys = self.store().keyring()?.patient_keys(&mut conn, &patients).await?;
        drop(conn);
        let mut entries = Vec::with_capacity(found.len());
        for row in found {
            let key = keys.get(&row.patient_id).ok_or(ServiceError::NotFound("patient"))?;
            entries.push(opened(row, key)?);
        }
        if !entries.is_empty() {
            let mut entry = self.entry(actor, "legal_hold.read");
            entry.purpose = PurposeOfUse::Operations;
            entry.patient_id = of;
            entry.detail.insert("count", entries.len().to_string());
            self.record_readings(vec![entry]).await?;
        }
        Ok(LegalHoldPage { entries, has_more })
    }

    /// Since when a patient is held, for those who read the record: that a hold stands, not why.
    ///
    /// # Errors
    /// `NotFound` when there is no such patient, or it is another clinic's.
    pub async fn legal_hold_since(&self, actor: &Actor, patient: PatientId) -> Result<Option<DateTime<Utc>>> {
        self.own_record(actor, Action::ReadPatient, patient).await?;
        Ok(rows::since(&mut self.read().await?, patient).await?)
    }

    fn legal_hold_entry(&self, actor: &Actor, action: &'static str, row: &LegalHoldRow) -> NewEntry {
        let mut entry = self.entry(actor, action);
        entry.purpose = PurposeOfUse::Operations;
        entry.organization_id = Some(row.organization_id);
        entry.patient_id = Some(row.patient_id);
        entry.object_id = Some(row.id.to_string());
        entry
    }
}
