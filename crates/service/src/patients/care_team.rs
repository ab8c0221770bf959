//! Who looks after a patient: teams or users, in a part, from..until.

use chrono::{DateTime, Utc};
use liaison_domain::{Actor, CareRole, CareTeamEntryId, PatientId, TeamId, UserId, access::Action};
use liaison_store::patients::{self as rows, CareTeamRow, NewCareTeamEntry};
use serde::{Deserialize, Serialize};

use super::{Checks, patient_event};
use crate::{
    FieldProblem, Result, Service, ServiceError,
    idempotency::{keep, replay},
};

/// A team or a user to be added to a patient's care team: exactly one of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AddCareTeamEntry {
    /// The patient.
    pub patient_id: PatientId,
    /// A team in use.
    pub team_id: Option<TeamId>,
    /// A person who is not disabled.
    pub user_id: Option<UserId>,
    /// In which part.
    pub care_role: CareRole,
    /// From when; now when absent.
    pub from: Option<DateTime<Utc>>,
    /// Until when (not included); open when absent. After `from`.
    pub until: Option<DateTime<Utc>>,
    /// A repeat with the same key adds nothing.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

/// What adding gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CareTeamEntryAdded {
    /// The new entry; or the one that holds this team or user in this part already.
    pub entry_id: CareTeamEntryId,
    /// Whether it was there already.
    pub existed: bool,
}

const ADD: &str = "careteam.add";
const END: &str = "careteam.end";

impl Service {
    /// Adds a team or user to a patient's care team. The same team or user in the same part at the same time is not
    /// added twice.
    ///
    /// # Errors
    /// `NotFound` for the patient; `Invalid` with every problem.
    pub async fn add_care_team_entry(&self, actor: &Actor, input: AddCareTeamEntry) -> Result<CareTeamEntryAdded> {
        let patient = self.own_patient(actor, Action::ManagePatient, input.patient_id).await?;
        let from_at = input.from.unwrap_or_else(|| self.now());
        let mut checks = Checks::default();
        let mut conn = self.read().await?;
        match (input.team_id, input.user_id) {
            (Some(team), None) => {
                if rows::active_team(&mut conn, team).await?.is_none() {
                    checks.add(FieldProblem::unknown_id("teamId"));
                }
            }
            (None, Some(user)) => {
                if !rows::person_is_active(&mut conn, user).await? {
                    checks.add(FieldProblem::unknown_id("userId"));
                }
            }
            _ => checks.problem("teamId", "EITHER_OR", "give a team or a user, exactly one of them"),
        }
        drop(conn);
        if input.until.is_some_and(|until| until <= from_at) {
            checks.problem("until", "OUT_OF_RANGE", "must be after the beginning");
        }
        checks.finish()?;

        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if let Some(kept) = replay(&mut tx, actor, key, ADD, &input).await? {
            return Ok(kept);
        }
        // The lock keeps two equal additions from passing each other.
        rows::lock(&mut tx, input.patient_id).await?;
        let present = rows::care_team_at(&mut tx, &[input.patient_id], from_at).await?;
        let same = present.iter().find(|row| {
            row.team_id == input.team_id && row.user_id == input.user_id && row.care_role == input.care_role
        });
        if let Some(row) = same {
            tx.settle_earlier().await?;
            return Ok(CareTeamEntryAdded {
                entry_id: row.id,
                existed: true,
            });
        }
        let entry_id = self.id::<CareTeamEntryId>();
        let new = NewCareTeamEntry {
            id: entry_id,
            patient_id: input.patient_id,
            team_id: input.team_id,
            user_id: input.user_id,
            care_role: input.care_role,
            from_at,
            until_at: input.until,
            created_by: actor.user_id,
        };
        rows::add_care_team_entry(&mut tx, &new, self.now()).await?;
        let mut entry = self.entry(actor, ADD);
        entry.patient_id = Some(input.patient_id);
        entry.object_id = Some(entry_id.to_string());
        entry.detail.insert("care_role", input.care_role.to_string());
        let whom = input
            .team_id
            .map(|id| id.to_string())
            .or(input.user_id.map(|id| id.to_string()));
        entry.detail.insert("who", whom.unwrap_or_default());
        tx.record(entry);
        tx.announce(patient_event(patient.organization_id, patient.id));
        let answer = CareTeamEntryAdded {
            entry_id,
            existed: false,
        };
        keep(self, &mut tx, actor, key, ADD, &input, &answer).await?;
        tx.commit().await?;
        Ok(answer)
    }

    /// Ends a care team entry now. One that has ended stays as it is.
    ///
    /// # Errors
    /// `NotFound` when there is none, or its patient is another clinic's.
    pub async fn end_care_team_entry(&self, actor: &Actor, id: CareTeamEntryId) -> Result<()> {
        let mut conn = self.read().await?;
        let row = rows::care_team_entry(&mut conn, id).await?;
        drop(conn);
        let row = row.ok_or(ServiceError::NotFound("care team entry"))?;
        let patient = self
            .own_patient(actor, Action::ManagePatient, row.patient_id)
            .await
            .map_err(not_found)?;
        let now = self.now();
        let mut tx = self.begin().await?;
        rows::lock(&mut tx, patient.id).await?;
        let row = rows::care_team_entry(&mut tx, id)
            .await?
            .ok_or(ServiceError::NotFound("care team entry"))?;
        if row.until_at.is_some_and(|until| until <= now) {
            tx.settle_earlier().await?;
            return Ok(());
        }
        // An entry that was to begin later ends as it begins, so that it never holds.
        rows::end_care_team_entry(&mut tx, id, now.max(row.from_at)).await?;
        let mut entry = self.entry(actor, END);
        entry.patient_id = Some(patient.id);
        entry.object_id = Some(id.to_string());
        tx.record(entry);
        tx.announce(patient_event(patient.organization_id, patient.id));
        tx.commit().await?;
        Ok(())
    }

    /// Who looks after a patient at a time.
    ///
    /// # Errors
    /// `NotFound` for the patient.
    pub async fn care_team(&self, actor: &Actor, patient: PatientId, at: DateTime<Utc>) -> Result<Vec<CareTeamRow>> {
        self.own_record(actor, Action::ReadPatient, patient).await?;
        let mut conn = self.read().await?;
        Ok(rows::care_team_at(&mut conn, &[patient], at).await?)
    }
}

fn not_found(error: ServiceError) -> ServiceError {
    match error {
        ServiceError::NotFound(_) => ServiceError::NotFound("care team entry"),
        other => other,
    }
}
