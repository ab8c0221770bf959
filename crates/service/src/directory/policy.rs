//! Escalation policies: what happens when nobody of an organization answers, and a preview of it.

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{
    Actor, OrganizationId, TeamId, Urgency, UserId,
    access::{Action, Relation},
    escalation::{Policy, StepKind},
};
use liaison_store::{
    Json,
    directory::{self as rows, PolicyRow},
};
use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::{
    FieldProblem, Result, Service, ServiceError,
    idempotency::{keep, replay},
};

/// How far from now an escalation may be previewed.
const FARTHEST: TimeDelta = TimeDelta::days(3_653);

/// Sets what happens when nobody of an organization answers at one urgency. Shares that are under way keep theirs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetPolicy {
    /// The recipients' organization.
    pub organization_id: OrganizationId,
    /// For which urgency.
    pub urgency: Urgency,
    /// The policy; `None` goes back to the default.
    pub policy: Option<Policy>,
    /// Makes a repeat harmless.
    pub idempotency_key: Option<String>,
}

/// A policy that holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyInForce {
    /// The recipients' organization.
    pub organization_id: OrganizationId,
    /// For which urgency.
    pub urgency: Urgency,
    /// What happens.
    pub policy: Policy,
    /// Whether nobody set another than the default.
    pub is_default: bool,
    /// Who set it.
    pub updated_by: Option<UserId>,
    /// When it was set.
    pub updated_at: Option<DateTime<Utc>>,
}

/// Asks what happens when nobody of a team answers.
#[derive(Debug, Clone)]
pub struct PreviewEscalation {
    /// The team.
    pub team_id: TeamId,
    /// The urgency of the share.
    pub urgency: Urgency,
    /// The moment of sharing; now where none is given.
    pub shared_at: Option<DateTime<Utc>>,
}

/// What happens when nobody of a team answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationPreview {
    /// The moment of sharing.
    pub shared_at: DateTime<Utc>,
    /// By when an acknowledgment is asked for.
    pub due_at: DateTime<Utc>,
    /// Each step with its time, in order.
    pub steps: Vec<(StepKind, DateTime<Utc>)>,
    /// Who leads the team, and so is told as the next person.
    pub leads: Vec<UserId>,
    /// How many people of the team can be told something.
    pub people: usize,
    /// The policy it follows.
    pub policy: PolicyInForce,
}

fn in_force(organization_id: OrganizationId, urgency: Urgency, set: Option<PolicyRow>) -> PolicyInForce {
    PolicyInForce {
        organization_id,
        urgency,
        is_default: set.is_none(),
        updated_by: set.as_ref().and_then(|row| row.updated_by),
        updated_at: set.as_ref().map(|row| row.updated_at),
        policy: set.map_or_else(|| Policy::default_for(urgency), |row| row.policy.0),
    }
}

impl Service {
    /// Sets a policy, or goes back to the default.
    pub async fn set_policy(&self, actor: &Actor, input: SetPolicy) -> Result<PolicyInForce> {
        let organization = self
            .managed(
                actor,
                Action::ManagePolicies,
                Some(input.organization_id),
                "organization",
            )
            .await?;
        let mut check = Check::default();
        for problem in input.policy.iter().flat_map(Policy::check) {
            check.problem(&format!("policy.{}", problem.path), "INVALID_POLICY", problem.message);
        }
        check.done()?;
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if replay::<_, ()>(&mut tx, actor, key, "setPolicy", &input)
            .await?
            .is_some()
        {
            let set = rows::policy::find(&mut tx, organization.id, input.urgency).await?;
            return Ok(in_force(organization.id, input.urgency, set));
        }
        let action = if input.policy.is_some() {
            "policy.set"
        } else {
            "policy.reset"
        };
        match &input.policy {
            Some(policy) => {
                let row = PolicyRow {
                    id: self.id(),
                    organization_id: organization.id,
                    urgency: input.urgency,
                    policy: Json(policy.clone()),
                    updated_by: actor.user_id,
                    updated_at: self.now(),
                };
                rows::policy::put(&mut tx, &row).await?;
            }
            None => {
                rows::policy::delete(&mut tx, organization.id, input.urgency).await?;
            }
        }
        let mut entry = self.directory_entry(actor, action, organization.id, organization.id);
        entry.detail.insert("urgency", input.urgency.to_string());
        if let Some(policy) = &input.policy {
            entry.detail.insert("steps", policy.steps.len().to_string());
        }
        tx.record(entry);
        let set = rows::policy::find(&mut tx, organization.id, input.urgency).await?;
        keep(self, &mut tx, actor, key, "setPolicy", &input, &()).await?;
        tx.commit().await?;
        Ok(in_force(organization.id, input.urgency, set))
    }

    /// The policies of organizations that hold now, for every urgency, the mildest first.
    pub async fn policies_of(&self, actor: &Actor, organizations: &[OrganizationId]) -> Result<Vec<PolicyInForce>> {
        self.authorize(actor, Action::ReadDirectory, Relation::None).await?;
        let mut set = rows::policy::policies_of(&mut self.read().await?, organizations).await?;
        let mut policies = Vec::new();
        for id in organizations {
            for urgency in [Urgency::Routine, Urgency::Urgent, Urgency::Emergent] {
                let own = set
                    .iter()
                    .position(|row| row.organization_id == *id && row.urgency == urgency);
                policies.push(in_force(*id, urgency, own.map(|index| set.swap_remove(index))));
            }
        }
        Ok(policies)
    }

    /// What happens when nobody of a team answers a share of the given moment.
    ///
    /// # Errors
    /// `NotFound` for an unknown team; `Invalid` for a moment more than ten years away, where calendars end.
    pub async fn preview_escalation(&self, actor: &Actor, input: PreviewEscalation) -> Result<EscalationPreview> {
        self.authorize(actor, Action::ReadDirectory, Relation::None).await?;
        let mut conn = self.read().await?;
        let team = rows::team::find(&mut conn, input.team_id)
            .await?
            .ok_or(ServiceError::NotFound("team"))?;
        let people = rows::team_people(&mut conn, &[team.id]).await?;
        let set = rows::policy::find(&mut conn, team.organization_id, input.urgency).await?;
        let policy = in_force(team.organization_id, input.urgency, set);
        let now = self.now();
        let shared_at = input.shared_at.unwrap_or(now);
        if (shared_at - now).abs() > FARTHEST {
            let away = FieldProblem::new("sharedAt", "OUT_OF_RANGE", "at most ten years before or after now");
            return Err(ServiceError::Invalid(vec![away]));
        }
        let calendar = team.calendar();
        let schedule = policy.policy.schedule(input.urgency, shared_at, calendar);
        Ok(EscalationPreview {
            shared_at,
            due_at: policy.policy.due(input.urgency, shared_at, calendar),
            steps: schedule.iter().map(|step| (step.kind, step.due)).collect(),
            leads: people
                .iter()
                .filter(|person| person.is_lead)
                .map(|person| person.user_id)
                .collect(),
            people: people.len(),
            policy,
        })
    }
}
