//! Single-use links to an account: an invitation, a password reset, an operator's sign-in link.
//!
//! Looking at a link changes nothing, since mail scanners do; a POST uses it. Its token is derived from the row's id
//! under a service key, so that the mail's own link is made when it leaves and stands nowhere before.

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{
    AccountLinkId, AccountLinkPurpose, Actor, SessionEnd, SignInChange, SignInMethod, UserId,
    access::{Action, Relation},
};
use liaison_store::{
    Tx,
    directory::{self as directory, PersonRow, person},
    sign_in::{
        account_link::{self as rows, AccountLinkRow},
        ceremony, credential, session,
    },
};

use super::{
    OpenSession, RESET, Secret, SessionOpened, SignInStep, WELCOME,
    by_password::{Origin, normal_email},
    change::Whence,
    password, secret,
    throttle::Tries,
};
use crate::{Result, Service, ServiceError, directory::relation};

/// A person is mailed not more often than this, however often a reset is asked for.
const ONE_MAIL_IN: TimeDelta = TimeDelta::minutes(2);
/// A request for a reset is answered after so long at the earliest, so that its time tells nothing.
const ANSWER_AFTER: std::time::Duration = std::time::Duration::from_millis(300);
/// The longest that an operator's link is good.
const LONGEST: TimeDelta = TimeDelta::days(30);

/// An invitation that is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonInvited {
    /// The link's id (not its token).
    pub link_id: AccountLinkId,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
}

/// Somebody who forgot their password.
#[derive(Debug, Clone)]
pub struct BeginPasswordReset {
    /// The address they sign in with.
    pub email: String,
    /// The network address of the request.
    pub peer: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
}

/// A new password by an invitation or a reset link.
#[derive(Debug, Clone)]
pub struct SetPasswordByLink {
    /// The link's token.
    pub token: Secret,
    /// The password, 12 to 128 characters.
    pub password: Secret,
    /// The network address of the request.
    pub peer: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// What the browser says it is.
    pub user_agent: Option<String>,
}

/// An operator's link that is being used.
#[derive(Debug, Clone)]
pub struct LinkTaken {
    /// The link's token.
    pub token: Secret,
    /// The network address of the request.
    pub peer: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// What the browser says it is.
    pub user_agent: Option<String>,
}

/// A sign-in link, shown this one time to the operator.
#[derive(Debug, Clone)]
pub struct SignInLinkIssued {
    /// The address to open.
    pub url: Secret,
    /// The link's id, which the ledger names.
    pub link_id: AccountLinkId,
    /// Whom it signs in.
    pub user_id: UserId,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
}

pub(super) fn not_found() -> ServiceError {
    ServiceError::NotFound("link")
}

fn page(purpose: AccountLinkPurpose) -> &'static str {
    match purpose {
        AccountLinkPurpose::Welcome => "welcome",
        AccountLinkPurpose::Reset => "reset",
        AccountLinkPurpose::SignIn => "sign-in/link",
        AccountLinkPurpose::SetUp => "set-up",
    }
}

impl Service {
    /// The address of a link, with its token.
    pub(crate) fn account_link_url(&self, id: AccountLinkId, purpose: AccountLinkPurpose) -> Result<String> {
        Ok(self.link(&format!("{}/{}", page(purpose), self.account_link_token(id)?)))
    }

    fn account_link_token(&self, id: AccountLinkId) -> Result<String> {
        let derived = self.store().keyring()?.derive("account_link", id.uuid().as_bytes())?;
        Ok(secret::text(*derived))
    }

    /// Adds a link to a person's account; earlier ones of the same purpose are good for nothing any more.
    pub(super) async fn put_link(
        &self,
        tx: &mut Tx,
        user_id: UserId,
        purpose: AccountLinkPurpose,
        good_for: TimeDelta,
        issued_by: Option<UserId>,
    ) -> Result<AccountLinkRow> {
        let now = self.now();
        rows::end_of_purpose(tx, user_id, purpose, now).await?;
        let row = AccountLinkRow {
            id: self.id(),
            user_id,
            purpose,
            issued_by,
            expires_at: now + good_for,
            used_at: None,
            created_at: now,
        };
        let hash = secret::hash(&self.account_link_token(row.id)?).ok_or_else(not_found)?;
        rows::insert(tx, &row, hash).await?;
        Ok(row)
    }

