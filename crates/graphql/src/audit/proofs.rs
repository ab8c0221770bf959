//! Receipts and proofs that anybody can check with the ledger's public key alone.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use liaison_service::ledger as use_cases;

use crate::fail::OrRefuse as _;
use crate::ids::{parse, shown};
use crate::session::asking;

/// A receipt: whoever holds it can prove the entry.
#[derive(SimpleObject)]
pub(crate) struct Receipt {
    /// The entry (`entry_...`).
    entry_id: ID,
    /// Its place in the ledger, from 0.
    index: u64,
    /// The size of the checkpoint it is proven against.
    tree_size: u64,
    /// The receipt as JSON (`liaison-receipt@v1`), for `liaison ledger verify`.
    json: String,
    /// The proof alone, in the text form of C2SP `tlog-proof`.
    tlog_proof: String,
}

impl From<use_cases::EntryReceipt> for Receipt {
    fn from(receipt: use_cases::EntryReceipt) -> Self {
        Self {
            entry_id: shown(receipt.entry_id),
            index: receipt.index,
            tree_size: receipt.tree_size,
            json: receipt.json,
            tlog_proof: receipt.tlog_proof,
        }
    }
}

/// The proof that a later checkpoint continues an earlier one.
#[derive(SimpleObject)]
pub(crate) struct ConsistencyProof {
    /// The proof as JSON (`liaison-consistency@v1`), for `liaison ledger verify`.
    json: String,
    /// The later checkpoint's signed note (C2SP `tlog-checkpoint`).
    checkpoint: String,
}

/// Proofs.
#[derive(Default)]
pub(crate) struct ProofQuery;

#[Object]
impl ProofQuery {
    /// The receipt of a ledger entry: for auditors and admins, and for the person who acted. `NOT_SEQUENCED_YET` while
    /// the entry waits for its index, usually less than a second.
    async fn entry_receipt(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The entry (`entry_...`).")] entry_id: ID,
    ) -> Result<Receipt> {
        let asking = asking(ctx)?;
        let id = parse("entryId", &entry_id).or_refuse(ctx)?;
        Ok(asking
            .service
            .entry_receipt(&asking.actor, id)
            .await
            .or_refuse(ctx)?
            .into())
    }

    /// The receipt of a loop's acknowledgment, for the clinic and the recipient's organization. `NOT_SEQUENCED_YET` as
    /// for `entryReceipt`.
    async fn acknowledgment_receipt(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The loop (`recipient_...`).")] recipient_id: ID,
    ) -> Result<Receipt> {
        let asking = asking(ctx)?;
        let id = parse("recipientId", &recipient_id).or_refuse(ctx)?;
        Ok(asking
            .service
            .acknowledgment_receipt(&asking.actor, id)
            .await
            .or_refuse(ctx)?
            .into())
    }

    /// The proof that the checkpoint of `new` entries continues the one of `old`. It shows hashes alone.
    async fn consistency_proof(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The size of the earlier checkpoint.")] old: u64,
        #[graphql(desc = "The size of the later one; the newest when nothing is said.")] new: Option<u64>,
    ) -> Result<ConsistencyProof> {
        let proof = asking(ctx)?.service.consistency_proof(old, new).await.or_refuse(ctx)?;
        Ok(ConsistencyProof {
            json: proof.json,
            checkpoint: proof.checkpoint,
        })
    }
}
