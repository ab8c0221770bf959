//! Checkpoints: their form, whom they convince, and what the log refuses to sign.

use liaison_ledger::{
    CheckpointError, ConsistencyProof, KeyError, ProofError, SignError, Signer, TreeHead, VerifierKey, VerifyError,
    tree, verify_consistency,
};

use crate::support::{Log, NAME, hashes, key, mth, signer};

fn head(size: usize) -> TreeHead {
    TreeHead {
        size: size as u64,
        root: mth(&hashes(size)),
    }
}

fn growth(old: usize, new: usize) -> Vec<liaison_ledger::Hash> {
    crate::support::consistency(old, &hashes(new))
}

#[test]
fn a_checkpoint_and_its_key_look_like_this() {
    let checkpoint = signer().sign(None, head(5), &[]).unwrap();
    insta::assert_snapshot!(checkpoint);
    insta::assert_snapshot!(key());
}

#[test]
fn an_independent_reader_accepts_checkpoint_and_key() {
    let checkpoint = signer().sign(None, head(5), &[]).unwrap();
    let note = signed_note::Note::from_bytes(checkpoint.as_str().as_bytes()).unwrap();
    let verifier = signed_note::StandardVerifier::new(key().as_str()).unwrap();
    let known = signed_note::VerifierList::new(vec![Box::new(verifier)]);
    assert_eq!(note.verify(&known).unwrap().0.len(), 1);
    assert_eq!(note.to_bytes(), checkpoint.as_str().as_bytes());
}

#[test]
fn opens_with_the_published_key_alone() {
    let signed = signer().sign(None, head(5), &[]).unwrap();
    let key = VerifierKey::parse(&format!("{}\n", signer().verifier())).unwrap();
    assert_eq!(key.name(), NAME);
    let opened = key.open(signed.as_str()).unwrap();
    assert_eq!(opened, signed);
    assert_eq!((opened.origin(), opened.size(), opened.root()), (NAME, 5, head(5).root));
}

#[test]
fn signatures_of_witnesses_are_kept_and_ignored() {
    let signed = signer().sign(None, head(5), &[]).unwrap();
    let witness = Signer::from_seed("witness.example", [9; 32].into()).unwrap();
    let other = witness.sign(None, head(5), &[]).unwrap();
    let line = other.as_str().lines().last().unwrap();
    let cosigned = format!("{signed}{line}\n");
    assert_eq!(key().open(&cosigned).unwrap().as_str(), cosigned);
}

#[test]
fn signs_growth_that_is_proven() {
    let signer = signer();
    let first = signer.sign(None, head(0), &[]).unwrap();
    let second = signer.sign(Some(&first), head(6), &[]).unwrap();
    let third = signer.sign(Some(&second), head(8), &growth(6, 8)).unwrap();
    assert_eq!(third.size(), 8);
    // The same tree again is no news, but no contradiction either.
    assert_eq!(signer.sign(Some(&third), head(8), &[]).unwrap(), third);
}

#[test]
fn refuses_to_shrink_fork_or_go_on_unproven() {
    let signer = signer();
    let six = signer.sign(None, head(6), &[]).unwrap();
    let refused = |next, proof: &[_]| signer.sign(Some(&six), next, proof).unwrap_err();
    assert_eq!(
        refused(head(5), &growth(5, 6)),
        SignError::NotAContinuation(ProofError::Shrunk { old: 6, new: 5 })
    );
    let fork = TreeHead { size: 6, root: [1; 32] };
    assert_eq!(refused(fork, &[]), SignError::NotAContinuation(ProofError::Forked(6)));
    let unproven = SignError::NotAContinuation(ProofError::Consistency { old: 6, new: 8 });
    assert_eq!(refused(head(8), &[]), unproven);
    assert_eq!(refused(head(8), &growth(5, 8)), unproven);
    let mut rewritten = hashes(8);
    rewritten[2] = [0; 32];
    let next = TreeHead {
        size: 8,
        root: mth(&rewritten),
    };
    assert_eq!(refused(next, &crate::support::consistency(6, &rewritten)), unproven);
}

#[test]
fn refuses_what_no_log_could_mean() {
    let signer = signer();
    let other = Signer::from_seed("ledger.other.example", [8; 32].into()).unwrap();
    let theirs = other.sign(None, head(6), &[]).unwrap();
    assert_eq!(
        signer.sign(Some(&theirs), head(8), &growth(6, 8)).unwrap_err(),
        SignError::OtherOrigin {
            previous: "ledger.other.example".into(),
            own: NAME.into()
        }
    );
    assert_eq!(
        signer.sign(None, head(8), &growth(6, 8)).unwrap_err(),
        SignError::ProofWithoutPrevious
    );
    let impossible = TreeHead { size: 0, root: [1; 32] };
    assert_eq!(
        signer.sign(None, impossible, &[]).unwrap_err(),
        SignError::NotAHead(impossible)
    );
    let impossible = TreeHead {
        size: tree::MAX_TREE_SIZE + 1,
        root: [1; 32],
    };
    assert_eq!(
        signer.sign(None, impossible, &[]).unwrap_err(),
        SignError::NotAHead(impossible)
    );
}

