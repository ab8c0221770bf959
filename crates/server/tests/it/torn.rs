//! SQLite's log of writes with a torn end, as a machine leaves it whose power went away: whatever is left opens, its ledger
//! holds together, and everything is in it that was answered before the place of the tear.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use liaison_domain::ShareId;
use liaison_store::shares;
use liaison_testkit::Engine;

use crate::{
    bench::bare,
    clinic::{Clinic, deploy},
};

/// How many shares are made.
const SHARES: usize = 8;
/// How many places are cut at, beside the ends of answers.
const CUTS: usize = 10;

/// What the log held at some moment: which of its lives it was in, and how many bytes of that life were written.
#[derive(Debug, Clone, Copy)]
struct Mark {
    life: [u8; 8],
    bytes: usize,
}

/// Reads a log by SQLite's file format (section 4): a head of 32 bytes, then frames of 24 bytes and a page. A frame belongs
/// to the present life where it bears the head's salts.
fn mark(log: &Path) -> Mark {
    let log = std::fs::read(log).unwrap();
    let life: [u8; 8] = log[16..24].try_into().unwrap();
    let page = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    let mut bytes = 32;
    while log.get(bytes + 8..bytes + 16) == Some(&life) && bytes + 24 + page <= log.len() {
        bytes += 24 + page;
    }
    Mark { life, bytes }
}

/// The log beside a database.
fn log_of(database: &Path) -> PathBuf {
    database.with_extension("sqlite-wal")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_log_loses_nothing_that_was_answered_before_the_tear() {
    let mut clinic = Clinic::new(Engine::Sqlite).await;
    let sink = clinic.webhook().await;
    deploy(
        &clinic.app,
        "[http]\nlisten = \"127.0.0.1:0\"\n[webhooks]\nallow = [\"127.0.0.0/8\"]\nallow_http = true\n",
    );
    clinic.app.service.store().close().await;
    let database = clinic.folder().join("liaison.sqlite");

    let server = clinic.server(&[]);
    let mut answered: BTreeMap<String, Mark> = BTreeMap::new();
    for number in 0..SHARES {
        let id = clinic.shared(&server, &format!("torn-{number}"));
        answered.insert(id, mark(&log_of(&database)));
    }
    assert!(sink.wait_for(SHARES, Duration::from_secs(30)).await);
    server.kill();
    let (whole, log) = (
        std::fs::read(&database).unwrap(),
        std::fs::read(log_of(&database)).unwrap(),
    );
    let end = mark(&log_of(&database));

    // Right behind an answer's last byte, one byte before it, in the middle of frames, and without any log.
    let mut cuts: Vec<usize> = vec![0, 31, 32, end.bytes];
    cuts.extend((1..=CUTS).map(|number| end.bytes * number / (CUTS + 1) + 7 * number));
    for mark in answered.values().filter(|mark| mark.life == end.life).take(3) {
        cuts.extend([mark.bytes, mark.bytes - 1]);
    }
    let mut held = Vec::new();
    for cut in cuts {
        let cut = cut.min(end.bytes);
        std::fs::remove_file(database.with_extension("sqlite-shm")).ok();
        std::fs::write(&database, &whole).unwrap();
        std::fs::write(log_of(&database), &log[..cut]).unwrap();
        let checked = bare(clinic.folder(), &["ledger", "verify", "--database"])
            .output()
            .unwrap();
        assert!(
            checked.status.success(),
            "cut at {cut}: {}{}",
            String::from_utf8_lossy(&checked.stdout),
            String::from_utf8_lossy(&checked.stderr)
        );
        clinic.app.restart().await;
        let mut conn = clinic.app.service.store().read().await.unwrap();
        let there = shares::by_note(&mut conn, clinic.signed.note_id).await.unwrap();
        let there: Vec<String> = there.iter().map(|share| share.id.to_string()).collect();
        drop(conn);
        clinic.app.service.store().close().await;
        for (id, mark) in &answered {
            // What was written in an earlier life of the log is in the database itself.
            if mark.life != end.life || mark.bytes <= cut {
                assert!(
                    there.contains(id),
                    "{id} was answered at {mark:?} and is gone: cut at {cut}"
                );
            }
        }
        held.push(there.len());
    }
    assert!(held.contains(&SHARES), "{held:?}");
    assert!(
        held.iter().any(|count| *count < SHARES),
        "no cut took anything away, so this shows nothing: {held:?}"
    );

    // The whole log is there again: a server goes on, and repeats are the same shares.
    std::fs::remove_file(database.with_extension("sqlite-shm")).ok();
    std::fs::write(&database, &whole).unwrap();
    std::fs::write(log_of(&database), &log).unwrap();
    let server = clinic.server(&[]);
    for number in 0..SHARES {
        let id: ShareId = clinic.shared(&server, &format!("torn-{number}")).parse().unwrap();
        assert!(answered.contains_key(&id.to_string()));
    }
    server.stop();
    clinic.ledger_verifies();
}
