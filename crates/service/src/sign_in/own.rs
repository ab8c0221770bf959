//! What a person changes about their own way to sign in: the password, and what they see of their factors.

use chrono::{DateTime, Utc};
use liaison_domain::{Actor, SessionEnd, SignInChange};
use liaison_store::{
    directory::person,
    sign_in::{ceremony, credential, session},
};

use super::{OwnPasskey, Secret, change::Whence, password, throttle::Tries};
use crate::{Result, Service, ServiceError};

/// A new password in the place of the old one.
#[derive(Debug, Clone)]
pub struct ChangePassword {
    /// The password in force.
    pub old: Secret,
    /// The new one, 12 to 128 characters.
    pub new: Secret,
}

/// How a person can sign in.
#[derive(Debug, Clone)]
pub struct OwnFactors {
    /// When the password was set; `None` where there is none.
    pub password_changed_at: Option<DateTime<Utc>>,
    /// Since when there are one-time codes; `None` where there are none.
    pub totp_added_at: Option<DateTime<Utc>>,
    /// The passkeys, oldest first.
    pub passkeys: Vec<OwnPasskey>,
    /// How many recovery codes are left.
    pub recovery_codes: u32,
    /// Whether passkeys can be used at this service's address.
    pub passkeys_available: bool,
}

/// The answer to taking the last second factor away.
pub(super) fn last_factor() -> ServiceError {
    ServiceError::conflict("LAST_FACTOR", "add another second factor first; this is the only one")
}

impl Service {
    /// How the actor can sign in. No secrets.
    pub async fn own_factors(&self, actor: &Actor) -> Result<OwnFactors> {
        let user_id = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let passkeys = self.own_passkeys(actor).await?;
        let mut conn = self.read().await?;
        let stored = credential::find(&mut conn, user_id).await?;
        let left = credential::unused_codes(&mut conn, user_id).await?;
        Ok(OwnFactors {
            password_changed_at: stored.as_ref().and_then(|row| row.password_changed_at),
            totp_added_at: stored.as_ref().and_then(|row| row.totp_added_at),
            passkeys,
            recovery_codes: u32::try_from(left).unwrap_or(u32::MAX),
            passkeys_available: self.passkeys().is_ok(),
        })
    }

    /// Changes the actor's password. Their other sessions end.
    ///
    /// # Errors
    /// `Invalid` for a wrong old password (`WRONG_PASSWORD`, which counts as a failure of the account) or a weak new
    /// one; `Throttled`; `Forbidden` for an API token.
    pub async fn change_password(&self, actor: &Actor, input: ChangePassword) -> Result<()> {
        let mut tx = self.begin().await?;
        let own = self.own_full_session(&mut tx, actor).await?;
        let person = person::find(&mut tx, own.user_id)
            .await?
            .ok_or(ServiceError::Unauthenticated)?;
        drop(tx);
        if let Some(problem) = password::problem("new", input.new.expose(), &person.email, &person.display_name) {
            return Err(ServiceError::Invalid(vec![problem]));
        }
        self.prove_password(actor, &person, &input.old, "old").await?;
        let hash = self.hash_password(&input.new).await?;
        let now = self.now();
        let mut tx = self.begin().await?;
        let own = self.own_full_session(&mut tx, actor).await?;
        credential::lock(&mut tx, own.user_id, now).await?;
        credential::set_password(&mut tx, own.user_id, &hash, now).await?;
        session::authenticated(&mut tx, own.id, now).await?;
        ceremony::end_of(&mut tx, own.user_id).await?;
        let ended = session::end_others(&mut tx, own.user_id, Some(own.id), now, SessionEnd::PasswordChanged).await?;
        let mut entry = self.own_entry(actor, "password.changed", own.user_id);
        entry.detail.insert("by", "person".to_owned());
        entry.detail.insert("sessions_ended", ended.to_string());
        tx.record(entry);
        let from = Whence::of_session(actor, &own);
        self.tell_change(
            &mut tx,
            own.user_id,
            Some(own.organization_id),
            SignInChange::PasswordChanged,
            &from,
        )
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Checks the password of a signed-in person; wrong ones count like those at the door.
    pub(super) async fn prove_password(
        &self,
        actor: &Actor,
        person: &liaison_store::directory::PersonRow,
        given: &Secret,
        path: &str,
    ) -> Result<()> {
        let tries = Tries {
            email: Some(&person.email),
            user_id: Some(person.id),
            peer: actor.peer.as_deref(),
        };
        let mut tx = self.begin().await?;
        let stored = credential::find(&mut tx, person.id).await?;
        let refused = self.charge(&mut tx, &tries).await?;
        tx.commit().await?;
        if let Some(retry_after) = refused {
            return Err(self.throttled(actor, retry_after).await);
        }
        let hash = stored.and_then(|row| row.password_hash);
        if !self.check_password(given, hash).await? {
            let _ = self.sign_in_failed(actor, &tries, "step_up", "PASSWORD").await?;
            return Err(ServiceError::invalid(
                path,
                "WRONG_PASSWORD",
                "this is not your password",
            ));
        }
        let mut tx = self.begin().await?;
        self.refund(&mut tx, &tries).await?;
        tx.commit().await?;
        Ok(())
    }
}
