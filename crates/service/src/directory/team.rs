//! Creating and changing teams.

use liaison_domain::{Actor, CareRole, OrganizationId, TeamId, access::Action, calendar::Calendar};
use liaison_store::{Json, directory as rows};
use serde::{Deserialize, Serialize};

use super::{Team, changed, check::Check};
use crate::{
    Result, Service, ServiceError,
    idempotency::{keep, replay},
};

/// What can be said of a team.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TeamSettings {
    /// Its name, 1 to 200 characters.
    pub name: String,
    /// The part it plays for patients.
    pub care_role: CareRole,
    /// When it works, in its own zone.
    pub calendar: Calendar,
    /// Its telephone line.
    pub phone: Option<String>,
}

/// A new team, active from now on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreateTeam {
    /// Whose.
    pub organization_id: OrganizationId,
    /// What is said of it.
    pub settings: TeamSettings,
    /// Makes a repeat harmless.
    pub idempotency_key: Option<String>,
}

/// Everything of a team that can be changed, as it shall be from now on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UpdateTeam {
    /// Which.
    pub team_id: TeamId,
    /// What is said of it.
    pub settings: TeamSettings,
    /// Whether it can be addressed. Loops that are open stay open.
    pub active: bool,
    /// Makes a repeat harmless.
    pub idempotency_key: Option<String>,
}

fn checked(settings: &TeamSettings) -> Result<TeamSettings> {
    let mut check = Check::default();
    let name = check.name("name", &settings.name);
    let phone = check.phone("phone", settings.phone.as_deref());
    check.calendar("calendar", &settings.calendar);
    check.done()?;
    Ok(TeamSettings {
        name,
        phone,
        ..settings.clone()
    })
}

impl Service {
    /// Creates a team.
    pub async fn create_team(&self, actor: &Actor, input: CreateTeam) -> Result<TeamId> {
        let organization = self
            .managed(
                actor,
                Action::ManageDirectory,
                Some(input.organization_id),
                "organization",
            )
            .await?;
        let settings = checked(&input.settings)?;
        let now = self.now();
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if let Some(done) = replay(&mut tx, actor, key, "createTeam", &input).await? {
            return Ok(done);
        }
        let row = Team {
            id: self.id(),
            organization_id: organization.id,
            name: settings.name,
            care_role: settings.care_role,
            calendar: Json(settings.calendar),
            phone: settings.phone,
            active: true,
            created_at: now,
            updated_at: now,
        };
        rows::team::insert(&mut tx, &row).await?;
        let mut entry = self.directory_entry(actor, "team.create", organization.id, row.id);
        entry.detail.insert("care_role", row.care_role.to_string());
        tx.record(entry);
        keep(self, &mut tx, actor, key, "createTeam", &input, &row.id).await?;
        tx.commit().await?;
        Ok(row.id)
    }

    /// Changes a team.
    pub async fn update_team(&self, actor: &Actor, input: UpdateTeam) -> Result<Team> {
        self.managed_team(actor, input.team_id).await?;
        let settings = checked(&input.settings)?;
        let mut tx = self.begin().await?;
        let mut row = rows::team::lock(&mut tx, input.team_id)
            .await?
            .ok_or(ServiceError::NotFound("team"))?;
        let key = input.idempotency_key.as_deref();
        if replay::<_, ()>(&mut tx, actor, key, "updateTeam", &input)
            .await?
            .is_some()
        {
            return Ok(row);
        }
        let what = changed(&[
            ("name", row.name != settings.name),
            ("care_role", row.care_role != settings.care_role),
            ("calendar", row.calendar.0 != settings.calendar),
            ("phone", row.phone != settings.phone),
            ("active", row.active != input.active),
        ]);
        row = Team {
            name: settings.name,
            care_role: settings.care_role,
            calendar: Json(settings.calendar),
            phone: settings.phone,
            active: input.active,
            updated_at: self.now(),
            ..row
        };
        rows::team::update(&mut tx, &row).await?;
        let mut entry = self.directory_entry(actor, "team.update", row.organization_id, row.id);
        entry.detail.insert("changed", what);
        entry.detail.insert("active", row.active.to_string());
        tx.record(entry);
        keep(self, &mut tx, actor, key, "updateTeam", &input, &()).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// The team, when the actor may change its organization's directory.
    pub(super) async fn managed_team(&self, actor: &Actor, id: TeamId) -> Result<Team> {
        let found = rows::team::find(&mut self.read().await?, id).await?;
        let organization = found.as_ref().map(|team| team.organization_id);
        self.managed(actor, Action::ManageDirectory, organization, "team")
            .await?;
        found.ok_or(ServiceError::NotFound("team"))
    }
}
