//! Which crate may know which: the arrows of `docs/architecture.md`, held against every manifest.
//!
//! A new crate, or a new arrow, is a decision: it is written into the tables here, beside the page that explains it.

use crate::workspace::{Dependency, Kind, Package, packages};

/// The binary, which wires everything and which nobody depends on.
const SERVER: &str = "liaison";
const TESTKIT: &str = "liaison-testkit";
const XTASK: &str = "xtask";
/// Speed and faults, measured on the binary: a tool that ships nothing, and the only user of the testkit beside tests.
const BENCH: &str = "liaison-bench";

/// Which of ours each crate may name in what it ships; the server may name all but the testkit.
const ARROWS: [(&str, &[&str]); 12] = [
    ("liaison-clinical", &[]),
    ("liaison-domain", &["liaison-clinical"]),
    ("liaison-ledger", &[]),
    ("liaison-store", &["liaison-domain", "liaison-ledger"]),
    (
        "liaison-service",
        &["liaison-clinical", "liaison-domain", "liaison-ledger", "liaison-store"],
    ),
    ("liaison-channels", &["liaison-domain", "liaison-service"]),
    ("liaison-jobs", &["liaison-domain", "liaison-service", "liaison-store"]),
    (
        "liaison-graphql",
        &["liaison-clinical", "liaison-domain", "liaison-service"],
    ),
    (
        "liaison-web",
        &["liaison-clinical", "liaison-domain", "liaison-service"],
    ),
    (
        TESTKIT,
        &[
            "liaison-channels",
            "liaison-clinical",
            "liaison-domain",
            "liaison-graphql",
            "liaison-jobs",
            "liaison-ledger",
            "liaison-service",
            "liaison-store",
        ],
    ),
    (
        BENCH,
        &[
            "liaison-channels",
            "liaison-clinical",
            "liaison-domain",
            "liaison-service",
            "liaison-store",
        ],
    ),
    (XTASK, &[]),
];

/// Which crates may name an outside crate, for tests too. The name ends in `*` where its companions count as well.
const OUTSIDE: [(&str, &[&str]); 11] = [
    ("sqlx*", &["liaison-store", TESTKIT, BENCH]),
    ("apalis*", &["liaison-jobs", "liaison-store"]),
    ("async-graphql*", &["liaison-graphql", "liaison-clinical"]),
    ("lettre", &["liaison-channels"]),
    ("reqwest*", &["liaison-channels", BENCH]),
    ("askama*", &["liaison-web"]),
    ("fantoccini", &["liaison-web"]),
    ("anyhow", &[SERVER, XTASK, BENCH]),
    // The use cases carry a traceparent as text; how spans are made and exported is the binary's alone.
    ("opentelemetry*", &[SERVER]),
    ("tracing-opentelemetry", &[SERVER]),
    ("openssl*", &[]),
];

/// No I/O and no async: what these compute depends on what they are given.
const PURE: [&str; 3] = ["liaison-clinical", "liaison-domain", "liaison-ledger"];
const IMPURE: [&str; 8] = [
    "async-trait",
    "axum*",
    "futures*",
    "hyper*",
    "reqwest*",
    "sqlx*",
    "tokio*",
    "tower*",
];

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name
            .strip_prefix(start)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-')),
        None => name == pattern,
    }
}

