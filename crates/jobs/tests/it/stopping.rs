//! A graceful stop loses nothing; a kill costs a delay.

use std::sync::Arc;
use std::time::{Duration, Instant};

use liaison_jobs::HandleError;
use liaison_store::tasks::{self, Nudge, Queue};
use tokio::sync::Notify;

use crate::bed::{Bed, Report, delivery, handler, idle, next, on_both, paced, settings};

on_both!(
    a_stop_waits_for_the_handler,
    a_stop_beyond_its_grace_gives_the_task_back,
    a_killed_process_gives_its_task_back_after_the_silence,
    a_stop_before_the_start_ends_at_once,
    a_stop_in_the_middle_of_a_fetch_holds_up_no_handler,
);

async fn a_stop_waits_for_the_handler(bed: Bed) {
    let (handler, mut reports) = handler(async |_| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    });
    let running = bed.start(settings(), handler).await;
    // Four are worked on at once; the fifth and sixth wait.
    let nudges = [(); 6].map(|()| delivery());
    bed.push(&nudges).await;
    for _ in 0..4 {
        assert!(matches!(
            next(&mut reports, Duration::from_secs(2)).await.0,
            Report::Began(_)
        ));
    }
    assert_eq!(claimed(&bed).await, 4, "no more is claimed than can be worked on");
    running.stop().await;
    let mut ended = 0;
    while let Ok((report, _)) = reports.try_recv() {
        ended += u32::from(matches!(report, Report::Ended(_)));
    }
    assert_eq!(ended, 4, "every handler that had begun has ended, and no other began");
    assert_eq!(bed.unfinished().await.len(), 2);
    assert_eq!(claimed(&bed).await, 0);
    bed.remove().await;
}

async fn a_stop_beyond_its_grace_gives_the_task_back(bed: Bed) {
    let (handler, mut reports) = handler(async |_| {
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok(())
    });
    let mut settings = settings();
    settings.grace = Duration::from_millis(300);
    let running = bed.start(settings, handler).await;
    let nudge = delivery();
    bed.push(&[nudge]).await;
    assert_eq!(next(&mut reports, Duration::from_secs(2)).await.0, Report::Began(nudge));
    let asked = Instant::now();
    running.stop().await;
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    assert!(reports.try_recv().is_err(), "it was cut off");
    assert_eq!(bed.unfinished().await, [nudge]);
    assert_eq!(claimed(&bed).await, 0);
    bed.remove().await;
}

async fn a_killed_process_gives_its_task_back_after_the_silence(bed: Bed) {
    let (stuck, mut reports) = handler(async |_| {
        std::future::pending::<()>().await;
        Ok(())
    });
    let mut quick = paced(Duration::from_millis(300), Duration::from_secs(1));
    quick.silence = Duration::from_secs(1);
    let killed = bed.start(quick.clone(), stuck).await;
    let nudge = delivery();
    bed.push(&[nudge]).await;
    assert_eq!(next(&mut reports, Duration::from_secs(2)).await.0, Report::Began(nudge));
    killed.kill().await;
    assert_eq!(claimed(&bed).await, 1);

    // Started at once, under a new name.
    let (handler, mut reports) = idle();
    let running = bed.start(quick, handler).await;
    assert_eq!(next(&mut reports, Duration::from_secs(6)).await.0, Report::Began(nudge));
    running.stop().await;
    assert_eq!(bed.unfinished().await, []);
    bed.remove().await;
}

async fn a_stop_before_the_start_ends_at_once(bed: Bed) {
    let (handler, mut reports) = idle();
    bed.use_case(&[Nudge::due(Queue::Notify)], true).await.unwrap();
    let running = bed.start_without_waiting(settings(), handler);
    let asked = Instant::now();
    running.stop().await;
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    // Whether the task was still worked on or left, it is not held.
    assert_eq!(claimed(&bed).await, 0);
    reports.try_recv().ok();
    bed.remove().await;
}

/// A worker that stopped was polled no more until its handlers had ended. The connection that its fetch was given then was
/// held by nobody who ran, the handlers waited for it, and only the end of the grace parted them.
async fn a_stop_in_the_middle_of_a_fetch_holds_up_no_handler(bed: Bed) {
    let go = Arc::new(Notify::new());
    let (pool, told) = (bed.pool.clone(), go.clone());
    let (handler, mut reports) = handler(move |_| {
        let (pool, told) = (pool.clone(), told.clone());
        async move {
            told.notified().await;
            // As a handler that records what it did.
            tasks::pending(&pool, 1).await.map_err(HandleError::new)?;
            Ok(())
        }
    });
    let running = bed.start(settings(), handler).await;
    let nudge = delivery();
    bed.push(&[nudge]).await;
    assert_eq!(next(&mut reports, Duration::from_secs(2)).await.0, Report::Began(nudge));
    let held = bed.every_connection().await;
    bed.wake.ring(Queue::Deliver);
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.stop.cancel();
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(held);
    go.notify_one();
    let asked = Instant::now();
    running.ended.await.unwrap().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(next(&mut reports, Duration::from_secs(1)).await.0, Report::Ended(nudge));
    assert_eq!(bed.unfinished().await, []);
    bed.remove().await;
}

async fn claimed(bed: &Bed) -> i64 {
    let table = if bed.is_sqlite() { "Jobs" } else { "apalis.jobs" };
    bed.number(&format!(
        "SELECT COUNT(*) FROM {table} WHERE status IN ('Queued', 'Running')"
    ))
    .await
}
