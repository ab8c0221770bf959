//! Step-up: a person who is signed in proves anew who they are, before what weighs most.

use liaison_domain::Actor;
use liaison_store::{directory::person, sign_in::session};

use super::{PasskeyFinished, Secret};
use crate::{Result, Service, ServiceError};

/// What proves a person anew.
#[derive(Debug, Clone)]
pub enum Proof {
    /// Their password.
    Password(Secret),
    /// One of their passkeys, after [`Service::begin_passkey_reauthentication`].
    Passkey(PasskeyFinished),
}

impl Service {
    /// Proves the actor anew; the session is fresh for the next five minutes.
    ///
    /// # Errors
    /// `Invalid` (`WRONG_PASSWORD`, which counts as a failure of the account, or `PASSKEY_REFUSED`); `Throttled`;
    /// `Forbidden` for an API token and for a session without its second factor.
    pub async fn reauthenticate(&self, actor: &Actor, proof: Proof) -> Result<()> {
        let by = match &proof {
            Proof::Password(given) => {
                let mut tx = self.begin().await?;
                let own = self.own_full_session(&mut tx, actor).await?;
                let person = person::find(&mut tx, own.user_id)
                    .await?
                    .ok_or(ServiceError::Unauthenticated)?;
                drop(tx);
                self.prove_password(actor, &person, given, "password").await?;
                "password"
            }
            Proof::Passkey(answer) => {
                self.prove_passkey(actor, answer).await?;
                "passkey"
            }
        };
        let mut tx = self.begin().await?;
        let own = self.own_full_session(&mut tx, actor).await?;
        session::authenticated(&mut tx, own.id, self.now()).await?;
        let mut entry = self.own_entry(actor, "sign_in.step_up", own.id);
        entry.detail.insert("by", by.to_owned());
        tx.record(entry);
        tx.commit().await?;
        Ok(())
    }
}
