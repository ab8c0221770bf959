//! Passkeys (WebAuthn): registering them, and signing in with one, as the second factor or alone.
//!
//! A passkey that verified its user is both factors in one, and the only way to sign in here that a false page cannot
//! phish. User verification is asked for every time and checked.
//!
//! The library takes its challenges from the operating system's random source and its times from the machine's clock,
//! not from ours: both are its own affair. A challenge must be unguessable and is used once, so nothing repeats by it,
//! and how long it waits is decided here, by the store's clock.

use chrono::{DateTime, Utc};
use liaison_domain::{Actor, PasskeyId, SessionEnd, SessionId, SignInChange, SignInMethod, UserId};
use liaison_store::{
    Place as Sealed, Tx,
    directory::person,
    sign_in::{ceremony, credential, passkey as rows, passkey::PasskeyRow, session},
};
use serde_json::Value;
use uuid::Uuid;
use webauthn_rs::{
    Webauthn, WebauthnBuilder,
    prelude::{
        AuthenticationResult, CredentialID, DiscoverableAuthentication, Passkey, PasskeyAuthentication,
        PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential,
    },
};

use super::{RecoveryCodes, SessionOpened, by_password::SECOND_FACTOR, change::Whence, secret, throttle::Tries};
use crate::{FieldProblem, Result, Service, ServiceError};

/// The kinds of steps that a passkey's answer ends.
const REGISTER: &str = "PASSKEY_REGISTER";
const ALONE: &str = "PASSKEY_ALONE";
const AFTER_PASSWORD: &str = "PASSKEY_AFTER_PASSWORD";
const STEP_UP: &str = "PASSKEY_STEP_UP";
/// The most passkeys a person has.
const MAX_PASSKEYS: usize = 20;
/// The longest name of a passkey, in characters.
const MAX_NAME: usize = 100;
/// The most bytes of a browser's answer.
const MAX_ANSWER: usize = 64 * 1_024;

/// A question for the browser's authenticator.
#[derive(Debug, Clone)]
pub struct PasskeyCeremony {
    /// The secret that the answer must come with: base64url of 32 random bytes. Good for five minutes and one answer.
    pub ceremony: String,
    /// The argument of `navigator.credentials.create` or `.get`, its binary members in base64url.
    pub options: Value,
}

/// A new passkey's answer.
#[derive(Debug, Clone)]
pub struct FinishPasskey {
    /// What [`Service::begin_passkey`] gave.
    pub ceremony: String,
    /// What its owner calls it, 1 to 100 characters.
    pub name: String,
    /// The browser's `PublicKeyCredential`, as JSON with base64url.
    pub credential: Value,
}

/// A passkey that was added.
#[derive(Debug, Clone)]
pub struct PasskeyAdded {
    /// Its id.
    pub passkey_id: PasskeyId,
    /// Ten recovery codes, shown this one time, where the person had none left.
    pub recovery_codes: Option<RecoveryCodes>,
}

/// A passkey's answer at the door.
#[derive(Debug, Clone)]
pub struct FinishPasskeySignIn {
    /// What [`Service::begin_passkey_sign_in`] gave.
    pub ceremony: String,
    /// The browser's `PublicKeyCredential`, as JSON with base64url.
    pub credential: Value,
    /// The network address of the request.
    pub peer: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// What the browser says it is.
    pub user_agent: Option<String>,
}

/// A passkey's answer to a question of its own session.
#[derive(Debug, Clone)]
pub struct PasskeyFinished {
    /// What [`Service::begin_passkey_reauthentication`] gave.
    pub ceremony: String,
    /// The browser's `PublicKeyCredential`, as JSON with base64url.
    pub credential: Value,
}

/// One of a person's passkeys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPasskey {
    /// Its id.
    pub passkey_id: PasskeyId,
    /// What its owner calls it.
    pub name: String,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was last used.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// The answer to a passkey that does not fit. Why goes to the ledger alone.
