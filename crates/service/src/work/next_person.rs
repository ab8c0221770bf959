//! Who is next when the addressed do not answer: whoever covers for them, the team's leads, then the organization's
//! other teams.

use std::collections::BTreeMap;

use liaison_domain::{DeliveryPurpose, Outcome, TeamId, Urgency, UserId};
use liaison_store::{
    Tx, deliveries, deliveries::DeliveryRow, directory::team::teams_of_organizations, patients::restrictions_of,
    recipients::RecipientRow,
};

use crate::{
    Result, Service,
    loops::{
        message::{LoopMessage, Message, Route},
        who::Addressed,
    },
    patients::restriction_applies,
};

/// Somebody to be told, and how.
struct Next {
    name: String,
    routes: Vec<Route>,
}

/// Who was told.
#[derive(Default)]
pub(crate) struct Told {
    /// By name; a team's inbox has none.
    pub(crate) people: Vec<UserId>,
    /// How many messages were planned.
    pub(crate) messages: usize,
}

impl Service {
    /// Tells the next person. No messages are planned when there is nobody.
    pub(crate) async fn tell_next_person(&self, tx: &mut Tx, row: &RecipientRow) -> Result<Told> {
        let (people, mut next) = self.next_people(tx, row).await?;
        if next.is_empty() {
            next = self.next_team(tx, row).await?.into_iter().collect();
        }
        let addressed = self.recipient_name(tx, row).await?;
        let facts = BTreeMap::from([("recipient".to_owned(), addressed)]);
        let mut planned = Vec::new();
        for one in next {
            planned.extend(
                self.plan_for_loop(
                    tx,
                    row,
                    DeliveryPurpose::NextPerson,
                    one.name,
                    &one.routes,
                    facts.clone(),
                )
                .await?,
            );
        }
        deliveries::insert(tx, &planned).await?;
        Ok(Told {
            people,
            messages: planned.len(),
        })
    }

    /// Reminds the addressed team or person along the routes that are in use now.
    pub(crate) async fn remind(&self, tx: &mut Tx, row: &RecipientRow) -> Result<Told> {
        let teams: Vec<TeamId> = row.to_team_id.into_iter().collect();
        let users: Vec<UserId> = row.to_user_id.into_iter().collect();
        let known = Addressed::load(tx, &teams, &users, self.now()).await?;
        let routes = match (row.to_team_id, row.to_user_id) {
            (Some(team), _) => known.routes_to_team(team),
            (None, Some(user)) => known.routes_to_user(user),
            (None, None) => Vec::new(),
        };
        let name = self.recipient_name(tx, row).await?;
        let planned = self
            .plan_for_loop(tx, row, DeliveryPurpose::Reminder, name, &routes, BTreeMap::new())
            .await?;
        deliveries::insert(tx, &planned).await?;
        Ok(Told {
            people: users,
            messages: planned.len(),
        })
    }

    async fn plan_for_loop(
        &self,
        tx: &mut Tx,
        row: &RecipientRow,
        purpose: DeliveryPurpose,
        to: String,
        routes: &[Route],
        facts: BTreeMap<String, String>,
    ) -> Result<Vec<DeliveryRow>> {
        let clinic = self.organization_name(tx, row.organization_id).await?;
        let mut planned = self.plan_deliveries(&LoopMessage {
            recipient_id: row.id,
            share_id: row.share_id,
            organization_id: row.organization_id,
            routes,
            message: Message {
                purpose,
                clinic,
                to,
                urgency: row.urgency,
                due_at: row.due_at,
                time_zone: row.calendar.0.time_zone.name().to_owned(),
                link: self.loop_link(row.id),
                notice: None,
                facts,
                at: self.now(),
            },
        });
        // A step taken late, after an outage, still spares the night; an emergency and dead channels wait for nobody.
        if row.urgency != Urgency::Emergent && row.outcome != Some(Outcome::Failed) {
            let awake = row.calendar.0.after_quiet_hours(self.now());
            for delivery in &mut planned {
                delivery.next_attempt_at = Some(awake);
            }
        }
        Ok(planned)
    }

    /// For a person: who covers them, else the leads of their teams. For a team: who covers its absent members, and its
    /// leads. An absent lead is represented by who covers them.
    async fn next_people(&self, tx: &mut Tx, row: &RecipientRow) -> Result<(Vec<UserId>, Vec<Next>)> {
        let teams: Vec<TeamId> = row.to_team_id.into_iter().collect();
        let users: Vec<UserId> = row.to_user_id.into_iter().collect();
        let known = Addressed::load(tx, &teams, &users, self.now()).await?;
        let stand_in = |user: UserId| known.covering(user).unwrap_or(user);
        let leads = |team: TeamId| {
            known
                .team_people
                .get(&team)
                .into_iter()
                .flatten()
                .filter(|person| person.is_lead)
                .map(|person| stand_in(person.user_id))
        };
        let mut people: Vec<UserId> = Vec::new();
        match (row.to_team_id, row.to_user_id) {
            (Some(team), _) => {
                let members = known.team_people.get(&team).into_iter().flatten();
                people.extend(members.filter_map(|person| known.covering(person.user_id)));
                people.extend(leads(team));
            }
            (None, Some(user)) => match known.covering(user) {
                Some(covering) => people.push(covering),
                None => {
                    let theirs = known.teams_of_user.get(&user).into_iter().flatten().filter(|team| {
                        known
                            .teams
                            .get(team)
                            .is_some_and(|found| found.active && found.organization_id == row.to_organization_id)
                    });
                    people.extend(theirs.flat_map(|team| leads(*team)));
                }
            },
            (None, None) => {}
        }
        people.retain(|user| Some(*user) != row.to_user_id);
        people.sort_unstable();
        people.dedup();
        let ways = Addressed::load(tx, &[], &people, self.now()).await?;
        let restrictions = restrictions_of(tx, &[row.patient_id]).await?;
        let excluded = |team: Option<TeamId>, user: UserId| {
            restriction_applies(&restrictions, row.to_organization_id, team, Some(user), self.now())
        };
        let mut next = Vec::new();
        people.retain(|user| {
            // Nobody whom the clinic agreed with the patient to leave out, by themselves or with a team of theirs.
            let theirs = ways.teams_of_user.get(user).into_iter().flatten();
            if excluded(None, *user) || theirs.into_iter().any(|team| excluded(Some(*team), *user)) {
                return false;
            }
            let routes = ways.routes_to_user(*user);
            let Some(person) = ways.people.get(user).filter(|person| person.disabled_at.is_none()) else {
                return false;
            };
            next.push(Next {
                name: person.display_name.clone(),
                routes,
            });
            true
        });
        Ok((people, next))
    }

    /// Another team of the organization that can be reached, one of the same part first.
    async fn next_team(&self, tx: &mut Tx, row: &RecipientRow) -> Result<Option<Next>> {
        let mut teams = teams_of_organizations(tx, &[row.to_organization_id]).await?;
        let restrictions = restrictions_of(tx, &[row.patient_id]).await?;
        teams.retain(|team| {
            let excluded = restriction_applies(&restrictions, row.to_organization_id, Some(team.id), None, self.now());
            team.active && Some(team.id) != row.to_team_id && !excluded
        });
        teams.sort_by_key(|team| team.care_role != row.care_role);
        let ids: Vec<TeamId> = teams.iter().map(|team| team.id).collect();
        let known = Addressed::load(tx, &ids, &[], self.now()).await?;
        Ok(teams.into_iter().find_map(|team| {
            let routes = known.routes_to_team(team.id);
            (!routes.is_empty()).then_some(Next {
                name: team.name,
                routes,
            })
        }))
    }
}
