//! Backups under load, restores, and every way in which a backup is refused.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use liaison_domain::{Actor, OrganizationKind};
use liaison_service::{Service, directory::CreateOrganization};
use liaison_testkit::{App, Database, Engine};

use crate::bench::{Bench, Ran, bare};

/// The app's ledger key as the binary's file.
const LEDGER_KEY: &str = "ledger liaison.example/ledger BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n";

fn private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A folder in which the binary runs with an app's keys, over a database of the given URL.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn new(app: &App, url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let master = std::fs::read_to_string(app.database.folder.path().join("master.key")).unwrap();
        private(&folder.path().join("master.key"), &master);
        private(&folder.path().join("ledger.key"), LEDGER_KEY);
        let config = format!(
            "[database]\nurl = \"{url}\"\n[keys]\nmaster_file = \"master.key\"\nledger_file = \"ledger.key\"\n\
             [http]\nbase_url = \"https://liaison.example\"\n"
        );
        std::fs::write(folder.path().join("liaison.toml"), config).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        bare(self.folder.path(), args).output().unwrap().into()
    }

    pub(crate) fn good(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    /// No file of this folder but those named.
    fn holds_only(&self, names: &[&str]) {
        let mut found: Vec<String> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !["master.key", "ledger.key", "liaison.toml"].contains(&name.as_str()))
            .collect();
        found.sort();
        assert_eq!(found, names);
    }
}

/// The ids of what left by either channel since the last look.
fn taken(app: &App) -> Vec<String> {
    let sent = app.email.take().into_iter().chain(app.webhook.take());
    sent.map(|message| message.message_id).collect()
}

