//! A lost second factor: an admin takes the factors away, and the person sets up anew.
//!
//! NIST SP 800-63B-4 section 4.2 (account recovery): the admin recognizes the person, the link goes to the address that
//! the directory keeps, and the password stays needed. So neither the password nor the mailbox alone opens the account,
//! and the admin never holds anything that does.

use chrono::{DateTime, Utc};
use liaison_domain::{
    AccountLinkId, AccountLinkPurpose, Actor, FactorResetReason, Recognized, Role, SessionEnd, SignInChange,
    SignInMethod, UserId, people::ActorKind,
};
use liaison_store::{
    directory::{self, person},
    sign_in::{account_link, ceremony, credential, passkey, session},
};

use super::{OpenSession, SET_UP, Secret, SessionOpened, account_link::not_found, secret};
use crate::{Result, Service, ServiceError};

/// Take a person's second factors away.
#[derive(Debug, Clone)]
pub struct ResetFactors {
    /// Whose.
    pub user_id: UserId,
    /// Why.
    pub reason: FactorResetReason,
    /// How the admin made sure that it is the person who asks.
    pub recognized: Recognized,
}

/// What was taken away, and the link that is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorsReset {
    /// The link's id (not its token).
    pub link_id: AccountLinkId,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
    /// How many sessions were ended.
    pub sessions_ended: u64,
}

/// A person sets up anew by the mailed link.
#[derive(Debug, Clone)]
pub struct SetUpByLink {
    /// The link's token.
    pub token: Secret,
    /// Their password.
    pub password: Secret,
    /// The network address of the request.
    pub peer: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// What the browser says it is.
    pub user_agent: Option<String>,
}

impl Service {
    /// Removes a person's one-time codes, passkeys and recovery codes, ends every session of theirs, and mails them a
    /// link to set up anew: at the directory's own address, good once, for 72 hours. A repeat mails a
    /// new link; the earlier one ends.
    ///
    /// For admins of every organization that the person belongs to, in a session of the pages whose proof of identity is
    /// at most five minutes old; API tokens cannot. Nobody does it for themself: another admin does.
    ///
    /// # Errors
    /// `NotFound` for a person of none of the admin's organizations; `Forbidden`; `Conflict` (`ELSEWHERE_TOO`,
    /// `OWN_FACTORS`, `DISABLED`, `NOT_INVITED`, `STEP_UP_NEEDED`).
    pub async fn reset_factors(&self, actor: &Actor, input: ResetFactors) -> Result<FactorsReset> {
        let user_id = input.user_id;
        let themself = self.may_change_person(actor, user_id).await? || actor.user_id == Some(user_id);
        if themself && !actor.has(Role::Admin) {
            return Err(ServiceError::Forbidden);
        }
        if themself {
            return Err(ServiceError::conflict(
                "OWN_FACTORS",
                "another admin does this for you; your own factors you change on your account page",
            ));
        }
        let now = self.now();
        let mut tx = self.begin().await?;
        if actor.kind == ActorKind::Person {
            self.own_fresh_session(&mut tx, actor).await?;
        }
        let person = person::lock(&mut tx, user_id)
            .await?
            .ok_or(ServiceError::NotFound("person"))?;
        if person.disabled_at.is_some() {
            return Err(ServiceError::conflict(
                "DISABLED",
                "this person may not sign in; enable them first",
            ));
        }
        let stored = credential::lock(&mut tx, user_id, now).await?;
        if stored.password_hash.is_none() {
            return Err(ServiceError::conflict(
                "NOT_INVITED",
                "this person has not set a password yet; invite them",
            ));
        }
        let codes = stored.totp_sealed.is_some();
        let passkeys = passkey::remove_all(&mut tx, user_id).await?;
        credential::reset_factors(&mut tx, user_id, now).await?;
        ceremony::end_of(&mut tx, user_id).await?;
        account_link::end_of(&mut tx, user_id, now).await?;
        let ended = session::end_others(&mut tx, user_id, None, now, SessionEnd::FactorsReset).await?;
        let places = directory::memberships_of(&mut tx, &[user_id]).await?;
        let here = places
            .iter()
            .find(|place| actor.acts_for(place.organization_id))
            .or(places.first())
            .ok_or(ServiceError::NotFound("person"))?
            .organization_id;
        let link = self
            .put_link(&mut tx, user_id, AccountLinkPurpose::SetUp, SET_UP, actor.user_id)
            .await?;
        if let Some(organization) = directory::organizations_by_ids(&mut tx, &[here]).await?.first() {
            self.mail_link(&mut tx, &person, &link, organization).await?;
        }
        self.tell_change_by(&mut tx, actor, &person, &person.email, SignInChange::FactorsReset)
            .await?;
        let mut entry = self.own_entry(actor, "second_factor.reset", user_id);
        entry.organization_id = Some(here);
        entry.detail.insert("reason", input.reason.to_string());
        entry.detail.insert("recognized", input.recognized.to_string());
        entry.detail.insert("one_time_codes", codes.to_string());
        entry.detail.insert("passkeys", passkeys.to_string());
        entry.detail.insert("sessions_ended", ended.to_string());
        entry.detail.insert("link_id", link.id.to_string());
        tx.record(entry);
        tx.commit().await?;
        Ok(FactorsReset {
            link_id: link.id,
            expires_at: link.expires_at,
            sessions_ended: ended,
        })
    }

    /// Opens, by the mailed link and the password together, a session that is good for adding a second factor and for
    /// nothing else. A wrong password leaves the link good and counts as a failure of the account.
    ///
    /// # Errors
    /// `NotFound` alike for an unknown, used, replaced or expired link; `Invalid` (`WRONG_PASSWORD`); `Throttled`.
    pub async fn set_up_by_link(&self, input: SetUpByLink) -> Result<SessionOpened> {
        let wanted = |purpose| purpose == AccountLinkPurpose::SetUp;
        let hash = secret::hash(input.token.expose()).ok_or_else(not_found)?;
        let mut conn = self.read().await?;
        let link = account_link::by_token(&mut conn, hash, self.now())
            .await?
            .filter(|link| wanted(link.purpose))
            .ok_or_else(not_found)?;
        let known = person::find(&mut conn, link.user_id).await?.ok_or_else(not_found)?;
        let (peer, request_id) = (input.peer.as_deref(), input.request_id.as_deref());
        let visitor = self.visitor(&mut conn, Some(&known), peer, request_id).await?;
        drop(conn);
        self.prove_password(&visitor, &known, &input.password, "password")
            .await?;
        let mut tx = self.begin().await?;
        self.forgive(&mut tx, &known.email).await?;
        let (link, person) = self.take_link(&mut tx, &input.token, wanted).await?;
        let open = OpenSession {
            user_id: person.id,
            organization_id: None,
            method: SignInMethod::Password,
            peer: input.peer,
            request_id: input.request_id,
            user_agent: input.user_agent,
        };
        let opened = match self.put_session(&mut tx, &person, open, Some(link.id)).await {
            Err(ServiceError::Unauthenticated) => return Err(not_found()),
            other => other?,
        };
        tx.commit().await?;
        Ok(opened)
    }
}
