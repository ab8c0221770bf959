//! A small log in memory, and RFC 6962 written down a second time to compare with.

use std::collections::HashMap;

use liaison_ledger::{Actor, Checkpoint, Entry, Hash, Leaf, Signer, TlogProof, VerifierKey, leaf_hash, tree};
use sha2::{Digest, Sha256};

pub(crate) const NAME: &str = "ledger.clinic.example/liaison";

pub(crate) fn signer() -> Signer {
    Signer::from_seed(NAME, [7; 32].into()).unwrap()
}

pub(crate) fn key() -> VerifierKey {
    signer().verifier().clone()
}

/// An entry with every field in use.
pub(crate) fn full_entry() -> Entry {
    let id = |text: &str| Some(text.to_owned());
    Entry {
        id: "entry_01".into(),
        recorded_at: "2026-01-31T09:30:00.000001Z".into(),
        actor: Actor {
            kind: "user".into(),
            user_id: id("user_07"),
            role: id("PHYSICIAN"),
            organization_id: id("org_01"),
            on_behalf_of: id("user_08"),
        },
        action: "share.create".into(),
        outcome: "success".into(),
        purpose_of_use: "TREAT".into(),
        patient_id: id("patient_03"),
        note_id: id("note_11"),
        note_version: Some(2),
        share_id: id("share_05"),
        recipient_id: id("recipient_09"),
        object_type: id("endpoint"),
        object_id: id("endpoint_02"),
        organization_id: id("org_01"),
        rule: id("care-team"),
        session_id: id("session_21"),
        request_id: id("request_34"),
        peer: id("203.0.113.7:52114"),
        detail: [
            ("urgency".to_owned(), "URGENT".to_owned()),
            ("channel".into(), "e-mail".into()),
        ]
        .into(),
    }
}

/// The shortest entry allowed, numbered.
pub(crate) fn entry(number: u64) -> Entry {
    Entry {
        id: format!("entry_{number}"),
        recorded_at: format!("2026-01-31T09:30:00.{number:06}Z"),
        actor: Actor {
            kind: "system".into(),
            ..Actor::default()
        },
        action: "note.open".into(),
        outcome: "success".into(),
        purpose_of_use: "TREAT".into(),
        ..Entry::default()
    }
}

/// A log as a database would hold it.
pub(crate) struct Log {
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) table: HashMap<u64, Hash>,
    pub(crate) checkpoint: Checkpoint,
}

impl Log {
    pub(crate) fn with(size: u64) -> Self {
        let leaves: Vec<_> = (0..size).map(|n| Leaf::encode(entry(n)).unwrap()).collect();
        Self::of(leaves)
    }

    pub(crate) fn of(leaves: Vec<Leaf>) -> Self {
        let hashes: Vec<_> = leaves.iter().map(Leaf::hash).collect();
        let appended = tree::append(0, &hashes, &HashMap::new()).unwrap();
        let checkpoint = signer().sign(None, appended.head, &[]).unwrap();
        Self {
            leaves,
            table: appended.new_hashes.into_iter().collect(),
            checkpoint,
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    pub(crate) fn leaf(&self, index: u64) -> &Leaf {
        &self.leaves[usize::try_from(index).unwrap()]
    }

    pub(crate) fn proof(&self, index: u64) -> TlogProof {
        let needs = tree::inclusion_needs(index, self.size()).unwrap();
        let path = tree::prove_inclusion(index, self.size(), &only(&self.table, &needs)).unwrap();
        TlogProof::new(index, path, &self.checkpoint)
    }
}

/// What a caller who loads just these rows would hold.
pub(crate) fn only(table: &HashMap<u64, Hash>, indexes: &[u64]) -> HashMap<u64, Hash> {
    indexes.iter().map(|index| (*index, table[index])).collect()
}

/// Leaf hashes which differ from each other.
pub(crate) fn hashes(count: usize) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

fn node(left: Hash, right: Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The largest power of two smaller than `n`.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// MTH of RFC 6962 section 2.1, over leaf hashes.
pub(crate) fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(mth(left), mth(right))
        }
    }
}

/// PATH of RFC 6962 section 2.1.1.
pub(crate) fn path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if m < k {
        (path(m, left), mth(right))
    } else {
        (path(m - k, right), mth(left))
    };
    path.push(sibling);
    path
}

/// PROOF of RFC 6962 section 2.1.2, for 0 < m <= n.
pub(crate) fn consistency(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    fn subproof(m: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
        if m == leaves.len() {
            return if whole { Vec::new() } else { vec![mth(leaves)] };
        }
        let k = split(leaves.len());
        let (left, right) = leaves.split_at(k);
        let (mut proof, other) = if m <= k {
            (subproof(m, left, whole), mth(right))
        } else {
            (subproof(m - k, right, false), mth(left))
        };
        proof.push(other);
        proof
    }
    subproof(m, leaves, true)
}
