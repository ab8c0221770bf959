//! What is built in from others: under licences that `deny.toml` allows, without a second provider of cryptography, and with
//! one version of each crate on which security rests. Whether one was yanked or has an advisory only a registry knows:
//! `.ci/run` asks cargo-deny for that.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

use crate::workspace::{read, root};

/// Crates of which two versions at once would be two places to mend.
const ONCE: [&str; 10] = [
    "curve25519-dalek",
    "ed25519-dalek",
    "ring",
    "rustls",
    "rustls-webpki",
    "subtle",
    "tokio-rustls",
    "totp-rs",
    "webauthn-rs-core",
    "zeroize",
];
/// A second TLS or a second provider of cryptography for it.
const NEVER: [&str; 4] = ["aws-lc-rs", "aws-lc-sys", "boring", "openssl-src"];
/// Its manifest names a file; `deny.toml` says which licence that is.
const BY_FILE: &str = "apalis-postgres";

/// Everything of others in a build for Linux with all features.
fn others() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--all-features",
            "--offline",
            "--locked",
        ])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("a list");
    packages
        .iter()
        .filter(|package| !package["source"].is_null())
        .cloned()
        .collect()
}

/// The quoted words of a list of `deny.toml`.
fn allowed() -> Vec<String> {
    let deny = read("deny.toml");
    let (_, rest) = deny.split_once("\nallow = [").expect("the licences that are allowed");
    let (list, _) = rest.split_once(']').expect("the list's end");
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The crates that `deny.toml` lets stand under a licence of their own.
fn excepted() -> BTreeMap<String, String> {
    let deny = read("deny.toml");
    let parts = deny.split("[[licenses.exceptions]]").skip(1);
    let quoted = |part: &str, at: usize| part.split('"').nth(at).unwrap_or_default().to_owned();
    parts.map(|part| (quoted(part, 1), quoted(part, 3))).collect()
}

/// Whether an SPDX expression can be kept by what is allowed. `/` is the old way to write `OR`.
fn kept(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let words = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest, allowed) && rest.is_empty()
}

fn either(words: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut kept = both(words, allowed);
    while let ["OR", rest @ ..] = words {
        *words = rest;
        kept |= both(words, allowed);
    }
    kept
}

fn both(words: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut kept = one(words, allowed);
    while let ["AND", rest @ ..] = words {
        *words = rest;
        kept &= one(words, allowed);
    }
    kept
}

fn one(words: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> bool {
    match words {
        ["(", rest @ ..] => {
            *words = rest;
            let kept = either(words, allowed);
            let closed = words.first() == Some(&")");
            *words = words.get(1..).unwrap_or_default();
            kept && closed
        }
        [name, "WITH", exception, rest @ ..] => {
            let whole = format!("{name} WITH {exception}");
            *words = rest;
            allowed(&whole)
        }
        [name, rest @ ..] => {
            *words = rest;
            allowed(name)
        }
        [] => false,
    }
}

#[test]
fn every_licence_is_allowed_and_nothing_is_built_in_twice_that_guards() {
    let (allowed, excepted) = (allowed(), excepted());
    assert!(
        allowed.len() > 5 && !excepted.is_empty(),
        "deny.toml is not read as it should be"
    );
    let others = others();
    assert!(others.len() > 300, "{} packages", others.len());
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut complaints = Vec::new();
    for package in &others {
        let (name, version) = (
            package["name"].as_str().unwrap_or_default(),
            package["version"].as_str().unwrap_or_default(),
        );
        versions.entry(name).or_default().push(version);
        let licence = package["license"].as_str().unwrap_or_default();
        let own = excepted.get(name);
        let fine = |word: &str| allowed.iter().any(|one| one == word) || own.is_some_and(|one| one == word);
        if name != BY_FILE && !kept(licence, &fine) {
            complaints.push(format!("{name} {version} is under {licence:?}"));
        }
        if NEVER.contains(&name) {
            complaints.push(format!("{name} {version}: TLS is rustls over ring"));
        }
    }
    for name in ONCE {
        let found = versions.get(name).map_or(0, Vec::len);
        if found != 1 {
            complaints.push(format!("{found} versions of {name}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn expressions_of_licences_are_read_as_they_are_meant() {
    let allowed = |name: &str| ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].contains(&name);
    for fine in [
        "MIT",
        "MIT OR GPL-3.0",
        "GPL-3.0/MIT",
        "(GPL-3.0 OR MIT) AND Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "GPL-3.0 OR MIT AND Apache-2.0",
    ] {
        assert!(kept(fine, &allowed), "{fine}");
    }
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR GPL-3.0) AND GPL-2.0",
        "MIT WITH other",
        "(MIT",
        "MIT MIT",
    ] {
        assert!(!kept(bad, &allowed), "{bad}");
    }
}
