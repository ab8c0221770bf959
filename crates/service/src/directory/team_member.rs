//! Who belongs to a team, and who leads it.

use liaison_domain::{Actor, TeamId, UserId};
use liaison_store::directory as rows;
use serde::{Deserialize, Serialize};

use super::{TeamMember, check::Check};
use crate::{
    Result, Service, ServiceError,
    idempotency::{keep, replay},
};

/// Puts a person into a team of their organization, or changes whether they lead it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PutTeamMember {
    /// The team.
    pub team_id: TeamId,
    /// The person, who has a current place in the team's organization.
    pub user_id: UserId,
    /// Whether the person is told when the team's loops are late.
    pub is_lead: bool,
    /// Makes a repeat harmless.
    pub idempotency_key: Option<String>,
}

impl Service {
    /// Puts a person into a team, or changes whether they lead it.
    pub async fn put_team_member(&self, actor: &Actor, input: PutTeamMember) -> Result<()> {
        let team = self.managed_team(actor, input.team_id).await?;
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if replay::<_, ()>(&mut tx, actor, key, "putTeamMember", &input)
            .await?
            .is_some()
        {
            return Ok(());
        }
        // Held, so that the person's place does not end at the same moment.
        rows::person::lock(&mut tx, input.user_id).await?;
        if rows::membership::current(&mut tx, input.user_id, team.organization_id)
            .await?
            .is_none()
        {
            let mut check = Check::default();
            check.unknown_id("userId");
            return Err(check.done().err().unwrap_or(ServiceError::NotFound("person")));
        }
        let row = TeamMember {
            team_id: team.id,
            user_id: input.user_id,
            is_lead: input.is_lead,
            created_at: self.now(),
        };
        rows::team::put_member(&mut tx, &row).await?;
        let mut entry = self.directory_entry(actor, "team.member.put", team.organization_id, team.id);
        entry.detail.insert("user_id", input.user_id.to_string());
        entry.detail.insert("lead", input.is_lead.to_string());
        tx.record(entry);
        keep(self, &mut tx, actor, key, "putTeamMember", &input, &()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes a person out of a team. A repeat answers the same and changes nothing.
    pub async fn remove_team_member(&self, actor: &Actor, team_id: TeamId, user_id: UserId) -> Result<()> {
        let team = self.managed_team(actor, team_id).await?;
        let mut tx = self.begin().await?;
        if rows::team::remove_member(&mut tx, team.id, user_id).await? {
            let mut entry = self.directory_entry(actor, "team.member.remove", team.organization_id, team.id);
            entry.detail.insert("user_id", user_id.to_string());
            tx.record(entry);
            tx.commit().await?;
        }
        Ok(())
    }
}
