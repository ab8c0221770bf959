//! A second server on one SQLite file would take up what the first is sending: it refuses to start, and the first goes on.

use liaison_testkit::Engine;

use crate::{
    bench::{Bench, Ran},
    clinic::Server,
};

#[tokio::test]
async fn a_second_server_on_one_file_refuses_to_start() {
    let bench = Bench::new(Engine::Sqlite).await;
    bench.with_people();
    let first = Server::start(&mut bench.command(&["serve"]));
    // By another name of the same file, too.
    let file = bench.database.folder.path().join("liaison.sqlite");
    let link = bench.path("other-name");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for url in [
        format!("sqlite:{}", file.display()),
        format!("sqlite:{}", link.display()),
    ] {
        let ran = Ran::from(
            bench
                .command(&["serve"])
                .env("LIAISON_DATABASE__URL", &url)
                .output()
                .unwrap(),
        );
        assert_eq!(ran.code, 1, "{url}: {}{}", ran.out, ran.err);
        assert!(
            ran.err.contains("another `liaison serve` works on"),
            "{url}: {}",
            ran.err
        );
        assert!(!ran.out.contains("listening"), "{}", ran.out);
    }
    // Commands that add or read work beside it.
    bench.good(&["token", "create", "--user", "ana@clinic.example", "--name", "beside"]);
    first.kill();
    // However the first ended, its right ends with it.
    let second = Server::start(&mut bench.command(&["serve"]));
    let (_, log) = second.stop();
    assert!(log.contains("stopped"), "{log}");
}
