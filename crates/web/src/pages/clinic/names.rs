//! The names behind ids, for a whole page at once: a constant number of look-ups however long the page is.

use std::collections::{HashMap, HashSet};

use liaison_domain::{Actor, OrganizationId, TeamId, UserId};
use liaison_service::reading::RecipientRow;

use crate::{Result, Web};

/// The ids of which a page needs the names.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    people: HashSet<UserId>,
    teams: HashSet<TeamId>,
    organizations: HashSet<OrganizationId>,
}

impl Wanted {
    /// A person.
    pub(super) fn person(&mut self, id: impl Into<Option<UserId>>) {
        self.people.extend(id.into());
    }

    /// A team.
    pub(super) fn team(&mut self, id: impl Into<Option<TeamId>>) {
        self.teams.extend(id.into());
    }

    /// An organization.
    pub(super) fn organization(&mut self, id: impl Into<Option<OrganizationId>>) {
        self.organizations.extend(id.into());
    }

    /// Everybody a loop names.
    pub(super) fn recipient(&mut self, row: &RecipientRow) {
        self.person(row.shared_by);
        self.person(row.to_user_id);
        self.team(row.to_team_id);
        self.organization(row.to_organization_id);
    }

    /// Looks them up.
    pub(super) async fn load(self, web: &Web, actor: &Actor) -> Result<Names> {
        let service = web.service();
        let mut names = Names::default();
        let teams: Vec<TeamId> = self.teams.into_iter().collect();
        let mut organizations = self.organizations;
        if !teams.is_empty() {
            for team in service.teams_by_ids(actor, &teams).await? {
                organizations.insert(team.organization_id);
                names.teams.insert(team.id, (team.name, team.organization_id));
            }
        }
        let organizations: Vec<OrganizationId> = organizations.into_iter().collect();
        if !organizations.is_empty() {
            for found in service.organizations_by_ids(actor, &organizations).await? {
                names.organizations.insert(found.id, found.name);
            }
        }
        let people: Vec<UserId> = self.people.into_iter().collect();
        if !people.is_empty() {
            for person in service.people_by_ids(actor, &people).await? {
                names.people.insert(person.id, person.display_name);
            }
        }
        Ok(names)
    }
}

/// Names by their ids. Somebody who is no longer known is said to be.
#[derive(Debug, Default)]
pub(super) struct Names {
    people: HashMap<UserId, String>,
    teams: HashMap<TeamId, (String, OrganizationId)>,
    organizations: HashMap<OrganizationId, String>,
}

impl Names {
    /// A person's name.
    pub(super) fn person(&self, id: UserId) -> String {
        self.people
            .get(&id)
            .cloned()
            .unwrap_or_else(|| "somebody no longer listed".to_owned())
    }

    /// A person's name, where there is one.
    pub(super) fn some(&self, id: Option<UserId>) -> String {
        id.map_or_else(String::new, |id| self.person(id))
    }

    /// An organization's name.
    pub(super) fn organization(&self, id: OrganizationId) -> String {
        self.organizations
            .get(&id)
            .cloned()
            .unwrap_or_else(|| "an organization no longer listed".to_owned())
    }

    /// A team with its organization.
    pub(super) fn team(&self, id: TeamId) -> String {
        self.teams.get(&id).map_or_else(
            || "a team no longer listed".to_owned(),
            |(name, organization)| format!("{name}, {}", self.organization(*organization)),
        )
    }

    /// To whom a loop went: a team or a person, with the organization.
    pub(super) fn recipient(&self, row: &RecipientRow) -> String {
        self.addressee(row.to_team_id, row.to_user_id, Some(row.to_organization_id))
    }

    /// A team, or else a person with an organization, or else an organization.
    pub(super) fn addressee(
        &self,
        team: Option<TeamId>,
        user: Option<UserId>,
        organization: Option<OrganizationId>,
    ) -> String {
        match (team, user, organization) {
            (Some(team), _, _) => self.team(team),
            (None, Some(user), Some(organization)) => {
                format!("{}, {}", self.person(user), self.organization(organization))
            }
            (None, Some(user), None) => self.person(user),
            (None, None, Some(organization)) => self.organization(organization),
            (None, None, None) => String::new(),
        }
    }
}
