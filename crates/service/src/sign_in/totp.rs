//! One-time codes of an authenticator app (RFC 6238): SHA-1, 6 digits, 30 s, one step either way. These are what every
//! app understands. A code works once (RFC 6238 section 5.2): the step of the last one is kept.

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{Actor, Random, SessionEnd, SignInChange, UserId};
use liaison_store::{
    Place as Sealed,
    directory::person,
    sign_in::{credential, passkey, session},
};
use totp_rs::{Algorithm, Builder, Totp};

use super::{RecoveryCodes, Secret, change::Whence, second_factor::wrong_code};
use crate::{Result, Service, ServiceError};

/// How long the first code of a new secret is waited for.
const PENDING: TimeDelta = TimeDelta::minutes(30);
/// Who issues the codes, as apps show it.
const ISSUER: &str = "Liaison";

/// A new secret, shown this one time. It is not in force before its first code was entered.
#[derive(Clone)]
pub struct TotpBegun {
    /// The secret in base32, for typing it into the app.
    pub secret_base32: String,
    /// The same as an `otpauth:` URI, for a QR code.
    pub uri: String,
    /// Until when its first code is waited for.
    pub expires_at: DateTime<Utc>,
}

impl std::fmt::Debug for TotpBegun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpBegun(…)")
    }
}

/// Base32 without padding (RFC 4648 section 6), which apps want.
pub(super) fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let word = chunk.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte)) << (8 * (5 - chunk.len()));
        for place in 0..(chunk.len() * 8).div_ceil(5) {
            let five = (word >> (35 - 5 * place)) & 31;
            text.push(char::from(ALPHABET[five as usize]));
        }
    }
    text
}

/// The six digits of a code as people type it; `None` for anything else.
pub(super) fn digits(given: &str) -> Option<String> {
    if given.len() > 40 {
        return None;
    }
    let kept: String = given.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    (kept.len() == 6 && kept.bytes().all(|b| b.is_ascii_digit())).then_some(kept)
}

/// Percent-encodes a label or a value of an `otpauth:` URI.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

fn totp(secret: &[u8]) -> Option<Totp> {
    let secret: [u8; 20] = secret.try_into().ok()?;
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(30)
        .with_skew(1)
        .with_secret(secret)
        .build()
        .ok()
}

/// Where a person's secret stands, before it is in force as after.
fn place(user_id: UserId) -> Sealed {
    Sealed::new("credential", "totp_sealed", user_id.uuid())
}

impl Service {
    /// The time step for which the digits are right, if any.
    pub(super) fn totp_step(&self, user_id: UserId, sealed: &[u8], digits: &str) -> Result<Option<i64>> {
        let secret = self.store().keyring()?.open_secret(place(user_id), sealed)?;
        let seconds = u64::try_from(self.now().timestamp()).unwrap_or(0);
        Ok(totp(&secret)
            .and_then(|totp| totp.check(digits, seconds))
            .and_then(|step| i64::try_from(step).ok()))
    }

    /// Makes a new secret for one-time codes; the one in force stays until [`Service::confirm_totp`].
    ///
    /// # Errors
    /// `STEP_UP_NEEDED` where the person has a second factor and the last proof of identity is older than five minutes.
    pub async fn begin_totp(&self, actor: &Actor) -> Result<TotpBegun> {
        let now = self.now();
        let mut tx = self.begin().await?;
        let own = self.own_enrolling_session(&mut tx, actor).await?;
        let person = person::find(&mut tx, own.user_id)
            .await?
            .ok_or(ServiceError::Unauthenticated)?;
        let random = self.store().random();
        let random: &dyn Random = &*random;
        let secret = random.bytes::<20>();
        let sealed = self
            .store()
            .keyring()?
            .seal_secret(place(own.user_id), &secret, random)?;
        credential::lock(&mut tx, own.user_id, now).await?;
        let expires_at = now + PENDING;
        credential::set_pending(&mut tx, own.user_id, sealed, expires_at, now).await?;
        tx.commit().await?;
        let secret_base32 = base32(&secret);
        let uri = format!(
            "otpauth://totp/{ISSUER}:{}?secret={secret_base32}&issuer={ISSUER}&algorithm=SHA1&digits=6&period=30",
            encoded(&person.email)
        );
        Ok(TotpBegun {
            secret_base32,
            uri,
            expires_at,
        })
    }

