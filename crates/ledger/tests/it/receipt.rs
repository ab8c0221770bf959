//! Receipts and the proof text inside them.

use liaison_ledger::{
    CheckpointError, Leaf, LeafError, ProofError, Receipt, Signer, TlogProof, TlogProofError, VerifyError,
    verify_receipt,
};

use crate::support::{Log, entry, full_entry, key};

fn log() -> Log {
    let mut leaves: Vec<_> = (0..8).map(|n| Leaf::encode(entry(n)).unwrap()).collect();
    leaves[5] = Leaf::encode(full_entry()).unwrap();
    Log::of(leaves)
}

fn receipt() -> Receipt {
    let log = log();
    Receipt {
        leaf: log.leaf(5).clone(),
        proof: log.proof(5),
    }
}

#[test]
fn a_receipt_looks_like_this_and_verifies() {
    let text = receipt().to_json();
    insta::assert_snapshot!(text);
    let verified = verify_receipt(&text, &key()).unwrap();
    assert_eq!(verified.entry, full_entry());
    assert_eq!(verified.index, 5);
    assert_eq!(verified.checkpoint, log().checkpoint);
    assert_eq!(verified.leaf_hash, receipt().leaf.hash());
    assert_eq!(Receipt::parse(&text).unwrap(), receipt());
}

#[test]
fn every_entry_of_every_small_log_gets_a_receipt() {
    for size in 1..20 {
        let log = Log::with(size);
        for index in 0..size {
            let receipt = Receipt {
                leaf: log.leaf(index).clone(),
                proof: log.proof(index),
            };
            let verified = verify_receipt(&receipt.to_json(), &key()).unwrap();
            assert_eq!((verified.index, verified.entry), (index, entry(index)));
        }
    }
}

#[test]
fn another_key_refuses_it() {
    let other = Signer::from_seed(key().name(), [8; 32].into()).unwrap();
    assert_eq!(
        verify_receipt(&receipt().to_json(), other.verifier()).unwrap_err(),
        VerifyError::TlogProof(TlogProofError::Checkpoint(CheckpointError::OtherKey {
            key: other.verifier().to_string()
        }))
    );
}

#[test]
fn each_tampering_is_called_by_its_name() {
    let good = receipt();
    let text = good.to_json();
    let verify = |text: &str| verify_receipt(text, &key()).unwrap_err();
    let not_included = VerifyError::TlogProof(TlogProofError::Proof(ProofError::Inclusion));

    // The readable copy was changed, or says something twice.
    let copy = text.replacen("PHYSICIAN", "ADMIN", 1);
    assert_eq!(verify(&copy), VerifyError::Leaf(LeafError::CopyDiffers));
    let copy = text.replacen("\"v\": 1", "\"v\": 1, \"name\": \"x\"", 1);
    assert_eq!(verify(&copy), VerifyError::Leaf(LeafError::CopyDiffers));
    let twice = text.replacen("\"v\": 1", "\"v\": 1, \"action\": \"share.create\"", 1);
    assert!(matches!(verify(&twice), VerifyError::Malformed(why) if why.contains("stands twice")));

    // Leaf and copy were both changed.
    let mut entry = full_entry();
    entry.outcome = "denied".into();
    let forged = Receipt {
        leaf: Leaf::encode(entry).unwrap(),
        ..good.clone()
    };
    assert_eq!(verify(&forged.to_json()), not_included);

    // The proof of another entry, another place, a changed path.
    let other = Receipt {
        proof: log().proof(4),
        ..good.clone()
    };
    assert_eq!(verify(&other.to_json()), not_included);
    let mut moved = good.clone();
    moved.proof.index = 4;
    assert_eq!(verify(&moved.to_json()), not_included);
    moved.proof.index = 8;
    assert_eq!(
        verify(&moved.to_json()),
        VerifyError::TlogProof(TlogProofError::Proof(ProofError::OutsideTree { index: 8, size: 8 }))
    );
    let mut bent = good.clone();
    bent.proof.hashes[0][31] ^= 0x80;
    assert_eq!(verify(&bent.to_json()), not_included);

    // A checkpoint of another tree, an altered one.
    let mut older = good.clone();
    older.proof.checkpoint = Log::with(8).checkpoint.to_string();
    assert_eq!(verify(&older.to_json()), not_included);
    let altered = text.replace("\\n8\\n", "\\n9\\n");
    assert!(matches!(
        verify(&altered),
        VerifyError::TlogProof(TlogProofError::Checkpoint(CheckpointError::BadSignature { .. }))
    ));

    // The document itself.
    assert!(matches!(
        verify(&text.replace("liaison-receipt@v1", "liaison-receipt@v2")),
        VerifyError::UnknownFormat { found, .. } if found == "liaison-receipt@v2"
    ));
    let leaf = text.replacen("\"leaf\": \"", "\"leaf\": \"-", 1);
    assert_eq!(verify(&leaf), VerifyError::Leaf(LeafError::NotBase64));
    let key = text.replacen("\"leaf\":", "\"vkey\": \"x\", \"leaf\":", 1);
    assert!(matches!(verify(&key), VerifyError::Malformed(_)));
    assert!(matches!(verify(&format!("{text}{text}")), VerifyError::Malformed(_)));
}

