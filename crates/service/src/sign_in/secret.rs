//! Secrets of 256 random bits, and what is kept of them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use liaison_domain::Random;
use sha2::{Digest, Sha256};

/// The longest secret that is looked at: 32 bytes in base64url are 43 characters.
const MAX: usize = 64;
/// The longest mark that the ledger and the session take.
const MAX_MARK: usize = 200;

/// A new secret: 32 random bytes in base64url.
pub(super) fn fresh(random: &dyn Random) -> String {
    text(random.bytes::<32>())
}

/// Bytes as they stand in a cookie or a link.
pub(super) fn text(bytes: [u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What the database keeps of a secret; `None` for what cannot be one.
pub(super) fn hash(secret: &str) -> Option<[u8; 32]> {
    (secret.len() <= MAX).then(|| Sha256::digest(secret.as_bytes()).into())
}

/// What is kept of a peer or a request id: visible ASCII, cut to 200 characters.
pub(super) fn mark(value: Option<&str>) -> Option<String> {
    let kept: String = value?.chars().filter(char::is_ascii_graphic).take(MAX_MARK).collect();
    (!kept.is_empty()).then_some(kept)
}

/// What is kept of a browser's name: without controls, cut to 200 characters.
pub(super) fn agent(value: Option<&str>) -> Option<String> {
    let kept: String = value?.chars().filter(|c| !c.is_control()).take(MAX_MARK).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}
