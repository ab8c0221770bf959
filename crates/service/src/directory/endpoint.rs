//! Endpoints: adding them, rotating their secrets, taking them out of use.

use base64::{Engine, engine::general_purpose::STANDARD};
use liaison_domain::{
    Actor, ChannelKind, EndpointId, EndpointStatus, OrganizationId, Random, TeamId, UserId, access::Action,
};
use liaison_store::{
    Tx,
    directory::{self as rows, EndpointRow},
};
use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::{
    Result, Service, ServiceError,
    channel::Secret,
    idempotency::{keep, replay},
};

/// The most endpoints one team or person may have.
pub const MAX_ENDPOINTS: usize = 10;

/// Whom an endpoint reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndpointOwner {
    /// A team.
    Team(TeamId),
    /// A person, as a member of an organization.
    Person {
        /// The person.
        user_id: UserId,
        /// The organization.
        organization_id: OrganizationId,
    },
}

/// A new endpoint, in use from now on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreateEndpoint {
    /// Whom it reaches.
    pub owner: EndpointOwner,
    /// By e-mail or webhook.
    pub channel: ChannelKind,
    /// An e-mail address (RFC 5321), or an `https` URL without user info and fragment, at most 2,048 bytes.
    pub address: String,
    /// Makes a repeat harmless.
    pub idempotency_key: Option<String>,
}

/// A new endpoint with its secret, which is shown this one time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndpointCreated {
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// A webhook's signing secret (Standard Webhooks, `whsec_` and base64 of 32 bytes). `None` for e-mail, and when
    /// this answers a repeat: rotate the secret if it was lost.
    #[serde(skip)]
    pub secret: Option<Secret>,
}

impl Service {
    /// Adds an endpoint.
    pub async fn create_endpoint(&self, actor: &Actor, input: CreateEndpoint) -> Result<EndpointCreated> {
        let (organization_id, team_id, user_id) = match input.owner {
            EndpointOwner::Team(id) => (self.managed_team(actor, id).await?.organization_id, Some(id), None),
            EndpointOwner::Person {
                user_id,
                organization_id,
            } => {
                self.managed(actor, Action::ManageDirectory, Some(organization_id), "organization")
                    .await?;
                (organization_id, None, Some(user_id))
            }
        };
        let mut check = Check::default();
        let address = match input.channel {
            ChannelKind::Email => check.email("address", &input.address),
            ChannelKind::Webhook => check.webhook_url("address", &input.address, self.settings().allow_http_endpoints),
        };
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if let Some(done) = replay(&mut tx, actor, key, "createEndpoint", &input).await? {
            return Ok(done);
        }
        // Held, so that the same address is not added twice at the same moment.
        rows::organization::lock(&mut tx, organization_id).await?;
        let present = match (team_id, user_id) {
            (Some(team), _) => rows::endpoints_of_teams(&mut tx, &[team]).await?,
            (None, Some(user)) => {
                if rows::membership::current(&mut tx, user, organization_id)
                    .await?
                    .is_none()
                {
                    check.unknown_id("userId");
                }
                rows::endpoints_of_users(&mut tx, &[user]).await?
            }
            (None, None) => Vec::new(),
        };
        let same = |row: &EndpointRow| row.channel == input.channel && row.address.eq_ignore_ascii_case(&address);
        if present.iter().any(same) {
            check.problem("address", "DUPLICATE", "this address is there already");
        } else if present.len() >= MAX_ENDPOINTS {
            check.problem("owner", "TOO_MANY", format!("at most {MAX_ENDPOINTS} endpoints"));
        }
        check.done()?;
        let now = self.now();
        let row = EndpointRow {
            id: self.id(),
            organization_id,
            team_id,
            user_id,
            channel: input.channel,
            address,
            status: EndpointStatus::Active,
            disabled_reason: None,
            failing_since: None,
            last_proven_at: None,
            created_at: now,
            updated_at: now,
        };
        let (secret, sealed) = match input.channel {
            ChannelKind::Email => (None, None),
            ChannelKind::Webhook => {
                let (secret, sealed) = self.new_secret(&tx, row.id)?;
                (Some(secret), Some(sealed))
            }
        };
        rows::endpoint::insert(&mut tx, &row, sealed).await?;
        let mut entry = self.directory_entry(actor, "endpoint.create", organization_id, row.id);
        entry.detail.insert("channel", row.channel.to_string());
        match (team_id, user_id) {
            (Some(team), _) => entry.detail.insert("team_id", team.to_string()),
            (None, user) => entry
                .detail
                .insert("user_id", user.map(|user| user.to_string()).unwrap_or_default()),
        };
        tx.record(entry);
        let created = EndpointCreated {
            endpoint_id: row.id,
            secret,
        };
        keep(self, &mut tx, actor, key, "createEndpoint", &input, &created).await?;
        tx.commit().await?;
        Ok(created)
    }

