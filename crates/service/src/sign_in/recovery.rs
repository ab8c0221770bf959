//! Recovery codes: ten, each good once, for when the authenticator is lost.
//!
//! NIST SP 800-63B-4 section 3.1.2 (look-up secrets): 80 random bits each, throttled with everything else of the account,
//! and kept as HMAC-SHA-256 under a key that is not in the database: a copy of it gives nothing to guess against.

use liaison_domain::{Actor, Random, SignInChange, UserId};
use liaison_store::{Tx, sign_in::credential};

use super::{change::Whence, totp::base32};
use crate::{Result, Service};

/// How many codes a person has.
pub const RECOVERY_CODES: usize = 10;
/// How many characters a code has, dashes apart.
const LENGTH: usize = 16;

/// Ten new codes, shown this one time.
#[derive(Clone)]
pub struct RecoveryCodes {
    /// Each as `ABCD-EFGH-IJKL-MNOP`, of the letters A to Z and the digits 2 to 7.
    pub codes: Vec<String>,
}

impl std::fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryCodes(…)")
    }
}

/// A code as it is hashed: capitals without spaces and dashes; `None` for what cannot be one.
pub(super) fn normal(given: &str) -> Option<String> {
    if given.len() > 100 {
        return None;
    }
    let kept: String = given
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let fits = kept.len() == LENGTH
        && kept
            .bytes()
            .all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b));
    fits.then_some(kept)
}

impl Service {
    /// What is kept of a person's code.
    pub(super) fn recovery_hash(&self, user_id: UserId, code: &str) -> Result<Vec<u8>> {
        let mut bytes = user_id.uuid().as_bytes().to_vec();
        bytes.extend_from_slice(code.as_bytes());
        Ok(self.store().keyring()?.derive("recovery_code", &bytes)?.to_vec())
    }

    /// Replaces a person's codes by ten new ones in the caller's transaction.
    pub(super) async fn put_recovery_codes(&self, tx: &mut Tx, user_id: UserId) -> Result<RecoveryCodes> {
        let random = self.store().random();
        let random: &dyn Random = &*random;
        let mut codes = Vec::with_capacity(RECOVERY_CODES);
        let mut hashes = Vec::with_capacity(RECOVERY_CODES);
        for _ in 0..RECOVERY_CODES {
            let code = base32(&random.bytes::<10>());
            hashes.push(self.recovery_hash(user_id, &code)?);
            let groups: Vec<&str> = (0..LENGTH).step_by(4).filter_map(|at| code.get(at..at + 4)).collect();
            codes.push(groups.join("-"));
        }
        credential::replace_codes(tx, user_id, hashes, self.now()).await?;
        Ok(RecoveryCodes { codes })
    }

    /// Ten new recovery codes; the old ones are good for nothing any more.
    ///
    /// # Errors
    /// `STEP_UP_NEEDED` when the last proof of identity is older than five minutes.
    pub async fn new_recovery_codes(&self, actor: &Actor) -> Result<RecoveryCodes> {
        let mut tx = self.begin().await?;
        let session = self.own_fresh_session(&mut tx, actor).await?;
        let codes = self.put_recovery_codes(&mut tx, session.user_id).await?;
        tx.record(self.own_entry(actor, "recovery_codes.replaced", session.user_id));
        let from = Whence::of_session(actor, &session);
        self.tell_change(
            &mut tx,
            session.user_id,
            Some(session.organization_id),
            SignInChange::RecoveryCodesReplaced,
            &from,
        )
        .await?;
        tx.commit().await?;
        Ok(codes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_people_write_them() {
        let code = Some("ABCDEFGHIJKLMN27".to_owned());
        for given in ["ABCD-EFGH-IJKL-MN27", "abcdefghijklmn27", " abcd efgh ijkl mn27 "] {
            assert_eq!(normal(given), code, "{given}");
        }
        for bad in [
            "",
            "123456",
            "ABCD-EFGH-IJKL-MN2",
            "ABCD-EFGH-IJKL-MN19",
            &"A-".repeat(16).repeat(9),
        ] {
            assert_eq!(normal(bad), None, "{bad}");
        }
    }
}
