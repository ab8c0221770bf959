//! Properties of the tree over sizes up to 300, against RFC 6962 written down a second time.

use std::collections::HashMap;

use liaison_ledger::{Hash, ProofError, TreeError, TreeHead, tree};
use proptest::prelude::*;

use crate::support::{consistency, hashes, mth, only, path};

fn table(leaves: &[Hash]) -> HashMap<u64, Hash> {
    tree::append(0, leaves, &HashMap::new())
        .unwrap()
        .new_hashes
        .into_iter()
        .collect()
}

fn head(leaves: &[Hash]) -> TreeHead {
    TreeHead {
        size: leaves.len() as u64,
        root: mth(leaves),
    }
}

/// The most rows a caller may be asked to load for a tree of this size.
fn bound(size: u64) -> usize {
    2 * (64 - size.leading_zeros() as usize) + 1
}

#[test]
fn every_leaf_of_every_small_tree_has_the_path_of_the_rfc() {
    let all = hashes(70);
    let table = table(&all);
    for size in 1..=all.len() {
        let leaves = &all[..size];
        let head = head(leaves);
        assert_eq!(tree::root(head.size, &table).unwrap(), head);
        for index in 0..size {
            let needs = tree::inclusion_needs(index as u64, head.size).unwrap();
            let proof = tree::prove_inclusion(index as u64, head.size, &only(&table, &needs)).unwrap();
            assert_eq!(proof, path(index, leaves), "leaf {index} of {size}");
            tree::verify_inclusion(leaves[index], index as u64, head, &proof).unwrap();
        }
        for old in 1..=size {
            let needs = tree::consistency_needs(old as u64, head.size).unwrap();
            let proof = tree::prove_consistency(old as u64, head.size, &only(&table, &needs)).unwrap();
            assert_eq!(proof, consistency(old, leaves), "{old} to {size}");
            tree::verify_growth(self::head(&all[..old]), head, &proof).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn inclusion_proofs_hold_and_break_with_any_bit(
        size in 1usize..=300,
        at in any::<prop::sample::Index>(),
        bit in 0usize..256,
    ) {
        let leaves = hashes(size);
        let index = at.index(size);
        let head = head(&leaves);
        let rows = table(&leaves);
        let needs = tree::inclusion_needs(index as u64, head.size).unwrap();
        prop_assert!(needs.len() <= bound(head.size));
        prop_assert!(needs.is_sorted_by(|a, b| a < b));
        let proof = tree::prove_inclusion(index as u64, head.size, &only(&rows, &needs)).unwrap();
        prop_assert_eq!(&proof, &path(index, &leaves));
        let verify = |leaf, index, head, proof: &[Hash]| tree::verify_inclusion(leaf, index, head, proof);
        prop_assert_eq!(verify(leaves[index], index as u64, head, &proof), Ok(()));

        let flip = |mut hash: Hash| { hash[bit / 8] ^= 1 << (bit % 8); hash };
        let broken = Err(ProofError::Inclusion);
        prop_assert_eq!(verify(flip(leaves[index]), index as u64, head, &proof), broken);
        let other_root = TreeHead { root: flip(head.root), ..head };
        prop_assert_eq!(verify(leaves[index], index as u64, other_root, &proof), broken);
        for position in 0..proof.len() {
            let mut tampered = proof.clone();
            tampered[position] = flip(tampered[position]);
            prop_assert_eq!(verify(leaves[index], index as u64, head, &tampered), broken);
        }
        let longer = [proof.clone(), vec![head.root]].concat();
        prop_assert_eq!(verify(leaves[index], index as u64, head, &longer), broken);
        if let Some((_, shorter)) = proof.split_last() {
            prop_assert_eq!(verify(leaves[index], index as u64, head, shorter), broken);
            let elsewhere = (index + 1) % size;
            prop_assert_eq!(verify(leaves[index], elsewhere as u64, head, &proof), broken);
        }
        prop_assert_eq!(
            verify(leaves[index], head.size, head, &proof),
            Err(ProofError::OutsideTree { index: head.size, size: head.size })
        );
    }

    #[test]
    fn consistency_proofs_hold_and_break_with_any_bit(
        new in 1usize..=300,
        at in any::<prop::sample::Index>(),
        bit in 0usize..256,
    ) {
        let old = at.index(new) + 1;
        let leaves = hashes(new);
        let rows = table(&leaves);
        let (old_head, new_head) = (head(&leaves[..old]), head(&leaves));
        let needs = tree::consistency_needs(old_head.size, new_head.size).unwrap();
        prop_assert!(needs.len() <= bound(new_head.size));
        let proof = tree::prove_consistency(old_head.size, new_head.size, &only(&rows, &needs)).unwrap();
        prop_assert_eq!(&proof, &consistency(old, &leaves));
        prop_assert_eq!(tree::verify_growth(old_head, new_head, &proof), Ok(()));

        let flip = |mut hash: Hash| { hash[bit / 8] ^= 1 << (bit % 8); hash };
        let other = TreeHead { root: flip(old_head.root), ..old_head };
        prop_assert!(tree::verify_growth(other, new_head, &proof).is_err());
        let other = TreeHead { root: flip(new_head.root), ..new_head };
        prop_assert!(tree::verify_growth(old_head, other, &proof).is_err());
        for position in 0..proof.len() {
            let mut tampered = proof.clone();
            tampered[position] = flip(tampered[position]);
            prop_assert!(tree::verify_growth(old_head, new_head, &tampered).is_err());
        }
        let longer = [proof.clone(), vec![new_head.root]].concat();
        prop_assert!(tree::verify_growth(old_head, new_head, &longer).is_err());
        if let Some((_, shorter)) = proof.split_last() {
            prop_assert!(tree::verify_growth(old_head, new_head, shorter).is_err());
        }
        // A rewritten past: the same sizes, another first leaf.
        let mut rewritten = leaves.clone();
        rewritten[0] = flip(rewritten[0]);
        let forged = consistency(old, &rewritten);
        prop_assert!(tree::verify_growth(old_head, head(&rewritten), &forged).is_err());
    }

    #[test]
    fn a_batch_equals_one_by_one_and_loads_few_rows(
        before in 0usize..=150,
        batch in 0usize..=60,
    ) {
        let leaves = hashes(before + batch);
        let size = before as u64;
        let mut one_by_one = HashMap::new();
        for (n, leaf) in leaves.iter().enumerate() {
            let needs = tree::append_needs(n as u64).unwrap();
            let appended = tree::append(n as u64, &[*leaf], &only(&one_by_one, &needs)).unwrap();
            prop_assert_eq!(appended.head, head(&leaves[..=n]));
            for (index, hash) in appended.new_hashes {
                prop_assert_eq!(one_by_one.insert(index, hash), None);
            }
        }
        let mut batched = table(&leaves[..before]);
        let needs = tree::append_needs(size).unwrap();
        prop_assert_eq!(needs.len(), before.count_ones() as usize);
        let mut loaded = only(&batched, &needs);
        let appended = tree::append(size, &leaves[before..], &loaded).unwrap();
        prop_assert_eq!(appended.head, head(&leaves));
        // Stored hashes are dense: each new one takes the next number.
        for (expected, (index, _)) in (batched.len() as u64..).zip(&appended.new_hashes) {
            prop_assert_eq!(*index, expected);
        }
        batched.extend(appended.new_hashes.iter().copied());
        prop_assert_eq!(&batched, &one_by_one);

        // What was loaded and what is new suffice to prove the growth just made.
        loaded.extend(appended.new_hashes);
        let proof = tree::prove_consistency(size, appended.head.size, &loaded).unwrap();
        prop_assert_eq!(tree::verify_growth(head(&leaves[..before]), appended.head, &proof), Ok(()));
    }

    #[test]
    fn a_missing_row_is_named(size in 1u64..=300, drop in any::<prop::sample::Index>()) {
        let rows = table(&hashes(usize::try_from(size).unwrap()));
        let needs = tree::append_needs(size).unwrap();
        let missing = needs[drop.index(needs.len())];
        let mut loaded = only(&rows, &needs);
        loaded.remove(&missing);
        let expected = Err(TreeError::MissingHash(missing));
        prop_assert_eq!(tree::append(size, &hashes(1), &loaded).map(drop_value), expected.clone());
        prop_assert_eq!(tree::root(size, &loaded).map(drop_value), expected);
    }

    #[test]
    fn any_numbers_are_answered_without_panic(a in any::<u64>(), b in any::<u64>(), root in any::<Hash>(), proof in prop::collection::vec(any::<Hash>(), 0..70)) {
        let none = HashMap::new();
        let _ = (tree::append_needs(a), tree::root_needs(a), tree::inclusion_needs(a, b), tree::consistency_needs(a, b));
        let _ = (tree::append(a, &[root], &none), tree::prove_inclusion(a, b, &none), tree::prove_consistency(a, b, &none));
        let (old, new) = (TreeHead { size: a, root }, TreeHead { size: b, root: [0; 32] });
        let included = tree::verify_inclusion(root, a, new, &proof);
        prop_assert!(included.is_err());
        let grown = tree::verify_growth(old, new, &proof);
        prop_assert!(grown.is_err());
    }
}

fn drop_value<T>(_: T) {}

#[test]
fn impossible_requests_are_refused() {
    let too_large = tree::MAX_TREE_SIZE + 1;
    assert_eq!(tree::append_needs(too_large), Err(TreeError::TooLarge(too_large)));
    assert_eq!(
        tree::append(tree::MAX_TREE_SIZE, &hashes(1), &HashMap::new()),
        Err(TreeError::TooLarge(too_large))
    );
    assert_eq!(
        tree::inclusion_needs(5, 5),
        Err(TreeError::NoSuchLeaf { index: 5, size: 5 })
    );
    assert_eq!(
        tree::consistency_needs(6, 5),
        Err(TreeError::OldLarger { old: 6, new: 5 })
    );
    assert_eq!(tree::consistency_needs(0, 5), Ok(Vec::new()));
    // The largest tree still asks for few rows, all of which fit a signed 64-bit column.
    let needs = tree::inclusion_needs(tree::MAX_TREE_SIZE - 1, tree::MAX_TREE_SIZE).unwrap();
    assert_eq!(needs.len(), 52);
    assert!(needs.iter().all(|index| i64::try_from(*index).is_ok()));
}
