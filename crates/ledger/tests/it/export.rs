//! Exports: written, checked, and tampered with line by line.

use std::io::{self, BufReader, Read};

use liaison_ledger::{
    CheckpointError, ExportError, ExportProblem, ExportVerifier, Exporter, Leaf, LeafError, MAX_LINE_BYTES, ProofError,
    Signer, VerifiedExport, verify_export,
};

use crate::support::{Log, full_entry, key};

fn export(log: &Log, indexes: impl IntoIterator<Item = u64>) -> String {
    let mut exporter = Exporter::new(log.checkpoint.clone());
    let mut text = exporter.header();
    for index in indexes {
        text += &exporter
            .entry(index, log.leaf(index), &log.proof(index).hashes)
            .unwrap();
    }
    text + &exporter.closing()
}

fn verify(text: &str) -> Result<VerifiedExport, ExportError> {
    verify_export(text.as_bytes(), &key())
}

/// Replaces one line, counted from 1.
fn with_line(text: &str, number: usize, change: impl Fn(&str) -> String) -> String {
    let lines = text.lines().enumerate().map(|(at, line)| {
        if at + 1 == number {
            change(line)
        } else {
            format!("{line}\n")
        }
    });
    lines.collect()
}

#[test]
fn an_export_looks_like_this() {
    insta::assert_snapshot!(export(&Log::with(3), [1]));
}

#[test]
fn exports_verify_and_say_whether_they_are_complete() {
    for size in 0..40 {
        let log = Log::with(size);
        let whole = verify(&export(&log, 0..size)).unwrap();
        assert_eq!(whole.entries, size);
        assert_eq!(whole.range, size.checked_sub(1).map(|last| (0, last)));
        assert_eq!(whole.checkpoint, log.checkpoint);
        assert!(whole.is_complete());
    }
    let part = verify(&export(&Log::with(40), [3, 17, 39])).unwrap();
    assert_eq!((part.entries, part.range), (3, Some((3, 39))));
    assert!(!part.is_complete());
}

#[test]
fn the_last_newline_may_be_missing() {
    assert!(verify(export(&Log::with(3), 0..3).trim_end()).is_ok());
}

#[test]
fn the_exporter_writes_nothing_that_would_not_verify() {
    let log = Log::with(5);
    let mut exporter = Exporter::new(log.checkpoint.clone());
    let wrong = exporter.entry(2, log.leaf(3), &log.proof(3).hashes);
    assert!(matches!(wrong, Err(ExportProblem::Proof(ProofError::Inclusion))));
    exporter.entry(2, log.leaf(2), &log.proof(2).hashes).unwrap();
    let again = exporter.entry(2, log.leaf(2), &log.proof(2).hashes);
    assert!(matches!(again, Err(ExportProblem::Order { previous: 2, index: 2 })));
}

