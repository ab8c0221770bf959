//! The directory in the schema: who asks, organizations, teams, people, endpoints, coverage, policies, API tokens. One
//! file per thing, with its mutations.

pub(crate) mod calendar;
pub(crate) mod coverage;
pub(crate) mod endpoint;
pub(crate) mod membership;
pub(crate) mod organization;
pub(crate) mod person;
pub(crate) mod policy;
pub(crate) mod team;
pub(crate) mod token;

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use liaison_domain::{OrganizationId, UserId};
use liaison_service::directory::ListOrganizations;

use crate::enums::{OrganizationKind, Role};
use crate::fail::{OrRefuse as _, present};
use crate::page;
use crate::session::asking;
use organization::{Organization, OrganizationConnection};
use person::Person;
use team::Team;
use token::ApiToken;

pub(crate) struct Viewer {
    user: UserId,
    organization: OrganizationId,
}

/// Who asks, and for which organization.
#[Object]
impl Viewer {
    /// The person.
    async fn person(&self, ctx: &Context<'_>) -> Result<Person> {
        let found = asking(ctx)?.load.load_one(self.user).await.or_refuse(ctx)?;
        present(ctx, found, "person").map(Person)
    }

    /// The organization they act for.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        let found = asking(ctx)?.load.load_one(self.organization).await.or_refuse(ctx)?;
        present(ctx, found, "organization").map(Organization)
    }

    /// Their roles there.
    async fn roles(&self, ctx: &Context<'_>) -> Result<Vec<Role>> {
        Ok(asking(ctx)?.actor.roles.iter().map(|role| (*role).into()).collect())
    }

    /// The teams there whose inboxes are theirs.
    async fn teams(&self, ctx: &Context<'_>) -> Result<Vec<Team>> {
        let asking = asking(ctx)?;
        let mut found = asking.load.load_many(asking.actor.teams.clone()).await.or_refuse(ctx)?;
        Ok(asking
            .actor
            .teams
            .iter()
            .filter_map(|id| found.remove(id))
            .map(Team)
            .collect())
    }

    /// Whether the token they came with may only read.
    async fn read_only(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(asking(ctx)?.actor.read_only)
    }

    /// Their API tokens for this organization, newest first, ended ones too, at most 200.
    async fn tokens(&self, ctx: &Context<'_>) -> Result<Vec<ApiToken>> {
        let asking = asking(ctx)?;
        let tokens = asking.service.own_tokens(&asking.actor).await.or_refuse(ctx)?;
        Ok(tokens.into_iter().map(ApiToken).collect())
    }
}

/// How the service is reached and proven.
#[derive(SimpleObject)]
pub(crate) struct ServiceInfo {
    /// The version of this software.
    version: &'static str,
    /// The ledger's public key, `<name>+<id>+<key>` (C2SP `signed-note`): what receipts are checked with.
    ledger_key: String,
    /// The ledger's newest signed checkpoint (C2SP `tlog-checkpoint`); absent before the first.
    latest_checkpoint: Option<String>,
}

/// The directory's queries.
#[derive(Default)]
pub(crate) struct DirectoryQuery;

#[Object]
impl DirectoryQuery {
    /// Who asks.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        let actor = &asking(ctx)?.actor;
        let nobody = liaison_service::ServiceError::Unauthenticated;
        match (actor.user_id, actor.organization_id) {
            (Some(user), Some(organization)) => Ok(Viewer { user, organization }),
            _ => Err(nobody).or_refuse(ctx),
        }
    }

    /// The organizations, by name: the clinic and its partners.
    #[graphql(complexity = "page::cost(first, child_complexity)")]
    async fn organizations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this kind.")] kind: Option<OrganizationKind>,
        #[graphql(desc = "How many: 1 to 100; 20 when nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<OrganizationConnection> {
        const LIST: &str = "organizations";
        let asking = asking(ctx)?;
        let place: Option<(String, OrganizationId)> = page::after(ctx, LIST, after.as_deref())?;
        let input = ListOrganizations {
            kind: kind.map(Into::into),
            after: place,
            first: page::first(ctx, first)?,
        };
        let found = asking
            .service
            .organizations(&asking.actor, input)
            .await
            .or_refuse(ctx)?;
        let items = found
            .items
            .into_iter()
            .map(|row| (page::cursor(LIST, &(&row.name, row.id)), Organization(row)));
        Ok(OrganizationConnection::of(items, found.has_next, after.is_some()))
    }

    /// One organization.
    async fn organization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id (`org_...`).")] id: ID,
    ) -> Result<Option<Organization>> {
        organization::by_id(ctx, &id).await
    }

    /// One team.
    async fn team(&self, ctx: &Context<'_>, #[graphql(desc = "Its id (`team_...`).")] id: ID) -> Result<Option<Team>> {
        team::by_id(ctx, &id).await
    }

    /// One person.
    async fn person(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Their id (`user_...`).")] id: ID,
    ) -> Result<Option<Person>> {
        person::by_id(ctx, &id).await
    }

    /// How the service is reached and proven.
    async fn service_info(&self, ctx: &Context<'_>) -> Result<ServiceInfo> {
        let service = &asking(ctx)?.service;
        Ok(ServiceInfo {
            version: env!("CARGO_PKG_VERSION"),
            ledger_key: service.ledger_key().to_owned(),
            latest_checkpoint: service.latest_checkpoint().await.or_refuse(ctx)?,
        })
    }
}
