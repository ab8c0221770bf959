//! Who looks after a patient.

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use liaison_domain::CareTeamEntryId;
use liaison_service::patients as use_cases;

use crate::directory::{person::Person, team::Team};
use crate::enums::CareRole;
use crate::fail::{OrRefuse as _, payload, settle};
use crate::ids::{Ids, shown};
use crate::session::asking;

pub(crate) struct CareTeamEntry(pub(crate) use_cases::CareTeamRow);

/// A team or a person looking after a patient, in a part.
#[Object]
impl CareTeamEntry {
    /// Its id (`careteam_...`).
    async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// The team, where it is one.
    async fn team(&self, ctx: &Context<'_>) -> Result<Option<Team>> {
        let Some(id) = self.0.team_id else { return Ok(None) };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Team))
    }

    /// The person, where it is one.
    async fn person(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        let Some(id) = self.0.user_id else { return Ok(None) };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Person))
    }

    /// In which part.
    async fn care_role(&self) -> CareRole {
        self.0.care_role.into()
    }

    /// From when.
    async fn from(&self) -> DateTime<Utc> {
        self.0.from_at
    }

    /// Until when, not included; open when null.
    async fn until(&self) -> Option<DateTime<Utc>> {
        self.0.until_at
    }
}

/// A team or a person to be added to a patient's care team: exactly one of them.
#[derive(InputObject)]
pub(crate) struct AddCareTeamEntryInput {
    /// The patient (`patient_...`).
    patient_id: ID,
    /// A team in use (`team_...`), or ...
    team_id: Option<ID>,
    /// ... a person (`user_...`).
    user_id: Option<ID>,
    /// In which part.
    care_role: CareRole,
    /// From when; now when nothing is said.
    from: Option<DateTime<Utc>>,
    /// Until when, not included, after `from`; open when nothing is said.
    until: Option<DateTime<Utc>>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// A care team entry to be ended.
#[derive(InputObject)]
pub(crate) struct EndCareTeamEntryInput {
    /// Which (`careteam_...`).
    care_team_entry_id: ID,
}

payload! {
    /// What came of adding to a care team.
    AddCareTeamEntryPayload {
        /// The entry's id (`careteam_...`): the new one, or the one that was there.
        care_team_entry_id: ID,
        /// Whether the same team or person was there already, in the same part.
        existed: bool,
    }
}

payload! {
    /// What came of ending a care team entry.
    EndCareTeamEntryPayload {
        /// The entry's id.
        care_team_entry_id: ID,
    }
}

/// Changes to care teams.
#[derive(Default)]
pub(crate) struct CareTeamMutation;

#[Object]
impl CareTeamMutation {
    /// Adds a team or a person to a patient's care team. The same in the same part at the same time is not added twice.
    async fn add_care_team_entry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who and in which part.")] input: AddCareTeamEntryInput,
    ) -> Result<AddCareTeamEntryPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let input = use_cases::AddCareTeamEntry {
                patient_id: ids.one("patientId", &input.patient_id),
                team_id: ids.maybe("teamId", input.team_id.as_ref()),
                user_id: ids.maybe("userId", input.user_id.as_ref()),
                care_role: input.care_role.into(),
                from: input.from,
                until: input.until,
                idempotency_key: input.idempotency_key,
            };
            ids.done()?;
            asking.service.add_care_team_entry(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(added) => AddCareTeamEntryPayload {
                care_team_entry_id: Some(shown(added.entry_id)),
                existed: Some(added.existed),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }

    /// Ends a care team entry now. A repeat changes nothing.
    async fn end_care_team_entry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The entry.")] input: EndCareTeamEntryInput,
    ) -> Result<EndCareTeamEntryPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let id: CareTeamEntryId = ids.one("careTeamEntryId", &input.care_team_entry_id);
            ids.done()?;
            asking.service.end_care_team_entry(&asking.actor, id).await.map(|()| id)
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => EndCareTeamEntryPayload {
                care_team_entry_id: Some(shown(id)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