#[test]
fn each_tampering_is_named_with_its_line() {
    let log = Log::with(6);
    let good = export(&log, 0..6);
    let refused = |text: &str| verify(text).unwrap_err();
    let dropped = |number| with_line(&good, number, |_| String::new());

    let error = refused(&with_line(&good, 4, |line| {
        line.replacen("note.open", "note.sign", 1) + "\n"
    }));
    assert!(matches!(
        error,
        ExportError {
            line: 4,
            problem: ExportProblem::Leaf(LeafError::CopyDiffers)
        }
    ));
    assert_eq!(
        error.to_string(),
        "line 4: the readable copy of the entry differs from the leaf that was logged"
    );

    // An entry replaced by another well-formed one.
    let forged = Leaf::encode(full_entry()).unwrap();
    let other = Log::of(vec![forged]);
    let line = export(&other, [0])
        .lines()
        .nth(1)
        .unwrap()
        .replace("\"index\":0", "\"index\":2");
    let error = refused(&with_line(&good, 4, |_| format!("{line}\n")));
    assert!(matches!(
        error,
        ExportError {
            line: 4,
            problem: ExportProblem::Proof(ProofError::Inclusion)
        }
    ));

    let error = refused(&dropped(4));
    assert!(matches!(
        error,
        ExportError {
            line: 7,
            problem: ExportProblem::Count { stated: 6, held: 5 }
        }
    ));
    let error = refused(&dropped(8));
    assert!(matches!(
        error,
        ExportError {
            line: 8,
            problem: ExportProblem::CutShort
        }
    ));
    let error = refused(&dropped(1));
    assert!(matches!(
        error,
        ExportError {
            line: 1,
            problem: ExportProblem::HeaderPlace
        }
    ));
    let error = refused(&with_line(&good, 3, |line| format!("{line}\n{line}\n")));
    assert!(matches!(
        error,
        ExportError {
            line: 4,
            problem: ExportProblem::Order { previous: 1, index: 1 }
        }
    ));
    let header = good.lines().next().unwrap();
    let error = refused(&with_line(&good, 3, |line| format!("{header}\n{line}\n")));
    assert!(matches!(
        error,
        ExportError {
            line: 3,
            problem: ExportProblem::HeaderPlace
        }
    ));
    let error = refused(&format!("{good}\n"));
    assert!(matches!(
        error,
        ExportError {
            line: 9,
            problem: ExportProblem::AfterEnd
        }
    ));
    let error = refused(&with_line(&good, 3, |line| format!("\n{line}\n")));
    assert!(matches!(
        error,
        ExportError {
            line: 3,
            problem: ExportProblem::Malformed(_)
        }
    ));
    let error = refused("");
    assert!(matches!(
        error,
        ExportError {
            line: 1,
            problem: ExportProblem::CutShort
        }
    ));

    let error = refused(&good.replacen("liaison-export@v1", "liaison-export@v9", 1));
    assert!(matches!(
        error,
        ExportError {
            line: 1,
            problem: ExportProblem::UnknownFormat { .. }
        }
    ));
    let error = refused(&good.replacen("ledger.clinic", "ledger.klinic", 1));
    assert!(matches!(
        error,
        ExportError {
            line: 1,
            problem: ExportProblem::OtherOrigin { .. }
        }
    ));
    let error = refused(&good.replacen("\"root\":\"", "\"root\":\"A", 1));
    assert!(matches!(
        error,
        ExportError {
            line: 1,
            problem: ExportProblem::Hash
        }
    ));
    let error = refused(&with_line(&good, 2, |line| {
        line.replacen("\"proof\":[\"", "\"proof\":[\"A", 1) + "\n"
    }));
    assert!(matches!(
        error,
        ExportError {
            line: 2,
            problem: ExportProblem::Hash
        }
    ));
    let error = refused(&with_line(&good, 8, |line| {
        line.replacen("\\n6\\n", "\\n7\\n", 1) + "\n"
    }));
    assert!(matches!(
        error,
        ExportError {
            line: 8,
            problem: ExportProblem::Checkpoint(CheckpointError::BadSignature { .. })
        }
    ));
}

#[test]
fn a_forged_tree_fails_at_the_checkpoint_it_cannot_sign() {
    // Consistent in itself, closed with a genuine checkpoint of the real log.
    let forged = export(&Log::of(vec![Leaf::encode(full_entry()).unwrap()]), [0]);
    let genuine = export(&Log::with(1), [0]);
    let closing = genuine.lines().last().unwrap();
    let error = verify(&with_line(&forged, 3, |_| format!("{closing}\n"))).unwrap_err();
    assert!(matches!(
        error,
        ExportError {
            line: 3,
            problem: ExportProblem::OtherTree
        }
    ));
}

#[test]
fn another_key_refuses_it() {
    let other = Signer::from_seed(key().name(), [8; 32].into()).unwrap();
    let text = export(&Log::with(3), 0..3);
    let error = verify_export(text.as_bytes(), other.verifier()).unwrap_err();
    assert!(matches!(
        error,
        ExportError {
            line: 5,
            problem: ExportProblem::Checkpoint(CheckpointError::OtherKey { .. })
        }
    ));
}

#[test]
fn lines_may_come_one_by_one() {
    let text = export(&Log::with(3), 0..3);
    let key = key();
    let mut verifier = ExportVerifier::new(&key);
    for line in text.split_inclusive('\n') {
        verifier.line(line.as_bytes()).unwrap();
    }
    assert_eq!(verifier.finish().unwrap(), verify(&text).unwrap());
}

#[test]
fn an_endless_line_is_refused_without_reading_it_all() {
    struct Endless(u64);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += buffer.len() as u64;
            assert!(self.0 < 4 * MAX_LINE_BYTES as u64, "read on and on");
            buffer.fill(b' ');
            Ok(buffer.len())
        }
    }
    let error = verify_export(BufReader::new(Endless(0)), &key()).unwrap_err();
    assert!(matches!(
        error,
        ExportError {
            line: 1,
            problem: ExportProblem::TooLong
        }
    ));
}

#[test]
fn a_failing_reader_is_reported_with_its_line() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk gone"))
        }
    }
    let text = export(&Log::with(3), 0..3);
    let head: String = text.split_inclusive('\n').take(2).collect();
    let reader = BufReader::new(head.as_bytes().chain(Broken));
    let error = verify_export(reader, &key()).unwrap_err();
    assert_eq!(error.to_string(), "line 3: could not be read: disk gone");
}
