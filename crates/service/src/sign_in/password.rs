//! Passwords: what is allowed, and their hashes.
//!
//! NIST SP 800-63B-4 section 3.1.1: length and a list of known ones, no rules of composition, no forced change. A
//! password is never the only factor, for which 8 characters would do; 12 are asked for.

use std::{collections::HashSet, sync::LazyLock, time::Duration};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use liaison_domain::Random;

use crate::{FieldProblem, Result, Service, ServiceError, channel::Secret};

/// The fewest characters.
pub const MIN_PASSWORD: usize = 12;
/// The most characters. Nothing is cut off: a longer one is refused.
pub const MAX_PASSWORD: usize = 128;

/// argon2id (RFC 9106) with 46 MiB, 2 passes, 1 lane: OWASP's first setting (46 MiB, 1 pass) with a further pass.
pub(super) const MEMORY_KIB: u32 = 47_104;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// How a hash of today begins.
const TODAY: &str = "$argon2id$v=19$m=47104,t=2,p=1$";
/// How long a request waits for its turn to hash.
const PATIENCE: Duration = Duration::from_secs(20);

/// Passwords that many people use, lower case: the list of zxcvbn, whose licence (MIT) stands at its head.
static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("common_passwords.txt")
        .lines()
        .filter(|line| !line.starts_with("#!"))
        .collect()
});

/// Whether a password, or what is left of it without digits and signs at its ends, is one that many people use; or one
/// such, or a few characters, again and again; or the digits or letters in their order.
fn is_common(lower: &str) -> bool {
    let core = lower.trim_matches(|c: char| !c.is_alphabetic());
    let repeated = |text: &str| {
        let characters: Vec<char> = text.chars().collect();
        (1..=characters.len() / 2).any(|length| {
            characters.len().is_multiple_of(length)
                && characters.chunks(length).all(|chunk| chunk == &characters[..length])
                && (length <= 3 || COMMON.contains(characters[..length].iter().collect::<String>().as_str()))
        })
    };
    let row = |step: i32| {
        let bytes = lower.as_bytes();
        bytes.windows(2).all(|pair| match pair {
            // Keyboards end a row of digits with the zero.
            [b'9', b'0'] => step == 1,
            [b'0', b'9'] => step == -1,
            _ => i32::from(pair[1]) - i32::from(pair[0]) == step,
        })
    };
    COMMON.contains(lower) || row(1) || row(-1) || (!core.is_empty() && COMMON.contains(core)) || repeated(lower)
}

/// Whether a password is one's own name or address, with little around it.
fn is_own(lower: &str, email: &str, name: &str) -> bool {
    let plain = |text: &str| -> String {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect()
    };
    let letters = plain(lower);
    let (local, host) = email.split_once('@').unwrap_or((email, ""));
    let own = [email, local, host, name].map(plain);
    own.iter().any(|own| {
        own.chars().count() >= 5 && letters.contains(own.as_str()) && letters.chars().count() < own.chars().count() + 8
    })
}

/// What is wrong with a new password of a person, if anything.
pub(super) fn problem(path: &str, password: &str, email: &str, name: &str) -> Option<FieldProblem> {
    let length = password.chars().count();
    let lower = password.to_lowercase();
    if length < MIN_PASSWORD {
        let message = format!("at least {MIN_PASSWORD} characters; a few words in a row are easy to keep in mind");
        Some(FieldProblem::new(path, "TOO_SHORT", message))
    } else if length > MAX_PASSWORD {
        Some(FieldProblem::new(
            path,
            "TOO_LONG",
            format!("at most {MAX_PASSWORD} characters"),
        ))
    } else if is_common(&lower) {
        let message = "many people use this one, so it is tried first; choose another";
        Some(FieldProblem::new(path, "COMMON_PASSWORD", message))
    } else if is_own(&lower, email, name) {
        let message = "this is close to your name or address; choose another";
        Some(FieldProblem::new(path, "OWN_NAME", message))
    } else {
        None
    }
}

fn hasher() -> Option<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn unfit() -> ServiceError {
    ServiceError::Internal(liaison_store::StoreError::Encode("a password's hash".to_owned()))
}

/// Whether a hash is of older settings.
pub(super) fn is_dated(hash: &str) -> bool {
    !hash.starts_with(TODAY)
}

