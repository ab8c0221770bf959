//! One's own sessions: the list, ending them, and going to another place.

use chrono::{DateTime, Utc};
use liaison_domain::{Actor, OrganizationId, SessionEnd, SessionId, SignInMethod, UserId};
use liaison_store::{
    Tx,
    directory::person,
    sign_in::{credential, passkey, session as rows, session::SessionRow},
};

use super::{IDLE, STEP_UP};
use crate::{Result, Service, ServiceError};

/// One of a person's open sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSession {
    /// Which.
    pub session_id: SessionId,
    /// For which organization it acts.
    pub organization_id: OrganizationId,
    /// How it was opened.
    pub method: SignInMethod,
    /// From which network address.
    pub peer: Option<String>,
    /// By which browser, as it said.
    pub user_agent: Option<String>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to half a minute.
    pub last_seen_at: DateTime<Utc>,
    /// It is the one that asks.
    pub is_this: bool,
}

impl Service {
    /// The actor's session, held; `Unauthenticated` when it ended meanwhile, `Forbidden` for who has none (an API token).
    async fn own_session(&self, tx: &mut Tx, actor: &Actor) -> Result<SessionRow> {
        let (Some(id), Some(user_id)) = (actor.session_id, actor.user_id) else {
            return Err(ServiceError::Forbidden);
        };
        let now = self.now();
        // The person first, as everywhere: two requests never wait for each other.
        person::lock(tx, user_id).await?;
        rows::lock(tx, id)
            .await?
            .filter(|row| row.user_id == user_id && row.ended_at.is_none())
            .filter(|row| row.absolute_until > now && row.last_seen_at + IDLE > now)
            .ok_or(ServiceError::Unauthenticated)
    }

    /// As [`Service::own_session`], with both factors proven.
    pub(super) async fn own_full_session(&self, tx: &mut Tx, actor: &Actor) -> Result<SessionRow> {
        let row = self.own_session(tx, actor).await?;
        if row.is_full {
            Ok(row)
        } else {
            Err(ServiceError::Forbidden)
        }
    }

    /// As [`Service::own_full_session`], and the person proved who they are within the last five minutes.
    pub(super) async fn own_fresh_session(&self, tx: &mut Tx, actor: &Actor) -> Result<SessionRow> {
        let row = self.own_full_session(tx, actor).await?;
        if self.now() - row.authenticated_at > STEP_UP {
            return Err(step_up());
        }
        Ok(row)
    }

    /// A session that may add a second factor: a fresh one, or one that waits for the person's first.
    pub(super) async fn own_enrolling_session(&self, tx: &mut Tx, actor: &Actor) -> Result<SessionRow> {
        let row = self.own_session(tx, actor).await?;
        if !row.is_full {
            let totp = credential::find(tx, row.user_id).await?;
            let has = totp.is_some_and(|row| row.totp_sealed.is_some()) || passkey::count(tx, row.user_id).await? > 0;
            // Whoever has a password alone must not add to an account that has a second factor by now.
            return if has {
                Err(ServiceError::Unauthenticated)
            } else {
                Ok(row)
            };
        }
        if self.now() - row.authenticated_at > STEP_UP {
            return Err(step_up());
        }
        Ok(row)
    }

    /// Checks that the person of a session proved who they are within the last five minutes, as for signing.
    ///
    /// # Errors
    /// `Conflict` (`STEP_UP_NEEDED`): ask for the password or a passkey ([`Service::reauthenticate`]) and try again.
    pub fn require_step_up(&self, session: &super::SignedIn) -> Result<()> {
        if session.is_fresh(self.now()) {
            Ok(())
        } else {
            Err(step_up())
        }
    }

    /// Ends the actor's session. A repeat changes nothing.
    pub async fn sign_out(&self, actor: &Actor) -> Result<()> {
        let id = actor.session_id.ok_or(ServiceError::Forbidden)?;
        self.end_session(actor, id, SessionEnd::SignedOut, "session.signed_out")
            .await
    }

