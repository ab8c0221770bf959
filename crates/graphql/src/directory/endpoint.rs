//! Endpoints: the ways to reach a team or a person.

use async_graphql::{Context, ID, InputObject, Object, OneofObject, Result};
use chrono::{DateTime, Utc};
use liaison_domain::EndpointId;
use liaison_service::{ServiceError, directory as use_cases};

use super::{organization::Organization, person::Person, team::Team};
use crate::enums::{ChannelKind, EndpointStatus};
use crate::fail::{OrRefuse as _, payload, present, settle};
use crate::ids::{Ids, parse, shown};
use crate::session::asking;

pub(crate) struct Endpoint(pub(crate) use_cases::Endpoint);

/// The endpoint of an id, if there is one and it is for the actor.
pub(crate) async fn by_id(ctx: &Context<'_>, id: &ID) -> Result<Option<Endpoint>> {
    let asking = asking(ctx)?;
    let id: EndpointId = parse("id", id).or_refuse(ctx)?;
    Ok(asking.load.load_one(id).await.or_refuse(ctx)?.map(Endpoint))
}

/// A way to reach a team or a person. Its secret is never shown again after it was made.
#[Object]
impl Endpoint {
    /// Its id (`endpoint_...`).
    pub(crate) async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// The organization it belongs to.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        let found = asking(ctx)?
            .load
            .load_one(self.0.organization_id)
            .await
            .or_refuse(ctx)?;
        present(ctx, found, "organization").map(Organization)
    }

    /// The team it reaches, where it is a team's.
    async fn team(&self, ctx: &Context<'_>) -> Result<Option<Team>> {
        let Some(id) = self.0.team_id else { return Ok(None) };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Team))
    }

    /// The person it reaches, where it is a person's.
    async fn person(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        let Some(id) = self.0.user_id else { return Ok(None) };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Person))
    }

    /// By e-mail or webhook.
    async fn channel(&self) -> ChannelKind {
        self.0.channel.into()
    }

    /// The e-mail address or the URL.
    async fn address(&self) -> &str {
        &self.0.address
    }

    /// Whether it is used.
    async fn status(&self) -> EndpointStatus {
        self.0.status.into()
    }

    /// Why it is not used, as a code such as `ADMIN`.
    async fn disabled_reason(&self) -> Option<&str> {
        self.0.disabled_reason.as_deref()
    }

    /// Since when every delivery to it failed.
    async fn failing_since(&self) -> Option<DateTime<Utc>> {
        self.0.failing_since
    }

    /// When a delivery to it last succeeded.
    async fn last_proven_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_proven_at
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

/// A person as a member of an organization.
#[derive(InputObject)]
pub(crate) struct PersonOwnerInput {
    /// The person (`user_...`).
    user_id: ID,
    /// The organization (`org_...`).
    organization_id: ID,
}

/// Whom an endpoint reaches: exactly one of the two.
#[derive(OneofObject)]
pub(crate) enum EndpointOwnerInput {
    /// A team (`team_...`).
    TeamId(ID),
    /// A person.
    Person(PersonOwnerInput),
}

/// A new endpoint, in use from now on.
#[derive(InputObject)]
pub(crate) struct CreateEndpointInput {
    /// Whom it reaches.
    owner: EndpointOwnerInput,
    /// By e-mail or webhook.
    channel: ChannelKind,
    /// An e-mail address (RFC 5321), or an `https` URL without user info and fragment, at most 2,048 bytes.
    address: String,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// A webhook whose signing secret is to be replaced.
#[derive(InputObject)]
pub(crate) struct RotateEndpointSecretInput {
    /// Which (`endpoint_...`).
    endpoint_id: ID,
}

/// Whether an endpoint is used.
#[derive(InputObject)]
pub(crate) struct SetEndpointDisabledInput {
    /// Which (`endpoint_...`).
    endpoint_id: ID,
    /// True: out of use. False: in use again.
    disabled: bool,
}

payload! {
    /// What came of adding an endpoint.
    CreateEndpointPayload {
        /// The endpoint.
        endpoint: Endpoint,
        /// A webhook's signing secret (Standard Webhooks, `whsec_...`), shown this one time. Null for e-mail, and when
        /// this answers a repeat: rotate the secret if it was lost.
        secret: String,
    }
}

payload! {
    /// What came of replacing a secret.
    RotateEndpointSecretPayload {
        /// The endpoint.
        endpoint: Endpoint,
        /// The new signing secret (`whsec_...`), shown this one time; it signs from the next try on.
        secret: String,
    }
}

payload! {
    /// What came of taking an endpoint out of use, or into use.
    SetEndpointDisabledPayload {
        /// The endpoint as it is now.
        endpoint: Endpoint,
    }
}

fn read(input: CreateEndpointInput) -> Result<use_cases::CreateEndpoint, ServiceError> {
    let mut ids = Ids::default();
    let owner = match &input.owner {
        EndpointOwnerInput::TeamId(id) => use_cases::EndpointOwner::Team(ids.one("owner.teamId", id)),
        EndpointOwnerInput::Person(person) => use_cases::EndpointOwner::Person {
            user_id: ids.one("owner.person.userId", &person.user_id),
            organization_id: ids.one("owner.person.organizationId", &person.organization_id),
        },
    };
    ids.done()?;
    Ok(use_cases::CreateEndpoint {
        owner,
        channel: input.channel.into(),
        address: input.address,
        idempotency_key: input.idempotency_key,
    })
}

/// Changes to endpoints.
#[derive(Default)]
pub(crate) struct EndpointMutation;

#[Object]
impl EndpointMutation {
    /// Adds a way to reach a team or a person. For the organization's admins, and those of the clinic that keeps its
    /// directory.
    async fn create_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint.")] input: CreateEndpointInput,
    ) -> Result<CreateEndpointPayload> {
        let asking = asking(ctx)?;
        let done = async { asking.service.create_endpoint(&asking.actor, read(input)?).await };
        Ok(match settle(ctx, done.await)? {
            Ok(created) => CreateEndpointPayload {
                endpoint: asking
                    .load
                    .load_one(created.endpoint_id)
                    .await
                    .or_refuse(ctx)?
                    .map(Endpoint),
                secret: created.secret.map(|secret| secret.expose().to_owned()),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }

    /// Replaces a webhook's signing secret.
    async fn rotate_endpoint_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint.")] input: RotateEndpointSecretInput,
    ) -> Result<RotateEndpointSecretPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let id: EndpointId = ids.one("endpointId", &input.endpoint_id);
            ids.done()?;
            let secret = asking.service.rotate_endpoint_secret(&asking.actor, id).await?;
            Ok((id, secret))
        };
        Ok(match settle(ctx, done.await)? {
            Ok((id, secret)) => RotateEndpointSecretPayload {
                endpoint: asking.load.load_one(id).await.or_refuse(ctx)?.map(Endpoint),
                secret: Some(secret.expose().to_owned()),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }

    /// Takes an endpoint out of use, or into use again. A repeat changes nothing.
    async fn set_endpoint_disabled(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and whether.")] input: SetEndpointDisabledInput,
    ) -> Result<SetEndpointDisabledPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let id: EndpointId = ids.one("endpointId", &input.endpoint_id);
            ids.done()?;
            asking
                .service
                .set_endpoint_disabled(&asking.actor, id, input.disabled)
                .await
                .map(|()| id)
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => {
                let endpoint = asking.load.load_one(id).await.or_refuse(ctx)?.map(Endpoint);
                SetEndpointDisabledPayload {
                    endpoint,
                    ..Default::default()
                }
            }
            Err(problems) => problems.into(),
        })
    }
}
