//! Teams and who belongs to them.

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use liaison_domain::TeamId;
use liaison_service::{ServiceError, directory as use_cases};

use super::calendar::{Calendar, CalendarInput};
use super::{endpoint::Endpoint, organization::Organization, person::Person};
use crate::enums::CareRole;
use crate::fail::{OrRefuse as _, payload, present, settle};
use crate::ids::{Ids, parse, shown};
use crate::load::{EndpointsOf, MembersOf};
use crate::session::asking;

pub(crate) struct Team(pub(crate) use_cases::Team);

/// The team of an id, if there is one.
pub(crate) async fn by_id(ctx: &Context<'_>, id: &ID) -> Result<Option<Team>> {
    let asking = asking(ctx)?;
    let id: TeamId = parse("id", id).or_refuse(ctx)?;
    Ok(asking.load.load_one(id).await.or_refuse(ctx)?.map(Team))
}

/// A team of an organization, with an inbox.
#[Object]
impl Team {
    /// Its id (`team_...`).
    pub(crate) async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its organization.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        let found = asking(ctx)?
            .load
            .load_one(self.0.organization_id)
            .await
            .or_refuse(ctx)?;
        present(ctx, found, "organization").map(Organization)
    }

    /// The part it plays for patients.
    async fn care_role(&self) -> CareRole {
        self.0.care_role.into()
    }

    /// When it works.
    async fn calendar(&self) -> Calendar {
        self.0.calendar().into()
    }

    /// Its telephone line.
    async fn phone(&self) -> Option<&str> {
        self.0.phone.as_deref()
    }

    /// Whether it can be addressed.
    async fn active(&self) -> bool {
        self.0.active
    }

    /// Its members, by name.
    #[graphql(complexity = "5 + 2 * child_complexity")]
    async fn members(&self, ctx: &Context<'_>) -> Result<Vec<TeamMember>> {
        let found = asking(ctx)?.load.load_one(MembersOf(self.0.id)).await.or_refuse(ctx)?;
        Ok(found.unwrap_or_default().into_iter().map(TeamMember).collect())
    }

    /// The ways to reach it, oldest first. For its organization and for clinics; empty for others.
    #[graphql(complexity = "2 + 2 * child_complexity")]
    async fn endpoints(&self, ctx: &Context<'_>) -> Result<Vec<Endpoint>> {
        let found = asking(ctx)?
            .load
            .load_one(EndpointsOf(self.0.id))
            .await
            .or_refuse(ctx)?;
        Ok(found.unwrap_or_default().into_iter().map(Endpoint).collect())
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

pub(crate) struct TeamMember(pub(crate) use_cases::TeamMember);

/// A person's place in a team.
#[Object]
impl TeamMember {
    /// The person.
    async fn person(&self, ctx: &Context<'_>) -> Result<Person> {
        let found = asking(ctx)?.load.load_one(self.0.user_id).await.or_refuse(ctx)?;
        present(ctx, found, "person").map(Person)
    }

    /// The team.
    async fn team(&self, ctx: &Context<'_>) -> Result<Team> {
        let found = asking(ctx)?.load.load_one(self.0.team_id).await.or_refuse(ctx)?;
        present(ctx, found, "team").map(Team)
    }

    /// Whether the person leads the team, and so is told when its loops are late.
    async fn is_lead(&self) -> bool {
        self.0.is_lead
    }

    /// Since when.
    async fn since(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// A new team, active from now on.
#[derive(InputObject)]
pub(crate) struct CreateTeamInput {
    /// Whose (`org_...`).
    organization_id: ID,
    /// Its name: 1 to 200 characters.
    name: String,
    /// The part it plays for patients.
    care_role: CareRole,
    /// When it works.
    calendar: CalendarInput,
    /// Its telephone line.
    phone: Option<String>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// Everything of a team that can be changed, as it shall be.
#[derive(InputObject)]
pub(crate) struct UpdateTeamInput {
    /// Which (`team_...`).
    team_id: ID,
    /// Its name: 1 to 200 characters.
    name: String,
    /// The part it plays for patients.
    care_role: CareRole,
    /// When it works.
    calendar: CalendarInput,
    /// Its telephone line.
    phone: Option<String>,
    /// Whether it can be addressed. Loops that are open stay open.
    active: bool,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// A person to be put into a team, or whose lead of it changes.
#[derive(InputObject)]
pub(crate) struct PutTeamMemberInput {
    /// The team (`team_...`).
    team_id: ID,
    /// The person (`user_...`), who has a place in the team's organization.
    user_id: ID,
    /// Whether the person is told when the team's loops are late.
    is_lead: bool,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// A person to be taken out of a team.
#[derive(InputObject)]
pub(crate) struct RemoveTeamMemberInput {
    /// The team (`team_...`).
    team_id: ID,
    /// The person (`user_...`).
    user_id: ID,
}

payload! {
    /// What came of entering a team.
    CreateTeamPayload {
        /// The team.
        team: Team,
    }
}

payload! {
    /// What came of changing a team.
    UpdateTeamPayload {
        /// The team as it is now.
        team: Team,
    }
}

payload! {
    /// What came of putting a person into a team.
    PutTeamMemberPayload {
        /// The team with its members.
        team: Team,
    }
}

payload! {
    /// What came of taking a person out of a team.
    RemoveTeamMemberPayload {
        /// The team with its members.
        team: Team,
    }
}

fn settings(
    name: String,
    care_role: CareRole,
    calendar: CalendarInput,
    phone: Option<String>,
    mut ids: Ids,
) -> Result<use_cases::TeamSettings, ServiceError> {
    let calendar = calendar.read("calendar", &mut ids);
    ids.done()?;
    let calendar = calendar.ok_or(ServiceError::NotFound("time zone"))?;
    Ok(use_cases::TeamSettings {
        name,
        care_role: care_role.into(),
        calendar,
        phone,
    })
}

/// Changes to teams.
#[derive(Default)]
pub(crate) struct TeamMutation;

#[Object]
impl TeamMutation {
    /// Enters a team. For the organization's admins, and those of the clinic that keeps its directory.
    async fn create_team(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The team.")] input: CreateTeamInput,
    ) -> Result<CreateTeamPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let organization_id = ids.one("organizationId", &input.organization_id);
            let settings = settings(input.name, input.care_role, input.calendar, input.phone, ids)?;
            let idempotency_key = input.idempotency_key;
            let input = use_cases::CreateTeam {
                organization_id,
                settings,
                idempotency_key,
            };
            asking.service.create_team(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => {
                let team = asking.load.load_one(id).await.or_refuse(ctx)?.map(Team);
                CreateTeamPayload {
                    team,
                    ..Default::default()
                }
            }
            Err(problems) => problems.into(),
        })
    }

    /// Changes a team. For the organization's admins, and those of the clinic that keeps its directory.
    async fn update_team(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The team as it shall be.")] input: UpdateTeamInput,
    ) -> Result<UpdateTeamPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let team_id = ids.one("teamId", &input.team_id);
            let settings = settings(input.name, input.care_role, input.calendar, input.phone, ids)?;
            let (active, idempotency_key) = (input.active, input.idempotency_key);
            let input = use_cases::UpdateTeam {
                team_id,
                settings,
                active,
                idempotency_key,
            };
            asking.service.update_team(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(row) => UpdateTeamPayload {
                team: Some(Team(row)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }

    /// Puts a person into a team, or changes whether they lead it.
    async fn put_team_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who and where.")] input: PutTeamMemberInput,
    ) -> Result<PutTeamMemberPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let (team_id, user_id) = (ids.one("teamId", &input.team_id), ids.one("userId", &input.user_id));
            ids.done()?;
            let (is_lead, idempotency_key) = (input.is_lead, input.idempotency_key);
            let input = use_cases::PutTeamMember {
                team_id,
                user_id,
                is_lead,
                idempotency_key,
            };
            asking
                .service
                .put_team_member(&asking.actor, input)
                .await
                .map(|()| team_id)
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => {
                let team = asking.load.load_one(id).await.or_refuse(ctx)?.map(Team);
                PutTeamMemberPayload {
                    team,
                    ..Default::default()
                }
            }
            Err(problems) => problems.into(),
        })
    }

    /// Takes a person out of a team. A repeat changes nothing.
    async fn remove_team_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who and where.")] input: RemoveTeamMemberInput,
    ) -> Result<RemoveTeamMemberPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let (team_id, user_id) = (ids.one("teamId", &input.team_id), ids.one("userId", &input.user_id));
            ids.done()?;
            asking
                .service
                .remove_team_member(&asking.actor, team_id, user_id)
                .await
                .map(|()| team_id)
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => {
                let team = asking.load.load_one(id).await.or_refuse(ctx)?.map(Team);
                RemoveTeamMemberPayload {
                    team,
                    ..Default::default()
                }
            }
            Err(problems) => problems.into(),
        })
    }
}