async fn add_organization(service: &Service, number: u64) {
    let input = CreateOrganization {
        name: format!("Practice {number}"),
        kind: OrganizationKind::Oncology,
        time_zone: "America/Chicago".to_owned(),
        phone: None,
        managed_by: None,
        idempotency_key: None,
    };
    service
        .create_organization(&Actor::system(), input)
        .await
        .expect("an organization");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_backup_under_write_load_restores_whole_and_sends_nothing_again() {
    let mut app = App::start(Engine::Sqlite).await;
    let fixture = app.fixture().await;
    let patient = app.patient(&fixture, "A").await;
    let first = app.sign(&fixture, patient, "A", 0).await;
    app.share_with_both(&fixture, &first).await;
    app.work().await;
    let delivered = taken(&app);
    assert!(!delivered.is_empty());
    // Another share is under way: committed and not yet sent.
    let second = app.sign(&fixture, patient, "A", 1).await;
    let shared = app.share_with_both(&fixture, &second).await;
    let mut conn = app.service.store().read().await.unwrap();
    let loops: Vec<_> = shared.recipient_ids.iter().map(|id| id.uuid()).collect();
    let waiting = liaison_store::deliveries::of_recipients(&mut conn, &loops)
        .await
        .unwrap();
    drop(conn);
    let desk = Desk::new(&app, &app.database.url);

    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writer = tokio::spawn({
        let (stop, written, service) = (stop.clone(), written.clone(), app.service.clone());
        async move {
            while !stop.load(Ordering::Relaxed) {
                add_organization(&service, written.fetch_add(1, Ordering::Relaxed)).await;
                service.sequence().await.expect("the sequencer");
            }
        }
    });
    while written.load(Ordering::Relaxed) < 5 {
        tokio::task::yield_now().await;
    }
    let before = written.load(Ordering::Relaxed);
    let mut command = bare(
        &desk.path(""),
        &["backup", "--to", "b.sqlite", "--checkpoint-to", "b.checkpoint"],
    );
    let ran = tokio::task::spawn_blocking(move || Ran::from(command.stderr(Stdio::piped()).output().unwrap()))
        .await
        .unwrap();
    let after = written.load(Ordering::Relaxed);
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(after > before, "writers went on while it was copied");
    assert!(
        ran.out
            .contains("signed by this checkpoint:\n  liaison.example/ledger\n"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("keys are not in it"), "{}", ran.out);
    desk.holds_only(&["b.checkpoint", "b.sqlite"]);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(desk.path("b.sqlite")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let ran = desk.run(&["backup", "--to", "b.sqlite"]);
    assert_eq!(ran.code, 1, "an existing file is never written over");
    assert!(ran.err.contains("exists already"), "{}", ran.err);

    // The machine is lost; the backup, the keys and the checkpoint are on another.
    let restored = Desk::new(&app, "sqlite:liaison.sqlite");
    let (from, kept) = (desk.path("b.sqlite"), desk.path("b.checkpoint"));
    let arguments = [
        "restore",
        "--from",
        from.to_str().unwrap(),
        "--checkpoint",
        kept.to_str().unwrap(),
    ];
    let told = restored.good(&[&arguments[..], &["--verify"]].concat());
    assert!(told.contains("good: this backup can be restored"), "{told}");
    restored.holds_only(&[]);
    let told = restored.good(&arguments);
    for wanted in [
        "integrity and references hold",
        "of 1 patients open",
        "nothing is missing up to",
        "is part of this history",
    ] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    restored.holds_only(&["liaison.sqlite"]);
    let told = restored.good(&["ledger", "verify", "--database", "--kept", kept.to_str().unwrap()]);
    assert!(told.contains("everything holds together"), "{told}");

    let folder = std::mem::replace(
        &mut app.database,
        Database {
            url: format!("sqlite:{}", restored.path("liaison.sqlite").display()),
            folder: tempfile::tempdir().unwrap(),
            engine: Engine::Sqlite,
        },
    );
    std::fs::copy(
        folder.folder.path().join("master.key"),
        app.database.folder.path().join("master.key"),
    )
    .unwrap();
    taken(&app);
    app.restart().await;
    app.service.reclaim().await.unwrap();
    app.work().await;
    let sent = taken(&app);
    for id in &delivered {
        assert!(!sent.contains(id), "{id} had been delivered and was sent again");
    }
    for delivery in waiting {
        let times = sent.iter().filter(|id| **id == delivery.message_id).count();
        assert_eq!(
            times, 1,
            "{} was under way and goes out once, under its id",
            delivery.message_id
        );
    }
    assert!(app.service.verify_ledger().await.unwrap().is_sound());
}

#[tokio::test]
async fn a_backup_that_proves_nothing_is_not_put_in_place() {
    let app = App::start(Engine::Sqlite).await;
    let fixture = app.fixture().await;
    app.patient(&fixture, "A").await;
    app.service.sequence().await.unwrap();
    let desk = Desk::new(&app, &app.database.url);
    desk.good(&["backup", "--to", "b.sqlite", "--checkpoint-to", "old"]);
    let place = Desk::new(&app, "sqlite:liaison.sqlite");
    let whole = std::fs::read(desk.path("b.sqlite")).unwrap();
    let refused = |what: &str, wanted: &str| {
        let ran = place.run(&["restore", "--from", "b.sqlite"]);
        assert_eq!(ran.code, 1, "{what}: {}", ran.out);
        assert!(
            format!("{}{}", ran.out, ran.err).contains(wanted),
            "{what}: {}{}",
            ran.out,
            ran.err
        );
        assert!(!place.path("liaison.sqlite").exists(), "{what}");
    };

    // Damaged in the middle, cut off, no database at all, another program's.
    let mut torn = whole.clone();
    let middle = torn.len() / 2;
    torn[middle..middle + 9_000].fill(0x5a);
    std::fs::write(place.path("b.sqlite"), &torn).unwrap();
    refused("torn pages", "damaged");
    std::fs::write(place.path("b.sqlite"), &whole[..whole.len() / 2]).unwrap();
    refused("cut off", "damaged");
    std::fs::write(
        place.path("b.sqlite"),
        b"Dear operator, this is no database.".repeat(200),
    )
    .unwrap();
    refused("text", "damaged");
    std::fs::write(place.path("b.sqlite"), b"").unwrap();
    refused("empty", "another program");

    // The wrong master key, and none.
    std::fs::write(place.path("b.sqlite"), &whole).unwrap();
    let right = std::fs::read_to_string(place.path("master.key")).unwrap();
    private(
        &place.path("master.key"),
        "master m1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    );
    refused("a wrong key", "master key of its day");
    std::fs::remove_file(place.path("master.key")).unwrap();
    refused("no key", "bring the key back");
    assert!(
        !place.path("master.key").exists(),
        "no new key is made: it would open nothing"
    );
    private(&place.path("master.key"), &right);

    // Another ledger's key signs nothing here.
    private(
        &place.path("ledger.key"),
        "ledger liaison.example/ledger CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=\n",
    );
    refused("another ledger's key", "wrong: ");
    private(&place.path("ledger.key"), LEDGER_KEY);

    // Entries went on after the backup, and somebody kept a checkpoint of them.
    add_organization(&app.service, 1).await;
    app.service.sequence().await.unwrap();
    std::fs::write(
        place.path("newer"),
        app.service.latest_checkpoint().await.unwrap().unwrap(),
    )
    .unwrap();
    let behind = ["restore", "--from", "b.sqlite", "--checkpoint", "newer"];
    let ran = place.run(&behind);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(
        ran.out.contains("the backup is behind") && ran.out.contains("1 more than"),
        "{}",
        ran.out
    );
    assert!(ran.err.contains("--accept-loss"), "{}", ran.err);
    assert!(!place.path("liaison.sqlite").exists());

    // A checkpoint of the same ledger and another history: a fork.
    let other = App::start(Engine::Sqlite).await;
    add_organization(&other.service, 7).await;
    other.service.sequence().await.unwrap();
    std::fs::write(
        place.path("fork"),
        other.service.latest_checkpoint().await.unwrap().unwrap(),
    )
    .unwrap();
    let ran = place.run(&["restore", "--from", "b.sqlite", "--checkpoint", "fork"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(
        ran.out.contains("another tree") && ran.err.contains("fork"),
        "{}{}",
        ran.out,
        ran.err
    );

    // With the loss accepted it is restored, once, and the ledger says so. A log without its database is set aside.
    std::fs::write(place.path("liaison.sqlite-wal"), &whole[..8_192]).unwrap();
    let told = place.good(&[&behind[..], &["--accept-loss"]].concat());
    assert!(told.contains("restored to liaison.sqlite"), "{told}");
    assert!(place.path("liaison.sqlite.before-restore-1-wal").exists());
    let ran = place.run(&["restore", "--from", "b.sqlite"]);
    assert_eq!(ran.code, 1, "an existing database is not written over");
    assert!(ran.err.contains("--replace"), "{}", ran.err);
    let export = place.good(&["ledger", "export"]);
    assert!(
        export.contains("database.restore"),
        "the ledger says that it was restored"
    );
    let told = place.good(&["restore", "--from", "b.sqlite", "--replace"]);
    assert!(told.contains("kept as liaison.sqlite.before-restore-2"), "{told}");
    place.good(&["ledger", "verify", "--database"]);
}

#[tokio::test]
async fn a_database_in_use_is_not_replaced() {
    let app = App::start(Engine::Sqlite).await;
    app.service.sequence().await.unwrap();
    let desk = Desk::new(&app, &app.database.url);
    desk.good(&["backup", "--to", "b.sqlite"]);
    let ran = desk.run(&["restore", "--from", "b.sqlite", "--replace"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.err.contains("stop `liaison serve`"), "{}", ran.err);
    assert!(
        app.service.verify_ledger().await.unwrap().is_sound(),
        "the server goes on as if nothing had been"
    );
    app.service.store().close().await;
    desk.good(&["restore", "--from", "b.sqlite", "--replace"]);
}

#[tokio::test]
async fn postgres_is_left_to_its_own_tools() {
    let bench = Bench::new(Engine::Postgres).await;
    for (args, wanted) in [
        (&["backup", "--to", "b"][..], "pg_dump"),
        (&["restore", "--from", "b"][..], "pg_restore"),
    ] {
        let ran = bench.run(args);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains(wanted), "{}", ran.err);
    }
    let bench = Bench::new(Engine::Sqlite).await;
    assert_eq!(bench.run(&["backup", "--to", "b"]).code, 2, "there is no database yet");
}

#[tokio::test]
async fn the_backup_script_keeps_the_newest_and_every_checkpoint() {
    let app = App::start(Engine::Sqlite).await;
    add_organization(&app.service, 1).await;
    app.service.sequence().await.unwrap();
    let desk = Desk::new(&app, &app.database.url);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/backup/continuous-backup.sh");
    // One backup was killed two hours ago, another is under way.
    std::fs::create_dir(desk.path("backups")).unwrap();
    let [killed, under_way] =
        ["20260101T000000Z", "20260101T001500Z"].map(|name| desk.path(&format!("backups/{name}.sqlite.part-7")));
    for (path, hours) in [(&killed, 2), (&under_way, 0)] {
        let ago = std::time::Duration::from_secs(hours * 3_600);
        let file = std::fs::File::create(path).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        file.set_modified(modified - ago).unwrap();
    }
    for round in 0..3 {
        // Names are of whole seconds.
        std::thread::sleep(std::time::Duration::from_millis(1_100 * round));
        let ran = std::process::Command::new("sh")
            .arg(&script)
            .current_dir(desk.path(""))
            .env("LIAISON", env!("CARGO_BIN_EXE_liaison"))
            .env("BACKUP_FOLDER", desk.path("backups"))
            .env("KEEP", "2")
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }
    let count = |folder: &str, end: &str| {
        let names = std::fs::read_dir(desk.path(folder)).unwrap();
        names
            .filter(|entry| {
                entry
                    .as_ref()
                    .unwrap()
                    .path()
                    .extension()
                    .is_some_and(|found| found == end)
            })
            .count()
    };
    assert_eq!(count("backups", "sqlite"), 2);
    assert_eq!(count("backups/checkpoints", "checkpoint"), 3);
    assert!(!killed.exists(), "what a killed backup left is removed");
    assert!(under_way.exists(), "what may still be written is not touched");
}
