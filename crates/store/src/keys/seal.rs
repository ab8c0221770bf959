//! Sealing of one value: `format (1) | key version (4, big-endian) | nonce (12) | ciphertext and tag`.

use aes_gcm::{
    Aes256Gcm, Key, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use liaison_domain::Random;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::error::{Result, StoreError};

const FORMAT: u8 = 1;
const HEADER: usize = 1 + 4 + 12;

/// Where a sealed value stands; bound to the ciphertext as associated data.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's id.
    pub row: Uuid,
}

impl Place {
    /// A place.
    pub fn new(table: &'static str, column: &'static str, row: impl Into<Uuid>) -> Self {
        Self {
            table,
            column,
            row: row.into(),
        }
    }

    fn associated_data(&self, owner: Uuid, version: u32) -> Vec<u8> {
        format!("{}|{}|{}|{owner}|{version}", self.table, self.column, self.row).into_bytes()
    }

    pub(super) fn error(&self) -> StoreError {
        StoreError::Sealed {
            place: format!("{}.{}", self.table, self.column),
        }
    }
}

/// Seals `plain` under a key. `owner` is the patient (or nil for service-wide secrets).
pub fn seal_with(
    key: &[u8; 32],
    version: u32,
    owner: Uuid,
    place: Place,
    plain: &[u8],
    random: &dyn Random,
) -> Result<Vec<u8>> {
    let nonce: [u8; 12] = random.bytes();
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key));
    let aad = place.associated_data(owner, version);
    let sealed = cipher
        .encrypt(Nonce::from_slice(&nonce), Payload { msg: plain, aad: &aad })
        .map_err(|_| StoreError::Encode(format!("{}.{}: too long to seal", place.table, place.column)))?;
    let mut out = Vec::with_capacity(HEADER + sealed.len());
    out.push(FORMAT);
    out.extend_from_slice(&version.to_be_bytes());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&sealed);
    Ok(out)
}

/// The key version that sealed a value.
pub(super) fn version_of(place: Place, sealed: &[u8]) -> Result<u32> {
    match sealed {
        [FORMAT, a, b, c, d, rest @ ..] if rest.len() >= 12 + 16 => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(place.error()),
    }
}

/// Opens a sealed value.
pub fn open_with(key: &[u8; 32], owner: Uuid, place: Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let version = version_of(place, sealed)?;
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key));
    let aad = place.associated_data(owner, version);
    let nonce = Nonce::from_slice(&sealed[5..HEADER]);
    cipher
        .decrypt(
            nonce,
            Payload {
                msg: &sealed[HEADER..],
                aad: &aad,
            },
        )
        .map(Zeroizing::new)
        .map_err(|_| place.error())
}
