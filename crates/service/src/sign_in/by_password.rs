//! Sign-in with e-mail address and password: the first of two factors.

use liaison_domain::{Actor, PurposeOfUse, SignInMethod, people::ActorKind};
use liaison_store::{
    Conn, Tx,
    directory::{PersonRow, person},
    sign_in::{ceremony, credential, passkey, session},
};

use super::{CEREMONY, OpenSession, Secret, SessionOpened, password, secret, throttle::Tries};
use crate::{Result, Service, ServiceError};

/// The step that waits for a second factor.
pub(super) const SECOND_FACTOR: &str = "SECOND_FACTOR";

/// What a person types to sign in.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// Their address, in any case.
    pub email: String,
    /// Their password.
    pub password: Secret,
    /// The network address of the request.
    pub peer: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// What the browser says it is.
    pub user_agent: Option<String>,
}

/// What follows a right password.
#[derive(Debug, Clone)]
pub enum SignInStep {
    /// The second factor, within five minutes. A recovery code is always taken too.
    SecondFactor {
        /// The secret that the next step must bring: base64url of 32 random bytes.
        challenge: String,
        /// A passkey may be it ([`Service::begin_passkey_sign_in`]).
        passkey: bool,
        /// A one-time code may be it ([`Service::sign_in_totp`]).
        totp: bool,
    },
    /// There is none yet: a session that is good for adding one and for nothing else.
    Enrol(SessionOpened),
    /// An admin took the second factors away: the mailed link goes on ([`Service::set_up_by_link`]), and nothing else.
    SetUpByLink,
}

/// Where a request came from.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    pub(super) peer: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) user_agent: Option<String>,
}

/// An address as the directory keeps it; longer ones are no address (RFC 5321).
pub(super) fn normal_email(given: &str) -> String {
    given.trim().chars().take(254).collect::<String>().to_ascii_lowercase()
}

impl Service {
    /// Who is at the door, for the ledger: nobody has proven anything yet.
    pub(super) async fn visitor(
        &self,
        conn: &mut Conn,
        known: Option<&PersonRow>,
        peer: Option<&str>,
        request_id: Option<&str>,
    ) -> Result<Actor> {
        let mut visitor = Actor {
            kind: ActorKind::Person,
            peer: secret::mark(peer),
            request_id: secret::mark(request_id),
            ..Actor::system()
        };
        if let Some(person) = known {
            visitor.user_id = Some(person.id);
            let first = session::places(conn, person.id).await?.into_iter().next();
            visitor.organization_id = first.map(|place| place.organization_id);
        }
        Ok(visitor)
    }

    /// Checks e-mail address and password.
    ///
    /// # Errors
    /// `Unauthenticated` alike, and after as long, for an unknown address, a wrong password, a disabled person and one
    /// without a place; `Throttled` where too many tries failed, whether or not there is such an account.
    pub async fn sign_in(&self, input: SignIn) -> Result<SignInStep> {
        let email = normal_email(&input.email);
        let mut tx = self.begin().await?;
        let known = person::find_by_email(&mut tx, &email).await?;
        let stored = match &known {
            Some(person) => credential::find(&mut tx, person.id).await?,
            None => None,
        };
        let visitor = self
            .visitor(
                &mut tx,
                known.as_ref(),
                input.peer.as_deref(),
                input.request_id.as_deref(),
            )
            .await?;
        let tries = Tries {
            email: Some(&email),
            user_id: visitor.user_id,
            peer: visitor.peer.as_deref(),
        };
        let refused = self.charge(&mut tx, &tries).await?;
        tx.commit().await?;
        if let Some(retry_after) = refused {
            return Err(self.throttled(&visitor, retry_after).await);
        }
        let hash = stored.and_then(|row| row.password_hash);
        let right = self.check_password(&input.password, hash.clone()).await?;

        let (Some(person), Some(hash), true) = (known, hash, right) else {
            let reason = if visitor.user_id.is_some() {
                "PASSWORD"
            } else {
                "UNKNOWN"
            };
            return Err(self.sign_in_failed(&visitor, &tries, "password", reason).await?);
        };
        if person.disabled_at.is_some() || visitor.organization_id.is_none() {
            let reason = if person.disabled_at.is_some() {
                "DISABLED"
            } else {
                "NO_PLACE"
            };
            return Err(self.sign_in_failed(&visitor, &tries, "password", reason).await?);
        }
        let fresh = match password::is_dated(&hash) {
            true => Some(self.hash_password(&input.password).await?),
            false => None,
        };
        let mut tx = self.begin().await?;
        self.refund(&mut tx, &tries).await?;
        let person = person::lock(&mut tx, person.id)
            .await?
            .ok_or(ServiceError::Unauthenticated)?;
        let stored = credential::lock(&mut tx, person.id, self.now()).await?;
        // The password was changed while this one was checked.
        if stored.password_hash.as_ref() != Some(&hash) {
            return Err(ServiceError::Unauthenticated);
        }
        if let Some(fresh) = fresh {
            let changed = stored.password_changed_at.unwrap_or(self.now());
            credential::set_password(&mut tx, person.id, &fresh, changed).await?;
        }
        let origin = Origin {
            peer: input.peer,
            request_id: input.request_id,
            user_agent: input.user_agent,
        };
        let step = self.after_first_factor(&mut tx, &person, origin).await?;
        tx.commit().await?;
        Ok(step)
    }

