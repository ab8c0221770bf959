//! Organizations.

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use liaison_domain::OrganizationId;
use liaison_service::directory as use_cases;

use super::{coverage::Coverage, membership::Membership, policy::Policy, team::Team};
use crate::enums::OrganizationKind;
use crate::fail::{OrRefuse as _, payload, settle};
use crate::ids::{Ids, parse, shown};
use crate::load::{MembersOf, PoliciesOf, TeamsOf};
use crate::page::connection;
use crate::session::asking;

pub(crate) struct Organization(pub(crate) use_cases::Organization);

connection! {
    /// A page of organizations.
    OrganizationConnection,
    /// An organization in a page.
    OrganizationEdge of Organization
}

/// The organization of an id, if there is one.
pub(crate) async fn by_id(ctx: &Context<'_>, id: &ID) -> Result<Option<Organization>> {
    let asking = asking(ctx)?;
    let id: OrganizationId = parse("id", id).or_refuse(ctx)?;
    Ok(asking.load.load_one(id).await.or_refuse(ctx)?.map(Organization))
}

/// A clinic, an oncology or palliative practice, or another partner.
#[Object]
impl Organization {
    /// Its id (`org_...`).
    pub(crate) async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is to the clinic's patients.
    async fn kind(&self) -> OrganizationKind {
        self.0.kind.into()
    }

    /// Its IANA time zone.
    async fn time_zone(&self) -> &str {
        &self.0.time_zone
    }

    /// Its telephone line.
    async fn phone(&self) -> Option<&str> {
        self.0.phone.as_deref()
    }

    /// The clinic that keeps this partner's directory, where the partner keeps none of its own.
    async fn managed_by(&self, ctx: &Context<'_>) -> Result<Option<Organization>> {
        let Some(id) = self.0.managed_by else { return Ok(None) };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Organization))
    }

    /// Its teams, by name, those out of use too.
    #[graphql(complexity = "5 + 2 * child_complexity")]
    async fn teams(&self, ctx: &Context<'_>) -> Result<Vec<Team>> {
        let found = asking(ctx)?.load.load_one(TeamsOf(self.0.id)).await.or_refuse(ctx)?;
        Ok(found.unwrap_or_default().into_iter().map(Team).collect())
    }

    /// The people's present places in it, by the person's name.
    #[graphql(complexity = "5 + 2 * child_complexity")]
    async fn memberships(&self, ctx: &Context<'_>) -> Result<Vec<Membership>> {
        let found = asking(ctx)?.load.load_one(MembersOf(self.0.id)).await.or_refuse(ctx)?;
        Ok(found.unwrap_or_default().into_iter().map(Membership).collect())
    }

    /// What happens when nobody of it answers, for each urgency, the mildest first.
    #[graphql(complexity = "2 + 2 * child_complexity")]
    async fn policies(&self, ctx: &Context<'_>) -> Result<Vec<Policy>> {
        let found = asking(ctx)?.load.load_one(PoliciesOf(self.0.id)).await.or_refuse(ctx)?;
        Ok(found.unwrap_or_default().into_iter().map(Policy).collect())
    }

    /// Present and coming absences with who covers, soonest first, at most 500. For its own people and for clinics;
    /// empty for others.
    #[graphql(complexity = "20 + 2 * child_complexity")]
    async fn coverages(&self, ctx: &Context<'_>) -> Result<Vec<Coverage>> {
        let asking = asking(ctx)?;
        let found = asking
            .service
            .coverages(&asking.actor, self.0.id)
            .await
            .or_refuse(ctx)?;
        Ok(found.into_iter().map(Coverage).collect())
    }

    /// When it was entered.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }
}

/// A new partner organization, whose directory the actor's clinic then keeps.
#[derive(InputObject)]
pub(crate) struct CreateOrganizationInput {
    /// Its name: 1 to 200 characters.
    name: String,
    /// What it is to the clinic's patients; not CLINIC.
    kind: OrganizationKind,
    /// Its IANA time zone, such as `America/Chicago`.
    time_zone: String,
    /// Its telephone line.
    phone: Option<String>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// Everything of an organization that can be changed, as it shall be.
#[derive(InputObject)]
pub(crate) struct UpdateOrganizationInput {
    /// Which (`org_...`).
    organization_id: ID,
    /// Its name: 1 to 200 characters.
    name: String,
    /// Its IANA time zone, such as `America/Chicago`.
    time_zone: String,
    /// Its telephone line.
    phone: Option<String>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

payload! {
    /// What came of entering an organization.
    CreateOrganizationPayload {
        /// The organization.
        organization: Organization,
    }
}

payload! {
    /// What came of changing an organization.
    UpdateOrganizationPayload {
        /// The organization as it is now.
        organization: Organization,
    }
}

/// Changes to organizations.
#[derive(Default)]
pub(crate) struct OrganizationMutation;

#[Object]
impl OrganizationMutation {
    /// Enters a partner organization. For admins of a clinic.
    async fn create_organization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization.")] input: CreateOrganizationInput,
    ) -> Result<CreateOrganizationPayload> {
        let asking = asking(ctx)?;
        let input = use_cases::CreateOrganization {
            name: input.name,
            kind: input.kind.into(),
            time_zone: input.time_zone,
            phone: input.phone,
            managed_by: None,
            idempotency_key: input.idempotency_key,
        };
        let id = match settle(ctx, asking.service.create_organization(&asking.actor, input).await)? {
            Ok(id) => id,
            Err(problems) => return Ok(problems.into()),
        };
        let organization = asking.load.load_one(id).await.or_refuse(ctx)?.map(Organization);
        Ok(CreateOrganizationPayload {
            organization,
            ..Default::default()
        })
    }

    /// Changes an organization. For its admins, and those of the clinic that keeps its directory.
    async fn update_organization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization as it shall be.")] input: UpdateOrganizationInput,
    ) -> Result<UpdateOrganizationPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let organization_id = ids.one("organizationId", &input.organization_id);
            ids.done()?;
            let input = use_cases::UpdateOrganization {
                organization_id,
                name: input.name,
                time_zone: input.time_zone,
                phone: input.phone,
                idempotency_key: input.idempotency_key,
            };
            asking.service.update_organization(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(row) => UpdateOrganizationPayload {
                organization: Some(Organization(row)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
