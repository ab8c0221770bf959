//! The world of the story, built through the use cases alone, by the operator: organizations, teams, people, their
//! endpoints (mail to the local mailbox, webhooks to the local receiver), and the journeys' patients.

use std::collections::BTreeMap;

use anyhow::Context;
use liaison_channels::sinks::WebhookSink;
use liaison_clinical::Journey;
use liaison_domain::{
    Actor, ChannelKind, OrganizationId, OrganizationKind, PatientId, Role, TeamId, UserId, calendar::Calendar,
};
use liaison_service::{
    Service,
    directory::{
        AddPerson, CreateEndpoint, CreateOrganization, CreateTeam, EndpointOwner, OrganizationChoice, PutTeamMember,
        TeamSettings,
    },
    patients::{AddCareTeamEntry, AdministrativeGender, PatientIdentity, RegisterPatient},
};

use super::people::{House, Team, Who};

const ZONE: &str = "America/Chicago";

/// The ids of everybody and everything.
pub(crate) struct World {
    houses: BTreeMap<House, OrganizationId>,
    teams: BTreeMap<Team, TeamId>,
    actors: BTreeMap<Who, Actor>,
    patients: BTreeMap<String, PatientId>,
}

impl World {
    /// Builds it, without patients.
    pub(crate) async fn build(service: &Service, receiver: &WebhookSink) -> anyhow::Result<Self> {
        let mut world = Self {
            houses: BTreeMap::new(),
            teams: BTreeMap::new(),
            actors: BTreeMap::new(),
            patients: BTreeMap::new(),
        };
        let houses = [
            (
                House::Clinic,
                "Example Ketamine Infusion Clinic (SYNTHETIC)",
                OrganizationKind::Clinic,
            ),
            (
                House::Cancer,
                "Placeholder Cancer Center (SYNTHETIC)",
                OrganizationKind::Oncology,
            ),
            (
                House::Palliative,
                "Mockingbird Palliative Service (SYNTHETIC)",
                OrganizationKind::Palliative,
            ),
        ];
        for (house, name, kind) in houses {
            let input = CreateOrganization {
                name: name.to_owned(),
                kind,
                time_zone: ZONE.to_owned(),
                phone: Some("+1 555 010 0100".to_owned()),
                managed_by: world.houses.get(&House::Clinic).copied(),
                idempotency_key: None,
            };
            let id = service.create_organization(&Actor::system(), input).await?;
            world.houses.insert(house, id);
        }
        for team in Team::ALL {
            let id = world.team(service, receiver, team).await?;
            world.teams.insert(team, id);
        }
        for who in Who::ALL {
            let actor = world.person(service, who).await?;
            world.actors.insert(who, actor);
        }
        Ok(world)
    }

    async fn team(&self, service: &Service, receiver: &WebhookSink, team: Team) -> anyhow::Result<TeamId> {
        let system = Actor::system();
        let settings = TeamSettings {
            name: team.name().to_owned(),
            care_role: team.care_role(),
            calendar: Calendar::office_hours(ZONE.parse().context("a time zone")?),
            phone: Some("+1 555 010 0110".to_owned()),
        };
        let input = CreateTeam {
            organization_id: self.house(team.house())?,
            settings,
            idempotency_key: None,
        };
        let id = service.create_team(&system, input).await?;
        let mut endpoints = vec![(ChannelKind::Email, team.email().to_owned())];
        if team.has_webhook() {
            endpoints.push((ChannelKind::Webhook, receiver.url(&format!("/{}", team.short()))));
        }
        for (channel, address) in endpoints {
            let input = CreateEndpoint {
                owner: EndpointOwner::Team(id),
                channel,
                address,
                idempotency_key: None,
            };
            let created = service.create_endpoint(&system, input).await?;
            if let Some(secret) = created.secret {
                receiver.trust(secret);
            }
        }
        Ok(id)
    }

    async fn person(&self, service: &Service, who: Who) -> anyhow::Result<Actor> {
        let system = Actor::system();
        let organization = self.house(who.house())?;
        let teams = who
            .teams()
            .iter()
            .map(|&team| self.team_id(team))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let input = AddPerson {
            organization: OrganizationChoice::Existing(organization),
            email: who.email().to_owned(),
            display_name: who.name().to_owned(),
            phone: Some("+1 555 010 0120".to_owned()),
            time_zone: None,
            digest_hour: None,
            roles: vec![who.role()],
            teams: teams.clone(),
            idempotency_key: None,
        };
        let added = service.add_person(&system, input).await?;
        for team_id in teams.into_iter().filter(|_| who.role() == Role::TeamLead) {
            let put = PutTeamMember {
                team_id,
                user_id: added.user_id,
                is_lead: true,
                idempotency_key: None,
            };
            service.put_team_member(&system, put).await?;
        }
        service
            .acting_person(added.user_id, organization)
            .await?
            .context("a person who was just added")
    }

    /// Registers a journey's patient, with the oncology and palliative teams on the care team.
    pub(crate) async fn register(&mut self, service: &Service, journey: &Journey) -> anyhow::Result<()> {
        let physician = self.actor(Who::Physician)?;
        let patient = &journey.header.patient;
        let gender = patient
            .administrative_gender
            .parse()
            .unwrap_or(AdministrativeGender::Unknown);
        let identity = PatientIdentity {
            mrn: patient.mrn.clone(),
            name: patient.name.clone(),
            birth_date: patient.birth_date,
            administrative_gender: gender,
            other_mrns: Vec::new(),
        };
        let input = RegisterPatient {
            identity,
            idempotency_key: None,
        };
        let patient_id = service.register_patient(physician, input).await?.patient_id;
        for team in [Team::Oncology, Team::OnCall, Team::Palliative] {
            let input = AddCareTeamEntry {
                patient_id,
                team_id: Some(self.team_id(team)?),
                user_id: None,
                care_role: team.care_role(),
                from: None,
                until: None,
                idempotency_key: None,
            };
            service.add_care_team_entry(physician, input).await?;
        }
        self.patients.insert(journey.header.journey.clone(), patient_id);
        Ok(())
    }

    /// An organization.
    pub(crate) fn house(&self, house: House) -> anyhow::Result<OrganizationId> {
        self.houses
            .get(&house)
            .copied()
            .with_context(|| format!("no organization {house:?}"))
    }

    /// A team.
    pub(crate) fn team_id(&self, team: Team) -> anyhow::Result<TeamId> {
        self.teams
            .get(&team)
            .copied()
            .with_context(|| format!("no team {team:?}"))
    }

    /// A person, acting.
    pub(crate) fn actor(&self, who: Who) -> anyhow::Result<&Actor> {
        self.actors.get(&who).with_context(|| format!("no person {who:?}"))
    }

    /// A person's id.
    pub(crate) fn user(&self, who: Who) -> anyhow::Result<UserId> {
        self.actor(who)?.user_id.context("a person has an id")
    }

    /// The patient of a journey, by its letter.
    pub(crate) fn patient(&self, letter: &str) -> anyhow::Result<PatientId> {
        self.patients
            .get(letter)
            .copied()
            .with_context(|| format!("no patient of journey {letter}"))
    }

    /// The name of a person by id.
    pub(crate) fn name_of(&self, id: Option<UserId>) -> &'static str {
        let found = self
            .actors
            .iter()
            .find(|(_, actor)| actor.user_id.is_some() && actor.user_id == id);
        found.map_or("nobody", |(who, _)| who.name())
    }
}
