//! Names: those that are exposed are those that alarms and dashboard use.

use std::{collections::BTreeSet, path::Path};

use super::*;

/// The text with one series of each family: a family without any is not written.
fn full() -> String {
    let metrics = Metrics::new(DateTime::UNIX_EPOCH);
    let series = &metrics.0;
    let (route, operation) = ("/graphql".to_owned(), "board".to_owned());
    let status = "2xx";
    let request = ByRequest {
        method: "POST",
        route: route.clone(),
        status,
    };
    series.requests.get_or_create(&request).inc();
    series.request_seconds.get_or_create(&ByRoute { route }).observe(0.2);
    let outcome = ByOperationOutcome {
        operation: operation.clone(),
        outcome: "ok",
    };
    series.operations.get_or_create(&outcome).inc();
    series
        .operation_seconds
        .get_or_create(&ByOperation { operation })
        .observe(0.2);
    let channel = || ByChannel {
        channel: "email".to_owned(),
    };
    let attempt = ByAttempt {
        channel: "email".to_owned(),
        outcome: "delivered",
    };
    series.attempts.get_or_create(&attempt).inc();
    series.attempt_seconds.get_or_create(&channel()).observe(0.2);
    for family in [
        &series.deliveries_waiting,
        &series.deliveries_late,
        &series.deliveries_dead,
    ] {
        family.get_or_create(&channel()).set(1.0);
    }
    for family in [
        &series.connections_open,
        &series.connections_idle,
        &series.connections_most,
    ] {
        family.get_or_create(&ByPool { pool: "all" }).set(1.0);
    }
    for family in [
        &series.worker_up,
        &series.worker_restarts,
        &series.queue_waiting,
        &series.queue_claimed,
        &series.queue_oldest,
    ] {
        family.get_or_create(&ByQueue { queue: "deliver" }).set(1.0);
    }
    for family in [&series.loops_open, &series.loops_overdue, &series.loop_oldest] {
        family.get_or_create(&ByUrgency { urgency: "urgent" }).set(1.0);
    }
    let level = ByLevel {
        level: "opened".to_owned(),
        urgency: "urgent",
    };
    series.evidence_seconds.get_or_create(&level).observe(60.0);
    metrics.text().unwrap()
}

/// Every name of ours that a text uses.
fn names(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("liaison_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_text_is_what_prometheus_reads() {
    insta::assert_snapshot!(full().replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn alerts_and_dashboard_use_names_that_exist() {
    let mut exposed = BTreeSet::new();
    for line in full().lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        match kind {
            "counter" => drop(exposed.insert(format!("{name}_total"))),
            "histogram" => exposed.extend(["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}"))),
            "info" => drop(exposed.insert(format!("{name}_info"))),
            _ => drop(exposed.insert(name.to_owned())),
        }
    }
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    let mut used = BTreeSet::new();
    for file in ["prometheus/liaison.rules.yaml", "grafana/liaison.json"] {
        let text = std::fs::read_to_string(deploy.join(file)).unwrap();
        let found = names(&text);
        let unknown: Vec<_> = found.difference(&exposed).collect();
        assert!(
            unknown.is_empty(),
            "{file} uses {unknown:?}, which nobody exposes: {exposed:?}"
        );
        used.extend(found);
    }
    let shown = |name: &&String| !name.ends_with("_sum") && !name.ends_with("_count");
    let unused: Vec<_> = exposed.difference(&used).filter(shown).collect();
    assert!(
        unused.is_empty(),
        "exposed and on no dashboard and in no alarm: {unused:?}"
    );
}
