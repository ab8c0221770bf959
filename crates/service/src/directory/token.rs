//! API tokens: issuing, listing and revoking one's own.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{
    Actor, Random, TokenId,
    access::{Action, Relation},
};
use liaison_store::{Json, directory as rows};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ApiToken, check::Check};
use crate::{
    Result, Service, ServiceError,
    channel::Secret,
    idempotency::{keep, replay},
};

/// What every token begins with, so that a leaked one is found by secret scanners.
pub(super) const PREFIX: &str = "lia_";
/// The most good tokens one person may have.
pub const MAX_TOKENS: i64 = 20;
/// The most tokens a list shows.
const LISTED: u32 = 200;

/// A new token for the organization the actor acts for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreateToken {
    /// What its owner calls it, 1 to 200 characters.
    pub name: String,
    /// What it may do: `read`, or `read` and `write`.
    pub scopes: Vec<String>,
    /// For how many days it is good: 1 to 365.
    pub days: u32,
    /// Makes a repeat harmless.
    pub idempotency_key: Option<String>,
}

/// A new token with its secret, which is shown this one time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenCreated {
    /// The token.
    pub token_id: TokenId,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
    /// `lia_` and base64url of 32 random bytes. `None` when this answers a repeat: revoke the token and issue another
    /// if it was lost.
    #[serde(skip)]
    pub secret: Option<Secret>,
}

fn scopes(check: &mut Check, given: &[String]) -> Vec<String> {
    for (index, scope) in given.iter().enumerate() {
        let path = format!("scopes[{index}]");
        if !["read", "write"].contains(&scope.as_str()) {
            check.problem(&path, "UNKNOWN_VALUE", "read or write");
        } else if given.iter().take(index).any(|earlier| earlier == scope) {
            check.problem(&path, "DUPLICATE", "each scope at most once");
        }
    }
    if !given.iter().any(|scope| scope == "read") {
        check.problem("scopes", "REQUIRED", "read is required; add write for changes");
    }
    let mut sorted = given.to_vec();
    sorted.sort();
    sorted
}

impl Service {
    /// Issues a token to the actor. A token cannot issue another: its end would mean nothing.
    pub async fn create_token(&self, actor: &Actor, input: CreateToken) -> Result<TokenCreated> {
        self.authorize(actor, Action::ManageOwnTokens, Relation::Own).await?;
        let (Some(user_id), None) = (actor.user_id, actor.token_id) else {
            return Err(ServiceError::Forbidden);
        };
        let organization_id = self.organization(actor)?;
        let mut check = Check::default();
        let name = check.name("name", &input.name);
        let scopes = scopes(&mut check, &input.scopes);
        if !(1..=365).contains(&input.days) {
            check.problem("days", "OUT_OF_RANGE", "1 to 365 days");
        }
        check.done()?;
        let now = self.now();
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if let Some(done) = replay(&mut tx, actor, key, "createToken", &input).await? {
            return Ok(done);
        }
        rows::person::lock(&mut tx, user_id).await?;
        if rows::token::count_good(&mut tx, user_id, now).await? >= MAX_TOKENS {
            return Err(ServiceError::conflict(
                "TOO_MANY_TOKENS",
                format!("at most {MAX_TOKENS} good tokens; revoke one first"),
            ));
        }
        let random = self.store().random();
        let random: &dyn Random = &*random;
        let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random.bytes::<32>()));
        let row = ApiToken {
            id: self.id(),
            user_id,
            organization_id,
            name,
            scopes: Json(scopes),
            expires_at: now + TimeDelta::days(i64::from(input.days)),
            revoked_at: None,
            created_at: now,
        };
        rows::token::insert(&mut tx, &row, Sha256::digest(secret.as_bytes()).into()).await?;
        let mut entry = self.directory_entry(actor, "token.create", organization_id, row.id);
        entry.detail.insert("scopes", row.scopes.0.join(" "));
        entry.detail.insert("days", input.days.to_string());
        tx.record(entry);
        let created = TokenCreated {
            token_id: row.id,
            expires_at: row.expires_at,
            secret: Some(Secret::new(secret)),
        };
        keep(self, &mut tx, actor, key, "createToken", &input, &created).await?;
        tx.commit().await?;
        Ok(created)
    }

    /// The actor's own tokens for the organization they act for, newest first, at most 200, never their secrets.
    pub async fn own_tokens(&self, actor: &Actor) -> Result<Vec<ApiToken>> {
        let user_id = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let organization_id = self.organization(actor)?;
        Ok(rows::token::tokens_of(&mut self.read().await?, user_id, organization_id, LISTED).await?)
    }

    /// Revokes a token: one's own, or as an admin anybody's for the organization. A repeat changes nothing.
    pub async fn revoke_token(&self, actor: &Actor, id: TokenId) -> Result<()> {
        let mut tx = self.begin().await?;
        let found = rows::token::lock(&mut tx, id).await?;
        let own = found.as_ref().is_some_and(|token| Some(token.user_id) == actor.user_id);
        let here = found
            .as_ref()
            .is_some_and(|token| actor.acts_for(token.organization_id));
        let relation = if here { Relation::Own } else { Relation::None };
        let action = if own {
            Action::ManageOwnTokens
        } else {
            Action::ManageDirectory
        };
        // A refusal is written in a transaction of its own.
        if liaison_domain::access::decide(actor, action, relation).is_err() {
            drop(tx);
            self.authorize(actor, action, relation)
                .await
                .map_err(|error| match error {
                    ServiceError::NotFound(_) => ServiceError::NotFound("token"),
                    // Whether somebody else has a token of this id is nobody's business.
                    ServiceError::Forbidden if !own => ServiceError::NotFound("token"),
                    other => other,
                })?;
            return Err(ServiceError::NotFound("token"));
        }
        let token = found.ok_or(ServiceError::NotFound("token"))?;
        if token.revoked_at.is_some() {
            tx.settle_earlier().await?;
            return Ok(());
        }
        rows::token::revoke(&mut tx, id, self.now()).await?;
        let mut entry = self.directory_entry(actor, "token.revoke", token.organization_id, id);
        entry.detail.insert("user_id", token.user_id.to_string());
        tx.record(entry);
        tx.commit().await?;
        Ok(())
    }
}