    /// Puts the new secret in force by its first code, and gives ten new recovery codes. A session that waited for a
    /// second factor is complete now; the person's other sessions end when this is their first.
    ///
    /// # Errors
    /// `Invalid` (`WRONG_CODE`); `Conflict` (`NOT_BEGUN`) when there is no new secret, or it is older than half an hour.
    pub async fn confirm_totp(&self, actor: &Actor, code: &Secret) -> Result<RecoveryCodes> {
        let now = self.now();
        let mut tx = self.begin().await?;
        let own = self.own_enrolling_session(&mut tx, actor).await?;
        let stored = credential::lock(&mut tx, own.user_id, now).await?;
        let pending = stored
            .totp_pending_sealed
            .filter(|_| stored.totp_pending_until.is_some_and(|until| until > now))
            .ok_or_else(|| ServiceError::conflict("NOT_BEGUN", "this took too long; begin again with a new secret"))?;
        let digits = digits(code.expose()).ok_or_else(wrong_code)?;
        let step = self.totp_step(own.user_id, &pending, &digits)?.ok_or_else(wrong_code)?;
        let first = stored.totp_sealed.is_none() && passkey::count(&mut tx, own.user_id).await? == 0;
        credential::set_totp(&mut tx, own.user_id, pending, step, now).await?;
        let codes = self.put_recovery_codes(&mut tx, own.user_id).await?;
        session::make_full(&mut tx, own.id, now).await?;
        if first {
            session::end_others(&mut tx, own.user_id, Some(own.id), now, SessionEnd::SecondFactorAdded).await?;
        }
        let mut entry = self.own_entry(actor, "second_factor.added", own.user_id);
        entry.detail.insert("kind", "TOTP".to_owned());
        tx.record(entry);
        let from = Whence::of_session(actor, &own);
        self.tell_change(
            &mut tx,
            own.user_id,
            Some(own.organization_id),
            SignInChange::CodesAdded,
            &from,
        )
        .await?;
        tx.commit().await?;
        Ok(codes)
    }

    /// Takes the one-time codes away, where a passkey is left to sign in with.
    ///
    /// # Errors
    /// `STEP_UP_NEEDED`; `Conflict` (`LAST_FACTOR`) when nothing else is left.
    pub async fn remove_totp(&self, actor: &Actor) -> Result<()> {
        let mut tx = self.begin().await?;
        let own = self.own_fresh_session(&mut tx, actor).await?;
        credential::lock(&mut tx, own.user_id, self.now()).await?;
        if passkey::count(&mut tx, own.user_id).await? == 0 {
            return Err(super::own::last_factor());
        }
        if !credential::remove_totp(&mut tx, own.user_id, self.now()).await? {
            tx.settle_earlier().await?;
            return Ok(());
        }
        let mut entry = self.own_entry(actor, "second_factor.removed", own.user_id);
        entry.detail.insert("kind", "TOTP".to_owned());
        tx.record(entry);
        let from = Whence::of_session(actor, &own);
        self.tell_change(
            &mut tx,
            own.user_id,
            Some(own.organization_id),
            SignInChange::CodesRemoved,
            &from,
        )
        .await?;
        tx.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B, whose secret is "12345678901234567890"; the last six of eight digits.
        let totp = totp(b"12345678901234567890").expect("a generator");
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(totp.check(code, time), Some(time / 30), "{time}");
        }
        assert_eq!(totp.check("287082", 59 + 30), Some(1), "one step late");
        assert_eq!(totp.check("287082", 59 + 90), None);
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (plain, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(plain.as_bytes()), text);
        }
    }

    #[test]
    fn digits_are_read_as_people_type_them() {
        assert_eq!(digits(" 123 456 ").as_deref(), Some("123456"));
        for bad in ["", "12345", "1234567", "12345a", "１２３４５６", &" ".repeat(60)] {
            assert_eq!(digits(bad), None, "{bad}");
        }
    }
}
