//! The life of a log as its sequencer drives it: load, append, prove growth, sign, store.

use std::collections::HashMap;

use liaison_ledger::{
    Checkpoint, ConsistencyProof, Leaf, Receipt, TlogProof, tree, verify_consistency, verify_receipt,
};

use crate::support::{entry, key, only, signer};

#[test]
fn batches_of_any_size_stay_provable_from_first_to_last() {
    let signer = signer();
    let mut table = HashMap::new();
    let mut leaves: Vec<Leaf> = Vec::new();
    let mut checkpoints: Vec<Checkpoint> = Vec::new();

    for batch in [1u64, 1, 5, 0, 32, 17, 1, 64, 3] {
        let size = leaves.len() as u64;
        let new: Vec<_> = (size..size + batch).map(|n| Leaf::encode(entry(n)).unwrap()).collect();
        let hashes: Vec<_> = new.iter().map(Leaf::hash).collect();

        let mut rows = only(&table, &tree::append_needs(size).unwrap());
        let appended = tree::append(size, &hashes, &rows).unwrap();
        rows.extend(appended.new_hashes.iter().copied());
        let growth = if checkpoints.is_empty() {
            Vec::new()
        } else {
            tree::prove_consistency(size, appended.head.size, &rows).unwrap()
        };
        let checkpoint = signer.sign(checkpoints.last(), appended.head, &growth).unwrap();

        table.extend(appended.new_hashes);
        leaves.extend(new);
        checkpoints.push(key().open(checkpoint.as_str()).unwrap());
    }

    // Every checkpoint ever kept continues into every later one.
    for (position, old) in checkpoints.iter().enumerate() {
        for new in &checkpoints[position..] {
            let (old_size, new_size) = (old.size(), new.size());
            let rows = only(&table, &tree::consistency_needs(old_size, new_size).unwrap());
            let hashes = tree::prove_consistency(old_size, new_size, &rows).unwrap();
            let proof = ConsistencyProof {
                old_size,
                new_size,
                hashes,
            }
            .to_json();
            verify_consistency(old.as_str(), new.as_str(), &proof, &key()).unwrap();
        }
    }

    // An entry gets a receipt against any checkpoint that covers it, early or late.
    for (index, leaf) in (0..).zip(&leaves).step_by(11) {
        for checkpoint in checkpoints.iter().filter(|checkpoint| checkpoint.size() > index) {
            let rows = only(&table, &tree::inclusion_needs(index, checkpoint.size()).unwrap());
            let path = tree::prove_inclusion(index, checkpoint.size(), &rows).unwrap();
            let proof = TlogProof::new(index, path, checkpoint);
            let receipt = Receipt {
                leaf: leaf.clone(),
                proof,
            }
            .to_json();
            assert_eq!(verify_receipt(&receipt, &key()).unwrap().entry, entry(index));
        }
    }
}
