//! The world that is measured: a clinic, teams of a partner with their endpoints, patients with signed notes, and a
//! token for each who acts. The service itself prepares it, before any process of the binary runs.

use anyhow::{Context, Result, ensure};
use chrono::Days;
use liaison_clinical::NoteContent;
use liaison_domain::{
    Actor, CareRole, ChannelKind, Clock, EndpointId, OrganizationId, OrganizationKind, PatientId, Role, SystemClock,
    TeamId, calendar::Calendar,
};
use liaison_service::{
    Service,
    directory::{
        AddPerson, CreateEndpoint, CreateOrganization, CreateTeam, CreateToken, EndpointOwner, OrganizationChoice,
        TeamSettings,
    },
    notes::{AmendNote, UpdateDraft},
    patients::{AddCareTeamEntry, AdministrativeGender, PatientIdentity, RegisterPatient},
};
use liaison_testkit::{
    App, Engine, Signed,
    notes::{journey, sign_as},
};

/// A team and how it is reached.
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// A clinician of it.
    pub member: Actor,
    /// The clinician's token, to read and write.
    pub token: String,
    /// Its e-mail endpoint and address, where it has one.
    pub email: Option<(EndpointId, String)>,
    /// Its webhook endpoint and the secret that signs, where it has one.
    pub webhook: Option<(EndpointId, String)>,
}

/// How a team is to be reached.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// By mail.
    pub email: bool,
    /// By webhook, at this URL.
    pub webhook: Option<String>,
}

/// A person of the clinic who acts by a token.
pub struct Person {
    /// The person.
    pub actor: Actor,
    /// To read and write.
    pub token: String,
}

/// The world.
pub struct World {
    /// The app over its database; closed while processes of the binary run on SQLite.
    pub app: App,
    /// The clinic.
    pub clinic: OrganizationId,
    /// Signs and shares.
    pub physician: Person,
    /// Administers.
    pub admin: Person,
    /// The partner's teams.
    pub teams: Vec<Team>,
    /// Each patient has every team on the care team, and one signed note.
    pub notes: Vec<Signed>,
}

impl World {
    /// Prepares it on an engine. PostgreSQL is the one of `LIAISON_TEST_POSTGRES_URL`.
    ///
    /// # Errors
    /// When a use case refuses.
    pub async fn prepare(engine: Engine, reach: &[Reach], patients: usize) -> Result<Self> {
        let app = App::start(engine).await;
        app.clock.set(SystemClock.now());
        let builder = Builder { service: &app.service };
        let clinic = builder
            .organization("Example Clinic", OrganizationKind::Clinic, None)
            .await?;
        let physician = builder.person(clinic, &[], "physician", Role::Physician).await?;
        let admin = builder.person(clinic, &[], "admin", Role::Admin).await?;
        let partner = builder
            .organization("Example Cancer Center", OrganizationKind::Oncology, Some(clinic))
            .await?;
        let mut teams = Vec::with_capacity(reach.len());
        for (number, reach) in reach.iter().enumerate() {
            teams.push(builder.team(partner, number, reach).await?);
        }
        let content = content()?;
        let mut notes = Vec::with_capacity(patients);
        for number in 0..patients {
            let patient = builder.patient(&physician.actor, &teams, number).await?;
            notes.push(sign_as(&app.service, &physician.actor, patient, content.clone()).await?);
        }
        Ok(Self {
            app,
            clinic,
            physician,
            admin,
            teams,
            notes,
        })
    }

    /// Signs one more note of a patient.
    pub async fn sign(&self, patient: PatientId) -> Result<Signed> {
        Ok(sign_as(&self.app.service, &self.physician.actor, patient, content()?).await?)
    }

    /// Begins an amendment of a note and changes something in it; the revision that can be signed.
    pub async fn begin_amendment(&self, signed: &Signed) -> Result<i64> {
        let (service, physician) = (&self.app.service, &self.physician.actor);
        let input = AmendNote {
            note_id: signed.note_id,
            idempotency_key: None,
        };
        let opened = service.amend_note(physician, input).await?;
        let mut changed = serde_json::to_value(content()?)?;
        ensure!(correct(&mut changed), "journey A's first document says no reason");
        let input = UpdateDraft {
            note_id: signed.note_id,
            expected_revision: opened.revision,
            content: serde_json::from_value(changed)?,
            confirmations: Vec::new(),
            set_aside: None,
            idempotency_key: None,
        };
        Ok(service.update_draft(physician, input).await?.revision)
    }

    /// The database's URL, as the configuration says it.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.app.database.url
    }

    /// The folder of the database's keys, and of its file on SQLite.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.app.database.folder.path()
    }

    /// Lets go of the database, for the binary.
    pub async fn close(&self) {
        self.app.service.store().close().await;
    }
}

struct Builder<'a> {
    service: &'a Service,
}

