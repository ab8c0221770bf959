//! The actor's own API tokens.

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use liaison_domain::TokenId;
use liaison_service::directory as use_cases;

use crate::fail::{payload, settle};
use crate::ids::{Ids, shown};
use crate::session::asking;

pub(crate) struct ApiToken(pub(crate) use_cases::ApiToken);

/// An API token, without its secret.
#[Object]
impl ApiToken {
    /// Its id (`token_...`).
    async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// What its owner calls it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it may do: `read`, or `read` and `write`.
    async fn scopes(&self) -> &[String] {
        &self.0.scopes.0
    }

    /// Until when it is good.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// When it was revoked.
    async fn revoked_at(&self) -> Option<DateTime<Utc>> {
        self.0.revoked_at
    }

    /// When it was issued.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// A new token for the organization the actor acts for.
#[derive(InputObject)]
pub(crate) struct CreateTokenInput {
    /// What its owner calls it: 1 to 200 characters.
    name: String,
    /// What it may do: `read`, or `read` and `write`.
    scopes: Vec<String>,
    /// For how many days it is good: 1 to 365.
    days: u32,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// A token to be revoked.
#[derive(InputObject)]
pub(crate) struct RevokeTokenInput {
    /// Which (`token_...`): one's own, or as an admin anybody's for the organization.
    token_id: ID,
}

payload! {
    /// What came of issuing a token.
    CreateTokenPayload {
        /// The token's id (`token_...`).
        token_id: ID,
        /// Until when it is good.
        expires_at: DateTime<Utc>,
        /// The token itself (`lia_...`), shown this one time. Null when this answers a repeat: revoke it and issue
        /// another if it was lost.
        secret: String,
    }
}

payload! {
    /// What came of revoking a token.
    RevokeTokenPayload {
        /// The token's id.
        token_id: ID,
    }
}

/// Changes to API tokens.
#[derive(Default)]
pub(crate) struct TokenMutation;

#[Object]
impl TokenMutation {
    /// Issues an API token to the actor. A token cannot issue another: sign in on the pages for that.
    async fn create_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token.")] input: CreateTokenInput,
    ) -> Result<CreateTokenPayload> {
        let asking = asking(ctx)?;
        let input = use_cases::CreateToken {
            name: input.name,
            scopes: input.scopes,
            days: input.days,
            idempotency_key: input.idempotency_key,
        };
        Ok(
            match settle(ctx, asking.service.create_token(&asking.actor, input).await)? {
                Ok(created) => CreateTokenPayload {
                    token_id: Some(shown(created.token_id)),
                    expires_at: Some(created.expires_at),
                    secret: created.secret.map(|secret| secret.expose().to_owned()),
                    ..Default::default()
                },
                Err(problems) => problems.into(),
            },
        )
    }

    /// Revokes a token at once. A repeat changes nothing.
    async fn revoke_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token.")] input: RevokeTokenInput,
    ) -> Result<RevokeTokenPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let id: TokenId = ids.one("tokenId", &input.token_id);
            ids.done()?;
            asking.service.revoke_token(&asking.actor, id).await.map(|()| id)
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => RevokeTokenPayload {
                token_id: Some(shown(id)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