#[test]
fn a_rotated_key_of_the_same_name_continues_the_log() {
    let six = signer().sign(None, head(6), &[]).unwrap();
    let rotated = Signer::from_seed(NAME, [8; 32].into()).unwrap();
    let eight = rotated.sign(Some(&six), head(8), &growth(6, 8)).unwrap();
    assert!(rotated.verifier().open(eight.as_str()).is_ok());
    assert!(matches!(
        key().open(eight.as_str()),
        Err(CheckpointError::OtherKey { .. })
    ));
}

#[test]
fn tampered_checkpoints_are_refused_for_the_right_reason() {
    let text = signer().sign(None, head(5), &[]).unwrap().to_string();
    let open = |text: &str| key().open(text).unwrap_err();
    let vkey = key().to_string();
    let bad_signature = CheckpointError::BadSignature { key: vkey.clone() };
    assert_eq!(open(&text.replace("\n5\n", "\n6\n")), bad_signature);
    assert_eq!(open(&text.replacen("clinic", "klinic", 1)), bad_signature);
    assert_eq!(open(&text.replacen("\n5\n", "\n5\n\n", 1)), bad_signature);
    assert_eq!(open(&text.replace("\u{2014} ledger.", "\u{2014} edger.")), {
        CheckpointError::OtherKey { key: vkey }
    });
    assert_eq!(open(""), CheckpointError::NotANote);
    assert_eq!(open(text.trim_end()), CheckpointError::NotANote);
    assert_eq!(open(&text.replace('\n', "\r\n")), CheckpointError::NotANote);
    assert_eq!(open(text.split_once("\n\n").unwrap().0), CheckpointError::NotANote);
}

#[test]
fn a_flipped_bit_of_a_checkpoint_is_noticed() {
    let signed = signer().sign(None, head(5), &[]).unwrap();
    let bytes = signed.as_str().as_bytes();
    // One bit of each byte, a different one each time: all of them take too long unoptimized.
    for at in (0..bytes.len()).map(|byte| byte * 8 + byte % 8) {
        let mut tampered = bytes.to_vec();
        tampered[at / 8] ^= 1 << (at % 8);
        if let Ok(text) = String::from_utf8(tampered) {
            assert!(key().open(&text).is_err(), "bit {at} was not noticed:\n{text}");
        }
    }
}

/// Signs any text with the log's own key, as a log that misbehaves could.
fn sign_text(text: &str) -> String {
    use ed25519_dalek::Signer as _;
    let secret = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let public = [&[1u8], secret.verifying_key().as_bytes().as_slice()].concat();
    let id = signed_note::key_id(NAME, &public);
    let signature = secret.sign(text.as_bytes()).to_bytes().to_vec();
    let signature = signed_note::Signature::new(NAME.into(), id, signature).unwrap();
    let note = signed_note::Note::new(text.as_bytes(), &[signature]).unwrap();
    String::from_utf8(note.to_bytes()).unwrap()
}

#[test]
fn a_good_signature_does_not_excuse_a_bad_form() {
    let root = "vAu2FzD0BEDXGtSm7a2lAh1sYDX2vMtzDpRDBFpd9J8=";
    let empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    assert!(key().open(&sign_text(&format!("{NAME}\n5\n{root}\n"))).is_ok());
    assert!(key().open(&sign_text(&format!("{NAME}\n0\n{empty}\n"))).is_ok());
    // Extension lines are not ours to write, but allowed.
    assert!(
        key()
            .open(&sign_text(&format!("{NAME}\n5\n{root}\nextension\n")))
            .is_ok()
    );
    for text in [
        format!("{NAME}\n05\n{root}\n"),
        format!("{NAME}\n+5\n{root}\n"),
        format!("{NAME}\n-1\n{root}\n"),
        format!("{NAME}\n18446744073709551615\n{root}\n"),
        format!("{NAME}\n18446744073709551616\n{root}\n"),
        format!("{NAME}\n5\n{}\n", &root[..40]),
        format!("{NAME}\n5\n\n"),
        format!("{NAME}\n5\n"),
        format!("{NAME}\n0\n{root}\n"),
        format!("\n5\n{root}\n"),
        "hello\n".to_owned(),
    ] {
        let opened = key().open(&sign_text(&text));
        assert!(
            matches!(opened, Err(CheckpointError::NotACheckpoint | CheckpointError::NotANote)),
            "{text:?} gave {opened:?}"
        );
    }
    assert_eq!(
        key().open(&sign_text(&format!("another.example\n5\n{root}\n"))),
        Err(CheckpointError::OtherOrigin {
            origin: "another.example".into(),
            expected: NAME.into()
        })
    );
}

