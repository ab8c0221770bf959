//! Holds: a recipient asked that infusions stop. The clinic accepts a hold; only a physician lifts it. A hold is in
//! force from the moment it was asked for, accepted or not.

use std::collections::HashMap;

use chrono::Utc;
use liaison_domain::{
    Actor, BreakGlassId, HoldId, PatientId, Phi, Role,
    access::{Action, Relation},
};
use liaison_store::{
    Conn, Tx,
    acknowledgments::{self, HoldRow},
    directory::organizations_by_ids,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::acknowledge::hold_place;
use crate::{Result, Service, ServiceError, audit::mark_break_glass, idempotency, patients::patient_event};

/// Accept or lift a hold.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangeHold {
    /// The hold.
    pub hold_id: HoldId,
    /// Repeats with the same key change nothing.
    pub idempotency_key: Option<String>,
}

/// A hold that was accepted or lifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldChanged {
    /// The hold.
    pub hold_id: HoldId,
    /// The patient.
    pub patient_id: PatientId,
}

/// A hold as the clinic reads it.
#[derive(Debug, Clone)]
pub struct Hold {
    /// Who asked, who accepted, who lifted.
    pub row: HoldRow,
    /// Why it was asked for.
    pub reason: Option<Phi<String>>,
    /// Whether it is in force today, in the clinic's time zone.
    pub in_force: bool,
}

/// Whether a hold is in force on a day: not lifted, and its last day not over.
fn in_force(row: &HoldRow, today: chrono::NaiveDate) -> bool {
    row.lifted_at.is_none() && row.until_date.is_none_or(|last| last >= today)
}

#[derive(Clone, Copy)]
enum Change {
    Accept,
    Lift,
}

impl Service {
    /// The hold that is in force for a patient: the one that lasts longest, if there is one. Decides and records
    /// nothing: for use cases that plan or describe infusions.
    pub async fn active_hold(&self, conn: &mut Conn, patient: PatientId) -> Result<Option<HoldRow>> {
        let rows = acknowledgments::holds_of(conn, &[patient.uuid()]).await?;
        let today = self.clinic_day(conn, rows.first()).await?;
        let holds = rows.into_iter().filter(|row| in_force(row, today));
        // Without a last day it lasts until it is lifted.
        Ok(holds.max_by_key(|row| (row.until_date.is_none(), row.until_date, row.requested_at)))
    }

    async fn clinic_day(&self, conn: &mut Conn, of: Option<&HoldRow>) -> Result<chrono::NaiveDate> {
        let clinics: Vec<_> = of.map(|row| row.organization_id).into_iter().collect();
        let found = organizations_by_ids(conn, &clinics).await?;
        let zone: Option<chrono_tz::Tz> = found.first().and_then(|clinic| clinic.time_zone.parse().ok());
        let now: chrono::DateTime<Utc> = self.now();
        Ok(now.with_timezone(&zone.unwrap_or(chrono_tz::UTC)).date_naive())
    }

    /// A patient's holds, oldest first, with a ledger entry.
    ///
    /// # Errors
    /// `NotFound` when there is no such patient, or it is another clinic's.
    pub async fn holds(&self, actor: &Actor, patient: PatientId) -> Result<Vec<Hold>> {
        let (_, case) = self.own_record(actor, Action::ReadPatient, patient).await?;
        let mut found = self.open_holds(actor, &[patient], case).await?;
        Ok(found.remove(&patient).unwrap_or_default())
    }

    /// The holds of those of the given patients that are the own clinic's, by a constant number of statements, with a
    /// ledger entry for each patient whose reasons are read. Others are left out.
    pub async fn holds_of_patients(
        &self,
        actor: &Actor,
        patients: &[PatientId],
    ) -> Result<HashMap<PatientId, Vec<Hold>>> {
        self.authorize(actor, Action::ReadPatient, Relation::Own).await?;
        self.open_holds(actor, patients, None).await
    }

