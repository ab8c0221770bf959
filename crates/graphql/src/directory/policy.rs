//! Escalation policies, and what they come to for a team.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use liaison_clinical::Urgency;
use liaison_domain::{UserId, escalation};
use liaison_service::directory as use_cases;

use super::{organization::Organization, person::Person};
use crate::enums::{DelayUnit, StepKind};
use crate::fail::{OrRefuse as _, payload, present, settle};
use crate::ids::{Ids, parse};
use crate::session::asking;

/// A span of time from the moment of sharing.
#[derive(SimpleObject, InputObject)]
#[graphql(input_name = "DelayInput")]
pub(crate) struct Delay {
    /// How many, 0 or more.
    amount: u32,
    /// Of what.
    unit: DelayUnit,
}

impl From<escalation::Delay> for Delay {
    fn from(delay: escalation::Delay) -> Self {
        Self {
            amount: delay.amount,
            unit: delay.unit.into(),
        }
    }
}

impl From<Delay> for escalation::Delay {
    fn from(delay: Delay) -> Self {
        Self {
            amount: delay.amount,
            unit: delay.unit.into(),
        }
    }
}

/// One step of a policy.
#[derive(SimpleObject, InputObject)]
#[graphql(input_name = "PolicyStepInput")]
pub(crate) struct PolicyStep {
    /// When, from the moment of sharing.
    after: Delay,
    /// What happens.
    kind: StepKind,
    /// Never later than the end of the calendar day of sharing, in the recipient's time zone.
    same_day: bool,
}

pub(crate) struct Policy(pub(crate) use_cases::PolicyInForce);

/// What happens at one urgency when nobody of an organization answers.
#[Object]
impl Policy {
    /// The recipients' organization.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        let found = asking(ctx)?
            .load
            .load_one(self.0.organization_id)
            .await
            .or_refuse(ctx)?;
        present(ctx, found, "organization").map(Organization)
    }

    /// For which urgency.
    async fn urgency(&self) -> Urgency {
        self.0.urgency
    }

    /// The time within which a recipient is asked to acknowledge.
    async fn acknowledge_within(&self) -> Delay {
        self.0.policy.acknowledge_within.into()
    }

    /// Whether that is never later than the end of the calendar day of sharing.
    async fn acknowledge_same_day(&self) -> bool {
        self.0.policy.acknowledge_same_day
    }

    /// The steps, in order. The last is a call task with a named owner.
    async fn steps(&self) -> Vec<PolicyStep> {
        let step = |step: &escalation::Step| PolicyStep {
            after: step.after.into(),
            kind: step.kind.into(),
            same_day: step.same_day,
        };
        self.0.policy.steps.iter().map(step).collect()
    }

    /// Whether nobody set another than the default.
    async fn is_default(&self) -> bool {
        self.0.is_default
    }

    /// Who set it.
    async fn updated_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        let Some(id) = self.0.updated_by else { return Ok(None) };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Person))
    }

    /// When it was set.
    async fn updated_at(&self) -> Option<DateTime<Utc>> {
        self.0.updated_at
    }
}

/// A step with its time.
#[derive(SimpleObject)]
pub(crate) struct PreviewStep {
    /// What happens.
    kind: StepKind,
    /// When.
    at: DateTime<Utc>,
}

pub(crate) struct EscalationPreview(use_cases::EscalationPreview);

/// What happens when nobody of a team answers a share.
#[Object]
impl EscalationPreview {
    /// The moment of sharing.
    async fn shared_at(&self) -> DateTime<Utc> {
        self.0.shared_at
    }

    /// By when an acknowledgment is asked for.
    async fn due_at(&self) -> DateTime<Utc> {
        self.0.due_at
    }

    /// The steps in order.
    async fn steps(&self) -> Vec<PreviewStep> {
        self.0
            .steps
            .iter()
            .map(|(kind, at)| PreviewStep {
                kind: (*kind).into(),
                at: *at,
            })
            .collect()
    }

    /// Who leads the team, and so is told as the next person.
    async fn leads(&self, ctx: &Context<'_>) -> Result<Vec<Person>> {
        let leads: &[UserId] = &self.0.leads;
        let mut found = asking(ctx)?
            .load
            .load_many(leads.iter().copied())
            .await
            .or_refuse(ctx)?;
        Ok(leads.iter().filter_map(|id| found.remove(id)).map(Person).collect())
    }

    /// How many people of the team can be told something.
    async fn people(&self) -> usize {
        self.0.people
    }

    /// The policy it follows.
    async fn policy(&self) -> Policy {
        Policy(self.0.policy.clone())
    }
}

/// A policy as it shall be.
#[derive(InputObject)]
pub(crate) struct PolicyInput {
    /// The time within which a recipient is asked to acknowledge.
    acknowledge_within: Delay,
    /// Whether that is never later than the end of the calendar day of sharing.
    acknowledge_same_day: bool,
    /// The steps, in order of their delays, at most 20; the last is a CALL_TASK.
    steps: Vec<PolicyStep>,
}

/// Which policy, and how it shall be.
#[derive(InputObject)]
pub(crate) struct SetPolicyInput {
    /// The recipients' organization (`org_...`).
    organization_id: ID,
    /// For which urgency.
    urgency: Urgency,
    /// The policy; null goes back to the default.
    policy: Option<PolicyInput>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

payload! {
    /// What came of setting a policy.
    SetPolicyPayload {
        /// The policy that holds now.
        policy: Policy,
    }
}

impl From<PolicyInput> for escalation::Policy {
    fn from(input: PolicyInput) -> Self {
        let step = |step: PolicyStep| escalation::Step {
            after: step.after.into(),
            kind: step.kind.into(),
            same_day: step.same_day,
        };
        Self {
            acknowledge_within: input.acknowledge_within.into(),
            acknowledge_same_day: input.acknowledge_same_day,
            steps: input.steps.into_iter().map(step).collect(),
        }
    }
}

/// What a policy comes to.
#[derive(Default)]
pub(crate) struct PolicyQuery;

#[Object]
impl PolicyQuery {
    /// What happens when nobody of a team answers a share of a given moment.
    async fn escalation_preview(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The team (`team_...`).")] team_id: ID,
        #[graphql(desc = "The share's urgency.")] urgency: Urgency,
        #[graphql(desc = "The moment of sharing; now when nothing is said.")] shared_at: Option<DateTime<Utc>>,
    ) -> Result<EscalationPreview> {
        let asking = asking(ctx)?;
        let team_id = parse("teamId", &team_id).or_refuse(ctx)?;
        let input = use_cases::PreviewEscalation {
            team_id,
            urgency,
            shared_at,
        };
        Ok(EscalationPreview(
            asking
                .service
                .preview_escalation(&asking.actor, input)
                .await
                .or_refuse(ctx)?,
        ))
    }
}

/// Changes to policies.
#[derive(Default)]
pub(crate) struct PolicyMutation;

#[Object]
impl PolicyMutation {
    /// Sets what happens when nobody of an organization answers, or goes back to the default. Shares that are under way
    /// keep theirs. For the organization's admins, and those of the clinic that keeps its directory.
    async fn set_policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The policy.")] input: SetPolicyInput,
    ) -> Result<SetPolicyPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let organization_id = ids.one("organizationId", &input.organization_id);
            ids.done()?;
            let input = use_cases::SetPolicy {
                organization_id,
                urgency: input.urgency,
                policy: input.policy.map(Into::into),
                idempotency_key: input.idempotency_key,
            };
            asking.service.set_policy(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(policy) => SetPolicyPayload {
                policy: Some(Policy(policy)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
