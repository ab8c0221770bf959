//! The second factor after a right password: a one-time code or a recovery code. Passkeys have a file of their own.

use liaison_domain::{Actor, SignInChange, SignInMethod};
use liaison_store::{
    Tx,
    directory::{PersonRow, person},
    sign_in::{ceremony, credential},
};

use super::{
    OpenSession, Secret, SessionOpened, by_password::SECOND_FACTOR, change::Whence, recovery, secret, throttle::Tries,
    totp,
};
use crate::{Result, Service, ServiceError};

/// A second factor.
#[derive(Debug, Clone)]
pub struct SecondFactor {
    /// What [`Service::sign_in`] gave.
    pub challenge: String,
    /// Six digits of the authenticator app, or a recovery code; spaces and dashes do not matter.
    pub code: Secret,
    /// The network address of the request.
    pub peer: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// What the browser says it is.
    pub user_agent: Option<String>,
}

/// The answer to a wrong code. It tells nothing about the account: the password was right.
pub(super) fn wrong_code() -> ServiceError {
    ServiceError::invalid(
        "code",
        "WRONG_CODE",
        "this code is not right, or was used before; wait for the next one",
    )
}

impl Service {
    /// Checks the second factor and opens the session.
    ///
    /// # Errors
    /// `Unauthenticated` for a challenge that is unknown, used or older than five minutes: begin again with the
    /// password. `Invalid` (`WRONG_CODE`) for a wrong code, which counts as a failure of the account. `Throttled`.
    pub async fn sign_in_totp(&self, input: SecondFactor) -> Result<SessionOpened> {
        let now = self.now();
        let hash = secret::hash(&input.challenge).ok_or(ServiceError::Unauthenticated)?;
        let found = ceremony::find(&mut self.read().await?, hash, SECOND_FACTOR, now).await?;
        let user_id = found.and_then(|row| row.user_id).ok_or(ServiceError::Unauthenticated)?;

        let mut tx = self.begin().await?;
        let known = person::find(&mut tx, user_id)
            .await?
            .ok_or(ServiceError::Unauthenticated)?;
        let visitor = self
            .visitor(
                &mut tx,
                Some(&known),
                input.peer.as_deref(),
                input.request_id.as_deref(),
            )
            .await?;
        let tries = Tries {
            email: Some(&known.email),
            user_id: Some(user_id),
            peer: visitor.peer.as_deref(),
        };
        // Held from here to the end: of many codes at the same moment one is looked at after the other.
        if let Some(retry_after) = self.charge(&mut tx, &tries).await? {
            drop(tx);
            return Err(self.throttled(&visitor, retry_after).await);
        }
        // The person before their rows, as everywhere: two requests never wait for each other.
        person::lock(&mut tx, user_id).await?;
        let row = ceremony::lock(&mut tx, hash, SECOND_FACTOR, now)
            .await?
            .ok_or(ServiceError::Unauthenticated)?;
        let Some(method) = self.take_code(&mut tx, user_id, &input.code).await? else {
            // The count stays, and the challenge: a digit may be mistyped.
            self.record_code_failure(&mut tx, &visitor);
            tx.commit().await?;
            return Err(wrong_code());
        };
        if !ceremony::take(&mut tx, &row.secret_hash).await? {
            return Err(ServiceError::Unauthenticated);
        }
        self.refund(&mut tx, &tries).await?;
        let opened = self
            .proven(
                &mut tx,
                &known,
                method,
                &input.peer,
                &input.request_id,
                &input.user_agent,
            )
            .await?;
        if method == SignInMethod::PasswordRecoveryCode {
            let from = Whence {
                peer: visitor.peer.as_deref(),
                user_agent: input.user_agent.as_deref(),
            };
            let (change, here) = (SignInChange::RecoveryCodeUsed, visitor.organization_id);
            self.tell_change(&mut tx, user_id, here, change, &from).await?;
        }
        tx.commit().await?;
        Ok(opened)
    }

    /// Opens the session of a person who has proven every factor, and forgets their failures.
    pub(super) async fn proven(
        &self,
        tx: &mut Tx,
        known: &PersonRow,
        method: SignInMethod,
        peer: &Option<String>,
        request_id: &Option<String>,
        user_agent: &Option<String>,
    ) -> Result<SessionOpened> {
        self.forgive(tx, &known.email).await?;
        let person = person::lock(tx, known.id).await?.ok_or(ServiceError::Unauthenticated)?;
        let open = OpenSession {
            user_id: person.id,
            organization_id: None,
            method,
            peer: peer.clone(),
            request_id: request_id.clone(),
            user_agent: user_agent.clone(),
        };
        self.put_session(tx, &person, open, None).await
    }

    /// Takes a one-time code or a recovery code of a person, so that it works no more; `None` when it is wrong or was
    /// used before.
    async fn take_code(
        &self,
        tx: &mut Tx,
        user_id: liaison_domain::UserId,
        code: &Secret,
    ) -> Result<Option<SignInMethod>> {
        let now = self.now();
        let stored = credential::lock(tx, user_id, now).await?;
        if let Some(digits) = totp::digits(code.expose()) {
            let Some(sealed) = stored.totp_sealed else {
                return Ok(None);
            };
            let step = self.totp_step(user_id, &sealed, &digits)?;
            return Ok(match step {
                Some(step) if credential::take_step(tx, user_id, step, now).await? => Some(SignInMethod::PasswordTotp),
                _ => None,
            });
        }
        let Some(code) = recovery::normal(code.expose()) else {
            return Ok(None);
        };
        let hash = self.recovery_hash(user_id, &code)?;
        if !credential::use_code(tx, user_id, hash, now).await? {
            return Ok(None);
        }
        Ok(Some(SignInMethod::PasswordRecoveryCode))
    }

    fn record_code_failure(&self, tx: &mut Tx, visitor: &Actor) {
        let detail = [("by", "code"), ("reason", "CODE")];
        self.record_refusal(tx, visitor, "sign_in.failed", "failure", &detail);
    }
}
