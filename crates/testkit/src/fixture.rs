//! The synthetic world of the journeys: a clinic, a cancer center, a palliative service, and two organizations that
//! have nothing to do with them. Everybody and everything in it is invented and says so.
//!
//! It is built through the use cases alone, by the operator.

use liaison_domain::{
    Actor, CareRole, ChannelKind, EndpointId, OrganizationId, OrganizationKind, Role, TeamId, UserId,
    calendar::Calendar,
};
use liaison_service::{
    Service,
    directory::{
        AddPerson, CreateEndpoint, CreateOrganization, CreateTeam, EndpointOwner, OrganizationChoice, PutTeamMember,
        TeamSettings,
    },
};

use crate::App;

/// Where the oncology team's webhook goes.
pub const WEBHOOK_URL: &str = "https://hooks.placeholder-cancer-center.example.test/liaison";

/// The world's ids, and an actor for each person.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// The operator.
    pub system: Actor,

    /// Example Ketamine Infusion Clinic (SYNTHETIC), America/Chicago.
    pub clinic: OrganizationId,
    /// Dr. Imogen Sampleton, PHYSICIAN of the clinic.
    pub physician: Actor,
    /// A COORDINATOR of the clinic.
    pub coordinator: Actor,
    /// An ADMIN of the clinic.
    pub admin: Actor,
    /// An AUDITOR of the clinic.
    pub auditor: Actor,

    /// Placeholder Cancer Center (SYNTHETIC); the clinic keeps its directory.
    pub oncology: OrganizationId,
    /// Its oncology team, America/Chicago, office hours.
    pub oncology_team: TeamId,
    /// Dr. Oncor Fabricato, CLINICIAN in the oncology team.
    pub oncologist: Actor,
    /// A second CLINICIAN in the oncology team.
    pub second_oncologist: Actor,
    /// TEAM_LEAD of the oncology team.
    pub oncology_lead: Actor,
    /// The oncology team's e-mail endpoint.
    pub oncology_email: EndpointId,
    /// The oncology team's webhook endpoint.
    pub oncology_webhook: EndpointId,
    /// That webhook's signing secret.
    pub oncology_webhook_secret: String,

    /// Mockingbird Palliative Service (SYNTHETIC); the clinic keeps its directory.
    pub palliative_service: OrganizationId,
    /// Its palliative team, America/Chicago, office hours.
    pub palliative_team: TeamId,
    /// Dr. Palla Confortini, CLINICIAN in the palliative team.
    pub palliative: Actor,
    /// TEAM_LEAD of the palliative team.
    pub palliative_lead: Actor,
    /// The palliative team's e-mail endpoint.
    pub palliative_email: EndpointId,

    /// An organization that has nothing to do with the others.
    pub outside: OrganizationId,
    /// Its team, which has no endpoint.
    pub outside_team: TeamId,
    /// A CLINICIAN there.
    pub outsider: Actor,
    /// An ADMIN there.
    pub outside_admin: Actor,

    /// Another clinic.
    pub other_clinic: OrganizationId,
    /// A PHYSICIAN of the other clinic.
    pub other_physician: Actor,
    /// An ADMIN of the other clinic.
    pub other_admin: Actor,
}

/// The person of an actor.
pub fn user(actor: &Actor) -> UserId {
    actor.user_id.expect("a person")
}

struct Builder<'a> {
    service: &'a Service,
    system: Actor,
}

