//! Blind indexes: search without showing what is searched. HMAC-SHA-256 under a key of its own, truncated.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

/// The longest prefix of a name token that is indexed, in characters.
const MAX_PREFIX: usize = 12;
/// The shortest.
const MIN_PREFIX: usize = 2;

/// Computes blind indexes.
pub struct BlindIndex {
    key: Zeroizing<[u8; 32]>,
}

impl BlindIndex {
    /// An index under a key.
    pub fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self { key }
    }

    fn tag(&self, field: &str, organization: Uuid, value: &str) -> Vec<u8> {
        // HMAC takes a key of any length, so this cannot fail for 32 bytes.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.as_slice()) else {
            return Vec::new();
        };
        mac.update(format!("{field}|{organization}|{value}").as_bytes());
        mac.finalize().into_bytes().iter().take(16).copied().collect()
    }

    /// A keyed digest of anything, for comparing without keeping it.
    pub fn digest(&self, purpose: &str, bytes: &[u8]) -> Vec<u8> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.as_slice()) else {
            return Vec::new();
        };
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(bytes);
        mac.finalize().into_bytes().to_vec()
    }

    /// The index of a medical record number: exact match, blind to case, spaces and dashes.
    pub fn mrn(&self, organization: Uuid, mrn: &str) -> Vec<u8> {
        let normal: String = mrn
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect();
        self.tag("mrn", organization, &normal)
    }

    /// The index by which look-alike patients are found: same birth date and same first three letters of any token
    /// would be too coarse, so it is the birth date with the sorted name tokens' initials.
    pub fn demographic(&self, organization: Uuid, name: &str, birth_date: &str) -> Vec<u8> {
        let mut initials: Vec<char> = tokens(name).iter().filter_map(|token| token.chars().next()).collect();
        initials.sort_unstable();
        let initials: String = initials.into_iter().collect();
        self.tag("demographic", organization, &format!("{birth_date}|{initials}"))
    }

    /// The indexes of every prefix (2 to 12 characters) of every token of a name.
    pub fn name_prefixes(&self, organization: Uuid, name: &str) -> Vec<Vec<u8>> {
        let mut prefixes: Vec<String> = tokens(name)
            .iter()
            .flat_map(|token| {
                let characters: Vec<char> = token.chars().take(MAX_PREFIX).collect();
                (MIN_PREFIX..=characters.len())
                    .map(move |length| characters.iter().take(length).collect())
                    .collect::<Vec<String>>()
            })
            .collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        prefixes
            .iter()
            .map(|prefix| self.tag("name", organization, prefix))
            .collect()
    }

    /// The indexes that a search text asks for: one for each of its tokens, all of which must be found.
    pub fn search(&self, organization: Uuid, text: &str) -> Vec<Vec<u8>> {
        tokens(text)
            .iter()
            .filter(|token| token.chars().count() >= MIN_PREFIX)
            .map(|token| {
                self.tag(
                    "name",
                    organization,
                    &token.chars().take(MAX_PREFIX).collect::<String>(),
                )
            })
            .collect()
    }
}

fn tokens(name: &str) -> Vec<String> {
    name.split(|c: char| !c.is_alphanumeric())
        .filter(|token| !token.is_empty())
        .map(|token| token.chars().flat_map(char::to_lowercase).collect())
        .collect()
}