    // Invitation -------------------------------------------------------------------------------------------------------

    /// Mails a person who has no password yet a link to set one, good for 72 hours. Earlier invitations end.
    ///
    /// # Errors
    /// `NotFound` for a person of none of the admin's organizations; `Conflict` (`HAS_PASSWORD`, `DISABLED`).
    pub async fn invite_person(&self, actor: &Actor, user_id: UserId) -> Result<PersonInvited> {
        let mut conn = self.read().await?;
        let ids: Vec<_> = directory::memberships_of(&mut conn, &[user_id])
            .await?
            .iter()
            .map(|place| place.organization_id)
            .collect();
        let organizations = directory::organizations_by_ids(&mut conn, &ids).await?;
        drop(conn);
        let own = organizations
            .iter()
            .find(|organization| relation(actor, organization) == Relation::Own);
        let stands = if own.is_some() { Relation::Own } else { Relation::None };
        match self.authorize(actor, Action::ManageDirectory, stands).await {
            Err(ServiceError::NotFound(_)) => return Err(ServiceError::NotFound("person")),
            other => other?,
        }
        let mut tx = self.begin().await?;
        let person = person::lock(&mut tx, user_id)
            .await?
            .ok_or(ServiceError::NotFound("person"))?;
        if person.disabled_at.is_some() {
            return Err(ServiceError::conflict(
                "DISABLED",
                "this person may not sign in; enable them first",
            ));
        }
        let stored = credential::find(&mut tx, user_id).await?;
        if stored.is_some_and(|row| row.password_hash.is_some()) {
            return Err(ServiceError::conflict(
                "HAS_PASSWORD",
                "this person has set a password already; they can ask for a new one on the sign-in page",
            ));
        }
        let here = own.or(organizations.first()).ok_or(ServiceError::NotFound("person"))?;
        let link = self
            .put_link(&mut tx, user_id, AccountLinkPurpose::Welcome, WELCOME, actor.user_id)
            .await?;
        self.mail_link(&mut tx, &person, &link, here).await?;
        let mut entry = self.own_entry(actor, "person.invited", user_id);
        entry.organization_id = Some(here.id);
        entry.detail.insert("link_id", link.id.to_string());
        tx.record(entry);
        tx.commit().await?;
        Ok(PersonInvited {
            link_id: link.id,
            expires_at: link.expires_at,
        })
    }

    // Reset ------------------------------------------------------------------------------------------------------------

    /// Mails a link to set a new password, good for half an hour, where there is an account of this address; not more
    /// often than every two minutes.
    ///
    /// The answer is the same and comes after the same time whether or not there is one.
    ///
    /// # Errors
    /// `Throttled` for a network address that asks too often, whatever for.
    pub async fn begin_password_reset(&self, input: BeginPasswordReset) -> Result<()> {
        let (done, ()) = tokio::join!(self.reset_if_known(input), tokio::time::sleep(ANSWER_AFTER));
        done
    }

