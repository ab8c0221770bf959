//! Who is behind an address: names, routes, calendars, who is there and who covers.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use liaison_domain::{ChannelKind, EndpointStatus, OrganizationId, Role, TeamId, UserId, calendar::Calendar};
use liaison_store::{
    Conn,
    directory::{
        EndpointRow, PersonRow, TeamPersonRow, TeamRow, covering, endpoints_of_teams, endpoints_of_users,
        memberships_of, people_by_ids, team_people, teams_by_ids, teams_of_people,
    },
    recipients::RecipientRow,
};

use super::message::Route;
use crate::{Result, Service};

/// Everything the directory knows about a set of addressed teams and people, read by a constant number of statements.
pub(crate) struct Addressed {
    pub(crate) teams: HashMap<TeamId, TeamRow>,
    pub(crate) people: HashMap<UserId, PersonRow>,
    pub(crate) team_people: HashMap<TeamId, Vec<TeamPersonRow>>,
    pub(crate) teams_of_user: HashMap<UserId, Vec<TeamId>>,
    pub(crate) organizations_of_user: HashMap<UserId, Vec<OrganizationId>>,
    endpoints_of_team: HashMap<TeamId, Vec<EndpointRow>>,
    endpoints_of_user: HashMap<UserId, Vec<EndpointRow>>,
    covering: HashMap<UserId, UserId>,
}

fn grouped<K: std::hash::Hash + Eq, V>(pairs: impl IntoIterator<Item = (K, V)>) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for (key, value) in pairs {
        groups.entry(key).or_default().push(value);
    }
    groups
}

impl Addressed {
    /// Reads it.
    pub(crate) async fn load(conn: &mut Conn, teams: &[TeamId], users: &[UserId], at: DateTime<Utc>) -> Result<Self> {
        let people: HashMap<_, _> = people_by_ids(conn, users)
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        let teams_of_user = grouped(
            teams_of_people(conn, users)
                .await?
                .into_iter()
                .map(|row| (row.user_id, row.team_id)),
        );
        let organizations_of_user = grouped(
            memberships_of(conn, users)
                .await?
                .into_iter()
                .filter(|row| row.until_at.is_none())
                .map(|row| (row.user_id, row.organization_id)),
        );
        let mut all_teams = teams.to_vec();
        all_teams.extend(teams_of_user.values().flatten());
        let teams: HashMap<_, _> = teams_by_ids(conn, &all_teams)
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        let members = team_people(conn, &all_teams).await?;
        let mut everybody: Vec<UserId> = members.iter().map(|row| row.user_id).collect();
        everybody.extend(users);
        let covering = covering(conn, &everybody, at).await?;
        let endpoints_of_team = grouped(
            endpoints_of_teams(conn, &all_teams)
                .await?
                .into_iter()
                .filter_map(|row| Some((row.team_id?, row))),
        );
        let endpoints_of_user = grouped(
            endpoints_of_users(conn, users)
                .await?
                .into_iter()
                .filter_map(|row| Some((row.user_id?, row))),
        );
        Ok(Self {
            teams,
            people,
            team_people: grouped(members.into_iter().map(|row| (row.team_id, row))),
            teams_of_user,
            organizations_of_user,
            endpoints_of_team,
            endpoints_of_user,
            covering,
        })
    }

    /// The active ways to reach a team.
    pub(crate) fn routes_to_team(&self, team: TeamId) -> Vec<Route> {
        routes(self.endpoints_of_team.get(&team))
    }

    /// The active ways to reach a person: their endpoints, else their own address.
    pub(crate) fn routes_to_user(&self, user: UserId) -> Vec<Route> {
        let routes = routes(self.endpoints_of_user.get(&user));
        if !routes.is_empty() {
            return routes;
        }
        self.people
            .get(&user)
            .filter(|person| person.disabled_at.is_none())
            .map(|person| Route {
                endpoint_id: None,
                channel: ChannelKind::Email,
                address: person.email.clone(),
            })
            .into_iter()
            .collect()
    }

