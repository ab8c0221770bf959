//! `liaison user`: the first people of a deployment, and how they come in. Later ones are added through the API by an
//! admin.

use anyhow::bail;
use clap::{Args, Subcommand};
use liaison_domain::{Actor, CareRole, OrganizationId, OrganizationKind, Role, TeamId, calendar::Calendar};
use liaison_service::{
    Service, ServiceError,
    directory::{
        AddPerson, CreateOrganization, CreateTeam, ListOrganizations, Organization, OrganizationChoice, PutTeamMember,
        TeamSettings,
    },
    sign_in::OPERATOR_LINK,
};
use liaison_store::directory::{person::find_by_email, team::teams_of_organizations};

use super::term;
use crate::{config::Config, exit, out, wiring};

/// Add people from the command line.
#[derive(Args)]
pub(crate) struct User {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Add(Add),
    Invite(Invite),
    SignInLink(SignInLink),
}

/// Mail a person a link to set their first password, good for 72 hours.
///
/// The mail leaves when `liaison serve` runs with a mail server configured.
#[derive(Args)]
#[command(after_long_help = format!("Example:
  liaison user invite ana@clinic.example

{}", exit::HELP))]
struct Invite {
    /// E-mail address the person signs in with.
    email: String,
}

/// Make a link that signs a person in once, within 15 minutes: for the first admin, and for who lost every factor.
///
/// Whoever opens the link is that person: make sure who they are, and hand it over where nobody listens. That you made
/// it stands in the ledger. Earlier links of this kind for the person end.
#[derive(Args)]
#[command(after_long_help = format!("Example:
  liaison user sign-in-link ana@clinic.example

{}", exit::HELP))]
struct SignInLink {
    /// E-mail address the person signs in with.
    email: String,
}

/// Add a person with a place in an organization; with --kind, the organization too where there is none of that name.
///
/// A person who is known by their address gets a further place. Teams are found by name or id and made where there is
/// none of that name, working office hours in the organization's time zone.
#[derive(Args)]
#[command(after_long_help = format!("Examples:
  liaison user add --email ana@clinic.example --name 'Ana Ruiz' --organization 'Harbor Clinic' \\
      --kind CLINIC --time-zone America/Chicago --role ADMIN --role PHYSICIAN
  liaison user add --email lee@onc.example --name 'Lee Wong' --organization 'Lake Oncology' \\
      --kind ONCOLOGY --time-zone America/New_York --role CLINICIAN --team 'Thoracic'

{}", exit::HELP))]
struct Add {
    /// E-mail address; the person signs in with it.
    #[arg(long)]
    email: String,
    /// Name as colleagues read it.
    #[arg(long)]
    name: String,
    /// Name or id of the organization.
    #[arg(long, value_name = "NAME|ID")]
    organization: String,
    /// What a new organization is: CLINIC, ONCOLOGY, PALLIATIVE or OTHER.
    #[arg(long, requires = "time_zone", value_parser = term::<OrganizationKind>)]
    kind: Option<OrganizationKind>,
    /// IANA time zone of a new organization, such as America/Chicago; and of the person.
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// PHYSICIAN, COORDINATOR, CLINICIAN, TEAM_LEAD, ADMIN or AUDITOR; may be given several times.
    #[arg(long = "role", required = true, value_delimiter = ',', value_parser = term::<Role>)]
    roles: Vec<Role>,
    /// A team to join; may be given several times.
    #[arg(long = "team", value_name = "NAME|ID")]
    teams: Vec<String>,
    /// Telephone.
    #[arg(long)]
    phone: Option<String>,
}

impl User {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let parts = wiring::open(config).await?;
        let done = match self.command {
            Command::Add(add) => add.run(&parts.service).await,
            Command::Invite(invite) => invite.run(&parts.service).await,
            Command::SignInLink(link) => link.run(&parts.service).await,
        };
        parts.close().await;
        done
    }
}

fn nobody(email: &str) -> anyhow::Error {
    anyhow::anyhow!("nobody has the address \"{email}\"; add them with `liaison user add`")
}

impl Invite {
    async fn run(self, service: &Service) -> anyhow::Result<()> {
        let email = self.email.trim().to_ascii_lowercase();
        let known = find_by_email(&mut service.store().read().await?, &email).await?;
        let Some(person) = known else { bail!(nobody(&email)) };
        let invited = service.invite_person(&Actor::system(), person.id).await?;
        out::line(format_args!(
            "invitation to {} planned, good until {}",
            person.email,
            until(invited.expires_at)
        ))
    }
}

