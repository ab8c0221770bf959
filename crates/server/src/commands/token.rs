//! `liaison token`: API tokens from the command line.

use anyhow::bail;
use clap::{Args, Subcommand};
use liaison_service::{Service, directory::CreateToken};
use liaison_store::directory::{memberships_of, organizations_by_ids, person};

use super::user::find_organization;
use crate::{config::Config, exit, out, wiring};

/// Issue API tokens.
#[derive(Args)]
pub(crate) struct Token {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Create(Create),
}

/// Issue a token to a person and print it, this one time.
///
/// The token's line alone goes to standard output; its id and its end go to standard error. Whoever holds the token
/// acts as the person: keep it like a password.
#[derive(Args)]
#[command(after_long_help = format!("Examples:
  liaison token create --user ana@clinic.example --name laptop --scopes read,write --days 30
  curl -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\
      -d '{{\"query\":\"{{ __typename }}\"}}' http://127.0.0.1:8080/graphql

{}", exit::HELP))]
struct Create {
    /// E-mail address of the person.
    #[arg(long, value_name = "EMAIL")]
    user: String,
    /// What the token is for.
    #[arg(long)]
    name: String,
    /// read, or read,write.
    #[arg(long, value_delimiter = ',', default_value = "read")]
    scopes: Vec<String>,
    /// For how many days it is good, 1 to 365.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Name or id of the organization, for a person with places in several.
    #[arg(long, value_name = "NAME|ID")]
    organization: Option<String>,
}

impl Token {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let Command::Create(create) = self.command;
        let parts = wiring::open(config).await?;
        let done = create.run(&parts.service).await;
        parts.close().await;
        done
    }
}

impl Create {
    async fn run(self, service: &Service) -> anyhow::Result<()> {
        let wanted = match &self.organization {
            None => None,
            Some(wanted) => match find_organization(service, wanted).await? {
                None => bail!("there is no organization \"{wanted}\""),
                found => found,
            },
        };
        let (found, places) = {
            let mut conn = service.store().read().await?;
            let Some(found) = person::find_by_email(&mut conn, &self.user.trim().to_ascii_lowercase()).await? else {
                bail!("nobody has the address {}; see `liaison user add --help`", self.user);
            };
            let now = service.now();
            let mut ids: Vec<_> = memberships_of(&mut conn, &[found.id])
                .await?
                .into_iter()
                .filter(|place| place.from_at <= now && place.until_at.is_none_or(|until| until > now))
                .map(|place| place.organization_id)
                .collect();
            ids.dedup();
            (found, organizations_by_ids(&mut conn, &ids).await?)
        };
        let places: Vec<_> = places
            .iter()
            .filter(|place| wanted.as_ref().is_none_or(|wanted| wanted.id == place.id))
            .collect();
        let organization = match places.as_slice() {
            [] => bail!("{} has no place in such an organization", self.user),
            [one] => one.id,
            several => {
                let names: Vec<_> = several
                    .iter()
                    .map(|place| format!("{} ({})", place.name, place.id))
                    .collect();
                bail!(exit::Usage(format!(
                    "{} has places in several organizations, name one by --organization: {}",
                    self.user,
                    names.join(", ")
                )));
            }
        };
        let Some(actor) = service.acting_person(found.id, organization).await? else {
            bail!("{} may not sign in there", self.user);
        };
        let input = CreateToken {
            name: self.name,
            scopes: self.scopes,
            days: self.days,
            idempotency_key: None,
        };
        let created = service.create_token(&actor, input).await?;
        let Some(secret) = created.secret else {
            bail!("the token was made and not shown; revoke it")
        };
        out::line(secret.expose())?;
        out::complain(format_args!(
            "{}, good until {}; it is not shown again",
            created.token_id,
            created.expires_at.format("%Y-%m-%d %H:%M UTC")
        ));
        Ok(())
    }
}
