//! Secure links, for recipients without an account. A mail to a recipient carries `{base}/l/{token}`; behind it stands no
//! content but a door: a one-time code goes to the directory's own address of that recipient, the person names themself,
//! and a session opens that reaches this one loop and nothing else.
//!
//! - The token is derived from the loop's id and its link version under a service key when the mail leaves. The database
//!   holds its SHA-256 alone; the planned message holds neither.
//! - Looking at a link ([`Service::link_notice`]) changes and writes nothing, so that mail scanners, which open every
//!   link, prove nothing and acknowledge nothing.
//! - A link ends with its loop's copy: recalled, superseded, declined, redirected or sealed from a wrong recipient; when
//!   the clinic revokes it; and by time ([`expires_at`]). Unknown, ended and expired links answer alike.
//! - An e-mailed code is no second factor (NIST SP 800-63B does not count e-mail): it proves that somebody reads the
//!   address that the clinic keeps for the recipient. What a guest does is therefore always shown with the words "named
//!   themself", and never attributed to an existing account unless the code went to that person's own address.

mod account;
mod code;
mod doors;
mod enter;
mod guests;
mod notice;
mod revoke;
mod session;

pub use code::{CODE_LIFE, CODES_AN_HOUR, CODES_AN_HOUR_TO_ADDRESS, CodeSent, SendLinkCode};
pub use doors::LinkAddress;
pub use enter::{CODE_TRIES, EnterLinkCode, LinkOpened};
pub use guests::GuestName;
pub use notice::LinkNotice;
pub use session::{ABSOLUTE_LIFE, IDLE_LIFE, LinkSession};

pub(crate) use code::{EXPIRES_FACT, code_of};
pub(crate) use guests::GuestNames;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{Actor, LinkCodeId, Random, RecipientId, Urgency, people::ActorKind};
use liaison_store::recipients::{self, RecipientRow};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{Result, Service, ServiceError};

/// The version of a loop's first link.
pub(crate) const FIRST_VERSION: u32 = 1;
/// How long a link outlives the last step of its loop's escalation.
const GRACE: TimeDelta = TimeDelta::days(2);
/// How long a link lives at least, from the moment of sharing.
const LIFE_ROUTINE: TimeDelta = TimeDelta::days(30);
const LIFE_URGENT: TimeDelta = TimeDelta::days(14);
const LIFE_EMERGENT: TimeDelta = TimeDelta::days(7);
/// The length of a token and of every other secret here: base64url of 32 bytes.
const SECRET_LENGTH: usize = 43;

/// Until when a loop's link opens anything: 30 days after sharing for ROUTINE, 14 for URGENT, 7 for EMERGENT, and in any
/// case two days longer than the last step of the loop's own escalation policy, so that no reminder carries a dead link.
pub fn expires_at(row: &RecipientRow) -> DateTime<Utc> {
    let life = match row.urgency {
        Urgency::Routine => LIFE_ROUTINE,
        Urgency::Urgent => LIFE_URGENT,
        Urgency::Emergent => LIFE_EMERGENT,
    };
    let steps = row.policy.0.schedule(row.urgency, row.shared_at, &row.calendar.0);
    let last = steps.last().map_or(row.shared_at, |step| step.due);
    let planned = row.next_step_at.into_iter().chain(row.due_at).max();
    let last = planned.map_or(last, |planned| last.max(planned));
    (row.shared_at + life).max(last + GRACE)
}

/// Whether a loop's link opens anything at a moment.
pub(crate) fn holds(row: &RecipientRow, now: DateTime<Utc>) -> bool {
    !row.sealed_from_recipient && row.state().may_open().is_ok() && now < expires_at(row)
}

/// A loop's link: the token for the mail, and its hash for the database.
pub(crate) struct SecureLink {
    pub(crate) token: Zeroizing<String>,
    pub(crate) hash: [u8; 32],
}

/// The hash under which a secret is looked up. Tokens and secrets have 256 random bits, so a plain hash is not guessed.
fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Whether a text has the form of a token or secret of ours.
fn is_secret(text: &str) -> bool {
    text.len() == SECRET_LENGTH
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl Service {
    /// The link of a loop in one of its versions.
    pub(crate) fn secure_link(&self, recipient: RecipientId, version: u32) -> Result<SecureLink> {
        let of = [recipient.uuid().as_bytes().as_slice(), &version.to_be_bytes()].concat();
        let token = Zeroizing::new(URL_SAFE_NO_PAD.encode(*self.store().keyring()?.derive("link-token", &of)?));
        let hash = hash_of(&token);
        Ok(SecureLink { token, hash })
    }

    /// The address of a loop's link, for the mail that is leaving.
    pub(crate) fn secure_url(&self, recipient: RecipientId, version: u32) -> Result<Zeroizing<String>> {
        let link = self.secure_link(recipient, version)?;
        Ok(Zeroizing::new(self.link(&format!("l/{}", *link.token))))
    }

    /// The six digits of a code: derived, so that they stand nowhere at rest.
    pub(crate) fn link_code(&self, code: LinkCodeId) -> Result<Zeroizing<String>> {
        let derived = self.store().keyring()?.derive("link-code", code.uuid().as_bytes())?;
        let number = derived
            .iter()
            .take(8)
            .fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        Ok(Zeroizing::new(format!("{:06}", number % 1_000_000)))
    }

    /// A new secret of 256 bits, with its hash.
    fn new_secret_text(&self) -> (Zeroizing<String>, [u8; 32]) {
        let random = self.store().random();
        let random: &dyn Random = &*random;
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(random.bytes::<32>()));
        let hash = hash_of(&secret);
        (secret, hash)
    }

    /// The loop of a link that still opens something.
    async fn loop_of_link(&self, token: &str) -> Result<RecipientRow> {
        let found = match is_secret(token) {
            true => recipients::by_link(&mut self.read().await?, hash_of(token)).await?,
            false => None,
        };
        found
            .filter(|row| holds(row, self.now()))
            .ok_or(ServiceError::NotFound("link"))
    }
}

/// Somebody at the door of whom nothing is known yet, for the ledger.
fn visitor(peer: Option<&str>, request_id: Option<&str>) -> Actor {
    Actor {
        kind: ActorKind::Guest,
        peer: crate::directory::mark(peer),
        request_id: crate::directory::mark(request_id),
        ..Actor::system()
    }
}
