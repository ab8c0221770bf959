//! Keys: the master key (never in the database), a key for each patient wrapped by it, and three service-wide keys: for
//! blind indexes, for system secrets, and for secrets that are derived when they are needed (links in mails).
//!
//! Sealing is AES-256-GCM with the row's identity as associated data, so that ciphertext moved to another row or column
//! does not open. Losing the master key loses every sealed value: keep a copy apart from the database's backups.

mod file;
mod index;
pub(crate) mod ring;
mod seal;

pub use file::{MasterKey, MasterKeys, MasterSource};
pub use index::BlindIndex;
pub use ring::{Keyring, PatientKey, rotate_master};
pub use seal::{Place, open_with, seal_with};