/// What is wrong with one dependency of one crate, in words for whoever added it.
fn complaint(package: &str, dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    let wrong = |why: String| Some(format!("{package} -> {name}: {why}"));
    if name == SERVER {
        return wrong("nothing depends on the binary".into());
    }
    if name == BENCH {
        return wrong("nothing depends on the tool that measures".into());
    }
    if name == TESTKIT {
        return match dependency.kind {
            Kind::Dev => None,
            Kind::Normal if package == BENCH => None,
            _ => wrong("the testkit is for [dev-dependencies]".into()),
        };
    }
    if name == package && dependency.kind == Kind::Dev {
        // A crate's own tests may turn on its features.
        return None;
    }
    if package == "liaison-jobs" && ["sqlx", "liaison-ledger"].contains(&name) && dependency.kind == Kind::Dev {
        // Its tests make databases, look into the task tables and sign a ledger.
        return None;
    }
    if name.starts_with("liaison-") && package != SERVER {
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == package) else {
            return wrong("a crate that the table of arrows does not know".into());
        };
        if !allowed.contains(&name) {
            return wrong(format!("an arrow points back or across; allowed are {allowed:?}"));
        }
    }
    for (pattern, allowed) in OUTSIDE {
        if matches(pattern, name) && !allowed.contains(&package) {
            return wrong(format!("only {allowed:?} may name {pattern}"));
        }
    }
    if package == "liaison-clinical" && matches("async-graphql*", name) && !dependency.optional {
        return wrong("must stay optional, behind the feature `graphql`".into());
    }
    let pure = PURE.contains(&package) && dependency.kind != Kind::Dev;
    if pure && !dependency.optional && IMPURE.iter().any(|pattern| matches(pattern, name)) {
        return wrong("this crate does no I/O and no async".into());
    }
    None
}

#[test]
fn every_arrow_is_an_allowed_one() {
    let complaints: Vec<String> = packages()
        .iter()
        .flat_map(|package| {
            package
                .dependencies
                .iter()
                .filter_map(|dependency| complaint(&package.name, dependency))
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_table_knows_every_crate() {
    let mut known: Vec<&str> = ARROWS.iter().map(|(name, _)| *name).chain([SERVER]).collect();
    known.sort_unstable();
    let packages = packages();
    let mut found: Vec<&str> = packages.iter().map(|Package { name, .. }| name.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, known);
}

/// The rules themselves: each of these lines in a manifest must be refused.
#[test]
fn a_wrong_arrow_is_noticed() {
    let dependency = |name: &str, kind| Dependency {
        name: name.into(),
        kind,
        optional: false,
    };
    for (package, name, kind) in [
        ("liaison-clinical", "liaison-domain", Kind::Normal),
        ("liaison-store", "liaison-service", Kind::Dev),
        ("liaison-graphql", "liaison-store", Kind::Normal),
        ("liaison-novel", "liaison-domain", Kind::Normal),
        (TESTKIT, SERVER, Kind::Normal),
        (SERVER, TESTKIT, Kind::Normal),
        ("liaison-service", TESTKIT, Kind::Build),
        (SERVER, "sqlx", Kind::Normal),
        ("liaison-service", "apalis-core", Kind::Normal),
        ("liaison-clinical", "async-graphql", Kind::Normal),
        ("liaison-service", "lettre", Kind::Dev),
        ("liaison-service", "tracing-opentelemetry", Kind::Normal),
        (SERVER, "reqwest", Kind::Normal),
        ("liaison-domain", "tokio", Kind::Normal),
        ("liaison-ledger", "futures-util", Kind::Build),
        ("liaison-store", "anyhow", Kind::Normal),
        (SERVER, BENCH, Kind::Dev),
        (BENCH, SERVER, Kind::Normal),
        (BENCH, TESTKIT, Kind::Build),
    ] {
        assert!(
            complaint(package, &dependency(name, kind)).is_some(),
            "{package} -> {name} ({kind:?})"
        );
    }
    for (package, name, kind) in [
        (SERVER, "liaison-store", Kind::Normal),
        (SERVER, TESTKIT, Kind::Dev),
        (SERVER, "opentelemetry-otlp", Kind::Normal),
        ("liaison-service", TESTKIT, Kind::Dev),
        (BENCH, TESTKIT, Kind::Normal),
        (BENCH, "reqwest", Kind::Normal),
        ("liaison-store", "sqlx", Kind::Normal),
        ("liaison-store", "serde", Kind::Normal),
        ("liaison-domain", "tokio", Kind::Dev),
        ("liaison-channels", "liaison-channels", Kind::Dev),
    ] {
        assert_eq!(complaint(package, &dependency(name, kind)), None);
    }
    let optional = Dependency {
        name: "async-graphql".into(),
        kind: Kind::Normal,
        optional: true,
    };
    assert_eq!(complaint("liaison-clinical", &optional), None);
}