fn refused() -> ServiceError {
    ServiceError::invalid(
        "credential",
        "PASSKEY_REFUSED",
        "this passkey was not accepted; try again, or choose another way",
    )
}

fn unreadable(_: serde_json::Error) -> ServiceError {
    ServiceError::Internal(liaison_store::StoreError::Encode("a passkey".to_owned()))
}

fn build(base: &url::Url) -> Option<Webauthn> {
    let host = base.domain()?;
    // The origin alone: browsers tell no path.
    let origin = url::Url::parse(&base.origin().ascii_serialization()).ok()?;
    let builder = WebauthnBuilder::new(host, &origin).ok()?;
    builder.rp_name("Liaison").build().ok()
}

/// The place of a ceremony's sealed state: bound to the hash of its secret.
fn state_place(hash: &[u8; 32]) -> Sealed {
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    Sealed::new("sign_in_ceremony", "state_sealed", Uuid::from_bytes(id))
}

fn answer<T: serde::de::DeserializeOwned>(given: &Value) -> Result<T> {
    if given.to_string().len() > MAX_ANSWER {
        return Err(refused());
    }
    serde_json::from_value(given.clone()).map_err(|_| refused())
}

fn library(rows: &[PasskeyRow]) -> Result<Vec<Passkey>> {
    rows.iter()
        .map(|row| serde_json::from_str(&row.credential).map_err(unreadable))
        .collect()
}

impl Service {
    /// The library, set up for this service's address. A host that is an IP address can have no passkeys.
    pub(super) fn passkeys(&self) -> Result<&Webauthn> {
        let built = self.doors().passkeys.get_or_init(|| build(&self.settings().base_url));
        built.as_ref().ok_or_else(|| {
            ServiceError::conflict(
                "PASSKEYS_UNAVAILABLE",
                "passkeys need this service to be reached by a host name over https; choose another way",
            )
        })
    }

    async fn ask<T: serde::Serialize>(
        &self,
        tx: &mut Tx,
        kind: &str,
        whose: (Option<UserId>, Option<SessionId>),
        state: &T,
    ) -> Result<String> {
        let random = self.store().random();
        let secret = secret::fresh(&*random);
        let hash = secret::hash(&secret).ok_or(ServiceError::Unauthenticated)?;
        let plain = serde_json::to_vec(state).map_err(unreadable)?;
        let sealed = self
            .store()
            .keyring()?
            .seal_secret(state_place(&hash), &plain, &*random)?;
        self.put_ceremony(tx, &secret, kind, whose.0, whose.1, Some(sealed))
            .await?;
        Ok(secret)
    }

    /// The state of a question, which is taken away: there is one answer, right or wrong.
    async fn asked<T: serde::de::DeserializeOwned>(
        &self,
        tx: &mut Tx,
        given: &str,
        kind: &str,
    ) -> Result<(ceremony::CeremonyRow, T)> {
        let hash = secret::hash(given).ok_or(ServiceError::Unauthenticated)?;
        let row = ceremony::lock(tx, hash, kind, self.now())
            .await?
            .ok_or(ServiceError::Unauthenticated)?;
        if !ceremony::take(tx, &hash).await? {
            return Err(ServiceError::Unauthenticated);
        }
        let sealed = row.state_sealed.as_deref().unwrap_or_default();
        let plain = self.store().keyring()?.open_secret(state_place(&hash), sealed)?;
        let state = serde_json::from_slice(&plain).map_err(unreadable)?;
        Ok((row, state))
    }

    // Registering ------------------------------------------------------------------------------------------------------

