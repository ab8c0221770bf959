//! Sharing restrictions that the clinic agreed with a patient (45 CFR 164.522(a)).

use chrono::{DateTime, Utc};
use liaison_domain::{Actor, OrganizationId, PatientId, Phi, RestrictionId, Role, TeamId, UserId, access::Action};
use liaison_store::{
    Place,
    patients::{self as rows, NewRestriction, RestrictionRow},
};
use serde::{Deserialize, Serialize};

use super::{Checks, patient_event};
use crate::{
    FieldProblem, Result, Service, ServiceError,
    audit::mark_break_glass,
    idempotency::{keep, replay},
};

/// With whom the clinic must not share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestrictionScope {
    /// With nobody of an organization.
    Organization(OrganizationId),
    /// With nobody of a team.
    Team(TeamId),
    /// Not with one user.
    User(UserId),
    /// With nobody but the clinic itself.
    EveryoneButClinic,
}

/// A restriction to be kept.
#[derive(Clone, Serialize, Deserialize)]
pub struct AddRestriction {
    /// The patient.
    pub patient_id: PatientId,
    /// With whom not to share.
    pub scope: RestrictionScope,
    /// What was agreed, in words: at most 20,000 characters. Sealed.
    pub detail: Option<String>,
    /// The physician of the clinic who agreed; the actor when absent.
    pub agreed_by: Option<UserId>,
    /// When it was agreed; now when absent, never later than now.
    pub agreed_at: Option<DateTime<Utc>>,
    /// A repeat with the same key adds nothing.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

/// What adding gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestrictionAdded {
    /// The new restriction.
    pub restriction_id: RestrictionId,
}

/// A restriction with its words, for the clinic.
#[derive(Debug, Clone)]
pub struct Restriction {
    /// Everything but the words.
    pub row: RestrictionRow,
    /// What was agreed.
    pub detail: Option<Phi<String>>,
}

const ADD: &str = "restriction.add";
const END: &str = "restriction.end";

fn place(id: RestrictionId) -> Place {
    Place::new("restriction", "detail_sealed", id.uuid())
}

/// Whether any of the restrictions forbids sharing with a team or user of `to_organization` at a time. A restriction
/// about a user speaks of that user alone: ask for each member when a team is addressed. Pure.
pub fn restriction_applies(
    restrictions: &[RestrictionRow],
    to_organization: OrganizationId,
    team: Option<TeamId>,
    user: Option<UserId>,
    at: DateTime<Utc>,
) -> bool {
    restrictions.iter().any(|row| {
        // In force as soon as it is kept: a clock that was set back must not open what was just closed.
        let holds = row.ended_at.is_none_or(|ended| at < ended);
        let meets = match (row.organization_id, row.team_id, row.user_id) {
            (None, None, None) => to_organization != row.clinic_id,
            (organization, in_team, of_user) => {
                organization == Some(to_organization)
                    || in_team.is_some() && in_team == team
                    || of_user.is_some() && of_user == user
            }
        };
        holds && meets
    })
}

