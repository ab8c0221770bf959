//! Handlers that fail, tasks that make no sense, a database that goes away: the queues go on, or say so.

use std::time::Duration;

use liaison_jobs::{HandleError, Runtime, RuntimeError, SettingsError, Sources};
use liaison_store::tasks::{Nudge, Queue, TaskPool, ulid_text};
use uuid::Uuid;

use crate::bed::{
    Bed, Report, Reports, Writers, delivery, handler, idle, next, next_id, now, on_both, paced, settings, until,
};

on_both!(
    failing_handlers_end_their_task_and_the_queue_goes_on,
    a_task_that_is_no_nudge_is_dropped_and_the_queue_goes_on,
    a_database_that_goes_away_and_comes_back_is_survived,
    a_closed_pool_turns_health_red_and_ends_the_runtime,
);

async fn began(reports: &mut Reports, nudge: Nudge) {
    loop {
        if next(reports, Duration::from_secs(5)).await.0 == Report::Began(nudge) {
            return;
        }
    }
}

async fn failing_handlers_end_their_task_and_the_queue_goes_on(bed: Bed) {
    let subject = |kind| Nudge::about(Queue::Deliver, Uuid::from_u128(kind));
    let (handler, mut reports) = handler(async |nudge: Nudge| match nudge.subject.unwrap().as_u128() {
        1 => Err(HandleError::new("the mail server said no")),
        2 => panic!("a defect"),
        3 => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        }
        _ => Ok(()),
    });
    let running = bed
        .start(paced(Duration::from_secs(1), Duration::from_millis(500)), handler)
        .await;
    // Each kind more often than the queue may handle at once: none may keep its slot.
    for kind in [1, 2, 3] {
        bed.push(&[subject(kind); 5]).await;
    }
    bed.push(&[subject(4)]).await;
    began(&mut reports, subject(4)).await;
    until("every task is finished", || async { bed.unfinished().await.is_empty() }).await;
    assert!(running.health.all_alive());
    assert_eq!(running.health.queues()[0].restarts, 0);
    running.stop().await;
    // Each was tried once: when to try again is for the rows.
    let table = if bed.is_sqlite() { "Jobs" } else { "apalis.jobs" };
    let done = format!("SELECT COUNT(*) FROM {table} WHERE status = 'Done' AND attempts = 1");
    assert_eq!(bed.number(&done).await, 16);
    bed.remove().await;
}

async fn a_task_that_is_no_nudge_is_dropped_and_the_queue_goes_on(bed: Bed) {
    let (handler, mut reports) = idle();
    for text in ["", "not json", r#"{"queue":"fax"}"#, r#"{"queue":"notify"}"#] {
        let id = ulid_text(next_id());
        let (table, bytes) = match &bed.writers {
            Writers::Sqlite(_) => ("Jobs", format!("CAST('{text}' AS BLOB)")),
            Writers::Postgres(_) => ("apalis.jobs", format!("convert_to('{text}', 'UTF8')")),
        };
        let metadata = if bed.is_sqlite() { "'{}'" } else { "''" };
        bed.execute(&format!(
            "INSERT INTO {table} (id, job_type, job, max_attempts, metadata) VALUES ('{id}', 'deliver', {bytes}, 1, {metadata})"
        ))
        .await;
    }
    let running = bed.start(settings(), handler).await;
    let nudge = delivery();
    bed.push(&[nudge]).await;
    assert_eq!(next(&mut reports, Duration::from_secs(3)).await.0, Report::Began(nudge));
    until("every task is finished", || async {
        let table = if bed.is_sqlite() { "Jobs" } else { "apalis.jobs" };
        bed.number(&format!("SELECT COUNT(*) FROM {table} WHERE status <> 'Done'"))
            .await
            == 0
    })
    .await;
    assert_eq!(running.health.queues()[0].restarts, 0);
    running.stop().await;
    bed.remove().await;
}

async fn a_database_that_goes_away_and_comes_back_is_survived(bed: Bed) {
    let (handler, mut reports) = handler(async |_| {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        Ok(())
    });
    let running = bed
        .start(paced(Duration::from_millis(300), Duration::from_secs(5)), handler)
        .await;
    let caught = delivery();
    bed.push(&[caught]).await;
    began(&mut reports, caught).await;
    let (away, back) = if bed.is_sqlite() {
        ("ALTER TABLE Jobs RENAME TO away", "ALTER TABLE away RENAME TO Jobs")
    } else {
        (
            "ALTER SCHEMA apalis RENAME TO away",
            "ALTER SCHEMA away RENAME TO apalis",
        )
    };
    bed.execute(away).await;
    until("health is red", || async {
        running.health.queues().iter().all(|queue| !queue.alive)
    })
    .await;
    // The handler that was at work is not cut off with its worker.
    assert_eq!(
        next(&mut reports, Duration::from_secs(3)).await.0,
        Report::Ended(caught)
    );
    bed.execute(back).await;
    until("health is green again", || async { running.health.all_alive() }).await;
    assert!(running.health.queues()[0].restarts > 0);
    let nudge = delivery();
    bed.push(&[nudge]).await;
    began(&mut reports, nudge).await;
    running.stop().await;
    bed.remove().await;
}

async fn a_closed_pool_turns_health_red_and_ends_the_runtime(bed: Bed) {
    let (handler, _reports) = idle();
    let mut settings = settings();
    settings.restarts = 2;
    let running = bed.start(settings, handler).await;
    match &bed.pool {
        TaskPool::Sqlite(tasks) => tasks.pool().close().await,
        TaskPool::Postgres(pool) => pool.close().await,
    }
    assert!(bed.pool.is_closed());
    let ended = tokio::time::timeout(Duration::from_secs(8), running.ended)
        .await
        .unwrap()
        .unwrap();
    assert!(
        matches!(ended, Err(RuntimeError::QueueDown { failures: 3, .. })),
        "{ended:?}"
    );
    assert!(running.health.queues().iter().all(|queue| !queue.alive));
    bed.remove().await;
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let bed = Bed::sqlite().await;
    let refused = |change: fn(&mut liaison_jobs::Settings)| {
        let mut settings = settings();
        change(&mut settings);
        let sources = Sources {
            id: std::sync::Arc::new(next_id),
            now: std::sync::Arc::new(now),
        };
        let (pool, wake) = (bed.pool.clone(), bed.wake.clone());
        Runtime::new(settings, pool, wake, idle().0, sources, Default::default()).err()
    };
    assert_eq!(refused(|_| ()), None);
    assert_eq!(
        refused(|settings| {
            let queue = liaison_jobs::QueueSettings {
                concurrency: 0,
                ..settings.queue(Queue::Notify)
            };
            *settings = settings.clone().with_queue(Queue::Notify, queue);
        }),
        Some(SettingsError::NoConcurrency(Queue::Notify))
    );
    assert_eq!(
        refused(|settings| {
            let queue = liaison_jobs::QueueSettings {
                poll: Duration::ZERO,
                ..settings.queue(Queue::Digest)
            };
            *settings = settings.clone().with_queue(Queue::Digest, queue);
        }),
        Some(SettingsError::NoTime(Queue::Digest))
    );
    assert_eq!(
        refused(|settings| settings.silence = Duration::from_millis(1999)),
        Some(SettingsError::Silence(Queue::Deliver))
    );
    assert_eq!(
        refused(|settings| settings.reconcile_every = Duration::ZERO),
        Some(SettingsError::NoInterval)
    );
}
