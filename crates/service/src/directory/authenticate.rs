//! From an API token to the actor of a request.
//!
//! Every failure answers the same. Failures go to the ledger, without the secret, and not more often than once in ten
//! seconds for one token (or for all unknown ones together), so that nobody can flood it.

use std::{collections::HashMap, sync::Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{Actor, OrganizationId, TokenId, UserId, people::ActorKind};
use liaison_store::directory::{self as rows, token::BearerRow};
use sha2::{Digest, Sha256};

use super::token::PREFIX;
use crate::{Result, Service, ServiceError};

/// How often one process writes failures of one kind to the ledger.
const ONE_ENTRY_IN: TimeDelta = TimeDelta::seconds(10);
/// How many tokens' last failures are remembered.
const REMEMBERED: usize = 1_000;
/// The longest peer and request id that the ledger takes.
const MAX_MARK: usize = 200;

/// When this process last wrote a failed sign-in to the ledger, by token.
#[derive(Debug, Default)]
pub struct FailedSignIns(Mutex<HashMap<Option<TokenId>, DateTime<Utc>>>);

impl FailedSignIns {
    fn may_write(&self, token: Option<TokenId>, now: DateTime<Utc>) -> bool {
        let mut last = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if last.len() >= REMEMBERED {
            last.retain(|_, at| now - *at < ONE_ENTRY_IN);
        }
        match last.get(&token) {
            Some(at) if now - *at < ONE_ENTRY_IN && now >= *at => false,
            _ => {
                last.insert(token, now);
                true
            }
        }
    }
}

/// Why a token is no good: for the ledger alone.
fn refusal(row: &BearerRow, now: DateTime<Utc>) -> Option<&'static str> {
    if row.revoked_at.is_some() {
        Some("REVOKED")
    } else if row.expires_at <= now {
        Some("EXPIRED")
    } else if row.disabled_at.is_some() {
        Some("DISABLED")
    } else if row.roles.is_none() {
        Some("MEMBERSHIP_ENDED")
    } else {
        None
    }
}

/// What the ledger takes as a peer or a request id: visible ASCII, cut to 200 characters.
pub(crate) fn mark(value: Option<&str>) -> Option<String> {
    let kept: String = value?.chars().filter(char::is_ascii_graphic).take(MAX_MARK).collect();
    (!kept.is_empty()).then_some(kept)
}

impl Service {
    /// The actor of a request that bears an API token.
    ///
    /// `bearer` is the token alone, without the `Bearer` before it. Unknown, expired and revoked tokens, disabled people
    /// and those who left all answer [`ServiceError::Unauthenticated`].
    pub async fn authenticate_token(
        &self,
        bearer: &str,
        peer: Option<&str>,
        request_id: Option<&str>,
    ) -> Result<Actor> {
        let now = self.now();
        let mut actor = Actor {
            kind: ActorKind::Person,
            peer: mark(peer),
            request_id: mark(request_id),
            ..Actor::system()
        };
        let mut conn = self.read().await?;
        let found = match bearer.starts_with(PREFIX) {
            true => rows::token::bearer(&mut conn, Sha256::digest(bearer.as_bytes()).into(), now).await?,
            false => None,
        };
        let reason = match &found {
            None => "UNKNOWN",
            Some(row) => {
                actor.user_id = Some(row.user_id);
                actor.token_id = Some(row.token_id);
                actor.organization_id = Some(row.organization_id);
                actor.organization_kind = Some(row.kind);
                match refusal(row, now) {
                    Some(reason) => reason,
                    None => {
                        actor.roles = row.roles.as_ref().map(|roles| roles.0.clone()).unwrap_or_default();
                        actor.read_only = !row.scopes.0.iter().any(|scope| scope == "write");
                        actor.teams =
                            rows::team::teams_of_person_in(&mut conn, row.user_id, row.organization_id).await?;
                        return Ok(actor);
                    }
                }
            }
        };
        drop(conn);
        if self.failed_sign_ins().may_write(actor.token_id, now) {
            let mut entry = self.entry(&actor, "sign_in.failed");
            entry.outcome = "failure";
            entry.purpose = liaison_domain::PurposeOfUse::Operations;
            entry.detail.insert("by", "token".to_owned());
            entry.detail.insert("reason", reason.to_owned());
            let mut tx = self.begin().await?;
            tx.record(entry);
            tx.commit().await?;
        }
        Err(ServiceError::Unauthenticated)
    }

    /// The actor of a person whose sign-in was checked by the caller; `None` when they may not sign in or have no
    /// current place in the organization. Request id and peer are the caller's to add.
    pub async fn acting_person(&self, user_id: UserId, organization_id: OrganizationId) -> Result<Option<Actor>> {
        let mut conn = self.read().await?;
        let person = rows::person::find(&mut conn, user_id).await?;
        let organization = rows::organization::find(&mut conn, organization_id).await?;
        let place = rows::membership::current(&mut conn, user_id, organization_id).await?;
        let (Some(person), Some(organization), Some(place)) = (person, organization, place) else {
            return Ok(None);
        };
        if person.disabled_at.is_some() {
            return Ok(None);
        }
        Ok(Some(Actor {
            kind: ActorKind::Person,
            user_id: Some(user_id),
            organization_id: Some(organization_id),
            organization_kind: Some(organization.kind),
            roles: place.roles.0,
            teams: rows::team::teams_of_person_in(&mut conn, user_id, organization_id).await?,
            ..Actor::system()
        }))
    }
}
