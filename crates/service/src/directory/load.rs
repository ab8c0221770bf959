//! Loading many things of the directory at once, by their ids: for readers that gather them over a whole page or query.
//!
//! Each answers by a constant number of statements, in no promised order over the ids, and leaves out what is unknown
//! or not for the actor.

use liaison_domain::{Actor, EndpointId, MembershipId, OrganizationId, TeamId, UserId};
use liaison_store::directory as rows;

use super::{
    Endpoint, Membership, Organization, Person, Team, TeamMember,
    read::{people, sees_endpoint},
};
use crate::{Result, Service};

impl Service {
    /// Organizations by their ids.
    pub async fn organizations_by_ids(&self, actor: &Actor, ids: &[OrganizationId]) -> Result<Vec<Organization>> {
        Ok(rows::organizations_by_ids(&mut self.reads_directory(actor).await?, ids).await?)
    }

    /// Teams by their ids.
    pub async fn teams_by_ids(&self, actor: &Actor, ids: &[TeamId]) -> Result<Vec<Team>> {
        Ok(rows::teams_by_ids(&mut self.reads_directory(actor).await?, ids).await?)
    }

    /// The teams of organizations, by name.
    pub async fn teams_of_organizations(&self, actor: &Actor, ids: &[OrganizationId]) -> Result<Vec<Team>> {
        Ok(rows::team::teams_of_organizations(&mut self.reads_directory(actor).await?, ids).await?)
    }

    /// People by their ids.
    pub async fn people_by_ids(&self, actor: &Actor, ids: &[UserId]) -> Result<Vec<Person>> {
        let mut conn = self.reads_directory(actor).await?;
        let found = rows::people_by_ids(&mut conn, ids).await?;
        people(&mut conn, actor, found).await
    }

    /// The members of teams, by name.
    pub async fn members_of_teams(&self, actor: &Actor, ids: &[TeamId]) -> Result<Vec<TeamMember>> {
        Ok(rows::members_of_teams(&mut self.reads_directory(actor).await?, ids).await?)
    }

    /// The places in teams that people have, by the team's name.
    pub async fn teams_of_people(&self, actor: &Actor, ids: &[UserId]) -> Result<Vec<TeamMember>> {
        Ok(rows::teams_of_people(&mut self.reads_directory(actor).await?, ids).await?)
    }

    /// Places in organizations by their ids, ended ones too.
    pub async fn memberships_by_ids(&self, actor: &Actor, ids: &[MembershipId]) -> Result<Vec<Membership>> {
        Ok(rows::membership::memberships_by_ids(&mut self.reads_directory(actor).await?, ids).await?)
    }

    /// The current places of people in organizations, oldest first.
    pub async fn memberships_of(&self, actor: &Actor, ids: &[UserId]) -> Result<Vec<Membership>> {
        Ok(rows::memberships_of(&mut self.reads_directory(actor).await?, ids).await?)
    }

    /// The current places in organizations, by the person's name.
    pub async fn memberships_in(&self, actor: &Actor, ids: &[OrganizationId]) -> Result<Vec<Membership>> {
        Ok(rows::membership::memberships_in(&mut self.reads_directory(actor).await?, ids).await?)
    }

    /// Endpoints by their ids, for their organization and for clinics.
    pub async fn endpoints_by_ids(&self, actor: &Actor, ids: &[EndpointId]) -> Result<Vec<Endpoint>> {
        let mut found = rows::endpoint::endpoints_by_ids(&mut self.reads_directory(actor).await?, ids).await?;
        found.retain(|endpoint| sees_endpoint(actor, endpoint));
        Ok(found)
    }

    /// The endpoints of teams, oldest first, for their organization and for clinics.
    pub async fn endpoints_of_teams(&self, actor: &Actor, ids: &[TeamId]) -> Result<Vec<Endpoint>> {
        let mut found = rows::endpoints_of_teams(&mut self.reads_directory(actor).await?, ids).await?;
        found.retain(|endpoint| sees_endpoint(actor, endpoint));
        Ok(found)
    }

    /// The endpoints of people, oldest first, for their organization and for clinics.
    pub async fn endpoints_of_people(&self, actor: &Actor, ids: &[UserId]) -> Result<Vec<Endpoint>> {
        let mut found = rows::endpoints_of_users(&mut self.reads_directory(actor).await?, ids).await?;
        found.retain(|endpoint| sees_endpoint(actor, endpoint));
        Ok(found)
    }
}
