//! Pruning removes what is finished and old, and nothing else.

use std::time::Duration;

use liaison_store::tasks::{self, PruneLimits, Pruned};

use crate::bed::{Bed, delivery, now, on_both};

on_both!(
    prune_keeps_what_is_unfinished_or_young,
    a_release_gives_back_only_what_one_worker_holds
);

async fn prune_keeps_what_is_unfinished_or_young(bed: Bed) {
    let day = 24 * 3600;
    worker(&bed, "dead", 2 * day).await;
    worker(&bed, "dead-but-named", 2 * day).await;
    worker(&bed, "young", 60).await;
    for (status, attempts, age) in [("Done", 1, 4 * day), ("Failed", 1, 4 * day), ("Killed", 0, 4 * day)] {
        for _ in 0..3 {
            task(&bed, status, attempts, Some(age), None).await;
        }
    }
    task(&bed, "Done", 1, Some(day), None).await;
    task(&bed, "Failed", 0, Some(4 * day), None).await;
    task(&bed, "Pending", 0, None, None).await;
    task(&bed, "Queued", 0, None, Some("dead-but-named")).await;
    task(&bed, "Running", 0, None, Some("dead-but-named")).await;

    // Two batches of two, the rest at the next call.
    let limits = PruneLimits {
        batch: 2,
        batches: 2,
        ..PruneLimits::default()
    };
    let pruned = tasks::prune(&bed.pool, now(), limits).await.unwrap();
    assert_eq!(pruned, Pruned { tasks: 4, workers: 1 });
    let pruned = tasks::prune(&bed.pool, now(), PruneLimits::default()).await.unwrap();
    assert_eq!(pruned, Pruned { tasks: 5, workers: 0 });
    assert_eq!(
        tasks::prune(&bed.pool, now(), PruneLimits::default()).await.unwrap(),
        Pruned::default()
    );
    assert_eq!(bed.number(&format!("SELECT COUNT(*) FROM {}", jobs(&bed))).await, 5);
    assert_eq!(bed.number(&format!("SELECT COUNT(*) FROM {}", workers(&bed))).await, 2);

    // With no limit to youth, the unfinished still stay.
    let all = PruneLimits {
        keep_tasks: Duration::ZERO,
        keep_workers: Duration::ZERO,
        ..limits
    };
    tasks::prune(&bed.pool, now(), all).await.unwrap();
    assert_eq!(bed.number(&format!("SELECT COUNT(*) FROM {}", jobs(&bed))).await, 4);
    tasks::optimize(&bed.pool).await.unwrap();
    bed.remove().await;
}

async fn a_release_gives_back_only_what_one_worker_holds(bed: Bed) {
    worker(&bed, "gone", 5).await;
    worker(&bed, "there", 5).await;
    task(&bed, "Queued", 0, None, Some("gone")).await;
    task(&bed, "Running", 0, None, Some("gone")).await;
    task(&bed, "Done", 1, Some(5), Some("gone")).await;
    task(&bed, "Queued", 0, None, Some("there")).await;
    assert_eq!(tasks::release(&bed.pool, "gone").await.unwrap(), 2);
    assert_eq!(tasks::release(&bed.pool, "gone").await.unwrap(), 0);
    assert_eq!(tasks::release(&bed.pool, "never was").await.unwrap(), 0);
    let depths = tasks::depth(&bed.pool, now()).await.unwrap();
    assert_eq!((depths[0].waiting, depths[0].claimed), (2, 1));
    bed.remove().await;
}

fn jobs(bed: &Bed) -> &'static str {
    if bed.is_sqlite() { "Jobs" } else { "apalis.jobs" }
}

fn workers(bed: &Bed) -> &'static str {
    if bed.is_sqlite() { "Workers" } else { "apalis.workers" }
}

/// A time some seconds ago, as the engine's tables keep it.
fn ago(bed: &Bed, seconds: i64) -> String {
    let then = now().timestamp() - seconds;
    if bed.is_sqlite() {
        then.to_string()
    } else {
        format!("to_timestamp({then})")
    }
}

async fn worker(bed: &Bed, name: &str, silent_for: i64) {
    let (table, seen) = (workers(bed), ago(bed, silent_for));
    bed.execute(&format!(
        "INSERT INTO {table} (id, worker_type, storage_name, layers, last_seen) VALUES ('{name}', 'deliver', '', '', {seen})"
    ))
    .await;
}

async fn task(bed: &Bed, status: &str, attempts: i32, done_ago: Option<i64>, holder: Option<&str>) {
    bed.use_case(&[delivery()], true).await.unwrap();
    let id = format!("(SELECT MAX(id) FROM {})", jobs(bed));
    let done = done_ago.map_or("NULL".to_owned(), |seconds| ago(bed, seconds));
    let holder = holder.map_or("NULL".to_owned(), |name| format!("'{name}'"));
    bed.execute(&format!(
        "UPDATE {} SET status = '{status}', attempts = {attempts}, done_at = {done}, lock_by = {holder} WHERE id = {id}",
        jobs(bed)
    ))
    .await;
}