    fn new_secret(&self, tx: &Tx, id: EndpointId) -> Result<(Secret, Vec<u8>)> {
        let random = self.store().random();
        let random: &dyn Random = &*random;
        let secret = format!("whsec_{}", STANDARD.encode(random.bytes::<32>()));
        let place = rows::endpoint::secret_place(id);
        let sealed = tx.store().keyring()?.seal_secret(place, secret.as_bytes(), random)?;
        Ok((Secret::new(secret), sealed))
    }

    /// Replaces a webhook's signing secret; the new one is shown this one time and signs from the next try on.
    pub async fn rotate_endpoint_secret(&self, actor: &Actor, id: EndpointId) -> Result<Secret> {
        let found = self.managed_endpoint(actor, id).await?;
        if found.channel != ChannelKind::Webhook {
            return Err(ServiceError::conflict("NO_SECRET", "only webhooks have a secret"));
        }
        let mut tx = self.begin().await?;
        let (secret, sealed) = self.new_secret(&tx, id)?;
        rows::endpoint::set_secret(&mut tx, id, sealed, self.now()).await?;
        tx.record(self.directory_entry(actor, "endpoint.secret.rotate", found.organization_id, id));
        tx.commit().await?;
        Ok(secret)
    }

    /// Takes an endpoint out of use (by an admin: reason `ADMIN`), or into use again. A repeat changes nothing.
    pub async fn set_endpoint_disabled(&self, actor: &Actor, id: EndpointId, disabled: bool) -> Result<()> {
        self.managed_endpoint(actor, id).await?;
        let mut tx = self.begin().await?;
        let row = rows::endpoint::lock(&mut tx, id)
            .await?
            .ok_or(ServiceError::NotFound("endpoint"))?;
        let status = if disabled {
            EndpointStatus::Disabled
        } else {
            EndpointStatus::Active
        };
        if row.status == status {
            tx.settle_earlier().await?;
            return Ok(());
        }
        let row = EndpointRow {
            status,
            disabled_reason: disabled.then(|| "ADMIN".to_owned()),
            // A new beginning: the days of failure are counted from the next one.
            failing_since: if disabled { row.failing_since } else { None },
            updated_at: self.now(),
            ..row
        };
        rows::endpoint::set_status(&mut tx, &row).await?;
        let action = if disabled {
            "endpoint.disable"
        } else {
            "endpoint.enable"
        };
        tx.record(self.directory_entry(actor, action, row.organization_id, id));
        tx.commit().await?;
        Ok(())
    }

    pub(super) async fn managed_endpoint(&self, actor: &Actor, id: EndpointId) -> Result<EndpointRow> {
        let found = rows::endpoint::find(&mut self.read().await?, id).await?;
        let organization = found.as_ref().map(|endpoint| endpoint.organization_id);
        self.managed(actor, Action::ManageDirectory, organization, "endpoint")
            .await?;
        found.ok_or(ServiceError::NotFound("endpoint"))
    }
}
