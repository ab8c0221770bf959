//! Leaves: canonical bytes, and strictness in reading them back.

use liaison_ledger::{Entry, EntryError, Leaf, LeafError, MAX_LEAF_BYTES, leaf_hash};
use sha2::{Digest, Sha256};

use crate::support::{entry, full_entry};

fn with(change: impl FnOnce(&mut Entry)) -> Entry {
    let mut entry = full_entry();
    change(&mut entry);
    entry
}

#[test]
fn the_canonical_bytes_are_these() {
    let leaf = Leaf::encode(full_entry()).unwrap();
    insta::assert_snapshot!(String::from_utf8(leaf.bytes().to_vec()).unwrap());
    let leaf = Leaf::encode(entry(3)).unwrap();
    insta::assert_snapshot!(String::from_utf8(leaf.bytes().to_vec()).unwrap());
}

#[test]
fn reads_back_what_it_wrote() {
    for entry in [full_entry(), entry(0)] {
        let leaf = Leaf::encode(entry.clone()).unwrap();
        let read = Leaf::parse(leaf.bytes()).unwrap();
        assert_eq!(read, leaf);
        assert_eq!(read.entry(), &entry);
    }
}

#[test]
fn the_hash_is_of_the_bytes_behind_a_zero() {
    let leaf = Leaf::encode(entry(0)).unwrap();
    let expected = Sha256::new().chain_update([0]).chain_update(leaf.bytes()).finalize();
    assert_eq!(leaf.hash().as_slice(), expected.as_slice());
    assert_eq!(leaf_hash(leaf.bytes()), leaf.hash());
}

#[test]
fn bytes_which_say_the_same_differently_are_refused() {
    let text = String::from_utf8(Leaf::encode(entry(0)).unwrap().bytes().to_vec()).unwrap();
    let parse = |text: &str| Leaf::parse(text.as_bytes()).unwrap_err();
    assert_eq!(parse(&text.replace("\":", "\": ")), LeafError::NotCanonical);
    assert_eq!(parse(&format!("{text}\n")), LeafError::NotCanonical);
    assert_eq!(
        parse(&text.replace("note.open", "note\\u002eopen")),
        LeafError::NotCanonical
    );
    assert_eq!(
        parse(&text.replace("\"v\":1", "\"patient_id\":null,\"v\":1")),
        LeafError::NotCanonical
    );
    assert_eq!(
        parse(&text.replace("\"v\":1", "\"detail\":{},\"v\":1")),
        LeafError::NotCanonical
    );
    let reordered = text
        .replace("{\"action\":\"note.open\",", "{")
        .replace("\"v\":1}", "\"v\":1,\"action\":\"note.open\"}");
    assert_eq!(parse(&reordered), LeafError::NotCanonical);
    let twice = text.replace("\"v\":1", "\"v\":1,\"v\":1");
    assert!(matches!(parse(&twice), LeafError::NotJson(why) if why.contains("stands twice")));
}

#[test]
fn other_versions_and_fields_are_refused() {
    let text = String::from_utf8(Leaf::encode(entry(0)).unwrap().bytes().to_vec()).unwrap();
    let parse = |text: &str| Leaf::parse(text.as_bytes()).unwrap_err();
    let version = |found: &str| LeafError::UnknownVersion {
        found: found.to_owned(),
    };
    assert_eq!(parse(&text.replace("\"v\":1", "\"v\":2")), version("2"));
    assert_eq!(parse(&text.replace("\"v\":1", "\"v\":\"1\"")), version("\"1\""));
    assert_eq!(parse(&text.replace(",\"v\":1", "")), version("missing"));
    assert_eq!(parse("[]"), version("missing"));
    let unknown = parse(&text.replace("\"v\":1", "\"name\":\"x\",\"v\":1"));
    assert!(matches!(unknown, LeafError::Fields(why) if why.contains("unknown field `name`")));
    let missing = parse(&text.replace("\"action\":\"note.open\",", ""));
    assert!(matches!(missing, LeafError::Fields(why) if why.contains("missing field `action`")));
    assert!(matches!(parse("\u{feff}{}"), LeafError::NotJson(_)));
    assert!(matches!(parse(""), LeafError::NotJson(_)));
    assert!(matches!(Leaf::parse(b"{\"id\":\"\xff\"}"), Err(LeafError::NotJson(_))));
    assert_eq!(
        Leaf::parse(&vec![b' '; MAX_LEAF_BYTES + 1]),
        Err(LeafError::TooLong(MAX_LEAF_BYTES + 1))
    );
}

#[test]
fn rules_of_the_fields_are_kept_in_writing_and_reading() {
    let text = |field, max| EntryError::Text { field, max };
    let key = |key: &str| EntryError::DetailKey { key: key.to_owned() };
    let cases: Vec<(Entry, EntryError)> = vec![
        (Entry::default(), text("id", 200)),
        (with(|e| e.id = "x".repeat(201)), text("id", 200)),
        (
            with(|e| e.recorded_at = "2026-01-31T09:30:00Z".into()),
            EntryError::Time,
        ),
        (with(|e| e.actor.kind.clear()), text("actor.kind", 64)),
        (
            with(|e| e.actor.user_id = Some("Jane Roe".into())),
            text("actor.user_id", 200),
        ),
        (with(|e| e.patient_id = Some("Müller".into())), text("patient_id", 200)),
        (with(|e| e.note_id = Some(String::new())), text("note_id", 200)),
        (with(|e| e.action = "share\ncreate".into()), text("action", 64)),
        (with(|e| e.peer = Some("a b".into())), text("peer", 200)),
        (with(|e| e.note_version = Some(0)), EntryError::NoteVersion),
        (with(|e| e.note_id = None), EntryError::NoteVersion),
        (with(|e| e.object_id = None), EntryError::Object),
        (with(|e| e.object_type = None), EntryError::Object),
        (
            with(|e| e.detail = (0..33).map(|n| (format!("k{n}"), String::new())).collect()),
            EntryError::TooManyDetails,
        ),
        (with(|e| drop(e.detail.insert("Name".into(), "x".into()))), key("Name")),
        (with(|e| drop(e.detail.insert(String::new(), "x".into()))), key("")),
        (
            with(|e| drop(e.detail.insert("k".into(), "x".repeat(513)))),
            EntryError::DetailValue { key: "k".into() },
        ),
        (
            with(|e| drop(e.detail.insert("k".into(), "a\u{0}b".into()))),
            EntryError::DetailValue { key: "k".into() },
        ),
    ];
    for (entry, expected) in cases {
        assert_eq!(Leaf::encode(entry), Err(LeafError::Entry(expected)));
    }
    let written = String::from_utf8(Leaf::encode(full_entry()).unwrap().bytes().to_vec()).unwrap();
    assert_eq!(
        Leaf::parse(written.replace("user_07", "Jane Roe").as_bytes()),
        Err(LeafError::Entry(text("actor.user_id", 200)))
    );
}

#[test]
fn the_longest_entry_fits_a_leaf() {
    let long = |length: usize| Some("x".repeat(length));
    let entry = with(|e| {
        e.id = "x".repeat(200);
        e.peer = long(200);
        e.patient_id = long(200);
        e.detail = (0..32).map(|n| (format!("{n:0>64}"), "\"".repeat(512))).collect();
    });
    assert!(Leaf::encode(entry).unwrap().bytes().len() < MAX_LEAF_BYTES);
}
