//! People.

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use liaison_domain::UserId;
use liaison_service::{directory as use_cases, sign_in::ResetFactors};

use super::{endpoint::Endpoint, membership::Membership, team::TeamMember};
use crate::enums::{FactorResetReason, Recognized, Role};
use crate::fail::{OrRefuse as _, payload, settle};
use crate::ids::{Ids, parse, shown};
use crate::load::{EndpointsOf, MembersOf, TeamsOf};
use crate::session::asking;

pub(crate) struct Person(pub(crate) use_cases::Person);

/// The person of an id, if there is one.
pub(crate) async fn by_id(ctx: &Context<'_>, id: &ID) -> Result<Option<Person>> {
    let asking = asking(ctx)?;
    let id: UserId = parse("id", id).or_refuse(ctx)?;
    Ok(asking.load.load_one(id).await.or_refuse(ctx)?.map(Person))
}

/// A person who signs in. One across organizations.
#[Object]
impl Person {
    /// Their id (`user_...`).
    pub(crate) async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// Their name.
    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// Their IANA time zone.
    async fn time_zone(&self) -> &str {
        &self.0.time_zone
    }

    /// Whether they may not sign in.
    async fn disabled(&self) -> bool {
        self.0.disabled
    }

    /// Their e-mail address. For their own organizations and for clinics; null for others.
    async fn email(&self) -> Option<&str> {
        self.0.contact.as_ref().map(|contact| contact.email.as_str())
    }

    /// Their telephone. For their own organizations and for clinics; null for others.
    async fn phone(&self) -> Option<&str> {
        self.0.contact.as_ref().and_then(|contact| contact.phone.as_deref())
    }

    /// The local hour (0 to 23) of their daily digest, where they want one. For themself; null for others.
    async fn digest_hour(&self) -> Option<u32> {
        self.0.digest_hour
    }

    /// Their present places in organizations, oldest first.
    #[graphql(complexity = "2 + 2 * child_complexity")]
    async fn memberships(&self, ctx: &Context<'_>) -> Result<Vec<Membership>> {
        let found = asking(ctx)?.load.load_one(MembersOf(self.0.id)).await.or_refuse(ctx)?;
        Ok(found.unwrap_or_default().into_iter().map(Membership).collect())
    }

    /// Their places in teams, by the team's name.
    #[graphql(complexity = "2 + 2 * child_complexity")]
    async fn team_places(&self, ctx: &Context<'_>) -> Result<Vec<TeamMember>> {
        let found = asking(ctx)?.load.load_one(TeamsOf(self.0.id)).await.or_refuse(ctx)?;
        Ok(found.unwrap_or_default().into_iter().map(TeamMember).collect())
    }

    /// The ways to reach them in person, oldest first. For their organization and for clinics; empty for others.
    #[graphql(complexity = "2 + 2 * child_complexity")]
    async fn endpoints(&self, ctx: &Context<'_>) -> Result<Vec<Endpoint>> {
        let found = asking(ctx)?
            .load
            .load_one(EndpointsOf(self.0.id))
            .await
            .or_refuse(ctx)?;
        Ok(found.unwrap_or_default().into_iter().map(Endpoint).collect())
    }
}