impl Builder<'_> {
    async fn organization(
        &self,
        name: &str,
        kind: OrganizationKind,
        managed_by: Option<OrganizationId>,
    ) -> OrganizationId {
        let input = CreateOrganization {
            name: name.to_owned(),
            kind,
            time_zone: "America/Chicago".to_owned(),
            phone: Some("+1 555 010 0100".to_owned()),
            managed_by,
            idempotency_key: None,
        };
        self.service
            .create_organization(&self.system, input)
            .await
            .expect("an organization")
    }

    async fn team(&self, organization_id: OrganizationId, name: &str, care_role: CareRole) -> TeamId {
        let settings = TeamSettings {
            name: name.to_owned(),
            care_role,
            calendar: Calendar::office_hours("America/Chicago".parse().expect("a zone")),
            phone: Some("+1 555 010 0110".to_owned()),
        };
        let input = CreateTeam {
            organization_id,
            settings,
            idempotency_key: None,
        };
        self.service.create_team(&self.system, input).await.expect("a team")
    }

    async fn person(
        &self,
        organization: OrganizationId,
        teams: &[TeamId],
        name: &str,
        email: &str,
        role: Role,
    ) -> Actor {
        let input = AddPerson {
            organization: OrganizationChoice::Existing(organization),
            email: email.to_owned(),
            display_name: name.to_owned(),
            phone: Some("+1 555 010 0120".to_owned()),
            time_zone: None,
            digest_hour: None,
            roles: vec![role],
            teams: teams.to_vec(),
            idempotency_key: None,
        };
        let added = self.service.add_person(&self.system, input).await.expect("a person");
        for &team_id in teams.iter().filter(|_| role == Role::TeamLead) {
            let put = PutTeamMember {
                team_id,
                user_id: added.user_id,
                is_lead: true,
                idempotency_key: None,
            };
            self.service.put_team_member(&self.system, put).await.expect("a lead");
        }
        self.service
            .acting_person(added.user_id, organization)
            .await
            .expect("the store answers")
            .expect("an actor")
    }

    async fn endpoint(&self, team: TeamId, channel: ChannelKind, address: &str) -> (EndpointId, Option<String>) {
        let owner = EndpointOwner::Team(team);
        let input = CreateEndpoint {
            owner,
            channel,
            address: address.to_owned(),
            idempotency_key: None,
        };
        let created = self
            .service
            .create_endpoint(&self.system, input)
            .await
            .expect("an endpoint");
        (
            created.endpoint_id,
            created.secret.map(|secret| secret.expose().to_owned()),
        )
    }
}