    async fn open_holds(
        &self,
        actor: &Actor,
        patients: &[PatientId],
        case: Option<BreakGlassId>,
    ) -> Result<HashMap<PatientId, Vec<Hold>>> {
        let mut ids: Vec<Uuid> = patients.iter().map(|id| id.uuid()).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut conn = self.read().await?;
        let mut rows = acknowledgments::holds_of(&mut conn, &ids).await?;
        rows.retain(|row| actor.acts_for(row.organization_id));
        let today = self.clinic_day(&mut conn, rows.first()).await?;
        let mut read: Vec<PatientId> = rows.iter().map(|row| row.patient_id).collect();
        read.sort_unstable();
        read.dedup();
        let keys = self.store().keyring()?.patient_keys(&mut conn, &read).await?;
        drop(conn);
        let mut found: HashMap<PatientId, Vec<Hold>> = HashMap::new();
        for row in rows {
            let reason: Option<String> = match (&row.detail_sealed, keys.get(&row.patient_id)) {
                (Some(sealed), Some(key)) => Some(key.open_json(hold_place(row.id), sealed)?),
                _ => None,
            };
            found.entry(row.patient_id).or_default().push(Hold {
                in_force: in_force(&row, today),
                reason: reason.filter(|text| !text.is_empty()).map(Phi::new),
                row,
            });
        }
        if !read.is_empty() {
            let entries = read.into_iter().map(|patient| {
                let mut entry = self.entry(actor, "hold.read");
                entry.patient_id = Some(patient);
                mark_break_glass(&mut entry, case);
                entry
            });
            self.record_readings(entries.collect()).await?;
        }
        Ok(found)
    }

    /// Accepts a hold for the clinic: a physician or a coordinator confirms that the series stands still.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is another clinic's; `Conflict` when it was accepted or lifted before.
    pub async fn accept_hold(&self, actor: &Actor, input: ChangeHold) -> Result<HoldChanged> {
        self.change_hold(actor, input, Change::Accept).await
    }

    /// Lifts a hold, so that infusions may go on: a physician alone.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is another clinic's; `Forbidden` for others than physicians; `Conflict` when
    /// it was lifted before.
    pub async fn lift_hold(&self, actor: &Actor, input: ChangeHold) -> Result<HoldChanged> {
        self.change_hold(actor, input, Change::Lift).await
    }

    async fn change_hold(&self, actor: &Actor, input: ChangeHold, change: Change) -> Result<HoldChanged> {
        let mut conn = self.read().await?;
        let found = acknowledgments::find_hold(&mut conn, input.hold_id).await?;
        drop(conn);
        let relation = match &found {
            Some(row) if actor.acts_for(row.organization_id) => Relation::Own,
            _ => Relation::None,
        };
        self.authorize_own(actor, Action::WorkCallTasks, relation, "hold")
            .await?;
        let row = found.ok_or(ServiceError::NotFound("hold"))?;
        if matches!(change, Change::Lift) && !actor.has(Role::Physician) {
            return self.refuse_lifting(actor, &row).await;
        }
        let operation = match change {
            Change::Accept => "acceptHold",
            Change::Lift => "liftHold",
        };
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.clone();
        if let Some(earlier) = idempotency::replay(&mut tx, actor, key.as_deref(), operation, &input).await? {
            return Ok(earlier);
        }
        self.write_hold_change(&mut tx, actor, &row, change).await?;
        let changed = HoldChanged {
            hold_id: row.id,
            patient_id: row.patient_id,
        };
        idempotency::keep(self, &mut tx, actor, key.as_deref(), operation, &input, &changed).await?;
        tx.commit().await?;
        Ok(changed)
    }

    async fn write_hold_change(&self, tx: &mut Tx, actor: &Actor, row: &HoldRow, change: Change) -> Result<()> {
        let user = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let now = self.now();
        let (done, action, code, message) = match change {
            Change::Accept => (
                acknowledgments::accept_hold(tx, row.id, user, now).await?,
                "hold.accept",
                "HOLD_NOT_WAITING",
                "this hold was accepted or lifted before; look again",
            ),
            Change::Lift => (
                acknowledgments::lift_hold(tx, row.id, user, now).await?,
                "hold.lift",
                "HOLD_LIFTED",
                "this hold was lifted before; look again",
            ),
        };
        if !done {
            return Err(ServiceError::conflict(code, message));
        }
        let mut entry = self.hold_entry(actor, action, row);
        entry.detail.insert("disposition", row.disposition.as_str().to_owned());
        tx.record(entry);
        tx.announce(patient_event(row.organization_id, row.patient_id));
        Ok(())
    }

    fn hold_entry(&self, actor: &Actor, action: &'static str, row: &HoldRow) -> liaison_store::NewEntry {
        let mut entry = self.entry(actor, action);
        entry.organization_id = Some(row.organization_id);
        entry.patient_id = Some(row.patient_id);
        entry.recipient_id = Some(row.recipient_id);
        entry.object_id = Some(row.id.to_string());
        entry
    }

    async fn refuse_lifting<T>(&self, actor: &Actor, row: &HoldRow) -> Result<T> {
        let mut tx = self.begin().await?;
        let mut entry = self.hold_entry(actor, "access.denied", row);
        entry.outcome = "denied";
        entry.detail.insert("wanted", "LIFT_HOLD".to_owned());
        entry
            .detail
            .insert("reason", "only a physician lifts a hold".to_owned());
        tx.record(entry);
        tx.commit().await?;
        Err(ServiceError::Forbidden)
    }
}