    async fn reset_if_known(&self, input: BeginPasswordReset) -> Result<()> {
        let email = normal_email(&input.email);
        let mut tx = self.begin().await?;
        let known = person::find_by_email(&mut tx, &email).await?;
        let visitor = self
            .visitor(
                &mut tx,
                known.as_ref(),
                input.peer.as_deref(),
                input.request_id.as_deref(),
            )
            .await?;
        let tries = Tries {
            email: None,
            user_id: visitor.user_id,
            peer: visitor.peer.as_deref(),
        };
        if let Some(retry_after) = self.charge(&mut tx, &tries).await? {
            drop(tx);
            return Err(self.throttled(&visitor, retry_after).await);
        }
        let Some((person, organization_id)) = known
            .filter(|person| person.disabled_at.is_none())
            .zip(visitor.organization_id)
        else {
            self.record_refusal(
                &mut tx,
                &visitor,
                "password.reset_asked",
                "refused",
                &[("reason", "NO_ACCOUNT")],
            );
            tx.commit().await?;
            return Ok(());
        };
        let person = person::lock(&mut tx, person.id).await?.unwrap_or(person);
        let now = self.now();
        let live = rows::live_of(&mut tx, person.id, AccountLinkPurpose::Reset, now).await?;
        if live.iter().all(|link| now - link.created_at >= ONE_MAIL_IN) {
            let link = self
                .put_link(&mut tx, person.id, AccountLinkPurpose::Reset, RESET, None)
                .await?;
            let here = directory::organizations_by_ids(&mut tx, &[organization_id]).await?;
            if let Some(here) = here.first() {
                self.mail_link(&mut tx, &person, &link, here).await?;
            }
            let mut entry = self.own_entry(&visitor, "password.reset_asked", person.id);
            entry.detail.insert("link_id", link.id.to_string());
            tx.record(entry);
        }
        tx.commit().await?;
        Ok(())
    }

    // Using a link -----------------------------------------------------------------------------------------------------

    /// What a link is for. Changes nothing and writes nothing.
    ///
    /// # Errors
    /// `NotFound` alike for an unknown, used, replaced or expired link.
    pub async fn link_purpose(&self, token: &str) -> Result<AccountLinkPurpose> {
        let hash = secret::hash(token).ok_or_else(not_found)?;
        let found = rows::by_token(&mut self.read().await?, hash, self.now()).await?;
        found.map(|link| link.purpose).ok_or_else(not_found)
    }

    /// Uses a link up and holds its person; `NotFound` when another request was faster.
    pub(super) async fn take_link(
        &self,
        tx: &mut Tx,
        token: &Secret,
        wanted: impl Fn(AccountLinkPurpose) -> bool,
    ) -> Result<(AccountLinkRow, PersonRow)> {
        let now = self.now();
        let hash = secret::hash(token.expose()).ok_or_else(not_found)?;
        let link = rows::by_token(tx, hash, now)
            .await?
            .filter(|link| wanted(link.purpose))
            .ok_or_else(not_found)?;
        let person = person::lock(tx, link.user_id)
            .await?
            .filter(|person| person.disabled_at.is_none())
            .ok_or_else(not_found)?;
        match rows::use_up(tx, link.id, now).await {
            Err(error) if error.is_conflict() => Err(not_found()),
            other => {
                other?;
                Ok((link, person))
            }
        }
    }

