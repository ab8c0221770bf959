//! A nudge is worked on at once; a lost wake-up or a lost task costs only delay.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use liaison_jobs::HandleError;
use liaison_store::tasks::{Nudge, Queue};

use crate::bed::{Bed, Report, delivery, handler, handler_with_due, idle, next, on_both, paced, settings, until};

on_both!(
    a_push_is_worked_on_at_once,
    a_lost_wake_up_costs_one_poll,
    a_slow_class_delays_no_other,
    a_slow_handler_is_neither_silent_nor_run_twice,
    the_ticker_nudges_what_is_due_and_survives_failures,
);

/// Polls are an hour apart here, so only the wake-up can have brought it. Prints the median latency.
async fn a_push_is_worked_on_at_once(bed: Bed) {
    let (handler, mut reports) = idle();
    let mut settings = paced(Duration::from_secs(3600), Duration::from_secs(10));
    settings.silence = Duration::from_secs(3 * 3600);
    let running = bed.start(settings, handler).await;
    // PostgreSQL's listener announces itself by ringing every bell; give it the moment to be there.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut latencies = Vec::new();
    for _ in 0..100 {
        // While the worker acknowledges the one before and looks again: a wake-up then is easily lost.
        let nudge = delivery();
        bed.push(&[nudge]).await;
        let committed = Instant::now();
        let at = loop {
            match next(&mut reports, Duration::from_secs(2)).await {
                (Report::Began(began), at) if began == nudge => break at,
                (report, _) => assert!(matches!(report, Report::Ended(_)), "{report:?}"),
            }
        };
        latencies.push(at.saturating_duration_since(committed));
    }
    latencies.sort();
    println!("start latency p50 {:?}, max {:?}", latencies[50], latencies[99]);
    running.stop().await;
    assert_eq!(bed.unfinished().await, []);
    bed.remove().await;
}

async fn a_lost_wake_up_costs_one_poll(bed: Bed) {
    let (handler, mut reports) = idle();
    if !bed.is_sqlite() {
        bed.execute("ALTER TABLE apalis.jobs DISABLE TRIGGER notify_workers")
            .await;
    }
    let running = bed.start(settings(), handler).await;
    // Pushed, but nobody rings.
    let nudge = delivery();
    bed.use_case(&[nudge], true).await.unwrap();
    assert_eq!(
        next(&mut reports, Duration::from_millis(2500)).await.0,
        Report::Began(nudge)
    );
    running.stop().await;
    bed.remove().await;
}

async fn a_slow_class_delays_no_other(bed: Bed) {
    let (handler, mut reports) = handler(async |nudge: Nudge| {
        if nudge.queue == Queue::Deliver {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        Ok(())
    });
    let running = bed.start(settings(), handler).await;
    // More than the deliver queue can take at once, then one of each other class.
    bed.push(&[(); 9].map(|()| delivery())).await;
    let others = Queue::ALL.into_iter().filter(|queue| *queue != Queue::Deliver);
    let others: Vec<_> = others.map(Nudge::due).collect();
    bed.push(&others).await;
    let began = Instant::now();
    let mut missing = others.len();
    while missing > 0 {
        if let (Report::Ended(nudge), _) = next(&mut reports, Duration::from_secs(1)).await {
            assert_ne!(nudge.queue, Queue::Deliver);
            missing -= 1;
        }
    }
    assert!(began.elapsed() < Duration::from_millis(1500));
    running.stop().await;
    bed.remove().await;
}

/// Two processes share the database; one has a handler that works for 3 s, ten times its heartbeat.
async fn a_slow_handler_is_neither_silent_nor_run_twice(bed: Bed) {
    let slow = async |_| {
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok(())
    };
    let (first, mut reports) = handler(slow);
    let (second, mut others) = handler(slow);
    let mut quick = paced(Duration::from_millis(300), Duration::from_secs(4));
    quick.silence = Duration::from_secs(1);
    let running = bed.start(quick.clone(), first).await;
    let nudge = delivery();
    bed.push(&[nudge]).await;
    assert_eq!(next(&mut reports, Duration::from_secs(2)).await.0, Report::Began(nudge));
    let beside = bed.start(quick, second).await;
    let (seen, began) = (AtomicBool::new(false), Instant::now());
    until("the handler ends", || async {
        let deliver = running.health.queues()[Queue::Deliver as usize];
        let silent = deliver.last_seen.unwrap().elapsed();
        assert!(
            deliver.alive && silent < Duration::from_secs(1),
            "silent for {silent:?}"
        );
        seen.fetch_or(silent < Duration::from_millis(500), Ordering::Relaxed);
        began.elapsed() > Duration::from_secs(3)
    })
    .await;
    assert!(seen.into_inner());
    assert_eq!(next(&mut reports, Duration::from_secs(1)).await.0, Report::Ended(nudge));
    running.stop().await;
    beside.stop().await;
    assert!(
        reports.try_recv().is_err() && others.try_recv().is_err(),
        "it was run twice"
    );
    assert_eq!(bed.unfinished().await, []);
    bed.remove().await;
}

async fn the_ticker_nudges_what_is_due_and_survives_failures(bed: Bed) {
    let (ticks, row) = (std::sync::atomic::AtomicU32::new(0), delivery());
    let (handler, mut reports) = handler_with_due(
        async |_| Ok(()),
        move || match ticks.fetch_add(1, Ordering::Relaxed) {
            0 => Err(HandleError::new("the rows cannot be read")),
            1 => panic!("a defect in the look for due rows"),
            2 => Ok(vec![row, Nudge::due(Queue::Escalate)]),
            _ => Ok(Vec::new()),
        },
    );
    let mut settings = settings();
    settings.reconcile_every = Duration::from_millis(200);
    let running = bed.start(settings, handler).await;
    let mut began = Vec::new();
    while began.len() < 2 {
        if let (Report::Began(nudge), _) = next(&mut reports, Duration::from_secs(3)).await {
            began.push(nudge);
        }
    }
    began.sort_by_key(|nudge| nudge.queue);
    assert_eq!(began, [row, Nudge::due(Queue::Escalate)]);
    running.stop().await;
    assert_eq!(bed.unfinished().await, []);
    bed.remove().await;
}