impl Service {
    /// The hash of a new password, as a PHC string.
    pub(super) async fn hash_password(&self, password: &Secret) -> Result<String> {
        let random = self.store().random();
        let random: &dyn Random = &*random;
        let salt = random.bytes::<16>();
        let password = password.clone();
        self.hashing(move || {
            let hash = hasher()?
                .hash_password_with_salt(password.expose().as_bytes(), &salt)
                .ok()?;
            Some(hash.to_string())
        })
        .await?
        .ok_or_else(unfit)
    }

    /// Whether a password is the one of a hash. Without a hash it takes as long, and is not.
    pub(super) async fn check_password(&self, password: &Secret, hash: Option<String>) -> Result<bool> {
        // No account has a longer one, and nobody makes us hash a book.
        let fits = password.expose().chars().take(MAX_PASSWORD + 1).count() <= MAX_PASSWORD;
        let password = if fits { password.clone() } else { Secret::new("") };
        let checked = self
            .hashing(move || {
                let argon = hasher()?;
                let same = match &hash {
                    Some(hash) => argon
                        .verify_password(password.expose().as_bytes(), hash.as_str())
                        .is_ok(),
                    None => {
                        let mut out = [0; 32];
                        let done = argon.hash_password_into(password.expose().as_bytes(), &[0; 16], &mut out);
                        done.is_ok() && std::hint::black_box(out).is_empty()
                    }
                };
                Some(same)
            })
            .await?
            .ok_or_else(unfit)?;
        Ok(checked && fits)
    }

    /// Runs one hashing, away from the threads that answer requests, and not more than a few at a time.
    async fn hashing<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let turn = tokio::time::timeout(PATIENCE, self.doors().hashing.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(ServiceError::Unavailable);
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| unfit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(password: &str) -> Option<String> {
        problem(
            "password",
            password,
            "imogen.sampleton@clinic.example",
            "Dr. Imogen Sampleton",
        )
        .map(|found| found.code)
    }

    #[test]
    fn good_passwords_need_no_signs_and_may_be_of_any_script() {
        for good in [
            "four little boats adrift",
            "correcthorsebatterystaple",
            "пароль из четырёх слов",
            "T7#qv!9zLm2x",
            "            spaces count",
        ] {
            assert_eq!(code(good), None, "{good}");
        }
        assert_eq!(code(&"ab cd ef g".repeat(12)), None, "120 characters");
    }

    #[test]
    fn weak_passwords_are_named_for_what_they_are() {
        for (weak, expected) in [
            ("", "TOO_SHORT"),
            ("elevenchars", "TOO_SHORT"),
            ("éééééééééé1", "TOO_SHORT"),
            ("1234567890123", "COMMON_PASSWORD"),
            ("0987654321098", "COMMON_PASSWORD"),
            ("abcdefghijklmnop", "COMMON_PASSWORD"),
            ("Password1234", "COMMON_PASSWORD"),
            ("sunshine2026!", "COMMON_PASSWORD"),
            ("!!!!qwertyuiop", "COMMON_PASSWORD"),
            ("aaaaaaaaaaaaaaa", "COMMON_PASSWORD"),
            ("abcabcabcabc", "COMMON_PASSWORD"),
            ("dragondragon", "COMMON_PASSWORD"),
            ("PasswordPassword", "COMMON_PASSWORD"),
            ("imogen.sampleton", "OWN_NAME"),
            ("Imogen.Sampleton@clinic.example", "OWN_NAME"),
            ("Sampleton, Imogen? no: Dr Imogen Sampleton", "nothing"),
            ("DrImogenSampleton1", "OWN_NAME"),
        ] {
            let expected = (expected != "nothing").then_some(expected);
            assert_eq!(code(weak).as_deref(), expected, "{weak}");
        }
        assert_eq!(code(&"x y z 1 ".repeat(17)).as_deref(), Some("TOO_LONG"));
    }

    #[test]
    fn the_list_is_long_and_lower_case() {
        assert!(COMMON.len() >= 10_000);
        assert!(
            COMMON
                .iter()
                .all(|word| !word.is_empty() && *word == word.to_lowercase())
        );
    }

    #[test]
    fn settings_are_at_least_owasps() {
        let hash = hasher()
            .and_then(|argon| argon.hash_password_with_salt(b"four little boats", &[7; 16]).ok())
            .map(|hash| hash.to_string())
            .expect("a hash");
        assert!(hash.starts_with(TODAY), "{hash}");
        assert!(!is_dated(&hash));
        assert!(is_dated("$argon2id$v=19$m=19456,t=2,p=1$AAAA$BBBB"));
    }
}
