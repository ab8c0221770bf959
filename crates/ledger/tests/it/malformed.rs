//! Whatever comes in, the answer is an error and never a panic.

use std::sync::LazyLock;

use liaison_ledger::{
    ConsistencyProof, Exporter, Leaf, Receipt, TlogProof, VerifierKey, leaf_hash, tree, verify_consistency,
    verify_export, verify_receipt,
};
use proptest::prelude::*;

use crate::support::{Log, full_entry, key};

static KEY: LazyLock<VerifierKey> = LazyLock::new(key);

/// One good example of every text this crate reads.
static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let log = Log::with(5);
    let receipt = Receipt {
        leaf: log.leaf(3).clone(),
        proof: log.proof(3),
    };
    let hashes = tree::prove_consistency(3, 5, &log.table).unwrap();
    let mut exporter = Exporter::new(log.checkpoint.clone());
    let mut export = exporter.header();
    export += &exporter.entry(3, log.leaf(3), &log.proof(3).hashes).unwrap();
    export += &exporter.closing();
    vec![
        receipt.to_json(),
        log.proof(3).to_string(),
        ConsistencyProof {
            old_size: 3,
            new_size: 5,
            hashes,
        }
        .to_json(),
        export,
        log.checkpoint.to_string(),
        key().to_string(),
        String::from_utf8(Leaf::encode(full_entry()).unwrap().bytes().to_vec()).unwrap(),
    ]
});

/// Gives the bytes to every reader of the crate; true if any of them was convinced of a fact.
fn convinces(bytes: &[u8]) -> bool {
    let _ = Leaf::parse(bytes);
    let mut convinced = verify_export(bytes, &KEY).is_ok();
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = (
            VerifierKey::parse(text),
            TlogProof::parse(text),
            ConsistencyProof::parse(text),
        );
        let _ = verify_consistency(&TEXTS[4], &TEXTS[4], text, &KEY);
        convinced |= verify_receipt(text, &KEY).is_ok() || KEY.open(text).is_ok();
        if let Ok(proof) = TlogProof::parse(text) {
            convinced |= proof.verify(leaf_hash(bytes), &KEY).is_ok();
        }
    }
    convinced
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(!convinces(&bytes));
    }

    #[test]
    fn random_text(text in "\\PC{0,200}") {
        prop_assert!(!convinces(text.as_bytes()));
    }

    #[test]
    fn good_texts_cut_and_joined(
        first in any::<prop::sample::Index>(),
        second in any::<prop::sample::Index>(),
        cuts in any::<[prop::sample::Index; 2]>(),
    ) {
        let (first, second) = (first.get(&TEXTS).as_bytes(), second.get(&TEXTS).as_bytes());
        let (end, start) = (cuts[0].index(first.len()), cuts[1].index(second.len()));
        convinces(&[&first[..end], &second[start..]].concat());
    }

    #[test]
    fn good_texts_with_bytes_overwritten(
        which in any::<prop::sample::Index>(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = which.get(&TEXTS).clone().into_bytes();
        for (place, byte) in places {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        convinces(&bytes);
    }
}

#[test]
fn a_flipped_bit_of_a_receipt_never_changes_what_it_proves() {
    let text = &TEXTS[0];
    let good = verify_receipt(text, &KEY).unwrap();
    // One bit of each byte, a different one each time: all of them take too long unoptimized.
    for at in (0..text.len()).map(|byte| byte * 8 + byte % 8) {
        let mut bytes = text.clone().into_bytes();
        bytes[at / 8] ^= 1 << (at % 8);
        let Ok(tampered) = String::from_utf8(bytes) else {
            continue;
        };
        // White space between the members carries no meaning; nothing else may pass.
        if let Ok(verified) = verify_receipt(&tampered, &KEY) {
            assert_eq!(verified, good, "bit {at} changed the meaning");
            assert!(
                text.as_bytes()[at / 8].is_ascii_whitespace(),
                "bit {at} was not noticed"
            );
        }
    }
}