impl Builder<'_> {
    async fn organization(
        &self,
        name: &str,
        kind: OrganizationKind,
        managed_by: Option<OrganizationId>,
    ) -> Result<OrganizationId> {
        let input = CreateOrganization {
            name: format!("{name} (SYNTHETIC)"),
            kind,
            time_zone: "America/Chicago".to_owned(),
            phone: Some("+1 555 010 0100".to_owned()),
            managed_by,
            idempotency_key: None,
        };
        Ok(self.service.create_organization(&Actor::system(), input).await?)
    }

    async fn person(&self, place: OrganizationId, teams: &[TeamId], name: &str, role: Role) -> Result<Person> {
        let input = AddPerson {
            organization: OrganizationChoice::Existing(place),
            email: format!("{name}@people.example.test"),
            display_name: format!("Synthetic {name}"),
            phone: Some("+1 555 010 0120".to_owned()),
            time_zone: None,
            digest_hour: None,
            roles: vec![role],
            teams: teams.to_vec(),
            idempotency_key: None,
        };
        let added = self.service.add_person(&Actor::system(), input).await?;
        let actor = self
            .service
            .acting_person(added.user_id, place)
            .await?
            .context("a person who cannot act")?;
        let wanted = CreateToken {
            name: "measurements".to_owned(),
            scopes: vec!["read".to_owned(), "write".to_owned()],
            days: 30,
            idempotency_key: None,
        };
        let token = self.service.create_token(&actor, wanted).await?;
        let token = token.secret.context("a token is shown once")?.expose().to_owned();
        Ok(Person { actor, token })
    }

    async fn team(&self, partner: OrganizationId, number: usize, reach: &Reach) -> Result<Team> {
        let system = Actor::system();
        let settings = TeamSettings {
            name: format!("Team {number}"),
            care_role: CareRole::Oncologist,
            calendar: Calendar::office_hours("America/Chicago".parse()?),
            phone: Some("+1 555 010 0110".to_owned()),
        };
        let input = CreateTeam {
            organization_id: partner,
            settings,
            idempotency_key: None,
        };
        let id = self.service.create_team(&system, input).await?;
        let name = format!("clinician-{number}");
        let person = self.person(partner, &[id], &name, Role::Clinician).await?;
        let endpoint = async |channel, address: String| {
            let input = CreateEndpoint {
                owner: EndpointOwner::Team(id),
                channel,
                address,
                idempotency_key: None,
            };
            self.service.create_endpoint(&system, input).await
        };
        let email = if reach.email {
            let address = format!("team-{number}@partner.example.test");
            let created = endpoint(ChannelKind::Email, address.clone()).await?;
            Some((created.endpoint_id, address))
        } else {
            None
        };
        let webhook = match &reach.webhook {
            Some(url) => {
                let created = endpoint(ChannelKind::Webhook, url.clone()).await?;
                let secret = created.secret.context("a webhook has a secret")?;
                Some((created.endpoint_id, secret.expose().to_owned()))
            }
            None => None,
        };
        Ok(Team {
            id,
            member: person.actor,
            token: person.token,
            email,
            webhook,
        })
    }

    async fn patient(&self, physician: &Actor, teams: &[Team], number: usize) -> Result<PatientId> {
        let identity = PatientIdentity {
            mrn: format!("SYN-{number:06}"),
            name: invented_name(number),
            birth_date: journey("A").header.patient.birth_date - Days::new(u64::try_from(number)? % 20_000),
            administrative_gender: AdministrativeGender::Unknown,
            other_mrns: Vec::new(),
        };
        let input = RegisterPatient {
            identity,
            idempotency_key: None,
        };
        let patient_id = self.service.register_patient(physician, input).await?.patient_id;
        for team in teams {
            let entry = AddCareTeamEntry {
                patient_id,
                team_id: Some(team.id),
                user_id: None,
                care_role: CareRole::Oncologist,
                from: None,
                until: None,
                idempotency_key: None,
            };
            self.service.add_care_team_entry(physician, entry).await?;
        }
        Ok(patient_id)
    }
}

/// What every note of the world says.
fn content() -> Result<NoteContent> {
    let journey = journey("A");
    Ok(journey.documents.first().context("journey A is empty")?.content.clone())
}

/// Changes the first reason that a document gives; whether there is one.
fn correct(content: &mut serde_json::Value) -> bool {
    match content {
        serde_json::Value::Object(fields) => fields.iter_mut().any(|(name, value)| match value {
            serde_json::Value::String(text) if name == "reason" => {
                text.push_str(" (Corrected.)");
                true
            }
            inner => correct(inner),
        }),
        serde_json::Value::Array(values) => values.iter_mut().any(correct),
        _ => false,
    }
}

/// A name that is nobody's, and like no other's: patients who look alike are asked about before anything is shared.
fn invented_name(number: usize) -> String {
    const SYLLABLES: [&str; 16] = [
        "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "wa",
    ];
    let word = |mut rest: usize| {
        let mut word = String::new();
        for _ in 0..5 {
            word.push_str(SYLLABLES[rest % 16]);
            rest /= 16;
        }
        word
    };
    // Two multipliers, so that neither word of neighbours is alike.
    format!(
        "{}, {}",
        word(number.wrapping_mul(40_503) % 1_048_576),
        word(number.wrapping_mul(93_911) % 1_048_576)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_patients_bear_one_name() {
        let names: HashSet<String> = (0..10_000).map(invented_name).collect();
        assert_eq!(names.len(), 10_000);
    }
}