impl Service {
    /// Keeps a restriction that a physician of the clinic agreed to. Running shares are not recalled by it.
    ///
    /// # Errors
    /// `NotFound` for the patient; `Invalid` with every problem.
    pub async fn add_restriction(&self, actor: &Actor, input: AddRestriction) -> Result<RestrictionAdded> {
        let patient = self.own_patient(actor, Action::ManagePatient, input.patient_id).await?;
        let now = self.now();
        let agreed_at = input.agreed_at.unwrap_or(now);
        let mut checks = Checks::default();
        let detail = checks.optional_text("detail", input.detail.as_deref());
        if agreed_at > now {
            checks.problem("agreedAt", "OUT_OF_RANGE", "an agreement cannot lie in the future");
        }
        let mut conn = self.read().await?;
        let (mut organization_id, mut team_id, mut user_id) = (None, None, None);
        let known = match input.scope {
            RestrictionScope::Organization(id) => {
                organization_id = Some(id);
                if id == patient.organization_id {
                    checks.problem(
                        "scope",
                        "OWN_CLINIC",
                        "a restriction is about sharing outside of the clinic",
                    );
                }
                !rows::known_organizations(&mut conn, &[id]).await?.is_empty()
            }
            RestrictionScope::Team(id) => {
                team_id = Some(id);
                rows::active_team(&mut conn, id).await?.is_some()
            }
            RestrictionScope::User(id) => {
                user_id = Some(id);
                rows::person_is_active(&mut conn, id).await?
            }
            RestrictionScope::EveryoneButClinic => true,
        };
        if !known {
            checks.add(FieldProblem::unknown_id("scope"));
        }
        let agreed_by = input.agreed_by.or(actor.user_id);
        let roles = match agreed_by {
            Some(user) => rows::current_roles(&mut conn, user, patient.organization_id).await?,
            None => Vec::new(),
        };
        drop(conn);
        if !roles.contains(&Role::Physician) {
            checks.problem(
                "agreedBy",
                "NOT_A_PHYSICIAN",
                "name the physician of the clinic who agreed",
            );
        }
        checks.finish()?;
        let agreed_by = agreed_by.ok_or(ServiceError::Unauthenticated)?;

        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if let Some(kept) = replay(&mut tx, actor, key, ADD, &input).await? {
            return Ok(kept);
        }
        let id = self.id::<RestrictionId>();
        let detail_sealed = match detail {
            Some(detail) => {
                let patient_key = self.store().keyring()?.patient_key(&mut tx, patient.id).await?;
                Some(patient_key.seal_json(place(id), &detail, &*self.store().random())?)
            }
            None => None,
        };
        let new = NewRestriction {
            id,
            patient_id: patient.id,
            organization_id,
            team_id,
            user_id,
            detail_sealed,
            agreed_by,
            agreed_at,
        };
        rows::add_restriction(&mut tx, new, now).await?;
        let mut entry = self.entry(actor, ADD);
        entry.patient_id = Some(patient.id);
        entry.object_id = Some(id.to_string());
        entry.detail.insert("agreed_by", agreed_by.to_string());
        tx.record(entry);
        tx.announce(patient_event(patient.organization_id, patient.id));
        let answer = RestrictionAdded { restriction_id: id };
        keep(self, &mut tx, actor, key, ADD, &input, &answer).await?;
        tx.commit().await?;
        Ok(answer)
    }

    /// Ends a restriction now. One that has ended stays as it is.
    ///
    /// # Errors
    /// `NotFound` when there is none, or its patient is another clinic's.
    pub async fn end_restriction(&self, actor: &Actor, id: RestrictionId) -> Result<()> {
        let mut conn = self.read().await?;
        let row = rows::restriction(&mut conn, id).await?;
        drop(conn);
        let row = row.ok_or(ServiceError::NotFound("restriction"))?;
        let owned = self.own_patient(actor, Action::ManagePatient, row.patient_id).await;
        let patient = owned.map_err(|error| match error {
            ServiceError::NotFound(_) => ServiceError::NotFound("restriction"),
            other => other,
        })?;
        let mut tx = self.begin().await?;
        rows::lock(&mut tx, patient.id).await?;
        let row = rows::restriction(&mut tx, id)
            .await?
            .ok_or(ServiceError::NotFound("restriction"))?;
        if row.ended_at.is_some() {
            tx.settle_earlier().await?;
            return Ok(());
        }
        rows::end_restriction(&mut tx, id, self.now(), actor.user_id).await?;
        let mut entry = self.entry(actor, END);
        entry.patient_id = Some(patient.id);
        entry.object_id = Some(id.to_string());
        tx.record(entry);
        tx.announce(patient_event(patient.organization_id, patient.id));
        tx.commit().await?;
        Ok(())
    }

    /// Every restriction of a patient with its words, ended ones too, with a ledger entry.
    ///
    /// # Errors
    /// `NotFound` for the patient.
    pub async fn restrictions(&self, actor: &Actor, patient: PatientId) -> Result<Vec<Restriction>> {
        let (_, case) = self.own_record(actor, Action::ReadPatient, patient).await?;
        let mut conn = self.read().await?;
        let found = rows::restrictions_of(&mut conn, &[patient]).await?;
        let key = self.store().keyring()?.patient_key(&mut conn, patient).await?;
        drop(conn);
        let mut opened = Vec::with_capacity(found.len());
        for row in found {
            let detail = match &row.detail_sealed {
                Some(sealed) => Some(Phi::new(key.open_json::<String>(place(row.id), sealed)?)),
                None => None,
            };
            opened.push(Restriction { row, detail });
        }
        let mut entry = self.entry(actor, "restriction.read");
        entry.patient_id = Some(patient);
        entry.detail.insert("count", opened.len().to_string());
        mark_break_glass(&mut entry, case);
        self.record_readings(vec![entry]).await?;
        Ok(opened)
    }
}