    /// Begins to register a passkey.
    ///
    /// # Errors
    /// `STEP_UP_NEEDED` where the person has a second factor and the last proof of identity is older than five minutes;
    /// `Conflict` (`PASSKEYS_UNAVAILABLE`, `TOO_MANY_PASSKEYS`).
    pub async fn begin_passkey(&self, actor: &Actor) -> Result<PasskeyCeremony> {
        let library = self.passkeys()?;
        let mut tx = self.begin().await?;
        let own = self.own_enrolling_session(&mut tx, actor).await?;
        let person = person::find(&mut tx, own.user_id)
            .await?
            .ok_or(ServiceError::Unauthenticated)?;
        let there = rows::of_person(&mut tx, own.user_id).await?;
        if there.len() >= MAX_PASSKEYS {
            return Err(ServiceError::conflict(
                "TOO_MANY_PASSKEYS",
                format!("at most {MAX_PASSKEYS} passkeys; remove one first"),
            ));
        }
        let known: Vec<CredentialID> = there
            .iter()
            .map(|row| CredentialID::from(row.credential_id.clone()))
            .collect();
        let (challenge, state) = library
            .start_passkey_registration(own.user_id.uuid(), &person.email, &person.display_name, Some(known))
            .map_err(|_| refused())?;
        let mut options = serde_json::to_value(challenge).map_err(unreadable)?;
        // The library asks for no discoverable passkey; only such a one signs in without the address being typed.
        if let Some(selection) = options.pointer_mut("/publicKey/authenticatorSelection") {
            selection["residentKey"] = Value::from("required");
            selection["requireResidentKey"] = Value::from(true);
        }
        let ceremony = self
            .ask::<PasskeyRegistration>(&mut tx, REGISTER, (Some(own.user_id), Some(own.id)), &state)
            .await?;
        tx.commit().await?;
        Ok(PasskeyCeremony { ceremony, options })
    }

