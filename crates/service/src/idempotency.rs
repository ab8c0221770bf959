//! Repeats of a mutation with the same key answer what the first one answered, and change nothing.
//!
//! The result (ids only) is kept in the same transaction as the change. Another request under the same key is refused.

use liaison_domain::Actor;
use liaison_store::{Tx, idempotency as rows};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Result, Service, ServiceError};

/// The longest key, in characters.
const MAX_KEY: usize = 200;

fn fingerprint<I: Serialize>(tx: &Tx, operation: &str, input: &I) -> Result<Vec<u8>> {
    // Keyed, because the input may hold PHI and a plain hash could be guessed.
    let json = serde_json::to_vec(input)
        .map_err(|error| ServiceError::Internal(liaison_store::StoreError::Encode(error.to_string())))?;
    Ok(tx.store().keyring()?.index().digest(operation, &json))
}

/// The kept answer of an earlier request with this key, if there was one.
pub(crate) async fn replay<I: Serialize, O: DeserializeOwned>(
    tx: &mut Tx,
    actor: &Actor,
    key: Option<&str>,
    operation: &'static str,
    input: &I,
) -> Result<Option<O>> {
    let (Some(key), Some(author)) = (key, actor.author()) else {
        return Ok(None);
    };
    if key.is_empty() || key.chars().count() > MAX_KEY {
        return Err(ServiceError::invalid(
            "idempotencyKey",
            "OUT_OF_RANGE",
            format!("1 to {MAX_KEY} characters"),
        ));
    }
    let Some(kept) = rows::find(tx, author, key).await? else {
        return Ok(None);
    };
    if kept.operation != operation || kept.request_sha256 != fingerprint(tx, operation, input)? {
        return Err(ServiceError::IdempotencyKeyReused);
    }
    // The act itself may stand in the commit that is just being gathered.
    tx.settle_earlier().await?;
    let answer = serde_json::from_str(&kept.response)
        .map_err(|error| ServiceError::Internal(liaison_store::StoreError::Encode(error.to_string())))?;
    Ok(Some(answer))
}

/// Keeps the answer of this request for repeats.
pub(crate) async fn keep<I: Serialize, O: Serialize>(
    service: &Service,
    tx: &mut Tx,
    actor: &Actor,
    key: Option<&str>,
    operation: &'static str,
    input: &I,
    answer: &O,
) -> Result<()> {
    let (Some(key), Some(author)) = (key, actor.author()) else {
        return Ok(());
    };
    let response = serde_json::to_string(answer)
        .map_err(|error| ServiceError::Internal(liaison_store::StoreError::Encode(error.to_string())))?;
    let request = fingerprint(tx, operation, input)?;
    rows::insert(tx, author, key, operation, request, &response, service.now());
    Ok(())
}