#[test]
fn the_proof_text_reads_back_with_and_without_extra_data() {
    let mut proof = log().proof(5);
    assert_eq!(TlogProof::parse(&proof.to_string()).unwrap(), proof);
    proof.extra = Some(b"context".to_vec());
    let text = proof.to_string();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra Y29udGV4dA==\nindex 5\n"));
    assert_eq!(TlogProof::parse(&text).unwrap(), proof);
    assert_eq!(proof.verify(log().leaf(5).hash(), &key()).unwrap(), log().checkpoint);
}

#[test]
fn a_proof_in_a_tree_of_one_has_no_hashes() {
    let log = Log::with(1);
    let text = log.proof(0).to_string();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 0\n\nledger.clinic.example/liaison\n"));
    assert!(
        TlogProof::parse(&text)
            .unwrap()
            .verify(log.leaf(0).hash(), &key())
            .is_ok()
    );
}

#[test]
fn malformed_proof_text_names_the_line() {
    let text = log().proof(5).to_string();
    let parse = |text: &str| TlogProof::parse(text).unwrap_err();
    assert_eq!(parse(""), TlogProofError::NoCheckpoint);
    assert_eq!(parse(&text.replace("\n\n", "\n")), TlogProofError::NoCheckpoint);
    assert_eq!(parse(&text.replace("@v1", "@v2")), TlogProofError::Header);
    assert_eq!(parse(&format!("\u{feff}{text}")), TlogProofError::Header);
    assert_eq!(parse(&text.replace("index", "extra *\nindex")), TlogProofError::Extra);
    for bad in [
        "index 05",
        "index +5",
        "index -1",
        "index",
        "index 18446744073709551616",
        "Index 5",
    ] {
        assert_eq!(parse(&text.replace("index 5", bad)), TlogProofError::Index { line: 2 });
    }
    assert_eq!(
        parse(&text.replace("index 5", "extra eA==\nindex 05")),
        TlogProofError::Index { line: 3 }
    );
    assert_eq!(parse("c2sp.org/tlog-proof@v1\n\nx"), TlogProofError::Index { line: 2 });
    assert_eq!(
        parse(&text.replace("index 5\n", "index 5\nAAAA\n")),
        TlogProofError::Hash { line: 3 }
    );
    assert_eq!(parse(&text.replace('\n', "\r\n")), TlogProofError::NoCheckpoint);
    let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
    let long = text.replace("index 5\n", &format!("index 5\n{}", hash.repeat(61)));
    assert_eq!(parse(&long), TlogProofError::TooManyHashes);
}
