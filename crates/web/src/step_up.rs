//! Step-up: before what weighs most (signing, taking back, opening a record in an emergency, changing who may sign in how)
//! a person proves anew who they are. The service says how old a proof may be; here is the one place that asks.
//!
//! Forms ask for the password in themselves, so that nothing typed is lost; whoever has a passkey proves it in a further
//! tab and sends the same form. Buttons without a form of their own lead to `/sign-in/again` and back.

use liaison_service::{
    ServiceError,
    sign_in::{Proof, Secret},
};

use crate::{Result, Web, WebError, form::Fields, session::Signed};

/// Whether a form must ask: the last proof is too old.
pub(crate) fn asks(web: &Web, signed: &Signed) -> bool {
    web.service().require_step_up(&signed.session).is_err()
}

/// Proves anew who sends a form: by the `password` in it, or by a proof that is new enough. A refusal names the field.
pub(crate) async fn prove(web: &Web, signed: &Signed, fields: &Fields) -> liaison_service::Result<()> {
    match fields.raw("password").filter(|password| !password.is_empty()) {
        Some(password) => {
            let proof = Proof::Password(Secret::new(password));
            web.service().reauthenticate(&signed.actor, proof).await
        }
        None if !asks(web, signed) => Ok(()),
        None => Err(ServiceError::invalid("password", "REQUIRED", "enter your password")),
    }
}

/// Leads to the proof of identity where the last one is too old, and back to a page of ours.
pub(crate) fn or_again(web: &Web, signed: &Signed, next: &str) -> Result<()> {
    if asks(web, signed) {
        Err(WebError::StepUp { next: next.to_owned() })
    } else {
        Ok(())
    }
}
