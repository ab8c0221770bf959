//! People's places in organizations, with their roles.

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use liaison_service::directory as use_cases;

use super::{organization::Organization, person::Person};
use crate::enums::Role;
use crate::fail::{OrRefuse as _, payload, present, settle};
use crate::ids::{Ids, shown};
use crate::session::asking;

pub(crate) struct Membership(pub(crate) use_cases::Membership);

/// A person's place in an organization.
#[Object]
impl Membership {
    /// Its id (`membership_...`).
    async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// The person.
    async fn person(&self, ctx: &Context<'_>) -> Result<Person> {
        let found = asking(ctx)?.load.load_one(self.0.user_id).await.or_refuse(ctx)?;
        present(ctx, found, "person").map(Person)
    }

    /// The organization.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        let found = asking(ctx)?
            .load
            .load_one(self.0.organization_id)
            .await
            .or_refuse(ctx)?;
        present(ctx, found, "organization").map(Organization)
    }

    /// The person's roles there.
    async fn roles(&self) -> Vec<Role> {
        self.0.roles().iter().map(|role| (*role).into()).collect()
    }

    /// Since when.
    async fn from(&self) -> DateTime<Utc> {
        self.0.from_at
    }

    /// Until when; null while it lasts.
    async fn until(&self) -> Option<DateTime<Utc>> {
        self.0.until_at
    }
}

/// A person's roles as they shall be.
#[derive(InputObject)]
pub(crate) struct SetRolesInput {
    /// Their place (`membership_...`).
    membership_id: ID,
    /// Their roles from now on: at least one.
    roles: Vec<Role>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// A place to be ended.
#[derive(InputObject)]
pub(crate) struct EndMembershipInput {
    /// The place (`membership_...`).
    membership_id: ID,
}

payload! {
    /// What came of replacing roles.
    SetRolesPayload {
        /// The place as it is now.
        membership: Membership,
    }
}

payload! {
    /// What came of ending a place.
    EndMembershipPayload {
        /// The place as it is now.
        membership: Membership,
    }
}

/// Changes to people's places.
#[derive(Default)]
pub(crate) struct MembershipMutation;

#[Object]
impl MembershipMutation {
    /// Replaces a person's roles in an organization, effective with their next request.
    async fn set_roles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The place and the roles.")] input: SetRolesInput,
    ) -> Result<SetRolesPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let membership_id = ids.one("membershipId", &input.membership_id);
            ids.done()?;
            let roles = input.roles.into_iter().map(Into::into).collect();
            let input = use_cases::SetRoles {
                membership_id,
                roles,
                idempotency_key: input.idempotency_key,
            };
            asking
                .service
                .set_roles(&asking.actor, input)
                .await
                .map(|()| membership_id)
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => {
                let membership = asking.load.load_one(id).await.or_refuse(ctx)?.map(Membership);
                SetRolesPayload {
                    membership,
                    ..Default::default()
                }
            }
            Err(problems) => problems.into(),
        })
    }

    /// Ends a person's place in an organization and in its teams; their tokens for it answer no more. A repeat changes
    /// nothing.
    async fn end_membership(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The place.")] input: EndMembershipInput,
    ) -> Result<EndMembershipPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let id = ids.one("membershipId", &input.membership_id);
            ids.done()?;
            asking.service.end_membership(&asking.actor, id).await.map(|()| id)
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => {
                let membership = asking.load.load_one(id).await.or_refuse(ctx)?.map(Membership);
                EndMembershipPayload {
                    membership,
                    ..Default::default()
                }
            }
            Err(problems) => problems.into(),
        })
    }
}