#[test]
fn keys_are_checked() {
    let good = key().to_string();
    for bad in [
        "",
        "name",
        "name+00000000",
        "name+00000000+AAAA",
        &good.replace("clinic", "klinic"),
        &good[..good.len() - 4],
        &good.replacen("+A", "+B", 1),
    ] {
        assert!(
            matches!(VerifierKey::parse(bad), Err(KeyError::VerifierKey(_))),
            "{bad}"
        );
    }
    for bad in ["", "two words", "a+b", "a\nb", "a\u{7f}", "a\u{a0}b"] {
        let refused = Signer::from_seed(bad, [7; 32].into()).unwrap_err();
        assert_eq!(refused, KeyError::Name(bad.to_owned()));
    }
}

#[test]
fn the_seed_is_not_shown() {
    let shown = format!("{:?}", signer());
    assert_eq!(shown, format!("Signer({})", key()));
    assert_eq!(format!("{:?}", key()), format!("VerifierKey({})", key()));
}

#[test]
fn consistency_between_two_kept_checkpoints() {
    let (old, new) = (Log::with(6), Log::with(8));
    let hashes = tree::prove_consistency(6, 8, &new.table).unwrap();
    let proof = ConsistencyProof {
        old_size: 6,
        new_size: 8,
        hashes,
    };
    let (old, new) = (old.checkpoint, new.checkpoint);
    insta::assert_snapshot!(proof.to_json());
    assert_eq!(ConsistencyProof::parse(&proof.to_json()).unwrap(), proof);
    let verify = |old: &str, new: &str, proof: &str| verify_consistency(old, new, proof, &key());
    assert_eq!(
        verify(old.as_str(), new.as_str(), &proof.to_json()).unwrap(),
        (old.clone(), new.clone())
    );

    assert_eq!(
        verify(new.as_str(), old.as_str(), &proof.to_json()).unwrap_err(),
        VerifyError::OtherSizes {
            proof_old: 6,
            proof_new: 8,
            old: 8,
            new: 6
        }
    );
    let backwards = ConsistencyProof {
        old_size: 8,
        new_size: 6,
        ..proof.clone()
    };
    assert_eq!(
        verify(new.as_str(), old.as_str(), &backwards.to_json()).unwrap_err(),
        VerifyError::Proof(ProofError::Shrunk { old: 8, new: 6 })
    );
    let mut tampered = proof.clone();
    tampered.hashes[1][0] ^= 1;
    assert_eq!(
        verify(old.as_str(), new.as_str(), &tampered.to_json()).unwrap_err(),
        VerifyError::Proof(ProofError::Consistency { old: 6, new: 8 })
    );
    let altered = old.as_str().replace("\n6\n", "\n5\n");
    assert_eq!(
        verify(&altered, new.as_str(), &proof.to_json())
            .unwrap_err()
            .to_string(),
        format!(
            "the old checkpoint: the signature by {} does not fit: the checkpoint was altered",
            key()
        )
    );
    assert!(matches!(
        verify(old.as_str(), "", &proof.to_json()),
        Err(VerifyError::Checkpoint {
            which: "new",
            source: CheckpointError::NotANote
        })
    ));
    let json = proof.to_json();
    for bad in [
        json.replace("@v1", "@v2"),
        json.replace("\"old_size\": 6", "\"old_size\": 6.0"),
        json.replace("\"old_size\": 6", "\"old_size\": 6, \"old_size\": 6"),
        json.replace("\"hashes\"", "\"extra\": 1, \"hashes\""),
        json.replace("=\"", "\""),
        "{}".to_owned(),
        String::new(),
    ] {
        let refused = verify(old.as_str(), new.as_str(), &bad).unwrap_err();
        assert!(
            matches!(refused, VerifyError::Malformed(_) | VerifyError::UnknownFormat { .. }),
            "{bad} gave {refused:?}"
        );
    }
}

#[test]
fn a_fork_of_equal_size_is_called_a_fork() {
    let honest = signer().sign(None, head(6), &[]).unwrap();
    let fork = signer().sign(None, TreeHead { size: 6, root: [1; 32] }, &[]).unwrap();
    let proof = ConsistencyProof {
        old_size: 6,
        new_size: 6,
        hashes: Vec::new(),
    };
    assert_eq!(
        verify_consistency(honest.as_str(), fork.as_str(), &proof.to_json(), &key()).unwrap_err(),
        VerifyError::Proof(ProofError::Forked(6))
    );
}
