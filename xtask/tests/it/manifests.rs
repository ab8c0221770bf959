//! What every file, manifest and locked dependency must keep to.

use std::fs;

use crate::workspace::{packages, read, root, tracked};

/// Where cargo finds what it locks; the one source there is.
const INDEX: &str = concat!("registry+https://github.com/rust-lang/", "crates.io-index");

/// Starts of paths that exist on somebody's machine only. Written in two parts, for this file is searched as well.
const MACHINE: [&str; 5] = [
    concat!("/", "work/"),
    concat!("/", "root/"),
    concat!("/", "home/"),
    concat!("/", "Users/"),
    concat!("/", "farm/"),
];

/// Hosts of package registries and their mirrors: where packages come from is for the machine to say.
const HOSTS: [&str; 9] = [
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("static.", "rust-lang.org"),
    concat!("deb.", "debian.org"),
    concat!("registry.", "npmjs.org"),
    concat!("proxy.", "golang.org"),
    concat!("pypi", ".org"),
    concat!("arti", "factory"),
    concat!("registry.", "internal"),
];

/// The first forbidden word in a text. A path counts only where one begins, not inside a longer one or a URL.
fn forbidden(text: &str) -> Option<&'static str> {
    let begins = |at: usize| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|before| before.is_alphanumeric() || "._-*~}/".contains(before))
    };
    let machine = MACHINE
        .into_iter()
        .find(|path| text.match_indices(path).any(|(at, _)| begins(at)));
    machine.or_else(|| HOSTS.into_iter().find(|host| text.contains(host)))
}

#[test]
fn no_file_names_a_machine_or_a_registry() {
    let mut complaints = Vec::new();
    for path in tracked() {
        // What is not text has no words.
        let Ok(text) = fs::read_to_string(root().join(&path)) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = forbidden(line) {
                complaints.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_search_finds_paths_and_hosts_and_nothing_else() {
    for [start, end] in [
        ["see /", "work/shared"],
        ["\"/", "root/.cargo\""],
        ["https://static.", "crates.io/x"],
    ] {
        assert!(forbidden(&[start, end].concat()).is_some(), "{start}{end}");
    }
    for fine in [
        "network/",
        "https://example.org/home/",
        "at home/work/mobile",
        "crates/domain",
        "https://crates.io/",
    ] {
        assert_eq!(forbidden(fine), None, "{fine}");
    }
}

#[test]
fn cargo_is_not_sent_to_other_registries() {
    let settings = read(".cargo/config.toml");
    for section in ["[source", "[registr", "[net", "replace-with"] {
        assert!(!settings.contains(section), ".cargo/config.toml has {section}");
    }
}

#[test]
fn every_crate_keeps_the_workspace_lints() {
    for package in packages() {
        let manifest = fs::read_to_string(&package.manifest).expect("a manifest can be read");
        let lints: Vec<&str> = manifest
            .lines()
            .map(str::trim)
            .skip_while(|line| *line != "[lints]")
            .skip(1)
            .take_while(|line| !line.starts_with('['))
            .collect();
        assert!(
            lints.contains(&"workspace = true"),
            "{}: [lints] workspace = true is missing",
            package.name
        );
    }
}

/// The names and sources in `Cargo.lock`; our own crates have no source.
fn locked() -> Vec<(String, Option<String>)> {
    let lock = read("Cargo.lock");
    lock.split("[[package]]")
        .skip(1)
        .map(|entry| (field(entry, "name").expect("a name"), field(entry, "source")))
        .collect()
}

fn field(entry: &str, name: &str) -> Option<String> {
    let line = entry
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""))?;
    line.strip_suffix('"').map(str::to_owned)
}

#[test]
fn tls_is_rustls_alone() {
    let locked = locked();
    assert!(
        locked.iter().any(|(name, _)| name == "rustls"),
        "Cargo.lock is not read as it should be"
    );
    for (name, _) in &locked {
        for other in ["openssl", "openssl-sys", "native-tls", "tokio-native-tls", "hyper-tls"] {
            assert_ne!(name, other);
        }
    }
}

#[test]
fn everything_comes_from_the_one_registry() {
    let ours: Vec<String> = packages().into_iter().map(|package| package.name).collect();
    for (name, source) in locked() {
        match source {
            Some(source) => assert_eq!(source, INDEX, "{name}"),
            None => assert!(ours.contains(&name), "{name} comes from a folder outside the workspace"),
        }
    }
}
