//! Proofs that a person can keep: a receipt for an entry, the signed tree head, and that one head continues another.

use liaison_domain::{
    Actor, EntryId, RecipientId,
    access::{Action, Relation, decide},
    people::ActorKind,
};
use liaison_ledger::{ConsistencyProof, Receipt, TlogProof, tree};
use liaison_store::ledger::{self as rows, EntryRow};

use super::{broken, leaf_of};
use crate::{Result, Service, ServiceError};

/// A receipt: whoever holds it can prove the entry with the log's public key alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryReceipt {
    /// The entry.
    pub entry_id: EntryId,
    /// Its place in the ledger, from 0.
    pub index: u64,
    /// The size of the checkpoint it is proven against: the first that covers it, so that every request gets the same.
    pub tree_size: u64,
    /// The receipt as JSON (`liaison-receipt@v1`), for `liaison ledger verify`.
    pub json: String,
    /// The proof alone in the text form of C2SP `tlog-proof`.
    pub tlog_proof: String,
}

/// That a later checkpoint continues an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyAnswer {
    /// The proof as JSON (`liaison-consistency@v1`).
    pub json: String,
    /// The later checkpoint's signed note.
    pub checkpoint: String,
}

impl Service {
    /// The receipt of an entry. For auditors and admins of the organization whose records it falls in or for which its
    /// actor acted, and for the person who acted.
    ///
    /// `NOT_SEQUENCED_YET` while the entry waits for its index, which usually takes less than a second.
    pub async fn entry_receipt(&self, actor: &Actor, entry: EntryId) -> Result<EntryReceipt> {
        let found = {
            let mut conn = self.read().await?;
            rows::entry(&mut conn, entry).await?
        };
        let found = found.ok_or(ServiceError::NotFound("entry"))?;
        let relation = relation(actor, &found);
        let own_act = actor.user_id.is_some() && actor.user_id == found.user_id && relation == Relation::Own;
        if !own_act && let Err(error) = self.authorize(actor, Action::ReadAudit, relation).await {
            return Err(not_yours(error, "entry"));
        }
        self.receipt(&found).await
    }

    /// The receipt of a loop's acknowledgment, for anybody who works with loops or audits at the clinic or at the
    /// recipient's organization. `NOT_SEQUENCED_YET` as for [`Service::entry_receipt`].
    pub async fn acknowledgment_receipt(&self, actor: &Actor, recipient: RecipientId) -> Result<EntryReceipt> {
        let found = {
            let mut conn = self.read().await?;
            rows::acknowledgment(&mut conn, recipient).await?
        };
        let found = found.ok_or(ServiceError::NotFound("acknowledgment"))?;
        let relation = match actor.guest {
            Some(guest) if guest.recipient_id == recipient => Relation::Recipient,
            Some(_) => Relation::None,
            None => relation(actor, &found),
        };
        let follows = [Action::FollowLoops, Action::Reply, Action::ReadAudit]
            .into_iter()
            // Reading a receipt writes nothing, so a read-only token may have it.
            .any(|action| {
                decide(
                    &Actor {
                        read_only: false,
                        ..actor.clone()
                    },
                    action,
                    relation,
                )
                .is_ok()
            });
        if !follows && let Err(error) = self.authorize(actor, Action::ReadAudit, relation).await {
            return Err(not_yours(error, "acknowledgment"));
        }
        self.receipt(&found).await
    }

    /// The newest checkpoint's signed note; `None` before the first. Public: it shows a size and a hash.
    pub async fn latest_checkpoint(&self) -> Result<Option<String>> {
        let mut conn = self.read().await?;
        Ok(rows::latest_checkpoint(&mut conn).await?.map(|row| row.note))
    }

    /// The ledger's public key in the form `<name>+<id>+<key>` (C2SP `signed-note`). Public.
    pub fn ledger_key(&self) -> &str {
        self.signer().verifier().as_str()
    }

    /// The proof that the checkpoint of `new` entries (the newest, where none is named) continues the one of `old`.
    /// Public: it shows hashes.
    pub async fn consistency_proof(&self, old: u64, new: Option<u64>) -> Result<ConsistencyAnswer> {
        let mut conn = self.read().await?;
        let row = match new {
            Some(size) => rows::checkpoint_of(&mut conn, size).await?,
            None => rows::latest_checkpoint(&mut conn).await?,
        };
        let new = self.open_checkpoint(&row.ok_or(ServiceError::NotFound("checkpoint"))?)?;
        if old > new.size() {
            let message = format!("at most the size of the later checkpoint, {}", new.size());
            return Err(ServiceError::invalid("old", "OUT_OF_RANGE", message));
        }
        let needs = tree::consistency_needs(old, new.size()).map_err(broken)?;
        let hashes = rows::hashes(&mut conn, &needs).await?;
        let hashes = tree::prove_consistency(old, new.size(), &hashes).map_err(broken)?;
        let proof = ConsistencyProof {
            old_size: old,
            new_size: new.size(),
            hashes,
        };
        Ok(ConsistencyAnswer {
            json: proof.to_json(),
            checkpoint: new.as_str().to_owned(),
        })
    }

    /// The receipt of an entry to which the access was decided.
    pub(crate) async fn receipt(&self, entry: &EntryRow) -> Result<EntryReceipt> {
        let waits = || {
            ServiceError::conflict(
                "NOT_SEQUENCED_YET",
                "the ledger signs this within moments; ask again in a second",
            )
        };
        let mut conn = self.read().await?;
        let index = entry.leaf_index.ok_or_else(waits)?.unsigned_abs();
        let row = rows::checkpoint_covering(&mut conn, index + 1)
            .await?
            .ok_or_else(waits)?;
        let checkpoint = self.open_checkpoint(&row)?;
        let leaf = leaf_of(entry.id, &entry.leaf)?;
        let path = self.audit_path(&mut conn, index, checkpoint.size()).await?;
        tree::verify_inclusion(leaf.hash(), index, checkpoint.head(), &path).map_err(broken)?;
        let proof = TlogProof::new(index, path, &checkpoint);
        let tlog_proof = proof.to_string();
        let json = Receipt { leaf, proof }.to_json();
        Ok(EntryReceipt {
            entry_id: entry.id,
            index,
            tree_size: checkpoint.size(),
            json,
            tlog_proof,
        })
    }
}

fn relation(actor: &Actor, entry: &EntryRow) -> Relation {
    let own = [entry.organization_id, entry.actor_organization_id]
        .into_iter()
        .flatten()
        .any(|id| actor.acts_for(id));
    if own || actor.kind == ActorKind::System {
        Relation::Own
    } else {
        Relation::None
    }
}

fn not_yours(error: ServiceError, what: &'static str) -> ServiceError {
    match error {
        ServiceError::NotFound(_) => ServiceError::NotFound(what),
        other => other,
    }
}