/// A new person with their place; or a new place for somebody who is known by their address.
#[derive(InputObject)]
pub(crate) struct AddPersonInput {
    /// Where (`org_...`).
    organization_id: ID,
    /// Their e-mail address (RFC 5321): they sign in with it.
    email: String,
    /// Their name: 1 to 200 characters.
    display_name: String,
    /// Their telephone.
    phone: Option<String>,
    /// Their IANA time zone; the organization's where none is given.
    time_zone: Option<String>,
    /// The local hour (0 to 23) of their daily digest, where they want one.
    digest_hour: Option<u32>,
    /// Their roles in the organization: at least one.
    roles: Vec<Role>,
    /// The organization's teams they join (`team_...`).
    #[graphql(default)]
    teams: Vec<ID>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// Everything of a person that can be changed, as it shall be.
#[derive(InputObject)]
pub(crate) struct UpdatePersonInput {
    /// Who (`user_...`).
    user_id: ID,
    /// Their e-mail address. An admin changes it; people cannot change their own.
    email: String,
    /// Their name: 1 to 200 characters.
    display_name: String,
    /// Their telephone.
    phone: Option<String>,
    /// Their IANA time zone.
    time_zone: String,
    /// The local hour (0 to 23) of their daily digest, where they want one.
    digest_hour: Option<u32>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// Whether a person may sign in.
#[derive(InputObject)]
pub(crate) struct SetPersonDisabledInput {
    /// Who (`user_...`).
    user_id: ID,
    /// True: they may sign in no more, and their tokens answer no more. False: they may again.
    disabled: bool,
}

/// The second factors of a person that are lost.
#[derive(InputObject)]
pub(crate) struct ResetSecondFactorInput {
    /// Whose (`user_...`). Not one's own: another admin does that.
    user_id: ID,
    /// Why.
    reason: FactorResetReason,
    /// How the admin made sure that it is the person who asks.
    recognized: Recognized,
}

payload! {
    /// What came of resetting a second factor.
    ResetSecondFactorPayload {
        /// The person.
        person: Person,
        /// Until when the mailed link to set up anew is good.
        link_expires_at: DateTime<Utc>,
        /// How many sessions of theirs were ended.
        sessions_ended: u64,
    }
}

payload! {
    /// What came of adding a person.
    AddPersonPayload {
        /// The person.
        person: Person,
        /// Their new place.
        membership: Membership,
        /// Whether the person was known before and got a further place; their name and settings stayed as they were.
        was_known: bool,
    }
}

payload! {
    /// What came of changing a person.
    UpdatePersonPayload {
        /// The person as they are now.
        person: Person,
    }
}

payload! {
    /// What came of letting a person sign in, or no more.
    SetPersonDisabledPayload {
        /// The person as they are now.
        person: Person,
    }
}

/// Changes to people.
#[derive(Default)]
pub(crate) struct PersonMutation;

#[Object]
impl PersonMutation {
    /// Adds a person to an organization. For its admins, and those of the clinic that keeps its directory.
    async fn add_person(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person and where.")] input: AddPersonInput,
    ) -> Result<AddPersonPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let organization = ids.one("organizationId", &input.organization_id);
            let teams = ids.all("teams", &input.teams);
            ids.done()?;
            let input = use_cases::AddPerson {
                organization: use_cases::OrganizationChoice::Existing(organization),
                email: input.email,
                display_name: input.display_name,
                phone: input.phone,
                time_zone: input.time_zone,
                digest_hour: input.digest_hour,
                roles: input.roles.into_iter().map(Into::into).collect(),
                teams,
                idempotency_key: input.idempotency_key,
            };
            asking.service.add_person(&asking.actor, input).await
        };
        let added = match settle(ctx, done.await)? {
            Ok(added) => added,
            Err(problems) => return Ok(problems.into()),
        };
        Ok(AddPersonPayload {
            person: asking.load.load_one(added.user_id).await.or_refuse(ctx)?.map(Person),
            membership: asking
                .load
                .load_one(added.membership_id)
                .await
                .or_refuse(ctx)?
                .map(Membership),
            was_known: Some(added.was_known),
            ..Default::default()
        })
    }

    /// Changes a person: oneself, or as an admin of every organization they belong to.
    async fn update_person(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person as they shall be.")] input: UpdatePersonInput,
    ) -> Result<UpdatePersonPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let user_id = ids.one("userId", &input.user_id);
            ids.done()?;
            let input = use_cases::UpdatePerson {
                user_id,
                email: input.email,
                display_name: input.display_name,
                phone: input.phone,
                time_zone: input.time_zone,
                digest_hour: input.digest_hour,
                idempotency_key: input.idempotency_key,
            };
            asking
                .service
                .update_person(&asking.actor, input)
                .await
                .map(|()| user_id)
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => {
                let person = asking.load.load_one(id).await.or_refuse(ctx)?.map(Person);
                UpdatePersonPayload {
                    person,
                    ..Default::default()
                }
            }
            Err(problems) => problems.into(),
        })
    }

    /// Lets a person sign in no more, or again. A repeat changes nothing.
    async fn set_person_disabled(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who, and whether.")] input: SetPersonDisabledInput,
    ) -> Result<SetPersonDisabledPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let user_id = ids.one("userId", &input.user_id);
            ids.done()?;
            asking
                .service
                .set_person_disabled(&asking.actor, user_id, input.disabled)
                .await
                .map(|()| user_id)
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => {
                let person = asking.load.load_one(id).await.or_refuse(ctx)?.map(Person);
                SetPersonDisabledPayload {
                    person,
                    ..Default::default()
                }
            }
            Err(problems) => problems.into(),
        })
    }

    /// Removes a person's authenticator app, passkeys and recovery codes, ends their sessions, and mails them a single-use
    /// link to set up anew, which works with their password. For admins of every organization they belong to, in a
    /// session of the pages whose proof of identity is at most five minutes old; API tokens are refused.
    async fn reset_second_factor(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose, and why.")] input: ResetSecondFactorInput,
    ) -> Result<ResetSecondFactorPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let user_id = ids.one("userId", &input.user_id);
            ids.done()?;
            let input = ResetFactors {
                user_id,
                reason: input.reason.into(),
                recognized: input.recognized.into(),
            };
            let reset = asking.service.reset_factors(&asking.actor, input).await?;
            Ok((user_id, reset))
        };
        Ok(match settle(ctx, done.await)? {
            Ok((id, reset)) => ResetSecondFactorPayload {
                person: asking.load.load_one(id).await.or_refuse(ctx)?.map(Person),
                link_expires_at: Some(reset.expires_at),
                sessions_ended: Some(reset.sessions_ended),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