    /// Registers the passkey. A session that waited for a second factor is complete now; the person's other sessions
    /// end when this is their first.
    ///
    /// # Errors
    /// `Unauthenticated` for a question that is unknown, answered or older than five minutes; `Invalid` for a name or
    /// an answer that does not fit.
    pub async fn finish_passkey(&self, actor: &Actor, input: FinishPasskey) -> Result<PasskeyAdded> {
        let library = self.passkeys()?;
        let name = input.name.trim().to_owned();
        if name.is_empty() {
            return Err(ServiceError::Invalid(vec![FieldProblem::required("name")]));
        }
        if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            let message = format!("at most {MAX_NAME} characters, without line breaks");
            return Err(ServiceError::invalid("name", "OUT_OF_RANGE", message));
        }
        let given: RegisterPublicKeyCredential = answer(&input.credential)?;
        let now = self.now();
        let mut tx = self.begin().await?;
        let own = self.own_enrolling_session(&mut tx, actor).await?;
        let (asked, state) = self
            .asked::<PasskeyRegistration>(&mut tx, &input.ceremony, REGISTER)
            .await?;
        if asked.user_id != Some(own.user_id) || asked.session_id != Some(own.id) {
            return Err(ServiceError::Unauthenticated);
        }
        let Ok(passkey) = library.finish_passkey_registration(&given, &state) else {
            // The question is used up all the same.
            tx.commit().await?;
            return Err(refused());
        };
        let totp = credential::find(&mut tx, own.user_id)
            .await?
            .is_some_and(|row| row.totp_sealed.is_some());
        let first = !totp && rows::count(&mut tx, own.user_id).await? == 0;
        let row = PasskeyRow {
            id: self.id(),
            user_id: own.user_id,
            credential_id: passkey.cred_id().to_vec(),
            name,
            credential: serde_json::to_string(&passkey).map_err(unreadable)?,
            created_at: now,
            last_used_at: None,
        };
        match rows::insert(&mut tx, &row).await {
            Err(error) if error.is_unique_violation() => return Err(refused()),
            other => other?,
        }
        credential::factors_set(&mut tx, own.user_id).await?;
        session::make_full(&mut tx, own.id, now).await?;
        if first {
            session::end_others(&mut tx, own.user_id, Some(own.id), now, SessionEnd::SecondFactorAdded).await?;
        }
        let recovery_codes = match credential::unused_codes(&mut tx, own.user_id).await? {
            0 => Some(self.put_recovery_codes(&mut tx, own.user_id).await?),
            _ => None,
        };
        let mut entry = self.own_entry(actor, "second_factor.added", row.id);
        entry.detail.insert("kind", "PASSKEY".to_owned());
        tx.record(entry);
        let from = Whence::of_session(actor, &own);
        self.tell_change(
            &mut tx,
            own.user_id,
            Some(own.organization_id),
            SignInChange::PasskeyAdded,
            &from,
        )
        .await?;
        tx.commit().await?;
        Ok(PasskeyAdded {
            passkey_id: row.id,
            recovery_codes,
        })
    }

    /// The actor's passkeys, oldest first.
    pub async fn own_passkeys(&self, actor: &Actor) -> Result<Vec<OwnPasskey>> {
        let user_id = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let rows = rows::of_person(&mut self.read().await?, user_id).await?;
        Ok(rows
            .into_iter()
            .map(|row| OwnPasskey {
                passkey_id: row.id,
                name: row.name,
                created_at: row.created_at,
                last_used_at: row.last_used_at,
            })
            .collect())
    }

    /// Removes one of the actor's passkeys.
    ///
    /// # Errors
    /// `NotFound` for another's; `STEP_UP_NEEDED`; `Conflict` (`LAST_FACTOR`) for the only second factor.
    pub async fn remove_passkey(&self, actor: &Actor, id: PasskeyId) -> Result<()> {
        let mut tx = self.begin().await?;
        let own = self.own_fresh_session(&mut tx, actor).await?;
        let stored = credential::lock(&mut tx, own.user_id, self.now()).await?;
        if !rows::remove(&mut tx, id, own.user_id).await? {
            return Err(ServiceError::NotFound("passkey"));
        }
        if stored.totp_sealed.is_none() && rows::count(&mut tx, own.user_id).await? == 0 {
            return Err(super::own::last_factor());
        }
        let mut entry = self.own_entry(actor, "second_factor.removed", id);
        entry.detail.insert("kind", "PASSKEY".to_owned());
        tx.record(entry);
        let from = Whence::of_session(actor, &own);
        self.tell_change(
            &mut tx,
            own.user_id,
            Some(own.organization_id),
            SignInChange::PasskeyRemoved,
            &from,
        )
        .await?;
        tx.commit().await?;
        Ok(())
    }

    // Signing in -------------------------------------------------------------------------------------------------------

    /// Begins to sign in with a passkey: with the challenge of a right password as the second factor, without one alone.
    ///
    /// Alone, the question names no person and no passkey, so it tells nothing about who has an account.
    ///
    /// # Errors
    /// `Unauthenticated` for a challenge that is unknown, used or older than five minutes; `Throttled`; `Conflict`
    /// (`PASSKEYS_UNAVAILABLE`).
    pub async fn begin_passkey_sign_in(
        &self,
        challenge: Option<&str>,
        peer: Option<&str>,
        request_id: Option<&str>,
    ) -> Result<PasskeyCeremony> {
        let library = self.passkeys()?;
        let mut tx = self.begin().await?;
        if let Some(challenge) = challenge {
            let hash = secret::hash(challenge).ok_or(ServiceError::Unauthenticated)?;
            // Not taken: for the rest of its five minutes the challenge stays good for another way.
            let found = ceremony::find(&mut tx, hash, SECOND_FACTOR, self.now()).await?;
            let user_id = found.and_then(|row| row.user_id).ok_or(ServiceError::Unauthenticated)?;
            let asked = self.ask_person(&mut tx, library, AFTER_PASSWORD, user_id, None).await?;
            tx.commit().await?;
            return Ok(asked);
        }
        let visitor = self.visitor(&mut tx, None, peer, request_id).await?;
        let tries = Tries {
            email: None,
            user_id: None,
            peer: visitor.peer.as_deref(),
        };
        // A question is a row: whoever asks without answering is slowed down.
        if let Some(retry_after) = self.charge(&mut tx, &tries).await? {
            drop(tx);
            return Err(self.throttled(&visitor, retry_after).await);
        }
        let (mut challenge, state) = library.start_discoverable_authentication().map_err(|_| refused())?;
        // The library means the browser's list of addresses; here it is a button.
        challenge.mediation = None;
        let ceremony = self
            .ask::<DiscoverableAuthentication>(&mut tx, ALONE, (None, None), &state)
            .await?;
        tx.commit().await?;
        let options = serde_json::to_value(challenge).map_err(unreadable)?;
        Ok(PasskeyCeremony { ceremony, options })
    }

    async fn ask_person(
        &self,
        tx: &mut Tx,
        webauthn: &Webauthn,
        kind: &str,
        user_id: UserId,
        session_id: Option<SessionId>,
    ) -> Result<PasskeyCeremony> {
        let passkeys = library(&rows::of_person(tx, user_id).await?)?;
        if passkeys.is_empty() {
            return Err(ServiceError::conflict(
                "NO_PASSKEY",
                "there is no passkey; choose another way",
            ));
        }
        let (challenge, state) = webauthn
            .start_passkey_authentication(&passkeys)
            .map_err(|_| refused())?;
        let ceremony = self
            .ask::<PasskeyAuthentication>(tx, kind, (Some(user_id), session_id), &state)
            .await?;
        let options = serde_json::to_value(challenge).map_err(unreadable)?;
        Ok(PasskeyCeremony { ceremony, options })
    }

    /// Checks a passkey's answer and opens the session.
    ///
    /// # Errors
    /// `Unauthenticated` for a question that is unknown, answered or older than five minutes, and for a person who may
    /// not sign in; `Invalid` (`PASSKEY_REFUSED`) for an answer that does not fit; `Throttled`.
    pub async fn finish_passkey_sign_in(&self, input: FinishPasskeySignIn) -> Result<SessionOpened> {
        let webauthn = self.passkeys()?;
        let given: PublicKeyCredential = answer(&input.credential)?;
        let hash = secret::hash(&input.ceremony).ok_or(ServiceError::Unauthenticated)?;
        let mut conn = self.read().await?;
        let second = ceremony::find(&mut conn, hash, AFTER_PASSWORD, self.now()).await?;
        drop(conn);
        let mut tx = self.begin().await?;
        let claimed = match &second {
            Some(row) => row.user_id,
            None => webauthn
                .identify_discoverable_authentication(&given)
                .ok()
                .map(|(user, _)| UserId::from_uuid(user)),
        };
        let known = match claimed {
            Some(id) => person::find(&mut tx, id).await?,
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
        // Alone, the try was counted when the question was asked, and a passkey cannot be guessed: the account's count
        // is left alone, so that nobody locks a person out who signs in this way.
        let tries = Tries {
            email: known
                .as_ref()
                .filter(|_| second.is_some())
                .map(|person| person.email.as_str()),
            user_id: visitor.user_id,
            peer: visitor.peer.as_deref().filter(|_| second.is_some()),
        };
        if let Some(retry_after) = self.charge(&mut tx, &tries).await? {
            drop(tx);
            return Err(self.throttled(&visitor, retry_after).await);
        }
        if let Some(person) = &known {
            person::lock(&mut tx, person.id).await?;
        }
        let stored = rows::lock_by_credential(&mut tx, given.raw_id.as_ref()).await?;
        let stored = stored.filter(|row| Some(row.user_id) == known.as_ref().map(|person| person.id));
        let proven = if second.is_some() {
            let (_, state) = self
                .asked::<PasskeyAuthentication>(&mut tx, &input.ceremony, AFTER_PASSWORD)
                .await?;
            webauthn.finish_passkey_authentication(&given, &state).ok()
        } else {
            let (_, state) = self
                .asked::<DiscoverableAuthentication>(&mut tx, &input.ceremony, ALONE)
                .await?;
            match &stored {
                Some(row) => {
                    let passkey: Passkey = serde_json::from_str(&row.credential).map_err(unreadable)?;
                    webauthn
                        .finish_discoverable_authentication_v2(&given, state, &passkey)
                        .ok()
                }
                None => None,
            }
        };
        let proven = proven.filter(AuthenticationResult::user_verified);
        let (Some(known), Some(stored), Some(proven)) = (&known, stored, proven) else {
            let detail = [("by", "passkey"), ("reason", "PASSKEY")];
            self.record_refusal(&mut tx, &visitor, "sign_in.failed", "failure", &detail);
            tx.commit().await?;
            return Err(refused());
        };
        self.passkey_used(&mut tx, stored, &proven).await?;
        let method = if second.is_some() {
            SignInMethod::PasswordPasskey
        } else {
            SignInMethod::Passkey
        };
        let back = Tries {
            email: tries.email,
            user_id: tries.user_id,
            peer: visitor.peer.as_deref(),
        };
        self.refund(&mut tx, &back).await?;
        let opened = self
            .proven(
                &mut tx,
                known,
                method,
                &input.peer,
                &input.request_id,
                &input.user_agent,
            )
            .await;
        match opened {
            Ok(opened) => {
                tx.commit().await?;
                Ok(opened)
            }
            Err(ServiceError::Unauthenticated) => {
                drop(tx);
                let detail = [("by", "passkey"), ("reason", "DISABLED")];
                self.refused(&visitor, "sign_in.failed", "failure", &detail).await?;
                Err(ServiceError::Unauthenticated)
            }
            Err(other) => Err(other),
        }
    }

    /// Keeps a passkey's counter, by which a copy of it is noticed.
    async fn passkey_used(&self, tx: &mut Tx, row: PasskeyRow, proven: &AuthenticationResult) -> Result<()> {
        let mut passkey: Passkey = serde_json::from_str(&row.credential).map_err(unreadable)?;
        passkey.update_credential(proven);
        let kept = serde_json::to_string(&passkey).map_err(unreadable)?;
        Ok(rows::used(tx, row.id, &kept, self.now()).await?)
    }

    // Step-up ----------------------------------------------------------------------------------------------------------

    /// Begins to prove anew who the actor is, with one of their passkeys.
    pub async fn begin_passkey_reauthentication(&self, actor: &Actor) -> Result<PasskeyCeremony> {
        let webauthn = self.passkeys()?;
        let mut tx = self.begin().await?;
        let own = self.own_full_session(&mut tx, actor).await?;
        let asked = self
            .ask_person(&mut tx, webauthn, STEP_UP, own.user_id, Some(own.id))
            .await?;
        tx.commit().await?;
        Ok(asked)
    }

    /// Checks the passkey's answer of the actor's own session.
    pub(super) async fn prove_passkey(&self, actor: &Actor, input: &PasskeyFinished) -> Result<()> {
        let webauthn = self.passkeys()?;
        let given: PublicKeyCredential = answer(&input.credential)?;
        let mut tx = self.begin().await?;
        let own = self.own_full_session(&mut tx, actor).await?;
        let (asked, state) = self
            .asked::<PasskeyAuthentication>(&mut tx, &input.ceremony, STEP_UP)
            .await?;
        if asked.user_id != Some(own.user_id) || asked.session_id != Some(own.id) {
            return Err(ServiceError::Unauthenticated);
        }
        let stored = rows::lock_by_credential(&mut tx, given.raw_id.as_ref()).await?;
        let stored = stored.filter(|row| row.user_id == own.user_id);
        let proven = webauthn.finish_passkey_authentication(&given, &state).ok();
        let (Some(stored), Some(proven)) = (stored, proven.filter(AuthenticationResult::user_verified)) else {
            let detail = [("by", "step_up"), ("reason", "PASSKEY")];
            self.record_refusal(&mut tx, actor, "sign_in.failed", "failure", &detail);
            tx.commit().await?;
            return Err(refused());
        };
        self.passkey_used(&mut tx, stored, &proven).await?;
        tx.commit().await?;
        Ok(())
    }
}