impl SignInLink {
    async fn run(self, service: &Service) -> anyhow::Result<()> {
        let made = service.issue_sign_in_link(&self.email, OPERATOR_LINK).await;
        let link = match made {
            Err(ServiceError::NotFound(_)) => bail!(nobody(self.email.trim())),
            other => other?,
        };
        out::line(link.url.expose())?;
        out::complain(format_args!(
            "{} signs {} in, once, until {}; it is not shown again",
            link.link_id,
            link.user_id,
            until(link.expires_at)
        ));
        Ok(())
    }
}

fn until(at: chrono::DateTime<chrono::Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

impl Add {
    async fn run(self, service: &Service) -> anyhow::Result<()> {
        let known = find_organization(service, &self.organization).await?;
        let organization = match (&known, self.kind) {
            (Some(known), Some(kind)) if known.kind != kind => {
                bail!(
                    "\"{}\" is there already, as {}; leave --kind out",
                    known.name,
                    known.kind
                )
            }
            (Some(known), _) => OrganizationChoice::Existing(known.id),
            (None, Some(kind)) => OrganizationChoice::New(CreateOrganization {
                name: self.organization.clone(),
                kind,
                time_zone: self.time_zone.clone().unwrap_or_default(),
                phone: None,
                managed_by: None,
                idempotency_key: None,
            }),
            (None, None) => bail!(exit::Usage(format!(
                "there is no organization \"{}\"; add --kind and --time-zone to make it",
                self.organization
            ))),
        };
        let actor = Actor::system();
        let added = service
            .add_person(
                &actor,
                AddPerson {
                    organization,
                    email: self.email.clone(),
                    display_name: self.name.clone(),
                    phone: self.phone.clone(),
                    time_zone: self.time_zone.clone(),
                    digest_hour: None,
                    roles: self.roles.clone(),
                    teams: Vec::new(),
                    idempotency_key: None,
                },
            )
            .await?;
        if known.is_none() {
            out::line(format_args!(
                "organization {} \"{}\"",
                added.organization_id, self.organization
            ))?;
        }
        let was_known = if added.was_known {
            " (known before; got a further place)"
        } else {
            ""
        };
        out::line(format_args!("user {}{was_known}", added.user_id))?;
        for name in &self.teams {
            let team_id = self.team(service, added.organization_id, name).await?;
            let member = PutTeamMember {
                team_id,
                user_id: added.user_id,
                is_lead: self.roles.contains(&Role::TeamLead),
                idempotency_key: None,
            };
            service.put_team_member(&actor, member).await?;
            out::line(format_args!("team {team_id} \"{name}\""))?;
        }
        Ok(())
    }

    /// The team of this name or id, made where there is none.
    async fn team(&self, service: &Service, organization_id: OrganizationId, name: &str) -> anyhow::Result<TeamId> {
        let actor = Actor::system();
        let teams = {
            let mut conn = service.store().read().await?;
            teams_of_organizations(&mut conn, &[organization_id]).await?
        };
        if let Some(team) = teams
            .iter()
            .find(|team| team.name == name || team.id.to_string() == name)
        {
            return Ok(team.id);
        }
        if name.parse::<TeamId>().is_ok() {
            bail!("{name} is no team of this organization");
        }
        let Some(organization) = service.organization_by_id(&actor, organization_id).await? else {
            bail!("the organization vanished")
        };
        let settings = TeamSettings {
            name: name.to_owned(),
            care_role: match organization.kind {
                OrganizationKind::Oncology => CareRole::Oncologist,
                OrganizationKind::Palliative => CareRole::PalliativeClinician,
                OrganizationKind::Clinic | OrganizationKind::Other => CareRole::Other,
            },
            calendar: Calendar::office_hours(organization.time_zone.parse()?),
            phone: None,
        };
        Ok(service
            .create_team(
                &actor,
                CreateTeam {
                    organization_id,
                    settings,
                    idempotency_key: None,
                },
            )
            .await?)
    }
}

/// The organization of a name or id. Two of one name must be told apart by id.
pub(super) async fn find_organization(service: &Service, wanted: &str) -> anyhow::Result<Option<Organization>> {
    let actor = Actor::system();
    if let Ok(id) = wanted.parse::<OrganizationId>() {
        return match service.organization_by_id(&actor, id).await? {
            None => bail!("there is no organization {id}"),
            found => Ok(found),
        };
    }
    let mut found: Vec<Organization> = Vec::new();
    let mut after = None;
    loop {
        let page = service
            .organizations(
                &actor,
                ListOrganizations {
                    kind: None,
                    after,
                    first: 100,
                },
            )
            .await?;
        after = page.items.last().map(|last| (last.name.clone(), last.id));
        found.extend(
            page.items
                .into_iter()
                .filter(|organization| organization.name == wanted),
        );
        if !page.has_next {
            break;
        }
    }
    if let [first, second, ..] = found.as_slice() {
        bail!(
            "\"{wanted}\" is the name of {} and {}: give the id",
            first.id,
            second.id
        );
    }
    Ok(found.pop())
}