    /// What follows the first factor: the second, or where there is none yet, adding one.
    pub(super) async fn after_first_factor(
        &self,
        tx: &mut Tx,
        person: &PersonRow,
        origin: Origin,
    ) -> Result<SignInStep> {
        let stored = credential::find(tx, person.id).await?;
        let totp = stored.as_ref().is_some_and(|row| row.totp_sealed.is_some());
        let passkeys = passkey::count(tx, person.id).await?;
        if stored.is_some_and(|row| row.factors_reset_at.is_some()) {
            return Ok(SignInStep::SetUpByLink);
        }
        if !totp && passkeys == 0 {
            let open = OpenSession {
                user_id: person.id,
                organization_id: None,
                method: SignInMethod::Password,
                peer: origin.peer,
                request_id: origin.request_id,
                user_agent: origin.user_agent,
            };
            return Ok(SignInStep::Enrol(self.put_session(tx, person, open, None).await?));
        }
        let challenge = self
            .begin_ceremony(tx, SECOND_FACTOR, Some(person.id), None, None)
            .await?;
        Ok(SignInStep::SecondFactor {
            challenge,
            passkey: passkeys > 0 && self.passkeys().is_ok(),
            totp,
        })
    }

    /// Begins a step that the next request goes on with: the secret it must bring.
    pub(super) async fn begin_ceremony(
        &self,
        tx: &mut Tx,
        kind: &str,
        user_id: Option<liaison_domain::UserId>,
        session_id: Option<liaison_domain::SessionId>,
        state_sealed: Option<Vec<u8>>,
    ) -> Result<String> {
        let random = self.store().random();
        let secret = secret::fresh(&*random);
        self.put_ceremony(tx, &secret, kind, user_id, session_id, state_sealed)
            .await?;
        Ok(secret)
    }

    /// As [`Service::begin_ceremony`], where the secret is made before.
    pub(super) async fn put_ceremony(
        &self,
        tx: &mut Tx,
        secret: &str,
        kind: &str,
        user_id: Option<liaison_domain::UserId>,
        session_id: Option<liaison_domain::SessionId>,
        state_sealed: Option<Vec<u8>>,
    ) -> Result<()> {
        let now = self.now();
        let hash = secret::hash(secret).ok_or(ServiceError::Unauthenticated)?;
        let row = ceremony::CeremonyRow {
            secret_hash: hash.to_vec(),
            kind: kind.to_owned(),
            user_id,
            session_id,
            state_sealed,
            expires_at: now + CEREMONY,
            created_at: now,
        };
        Ok(ceremony::insert(tx, &row).await?)
    }

    /// Writes a failed try, which was counted before, and gives the answer that all of them get.
    pub(super) async fn sign_in_failed(
        &self,
        visitor: &Actor,
        tries: &Tries<'_>,
        by: &str,
        reason: &str,
    ) -> Result<ServiceError> {
        let mut tx = self.begin().await?;
        self.count_stands(&mut tx, tries).await?;
        self.record_refusal(
            &mut tx,
            visitor,
            "sign_in.failed",
            "failure",
            &[("by", by), ("reason", reason)],
        );
        tx.commit().await?;
        Ok(ServiceError::Unauthenticated)
    }

    /// An entry of an act of a signed-in person about their own way to sign in.
    pub(super) fn own_entry(
        &self,
        actor: &Actor,
        action: &'static str,
        object: impl std::fmt::Display,
    ) -> liaison_store::NewEntry {
        let mut entry = self.entry(actor, action);
        entry.purpose = PurposeOfUse::Operations;
        entry.object_id = Some(object.to_string());
        entry
    }
}