    /// Ends one of the person's own sessions. A repeat changes nothing.
    ///
    /// # Errors
    /// `NotFound` for a session that is not theirs.
    pub async fn revoke_session(&self, actor: &Actor, id: SessionId) -> Result<()> {
        let mut tx = self.begin().await?;
        self.own_full_session(&mut tx, actor).await?;
        let found = rows::lock(&mut tx, id).await?;
        if found.is_none_or(|row| Some(row.user_id) != actor.user_id) {
            return Err(ServiceError::NotFound("session"));
        }
        drop(tx);
        self.end_session(actor, id, SessionEnd::Revoked, "session.revoked")
            .await
    }

    async fn end_session(&self, actor: &Actor, id: SessionId, why: SessionEnd, action: &'static str) -> Result<()> {
        let mut tx = self.begin().await?;
        if rows::end(&mut tx, id, self.now(), why).await? == 1 {
            tx.record(self.own_entry(actor, action, id));
        }
        tx.commit().await?;
        Ok(())
    }

    /// The person's open sessions, the last used first.
    pub async fn own_sessions(&self, actor: &Actor) -> Result<Vec<OwnSession>> {
        let user_id = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let now = self.now();
        let live = rows::live_of(&mut self.read().await?, user_id, now, now - IDLE).await?;
        Ok(live
            .into_iter()
            .map(|row| OwnSession {
                session_id: row.id,
                organization_id: row.organization_id,
                method: row.method,
                peer: row.peer,
                user_agent: row.user_agent,
                created_at: row.created_at,
                last_seen_at: row.last_seen_at,
                is_this: Some(row.id) == actor.session_id,
            })
            .collect())
    }

    /// Lets the session act for another organization that the person has a place in.
    ///
    /// # Errors
    /// `NotFound` for an organization where they have none.
    pub async fn switch_organization(&self, actor: &Actor, to: OrganizationId) -> Result<()> {
        let mut tx = self.begin().await?;
        let row = self.own_full_session(&mut tx, actor).await?;
        let there = rows::places(&mut tx, row.user_id)
            .await?
            .into_iter()
            .any(|place| place.organization_id == to);
        if !there {
            drop(tx);
            self.refused(actor, "session.switch", "denied", &[("to", &to.to_string())])
                .await?;
            return Err(ServiceError::NotFound("organization"));
        }
        if row.organization_id == to {
            tx.settle_earlier().await?;
            return Ok(());
        }
        rows::switch(&mut tx, row.id, to).await?;
        let mut entry = self.own_entry(actor, "session.switch", row.id);
        entry.detail.insert("from", row.organization_id.to_string());
        entry.organization_id = Some(to);
        tx.record(entry);
        tx.commit().await?;
        Ok(())
    }

    /// Ends every session of a person in the caller's transaction, with the steps and links that could open one: they
    /// may sign in no more. How many sessions.
    pub(crate) async fn end_sign_in_of(&self, tx: &mut Tx, user_id: UserId) -> Result<u64> {
        let now = self.now();
        liaison_store::sign_in::ceremony::end_of(tx, user_id).await?;
        liaison_store::sign_in::account_link::end_of(tx, user_id, now).await?;
        Ok(rows::end_others(tx, user_id, None, now, SessionEnd::Disabled).await?)
    }

    /// Ends a person's sessions for an organization that they left. How many.
    pub(crate) async fn end_sessions_for(&self, tx: &mut Tx, user_id: UserId, left: OrganizationId) -> Result<u64> {
        Ok(rows::end_for_organization(tx, user_id, left, self.now(), SessionEnd::MembershipEnded).await?)
    }
}

/// The answer when the last proof of identity is too old.
pub(super) fn step_up() -> ServiceError {
    ServiceError::conflict("STEP_UP_NEEDED", "confirm who you are, then try again")
}
