//! Sharing restrictions (45 CFR 164.522(a)).

use async_graphql::{Context, ID, InputObject, Object, OneofObject, Result};
use chrono::{DateTime, Utc};
use liaison_domain::RestrictionId;
use liaison_service::{ServiceError, patients as use_cases};

use crate::directory::{organization::Organization, person::Person, team::Team};
use crate::fail::{OrRefuse as _, payload, present, settle};
use crate::ids::{Ids, shown};
use crate::session::asking;

pub(crate) struct Restriction(pub(crate) use_cases::Restriction);

/// A sharing restriction that the clinic agreed with a patient. With none of `organization`, `team` and `person`,
/// nothing may be shared with anybody but the clinic itself.
#[Object]
impl Restriction {
    /// Its id (`restriction_...`).
    async fn id(&self) -> ID {
        shown(self.0.row.id)
    }

    /// With nobody of this organization.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Option<Organization>> {
        let Some(id) = self.0.row.organization_id else {
            return Ok(None);
        };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Organization))
    }

    /// With nobody of this team.
    async fn team(&self, ctx: &Context<'_>) -> Result<Option<Team>> {
        let Some(id) = self.0.row.team_id else { return Ok(None) };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Team))
    }

    /// Not with this person.
    async fn person(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        let Some(id) = self.0.row.user_id else { return Ok(None) };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Person))
    }

    /// What was agreed, in words.
    async fn detail(&self) -> Option<&str> {
        self.0.detail.as_ref().map(|detail| detail.reveal().as_str())
    }

    /// The physician who agreed.
    async fn agreed_by(&self, ctx: &Context<'_>) -> Result<Person> {
        let found = asking(ctx)?.load.load_one(self.0.row.agreed_by).await.or_refuse(ctx)?;
        present(ctx, found, "person").map(Person)
    }

    /// When.
    async fn agreed_at(&self) -> DateTime<Utc> {
        self.0.row.agreed_at
    }

    /// When it ended.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.ended_at
    }

    /// Who ended it.
    async fn ended_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        let Some(id) = self.0.row.ended_by else { return Ok(None) };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Person))
    }
}

/// With whom not to share: exactly one.
#[derive(OneofObject)]
pub(crate) enum RestrictionScopeInput {
    /// With nobody of an organization (`org_...`).
    OrganizationId(ID),
    /// With nobody of a team (`team_...`).
    TeamId(ID),
    /// Not with one person (`user_...`).
    UserId(ID),
    /// With nobody but the clinic itself: true.
    EveryoneButClinic(bool),
}

/// A restriction that a physician of the clinic agreed to.
#[derive(InputObject)]
pub(crate) struct AddRestrictionInput {
    /// The patient (`patient_...`).
    patient_id: ID,
    /// With whom not to share.
    scope: RestrictionScopeInput,
    /// What was agreed, in words: at most 20,000 characters.
    detail: Option<String>,
    /// The physician who agreed (`user_...`); oneself when nothing is said.
    agreed_by: Option<ID>,
    /// When it was agreed, not in the future; now when nothing is said.
    agreed_at: Option<DateTime<Utc>>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// A restriction to be ended.
#[derive(InputObject)]
pub(crate) struct EndRestrictionInput {
    /// Which (`restriction_...`).
    restriction_id: ID,
}

payload! {
    /// What came of adding a restriction.
    AddRestrictionPayload {
        /// Its id (`restriction_...`).
        restriction_id: ID,
    }
}

payload! {
    /// What came of ending a restriction.
    EndRestrictionPayload {
        /// Its id.
        restriction_id: ID,
    }
}

fn read(input: AddRestrictionInput) -> Result<use_cases::AddRestriction, ServiceError> {
    let mut ids = Ids::default();
    let scope = match &input.scope {
        RestrictionScopeInput::OrganizationId(id) => {
            use_cases::RestrictionScope::Organization(ids.one("scope.organizationId", id))
        }
        RestrictionScopeInput::TeamId(id) => use_cases::RestrictionScope::Team(ids.one("scope.teamId", id)),
        RestrictionScopeInput::UserId(id) => use_cases::RestrictionScope::User(ids.one("scope.userId", id)),
        RestrictionScopeInput::EveryoneButClinic(true) => use_cases::RestrictionScope::EveryoneButClinic,
        RestrictionScopeInput::EveryoneButClinic(false) => {
            let message = "true, or another of the scopes";
            return Err(ServiceError::invalid(
                "scope.everyoneButClinic",
                "OUT_OF_RANGE",
                message,
            ));
        }
    };
    let input = use_cases::AddRestriction {
        patient_id: ids.one("patientId", &input.patient_id),
        scope,
        detail: input.detail,
        agreed_by: ids.maybe("agreedBy", input.agreed_by.as_ref()),
        agreed_at: input.agreed_at,
        idempotency_key: input.idempotency_key,
    };
    ids.done().map(|()| input)
}

/// Changes to restrictions.
#[derive(Default)]
pub(crate) struct RestrictionMutation;

#[Object]
impl RestrictionMutation {
    /// Keeps a sharing restriction. Shares that are under way are not recalled by it.
    async fn add_restriction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The restriction.")] input: AddRestrictionInput,
    ) -> Result<AddRestrictionPayload> {
        let asking = asking(ctx)?;
        let done = async { asking.service.add_restriction(&asking.actor, read(input)?).await };
        Ok(match settle(ctx, done.await)? {
            Ok(added) => AddRestrictionPayload {
                restriction_id: Some(shown(added.restriction_id)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }

    /// Ends a restriction now. A repeat changes nothing.
    async fn end_restriction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The restriction.")] input: EndRestrictionInput,
    ) -> Result<EndRestrictionPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let id: RestrictionId = ids.one("restrictionId", &input.restriction_id);
            ids.done()?;
            asking.service.end_restriction(&asking.actor, id).await.map(|()| id)
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => EndRestrictionPayload {
                restriction_id: Some(shown(id)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