    /// Who of a team is there, or covered, at the moment of loading.
    pub(crate) fn present(&self, team: TeamId) -> Vec<UserId> {
        let away: Vec<_> = self.covering.keys().collect();
        let mut present: Vec<UserId> = Vec::new();
        for person in self.team_people.get(&team).into_iter().flatten() {
            let there = self.covering.get(&person.user_id).copied().unwrap_or(person.user_id);
            if !away.contains(&&there) && !present.contains(&there) {
                present.push(there);
            }
        }
        present
    }

    /// Whether a person has a current place in an organization.
    pub(crate) fn is_of(&self, user: UserId, organization: OrganizationId) -> bool {
        self.organizations_of_user
            .get(&user)
            .is_some_and(|places| places.contains(&organization))
    }

    /// Who covers a person, if anybody does.
    pub(crate) fn covering(&self, user: UserId) -> Option<UserId> {
        self.covering.get(&user).copied()
    }

    /// The calendar by which a person's clock runs: their team's in the organization, else office hours in their zone.
    pub(crate) fn calendar_of_user(&self, user: UserId, organization: OrganizationId) -> Calendar {
        let team = self
            .teams_of_user
            .get(&user)
            .into_iter()
            .flatten()
            .filter_map(|team| self.teams.get(team))
            .find(|team| team.organization_id == organization);
        match team {
            Some(team) => team.calendar().clone(),
            None => {
                let zone = self.people.get(&user).and_then(|person| person.time_zone.parse().ok());
                Calendar::office_hours(zone.unwrap_or(chrono_tz::UTC))
            }
        }
    }
}

fn routes(endpoints: Option<&Vec<EndpointRow>>) -> Vec<Route> {
    endpoints
        .into_iter()
        .flatten()
        .filter(|endpoint| endpoint.status == EndpointStatus::Active)
        .map(|endpoint| Route {
            endpoint_id: Some(endpoint.id),
            channel: endpoint.channel,
            address: endpoint.address.clone(),
        })
        .collect()
}

impl Service {
    /// The people of a loop's clinic who have one of the roles.
    pub(crate) async fn clinic_people(
        &self,
        conn: &mut Conn,
        row: &RecipientRow,
        roles: &[Role],
    ) -> Result<Vec<UserId>> {
        let members = liaison_store::directory::membership::enabled_memberships_in(conn, row.organization_id).await?;
        Ok(members
            .into_iter()
            .filter(|member| member.roles().iter().any(|role| roles.contains(role)))
            .map(|member| member.user_id)
            .collect())
    }

    /// The named person at the clinic who answers for a loop: the sender, else who covers the sender, else another
    /// physician, coordinator or admin of the clinic.
    pub(crate) async fn clinic_owner(&self, conn: &mut Conn, row: &RecipientRow) -> Result<UserId> {
        let members = liaison_store::directory::membership::enabled_memberships_in(conn, row.organization_id).await?;
        let covers = liaison_store::directory::covering(conn, &[row.shared_by], self.now()).await?;
        let wanted = covers.get(&row.shared_by).copied().unwrap_or(row.shared_by);
        if members.iter().any(|member| member.user_id == wanted) {
            return Ok(wanted);
        }
        let by_role = [Role::Physician, Role::Coordinator, Role::Admin]
            .iter()
            .find_map(|role| {
                members
                    .iter()
                    .find(|member| member.roles().contains(role))
                    .map(|member| member.user_id)
            });
        // A clinic without anybody left keeps the sender's name on the list: better an absent owner than none.
        Ok(by_role.unwrap_or(row.shared_by))
    }

    /// The addressed team's or person's name.
    pub(crate) async fn recipient_name(&self, conn: &mut Conn, row: &RecipientRow) -> Result<String> {
        if let Some(team) = row.to_team_id {
            let found = liaison_store::directory::teams_by_ids(conn, &[team]).await?;
            return Ok(found
                .into_iter()
                .next()
                .map_or_else(|| team.to_string(), |team| team.name));
        }
        let Some(user) = row.to_user_id else {
            return Ok(row.id.to_string());
        };
        let found = liaison_store::directory::people_by_ids(conn, &[user]).await?;
        Ok(found
            .into_iter()
            .next()
            .map_or_else(|| user.to_string(), |person| person.display_name))
    }
}