    /// Sets a password by an invitation or a reset link: the first factor, so what follows is as after
    /// [`Service::sign_in`]. Every session of the person ends, and their failures are forgotten.
    ///
    /// # Errors
    /// `NotFound` alike for an unknown, used, replaced or expired link; `Invalid` for a weak password, which leaves the
    /// link good.
    pub async fn set_password_by_link(&self, input: SetPasswordByLink) -> Result<SignInStep> {
        let settable = |purpose| matches!(purpose, AccountLinkPurpose::Welcome | AccountLinkPurpose::Reset);
        let hash = secret::hash(input.token.expose()).ok_or_else(not_found)?;
        let mut conn = self.read().await?;
        let link = rows::by_token(&mut conn, hash, self.now())
            .await?
            .filter(|link| settable(link.purpose))
            .ok_or_else(not_found)?;
        let person = person::find(&mut conn, link.user_id).await?.ok_or_else(not_found)?;
        drop(conn);
        let problem = password::problem("password", input.password.expose(), &person.email, &person.display_name);
        if let Some(problem) = problem {
            return Err(ServiceError::Invalid(vec![problem]));
        }
        let hash = self.hash_password(&input.password).await?;

        let now = self.now();
        let mut tx = self.begin().await?;
        self.forgive(&mut tx, &person.email).await?;
        let (link, person) = self.take_link(&mut tx, &input.token, settable).await?;
        credential::lock(&mut tx, person.id, now).await?;
        credential::set_password(&mut tx, person.id, &hash, now).await?;
        let ended = session::end_others(&mut tx, person.id, None, now, SessionEnd::PasswordChanged).await?;
        ceremony::end_of(&mut tx, person.id).await?;
        rows::end_of(&mut tx, person.id, now).await?;
        let visitor = self
            .visitor(
                &mut tx,
                Some(&person),
                input.peer.as_deref(),
                input.request_id.as_deref(),
            )
            .await?;
        let mut entry = self.own_entry(&visitor, "password.changed", person.id);
        entry.detail.insert("by", link.purpose.to_string());
        entry.detail.insert("link_id", link.id.to_string());
        entry.detail.insert("sessions_ended", ended.to_string());
        tx.record(entry);
        let change = match link.purpose {
            AccountLinkPurpose::Welcome => SignInChange::PasswordSet,
            _ => SignInChange::PasswordReset,
        };
        let from = Whence {
            peer: visitor.peer.as_deref(),
            user_agent: input.user_agent.as_deref(),
        };
        self.tell_change(&mut tx, person.id, visitor.organization_id, change, &from)
            .await?;
        let origin = Origin {
            peer: input.peer,
            request_id: input.request_id,
            user_agent: input.user_agent,
        };
        let step = self.after_first_factor(&mut tx, &person, origin).await?;
        tx.commit().await?;
        Ok(step)
    }

    /// Makes a single-use link that signs a person in, for an operator on the command line, who answers for them.
    ///
    /// # Errors
    /// `NotFound` for an address of nobody, and for somebody who may not sign in or has no place.
    pub async fn issue_sign_in_link(&self, email: &str, good_for: TimeDelta) -> Result<SignInLinkIssued> {
        let actor = Actor::system();
        let mut tx = self.begin().await?;
        let person = person::lock_by_email(&mut tx, &normal_email(email))
            .await?
            .filter(|person| person.disabled_at.is_none())
            .ok_or(ServiceError::NotFound("person"))?;
        let places = session::places(&mut tx, person.id).await?;
        let place = places.first().ok_or(ServiceError::NotFound("person"))?;
        let good_for = good_for.clamp(TimeDelta::minutes(1), LONGEST);
        let link = self
            .put_link(&mut tx, person.id, AccountLinkPurpose::SignIn, good_for, None)
            .await?;
        let mut entry = self.own_entry(&actor, "sign_in_link.issued", link.id);
        entry.organization_id = Some(place.organization_id);
        entry.detail.insert("user_id", person.id.to_string());
        entry.detail.insert("expires_at", link.expires_at.to_rfc3339());
        tx.record(entry);
        tx.commit().await?;
        Ok(SignInLinkIssued {
            url: Secret::new(self.account_link_url(link.id, link.purpose)?),
            link_id: link.id,
            user_id: person.id,
            expires_at: link.expires_at,
        })
    }

    /// Signs a person in by an operator's link: fully, since the operator answers for them. The ledger's entry names
    /// the link, whose own entry names the operator's act.
    ///
    /// # Errors
    /// `NotFound` alike for an unknown, used, replaced or expired link, and for a person who may not sign in.
    pub async fn sign_in_by_link(&self, input: LinkTaken) -> Result<SessionOpened> {
        let by_link = |purpose| purpose == AccountLinkPurpose::SignIn;
        let hash = secret::hash(input.token.expose()).ok_or_else(not_found)?;
        let mut conn = self.read().await?;
        let link = rows::by_token(&mut conn, hash, self.now())
            .await?
            .ok_or_else(not_found)?;
        let known = person::find(&mut conn, link.user_id).await?.ok_or_else(not_found)?;
        drop(conn);
        let mut tx = self.begin().await?;
        self.forgive(&mut tx, &known.email).await?;
        let (link, person) = self.take_link(&mut tx, &input.token, by_link).await?;
        let open = OpenSession {
            user_id: person.id,
            organization_id: None,
            method: SignInMethod::OperatorLink,
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