impl Fixture {
    /// Builds the world.
    pub async fn build(service: &Service) -> Self {
        let b = Builder {
            service,
            system: Actor::system(),
        };
        let clinic = b
            .organization(
                "Example Ketamine Infusion Clinic (SYNTHETIC)",
                OrganizationKind::Clinic,
                None,
            )
            .await;
        let physician = b
            .person(
                clinic,
                &[],
                "Dr. Imogen Sampleton",
                "imogen.sampleton@clinic.example.test",
                Role::Physician,
            )
            .await;
        let coordinator = b
            .person(
                clinic,
                &[],
                "Cora Ordinata",
                "cora.ordinata@clinic.example.test",
                Role::Coordinator,
            )
            .await;
        let admin = b
            .person(
                clinic,
                &[],
                "Adma Nistrata",
                "adma.nistrata@clinic.example.test",
                Role::Admin,
            )
            .await;
        let auditor = b
            .person(
                clinic,
                &[],
                "Audra Revisor",
                "audra.revisor@clinic.example.test",
                Role::Auditor,
            )
            .await;

        let oncology = b
            .organization(
                "Placeholder Cancer Center (SYNTHETIC)",
                OrganizationKind::Oncology,
                Some(clinic),
            )
            .await;
        let oncology_team = b
            .team(oncology, "Breast and thoracic oncology", CareRole::Oncologist)
            .await;
        let on = [oncology_team];
        let oncologist = b
            .person(
                oncology,
                &on,
                "Dr. Oncor Fabricato",
                "oncor.fabricato@cancer.example.test",
                Role::Clinician,
            )
            .await;
        let second_oncologist = b
            .person(
                oncology,
                &on,
                "Dr. Secunda Fictiva",
                "secunda.fictiva@cancer.example.test",
                Role::Clinician,
            )
            .await;
        let oncology_lead = b
            .person(
                oncology,
                &on,
                "Leda Pretendson",
                "leda.pretendson@cancer.example.test",
                Role::TeamLead,
            )
            .await;
        let (oncology_email, _) = b
            .endpoint(oncology_team, ChannelKind::Email, "oncology-team@cancer.example.test")
            .await;
        let (oncology_webhook, secret) = b.endpoint(oncology_team, ChannelKind::Webhook, WEBHOOK_URL).await;

        let palliative_service = b
            .organization(
                "Mockingbird Palliative Service (SYNTHETIC)",
                OrganizationKind::Palliative,
                Some(clinic),
            )
            .await;
        let palliative_team = b
            .team(palliative_service, "Palliative medicine", CareRole::PalliativeClinician)
            .await;
        let pal = [palliative_team];
        let palliative = b
            .person(
                palliative_service,
                &pal,
                "Dr. Palla Confortini",
                "palla.confortini@palliative.example.test",
                Role::Clinician,
            )
            .await;
        let palliative_lead = b
            .person(
                palliative_service,
                &pal,
                "Lenia Mockman",
                "lenia.mockman@palliative.example.test",
                Role::TeamLead,
            )
            .await;
        let (palliative_email, _) = b
            .endpoint(
                palliative_team,
                ChannelKind::Email,
                "palliative-team@palliative.example.test",
            )
            .await;

        let outside = b
            .organization("Unrelated Medical Group (SYNTHETIC)", OrganizationKind::Oncology, None)
            .await;
        let outside_team = b.team(outside, "Unrelated oncology", CareRole::Oncologist).await;
        let outsider = b
            .person(
                outside,
                &[outside_team],
                "Dr. Outis Nemo",
                "outis.nemo@outside.example.test",
                Role::Clinician,
            )
            .await;
        let outside_admin = b
            .person(
                outside,
                &[],
                "Odette Nobody",
                "odette.nobody@outside.example.test",
                Role::Admin,
            )
            .await;

        let other_clinic = b
            .organization("Another Infusion Clinic (SYNTHETIC)", OrganizationKind::Clinic, None)
            .await;
        let other_physician = b
            .person(
                other_clinic,
                &[],
                "Dr. Altera Medica",
                "altera.medica@other.example.test",
                Role::Physician,
            )
            .await;
        let other_admin = b
            .person(
                other_clinic,
                &[],
                "Alter Admin",
                "alter.admin@other.example.test",
                Role::Admin,
            )
            .await;

        Self {
            system: b.system,
            clinic,
            physician,
            coordinator,
            admin,
            auditor,
            oncology,
            oncology_team,
            oncologist,
            second_oncologist,
            oncology_lead,
            oncology_email,
            oncology_webhook,
            oncology_webhook_secret: secret.expect("a webhook has a secret"),
            palliative_service,
            palliative_team,
            palliative,
            palliative_lead,
            palliative_email,
            outside,
            outside_team,
            outsider,
            outside_admin,
            other_clinic,
            other_physician,
            other_admin,
        }
    }
}

impl App {
    /// Builds the synthetic world in this app.
    pub async fn fixture(&self) -> Fixture {
        Fixture::build(&self.service).await
    }

    /// Makes the directory long: practices named `Practice 000` and so on, each with a team named `Desk`, in this order.
    pub async fn practices(&self, fixture: &Fixture, count: usize) -> Vec<TeamId> {
        let mut teams = Vec::with_capacity(count);
        for number in 0..count {
            let organization = CreateOrganization {
                name: format!("Practice {number:03}"),
                kind: OrganizationKind::Other,
                time_zone: "America/Chicago".to_owned(),
                phone: None,
                managed_by: Some(fixture.clinic),
                idempotency_key: None,
            };
            let organization_id = self.service.create_organization(&fixture.admin, organization).await;
            let team = CreateTeam {
                organization_id: organization_id.expect("a practice"),
                settings: TeamSettings {
                    name: "Desk".to_owned(),
                    care_role: CareRole::PrimaryCare,
                    calendar: Calendar::office_hours("America/Chicago".parse().expect("a zone")),
                    phone: None,
                },
                idempotency_key: None,
            };
            teams.push(self.service.create_team(&fixture.admin, team).await.expect("a team"));
        }
        teams
    }
}
